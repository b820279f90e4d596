/* The ACPI tables. Section numbers are those of ACPI 6.4. */
#include "tables/acpi.h"

#include "base/bytes.h"
#include "unit.h"

#define ADDRESS 0xe0000u

static uint8_t tables[ACPI_SIZE_MAX + 16];
static size_t size;

static void build(unsigned cpus, unsigned uarts)
{
	const struct acpi fields = {
		.address = ADDRESS,
		.cpus = cpus,
		.lapic = 0xfee00000,
		.ioapic = 0xfec00000,
		.reset_port = 0x600,
		.reset_value = 0x01,
		.sleep_control_port = 0x601,
		.uart_count = uarts,
		.uart = {{0x3f8, 4}, {0x2f8, 3}},
	};

	memset(tables, 0xee, sizeof(tables));
	size = acpi_build(&fields, tables);
	assert_true(size <= ACPI_SIZE_MAX);
	for (unsigned i = ACPI_SIZE_MAX; i < sizeof(tables); i++)
		assert_int_equal(tables[i], 0xee);
}

static uint8_t sum(const uint8_t *bytes, size_t count)
{
	uint8_t total = 0;

	while (count--)
		total = (uint8_t)(total + *bytes++);
	return total;
}

/* The table at guest-physical ADDRESS, with a good header (§5.2.6). */
static const uint8_t *table_at(uint64_t address, const char *signature)
{
	assert_each(address >= ADDRESS && address + 36 <= ADDRESS + size, signature, address);
	const uint8_t *table = tables + (address - ADDRESS);
	uint32_t length = get_le32(table + 4);

	assert_memory_equal(table, signature, 4);
	assert_each(length >= 36 && address - ADDRESS + length <= size, signature, length);
	assert_each(sum(table, length) == 0, "checksum of the table at", address);
	assert_memory_equal(table + 10, "MAYFLY", 6); /* OEMID */
	return table;
}

static const uint8_t *xsdt(void)
{
	return table_at(get_le64(tables + 24), "XSDT");
}

static const uint8_t *listed(const char *signature)
{
	const uint8_t *list = xsdt();

	for (uint32_t at = 36; at + 8 <= get_le32(list + 4); at += 8) {
		uint64_t address = get_le64(list + at);

		if (!memcmp(tables + (address - ADDRESS), signature, 4))
			return table_at(address, signature);
	}
	fail_msg("no %s in the XSDT", signature);
	return NULL;
}

/* §5.2.5.3 */
static void the_root_pointer(void **state)
{
	(void)state;
	build(1, 2);
	assert_memory_equal(tables, "RSD PTR ", 8);
	assert_int_equal(sum(tables, 20), 0);
	assert_memory_equal(tables + 9, "MAYFLY", 6);
	assert_int_equal(tables[15], 2);            /* revision */
	assert_int_equal(get_le32(tables + 16), 0); /* no RSDT */
	assert_int_equal(get_le32(tables + 20), 36);
	assert_int_equal(sum(tables, 36), 0);
	assert_int_equal(tables[33] | tables[34] | tables[35], 0);
}

static void the_list_of_tables(void **state)
{
	(void)state;
	build(1, 2);
	assert_int_equal(xsdt()[8], 1);
	assert_int_equal(get_le32(xsdt() + 4), 36 + 2 * 8);
	listed("FACP");
	listed("APIC");
}

static void assert_port(const uint8_t *gas, uint16_t port)
{
	/* §5.2.3.2: system I/O, 8 bits from bit 0, byte access */
	const uint8_t golden[12] = {1, 8, 0, 1, (uint8_t)port, (uint8_t)(port >> 8)};

	assert_memory_equal(gas, golden, 12);
}

/* §5.2.9; what a hardware-reduced machine does not have is 0 (§5.2.9, HW_REDUCED_ACPI). */
static void the_fadt(void **state)
{
	(void)state;
	build(1, 2);
	const uint8_t *fadt = listed("FACP");
	uint64_t dsdt = get_le64(fadt + 140);

	assert_int_equal(get_le32(fadt + 4), 276);
	assert_int_equal(fadt[8], 6); /* version 6.4 … */
	assert_int_equal(fadt[131], 4);
	assert_int_equal(get_le32(fadt + 40), dsdt); /* DSDT and X_DSDT */
	table_at(dsdt, "DSDT");
	/* IAPC_BOOT_ARCH: no VGA (bit 2), no CMOS clock (5); no 8042 (1 is clear) */
	assert_int_equal(get_le16(fadt + 109), 0x24);
	/* WBINVD (0), RESET_REG_SUP (10), HEADLESS (12), HW_REDUCED_ACPI (20) */
	assert_int_equal(get_le32(fadt + 112), 0x101401);
	assert_port(fadt + 116, 0x600);
	assert_int_equal(fadt[128], 0x01);
	assert_port(fadt + 244, 0x601);
	assert_port(fadt + 256, 0x602);
	assert_memory_equal(fadt + 268, "MAYFLY\0\0", 8);
	/* FIRMWARE_CTRL, PM1 … GPE1 blocks, X_FIRMWARE_CTRL, X_PM1 … X_GPE1 blocks */
	for (unsigned i = 36; i < 244; i++)
		if (!((i >= 40 && i < 44) || (i >= 109 && i < 129) || i == 131 ||
		      (i >= 140 && i < 148)))
			assert_each(fadt[i] == 0, "FADT is not 0 at", i);
}

/* §5.2.12.2 and .3: entries of a type, a length and fields. */
static void check_madt(unsigned cpus)
{
	build(cpus, 2);
	const uint8_t *madt = listed("APIC");

	assert_int_equal(get_le32(madt + 4), 44 + cpus * 8 + 12);
	assert_int_equal(madt[8], 5);
	assert_int_equal(get_le32(madt + 36), 0xfee00000);
	assert_int_equal(get_le32(madt + 40), 0); /* no PC-AT interrupt controllers */
	for (unsigned id = 0; id < cpus; id++) {
		/* Processor Local APIC: UID, APIC id, enabled */
		const uint8_t golden[8] = {0, 8, (uint8_t)id, (uint8_t)id, 1, 0, 0, 0};

		assert_memory_equal(madt + 44 + id * 8, golden, 8);
	}
	/* I/O APIC: id, address, first interrupt 0 */
	const uint8_t *ioapic = madt + 44 + cpus * 8;
	assert_int_equal(ioapic[0], 1);
	assert_int_equal(ioapic[1], 12);
	assert_int_equal(ioapic[3], 0);
	assert_int_equal(get_le32(ioapic + 4), 0xfec00000);
	assert_int_equal(get_le32(ioapic + 8), 0);
}

static void the_madt(void **state)
{
	static const unsigned counts[] = {1, 2, 3, 32};

	(void)state;
	for (unsigned i = 0; i < COUNT(counts); i++)
		check_madt(counts[i]);
}

/* Written by hand from §20.2; iasl -d shows just the ASL in the comments. Every PkgLength (§20.2.4)
 * has two bytes, 0x40 | low nibble and the rest, and counts itself and what follows. */
/* clang-format off */
static const uint8_t dsdt_golden[] = {
	/* Name (_S5, Package () {5, Zero}) */
	0x08, '_', 'S', '5', '_', 0x12, 0x46, 0x00, 0x02, 0x0a, 0x05, 0x00,
	/* Scope (_SB) of 2 + 4 + 2 × 54 = 114 bytes */
	0x10, 0x42, 0x07, '_', 'S', 'B', '_',
	/* Device (COM1) of 2 + 50 = 52 bytes */
	0x5b, 0x82, 0x44, 0x03, 'C', 'O', 'M', '1',
	/* Name (_HID, EisaId ("PNP0501")), §19.3.4 */
	0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x05, 0x01,
	/* Name (_UID, 1) */
	0x08, '_', 'U', 'I', 'D', 0x0a, 0x01,
	/* Name (_CRS, Buffer (19) …) */
	0x08, '_', 'C', 'R', 'S', 0x11, 0x47, 0x01, 0x0a, 0x13,
	/* IO (Decode16, 0x3f8, 0x3f8, 1, 8), §6.4.2.5 */
	0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08,
	/* Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {4}, §6.4.3.6 */
	0x89, 0x06, 0x00, 0x03, 0x01, 0x04, 0x00, 0x00, 0x00,
	/* end tag, §6.4.2.9 */
	0x79, 0x00,
	/* the same for COM2: _UID 2, ports 0x2f8, interrupt 3 */
	0x5b, 0x82, 0x44, 0x03, 'C', 'O', 'M', '2',
	0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x05, 0x01,
	0x08, '_', 'U', 'I', 'D', 0x0a, 0x02,
	0x08, '_', 'C', 'R', 'S', 0x11, 0x47, 0x01, 0x0a, 0x13,
	0x47, 0x01, 0xf8, 0x02, 0xf8, 0x02, 0x01, 0x08,
	0x89, 0x06, 0x00, 0x03, 0x01, 0x03, 0x00, 0x00, 0x00,
	0x79, 0x00,
};
/* clang-format on */

static void the_dsdt_golden(void **state)
{
	(void)state;
	build(1, 2);
	const uint8_t *dsdt = table_at(get_le64(listed("FACP") + 140), "DSDT");

	assert_true(dsdt[8] >= 2); /* integers have 64 bits */
	assert_int_equal(get_le32(dsdt + 4), 36 + sizeof(dsdt_golden));
	assert_memory_equal(dsdt + 36, dsdt_golden, sizeof(dsdt_golden));
}

static void a_dsdt_without_uarts(void **state)
{
	/* Scope (_SB) {}: 2 + 4 bytes */
	static const uint8_t scope[] = {0x10, 0x46, 0x00, '_', 'S', 'B', '_'};

	(void)state;
	build(1, 0);
	const uint8_t *dsdt = table_at(get_le64(listed("FACP") + 140), "DSDT");

	assert_int_equal(get_le32(dsdt + 4), 36 + 12 + sizeof(scope));
	assert_memory_equal(dsdt + 36, dsdt_golden, 12);
	assert_memory_equal(dsdt + 48, scope, sizeof(scope));
}

/* Written by hand like the others; iasl -d shows what the comments say. */
/* clang-format off */
static const uint8_t virtio_golden[] = {
	/* Device (VIO7) of 2 + 67 = 69 bytes */
	0x5b, 0x82, 0x43, 0x04, 'V', 'I', 'O', '7',
	/* Name (_HID, "LNRO0005") */
	0x08, '_', 'H', 'I', 'D', 0x0d, 'L', 'N', 'R', 'O', '0', '0', '0', '5', 0x00,
	/* Name (_UID, 7) */
	0x08, '_', 'U', 'I', 'D', 0x0a, 0x07,
	/* Name (_CCA, One) */
	0x08, '_', 'C', 'C', 'A', 0x01,
	/* Name (_CRS, Buffer (23) …) */
	0x08, '_', 'C', 'R', 'S', 0x11, 0x4b, 0x01, 0x0a, 0x17,
	/* Memory32Fixed (ReadWrite, 0xe0007000, 0x1000), §6.4.3.4 */
	0x86, 0x09, 0x00, 0x01, 0x00, 0x70, 0x00, 0xe0, 0x00, 0x10, 0x00, 0x00,
	/* Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {23} */
	0x89, 0x06, 0x00, 0x03, 0x01, 0x17, 0x00, 0x00, 0x00,
	/* end tag */
	0x79, 0x00,
};
/* clang-format on */

static void virtio_devices(void **state)
{
	struct acpi fields = {
		.address = ADDRESS,
		.cpus = 32,
		.uart_count = 2,
		.uart = {{0x3f8, 4}, {0x2f8, 3}},
		.virtio_count = ACPI_VIRTIO_MAX,
	};

	(void)state;
	for (unsigned i = 0; i < ACPI_VIRTIO_MAX; i++)
		fields.virtio[i] = (struct acpi_virtio){0xe0000000 + i * 0x1000, 0x1000, 16 + i};
	size = acpi_build(&fields, tables);
	assert_true(size <= ACPI_SIZE_MAX);
	const uint8_t *dsdt = table_at(get_le64(listed("FACP") + 140), "DSDT");
	size_t length = 36 + sizeof(dsdt_golden) + ACPI_VIRTIO_MAX * sizeof(virtio_golden);

	assert_int_equal(get_le32(dsdt + 4), length);
	assert_memory_equal(dsdt + length - sizeof(virtio_golden), virtio_golden,
			    sizeof(virtio_golden));
	/* Scope (_SB), whose length has grown. */
	size_t scope = length - 36 - 12 - 1;
	assert_int_equal(dsdt[36 + 12], 0x10);
	assert_int_equal(dsdt[36 + 13], 0x40 | (scope & 15));
	assert_int_equal(dsdt[36 + 14], scope >> 4);
}

/* --- the DSDT, read as an interpreter does --- */

/* What is left of a block; reading beyond its end fails. */
struct aml_view {
	const uint8_t *at, *end;
};

static const uint8_t *take(struct aml_view *view, size_t count)
{
	const uint8_t *bytes = view->at;

	assert_true(count <= (size_t)(view->end - view->at));
	view->at += count;
	return bytes;
}

static void expect(struct aml_view *view, const void *bytes, size_t count)
{
	assert_memory_equal(take(view, count), bytes, count);
}

#define EXPECT(view, bytes) expect(view, bytes, sizeof(bytes) - 1)

/* §20.2.4: the first byte's two high bits say how many follow; the length counts all of them. */
static struct aml_view take_package(struct aml_view *view)
{
	const uint8_t *start = view->at;
	unsigned lead = *take(view, 1), more = lead >> 6;
	size_t length = more ? lead & 15 : lead & 63;

	assert_true(!more || !(lead & 0x30)); /* reserved */
	for (unsigned i = 0; i < more; i++)
		length |= (size_t)*take(view, 1) << (4 + 8 * i);
	assert_each(start + length >= view->at && start + length <= view->end, "PkgLength", length);
	struct aml_view inside = {view->at, start + length};
	view->at = inside.end;
	return inside;
}

/* Name (NAME, …) up to its value. */
static void expect_name(struct aml_view *view, const char *name)
{
	EXPECT(view, "\x08");
	expect(view, name, 4);
}

/* An integer, §20.2.3. */
static uint64_t take_integer(struct aml_view *view)
{
	switch (*take(view, 1)) {
	case 0x00:
		return 0;
	case 0x01:
		return 1;
	case 0x0a:
		return *take(view, 1);
	case 0x0b:
		return get_le16(take(view, 2));
	case 0x0c:
		return get_le32(take(view, 4));
	default:
		fail_msg("no integer");
		return 0;
	}
}

/* Name (_CRS, Buffer (size) {…}): the buffer's bytes, which are as many as it says. */
static struct aml_view take_resources(struct aml_view *device)
{
	expect_name(device, "_CRS");
	EXPECT(device, "\x11");
	struct aml_view buffer = take_package(device);
	uint64_t length = take_integer(&buffer);

	assert_true((size_t)(buffer.end - buffer.at) == length);
	return buffer;
}

/* §6.4.3.6: 6 bytes follow; consumer, edge, active high, exclusive, no wake; one interrupt. */
static uint32_t take_interrupt(struct aml_view *resources)
{
	EXPECT(resources, "\x89\x06\x00\x03\x01");
	return get_le32(take(resources, 4));
}

static void expect_end(struct aml_view *resources)
{
	EXPECT(resources, "\x79\x00");
	assert_ptr_equal(resources->at, resources->end);
}

static struct aml_view take_device(struct aml_view *scope, const char *letters, unsigned digit)
{
	EXPECT(scope, "\x5b\x82");
	struct aml_view device = take_package(scope);

	expect(&device, letters, 3);
	assert_int_equal(*take(&device, 1), '0' + digit);
	return device;
}

static void check_uart(struct aml_view *scope, unsigned number, const struct acpi_uart *uart)
{
	struct aml_view device = take_device(scope, "COM", number + 1);

	expect_name(&device, "_HID");
	assert_int_equal(take_integer(&device), 0x0105d041);
	expect_name(&device, "_UID");
	assert_int_equal(take_integer(&device), number + 1);
	struct aml_view resources = take_resources(&device);
	take(&resources, 8);
	assert_int_equal(take_interrupt(&resources), uart->gsi);
	expect_end(&resources);
	assert_ptr_equal(device.at, device.end);
}

static void check_virtio(struct aml_view *scope, unsigned number, const struct acpi_virtio *virtio)
{
	struct aml_view device = take_device(scope, "VIO", number);

	expect_name(&device, "_HID");
	EXPECT(&device, "\x0dLNRO0005\0");
	expect_name(&device, "_UID"); /* §6.1.12: unique among devices with one _HID */
	assert_int_equal(take_integer(&device), number);
	expect_name(&device, "_CCA"); /* §6.2.17 */
	assert_int_equal(take_integer(&device), 1);
	struct aml_view resources = take_resources(&device);
	EXPECT(&resources, "\x86\x09\x00\x01"); /* Memory32Fixed, 9 bytes, read and write */
	assert_int_equal(get_le32(take(&resources, 4)), virtio->address);
	assert_int_equal(get_le32(take(&resources, 4)), virtio->size);
	assert_int_equal(take_interrupt(&resources), virtio->gsi);
	expect_end(&resources);
	assert_ptr_equal(device.at, device.end);
}

static void check_dsdt(const struct acpi *fields)
{
	memset(tables, 0xee, sizeof(tables));
	size = acpi_build(fields, tables);
	assert_true(size <= ACPI_SIZE_MAX);
	assert_int_equal(tables[ACPI_SIZE_MAX], 0xee);
	const uint8_t *dsdt = table_at(get_le64(listed("FACP") + 140), "DSDT");
	struct aml_view all = {dsdt + 36, dsdt + get_le32(dsdt + 4)};

	expect_name(&all, "_S5_");
	EXPECT(&all, "\x12");
	struct aml_view package = take_package(&all);
	assert_int_equal(*take(&package, 1), 2);
	assert_int_equal(take_integer(&package), ACPI_S5_TYPE);
	assert_int_equal(take_integer(&package), 0);
	assert_ptr_equal(package.at, package.end);
	EXPECT(&all, "\x10");
	struct aml_view scope = take_package(&all);
	assert_ptr_equal(all.at, all.end);
	EXPECT(&scope, "_SB_");
	for (unsigned i = 0; i < fields->uart_count; i++)
		check_uart(&scope, i, &fields->uart[i]);
	for (unsigned i = 0; i < fields->virtio_count; i++)
		check_virtio(&scope, i, &fields->virtio[i]);
	assert_ptr_equal(scope.at, scope.end);
}

/* No number of devices needs more than ACPI_SIZE_MAX, and every length has its two bytes. */
static void a_dsdt_of_any_devices(void **state)
{
	struct acpi fields = {.address = ADDRESS, .uart = {{0x3f8, 4}, {0x2f8, 3}}};

	(void)state;
	for (unsigned i = 0; i < ACPI_VIRTIO_MAX; i++)
		fields.virtio[i] = (struct acpi_virtio){0xe0001000 + i * 0x10203,
							0x200 + i * 0x01010100, 0x01020310 + i * 7};
	for (fields.cpus = 1; fields.cpus <= 32; fields.cpus += 31)
		for (fields.uart_count = 0; fields.uart_count <= ACPI_UARTS_MAX;
		     fields.uart_count++)
			for (fields.virtio_count = 0; fields.virtio_count <= ACPI_VIRTIO_MAX;
			     fields.virtio_count++)
				check_dsdt(&fields);
}

/* The root pointer is found on a 16-byte boundary; tables do not overlap. */
static void tables_lie_apart(void **state)
{
	(void)state;
	build(32, 2);
	const uint8_t *all[] = {xsdt(), listed("FACP"), listed("APIC"),
				table_at(get_le64(listed("FACP") + 140), "DSDT")};

	for (unsigned i = 0; i < COUNT(all); i++) {
		assert_true(all[i] >= tables + 36);
		for (unsigned j = 0; j < COUNT(all); j++)
			assert_true(i == j || all[i] + get_le32(all[i] + 4) <= all[j] ||
				    all[j] + get_le32(all[j] + 4) <= all[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_pointer), cmocka_unit_test(the_list_of_tables),
		cmocka_unit_test(the_fadt),         cmocka_unit_test(the_madt),
		cmocka_unit_test(the_dsdt_golden),  cmocka_unit_test(a_dsdt_without_uarts),
		cmocka_unit_test(virtio_devices),   cmocka_unit_test(a_dsdt_of_any_devices),
		cmocka_unit_test(tables_lie_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
