/* Files are recognised by content, and loaded where they said they would be. */
#include "kernel/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "samples.h"
#include "unit.h"

static const struct image_space spaces[] = {
	[IMAGE_FOR_X86_64] = {0x100000, 0x1000000, IMAGE_FOR_X86_64},
	[IMAGE_FOR_ARM64] = {0x40200000, 0x41000000, IMAGE_FOR_ARM64},
};

static struct problem problem;

static bool parse_for(enum image_machine machine, const void *data, size_t size,
		      struct image *image)
{
	problem_clear(&problem);
	return image_parse((struct bytes){data, size}, spaces[machine], image, &problem);
}

static bool parse(const void *data, size_t size, struct image *image)
{
	return parse_for(IMAGE_FOR_X86_64, data, size, image);
}

/* What MACHINE says of a file that it refuses. */
static const char *refusal(enum image_machine machine, const void *data, size_t size)
{
	struct image image;

	assert_each(!parse_for(machine, data, size, &image), "parsed by machine", machine);
	assert_mends(in_words(&problem), "is ");
	assert_null(strchr(in_words(&problem), '\n'));
	return in_words(&problem);
}

static void kernels_are_recognised(void **state)
{
	static uint8_t elf[ELF_SIZE], bzimage[BZ_SIZE], arm64[A64_SIZE];
	struct image image;

	(void)state;
	sample_elf(elf);
	sample_bzimage(bzimage);
	sample_arm64(arm64);
	assert_true(parse(elf, sizeof(elf), &image));
	assert_int_equal(image.format, IMAGE_PVH);
	assert_int_equal(image.page_size, 0);
	assert_true(parse(bzimage, sizeof(bzimage), &image));
	assert_int_equal(image.format, IMAGE_BZIMAGE);
	assert_int_equal(image.page_size, 0);
	assert_true(parse_for(IMAGE_FOR_ARM64, arm64, sizeof(arm64), &image));
	assert_int_equal(image.format, IMAGE_ARM64);
}

/* A machine says what the file is, which guests it runs, and what to give. */
static void the_other_machines_kernels(void **state)
{
	static uint8_t elf[ELF_SIZE], bzimage[BZ_SIZE], arm64[A64_SIZE];

	(void)state;
	sample_elf(elf);
	sample_bzimage(bzimage);
	sample_arm64(arm64);
	assert_string_equal(refusal(IMAGE_FOR_ARM64, elf, sizeof(elf)),
			    "is an ELF file, which is no kernel for arm64 guests (give an arm64 "
			    "Image)");
	assert_string_equal(refusal(IMAGE_FOR_ARM64, bzimage, sizeof(bzimage)),
			    "is an x86-64 bzImage, which is no kernel for arm64 guests (give an "
			    "arm64 Image)");
	assert_string_equal(refusal(IMAGE_FOR_X86_64, arm64, sizeof(arm64)),
			    "is an arm64 Image, which is no kernel for x86-64 guests (give a PVH "
			    "vmlinux or a bzImage)");
	/* Of an Image it is enough to have seen the magic. */
	assert_says(refusal(IMAGE_FOR_X86_64, arm64, A64_MAGIC + 4), "is an arm64 Image");
	assert_says(refusal(IMAGE_FOR_X86_64, arm64, A64_MAGIC + 3), "is no kernel");
}

/* Each finds its own first: the rest of an Image may be anything, "HdrS" at 0x202, say. */
static void kernels_with_two_names(void **state)
{
	static uint8_t both[BZ_SIZE];
	struct image image;

	(void)state;
	sample_bzimage(both);
	memcpy(both + A64_MAGIC, "ARM\x64", 4);
	put_le64(both + A64_TEXT_OFFSET, 0);
	put_le64(both + A64_IMAGE_SIZE, A64_NEEDED);
	put_le64(both + A64_FLAGS, 0);
	assert_true(parse_for(IMAGE_FOR_X86_64, both, sizeof(both), &image));
	assert_int_equal(image.format, IMAGE_BZIMAGE);
	assert_true(parse_for(IMAGE_FOR_ARM64, both, sizeof(both), &image));
	assert_int_equal(image.format, IMAGE_ARM64);
}

static void no_bytes_at_all(void **state)
{
	(void)state;
	assert_string_equal(refusal(IMAGE_FOR_X86_64, NULL, 0),
			    "is empty (give a PVH vmlinux or a bzImage)");
	assert_string_equal(refusal(IMAGE_FOR_ARM64, NULL, 0), "is empty (give an arm64 Image)");
}

struct stranger {
	const char *magic;
	size_t size, offset;
	const char *says;
};

/* Magic numbers from file(1). */
static const struct stranger strangers[] = {
	{"#!/bin/sh\n", 10, 0, "is a script"},
	{"!<arch>\n", 8, 0, "archive"},
	{"070701", 6, 0, "-i"},
	{"\x27\x05\x19\x56", 4, 0, "U-Boot"},
	{"rubbish", 7, 0, "no kernel"},
	{"\x7f"
	 "EL",
	 3, 0, "no kernel"},
	{"HdrS", 4, 0x201, "no kernel"},
	{"ARM\x64", 4, 55, "no kernel"},
	{"RSC\x05", 4, 56, "no kernel"}, /* Documentation/arch/riscv/boot-image-header.rst */
	{"MZ", 2, 0, "no kernel"},
};

static const char *const to_give[] = {"(give a PVH vmlinux or a bzImage)", "(give an arm64 Image)"};

/* The same, with nothing behind it, and a part of it only: nothing beyond is looked at. */
static void check_parts(enum image_machine machine, const uint8_t *file, size_t length)
{
	for (size_t size = 0; size <= length; size++) {
		uint8_t *copy = malloc(size ? size : 1);

		memcpy(copy, file, size);
		refusal(machine, copy, size);
		free(copy);
	}
}

static void strangers_are_named(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(strangers); i++)
		for (unsigned machine = 0; machine < 2; machine++) {
			uint8_t file[1024] = {0};

			memcpy(file + strangers[i].offset, strangers[i].magic, strangers[i].size);
			assert_says(refusal(machine, file, sizeof(file)), strangers[i].says);
			assert_string_equal(strrchr(in_words(&problem), '('), to_give[machine]);
			check_parts(machine, file, strangers[i].offset + strangers[i].size);
		}
}

/* --- compressed kernels --- */

/* Magic numbers from the kernel's lib/decompress.c, names from
 * drivers/firmware/efi/libstub/Makefile.zboot: those of xz and zstd were longer once and are
 * again. */
static const struct compressor {
	const char *magic;
	size_t size;
	const char *name, *zboot, *unpack;
} compressors[] = {
	{"\x1f\x8b\x08\x00", 4, "gzip", "gzip", "gunzip -c"},
	{"\xfd"
	 "7zXZ\x00",
	 6, "xz", "xz", "xz -dc"},
	{"\xfd"
	 "7zXZ\x00",
	 6, "xz", "xzkern", "xz -dc"},
	{"\x28\xb5\x2f\xfd", 4, "zstd", "zstd", "zstd -dc"},
	{"\x28\xb5\x2f\xfd", 4, "zstd", "zstd22", "zstd -dc"},
	{"\x02\x21\x4c\x18", 4, "lz4", "lz4", "lz4 -dc"},
	{"BZh91AY", 7, "bzip2", "bzip2", "bzip2 -dc"},
	{"\x5d\x00\x00\x80", 4, "lzma", "lzma", "xz -dc"},
	{"\x89LZO\x00", 5, "lzo", "lzo", "lzop -dc"},
};

static void compressed_kernels(void **state)
{
	static const char *const unpacked[] = {"vmlinux", "Image"};

	(void)state;
	for (unsigned i = 0; i < COUNT(compressors); i++)
		for (unsigned machine = 0; machine < 2; machine++) {
			uint8_t file[1024] = {0};
			char expected[128];

			memcpy(file, compressors[i].magic, compressors[i].size);
			snprintf(expected, sizeof(expected),
				 "is compressed with %s (unpack it first: %s FILE >%s)",
				 compressors[i].name, compressors[i].unpack, unpacked[machine]);
			assert_string_equal(refusal(machine, file, sizeof(file)), expected);
			check_parts(machine, file, compressors[i].size);
		}
}

/* drivers/firmware/efi/libstub/zboot-header.S: "MZ", "zimg" at 4, the payload's offset and size,
 * two reserved words, the compression's name; LINUX_PE_MAGIC where an Image has its own. */
enum { ZBOOT_OFFSET = 8, ZBOOT_SIZE = 12, ZBOOT_COMPRESSION = 24, ZBOOT_HEADER = 64 };

static void make_zboot(uint8_t file[ZBOOT_HEADER], const char *compression, uint32_t offset,
		       uint32_t size)
{
	memset(file, 0, ZBOOT_HEADER);
	memcpy(file, "MZ\0\0zimg", 8);
	put_le32(file + ZBOOT_OFFSET, offset);
	put_le32(file + ZBOOT_SIZE, size);
	memcpy(file + ZBOOT_COMPRESSION, compression, strlen(compression) + 1);
	put_le32(file + A64_MAGIC, 0x818223cd);
	put_le32(file + A64_PE_HEADER, ZBOOT_HEADER);
}

/* tail counts bytes from 1. */
static void zboot_kernels(void **state)
{
	static const struct {
		uint32_t offset, size;
		const char *first;
	} places[] = {{0, 0, "1"},
		      {1, 1, "2"},
		      {0x1000, 0x123456, "4097"},
		      {0x7fffffff, 0x80000000, "2147483648"},
		      {0xfffffffe, 0xfffffffe, "4294967295"},
		      {0xffffffff, 0xffffffff, "4294967296"}};

	(void)state;
	for (unsigned i = 0; i < COUNT(compressors); i++)
		for (unsigned j = 0; j < COUNT(places); j++) {
			uint8_t file[ZBOOT_HEADER];
			char expected[160];

			make_zboot(file, compressors[i].zboot, places[j].offset, places[j].size);
			snprintf(expected, sizeof(expected),
				 "is an EFI zboot image (unpack it first: tail -c +%s FILE | head "
				 "-c %u | %s >Image)",
				 places[j].first, places[j].size, compressors[i].unpack);
			assert_string_equal(refusal(IMAGE_FOR_ARM64, file, sizeof(file)), expected);
			check_parts(IMAGE_FOR_ARM64, file, sizeof(file));
			/* x86-64 has none, so it is not to be unpacked for nothing. */
			assert_says(refusal(IMAGE_FOR_X86_64, file, sizeof(file)), "EFI zboot");
			assert_string_equal(strrchr(in_words(&problem), '('),
					    to_give[IMAGE_FOR_X86_64]);
		}
}

static void zboot_kernels_of_an_unknown_kind(void **state)
{
	static const char *const names[] = {"",     "gzi",  "rle",
					    "none", "GZIP", "1234567890123456789012345678901"};
	uint8_t file[ZBOOT_HEADER];

	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++) {
		make_zboot(file, names[i], 0x1000, 0x1000);
		assert_says(refusal(IMAGE_FOR_ARM64, file, sizeof(file)), "EFI zboot image");
		assert_says(in_words(&problem), "does not know");
		check_parts(IMAGE_FOR_ARM64, file, sizeof(file));
	}
}

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static size_t file_size(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return (size_t)status.st_size;
}

/* What is between "first: " and the last bracket is given to a shell, and makes an Image of
 * FILE. */
static void check_command(const void *kernel, size_t size)
{
	struct image image;
	static uint8_t seen[A64_SIZE];
	char *command = strstr(in_words(&problem), "first: ");

	assert_non_null(command);
	*strrchr(command, ')') = '\0';
	assert_int_equal(system(command + strlen("first: ")), 0);
	assert_int_equal(file_size("Image"), size);
	FILE *file = fopen("Image", "r");
	assert_non_null(file);
	assert_int_equal(fread(seen, 1, sizeof(seen), file), size);
	fclose(file);
	assert_memory_equal(seen, kernel, size);
	assert_true(parse_for(IMAGE_FOR_ARM64, seen, size, &image));
}

static char directory[32];
static int home;

static int enter_directory(void **state)
{
	(void)state;
	home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	strcpy(directory, "/tmp/image-XXXXXX");
	return home >= 0 && mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int leave_directory(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", directory);
	int result = system(command) == 0 && fchdir(home) == 0 ? 0 : -1;
	close(home);
	return result;
}

/* Behind the payload, as in a real one, is more. */
static void commands_do_what_they_say(void **state)
{
	static uint8_t kernel[A64_SIZE], header[ZBOOT_HEADER], payload[2 * A64_SIZE];

	(void)state;
	sample_arm64(kernel);
	write_file("kernel", kernel, sizeof(kernel));
	assert_int_equal(system("gzip -c kernel >payload"), 0);
	size_t size = file_size("payload");
	FILE *file = fopen("payload", "r");
	assert_non_null(file);
	assert_true(size <= sizeof(payload) && fread(payload, 1, size, file) == size);
	fclose(file);

	make_zboot(header, "gzip", sizeof(header) + 5, (uint32_t)size);
	write_file("FILE", header, sizeof(header));
	write_file("FILE", "stub:", 5);
	write_file("FILE", payload, size);
	write_file("FILE", "code, data and a signature", 26);
	refusal(IMAGE_FOR_ARM64, header, sizeof(header));
	check_command(kernel, sizeof(kernel));

	assert_int_equal(system("mv payload FILE"), 0);
	refusal(IMAGE_FOR_ARM64, payload, size);
	check_command(kernel, sizeof(kernel));
}

/* --- loading --- */

static struct ram ram;

static int reserve(void **state)
{
	(void)state;
	return ram_reserve(&ram, 16 * MIB, 0, 3 * GIB, 4 * GIB, &problem) ? 0 : -1;
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
	assert_true(image_load((struct bytes){elf, sizeof(elf)}, &image, &ram, ram_write));
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
	assert_true(image_load((struct bytes){bzimage, sizeof(bzimage)}, &image, &ram, ram_write));
	assert_true(ram_read(&ram, GPA(0x100000), seen, sizeof(seen)));
	assert_memory_equal(seen, bzimage + BZ_CODE, sizeof(seen));
	assert_zero(0, MIB);
	assert_zero(0x100000 + BZ_CODE_SIZE, 64 * KIB);
}

static int reserve_arm64(void **state)
{
	(void)state;
	return ram_reserve(&ram, 16 * MIB, GIB, 65 * GIB, 65 * GIB, &problem) ? 0 : -1;
}

static void an_arm64_image_is_loaded(void **state)
{
	static uint8_t arm64[A64_SIZE], seen[A64_SIZE];
	const uint64_t address = 0x40200000 + 0x80000;
	struct image image;

	(void)state;
	sample_arm64(arm64);
	put_le64(arm64 + A64_TEXT_OFFSET, 0x80000);
	assert_true(parse_for(IMAGE_FOR_ARM64, arm64, sizeof(arm64), &image));
	assert_true(image_load((struct bytes){arm64, sizeof(arm64)}, &image, &ram, ram_write));
	assert_true(ram_read(&ram, GPA(address), seen, sizeof(seen)));
	assert_memory_equal(seen, arm64, sizeof(seen));
	assert_zero(address - 0x80000, 0x80000);
	assert_zero(address + A64_SIZE, 64 * KIB);
}

/* A parsed image can be loaded; image_load does not rely on it. */
static void loading_checks_again(void **state)
{
	static const uint8_t data[64];
	const struct bytes file = {data, sizeof(data)};
	struct image image = {.segment_count = 1};

	(void)state;
	image.segment[0] = (struct image_segment){0, 64, 0x100000, 64};
	assert_true(image_load(file, &image, &ram, ram_write));
	image.segment[0] = (struct image_segment){1, 64, 0x100000, 64};
	assert_false(image_load(file, &image, &ram, ram_write));
	image.segment[0] = (struct image_segment){UINT64_MAX, 2, 0x100000, 64};
	assert_false(image_load(file, &image, &ram, ram_write));
	image.segment[0] = (struct image_segment){0, 64, 16 * MIB - 63, 64};
	assert_false(image_load(file, &image, &ram, ram_write));
	image.segment[0] = (struct image_segment){0, 64, UINT64_MAX - 31, 64};
	assert_false(image_load(file, &image, &ram, ram_write));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernels_are_recognised),
		cmocka_unit_test(no_bytes_at_all),
		cmocka_unit_test(the_other_machines_kernels),
		cmocka_unit_test(kernels_with_two_names),
		cmocka_unit_test(strangers_are_named),
		cmocka_unit_test(compressed_kernels),
		cmocka_unit_test(zboot_kernels),
		cmocka_unit_test(zboot_kernels_of_an_unknown_kind),
		cmocka_unit_test_setup_teardown(commands_do_what_they_say, enter_directory,
						leave_directory),
		cmocka_unit_test_setup_teardown(an_elf_is_loaded, reserve, release),
		cmocka_unit_test_setup_teardown(a_bzimage_is_loaded, reserve, release),
		cmocka_unit_test_setup_teardown(an_arm64_image_is_loaded, reserve_arm64, release),
		cmocka_unit_test_setup_teardown(loading_checks_again, reserve, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
