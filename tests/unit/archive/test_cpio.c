/* newc archives: the writer byte by byte, the checker against every kind of damage. Format:
 * Documentation/driver-api/early-userspace/buffer-format.rst. */
#include "archive/cpio.h"

#include <stdlib.h>

#include "kernel/image.h"
#include "samples.h"
#include "archive.h"
#include "unit.h"

/* Where the members of sample_archive are: 110 + 4 bytes, padded; 110 + 9, padded, + 5, padded. */
enum { SECOND = 116, THIRD = SECOND + 128 };

static uint8_t buffer[4096];
static struct problem problem;

static bool check(const uint8_t *data, size_t size)
{
	problem_clear(&problem);
	return cpio_check((struct bytes){data, size}, &problem);
}

/* --- the writer --- */

static void a_member_golden(void **state)
{
	struct cpio cpio = ARCHIVE_IN(buffer, sizeof(buffer));
	static const char expected[] =
		"070701"
		"00000001" /* inode */
		"000081a4" /* mode 0100644 */
		"00000000" "00000000" /* root */
		"00000001" /* links */
		"00000000" /* time */
		"00000005" /* file size */
		"00000000" "00000000" "00000000" "00000000" /* devices */
		"00000009" /* name size, with its NUL */
		"00000000" /* checksum: none */
		"etc/motd\0\0" /* 110 + 9 = 119, padded to 120 */
		"hello\0\0"; /* padded to 128 with the literal's own NUL */

	(void)state;
	memset(buffer, 0xee, sizeof(buffer));
	cpio_add(&cpio, "etc/motd", 0100644, (struct bytes){(const uint8_t *)"hello", 5});
	assert_int_equal(cpio.size, 128);
	assert_memory_equal(buffer, expected, 119);
	assert_int_equal(buffer[119], 0);
	assert_memory_equal(buffer + 120, "hello\0\0\0", 8);
	assert_int_equal(buffer[128], 0xee);
}

static void a_whole_archive(void **state)
{
	struct cpio cpio = ARCHIVE_IN(buffer, sizeof(buffer));
	uint8_t expected[512];
	size_t size = sample_archive(expected);

	(void)state;
	cpio_add(&cpio, "etc", 040755, (struct bytes){0});
	cpio_add(&cpio, "etc/motd", 0100644, (struct bytes){(const uint8_t *)"hello", 5});
	assert_true(cpio_finish(&cpio));
	assert_int_equal(cpio.size, size);
	/* The sample gives every member inode 1; ours are numbered, so that none is a hard link. */
	expected[SECOND + 13] = '2';
	expected[THIRD + 13] = '3';
	assert_memory_equal(buffer, expected, size);
	assert_true(check(buffer, cpio.size));
}

/* Names and data of every length modulo 4 leave the next header on a multiple of 4. */
static void padding(void **state)
{
	static const char *const names[] = {"a", "ab", "abc", "abcd"};

	(void)state;
	for (unsigned name = 0; name < COUNT(names); name++)
		for (size_t length = 0; length < 5; length++) {
			struct cpio cpio = ARCHIVE_IN(buffer, sizeof(buffer));
			uint8_t expected[512];

			memset(buffer, 0xee, sizeof(buffer));
			cpio_add(&cpio, names[name], 0100600,
				 (struct bytes){(const uint8_t *)"xyzxyz", length});
			size_t size =
				sample_member(expected, 0, names[name], 0100600, "xyzxyz", length);
			assert_int_equal(cpio.size, size);
			assert_memory_equal(buffer, expected, size);
			assert_int_equal(buffer[size], 0xee);
		}
}

static void counting_needs_no_buffer(void **state)
{
	static const uint8_t data[1000];
	struct cpio count = {0}, write = ARCHIVE_IN(buffer, sizeof(buffer));

	(void)state;
	cpio_add(&count, "file", 0100600, (struct bytes){NULL, sizeof(data)});
	cpio_finish(&count);
	cpio_add(&write, "file", 0100600, (struct bytes){data, sizeof(data)});
	assert_true(cpio_finish(&write));
	assert_int_equal(count.size, write.size);
}

/* Whatever the capacity: nothing is written beyond it, the size counts on, the answer is right. */
static void every_capacity(void **state)
{
	struct cpio full = {0};

	(void)state;
	cpio_add(&full, "name", 0100600, (struct bytes){(const uint8_t *)"data", 4});
	cpio_finish(&full);
	for (size_t capacity = 0; capacity < full.size + 4; capacity++) {
		uint8_t *exact = malloc(capacity ? capacity : 1);
		struct cpio cpio = ARCHIVE_IN(exact, capacity);

		cpio_add(&cpio, "name", 0100600, (struct bytes){(const uint8_t *)"data", 4});
		bool fitted = cpio_finish(&cpio);
		bool good = !fitted || check(exact, cpio.size);
		free(exact);
		assert_each(fitted == (capacity >= full.size), "wrong answer with capacity",
			    capacity);
		assert_each(good, "broken archive with capacity", capacity);
		assert_int_equal(cpio.size, full.size);
	}
}

/* --- the checker --- */

static uint8_t archive[512];
static size_t archive_size;

static int set_up(void **state)
{
	(void)state;
	archive_size = sample_archive(archive);
	return 0;
}

static void put_hex(size_t at, uint32_t value)
{
	char digits[9];

	snprintf(digits, sizeof(digits), "%08x", value);
	memcpy(archive + at, digits, 8);
}

static void a_good_archive(void **state)
{
	uint8_t block[1024] = {0};

	(void)state;
	assert_true(check(archive, archive_size));
	/* cpio(1) fills up the last block with zeros. */
	memcpy(block, archive, archive_size);
	assert_true(check(block, sizeof(block)));
	archive[5] = '2'; /* the format with checksums */
	assert_true(check(archive, archive_size));
}

static void digits_may_be_capital(void **state)
{
	(void)state;
	archive_size =
		sample_trailer(archive, sample_member(archive, 0, "nine.char", 0100600, "x", 1));
	assert_int_equal(archive[CPIO_NAME_SIZE + 7], 'a');
	archive[CPIO_NAME_SIZE + 7] = 'A';
	assert_true(check(archive, archive_size));
}

static void an_archive_of_nothing(void **state)
{
	(void)state;
	assert_true(check(archive, sample_trailer(archive, 0)));
}

/* What follows the trailer is another archive's business: microcode comes before an initramfs. */
static void the_trailer_ends_it(void **state)
{
	(void)state;
	memset(archive + archive_size, 0xee, sizeof(archive) - archive_size);
	assert_true(check(archive, sizeof(archive)));
}

static void cut_at_every_byte(void **state)
{
	(void)state;
	/* 110 + 11 bytes of trailer are padded to 124: the last 3 carry nothing. */
	for (size_t size = 6; size < archive_size - 3; size++) {
		uint8_t *copy = malloc(size);

		memcpy(copy, archive, size);
		bool good = check(copy, size);
		free(copy);
		assert_each(!good, "good when cut to", size);
		assert_mends(in_words(&problem), "cut short");
	}
}

static void sizes_that_lead_out_of_the_file(void **state)
{
	static const uint32_t sizes[] = {0x200,      0x10000,    0x7fffffff, 0x80000000,
					 0xfffffff0, 0xfffffffd, UINT32_MAX};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		set_up(state);
		put_hex(CPIO_FILE_SIZE, sizes[i]);
		assert_false(check(archive, archive_size));
		assert_mends(in_words(&problem), "byte 0");
		set_up(state);
		put_hex(CPIO_NAME_SIZE, sizes[i]);
		assert_false(check(archive, archive_size));
		assert_mends(in_words(&problem), "byte 0");
	}
}

static void damaged_headers(void **state)
{
	static const struct {
		size_t at;
		char c;
	} damages[] = {{0, '1'}, {4, '1'}, {5, '7'}, {5, '0'}, {CPIO_FILE_SIZE, 'g'},
		       {CPIO_FILE_SIZE + 7, ' '}, {CPIO_FILE_SIZE, '-'}, {CPIO_NAME_SIZE, 'x'},
		       {CPIO_NAME_SIZE + 3, '\0'}, {CPIO_NAME_SIZE + 1, '@'}, {CPIO_NAME_SIZE, ':'},
		       {CPIO_NAME_SIZE, '/'}, {CPIO_NAME_SIZE, 'G'}, {CPIO_NAME_SIZE, '`'}};

	(void)state;
	for (unsigned i = 0; i < COUNT(damages); i++) {
		set_up(state);
		archive[SECOND + damages[i].at] = (uint8_t)damages[i].c;
		assert_each(!check(archive, archive_size), "good with damage", i);
		assert_mends(in_words(&problem), "bad header at byte 116");
	}
}

/* A member that only looks like the trailer does not end the archive. */
static void names_like_the_trailer(void **state)
{
	static const char *const names[] = {"TRAILER!!", "TRAILER!!!x", "trailer!!!",
					    "TRAILER!!\1"};

	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++) {
		size_t size = sample_member(archive, 0, names[i], 0100600, NULL, 0);

		assert_each(!check(archive, size), "taken for the trailer", i);
		assert_true(check(archive, sample_trailer(archive, size)));
	}
}

/* --- what -i takes --- */

static bool initrd(const void *data, size_t size)
{
	problem_clear(&problem);
	return initrd_check((struct bytes){data, size}, &problem);
}

/* The magic numbers of the kernel's lib/decompress.c. */
static void compressed_initrds(void **state)
{
	static const struct {
		const char *magic;
		size_t size;
	} good[] = {{"\x1f\x8b\x08", 3}, {"\xfd" "7zXZ\0", 6}, {"\x28\xb5\x2f\xfd", 4},
		    {"\x02\x21\x4c\x18", 4}, {"BZh9", 4}, {"\x5d\x00\x00\x80", 4}, {"\x89LZO", 4}};

	(void)state;
	for (unsigned i = 0; i < COUNT(good); i++)
		assert_each(initrd(good[i].magic, good[i].size), "refused compressor", i);
}

static void plain_initrds(void **state)
{
	(void)state;
	assert_true(initrd(archive, archive_size));
	archive[5] = '2';
	assert_true(initrd(archive, archive_size));
	archive[5] = '1';
	assert_false(initrd(archive, archive_size - 10));
	assert_mends(in_words(&problem), "cut short");
}

static void no_initrds(void **state)
{
	static uint8_t elf[ELF_SIZE];

	(void)state;
	sample_elf(elf);
	assert_false(initrd(NULL, 0));
	assert_mends(in_words(&problem), "empty");
	assert_false(initrd(elf, sizeof(elf)));
	assert_mends(in_words(&problem), "cpio");
	assert_false(initrd("\x1f", 1));
	assert_mends(in_words(&problem), "cpio");
	assert_false(initrd("07070", 5));
	assert_mends(in_words(&problem), "cpio");
	assert_false(initrd("070701", 6));
	assert_mends(in_words(&problem), "cut short");
	assert_false(initrd("070707", 6)); /* the old portable format */
	assert_mends(in_words(&problem), "newc");
	assert_false(initrd("\xc7\x71", 2)); /* the old binary format */
	assert_mends(in_words(&problem), "newc");
}

#define CHECK_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_golden),
		cmocka_unit_test(a_whole_archive),
		cmocka_unit_test(padding),
		cmocka_unit_test(counting_needs_no_buffer),
		cmocka_unit_test(every_capacity),
		CHECK_TEST(a_good_archive),
		CHECK_TEST(digits_may_be_capital),
		CHECK_TEST(an_archive_of_nothing),
		CHECK_TEST(the_trailer_ends_it),
		CHECK_TEST(cut_at_every_byte),
		CHECK_TEST(sizes_that_lead_out_of_the_file),
		CHECK_TEST(damaged_headers),
		CHECK_TEST(names_like_the_trailer),
		CHECK_TEST(compressed_initrds),
		CHECK_TEST(plain_initrds),
		CHECK_TEST(no_initrds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
