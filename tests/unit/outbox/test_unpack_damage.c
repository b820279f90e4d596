/* Files out of a guest: archives that are damaged, or none, or more than is allowed. */
#define _GNU_SOURCE
#include "unpack_run.h"

#include <signal.h>
#include <sys/resource.h>

/* --- what may come when --- */

static void members_out_of_place(void **state)
{
	(void)state;
	assert_int_equal(mkdir("there", 0755), 0);
	want("/srv", "there");
	want("/f", "f");
	add("0/x", 0100644, "before its directory");
	assert_damaged("out of place");
	add("0", 0100644, "a file");
	add("0/x", 0100644, "in a file");
	assert_damaged("out of place");
	add("0", 040755, "");
	add("0", 040755, "");
	assert_damaged("out of place");
	add("0", 040755, "");
	add("0/a/b", 0100644, "");
	assert_damaged("whose directory did not come");
	add("0", 040755, "");
	add("0/x", 0100644, "first");
	add("0/x", 0100644, "second");
	add("1", 0100644, "");
	assert_unpacked();
	assert_string_equal(what_is("there/x"), "second");
}

static void a_target_that_does_not_come(void **state)
{
	(void)state;
	want("/a", "a");
	want("/b", "b");
	add("1", 0100644, "came");
	assert_refused("the guest has no /a", "-o");
	assert_string_equal(what_is("b"), "came");
	assert_string_equal(what_is("a"), "");
	assert_refused("the guest has no /a", "-o");
}

static void a_file_without_a_name(void **state)
{
	static const char *const guests[] = {"/", "/x/..", ".", "//", "..", "/x/./"};

	(void)state;
	for (unsigned i = 0; i < COUNT(guests); i++) {
		target_count = 0;
		want(guests[i], ".");
		add("0", 0100644, "x");
		assert_damaged("has no name");
	}
	assert_int_equal(entries_in("."), 0);
}

/* --- archives that are none --- */

static bool unpack_bytes(size_t size)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	assert_int_equal(write(fd, outbox_bytes, size), size);
	return unpack_fd(fd, LIMIT);
}

static void nothing_was_sent(void **state)
{
	(void)state;
	want("/a", "a");
	memset(outbox_bytes, 0, 8192);
	assert_false(unpack_bytes(8192));
	assert_mends(in_words(&problem), "the guest sent no files");
	assert_false(unpack_bytes(0));
	assert_mends(in_words(&problem), "the guest sent no files");
	assert_false(unpack_bytes(3));
	assert_mends(in_words(&problem), "the guest sent no files");
}

static void an_archive_cut_anywhere(void **state)
{
	(void)state;
	want("/a", "a");
	add("0", 0100644, "some text");
	assert_true(cpio_finish(&outbox_cpio));
	for (size_t size = 1; size < outbox_cpio.size; size++) {
		bool done = unpack_bytes(size);

		assert_each(!done, "was cut to", size);
		assert_mends(in_words(&problem), "the guest's answer is damaged");
		assert_int_equal(entries_in("."), size >= 121 ? 1 : 0);
	}
	assert_true(unpack_bytes(outbox_cpio.size));
}

static void a_file_that_is_sparse_behind(void **state)
{
	(void)state;
	want("/a", "a");
	add("0", 0100644, "text");
	int archive = make_archive();
	assert_int_equal(ftruncate(archive, (off_t)GIB << 10), 0);
	assert_true(unpack_fd(archive, LIMIT));
}

static void damaged_fields(void **state)
{
	static const struct {
		unsigned offset;
		const char *bytes, *says;
	} damages[] = {
		{0, "070702", "a bad header"},
		{0, "070707", "a bad header"},
		{6 + 8 * CPIO_FIELD_MODE, "x", "a bad header"},
		{6 + 8 * CPIO_FIELD_TIME + 7, " ", "a bad header"},
		{6 + 8 * CPIO_FIELD_FILE_SIZE, "-", "a bad header"},
		{6 + 8 * CPIO_FIELD_NAME_SIZE, "g", "a bad header"},
		{6 + 8 * CPIO_FIELD_FILE_SIZE, "ffffffff", "beyond the end"},
		{6 + 8 * CPIO_FIELD_FILE_SIZE, "7fffffff", "beyond the end"},
		{6 + 8 * CPIO_FIELD_FILE_SIZE, "00001000", "beyond the end"},
		{6 + 8 * CPIO_FIELD_NAME_SIZE, "ffffffff", "does not end"},
		{6 + 8 * CPIO_FIELD_NAME_SIZE, "00001001", "does not end"},
		{6 + 8 * CPIO_FIELD_NAME_SIZE, "00001000", "does not end"},
		{6 + 8 * CPIO_FIELD_NAME_SIZE, "00000000", "does not end"},
		{6 + 8 * CPIO_FIELD_NAME_SIZE, "00000001", "does not end"},
		{6 + 8 * CPIO_FIELD_NAME_SIZE, "00000003", "does not end"},
		{111, "/", "does not end"},
		{110, "\0", "does not end"},
	};

	(void)state;
	want("/a", "a");
	for (unsigned i = 0; i < COUNT(damages); i++) {
		add("0", 0100644, "text");
		memcpy(outbox_bytes + damages[i].offset, damages[i].bytes,
		       strlen(damages[i].bytes) + !damages[i].bytes[0]);
		assert_damaged(damages[i].says);
		assert_int_equal(entries_in("."), 0);
	}
	/* As far back as it says. */
	add("0", 0100644, "text");
	outbox_bytes[outbox_cpio.size] = 'x';
	outbox_cpio.size += 4;
	assert_damaged("a bad header at byte 116");
}

/* Nothing ends it, neither in the archive nor in what was read before. */
static void a_name_without_an_end(void **state)
{
	static char text[65536 + 1];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	want("/a", "a");
	add("0", 0100644, text);
	size_t header = outbox_cpio.size;
	add(text, 0100644, "");
	memcpy(outbox_bytes + header + 6 + 8 * CPIO_FIELD_NAME_SIZE, "00ffffff", 8);
	assert_damaged("does not end");
}

static void symlinks_without_sense(void **state)
{
	static char longest[4097];

	(void)state;
	want("/a", "a");
	add("0", 0120777, "");
	assert_damaged("a symlink without sense");
	cpio_add(&outbox_cpio, "0", 0120777, (struct bytes){(const uint8_t *)"a\0b", 3});
	assert_damaged("a symlink without sense");
	memset(longest, 'x', 4096);
	add("0", 0120777, longest);
	assert_damaged("a symlink without sense");
	longest[4095] = '\0';
	add("0", 0120777, longest);
	assert_unpacked();
	assert_int_equal(entries_in("."), 1);
}

/* --- limits and errors --- */

static void the_limit(void **state)
{
	static const struct {
		uint64_t limit;
		bool allowed;
	} cases[] = {{2 * 4096 + 9, true},
		     {2 * 4096 + 8, false},
		     {4096, false},
		     {0, false},
		     {UINT64_MAX, true}};

	(void)state;
	want("/srv", "out");
	for (unsigned i = 0; i < COUNT(cases); i++) {
		add("0", 040755, "");
		add("0/x", 0100644, "123456789");
		bool done = unpack_fd(make_archive(), cases[i].limit);
		outbox_new_archive();
		assert_each(done == cases[i].allowed, "limit", cases[i].limit);
		if (done)
			continue;
		assert_mends(in_words(&problem), "the guest sends more than");
		assert_says(in_words(&problem), "--out-limit");
	}
}

/* The guest's disk has no room for it: the archive ends within the member. */
static void more_than_the_disk_takes(void **state)
{
	enum { DISK = 3 * 4096 };

	(void)state;
	want("/a", "a");
	add("0", 0100644, "text");
	memcpy(outbox_bytes + 6 + 8 * CPIO_FIELD_FILE_SIZE, "00010000", 8);
	int archive = make_archive();
	assert_int_equal(ftruncate(archive, DISK), 0);
	assert_false(unpack_fd(archive, DISK));
	assert_mends(in_words(&problem), "the guest sends more than 12288 bytes");
	assert_int_equal(entries_in("."), 0);
}

/* Members in which there is nothing cost, too; a hole costs what it would fill. */
static void bombs(void **state)
{
	(void)state;
	want("/srv", "out");
	add("0", 040755, "");
	for (unsigned i = 0; i < 300; i++)
		add("0/x", 0100644, "");
	assert_false(unpack_fd(make_archive(), MIB));
	assert_mends(in_words(&problem), "the guest sends more than 1048576 bytes");
	outbox_new_archive();
	assert_int_equal(unlink("out/x"), 0);
	add("0", 040755, "");
	size_t header = outbox_cpio.size;
	add("0/x", 0100644, "");
	memcpy(outbox_bytes + header + 6 + 8 * CPIO_FIELD_FILE_SIZE, "f0000000", 8);
	int archive = make_archive();
	assert_int_equal(ftruncate(archive, (off_t)(8 * GIB)), 0);
	assert_false(unpack_fd(archive, 3 * GIB));
	assert_mends(in_words(&problem), "the guest sends more than");
	assert_int_equal(entries_in("out"), 0);
}

/* What was there stays whole, and nothing half-done is left. */
static void a_full_disk(void **state)
{
	struct rlimit old, small = {0};

	(void)state;
	put_text("out", "old");
	want("/x", "out");
	add("0", 0100644, "more than four bytes");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){.rlim_cur = 4, .rlim_max = old.rlim_max};
	int archive = make_archive();
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	bool done = unpack_fd(archive, LIMIT);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_false(done);
	assert_mends(in_words(&problem), "cannot write out: File too large");
	assert_string_equal(what_is("out"), "old");
	assert_int_equal(entries_in("."), 1);
}

static void no_descriptor_is_lost(void **state)
{
	unsigned before = open_descriptors();

	(void)state;
	want("/srv", "out/");
	add("0", 040755, "");
	add("0/a", 040755, "");
	add("0/a/b", 0100644, "x");
	add("0/a/c", 0120777, "x");
	assert_unpacked();
	add("0", 040755, "");
	add("0/a/b/c", 0100644, "x");
	assert_refused("out/", "Not a directory");
	add("0", 040755, "");
	add("0/a", 0100644, "x");
	assert_refused("out/", "Is a directory");
	assert_int_equal(open_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(members_out_of_place),
		TEST(a_target_that_does_not_come),
		TEST(a_file_without_a_name),
		TEST(nothing_was_sent),
		TEST(an_archive_cut_anywhere),
		TEST(a_file_that_is_sparse_behind),
		TEST(damaged_fields),
		TEST(a_name_without_an_end),
		TEST(symlinks_without_sense),
		TEST(the_limit),
		TEST(more_than_the_disk_takes),
		TEST(bombs),
		TEST(a_full_disk),
		TEST(no_descriptor_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
