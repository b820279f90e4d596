/* An arm64 guest's memory, and what is loaded into it: a kernel, an initrd, a device tree. */
#ifndef MAYFLY_ARM64_LOAD_H
#define MAYFLY_ARM64_LOAD_H

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

static inline int set_up_memory(uint64_t size)
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

static inline int set_up(void **state)
{
	(void)state;
	return set_up_memory(RAM_SIZE);
}

static inline int tear_down(void **state)
{
	(void)state;
	ram_release(&ram);
	return 0;
}

static inline void again(void **state)
{
	tear_down(state);
	assert_int_equal(set_up(state), 0);
}

static inline void use_initrd(size_t size)
{
	request.initrd_name = "my-initrd";
	request.initrd = (struct bytes){initrd, size};
}

static inline bool load(void)
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

static inline const uint8_t *look(uint64_t address, size_t size)
{
	static uint8_t seen[RAM_SIZE];

	assert_true(ram_read(&ram, GPA(address), seen, size));
	return seen;
}

/* The guest's tree, which is right as far as its format goes. */
static inline const uint8_t *tree(void)
{
	static uint8_t blob[2 * MIB];
	uint32_t size = get_be32(look(TREE, 8) + DT_TOTALSIZE);

	assert_true(size >= DT_HEADER_END && size <= sizeof(blob));
	memcpy(blob, look(TREE, size), size);
	dt_check(blob, size);
	return blob;
}

static inline uint64_t initrd_address(void)
{
	return dt_number(tree(), "/chosen", "linux,initrd-start", 0, 1);
}

/* linux,initrd-end is the first byte behind it. */
static inline uint64_t initrd_size(void)
{
	return dt_number(tree(), "/chosen", "linux,initrd-end", 0, 1) - initrd_address();
}

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
