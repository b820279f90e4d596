/* Where files out of a guest are to go, before there is a guest. */
#define _GNU_SOURCE
#include "outbox.h"

static void assert_opens(const char *guest, const char *host, const char *name, bool into)
{
	target_count = 0;
	want(guest, host);
	if (!unpack_open(targets, target_count, &problem)) {
		print_error("%s: %s\n", host, in_words(&problem));
		fail();
	}
	assert_string_equal(targets[0].name, name);
	assert_int_equal(targets[0].into, into);
	unpack_close(targets, target_count);
}

static void assert_refused(const char *host, const char *says)
{
	unsigned before = open_descriptors();

	target_count = 0;
	want("/first", "first");
	want("/x", host);
	assert_false(unpack_open(targets, target_count, &problem));
	assert_mends(in_words(&problem), host);
	assert_says(in_words(&problem), says);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(targets[0].parent_fd, -1);
}

static void paths_that_will_do(void **state)
{
	char absolute[256], longest[256];

	(void)state;
	put_text("file", "");
	assert_int_equal(mkdir("dir", 0755), 0);
	assert_opens("/x", "new", "new", false);
	assert_opens("/x", "./new", "new", false);
	assert_opens("/x", "new//", "new", true);
	assert_opens("/x", "dir/new", "new", false);
	assert_opens("/x", "dir//new", "new", false);
	assert_opens("/x", "file", "file", false);
	assert_opens("/x", "dir", ".", true);
	assert_opens("/x", "dir//", ".", true);
	assert_opens("/x", ".", ".", true);
	assert_opens("/x", "dir/..", ".", true);
	assert_opens("/x", "/tmp", ".", true);
	snprintf(absolute, sizeof(absolute), "%s/box/new", outbox);
	assert_opens("/x", absolute, "new", false);
	memset(longest, 'x', 255);
	longest[255] = '\0';
	assert_opens("/x", longest, longest, false);
	assert_int_equal(entries_in("."), 2);
	assert_string_equal(what_is("file"), "");
}

static void paths_that_will_not(void **state)
{
	char long_name[5000] = "";

	(void)state;
	put_text("file", "");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_refused("missing/new", "No such file");
	assert_refused("missing/new/", "No such file");
	assert_refused("file/new", "Not a directory");
	assert_refused("file/", "not a directory");
	assert_refused("fifo", "regular file");
	assert_refused("/dev/null", "regular file");
	assert_refused("", "No such file");
	assert_refused("first", "path of its own");
	assert_refused("./first/", "path of its own");
	for (unsigned i = 0; i < 2; i++) {
		memset(long_name, i ? '/' : 'x', i ? 4998 : 256);
		target_count = 0;
		want("/x", long_name);
		assert_false(unpack_open(targets, 1, &problem));
		assert_mends(in_words(&problem), "too long");
	}
	assert_int_equal(entries_in("."), 2);
}

/* The guest of the last run may have sent it. */
static void symlinks(void **state)
{
	(void)state;
	put_text("file", "");
	assert_int_equal(mkdir("dir", 0755), 0);
	assert_int_equal(symlink("file", "to-file"), 0);
	assert_int_equal(symlink("../canary", "to-dir"), 0);
	assert_int_equal(symlink("nothing", "to-nothing"), 0);
	assert_refused("to-file", "symlink");
	assert_refused("to-dir", "symlink");
	assert_refused("to-dir/", "symlink");
	assert_refused("to-nothing", "symlink");
	assert_refused("to-nothing//", "symlink");
	assert_opens("/x", "to-dir/new", "new", false);
	assert_opens("/x", "to-dir/.", ".", true);
}

static void the_same_place_twice(void **state)
{
	(void)state;
	assert_int_equal(mkdir("dir", 0755), 0);
	want("/a", "dir");
	want("/b", "dir/new");
	want("/c", "dir/.");
	assert_false(unpack_open(targets, 3, &problem));
	assert_mends(in_words(&problem), "/a and /c");
	assert_true(unpack_open(targets, 2, &problem));
	unpack_close(targets, 2);
	targets[2].host_path = "dir/../dir//new/";
	assert_false(unpack_open(targets, 3, &problem));
	assert_mends(in_words(&problem), "/b and /c");
}

static void leaves(void **state)
{
	static const struct {
		const char *guest, *leaf;
	} cases[] = {{"/a", "a"}, {"/a/b", "b"},     {"/a/b///", "b"}, {"b", "b"},
		     {"/", ""},   {"/a/..", ""},     {"/.", ""},       {"//", ""},
		     {"", ""},    {"/a/...", "..."}, {"/a/.b", ".b"}};
	char long_name[260] = "/";

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_opens(cases[i].guest, "new", "new", false);
		assert_string_equal(targets[0].leaf, cases[i].leaf);
	}
	memset(long_name + 1, 'x', 255);
	assert_opens(long_name, "new", "new", false);
	long_name[256] = 'x';
	targets[0].guest_path = long_name;
	assert_false(unpack_open(targets, 1, &problem));
	assert_mends(in_words(&problem), "longer than 255");
}

static void too_many(void **state)
{
	static struct unpack_target many[UNPACK_TARGETS_MAX + 1];

	(void)state;
	assert_false(unpack_open(many, UNPACK_TARGETS_MAX + 1, &problem));
	assert_mends(in_words(&problem), "too many");
}

/* Root may write everything: be somebody else for a moment. */
static void what_may_not_be_written(void **state)
{
	uid_t user = geteuid();

	(void)state;
	assert_int_equal(mkdir("closed", 0555), 0);
	assert_int_equal(mkdir("open", 0777), 0);
	assert_int_equal(chmod("open", 0777), 0);
	assert_int_equal(chmod("../box", 0777), 0);
	assert_int_equal(chmod("..", 0755), 0);
	put_text("open/file", "");
	assert_int_equal(chmod("open/file", 0444), 0);
	if (user == 0)
		assert_int_equal(setresuid(65534, 65534, 0), 0);
	assert_refused("closed/new", "make it writable");
	assert_refused("closed", "make it writable");
	assert_refused("open/file", "make it writable");
	assert_opens("/x", "open/new", "new", false);
	if (user == 0)
		assert_int_equal(setresuid(0, 0, 0), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, outbox_set_up, outbox_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(paths_that_will_do),
		TEST(paths_that_will_not),
		TEST(symlinks),
		TEST(the_same_place_twice),
		TEST(leaves),
		TEST(too_many),
		TEST(what_may_not_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
