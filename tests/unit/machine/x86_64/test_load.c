/* Kernel, initrd and boot data in guest memory: where they go, and what is said when they do not
 * fit. The formats of the tables have tests of their own. */
#define _GNU_SOURCE
#include "machine/arch.h"

#include <stdio.h>

#include "archive.h"
#include "samples.h"
#include "unit.h"

/* Not in the set of code that every test links. */
#include "machine/load.c"
#include "boot.c"

enum { RAM_SIZE = 16 << 20 };

static struct ram ram;
static struct problem problem;
static struct cmdline cmdline;
static struct placed_initrd placed;
static struct boot_entry entry;
static const struct irqchip irqchip;
static uint8_t elf[ELF_SIZE], bzimage[BZ_SIZE], seed[SEED_SIZE];
static uint8_t initrd[RAM_SIZE] = {0x1f, 0x8b, 0x08}; /* gzip, as far as anybody looks */
static struct boot_request request;
static const struct files no_files;

static int set_up(void **state)
{
	(void)state;
	sample_elf(elf);
	sample_bzimage(bzimage);
	for (size_t i = 3; i < sizeof(initrd); i++)
		initrd[i] = (uint8_t)(i * 11 + (i >> 12));
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(i + 100);
	memset(&cmdline, 0, sizeof(cmdline));
	memset(&entry, 0, sizeof(entry));
	request = (struct boot_request){
		.files = &no_files,
		.kernel_name = "my-kernel",
		.kernel = {elf, sizeof(elf)},
		.cmdline = &cmdline,
		.seed = seed,
		.cpus = 2,
	};
	return ram_reserve(&ram, RAM_SIZE, 0, 3 * GIB, 4 * GIB, &problem) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	ram_release(&ram);
	return 0;
}

static void use_bzimage(void)
{
	request.kernel = (struct bytes){bzimage, sizeof(bzimage)};
}

static void use_initrd(size_t size)
{
	request.initrd_name = "my-initrd";
	request.initrd = (struct bytes){initrd, size};
}

static bool load(void)
{
	problem_clear(&problem);
	return arch_load(&request, &ram, &placed, &entry, &problem) &&
	       arch_describe(&request, &placed, &irqchip, &ram, &problem);
}

#define assert_loads()                                \
	do {                                          \
		if (!load())                          \
			fail_msg("%s", in_words(&problem)); \
	} while (0)

#define assert_refused(object, says)                \
	do {                                        \
		assert_false(load());               \
		assert_mends(in_words(&problem), object); \
		assert_says(in_words(&problem), says);    \
	} while (0)

static const uint8_t *look(uint64_t address, size_t size)
{
	static uint8_t seen[RAM_SIZE];

	assert_true(ram_read(&ram, GPA(address), seen, size));
	return seen;
}

/* Where the kernel is told its initrd is. */
static uint64_t initrd_address(void)
{
	if (request.kernel.data == bzimage)
		return get_le32(look(LAYOUT_ZERO_PAGE, PAGE) + 0x218);
	uint64_t module = get_le64(look(LAYOUT_START_INFO, 0x100) + 16);
	return get_le64(look(module, 16));
}

static uint64_t initrd_size(void)
{
	if (request.kernel.data == bzimage)
		return get_le32(look(LAYOUT_ZERO_PAGE, PAGE) + 0x21c);
	uint64_t module = get_le64(look(LAYOUT_START_INFO, 0x100) + 16);
	return get_le64(look(module, 16) + 8);
}

static void assert_tables(bool long_mode)
{
	assert_memory_equal(look(LAYOUT_ACPI, 8), "RSD PTR ", 8);
	assert_memory_equal(look(LAYOUT_MPTABLE, 4), "_MP_", 4);
	/* Bit 21 of a code descriptor's upper half: long mode. */
	assert_int_equal(get_le32(look(LAYOUT_GDT + 0x14, 4)) >> 21 & 1, long_mode);
	assert_string_equal((const char *)look(LAYOUT_CMDLINE, PAGE), cmdline.text);
}

static void a_pvh_kernel(void **state)
{
	(void)state;
	assert_loads();
	assert_int_equal(entry.mode, IMAGE_PVH);
	assert_true(entry.entry == ELF_ENTRY);
	assert_true(entry.argument == LAYOUT_START_INFO);
	assert_memory_equal(look(ELF_ADDRESS, ELF_TEXT_SIZE), elf + ELF_TEXT, ELF_TEXT_SIZE);
	const uint8_t *info = look(LAYOUT_START_INFO, 0x100);
	assert_int_equal(get_le32(info), 0x336ec578);
	assert_int_equal(get_le32(info + 12), 0); /* modules */
	assert_true(get_le64(info + 24) == LAYOUT_CMDLINE);
	assert_true(get_le64(info + 32) == LAYOUT_ACPI);
	assert_tables(false);
}

static void a_bzimage(void **state)
{
	(void)state;
	use_bzimage();
	assert_loads();
	assert_int_equal(entry.mode, IMAGE_BZIMAGE);
	assert_true(entry.entry == 0x100200);
	assert_true(entry.argument == LAYOUT_ZERO_PAGE);
	assert_memory_equal(look(0x100000, BZ_CODE_SIZE), bzimage + BZ_CODE, BZ_CODE_SIZE);
	const uint8_t *page = look(LAYOUT_ZERO_PAGE, PAGE);
	assert_int_equal(get_le32(page + 0x228), LAYOUT_CMDLINE);
	assert_true(get_le64(page + 0x070) == LAYOUT_ACPI);
	assert_true(get_le64(page + 0x250) == LAYOUT_SETUP_DATA);
	assert_int_equal(get_le32(page + 0x21c), 0);
	assert_int_equal(page[0x1e8], 4); /* e820 entries */
	assert_memory_equal(look(LAYOUT_SETUP_DATA + 16, SEED_SIZE), seed, SEED_SIZE);
	assert_true(get_le64(look(LAYOUT_PAGE_TABLES, 8)) == (LAYOUT_PAGE_TABLES + PAGE) + 3);
	assert_tables(true);
}

/* What lies between the boot data and the tables is the kernel's. */
static void boot_data_stays_in_its_places(void **state)
{
	(void)state;
	for (int kernel = 0; kernel < 2; kernel++) {
		tear_down(state);
		set_up(state);
		if (kernel)
			use_bzimage();
		assert_loads();
		const uint8_t *low = look(0, MIB);
		for (unsigned i = 0; i < LAYOUT_GDT; i++)
			assert_each(low[i] == 0, "written at", i);
		for (uint64_t i = LAYOUT_FREE_LOW; i < LAYOUT_ACPI; i++)
			assert_each(low[i] == 0, "written at", i);
	}
}

static void a_kernel_that_is_none(void **state)
{
	(void)state;
	request.kernel = (struct bytes){(const uint8_t *)"#!/bin/sh", 9};
	assert_refused("my-kernel", "script");
	request.kernel = (struct bytes){NULL, 0};
	assert_refused("my-kernel", "empty");
	request.kernel = (struct bytes){elf, sizeof(elf) - 1};
	assert_false(load());
	assert_mends(in_words(&problem), "my-kernel");
}

static void a_kernel_larger_than_memory(void **state)
{
	(void)state;
	put_le64(elf + PHDR(0, p_memsz), RAM_SIZE - MIB + 1);
	assert_refused("my-kernel", "-m");
	use_bzimage();
	put_le32(bzimage + BZ_INIT_SIZE, RAM_SIZE - MIB + 1);
	assert_refused("my-kernel", "-m");
}

/* --- the initrd --- */

static void check_initrd(size_t size)
{
	use_initrd(size);
	assert_loads();
	uint64_t address = initrd_address();

	assert_true(initrd_size() == size);
	assert_int_equal(address % PAGE, 0);
	assert_true(address + size <= RAM_SIZE);
	assert_true(address + size > RAM_SIZE - PAGE); /* as high as it may be */
	assert_memory_equal(look(address, size), initrd, size);
}

static void an_initrd_at_the_top(void **state)
{
	static const size_t sizes[] = {3, PAGE - 1, PAGE, PAGE + 1, 123456};

	for (unsigned i = 0; i < 2 * COUNT(sizes); i++) {
		tear_down(state);
		set_up(state);
		if (i % 2)
			use_bzimage();
		check_initrd(sizes[i / 2]);
	}
}

/* "initrd larger than RAM": the largest that fits, and one byte more. The kernel ends in the first
 * page of its region. */
static void an_initrd_of_the_largest_size(void **state)
{
	const size_t largest = RAM_SIZE - MIB - PAGE;

	(void)state;
	check_initrd(largest);
	assert_true(initrd_address() == MIB + PAGE);
	/* The kernel is not overwritten. */
	assert_memory_equal(look(ELF_ADDRESS, ELF_TEXT_SIZE), elf + ELF_TEXT, ELF_TEXT_SIZE);
	use_initrd(largest + 1);
	assert_refused("initrd", "-m");
	use_initrd(RAM_SIZE);
	assert_refused("initrd", "-m");
}

/* Sizes that no file has: only the first bytes are looked at before they are refused. */
static void initrds_of_absurd_sizes(void **state)
{
	static const size_t sizes[] = {RAM_SIZE + 1, (size_t)1 << 32, (size_t)1 << 63,
				       SIZE_MAX - PAGE, SIZE_MAX};
	char *arguments[] = {(char[]){"x"}, NULL};
	const struct job job = {.init = {elf, sizeof(elf)}, .arguments = arguments};

	(void)state;
	for (unsigned i = 0; i < 2 * COUNT(sizes); i++) {
		memset(&cmdline, 0, sizeof(cmdline));
		request.job = i % 2 ? &job : NULL;
		use_initrd(sizes[i / 2]);
		assert_each(!load(), "loaded an initrd of", sizes[i / 2]);
		assert_mends(in_words(&problem), "initrd");
	}
}

/* initrd_addr_max: "The maximum address that may be occupied by the initial ramdisk". */
static void an_initrd_below_the_kernels_limit(void **state)
{
	(void)state;
	use_bzimage();
	put_le32(bzimage + BZ_INITRD_ADDR_MAX, 0x7fffff);
	use_initrd(5000);
	assert_loads();
	assert_true(initrd_address() == 0x800000 - 2 * PAGE);
	/* Above where the kernel unpacks itself. */
	memset(&cmdline, 0, sizeof(cmdline));
	put_le32(bzimage + BZ_INITRD_ADDR_MAX, BZ_PREFERRED + BZ_NEEDED + 4999);
	assert_loads();
	assert_true(initrd_address() == BZ_PREFERRED + BZ_NEEDED);
	put_le32(bzimage + BZ_INITRD_ADDR_MAX, BZ_PREFERRED + BZ_NEEDED + 4998);
	assert_refused("initrd", "-m");
	put_le32(bzimage + BZ_INITRD_ADDR_MAX, 0);
	assert_refused("initrd", "-m");
}

static void an_initrd_that_is_none(void **state)
{
	(void)state;
	request.initrd_name = "my-initrd";
	request.initrd = (struct bytes){elf, sizeof(elf)};
	assert_refused("my-initrd", "cpio");
	request.initrd = (struct bytes){NULL, 0};
	assert_refused("my-initrd", "empty");
}

/* --- the job --- */

static void check_job(size_t size)
{
	char *arguments[] = {(char[]){"/bin/true"}, NULL};
	const struct job job = {.init = {elf, sizeof(elf)}, .arguments = arguments};
	uint8_t expected[8192];
	size_t job_bytes = archive_job(&job, expected, sizeof(expected));
	size_t offset = (size + 3) & ~(size_t)3;

	request.job = &job;
	if (size)
		use_initrd(size);
	assert_loads();
	uint64_t address = initrd_address();
	assert_true(initrd_size() == offset + job_bytes);
	assert_true(address + offset + job_bytes <= RAM_SIZE);
	assert_memory_equal(look(address, size ? size : 1), size ? initrd : expected,
			    size ? size : 1);
	const uint8_t *seen = look(address + size, offset - size + job_bytes);
	for (size_t i = 0; i < offset - size; i++)
		assert_int_equal(seen[i], 0); /* what the kernel skips between archives */
	assert_memory_equal(seen + (offset - size), expected, job_bytes);
}

static void a_job_behind_every_initrd(void **state)
{
	for (size_t size = 1000; size < 1004; size++) {
		tear_down(state);
		set_up(state);
		check_job(size);
	}
}

/* The initrd is {NULL, 0} then. */
static void a_job_alone(void **state)
{
	(void)state;
	check_job(0);
}

static void a_job_without_room(void **state)
{
	char *arguments[] = {(char[]){"x"}, NULL};
	const struct job job = {.init = {elf, sizeof(elf)}, .arguments = arguments};

	(void)state;
	request.job = &job;
	use_initrd(RAM_SIZE - MIB - PAGE);
	assert_refused("initrd", "-m");
}

/* --- the command line --- */

static void the_users_words_come_last(void **state)
{
	(void)state;
	cmdline_add(&cmdline, "first");
	request.append = "console=ttyS1 mine";
	assert_loads();
	const char *text = (const char *)look(LAYOUT_CMDLINE, PAGE);
	assert_int_equal(strncmp(text, "first ", 6), 0);
	assert_says(text, " reboot=");
	assert_string_equal(text + strlen(text) - 19, " console=ttyS1 mine");
}

static void the_guest_is_told_what_there_is(void **state)
{
	(void)state;
	assert_loads();
	assert_string_equal((const char *)look(LAYOUT_CMDLINE, PAGE),
			    "reboot=k,panic_warm panic=-1 pci=off random.trust_cpu=on");
}

static void a_command_line_that_is_too_long(void **state)
{
	static char words[CMDLINE_CAPACITY + 1];

	(void)state;
	memset(words, 'w', sizeof(words) - 1);
	request.append = words;
	assert_refused("my-kernel", "-a");
	/* Up to what the kernel says of itself, and not one byte more. */
	use_bzimage();
	memset(&cmdline, 0, sizeof(cmdline));
	request.append = NULL;
	assert_loads();
	size_t length = cmdline.length;
	put_le32(bzimage + BZ_CMDLINE_SIZE, (uint32_t)length);
	memset(&cmdline, 0, sizeof(cmdline));
	assert_loads();
	put_le32(bzimage + BZ_CMDLINE_SIZE, (uint32_t)length - 1);
	memset(&cmdline, 0, sizeof(cmdline));
	assert_refused("my-kernel", "-a");
}

/* --- devices --- */

/* Linux, Documentation/admin-guide/kernel-parameters.txt:
 * virtio_mmio.device=<size>@<baseaddr>:<irq> */
static void devices_are_named_to_the_kernel(void **state)
{
	static const char words[] =
		" virtio_mmio.device=4K@0xe0000000:16 virtio_mmio.device=4K@0xe0001000:17"
		" virtio_mmio.device=4K@0xe0002000:18 virtio_mmio.device=4K@0xe0003000:19"
		" virtio_mmio.device=4K@0xe0004000:20 virtio_mmio.device=4K@0xe0005000:21"
		" virtio_mmio.device=4K@0xe0006000:22 virtio_mmio.device=4K@0xe0007000:23";

	for (unsigned count = 0; count <= 8; count++)
		for (int kernel = 0; kernel < 2; kernel++) {
			char expected[512];

			tear_down(state);
			set_up(state);
			if (kernel)
				use_bzimage();
			request.devices = count;
			request.append = "mine";
			assert_loads();
			const char *text = (const char *)look(LAYOUT_CMDLINE, PAGE);
			const char *first = strstr(text, " virtio_mmio");
			snprintf(expected, sizeof(expected), "%.*s mine",
				 (int)(count * (strlen(words) / 8)), words);
			if (count == 0)
				assert_null(first);
			else
				assert_string_equal(first, expected);
		}
}

/* In the DSDT, where an address stands behind Memory32Fixed (ACPI 6.4 §6.4.3.4) and its
 * interrupt after that. */
static bool has_node(uint64_t address, uint32_t gsi)
{
	uint8_t wanted[21] = {0x86, 9, 0, 1, 0, 0, 0, 0, 0, 0x10, 0, 0, 0x89, 6, 0, 3, 1};

	put_le32(wanted + 4, (uint32_t)address);
	put_le32(wanted + 17, gsi);
	return memmem(look(LAYOUT_ACPI, ACPI_SIZE_MAX), ACPI_SIZE_MAX, wanted, sizeof(wanted));
}

static void devices_are_in_the_tables(void **state)
{
	for (unsigned count = 0; count <= 8; count++) {
		tear_down(state);
		set_up(state);
		request.devices = count;
		request.cpus = 32;
		assert_loads();
		for (unsigned i = 0; i < 9; i++)
			assert_each(has_node(0xe0000000 + i * 0x1000, 16 + i) == (i < count),
				    "node of device", i);
		assert_memory_equal(look(LAYOUT_MPTABLE, 4), "_MP_", 4);
		assert_memory_equal(look(LAYOUT_ACPI, 8), "RSD PTR ", 8);
	}
}

/* Eight devices, and the user's words: what the kernel says of itself counts for all of them. */
static void devices_count_for_the_length(void **state)
{
	(void)state;
	use_bzimage();
	assert_loads();
	put_le32(bzimage + BZ_CMDLINE_SIZE, (uint32_t)cmdline.length);
	memset(&cmdline, 0, sizeof(cmdline));
	request.devices = 1;
	assert_refused("my-kernel", "-a");
}

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOAD_TEST(a_pvh_kernel),
		LOAD_TEST(a_bzimage),
		LOAD_TEST(boot_data_stays_in_its_places),
		LOAD_TEST(a_kernel_that_is_none),
		LOAD_TEST(a_kernel_larger_than_memory),
		LOAD_TEST(an_initrd_at_the_top),
		LOAD_TEST(an_initrd_of_the_largest_size),
		LOAD_TEST(initrds_of_absurd_sizes),
		LOAD_TEST(an_initrd_below_the_kernels_limit),
		LOAD_TEST(an_initrd_that_is_none),
		LOAD_TEST(a_job_behind_every_initrd),
		LOAD_TEST(a_job_alone),
		LOAD_TEST(a_job_without_room),
		LOAD_TEST(the_users_words_come_last),
		LOAD_TEST(the_guest_is_told_what_there_is),
		LOAD_TEST(a_command_line_that_is_too_long),
		LOAD_TEST(devices_are_named_to_the_kernel),
		LOAD_TEST(devices_are_in_the_tables),
		LOAD_TEST(devices_count_for_the_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
