/* What is seen of kernels that were made up, good and bad. */
#include "kernel/kernel_facts.h"

#include <stdlib.h>

#include "samples.h"
#include "unit.h"

static struct kernel_facts facts;

/* The file in an allocation of its size: nothing beyond is looked at. */
static void look(const void *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (size)
		memcpy(copy, data, size);
	kernel_facts_read((struct bytes){size ? copy : NULL, size}, &facts);
	free(copy);
}

static void formats_and_machines(void **state)
{
	static uint8_t elf[ELF_SIZE], bzimage[BZ_SIZE], arm64[A64_SIZE];

	(void)state;
	sample_elf(elf);
	sample_bzimage(bzimage);
	sample_arm64(arm64);
	look(elf, sizeof(elf));
	assert_int_equal(facts.format, KERNEL_ELF);
	assert_true(facts.pvh && facts.has_machine);
	assert_int_equal(facts.machine, IMAGE_FOR_X86_64);
	assert_string_equal(facts.architecture, "x86-64");
	look(bzimage, sizeof(bzimage));
	assert_int_equal(facts.format, KERNEL_BZIMAGE);
	assert_true(facts.entry_64 && facts.relocatable && facts.has_machine);
	assert_int_equal(facts.protocol, 0x20f);
	assert_string_equal(facts.architecture, "x86-64");
	look(arm64, sizeof(arm64));
	assert_int_equal(facts.format, KERNEL_IMAGE);
	assert_int_equal(facts.machine, IMAGE_FOR_ARM64);
	assert_string_equal(facts.architecture, "arm64");
	look("#!/bin/sh\n", 10);
	assert_int_equal(facts.format, KERNEL_STRANGE);
	assert_false(facts.has_machine);
	look(NULL, 0);
	assert_int_equal(facts.format, KERNEL_STRANGE);
}

static void elf_files(void **state)
{
	static uint8_t elf[ELF_SIZE];

	(void)state;
	sample_elf(elf);
	elf[ELF_NOTE + 12] = 'Y';
	look(elf, sizeof(elf));
	assert_false(facts.pvh);
	assert_true(facts.has_machine);
	put_le16(elf + EHDR(e_machine), EM_AARCH64);
	look(elf, sizeof(elf));
	assert_int_equal(facts.machine, IMAGE_FOR_ARM64);
	put_le16(elf + EHDR(e_machine), EM_RISCV);
	look(elf, sizeof(elf));
	assert_false(facts.has_machine);
	assert_int_equal(facts.elf_machine, EM_RISCV);
	look(elf, 10);
	assert_int_equal(facts.format, KERNEL_ELF);
	assert_false(facts.has_machine);
}

static void bzimages_that_are_odd(void **state)
{
	static uint8_t file[BZ_SIZE];

	(void)state;
	sample_bzimage(file);
	file[BZ_RELOCATABLE] = 0;
	put_le16(file + BZ_XLOADFLAGS, 2);
	look(file, sizeof(file));
	assert_false(facts.relocatable);
	assert_false(facts.entry_64);
	assert_false(facts.has_machine);
	assert_string_equal(facts.architecture, "x86");
	/* Older protocols have code where the flags are. */
	sample_bzimage(file);
	put_le16(file + BZ_VERSION, 0x20b);
	look(file, sizeof(file));
	assert_false(facts.entry_64);
	assert_true(facts.relocatable);
	put_le16(file + BZ_VERSION, 0x204);
	look(file, sizeof(file));
	assert_false(facts.relocatable);
	look(file, BZ_MAGIC + 4);
	assert_int_equal(facts.format, KERNEL_BZIMAGE);
	assert_int_equal(facts.protocol, 0);
}

enum { VERSION_FIELD = 0x20e, VERSION_AT = 0x300 };

static void version_of_a_bzimage(void **state)
{
	static uint8_t file[BZ_SIZE];

	(void)state;
	sample_bzimage(file);
	look(file, sizeof(file));
	assert_string_equal(facts.version, "");
	strcpy((char *)file + VERSION_AT, "6.1.0-56-cloud-amd64 (debian-kernel) #1 SMP");
	put_le16(file + VERSION_FIELD, VERSION_AT - 0x200);
	look(file, sizeof(file));
	assert_string_equal(facts.version, "6.1.0-56-cloud-amd64");
	/* It lies in the setup, which has a sector here. */
	put_le16(file + VERSION_FIELD, 0x200);
	strcpy((char *)file + 0x400, "6.2");
	look(file, sizeof(file));
	assert_string_equal(facts.version, "");
	put_le16(file + VERSION_FIELD, 0x1ff);
	look(file, sizeof(file));
	assert_string_equal(facts.version, "");
	put_le16(file + VERSION_FIELD, 0xffff);
	look(file, sizeof(file));
	assert_string_equal(facts.version, "");
	put_le16(file + VERSION_FIELD, VERSION_AT - 0x200);
	look(file, BZ_CODE - 1);
	assert_string_equal(facts.version, "");
}

/* TEXT in an Image, at its end if LAST. */
static const char *version_in(const char *text, bool last)
{
	static uint8_t arm64[A64_SIZE];
	size_t length = strlen(text);

	sample_arm64(arm64);
	memcpy(arm64 + (last ? A64_SIZE - length : 0x200), text, length);
	if (!last)
		arm64[0x200 + length] = '\0';
	look(arm64, sizeof(arm64));
	return facts.version;
}

static void version_in_an_image(void **state)
{
	static const char digits[] = "1234567890123456789012345678901234567890123456789012345678901234";
	char text[128];

	(void)state;
	assert_string_equal(version_in("Linux version 6.12.1-x (me@here)", false), "6.12.1-x");
	assert_string_equal(version_in("Linux version 6.12", false), "6.12");
	assert_string_equal(version_in("Linux version %s Linux version 5.4 ", false), "5.4");
	assert_string_equal(version_in("LLinux version 5.4 ", false), "5.4");
	assert_string_equal(version_in("Linux version ", false), "");
	assert_string_equal(version_in("Linux version 6.\x1b[31m ", false), "");
	assert_string_equal(version_in("Linux version 6.12\n", false), "");
	assert_string_equal(version_in("Linux versions 6.12 ", false), "");
	/* The file ends in it. */
	assert_string_equal(version_in("Linux version 6.12", true), "");
	assert_string_equal(version_in("Linux version ", true), "");
	assert_string_equal(version_in("Linux version 6.12 ", true), "6.12");
	/* 64 characters are the most that Linux has. */
	sprintf(text, "Linux version %s ", digits);
	assert_string_equal(version_in(text, false), digits);
	sprintf(text, "Linux version %s5 ", digits);
	assert_string_equal(version_in(text, false), "");
}

static void a_configuration_inside(void **state)
{
	static uint8_t elf[ELF_SIZE];
	static const char start[] = "IKCFG_ST\x1f\x8b\x08", end[] = "IKCFG_ED";

	(void)state;
	sample_elf(elf);
	look(elf, sizeof(elf));
	assert_false(facts.has_config);
	memcpy(elf + ELF_TEXT, start, sizeof(start));
	look(elf, sizeof(elf));
	assert_false(facts.has_config);
	memcpy(elf + ELF_TEXT + 32, end, sizeof(end));
	look(elf, sizeof(elf));
	assert_true(facts.has_config);
	look(elf, ELF_TEXT + 32 + sizeof(end) - 1); /* the file ends there */
	assert_true(facts.has_config);
	look(elf, ELF_TEXT + 32 + sizeof(end) - 2);
	assert_false(facts.has_config);
	elf[ELF_TEXT + 8] = 'x';
	look(elf, sizeof(elf));
	assert_false(facts.has_config);
	/* the wrong way round */
	memcpy(elf + ELF_TEXT, end, sizeof(end));
	memcpy(elf + ELF_TEXT + 32, start, sizeof(start));
	look(elf, sizeof(elf));
	assert_false(facts.has_config);
}

static void what_fits(void **state)
{
	static uint8_t elf[ELF_SIZE], bzimage[BZ_SIZE], arm64[A64_SIZE];
	struct problem problem = {"", ""};
	struct image image;
	unsigned mib = 0;

	(void)state;
	sample_elf(elf);
	sample_bzimage(bzimage);
	sample_arm64(arm64);
	struct bytes small = {elf, sizeof(elf)}, packed = {bzimage, sizeof(bzimage)};
	struct bytes foreign = {arm64, sizeof(arm64)};
	assert_true(kernel_fits(small, IMAGE_FOR_X86_64, &image, &mib, &problem));
	assert_int_equal(mib, 16); /* the least that -m takes */
	assert_int_equal(image.entry, ELF_ENTRY);
	assert_false(kernel_fits(foreign, IMAGE_FOR_X86_64, &image, &mib, &problem));
	assert_mends(in_words(&problem), "is an arm64 Image");
	assert_false(kernel_fits(small, IMAGE_FOR_ARM64, &image, &mib, &problem));
	/* Counted from where memory begins, and rounded up. */
	put_le32(bzimage + BZ_INIT_SIZE, (uint32_t)(99 * MIB));
	assert_true(kernel_fits(packed, IMAGE_FOR_X86_64, &image, &mib, &problem));
	assert_int_equal(mib, 100);
	put_le32(bzimage + BZ_INIT_SIZE, (uint32_t)(99 * MIB + 1));
	assert_true(kernel_fits(packed, IMAGE_FOR_X86_64, &image, &mib, &problem));
	assert_int_equal(mib, 101);
	put_le64(arm64 + A64_IMAGE_SIZE, 30 * MIB);
	assert_true(kernel_fits(foreign, IMAGE_FOR_ARM64, &image, &mib, &problem));
	assert_int_equal(mib, 32); /* 2 MiB are the device tree's */
	put_le64(arm64 + A64_IMAGE_SIZE, 65 * GIB);
	assert_false(kernel_fits(foreign, IMAGE_FOR_ARM64, &image, &mib, &problem));
	assert_string_equal(kernel_machine_name(IMAGE_FOR_X86_64), "x86-64");
	assert_string_equal(kernel_machine_name(IMAGE_FOR_ARM64), "arm64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_and_machines),
		cmocka_unit_test(elf_files),
		cmocka_unit_test(bzimages_that_are_odd),
		cmocka_unit_test(version_of_a_bzimage),
		cmocka_unit_test(version_in_an_image),
		cmocka_unit_test(a_configuration_inside),
		cmocka_unit_test(what_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
