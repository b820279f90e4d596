#include "tables/mptable.h"

#include <string.h>

#include "base/bytes.h"
#include "tables/checksum.h"

enum {
	FLOATING_SIZE = 16, /* the MP floating pointer structure, §4.1 */
	HEADER_SIZE = 44,   /* §4.2 */
	SPEC_1_4 = 4,
};

/* Entry types of §4.3 and the sizes of the entries. */
enum { PROCESSOR = 0, BUS = 1, IOAPIC = 2, IO_INTERRUPT = 3, LOCAL_INTERRUPT = 4 };
enum { PROCESSOR_SIZE = 20, OTHER_SIZE = 8 };

enum { INT = 0, NMI = 1, EXTINT = 3 }; /* interrupt types, §4.3.4 */
enum { CPU_ENABLED = 1, CPU_BSP = 2, ALL_LAPICS = 0xff, ISA_BUS = 0 };
enum { APIC_VERSION = 0x14, IOAPIC_VERSION = 0x11 };

struct table {
	uint8_t *next;
	unsigned entries;
};

static uint8_t *add(struct table *table, uint8_t type, size_t size)
{
	uint8_t *entry = table->next;

	entry[0] = type;
	table->next += size;
	table->entries++;
	return entry;
}

static void add_processors(struct table *table, unsigned count)
{
	for (unsigned id = 0; id < count; id++) {
		uint8_t *entry = add(table, PROCESSOR, PROCESSOR_SIZE);

		entry[1] = (uint8_t)id;
		entry[2] = APIC_VERSION;
		entry[3] = (uint8_t)(CPU_ENABLED | (id == 0 ? CPU_BSP : 0));
		put_le32(entry + 4, 0x600); /* family 6; CPUID has the truth */
		put_le32(entry + 8, 0x201); /* FPU and APIC */
	}
}

/* Flags 0: polarity and trigger mode of the bus. ISA: edge, active high. */
static void add_interrupt(struct table *table, uint8_t entry_type, uint8_t type, unsigned irq,
			  unsigned apic, unsigned input)
{
	uint8_t *entry = add(table, entry_type, OTHER_SIZE);

	entry[1] = type;
	entry[4] = ISA_BUS;
	entry[5] = (uint8_t)irq;
	entry[6] = (uint8_t)apic;
	entry[7] = (uint8_t)input;
}

static void add_entries(struct table *table, const struct mptable *fields)
{
	unsigned ioapic_id = fields->cpus; /* the first APIC id that no processor has */
	uint8_t *entry;

	add_processors(table, fields->cpus);
	entry = add(table, BUS, OTHER_SIZE);
	entry[1] = ISA_BUS;
	memcpy(entry + 2, "ISA   ", 6);
	entry = add(table, IOAPIC, OTHER_SIZE);
	entry[1] = (uint8_t)ioapic_id;
	entry[2] = IOAPIC_VERSION;
	entry[3] = 1; /* usable */
	put_le32(entry + 4, fields->ioapic);
	for (unsigned gsi = 0; gsi < fields->gsis; gsi++)
		add_interrupt(table, IO_INTERRUPT, INT, gsi, ioapic_id, gsi);
	add_interrupt(table, LOCAL_INTERRUPT, EXTINT, 0, 0, 0);
	add_interrupt(table, LOCAL_INTERRUPT, NMI, 0, ALL_LAPICS, 1);
}

static void build_header(uint8_t *header, const struct mptable *fields, const struct table *table)
{
	size_t size = (size_t)(table->next - header);

	memcpy(header, "PCMP", 4);
	put_le16(header + 4, (uint16_t)size);
	header[6] = SPEC_1_4;
	memcpy(header + 8, "MAYFLY  ", 8);
	memcpy(header + 16, "MICROVM     ", 12);
	put_le16(header + 34, (uint16_t)table->entries);
	put_le32(header + 36, fields->lapic);
	header[7] = checksum(header, size);
}

size_t mptable_build(const struct mptable *fields, uint8_t out[MPTABLE_SIZE_MAX])
{
	uint8_t *header = out + FLOATING_SIZE;
	struct table table = {.next = header + HEADER_SIZE};

	memset(out, 0, MPTABLE_SIZE_MAX);
	memcpy(out, "_MP_", 4);
	put_le32(out + 4, fields->address + FLOATING_SIZE);
	out[8] = FLOATING_SIZE / 16; /* length in paragraphs */
	out[9] = SPEC_1_4;
	out[10] = checksum(out, FLOATING_SIZE);
	add_entries(&table, fields);
	build_header(header, fields, &table);
	return (size_t)(table.next - out);
}
