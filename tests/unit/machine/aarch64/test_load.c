/* Kernel, initrd and device tree in an arm64 guest's memory: where they go, and what is said when they do not fit. The
 * tree's format has tests of its own. */
#define _GNU_SOURCE
#include "machine/arch.h"

#include <stdio.h>

#include "fdt_reader.h"
#include "archive.h"
#include "samples.h"

/* Not in the set of code that every test links. */
#include "machine/load.c"
#include "boot.c"

#define RAM_SIZE (16 * MIB)
#define RAM_START 0x40000000u
#define RAM_END (RAM_START + RAM_SIZE)
#define KERNEL 0x40200000u
#define TREE 0x40000000u

static struct ram ram;
static struct problem problem;
static struct cmdline cmdline;
static struct placed_initrd placed;
static struct boot_entry entry;
static struct irqchip irqchip;
static uint8_t kernel[A64_SIZE], seed[SEED_SIZE];
static uint8_t initrd[RAM_SIZE] = {0x1f, 0x8b, 0x08}; /* gzip, as far as anybody looks */
static struct boot_request request;
static const struct files no_files;

static int set_up_memory(uint64_t size)
{
	sample_arm64(kernel);
	for (size_t i = 3; i < sizeof(initrd); i++)
		initrd[i] = (uint8_t)(i * 11 + (i >> 12));
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(i + 100);
	memset(&cmdline, 0, sizeof(cmdline));
	memset(&entry, 0, sizeof(entry));
	irqchip = (struct irqchip){-1, 3};
	request = (struct boot_request){
		.files = &no_files,
		.kernel_name = "my-kernel",
		.kernel = {kernel, sizeof(kernel)},
		.cmdline = &cmdline,
		.seed = seed,
		.cpus = 2,
	};
	return ram_reserve(&ram, size, ARCH_RAM, ARCH_HOLE_START, ARCH_HOLE_END, &problem) ? 0 : -1;
}

static int set_up(void **state)
{
	(void)state;
	return set_up_memory(RAM_SIZE);
}

static int set_up_large(void **state)
{
	(void)state;
	return set_up_memory(64 * GIB); /* of which only some pages are touched */
}

static int tear_down(void **state)
{
	(void)state;
	ram_release(&ram);
	return 0;
}

static void again(void **state)
{
	tear_down(state);
	assert_int_equal(set_up(state), 0);
}

static void use_initrd(size_t size)
{
	request.initrd_name = "my-initrd";
	request.initrd = (struct bytes){initrd, size};
}

static bool load(void)
{
	problem_clear(&problem);
	memset(&cmdline, 0, sizeof(cmdline));
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

/* The guest's tree, which is right as far as its format goes. */
static const uint8_t *tree(void)
{
	static uint8_t blob[2 * MIB];
	uint32_t size = get_be32(look(TREE, 8) + DT_TOTALSIZE);

	assert_true(size >= DT_HEADER_END && size <= sizeof(blob));
	memcpy(blob, look(TREE, size), size);
	dt_check(blob, size);
	return blob;
}

static uint64_t initrd_address(void)
{
	return dt_number(tree(), "/chosen", "linux,initrd-start", 0, 1);
}

/* linux,initrd-end is the first byte behind it. */
static uint64_t initrd_size(void)
{
	return dt_number(tree(), "/chosen", "linux,initrd-end", 0, 1) - initrd_address();
}

/* --- kernel and tree --- */

static void a_kernel(void **state)
{
	(void)state;
	assert_loads();
	assert_int_equal(entry.mode, IMAGE_ARM64);
	assert_true(entry.entry == KERNEL);
	assert_true(entry.argument == TREE);
	assert_int_equal(entry.page_size, 4096);
	assert_memory_equal(look(KERNEL, A64_SIZE), kernel, A64_SIZE);
}

static void a_kernel_with_a_text_offset(void **state)
{
	(void)state;
	put_le64(kernel + A64_TEXT_OFFSET, 0x80000);
	put_le64(kernel + A64_FLAGS, 3 << 1);
	assert_loads();
	assert_true(entry.entry == KERNEL + 0x80000);
	assert_true(entry.argument == TREE);
	assert_int_equal(entry.page_size, 65536);
	assert_memory_equal(look(KERNEL + 0x80000, A64_SIZE), kernel, A64_SIZE);
}

/* All else is zero: in particular, what the kernel has for its own variables. */
static void nothing_else_is_written(void **state)
{
	(void)state;
	assert_loads();
	uint32_t size = get_be32(tree() + DT_TOTALSIZE);
	const uint8_t *all = look(RAM_START, RAM_SIZE);

	assert_true(size <= ARM64_TREE_SIZE_MAX);
	for (size_t i = size; i < RAM_SIZE; i++)
		if (i < KERNEL - RAM_START || i >= KERNEL - RAM_START + A64_SIZE)
			assert_each(all[i] == 0, "written at", i);
}

static void a_kernel_that_is_none(void **state)
{
	static uint8_t elf[ELF_SIZE], bzimage[BZ_SIZE];

	(void)state;
	sample_elf(elf);
	sample_bzimage(bzimage);
	request.kernel = (struct bytes){(const uint8_t *)"#!/bin/sh", 9};
	assert_refused("my-kernel", "script");
	request.kernel = (struct bytes){NULL, 0};
	assert_refused("my-kernel", "empty");
	request.kernel = (struct bytes){elf, sizeof(elf)};
	assert_refused("my-kernel", "an ELF file");
	request.kernel = (struct bytes){bzimage, sizeof(bzimage)};
	assert_refused("my-kernel", "bzImage");
	request.kernel = (struct bytes){kernel, 63};
	assert_refused("my-kernel", "cut short");
}

static void a_kernel_larger_than_memory(void **state)
{
	(void)state;
	put_le64(kernel + A64_IMAGE_SIZE, RAM_END - KERNEL);
	assert_loads();
	put_le64(kernel + A64_IMAGE_SIZE, RAM_END - KERNEL + 1);
	assert_refused("my-kernel", "-m");
	put_le64(kernel + A64_IMAGE_SIZE, UINT64_MAX);
	assert_refused("my-kernel", "-m");
}

/* Less than the tree and a kernel need. (-m takes no less than 16 MiB.) */
static void hardly_any_memory(void **state)
{
	static const uint64_t sizes[] = {PAGE, MIB, 2 * MIB, 2 * MIB + PAGE};

	for (unsigned i = 0; i < COUNT(sizes); i++) {
		tear_down(state);
		assert_int_equal(set_up_memory(sizes[i]), 0);
		assert_refused("my-kernel", "-m");
	}
}

static void the_tree_tells_of_the_machine(void **state)
{
	(void)state;
	request.cpus = 32;
	request.devices = 8;
	assert_loads();
	const uint8_t *blob = tree();

	assert_true(dt_number(blob, "/memory@40000000", "reg", 0, 2) == RAM_START);
	assert_true(dt_number(blob, "/memory@40000000", "reg", 1, 2) == RAM_SIZE);
	assert_int_equal(dt_count(blob, "/cpus/cpu@"), 32);
	assert_int_equal(dt_count(blob, "/virtio_mmio@"), 8);
	for (unsigned i = 0; i < 8; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/virtio_mmio@a00%x000", i);
		assert_true(dt_number(blob, path, "reg", 0, 2) == 0x0a000000 + i * 0x1000);
		assert_true(dt_number(blob, path, "reg", 1, 2) == 0x1000);
		assert_int_equal(dt_cell(blob, path, "interrupts", 0, 3), 0);
		assert_int_equal(dt_cell(blob, path, "interrupts", 1, 3), 16 + i);
	}
	assert_true(dt_number(blob, "/serial@9000000", "reg", 0, 2) == 0x09000000);
	assert_int_equal(dt_cell(blob, "/serial@9000000", "interrupts", 1, 3), 0);
	assert_true(dt_number(blob, "/serial@9001000", "reg", 0, 2) == 0x09001000);
	assert_int_equal(dt_cell(blob, "/serial@9001000", "interrupts", 1, 3), 1);
	assert_true(dt_number(blob, "/rtc@9002000", "reg", 0, 2) == 0x09002000);
	assert_string_equal(dt_text(blob, "/chosen", "stdout-path"), "/serial@9000000");
}

static void as_many_devices_as_there_are(void **state)
{
	for (unsigned count = 0; count <= 8; count++) {
		again(state);
		request.devices = count;
		assert_loads();
		assert_int_equal(dt_count(tree(), "/virtio_mmio@"), count);
		/* Not on the command line as well. */
		assert_null(strstr(cmdline.text, "virtio"));
	}
}

static void as_many_cpus_as_there_are(void **state)
{
	for (unsigned count = 1; count <= 32; count++) {
		again(state);
		request.cpus = count;
		assert_loads();
		assert_int_equal(dt_count(tree(), "/cpus/cpu@"), count);
	}
}

static void the_seed_is_passed_on(void **state)
{
	(void)state;
	assert_loads();
	struct dt_property first = dt_get(tree(), "/chosen", "kaslr-seed");
	struct dt_property second = dt_get(tree(), "/chosen", "rng-seed");

	assert_int_equal(first.size, 8);
	assert_int_equal(first.size + second.size, SEED_SIZE);
	assert_memory_equal(first.value, seed, first.size);
	assert_memory_equal(second.value, seed + first.size, second.size);
}

/* --- the interrupt controller --- */

static const char gic[] = "/interrupt-controller@8000000";

static void assert_gic(const char *compatible, uint64_t distributor_size, uint64_t cpus,
		       uint64_t cpus_size)
{
	const uint8_t *blob = tree();

	assert_string_equal(dt_text(blob, gic, "compatible"), compatible);
	assert_true(dt_number(blob, gic, "reg", 0, 4) == 0x08000000);
	assert_true(dt_number(blob, gic, "reg", 1, 4) == distributor_size);
	assert_true(dt_number(blob, gic, "reg", 2, 4) == cpus);
	assert_true(dt_number(blob, gic, "reg", 3, 4) == cpus_size);
	assert_int_equal(dt_count(blob, "/interrupt-controller"), 1);
}

static void a_gicv2(void **state)
{
	for (unsigned cpus = 1; cpus <= 8; cpus++) {
		again(state);
		request.cpus = cpus;
		irqchip.version = 2;
		assert_loads();
		assert_gic("arm,cortex-a15-gic", 0x1000, 0x08010000, 0x2000);
		/* arm,gic.yaml: bits 15–8 are the mask of CPUs */
		assert_int_equal(dt_cell(tree(), "/timer", "interrupts", 2, 12) >> 8,
				 (1u << cpus) - 1);
	}
}

static void a_gicv3(void **state)
{
	for (unsigned cpus = 1; cpus <= 32; cpus++) {
		again(state);
		request.cpus = cpus;
		assert_loads();
		assert_gic("arm,gic-v3", 0x10000, 0x08200000, cpus * 0x20000);
		assert_int_equal(dt_cell(tree(), "/timer", "interrupts", 2, 12) >> 4, 0);
	}
}

/* --- the initrd --- */

static void check_initrd(size_t size)
{
	use_initrd(size);
	assert_loads();
	uint64_t address = initrd_address();

	assert_true(initrd_size() == size);
	assert_int_equal(address % PAGE, 0);
	assert_true(address + size <= RAM_END);
	assert_true(address + size > RAM_END - PAGE); /* as high as it may be */
	assert_memory_equal(look(address, size), initrd, size);
}

static void no_initrd(void **state)
{
	(void)state;
	assert_loads();
	assert_null(dt_find(tree(), "/chosen", "linux,initrd-start").value);
	assert_null(dt_find(tree(), "/chosen", "linux,initrd-end").value);
}

static void an_initrd_at_the_top(void **state)
{
	static const size_t sizes[] = {3, PAGE - 1, PAGE, PAGE + 1, 123456};

	for (unsigned i = 0; i < COUNT(sizes); i++) {
		again(state);
		check_initrd(sizes[i]);
	}
}

/* The largest that fits, and one byte more. */
static void an_initrd_of_the_largest_size(void **state)
{
	const size_t largest = RAM_END - KERNEL - A64_NEEDED;

	(void)state;
	check_initrd(largest);
	assert_true(initrd_address() == KERNEL + A64_NEEDED);
	assert_memory_equal(look(KERNEL, A64_SIZE), kernel, A64_SIZE);
	use_initrd(largest + 1);
	assert_refused("initrd", "-m");
	use_initrd(RAM_SIZE);
	assert_refused("initrd", "-m");
	/* image_size counts, not what there is of the file */
	put_le64(kernel + A64_IMAGE_SIZE, A64_NEEDED + 1);
	use_initrd(largest);
	assert_refused("initrd", "-m");
	use_initrd(largest - PAGE);
	assert_loads();
}

/* Sizes that no file has: only the first bytes are looked at before they are refused. */
static void initrds_of_absurd_sizes(void **state)
{
	static const size_t sizes[] = {RAM_SIZE + 1, (size_t)1 << 32, (size_t)1 << 63,
				       SIZE_MAX - PAGE, SIZE_MAX};
	char *arguments[] = {(char[]){"x"}, NULL};
	const struct job job = {.init = {kernel, sizeof(kernel)}, .arguments = arguments};

	(void)state;
	for (unsigned i = 0; i < 2 * COUNT(sizes); i++) {
		request.job = i % 2 ? &job : NULL;
		use_initrd(sizes[i / 2]);
		assert_each(!load(), "loaded an initrd of", sizes[i / 2]);
		assert_mends(in_words(&problem), "initrd");
	}
}

static void an_initrd_that_is_none(void **state)
{
	(void)state;
	request.initrd_name = "my-initrd";
	request.initrd = (struct bytes){kernel, sizeof(kernel)};
	assert_refused("my-initrd", "cpio");
	request.initrd = (struct bytes){NULL, 0};
	assert_refused("my-initrd", "empty");
}

/* "within a 1 GB aligned physical memory window of up to 32 GB in size that fully covers the kernel Image": from 1 GiB
 * to 33 GiB, though memory reaches to 65 GiB. */
static void an_initrd_in_the_kernels_window(void **state)
{
	(void)state;
	use_initrd(5000);
	assert_loads();
	assert_true(initrd_address() == 33 * GIB - 2 * PAGE);
	assert_true(initrd_size() == 5000);
	assert_memory_equal(look(initrd_address(), 5000), initrd, 5000);
	assert_true(dt_number(tree(), "/memory@40000000", "reg", 1, 2) == 64 * GIB);
	/* Just as much as the window has. */
	use_initrd(PAGE);
	assert_loads();
	assert_true(initrd_address() + PAGE == 33 * GIB);
}

/* A kernel that needs all of its window but one page. */
static void a_window_that_is_almost_full(void **state)
{
	(void)state;
	put_le64(kernel + A64_IMAGE_SIZE, 33 * GIB - KERNEL - PAGE);
	use_initrd(PAGE);
	assert_loads();
	assert_true(initrd_address() == 33 * GIB - PAGE);
	use_initrd(PAGE + 1);
	assert_refused("initrd", "the kernel leaves 4 KiB");
	put_le64(kernel + A64_IMAGE_SIZE, 33 * GIB - KERNEL);
	use_initrd(3);
	assert_refused("initrd", "the kernel leaves 0 KiB");
	put_le64(kernel + A64_IMAGE_SIZE, 40 * GIB);
	assert_refused("initrd", "the kernel leaves 0 KiB");
}

static void memory_of_every_size(void **state)
{
	static const uint64_t sizes[] = {16 * MIB, 2 * GIB,         3 * GIB, 32 * GIB - PAGE,
					 32 * GIB, 32 * GIB + PAGE, 64 * GIB};

	for (unsigned i = 0; i < COUNT(sizes); i++) {
		uint64_t end = RAM_START + sizes[i];

		tear_down(state);
		assert_int_equal(set_up_memory(sizes[i]), 0);
		use_initrd(PAGE);
		assert_loads();
		assert_true(initrd_address() + PAGE == (end < 33 * GIB ? end : 33 * GIB));
		assert_true(dt_number(tree(), "/memory@40000000", "reg", 1, 2) == sizes[i]);
		assert_true(entry.entry == KERNEL);
	}
}

/* --- the job --- */

static void check_job(size_t size)
{
	char *arguments[] = {(char[]){"/bin/true"}, NULL};
	const struct job job = {.init = {kernel, sizeof(kernel)}, .arguments = arguments};
	uint8_t expected[8192];
	size_t job_bytes = archive_job(&job, expected, sizeof(expected));
	size_t offset = (size + 3) & ~(size_t)3;

	request.job = &job;
	if (size)
		use_initrd(size);
	assert_loads();
	uint64_t address = initrd_address();
	assert_true(initrd_size() == offset + job_bytes);
	assert_int_equal(address % PAGE, 0);
	assert_true(address + offset + job_bytes <= RAM_END);
	if (size)
		assert_memory_equal(look(address, size), initrd, size);
	const uint8_t *seen = look(address + size, offset - size + job_bytes);
	for (size_t i = 0; i < offset - size; i++)
		assert_int_equal(seen[i], 0); /* what the kernel skips between archives */
	assert_memory_equal(seen + (offset - size), expected, job_bytes);
}

static void a_job_behind_every_initrd(void **state)
{
	for (size_t size = 1000; size < 1004; size++) {
		again(state);
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
	const struct job job = {.init = {kernel, sizeof(kernel)}, .arguments = arguments};

	(void)state;
	request.job = &job;
	use_initrd(RAM_END - KERNEL - A64_NEEDED);
	assert_refused("initrd", "-m");
}

/* --- the command line --- */

static void the_users_words_come_last(void **state)
{
	(void)state;
	request.append = "console=ttyS1 mine";
	assert_loads();
	const char *text = dt_text(tree(), "/chosen", "bootargs");
	assert_string_equal(text, "reboot=panic_warm panic=-1 console=ttyS1 mine");
}

static void what_was_there_comes_first(void **state)
{
	(void)state;
	cmdline_add(&cmdline, "first");
	request.append = "last";
	assert_true(arch_load(&request, &ram, &placed, &entry, &problem));
	assert_true(arch_describe(&request, &placed, &irqchip, &ram, &problem));
	const char *text = dt_text(tree(), "/chosen", "bootargs");
	assert_string_equal(text, cmdline.text);
	assert_int_equal(strncmp(text, "first ", 6), 0);
	assert_string_equal(text + strlen(text) - 5, " last");
}

/* arch/arm64: COMMAND_LINE_SIZE is 2048, with the NUL. */
static void a_command_line_that_is_too_long(void **state)
{
	static char words[CMDLINE_CAPACITY + 1];

	(void)state;
	assert_loads();
	size_t room = 2047 - cmdline.length - 1;
	memset(words, 'w', room);
	request.append = words;
	assert_loads();
	const char *text = dt_text(tree(), "/chosen", "bootargs");
	assert_int_equal(strlen(text), 2047);
	assert_string_equal(text, cmdline.text);
	words[room] = 'w';
	assert_refused("my-kernel", "-a");
	assert_says(in_words(&problem), "2048 bytes");
	assert_says(in_words(&problem), "takes 2047");
	memset(words, 'w', sizeof(words) - 1);
	assert_refused("my-kernel", "-a");
}

/* The most that a tree can hold. */
static void all_at_once(void **state)
{
	static char words[2048];

	(void)state;
	assert_loads();
	memset(words, 'w', 2047 - cmdline.length - 1);
	request.append = words;
	request.cpus = 32;
	request.devices = 8;
	use_initrd(PAGE);
	assert_loads();
	assert_true(get_be32(tree() + DT_TOTALSIZE) <= ARM64_TREE_SIZE_MAX);
	assert_int_equal(strlen(dt_text(tree(), "/chosen", "bootargs")), 2047);
}

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define LARGE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_large, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOAD_TEST(a_kernel),
		LOAD_TEST(a_kernel_with_a_text_offset),
		LOAD_TEST(nothing_else_is_written),
		LOAD_TEST(a_kernel_that_is_none),
		LOAD_TEST(a_kernel_larger_than_memory),
		LOAD_TEST(hardly_any_memory),
		LOAD_TEST(the_tree_tells_of_the_machine),
		LOAD_TEST(as_many_devices_as_there_are),
		LOAD_TEST(as_many_cpus_as_there_are),
		LOAD_TEST(the_seed_is_passed_on),
		LOAD_TEST(a_gicv2),
		LOAD_TEST(a_gicv3),
		LOAD_TEST(no_initrd),
		LOAD_TEST(an_initrd_at_the_top),
		LOAD_TEST(an_initrd_of_the_largest_size),
		LOAD_TEST(initrds_of_absurd_sizes),
		LOAD_TEST(an_initrd_that_is_none),
		LARGE_TEST(an_initrd_in_the_kernels_window),
		LARGE_TEST(a_window_that_is_almost_full),
		LOAD_TEST(memory_of_every_size),
		LOAD_TEST(a_job_behind_every_initrd),
		LOAD_TEST(a_job_alone),
		LOAD_TEST(a_job_without_room),
		LOAD_TEST(the_users_words_come_last),
		LOAD_TEST(what_was_there_comes_first),
		LOAD_TEST(a_command_line_that_is_too_long),
		LOAD_TEST(all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
