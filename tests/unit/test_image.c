/* Files are recognised by content, and loaded where they said they would be. */
#include "image.h"

#include "samples.h"
#include "unit.h"

static const struct image_space space = {0x100000, 0x1000000};

static struct problem problem;

static bool parse(const void *data, size_t size, struct image *image)
{
	problem.text[0] = '\0';
	return image_parse((struct bytes){data, size}, space, image, &problem);
}

static void kernels_are_recognised(void **state)
{
	static uint8_t elf[ELF_SIZE], bzimage[BZ_SIZE];
	struct image image;

	(void)state;
	sample_elf(elf);
	sample_bzimage(bzimage);
	assert_true(parse(elf, sizeof(elf), &image));
	assert_int_equal(image.format, IMAGE_PVH);
	assert_true(parse(bzimage, sizeof(bzimage), &image));
	assert_int_equal(image.format, IMAGE_BZIMAGE);
}

static void no_bytes_at_all(void **state)
{
	struct image image;

	(void)state;
	assert_false(parse(NULL, 0, &image));
	assert_mends(problem.text, "is empty");
}

struct stranger {
	const char *magic;
	size_t size, offset;
	const char *says;
};

/* Magic numbers from file(1) and from the kernel's lib/decompress.c. */
static const struct stranger strangers[] = {
	{"\x1f\x8b\x08\x00", 4, 0, "gunzip -c"},
	{"\xfd" "7zXZ\x00", 6, 0, "xz -dc"},
	{"\x28\xb5\x2f\xfd", 4, 0, "zstd -dc"},
	{"\x02\x21\x4c\x18", 4, 0, "lz4 -dc"},
	{"BZh91AY", 7, 0, "bzip2 -dc"},
	{"\x5d\x00\x00\x80", 4, 0, "lzma"},
	{"\x89LZO\x00", 5, 0, "lzop -dc"},
	{"ARM\x64", 4, 56, "arm64 Image"},
	{"#!/bin/sh\n", 10, 0, "script"},
	{"!<arch>\n", 8, 0, "archive"},
	{"070701", 6, 0, "-i"},
	{"\x27\x05\x19\x56", 4, 0, "U-Boot"},
	{"rubbish", 7, 0, "no kernel"},
	{"\x7f" "EL", 3, 0, "no kernel"},
	{"HdrS", 4, 0x201, "no kernel"},
};

static void strangers_are_named(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(strangers); i++) {
		uint8_t file[1024] = {0};
		struct image image;

		memcpy(file + strangers[i].offset, strangers[i].magic, strangers[i].size);
		assert_each(!parse(file, sizeof(file), &image), "parsed stranger", i);
		assert_mends(problem.text, strangers[i].says);
		/* The same, with nothing behind it, and with a part of it only. */
		for (size_t size = strangers[i].offset + strangers[i].size; size; size--)
			assert_each(!parse(file, size, &image), "parsed part of stranger", i);
	}
}

static struct ram ram;

static int reserve(void **state)
{
	(void)state;
	return ram_reserve(&ram, 16 * MIB, 3 * GIB, 4 * GIB, &problem) ? 0 : -1;
}

static int release(void **state)
{
	(void)state;
	ram_release(&ram);
	return 0;
}

static void assert_zero(uint64_t from, uint64_t size)
{
	static uint8_t bytes[MIB];

	assert_true(size <= sizeof(bytes));
	assert_true(ram_read(&ram, GPA(from), bytes, size));
	for (uint64_t i = 0; i < size; i++)
		assert_each(bytes[i] == 0, "not zero at", from + i);
}

static void an_elf_is_loaded(void **state)
{
	static uint8_t elf[ELF_SIZE], seen[ELF_TEXT_SIZE];
	struct image image;

	(void)state;
	sample_elf(elf);
	assert_true(parse(elf, sizeof(elf), &image));
	assert_true(image_load((struct bytes){elf, sizeof(elf)}, &image, &ram));
	assert_true(ram_read(&ram, GPA(ELF_ADDRESS), seen, sizeof(seen)));
	assert_memory_equal(seen, elf + ELF_TEXT, sizeof(seen));
	assert_zero(0, MIB);
	assert_zero(ELF_ADDRESS + ELF_TEXT_SIZE, 64 * KIB);
}

static void a_bzimage_is_loaded(void **state)
{
	static uint8_t bzimage[BZ_SIZE], seen[BZ_CODE_SIZE];
	struct image image;

	(void)state;
	sample_bzimage(bzimage);
	assert_true(parse(bzimage, sizeof(bzimage), &image));
	assert_true(image_load((struct bytes){bzimage, sizeof(bzimage)}, &image, &ram));
	assert_true(ram_read(&ram, GPA(0x100000), seen, sizeof(seen)));
	assert_memory_equal(seen, bzimage + BZ_CODE, sizeof(seen));
	assert_zero(0, MIB);
	assert_zero(0x100000 + BZ_CODE_SIZE, 64 * KIB);
}

/* A parsed image can be loaded; image_load does not rely on it. */
static void loading_checks_again(void **state)
{
	static const uint8_t data[64];
	const struct bytes file = {data, sizeof(data)};
	struct image image = {.segment_count = 1};

	(void)state;
	image.segment[0] = (struct image_segment){0, 64, 0x100000, 64};
	assert_true(image_load(file, &image, &ram));
	image.segment[0] = (struct image_segment){1, 64, 0x100000, 64};
	assert_false(image_load(file, &image, &ram));
	image.segment[0] = (struct image_segment){UINT64_MAX, 2, 0x100000, 64};
	assert_false(image_load(file, &image, &ram));
	image.segment[0] = (struct image_segment){0, 64, 16 * MIB - 63, 64};
	assert_false(image_load(file, &image, &ram));
	image.segment[0] = (struct image_segment){0, 64, UINT64_MAX - 31, 64};
	assert_false(image_load(file, &image, &ram));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernels_are_recognised),
		cmocka_unit_test(no_bytes_at_all),
		cmocka_unit_test(strangers_are_named),
		cmocka_unit_test_setup_teardown(an_elf_is_loaded, reserve, release),
		cmocka_unit_test_setup_teardown(a_bzimage_is_loaded, reserve, release),
		cmocka_unit_test_setup_teardown(loading_checks_again, reserve, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
