/* arm64 Images: Documentation/arch/arm64/booting.rst, §4. */
#include "kernel/image.h"

#include <stdlib.h>

#include "samples.h"
#include "unit.h"

/* 2 MiB to 16 MiB of memory that begins at 1 GiB, as with -m 16. */
#define START 0x40200000u
#define END 0x41000000u

static const struct image_space space = {START, END, IMAGE_FOR_ARM64};

static uint8_t file[A64_SIZE];
static struct image image;
static struct problem problem;

static bool parse_in(struct image_space where, size_t size)
{
	problem_clear(&problem);
	return image_parse((struct bytes){file, size}, where, &image, &problem);
}

static bool parse(void)
{
	return parse_in(space, A64_SIZE);
}

#define assert_parses()                               \
	do {                                          \
		if (!parse())                         \
			fail_msg("%s", in_words(&problem)); \
	} while (0)

/* One line, all of it. */
static void assert_told(const char *says)
{
	assert_mends(in_words(&problem), says);
	assert_null(strchr(in_words(&problem), '\n'));
	assert_true(strlen(in_words(&problem)) < sizeof(problem) - 1);
}

#define assert_refused(says)           \
	do {                           \
		assert_false(parse()); \
		assert_told(says);     \
	} while (0)

static int set_up(void **state)
{
	(void)state;
	sample_arm64(file);
	memset(&image, 0xee, sizeof(image));
	return 0;
}

static void a_good_kernel(void **state)
{
	(void)state;
	assert_parses();
	assert_int_equal(image.format, IMAGE_ARM64);
	assert_true(image.entry == START); /* code0 */
	assert_true(image.end == START + A64_NEEDED);
	assert_int_equal(image.segment_count, 1);
	assert_true(image.segment[0].file_offset == 0); /* the header goes along */
	assert_true(image.segment[0].file_size == A64_SIZE);
	assert_true(image.segment[0].address == START);
	assert_true(image.segment[0].memory_size == A64_NEEDED);
	assert_int_equal(image.page_size, 4096);
	assert_null(image.setup_header.data);
	/* arch/arm64/include/uapi/asm/setup.h: COMMAND_LINE_SIZE 2048, with the NUL */
	assert_int_equal(image.cmdline_max, 2047);
}

/* A kernel without CONFIG_EFI begins with an instruction of another kind, and has no PE header. */
static void without_an_efi_stub(void **state)
{
	(void)state;
	put_le32(file + A64_CODE0, 0x91005a4d); /* "MZ" of older ones: ADD X13, X18, #22 */
	assert_parses();
	assert_true(image.entry == START);
	put_le32(file + A64_CODE0, 0x14000010);
	put_le32(file + A64_CODE1, 0);
	put_le32(file + A64_PE_HEADER, 0);
	assert_parses();
	assert_true(image.entry == START);
	assert_int_equal(image.format, IMAGE_ARM64);
}

/* res2, res3 and res4 are zero today, and nobody's business. */
static void reserved_fields(void **state)
{
	(void)state;
	memset(file + A64_FLAGS + 8, 0xff, A64_MAGIC - A64_FLAGS - 8);
	put_le32(file + A64_PE_HEADER, UINT32_MAX);
	assert_parses();
	assert_true(image.end == START + A64_NEEDED);
}

/* "placed text_offset bytes from a 2MB aligned base address" and called there */
static void text_offsets(void **state)
{
	static const uint64_t good[] = {0, 0x1000, 0x80000, 0x1ff000, 0x1fffff};
	static const uint64_t wrong[] = {
		0x200000,
		0x200001,
		0x280000,
		0x8000000000000, /* 0x80000 in the other endianness */
		(uint64_t)1 << 63,
		UINT64_MAX - START + 1, /* wraps to 0 */
		UINT64_MAX - START + 1 + 0x80000,
		UINT64_MAX,
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(good); i++) {
		put_le64(file + A64_TEXT_OFFSET, good[i]);
		assert_each(parse(), "refused with text_offset", good[i]);
		assert_each(image.entry == START + good[i], "entry", image.entry);
		assert_each(image.segment[0].address == image.entry, "address", good[i]);
		assert_each(image.end == image.entry + A64_NEEDED, "end", image.end);
	}
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		put_le64(file + A64_TEXT_OFFSET, wrong[i]);
		assert_each(!parse(), "parsed with text_offset", wrong[i]);
		assert_told("text_offset");
	}
}

/* What is behind the kernel proper is copied, too, and nothing else may lie there. */
static void the_larger_of_both_sizes(void **state)
{
	static const uint64_t sizes[] = {1,        A64_HEADER_END, A64_SIZE - 1,
					 A64_SIZE, A64_SIZE + 1,   MIB};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		uint64_t memory = sizes[i] < A64_SIZE ? A64_SIZE : sizes[i];

		put_le64(file + A64_IMAGE_SIZE, sizes[i]);
		assert_parses();
		assert_each(image.segment[0].file_size == A64_SIZE, "file_size with", sizes[i]);
		assert_each(image.segment[0].memory_size == memory, "memory_size with", sizes[i]);
		assert_each(image.end == START + memory, "end with", sizes[i]);
	}
}

/* "Where image_size is zero", nobody knows how much the kernel needs, and in which endianness
 * its text_offset is. */
static void kernels_before_3_17(void **state)
{
	(void)state;
	put_le64(file + A64_IMAGE_SIZE, 0);
	assert_refused("4.2");
	put_le64(file + A64_TEXT_OFFSET, 0x80000);
	assert_refused("4.2");
	/* All 64 bits count. */
	put_le64(file + A64_IMAGE_SIZE, (uint64_t)1 << 32);
	assert_refused("-m");
}

/* "Bit 0: Kernel endianness. 1 if BE" */
static void big_endian_kernels(void **state)
{
	static const uint64_t flags[] = {1, 0xb, UINT64_MAX};

	(void)state;
	for (unsigned i = 0; i < COUNT(flags); i++) {
		put_le64(file + A64_FLAGS, flags[i]);
		assert_refused("big-endian");
	}
	/* In another byte it is reserved. */
	put_le64(file + A64_FLAGS, (uint64_t)1 << 56);
	assert_parses();
}

/* "Bit 1-2: Kernel Page size: 0 unspecified, 1 4K, 2 16K, 3 64K"; bit 3 is where to put it, the
 * others are reserved. */
static void flags_of_little_endian_kernels(void **state)
{
	static const uint32_t sizes[] = {0, 4096, 16384, 65536};
	static const uint64_t others[] = {0, 1 << 3, ~(uint64_t)0xf, ~(uint64_t)7};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++)
		for (unsigned j = 0; j < COUNT(others); j++) {
			put_le64(file + A64_FLAGS, i << 1 | others[j]);
			assert_each(parse(), "refused with flags", i << 1 | others[j]);
			assert_each(image.page_size == sizes[i], "page size", image.page_size);
			assert_each(image.entry == START, "entry", image.entry);
		}
}

/* A copy of its own for each length, so that the sanitizer sees a byte too far. */
static void cut_at_every_byte(void **state)
{
	(void)state;
	for (size_t size = 0; size < A64_SIZE; size++) {
		uint8_t *copy = malloc(size ? size : 1);

		memcpy(copy, file, size);
		problem_clear(&problem);
		bool parsed = image_parse((struct bytes){copy, size}, space, &image, &problem);
		free(copy);
		assert_each(parsed == (size >= A64_HEADER_END), "cut to", size);
		if (!parsed)
			assert_told(size == 0              ? "empty"
				    : size < A64_MAGIC + 4 ? "no kernel"
							   : "cut short in its header");
		else
			assert_each(image.segment[0].file_size == size, "file_size", size);
	}
}

/* The same without image.c's look at the magic. */
static void a_header_cut_at_every_byte(void **state)
{
	(void)state;
	for (size_t size = 0; size < A64_HEADER_END; size++) {
		uint8_t *copy = malloc(size ? size : 1);

		memcpy(copy, file, size);
		problem_clear(&problem);
		bool parsed =
			arm64_image_parse((struct bytes){copy, size}, space, &image, &problem);
		free(copy);
		assert_each(!parsed, "parsed when cut to", size);
		assert_told("cut short in its header");
	}
}

/* --- memory --- */

static void sizes_near_the_end_of_numbers(void **state)
{
	static const uint64_t sizes[] = {
		(uint64_t)END - START + 1,
		GIB,
		(uint64_t)1 << 32,
		(uint64_t)1 << 63,
		UINT64_MAX - END,
		UINT64_MAX - START,
		UINT64_MAX - START + 1, /* from START on, just to the end of numbers */
		UINT64_MAX - START + 2,
		UINT64_MAX - A64_SIZE,
		UINT64_MAX - 1022,
		UINT64_MAX - 1,
		UINT64_MAX,
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++)
		for (uint64_t offset = 0; offset < 0x200000; offset += 0x1fffff) {
			put_le64(file + A64_IMAGE_SIZE, sizes[i]);
			put_le64(file + A64_TEXT_OFFSET, offset);
			assert_each(!parse(), "parsed with image_size", sizes[i]);
			assert_told("-m");
		}
}

static void what_is_said_of_the_memory(void **state)
{
	(void)state;
	put_le64(file + A64_IMAGE_SIZE, UINT64_MAX);
	assert_refused("needs 18014398509481984 KiB at 0x40200000 ");
	assert_says(in_words(&problem), "ends at 0x41000000 ");
	put_le64(file + A64_IMAGE_SIZE, 14 * MIB + 1);
	assert_refused("needs 14337 KiB at 0x40200000 ");
	put_le64(file + A64_IMAGE_SIZE, 14 * MIB + 1024);
	put_le64(file + A64_TEXT_OFFSET, 0x80000);
	assert_refused("needs 14337 KiB at 0x40280000 ");
}

static void an_exact_fit(void **state)
{
	(void)state;
	for (uint64_t offset = 0; offset <= 0x80000; offset += 0x80000) {
		put_le64(file + A64_TEXT_OFFSET, offset);
		put_le64(file + A64_IMAGE_SIZE, END - START - offset);
		assert_parses();
		assert_true(image.end == END);
		put_le64(file + A64_IMAGE_SIZE, END - START - offset + 1);
		assert_refused("-m");
	}
}

/* It is the file that does not fit. Of a file this large only the header is looked at. */
static void files_larger_than_memory(void **state)
{
	(void)state;
	assert_true(parse_in(space, END - START));
	assert_true(image.end == END);
	assert_false(parse_in(space, END - START + 1));
	assert_told("-m");
	assert_false(parse_in(space, SIZE_MAX));
	assert_told("-m");
}

/* Less memory than what lies below the kernel, which is why START is above END then. */
static void hardly_any_memory(void **state)
{
	static const uint64_t ends[] = {0,
					1,
					START - 0x200000,
					START - 1,
					START,
					START + A64_SIZE - 1,
					START + A64_NEEDED - 1};

	(void)state;
	for (unsigned i = 0; i < COUNT(ends); i++) {
		const struct image_space small = {START, ends[i], IMAGE_FOR_ARM64};

		assert_each(!parse_in(small, A64_SIZE), "parsed in memory up to", ends[i]);
		assert_told("-m");
	}
	assert_true(parse_in((struct image_space){START, START + A64_NEEDED, IMAGE_FOR_ARM64},
			     A64_SIZE));
}

/* "within a 1 GB aligned physical memory window of up to 32 GB in size that fully covers the
 * kernel Image as well" */
static void the_initrds_window(void **state)
{
	static const struct {
		uint64_t start, text_offset, max;
	} cases[] = {
		{0x40200000, 0, 0x83fffffff},       {0x40000000, 0, 0x83fffffff},
		{0x7fe00000, 0x80000, 0x83fffffff}, {0x7fe00000, 0x1fffff, 0x83fffffff},
		{0x80000000, 0, 0x87fffffff},       {0, 0x80000, 0x7ffffffff},
		{0x103fe00000, 0, 0x17ffffffff},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		const struct image_space where = {cases[i].start, 0x10000000000, IMAGE_FOR_ARM64};

		put_le64(file + A64_TEXT_OFFSET, cases[i].text_offset);
		assert_true(parse_in(where, A64_SIZE));
		assert_each(image.initrd_max == cases[i].max, "initrd_max", image.initrd_max);
	}
}

#define ARM64_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARM64_TEST(a_good_kernel),
		ARM64_TEST(without_an_efi_stub),
		ARM64_TEST(reserved_fields),
		ARM64_TEST(text_offsets),
		ARM64_TEST(the_larger_of_both_sizes),
		ARM64_TEST(kernels_before_3_17),
		ARM64_TEST(big_endian_kernels),
		ARM64_TEST(flags_of_little_endian_kernels),
		ARM64_TEST(cut_at_every_byte),
		ARM64_TEST(a_header_cut_at_every_byte),
		ARM64_TEST(sizes_near_the_end_of_numbers),
		ARM64_TEST(what_is_said_of_the_memory),
		ARM64_TEST(an_exact_fit),
		ARM64_TEST(files_larger_than_memory),
		ARM64_TEST(hardly_any_memory),
		ARM64_TEST(the_initrds_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
