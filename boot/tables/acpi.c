#include "tables/acpi.h"

#include <string.h>

#include "base/bytes.h"
#include "tables/aml.h"
#include "tables/checksum.h"

enum { RSDP_SIZE = 36, HEADER_SIZE = 36, FADT_SIZE = 276 };

/* FADT fields and flags, §5.2.9. */
enum {
	FADT_DSDT = 40,
	FADT_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_MINOR = 131,
	FADT_X_DSDT = 140,
	FADT_SLEEP_CONTROL = 244,
	FADT_SLEEP_STATUS = 256,
	FADT_HYPERVISOR = 268,

	WBINVD = 1 << 0,
	RESET_REG_SUP = 1 << 10,
	HEADLESS = 1 << 12,
	HW_REDUCED_ACPI = 1 << 20,
	/* No 8042 flag: Linux then leaves the keyboard controller alone (half a second). */
	BOOT_ARCH_NO_VGA = 1 << 2,
	BOOT_ARCH_NO_CMOS_RTC = 1 << 5,
};

/* MADT entries, §5.2.12. */
enum { MADT_LAPIC = 0, MADT_LAPIC_SIZE = 8, MADT_IOAPIC = 1, MADT_IOAPIC_SIZE = 12 };

/* Tables are laid down one after another. */
struct builder {
	uint8_t *out;
	size_t size;
	uint64_t address;
};

static uint8_t *begin(struct builder *builder, const char *signature, uint8_t revision)
{
	builder->size = align_up(builder->size, 16);
	uint8_t *table = builder->out + builder->size;

	memcpy(table, signature, 4);
	table[8] = revision;
	memcpy(table + 10, "MAYFLY", 6);
	memcpy(table + 16, "MICROVM ", 8);
	put_le32(table + 24, 1);
	memcpy(table + 28, "MYFL", 4);
	put_le32(table + 32, 1);
	return table;
}

/* Closes a table of SIZE bytes and returns its guest-physical address. */
static uint64_t end(struct builder *builder, uint8_t *table, size_t size)
{
	uint64_t address = builder->address + builder->size;

	put_le32(table + 4, (uint32_t)size);
	table[9] = checksum(table, size);
	builder->size += size;
	return address;
}

static void put_port_register(uint8_t *gas, uint16_t port)
{
	gas[0] = 1; /* system I/O space */
	gas[1] = 8; /* bits */
	gas[3] = 1; /* accessed by bytes */
	put_le64(gas + 4, port);
}

static uint64_t add_fadt(struct builder *builder, const struct acpi *fields, uint64_t dsdt)
{
	uint8_t *fadt = begin(builder, "FACP", 6);

	put_le32(fadt + FADT_DSDT, (uint32_t)dsdt);
	put_le16(fadt + FADT_BOOT_ARCH, BOOT_ARCH_NO_VGA | BOOT_ARCH_NO_CMOS_RTC);
	put_le32(fadt + FADT_FLAGS, WBINVD | RESET_REG_SUP | HEADLESS | HW_REDUCED_ACPI);
	put_port_register(fadt + FADT_RESET_REG, fields->reset_port);
	fadt[FADT_RESET_VALUE] = fields->reset_value;
	fadt[FADT_MINOR] = 4;
	put_le64(fadt + FADT_X_DSDT, dsdt);
	put_port_register(fadt + FADT_SLEEP_CONTROL, fields->sleep_control_port);
	put_port_register(fadt + FADT_SLEEP_STATUS, (uint16_t)(fields->sleep_control_port + 1));
	memcpy(fadt + FADT_HYPERVISOR, "MAYFLY", 6);
	return end(builder, fadt, FADT_SIZE);
}

static uint64_t add_madt(struct builder *builder, const struct acpi *fields)
{
	uint8_t *madt = begin(builder, "APIC", 5);
	uint8_t *entry = madt + HEADER_SIZE + 8;

	put_le32(madt + HEADER_SIZE, fields->lapic);
	for (unsigned id = 0; id < fields->cpus; id++, entry += MADT_LAPIC_SIZE) {
		entry[0] = MADT_LAPIC;
		entry[1] = MADT_LAPIC_SIZE;
		entry[2] = (uint8_t)id; /* processor UID */
		entry[3] = (uint8_t)id; /* APIC id */
		put_le32(entry + 4, 1); /* enabled */
	}
	entry[0] = MADT_IOAPIC;
	entry[1] = MADT_IOAPIC_SIZE;
	put_le32(entry + 4, fields->ioapic);
	entry += MADT_IOAPIC_SIZE;
	return end(builder, madt, (size_t)(entry - madt));
}

static uint64_t add_dsdt(struct builder *builder, const struct acpi *fields)
{
	uint8_t *dsdt = begin(builder, "DSDT", 2);
	struct aml aml = {.next = dsdt + HEADER_SIZE};
	struct aml_block scope;

	aml_name_s5(&aml, ACPI_S5_TYPE);
	scope = aml_begin_scope(&aml, "_SB_");
	for (unsigned i = 0; i < fields->uart_count; i++)
		aml_uart(&aml, i, fields->uart[i].port, fields->uart[i].gsi);
	for (unsigned i = 0; i < fields->virtio_count; i++)
		aml_virtio(&aml, i, fields->virtio[i].address, fields->virtio[i].size,
			   fields->virtio[i].gsi);
	aml_end(&aml, scope);
	return end(builder, dsdt, (size_t)(aml.next - dsdt));
}

static uint64_t add_xsdt(struct builder *builder, uint64_t fadt, uint64_t madt)
{
	uint8_t *xsdt = begin(builder, "XSDT", 1);

	put_le64(xsdt + HEADER_SIZE, fadt);
	put_le64(xsdt + HEADER_SIZE + 8, madt);
	return end(builder, xsdt, HEADER_SIZE + 16);
}

static void build_rsdp(uint8_t *rsdp, uint64_t xsdt)
{
	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "MAYFLY", 6);
	rsdp[15] = 2; /* revision: has an XSDT */
	put_le32(rsdp + 20, RSDP_SIZE);
	put_le64(rsdp + 24, xsdt);
	rsdp[8] = checksum(rsdp, 20); /* the part that ACPI 1.0 knew */
	rsdp[32] = checksum(rsdp, RSDP_SIZE);
}

size_t acpi_build(const struct acpi *fields, uint8_t out[ACPI_SIZE_MAX])
{
	struct builder builder = {.out = out, .size = RSDP_SIZE, .address = fields->address};

	memset(out, 0, ACPI_SIZE_MAX);
	uint64_t dsdt = add_dsdt(&builder, fields);
	uint64_t fadt = add_fadt(&builder, fields, dsdt);
	uint64_t madt = add_madt(&builder, fields);
	build_rsdp(out, add_xsdt(&builder, fadt, madt));
	return builder.size;
}
