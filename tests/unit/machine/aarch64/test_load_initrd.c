/* Initrds in an arm64 guest's memory, the user's and the job's: where they go, and what is said
 * when they do not fit. */
#define _GNU_SOURCE
#include "arm64_load.h"

#define LARGE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_large, tear_down)

static int set_up_large(void **state)
{
	(void)state;
	return set_up_memory(64 * GIB); /* of which only some pages are touched */
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

/* "within a 1 GB aligned physical memory window of up to 32 GB in size that fully covers the
 * kernel Image": from 1 GiB to 33 GiB, though memory reaches to 65 GiB. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
