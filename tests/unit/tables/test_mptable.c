/* The MP table. Section numbers are those of the MultiProcessor Specification 1.4. */
#include "tables/mptable.h"

#include "base/bytes.h"
#include "unit.h"

#define ADDRESS 0xf0000u

static uint8_t table[MPTABLE_SIZE_MAX + 16];
static size_t size;

static void build(unsigned cpus, unsigned gsis)
{
	const struct mptable fields = {
		.address = ADDRESS,
		.cpus = cpus,
		.gsis = gsis,
		.lapic = 0xfee00000,
		.ioapic = 0xfec00000,
	};

	memset(table, 0xee, sizeof(table));
	size = mptable_build(&fields, table);
	assert_true(size <= MPTABLE_SIZE_MAX);
	for (unsigned i = MPTABLE_SIZE_MAX; i < sizeof(table); i++)
		assert_int_equal(table[i], 0xee);
}

static uint8_t sum(const uint8_t *bytes, size_t count)
{
	uint8_t total = 0;

	while (count--)
		total = (uint8_t)(total + *bytes++);
	return total;
}

/* One CPU and two interrupt inputs, byte by byte. The checksums were added up by hand. */
static void golden(void **state)
{
	static const uint8_t expected[] = {
		/* the floating pointer, §4.1: the table's address, 1 paragraph, 1.4, checksum, a
		 * table is present, no IMCR */
		'_', 'M', 'P', '_', 0x10, 0x00, 0x0f, 0x00, 1, 4, 0x81, 0, 0, 0, 0, 0,
		/* the header, §4.2: length 0x70, 1.4, checksum, OEM and product */
		'P', 'C', 'M', 'P', 0x70, 0x00, 4, 0x61,
		'M', 'A', 'Y', 'F', 'L', 'Y', ' ', ' ',
		'M', 'I', 'C', 'R', 'O', 'V', 'M', ' ', ' ', ' ', ' ', ' ',
		/* no OEM table, 7 entries, the local APIC, no extension */
		0, 0, 0, 0, 0, 0, 7, 0, 0x00, 0x00, 0xe0, 0xfe, 0, 0, 0, 0,
		/* processor, §4.3.1: APIC 0, version 0x14, enabled, BSP, family 6, FPU, APIC */
		0, 0, 0x14, 3, 0x00, 0x06, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		/* bus, §4.3.2 */
		1, 0, 'I', 'S', 'A', ' ', ' ', ' ',
		/* I/O APIC, §4.3.3: id 1, version 0x11, usable */
		2, 1, 0x11, 1, 0x00, 0x00, 0xc0, 0xfe,
		/* I/O interrupts, §4.3.4: INT, conforming, bus 0 IRQ n, APIC 1 input n */
		3, 0, 0, 0, 0, 0, 1, 0,
		3, 0, 0, 0, 0, 1, 1, 1,
		/* local interrupts, §4.3.5: ExtINT to LINT0 of APIC 0, NMI to LINT1 of all */
		4, 3, 0, 0, 0, 0, 0, 0,
		4, 1, 0, 0, 0, 0, 0xff, 1,
	};

	(void)state;
	build(1, 2);
	assert_int_equal(size, sizeof(expected));
	for (size_t i = 0; i < size; i++)
		assert_each(table[i] == expected[i], "MP table differs at", i);
}

/* Walks the entries as a kernel does, by type. */
static void check(unsigned cpus)
{
	unsigned seen[5] = {0}, last_type = 0;

	build(cpus, 24);
	assert_memory_equal(table, "_MP_", 4);
	assert_int_equal(sum(table, 16), 0);
	assert_int_equal(get_le32(table + 4), ADDRESS + 16);
	const uint8_t *header = table + 16;
	assert_int_equal(get_le16(header + 4), size - 16);
	assert_int_equal(sum(header, size - 16), 0);
	assert_int_equal(get_le16(header + 34), cpus + 1 + 1 + 24 + 2);

	for (const uint8_t *entry = header + 44; entry < table + size; entry += entry[0] ? 8 : 20) {
		assert_each(entry[0] <= 4 && entry[0] >= last_type, "entry of type", entry[0]);
		last_type = entry[0];
		if (entry[0] == 0) {
			assert_int_equal(entry[1], seen[0]);
			assert_int_equal(entry[3], seen[0] == 0 ? 3 : 1);
		} else if (entry[0] == 2) {
			/* No processor has the I/O APIC's id. */
			assert_true(entry[1] >= cpus);
			assert_int_equal(get_le32(entry + 4), 0xfec00000);
		} else if (entry[0] == 3) {
			assert_int_equal(entry[5], seen[3]);
			assert_int_equal(entry[7], seen[3]);
			assert_true(entry[6] >= cpus && entry[6] != 0xff);
		}
		seen[entry[0]]++;
	}
	assert_int_equal(seen[0], cpus);
	assert_int_equal(seen[1], 1);
	assert_int_equal(seen[2], 1);
	assert_int_equal(seen[3], 24);
	assert_int_equal(seen[4], 2);
	assert_int_equal(size, 16 + 44 + cpus * 20 + 8 + 8 + 24 * 8 + 2 * 8);
}

static void one_processor(void **state)
{
	(void)state;
	check(1);
}

static void two_processors(void **state)
{
	(void)state;
	check(2);
}

static void as_many_processors_as_there_may_be(void **state)
{
	(void)state;
	check(32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(one_processor),
		cmocka_unit_test(two_processors),
		cmocka_unit_test(as_many_processors_as_there_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
