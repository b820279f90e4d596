/* Kernel, command line and device tree in an arm64 guest's memory: where they go, and what is said
 * when they do not fit. The tree's format has tests of its own, and so have initrds
 * (test_load_initrd.c). */
#define _GNU_SOURCE
#include "arm64_load.h"

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
		LOAD_TEST(the_users_words_come_last),
		LOAD_TEST(what_was_there_comes_first),
		LOAD_TEST(a_command_line_that_is_too_long),
		LOAD_TEST(all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
