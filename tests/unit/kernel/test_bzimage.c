/* bzImages, the zero page and setup_data: Documentation/arch/x86/{boot,zero-page}.rst. */
#include "kernel/bzimage.h"

#include <stdlib.h>

#include "samples.h"
#include "unit.h"

static const struct image_space space = {0x100000, 0x1000000, IMAGE_FOR_X86_64};

static uint8_t file[BZ_SIZE];
static struct image image;
static struct problem problem;

static bool parse_size(size_t size)
{
	problem_clear(&problem);
	return image_parse((struct bytes){file, size}, space, &image, &problem);
}

static bool parse(void)
{
	return parse_size(BZ_SIZE);
}

#define assert_parses()                               \
	do {                                          \
		if (!parse())                         \
			fail_msg("%s", in_words(&problem)); \
	} while (0)

#define assert_refused(says)                      \
	do {                                      \
		assert_false(parse());            \
		assert_mends(in_words(&problem), says); \
	} while (0)

static int set_up(void **state)
{
	(void)state;
	sample_bzimage(file);
	return 0;
}

static void a_good_kernel(void **state)
{
	(void)state;
	assert_parses();
	assert_int_equal(image.format, IMAGE_BZIMAGE);
	/* The 64-bit entry is 0x200 above the load address, 1 MiB. */
	assert_true(image.entry == 0x100200);
	assert_int_equal(image.segment_count, 1);
	assert_true(image.segment[0].address == 0x100000);
	assert_true(image.segment[0].file_offset == BZ_CODE);
	assert_true(image.segment[0].file_size == BZ_CODE_SIZE);
	assert_true(image.segment[0].memory_size >= BZ_CODE_SIZE);
	assert_true(image.end == BZ_PREFERRED + BZ_NEEDED);
	assert_true(image.initrd_max == 0x7fffffff);
	assert_int_equal(image.cmdline_max, 2047);
	assert_ptr_equal(image.setup_header.data, file + 0x1f1);
	assert_int_equal(image.setup_header.size, BZ_HEADER_END - 0x1f1);
}

/* "pref_address … init_size": where the kernel unpacks itself, wherever it was loaded. */
static void it_unpacks_itself_higher_up(void **state)
{
	(void)state;
	put_le64(file + BZ_PREF_ADDRESS, 0x400000);
	put_le32(file + BZ_INIT_SIZE, 0x500000);
	assert_parses();
	assert_true(image.segment[0].address == 0x100000);
	assert_true(image.end == 0x900000);
	/* Below the load address it does not go. */
	put_le64(file + BZ_PREF_ADDRESS, 0);
	assert_parses();
	assert_true(image.end == 0x100000 + 0x500000);
	/* It needs at least the room of its own code. */
	put_le32(file + BZ_INIT_SIZE, 0);
	assert_parses();
	assert_true(image.end == 0x100000 + BZ_CODE_SIZE);
}

static void no_setup_sectors_means_four(void **state)
{
	static uint8_t large[5 * 512 + BZ_CODE_SIZE];

	(void)state;
	memcpy(large, file, BZ_CODE);
	memcpy(large + sizeof(large) - BZ_CODE_SIZE, file + BZ_CODE, BZ_CODE_SIZE);
	large[BZ_SETUP_SECTS] = 0;
	assert_true(image_parse((struct bytes){large, sizeof(large)}, space, &image, &problem));
	assert_true(image.segment[0].file_offset == 5 * 512);
}

/* "setup_sects beyond the file". */
static void setup_sectors_beyond_the_file(void **state)
{
	(void)state;
	for (unsigned sectors = 2; sectors < 256; sectors++) {
		file[BZ_SETUP_SECTS] = (uint8_t)sectors;
		assert_each(!parse(), "parsed with setup_sects", sectors);
		assert_mends(in_words(&problem), "cut short");
	}
}

static void code_beyond_the_file(void **state)
{
	static const uint32_t sizes[] = {BZ_CODE_SIZE / 16 + 1, 0x10000, 0x0fffffff, 0x10000000,
					 0x7fffffff, 0x80000000, UINT32_MAX};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		put_le32(file + BZ_SYSSIZE, sizes[i]);
		assert_refused("cut short");
	}
	/* Too little to hold the entry. */
	put_le32(file + BZ_SYSSIZE, 0);
	assert_refused("cut short");
	put_le32(file + BZ_SYSSIZE, 0x200 / 16);
	assert_refused("cut short");
}

/* syssize counts paragraphs of 16 bytes; what follows the code (a signature) is no code. */
static void the_last_paragraph_may_be_short(void **state)
{
	(void)state;
	assert_true(parse_size(BZ_SIZE - 15));
	assert_true(image.segment[0].file_size == BZ_CODE_SIZE - 15);
	assert_false(parse_size(BZ_SIZE - 16));
	put_le32(file + BZ_SYSSIZE, 0x400 / 16);
	assert_parses();
	assert_true(image.segment[0].file_size == 0x400);
}

static void cut_at_every_byte(void **state)
{
	(void)state;
	for (size_t size = 0; size < BZ_SIZE - 15; size++) {
		uint8_t *copy = malloc(size ? size : 1);

		memcpy(copy, file, size);
		problem_clear(&problem);
		bool parsed = image_parse((struct bytes){copy, size}, space, &image, &problem);
		free(copy);
		assert_each(!parsed, "parsed when cut to", size);
		assert_mends(in_words(&problem), "");
	}
}

static void old_protocols(void **state)
{
	(void)state;
	put_le16(file + BZ_VERSION, 0x20b);
	assert_refused("2.11");
	put_le16(file + BZ_VERSION, 0x20c);
	assert_parses();
	put_le16(file + BZ_VERSION, 0x1ff);
	assert_refused("boot protocol");
	put_le16(file + BZ_VERSION, 0);
	assert_refused("boot protocol");
}

static void other_kinds_of_kernel(void **state)
{
	(void)state;
	file[BZ_LOADFLAGS] = 0;
	assert_refused("zImage");
	file[BZ_LOADFLAGS] = 1;
	put_le16(file + BZ_XLOADFLAGS, 0x000e);
	assert_refused("CONFIG_64BIT=y");
}

/* Byte 0x201 tells the header's end: 0x202 + it. */
static void header_ends(void **state)
{
	(void)state;
	file[BZ_JUMP + 1] = 0x264 - 0x202; /* protocol 2.12 */
	assert_parses();
	assert_int_equal(image.setup_header.size, 0x264 - 0x1f1);
	file[BZ_JUMP + 1] = 0x263 - 0x202;
	assert_refused("setup header");
	file[BZ_JUMP + 1] = 0;
	assert_refused("setup header");
}

static void kernels_larger_than_memory(void **state)
{
	static const struct {
		uint64_t preferred;
		uint32_t init_size;
	} wrong[] = {
		{0x100000, 0xf00001}, {0x1000000, 0x8000}, {0x1000000 - 0x7fff, 0x8000},
		{0x100000, UINT32_MAX}, {UINT64_MAX, 0x8000}, {UINT64_MAX - 0x7fff, 0x8000},
		{UINT64_MAX, UINT32_MAX}, {(uint64_t)1 << 63, 0x8000}, {0x100000000, 0x8000},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		put_le64(file + BZ_PREF_ADDRESS, wrong[i].preferred);
		put_le32(file + BZ_INIT_SIZE, wrong[i].init_size);
		assert_each(!parse(), "parsed with pref_address", wrong[i].preferred);
		assert_mends(in_words(&problem), "-m");
	}
	put_le64(file + BZ_PREF_ADDRESS, 0x1000000 - 0x8000);
	put_le32(file + BZ_INIT_SIZE, 0x8000);
	assert_parses();
	assert_true(image.end == 0x1000000);
}

static void memory_that_begins_above_the_load_address(void **state)
{
	const struct image_space high = {0x100001, 0x1000000, IMAGE_FOR_X86_64};

	(void)state;
	assert_false(image_parse((struct bytes){file, BZ_SIZE}, high, &image, &problem));
	assert_mends(in_words(&problem), "-m");
}

/* --- the zero page --- */

static const struct memmap map = {
	.count = 3,
	.entry = {{0, 0x9fc00, MEMMAP_RAM},
		  {0xe0000, 0x20000, MEMMAP_RESERVED},
		  {0x100000000, 0xf40000000, MEMMAP_RAM}},
};

static uint8_t page[ZERO_PAGE_SIZE + 16];

static void build_page(const struct zero_page *fields)
{
	assert_parses();
	memset(page, 0xee, sizeof(page));
	zero_page_build(&image, fields, page);
	for (unsigned i = ZERO_PAGE_SIZE; i < sizeof(page); i++)
		assert_int_equal(page[i], 0xee);
}

static const struct zero_page fields = {
	.cmdline = 0x20000,
	.initrd = 0x0000000abf000000,
	.initrd_size = 0x0000000b00001234,
	.rsdp = 0xe0000,
	.setup_data = 0x8000,
	.map = &map,
};

static void the_zero_page_golden(void **state)
{
	static uint8_t golden[ZERO_PAGE_SIZE];

	(void)state;
	build_page(&fields);
	/* The header is the kernel's own, from 0x1f1 on … */
	memcpy(golden + 0x1f1, file + 0x1f1, BZ_HEADER_END - 0x1f1);
	/* … and the loader fills in these: */
	golden[0x210] = 0xff;			  /* type_of_loader: undefined */
	put_le32(golden + 0x218, 0xbf000000);	  /* ramdisk_image */
	put_le32(golden + 0x21c, 0x00001234);	  /* ramdisk_size */
	put_le32(golden + 0x228, 0x20000);	  /* cmd_line_ptr */
	put_le64(golden + 0x250, 0x8000);	  /* setup_data */
	put_le64(golden + 0x070, 0xe0000);	  /* acpi_rsdp_addr */
	put_le32(golden + 0x0c0, 0xa);		  /* ext_ramdisk_image */
	put_le32(golden + 0x0c4, 0xb);		  /* ext_ramdisk_size */
	golden[0x1e8] = 3;			  /* e820_entries */
	/* e820_table, 20 bytes an entry: address, size, type */
	put_le64(golden + 0x2d0 + 8, 0x9fc00);
	put_le32(golden + 0x2d0 + 16, 1);
	put_le64(golden + 0x2e4, 0xe0000);
	put_le64(golden + 0x2e4 + 8, 0x20000);
	put_le32(golden + 0x2e4 + 16, 2);
	put_le64(golden + 0x2f8, 0x100000000);
	put_le64(golden + 0x2f8 + 8, 0xf40000000);
	put_le32(golden + 0x2f8 + 16, 1);
	for (unsigned i = 0; i < ZERO_PAGE_SIZE; i++)
		assert_each(page[i] == golden[i], "zero page differs at", i);
	/* "sentinel": 0, or the kernel clears fields that it takes for rubbish. */
	assert_int_equal(page[0x1ef], 0);
}

static void no_initrd(void **state)
{
	const struct zero_page none = {.cmdline = 0x20000, .map = &map};

	(void)state;
	/* A kernel file may carry rubbish in the fields that the loader owns. */
	put_le32(file + BZ_RAMDISK_IMAGE, 0x12345678);
	put_le32(file + BZ_RAMDISK_SIZE, 0x1000);
	put_le64(file + BZ_SETUP_DATA, 0x1122334455667788);
	build_page(&none);
	assert_int_equal(get_le32(page + 0x218), 0);
	assert_int_equal(get_le32(page + 0x21c), 0);
	assert_true(get_le64(page + 0x250) == 0);
	assert_true(get_le64(page + 0x070) == 0);
}

/* In boot_params the header may reach to 0x290; from there on (edd_mbr_sig_buffer, the e820 table)
 * the page belongs to others. A header that says it is longer is refused or cut. */
static void a_long_header_does_not_spill(void **state)
{
	(void)state;
	memset(file + BZ_HEADER_END, 0xdd, 0x304 - BZ_HEADER_END);
	for (unsigned end = 0x290; end <= 0x202 + 0xff; end++) {
		sample_bzimage(file);
		memset(file + BZ_HEADER_END, 0xdd, 0x304 - BZ_HEADER_END);
		file[BZ_JUMP + 1] = (uint8_t)(end - 0x202);
		if (!parse())
			continue;
		build_page(&fields);
		for (unsigned i = 0x290; i < 0x2d0; i++)
			assert_each(page[i] == 0, "the header spills to", i);
		for (unsigned i = 0x2d0 + 3 * 20; i < ZERO_PAGE_SIZE; i++)
			assert_each(page[i] == 0, "the header spills to", i);
	}
}

static void every_map_entry_is_told(void **state)
{
	struct memmap full = {.count = MEMMAP_MAX};
	const struct zero_page with_full = {.map = &full};

	(void)state;
	for (unsigned i = 0; i < MEMMAP_MAX; i++)
		full.entry[i] = (struct memmap_entry){0x1000 * i, 0x800 + i, MEMMAP_RAM};
	build_page(&with_full);
	assert_int_equal(page[0x1e8], MEMMAP_MAX);
	for (unsigned i = 0; i < MEMMAP_MAX; i++) {
		assert_true(get_le64(page + 0x2d0 + 20 * i) == 0x1000 * i);
		assert_true(get_le64(page + 0x2d0 + 20 * i + 8) == 0x800 + i);
	}
}

/* struct setup_data { __u64 next; __u32 type; __u32 len; __u8 data[]; }, SETUP_RNG_SEED is 9. */
static void the_seed_golden(void **state)
{
	uint8_t seed[BZIMAGE_SEED_SIZE], out[SETUP_DATA_SIZE + 8];
	static const uint8_t head[16] = {0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 32, 0, 0, 0};

	(void)state;
	for (unsigned i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(200 + i);
	memset(out, 0xee, sizeof(out));
	setup_data_build(seed, out);
	assert_int_equal(SETUP_DATA_SIZE, 48);
	assert_memory_equal(out, head, 16);
	assert_memory_equal(out + 16, seed, 32);
	assert_int_equal(out[SETUP_DATA_SIZE], 0xee);
}

#define BZIMAGE_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BZIMAGE_TEST(a_good_kernel),
		BZIMAGE_TEST(it_unpacks_itself_higher_up),
		BZIMAGE_TEST(no_setup_sectors_means_four),
		BZIMAGE_TEST(setup_sectors_beyond_the_file),
		BZIMAGE_TEST(code_beyond_the_file),
		BZIMAGE_TEST(the_last_paragraph_may_be_short),
		BZIMAGE_TEST(cut_at_every_byte),
		BZIMAGE_TEST(old_protocols),
		BZIMAGE_TEST(other_kinds_of_kernel),
		BZIMAGE_TEST(header_ends),
		BZIMAGE_TEST(kernels_larger_than_memory),
		BZIMAGE_TEST(memory_that_begins_above_the_load_address),
		BZIMAGE_TEST(the_zero_page_golden),
		BZIMAGE_TEST(no_initrd),
		BZIMAGE_TEST(a_long_header_does_not_spill),
		BZIMAGE_TEST(every_map_entry_is_told),
		BZIMAGE_TEST(the_seed_golden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
