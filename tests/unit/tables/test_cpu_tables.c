/* What the CPU reads before the kernel has its own: descriptors (SDM 3A §3.4.5) and page tables
 * (SDM 3A §4.5). */
#include "tables/gdt.h"
#include "tables/page_tables.h"

#include "base/bytes.h"
#include "unit.h"

static struct ram ram;
static uint8_t seen[PAGE_TABLES_SIZE + PAGE];

static int reserve(void **state)
{
	struct problem problem;

	(void)state;
	return ram_reserve(&ram, MIB, 0, 3 * GIB, 4 * GIB, &problem) ? 0 : -1;
}

static int release(void **state)
{
	(void)state;
	ram_release(&ram);
	return 0;
}

/* Limit 15–0, base 23–0, access, flags and limit 19–16, base 31–24. Access: 9b present, code,
 * readable, accessed; 93 present, data, writable, accessed; 8b present, busy 32-bit TSS. Flags: c
 * means 4 KiB granules and 32 bits, a 4 KiB granules and long mode. */
static const uint8_t code_32[8] = {0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0};
static const uint8_t code_64[8] = {0xff, 0xff, 0, 0, 0, 0x9b, 0xaf, 0};
static const uint8_t data[8] = {0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0};
static const uint8_t task[8] = {0x67, 0, 0, 0, 0, 0x8b, 0, 0};
static const uint8_t null[8];

static void check_gdt(bool long_mode)
{
	assert_true(gdt_write(&ram, 0x500, long_mode));
	assert_true(ram_read(&ram, GPA(0x500), seen, 0x28));
	assert_memory_equal(seen, null, 8);
	assert_memory_equal(seen + 0x08, null, 8);
	assert_memory_equal(seen + 0x10, long_mode ? code_64 : code_32, 8); /* __BOOT_CS */
	assert_memory_equal(seen + 0x18, data, 8);			    /* __BOOT_DS */
	assert_memory_equal(seen + 0x20, task, 8);
}

static void descriptors_for_32_bits(void **state)
{
	(void)state;
	check_gdt(false);
}

static void descriptors_for_64_bits(void **state)
{
	(void)state;
	check_gdt(true);
}

/* Bits: present 0, writable 1, large page 7. User (2) and no-execute (63) are clear. */
static void four_gib_are_mapped_one_to_one(void **state)
{
	const uint64_t at = 0x9000;

	(void)state;
	assert_true(page_tables_write(&ram, at));
	assert_true(ram_read(&ram, GPA(at), seen, sizeof(seen)));
	for (unsigned i = 0; i < 512; i++) {
		uint64_t pointer = get_le64(seen + PAGE + i * 8);

		assert_each(get_le64(seen + i * 8) == (i == 0 ? (at + PAGE) | 3 : 0), "PML4", i);
		assert_each(pointer == (i < 4 ? (at + (2 + i) * PAGE) | 3 : 0), "PDPT", i);
	}
	for (uint64_t i = 0; i < 4 * 512; i++)
		assert_each(get_le64(seen + 2 * PAGE + i * 8) == (i * 2 * MIB | 0x83), "directory",
			    i);
	for (unsigned i = PAGE_TABLES_SIZE; i < sizeof(seen); i++)
		assert_each(seen[i] == 0, "written behind the tables at", i);
}

static void tables_outside_memory_are_refused(void **state)
{
	(void)state;
	assert_false(gdt_write(&ram, MIB - 0x27, true));
	assert_true(gdt_write(&ram, MIB - 0x28, true));
	assert_false(gdt_write(&ram, UINT64_MAX - 7, false));
	assert_false(page_tables_write(&ram, MIB - PAGE_TABLES_SIZE + PAGE));
	assert_true(page_tables_write(&ram, MIB - PAGE_TABLES_SIZE));
	assert_false(page_tables_write(&ram, UINT64_MAX - PAGE + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_for_32_bits),
		cmocka_unit_test(descriptors_for_64_bits),
		cmocka_unit_test(four_gib_are_mapped_one_to_one),
		cmocka_unit_test(tables_outside_memory_are_refused),
	};

	return cmocka_run_group_tests(tests, reserve, release);
}
