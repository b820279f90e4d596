/* hvm_start_info version 1, as Xen's include/public/arch-x86/hvm/start_info.h draws it. */
#include "tables/start_info.h"

#include "base/bytes.h"
#include "unit.h"

static uint8_t out[START_INFO_SIZE + 16];

static const struct memmap map = {
	.count = 2,
	.entry = {{0, 0x9fc00, MEMMAP_RAM}, {0xe0000, 0x20000, MEMMAP_RESERVED}},
};

static void build(const struct start_info *fields)
{
	memset(out, 0xee, sizeof(out));
	start_info_build(fields, out);
	for (unsigned i = START_INFO_SIZE; i < sizeof(out); i++)
		assert_int_equal(out[i], 0xee);
}

static void golden(void **state)
{
	const struct start_info fields = {
		.address = 0x6000,
		.cmdline = 0x20000,
		.initrd = 0x00000007bf000000,
		.initrd_size = 0x1234567,
		.rsdp = 0xe0000,
		.map = &map,
	};
	static const uint8_t expected[] = {
		0x78, 0xc5, 0x6e, 0x33,		/* magic 0x336ec578 */
		1, 0, 0, 0,			/* version */
		0, 0, 0, 0,			/* flags */
		1, 0, 0, 0,			/* nr_modules */
		0x38, 0x60, 0, 0, 0, 0, 0, 0,	/* modlist_paddr: behind these 56 bytes */
		0, 0, 2, 0, 0, 0, 0, 0,		/* cmdline_paddr */
		0, 0, 0xe, 0, 0, 0, 0, 0,	/* rsdp_paddr */
		0x58, 0x60, 0, 0, 0, 0, 0, 0,	/* memmap_paddr: behind the one module */
		2, 0, 0, 0,			/* memmap_entries */
		0, 0, 0, 0,			/* reserved */
		/* hvm_modlist_entry: paddr, size, cmdline_paddr, reserved */
		0, 0, 0, 0xbf, 7, 0, 0, 0, 0x67, 0x45, 0x23, 1, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		/* hvm_memmap_table_entry: addr, size, type (1 RAM, 2 reserved), reserved */
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfc, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0xe, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
	};

	(void)state;
	build(&fields);
	for (size_t i = 0; i < START_INFO_SIZE; i++)
		assert_each(out[i] == (i < sizeof(expected) ? expected[i] : 0), "differs at", i);
}

static void without_an_initrd(void **state)
{
	const struct start_info fields = {.address = 0x6000, .cmdline = 0x20000, .map = &map};

	(void)state;
	build(&fields);
	assert_int_equal(get_le32(out + 12), 0);
	assert_true(get_le64(out + 16) == 0);
	/* The map is where it says. */
	uint64_t at = get_le64(out + 40) - 0x6000;
	assert_int_equal(get_le32(out + 48), 2);
	assert_true(at + 2 * 24 <= START_INFO_SIZE);
	assert_true(get_le64(out + at + 24) == 0xe0000);
}

static void a_full_map_fits(void **state)
{
	struct memmap full = {.count = MEMMAP_MAX};
	const struct start_info fields = {.address = 0x6000, .map = &full};

	(void)state;
	for (unsigned i = 0; i < MEMMAP_MAX; i++)
		full.entry[i] = (struct memmap_entry){i * PAGE, PAGE, MEMMAP_RAM};
	build(&fields);
	uint64_t at = get_le64(out + 40) - 0x6000;
	for (unsigned i = 0; i < MEMMAP_MAX; i++)
		assert_true(get_le64(out + at + 24 * i) == i * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(without_an_initrd),
		cmocka_unit_test(a_full_map_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
