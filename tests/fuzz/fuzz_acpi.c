/* The ACPI tables of any machine: a second reader, made from ACPI 6.4, follows every pointer,
 * finds each sum right and each block of AML ended where its length says, and in them the
 * machine's numbers and nothing else. */
#include "fuzz.h"

#include "tables/acpi.h"

static uint8_t tables[ACPI_SIZE_MAX];
static size_t size;
static struct acpi machine;

/* What the DSDT tells. */
static struct {
	unsigned uarts, virtios;
	bool off;
} seen;

static void require_sum(const uint8_t *bytes, size_t count)
{
	uint8_t sum = 0;

	while (count--)
		sum = (uint8_t)(sum + *bytes++);
	REQUIRE(sum == 0);
}

/* §5.2.6: the table at a guest-physical ADDRESS. */
static struct bytes table_at(uint64_t address, const char *signature)
{
	uint64_t offset = address - machine.address;

	REQUIRE(size >= 36 && offset >= 36 && offset <= size - 36);
	struct bytes table = {tables + offset, get_le32(tables + offset + 4)};
	REQUIRE(table.size >= 36 && table.size <= size - offset);
	REQUIRE(!memcmp(table.data, signature, 4));
	require_sum(table.data, table.size);
	return table;
}

/* --- AML, §20.2: what is left of a block --- */

static const uint8_t *take_bytes(struct bytes *code, size_t count)
{
	const uint8_t *at = code->data;

	REQUIRE(count <= code->size);
	code->data += count;
	code->size -= count;
	return at;
}

static uint8_t take_byte(struct bytes *code)
{
	return *take_bytes(code, 1);
}

/* §20.2.4: a length, which counts its own bytes, and what it spans. */
static struct bytes take_block(struct bytes *code)
{
	unsigned first = take_byte(code), more = first >> 6;
	uint32_t length = more ? first & 0x0f : first & 0x3f;

	for (unsigned i = 0; i < more; i++)
		length |= (uint32_t)take_byte(code) << (4 + 8 * i);
	REQUIRE(length >= 1 + more);
	return (struct bytes){take_bytes(code, length - 1 - more), length - 1 - more};
}

/* An integer, §20.2.3. */
static uint32_t take_integer(struct bytes *code)
{
	uint8_t prefix = take_byte(code);

	REQUIRE(prefix == 0x00 || prefix == 0x01 || prefix == 0x0a || prefix == 0x0c);
	if (prefix == 0x0a)
		return take_byte(code);
	return prefix == 0x0c ? get_le32(take_bytes(code, 4)) : prefix;
}

/* §6.4: the resources of a device, as pairs of a tag and a number. */
static void require_resources(struct bytes list, uint8_t tag, uint64_t where, uint32_t gsi)
{
	const uint8_t *first = take_bytes(&list, tag == 0x47 ? 8 : 12);

	REQUIRE(first[0] == tag);
	if (tag == 0x47)
		REQUIRE(get_le16(first + 2) == where && get_le16(first + 4) == where &&
			first[7] == 8);
	else
		REQUIRE(get_le16(first + 1) == 9 && get_le64(first + 4) == where);
	const uint8_t *interrupt = take_bytes(&list, 9);
	REQUIRE(interrupt[0] == 0x89 && get_le16(interrupt + 1) == 6);
	REQUIRE(interrupt[3] == 3 && interrupt[4] == 1 && get_le32(interrupt + 5) == gsi);
	REQUIRE(*take_bytes(&list, 2) == 0x79 && list.size == 0);
}

static struct bytes take_buffer(struct bytes *code)
{
	REQUIRE(take_byte(code) == 0x11);
	struct bytes block = take_block(code);
	uint32_t length = take_integer(&block);

	REQUIRE(length == block.size);
	return block;
}

static void require_uart(struct bytes code, const struct acpi_uart *uart)
{
	REQUIRE(!memcmp(take_bytes(&code, 5), "\x08_HID", 5));
	REQUIRE(take_integer(&code) == 0x0105d041);
	REQUIRE(!memcmp(take_bytes(&code, 5), "\x08_UID", 5));
	take_integer(&code);
	REQUIRE(!memcmp(take_bytes(&code, 5), "\x08_CRS", 5));
	require_resources(take_buffer(&code), 0x47, uart->port, uart->gsi);
	REQUIRE(code.size == 0);
}

static void require_virtio(struct bytes code, const struct acpi_virtio *virtio)
{
	REQUIRE(!memcmp(take_bytes(&code, 15), "\x08_HID\x0dLNRO0005", 15));
	REQUIRE(!memcmp(take_bytes(&code, 5), "\x08_UID", 5));
	take_integer(&code);
	REQUIRE(!memcmp(take_bytes(&code, 6), "\x08_CCA\x01", 6));
	REQUIRE(!memcmp(take_bytes(&code, 5), "\x08_CRS", 5));
	require_resources(take_buffer(&code), 0x86, (uint64_t)virtio->size << 32 | virtio->address,
			  virtio->gsi);
	REQUIRE(code.size == 0);
}

static void read_device(struct bytes code)
{
	const uint8_t *name = take_bytes(&code, 4);

	if (!memcmp(name, "COM", 3)) {
		REQUIRE(name[3] == '1' + seen.uarts && seen.uarts < machine.uart_count);
		require_uart(code, &machine.uart[seen.uarts++]);
	} else {
		REQUIRE(!memcmp(name, "VIO", 3) && name[3] == '0' + seen.virtios);
		REQUIRE(seen.virtios < machine.virtio_count);
		require_virtio(code, &machine.virtio[seen.virtios++]);
	}
}

static void read_terms(struct bytes code)
{
	while (code.size) {
		uint8_t op = take_byte(&code);

		if (op == 0x08) {
			REQUIRE(!memcmp(take_bytes(&code, 5), "_S5_\x12", 5) && !seen.off);
			struct bytes package = take_block(&code);
			REQUIRE(take_byte(&package) == 2 && take_integer(&package) == ACPI_S5_TYPE);
			REQUIRE(take_integer(&package) == 0 && package.size == 0);
			seen.off = true;
		} else if (op == 0x10) {
			struct bytes scope = take_block(&code);
			REQUIRE(!memcmp(take_bytes(&scope, 4), "_SB_", 4));
			read_terms(scope);
		} else {
			REQUIRE(op == 0x5b && take_byte(&code) == 0x82);
			read_device(take_block(&code));
		}
	}
}

/* --- the other tables --- */

static void require_port(const uint8_t *gas, uint64_t port)
{
	REQUIRE(gas[0] == 1 && gas[1] == 8 && gas[2] == 0 && get_le64(gas + 4) == port);
}

static void require_fadt(struct bytes fadt)
{
	uint64_t dsdt = get_le64(fadt.data + 140);

	REQUIRE(fadt.size == 276 && (uint32_t)dsdt == get_le32(fadt.data + 40));
	require_port(fadt.data + 116, machine.reset_port);
	REQUIRE(fadt.data[128] == machine.reset_value);
	require_port(fadt.data + 244, machine.sleep_control_port);
	struct bytes code = table_at(dsdt, "DSDT");
	take_bytes(&code, 36);
	memset(&seen, 0, sizeof(seen));
	read_terms(code);
	REQUIRE(seen.off && seen.uarts == machine.uart_count);
	REQUIRE(seen.virtios == machine.virtio_count);
}

static void require_madt(struct bytes madt)
{
	unsigned cpus = 0, ioapics = 0;

	REQUIRE(get_le32(madt.data + 36) == machine.lapic);
	take_bytes(&madt, 44);
	while (madt.size) {
		const uint8_t *entry = take_bytes(&madt, madt.size > 1 ? madt.data[1] : 2);

		if (entry[0] == 0) {
			REQUIRE(entry[1] == 8 && entry[3] == cpus++ && get_le32(entry + 4) == 1);
			continue;
		}
		REQUIRE(entry[0] == 1 && entry[1] == 12 && get_le32(entry + 4) == machine.ioapic);
		ioapics++;
	}
	REQUIRE(cpus == machine.cpus && ioapics == 1);
}

static void require_tables(void)
{
	REQUIRE(!memcmp(tables, "RSD PTR ", 8) && tables[15] == 2);
	require_sum(tables, 20);
	require_sum(tables, 36);
	struct bytes xsdt = table_at(get_le64(tables + 24), "XSDT");
	REQUIRE(xsdt.size == 36 + 2 * 8);
	require_fadt(table_at(get_le64(xsdt.data + 36), "FACP"));
	require_madt(table_at(get_le64(xsdt.data + 44), "APIC"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
	struct input input = {data, length};

	machine = (struct acpi){
		.cpus = 1 + take8(&input) % 32,
		.uart_count = take8(&input) % (ACPI_UARTS_MAX + 1),
		.virtio_count = take8(&input) % (ACPI_VIRTIO_MAX + 1),
		.lapic = take32(&input),
		.ioapic = take32(&input),
		.reset_port = take16(&input),
		.reset_value = take8(&input),
		.sleep_control_port = take16(&input),
		.address = take32(&input),
	};
	for (unsigned i = 0; i < machine.uart_count; i++)
		machine.uart[i] = (struct acpi_uart){take16(&input), take32(&input)};
	for (unsigned i = 0; i < machine.virtio_count; i++)
		machine.virtio[i] =
			(struct acpi_virtio){take32(&input), take32(&input), take32(&input)};
	memset(tables, 0xee, sizeof(tables));
	size = acpi_build(&machine, tables);
	REQUIRE(size <= sizeof(tables));
	require_tables();
	return 0;
}
