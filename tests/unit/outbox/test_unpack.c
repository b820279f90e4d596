/* Files out of a guest: what arrives, and that nothing arrives anywhere else, whatever names the
 * archive has and whatever is in the way on the host. test_unpack_damage.c has archives that are
 * refused. */
#define _GNU_SOURCE
#include "unpack_run.h"

#include "outbox/tree.h"

/* --- what arrives --- */

static void a_file_under_the_name_given(void **state)
{
	struct stat stat;

	(void)state;
	want("/etc/motd", "out");
	add("0", 0100640, "hello");
	memcpy(outbox_bytes + 6 + 8 * CPIO_FIELD_TIME, "0000ffff", 8);
	assert_unpacked();
	assert_string_equal(what_is("out"), "hello");
	assert_int_equal(mode_of("out"), 0640);
	assert_int_equal(lstat("out", &stat), 0);
	assert_int_equal(stat.st_mtime, 0xffff);
	assert_int_equal(entries_in("."), 1);
}

static void a_file_into_a_directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir("there", 0755), 0);
	want("/etc/motd", "there");
	want("/etc/issue/", "made/");
	want("name", ".");
	add("0", 0100644, "one");
	add("1", 0100644, "two");
	add("2", 0120777, "motd");
	assert_unpacked();
	assert_string_equal(what_is("there/motd"), "one");
	assert_string_equal(what_is("made/issue"), "two");
	assert_string_equal(what_is("name"), "-> motd");
}

static void a_directory_and_what_is_in_it(void **state)
{
	(void)state;
	want("/srv", "out");
	add("0", 040700, "");
	add("0/empty", 0100600, "");
	add("0/sub", 040500, "");
	add("0/sub/file", 0100400, "text");
	add("0/sub/link", 0120777, "../../canary");
	assert_unpacked();
	assert_int_equal(entries_in("out"), 2);
	assert_int_equal(entries_in("out/sub"), 2);
	assert_string_equal(what_is("out/sub/file"), "text");
	assert_int_equal(mode_of("out/sub/file"), 0400);
	assert_string_equal(what_is("out/sub/link"), "-> ../../canary");
	assert_int_equal(mode_of("out"), 0700);
	assert_int_equal(mode_of("out/sub"), 0700);
}

static void a_directory_is_merged(void **state)
{
	(void)state;
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/sub", 0711), 0);
	put_text("out/sub/stays", "old");
	put_text("out/sub/replaced", "old");
	want("/srv", "out/");
	add("0", 040700, "");
	add("0/sub", 040700, "");
	add("0/sub/replaced", 0100644, "new");
	assert_unpacked();
	assert_string_equal(what_is("out/sub/stays"), "old");
	assert_string_equal(what_is("out/sub/replaced"), "new");
	assert_int_equal(mode_of("out/sub"), 0711);
	assert_int_equal(entries_in("out/sub"), 2);
}

static void a_root_directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir("out", 0755), 0);
	want("/", "out");
	add("0", 040755, "");
	add("0/x", 0100644, "x");
	assert_unpacked();
	assert_string_equal(what_is("out/x"), "x");
}

/* More than a piece, and not a multiple of it. */
static void a_large_file(void **state)
{
	static uint8_t data[3 * 65536 + 5], found[sizeof(data) + 1];
	uint32_t random = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)next_random(&random);
	want("/big", "out");
	want("/next", "next");
	cpio_add(&outbox_cpio, "0", 0100644, (struct bytes){data, sizeof(data)});
	add("1", 0100644, "behind it");
	assert_unpacked();
	int fd = open("out", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, found, sizeof(found)), sizeof(data));
	close(fd);
	assert_memory_equal(found, data, sizeof(data));
	assert_string_equal(what_is("next"), "behind it");
}

/* Whoever reads the old file goes on reading it. */
static void a_file_is_replaced_whole(void **state)
{
	char text[8] = "";

	(void)state;
	put_text("out", "old");
	assert_int_equal(link("out", "other"), 0);
	want("/x", "out");
	add("0", 0100644, "new");
	assert_unpacked();
	assert_string_equal(what_is("out"), "new");
	strcpy(text, what_is("other"));
	assert_string_equal(text, "old");
}

static void set_id_bits_do_not_arrive(void **state)
{
	(void)state;
	want("/srv", "out");
	add("0", 047777, "");
	add("0/su", 0106777, "");
	add("0/tmp", 041777, "");
	assert_unpacked();
	assert_int_equal(mode_of("out"), 0755);
	assert_int_equal(mode_of("out/su"), 0755);
	assert_int_equal(mode_of("out/tmp"), 0755);
}

static void nodes_are_left_out(void **state)
{
	static const uint32_t modes[] = {020666, 060666, 010666, 0140666, 0666, 0170666};
	struct capture capture;
	char name[] = "0/a";

	(void)state;
	want("/dev", "out");
	add("0", 040755, "");
	for (unsigned i = 0; i < COUNT(modes); i++, name[2]++)
		add(name, modes[i], "data that nobody wants");
	add("0/file", 0100644, "x");
	capture_begin(&capture, 2);
	bool done = run();
	capture_end(&capture);
	assert_true(done);
	assert_int_equal(capture.writes, 1);
	assert_says(capture.text, "6 device nodes, FIFOs or sockets were left out");
	assert_int_equal(entries_in("out"), 1);
}

static void a_temporary_name_of_the_guests(void **state)
{
	(void)state;
	assert_int_equal(symlink("../canary/keep", ".mayfly-0"), 0);
	assert_int_equal(mkdir(".mayfly-3", 0755), 0);
	want("/srv", ".");
	add("0", 040755, "");
	add("0/.mayfly-2", 0120777, "../canary/keep");
	add("0/.mayfly-4", 0100644, "four");
	add("0/x", 0100644, "x");
	add("0/.mayfly-0", 0100644, "zero");
	assert_unpacked();
	assert_string_equal(what_is("x"), "x");
	assert_string_equal(what_is(".mayfly-0"), "zero");
	assert_string_equal(what_is(".mayfly-2"), "-> ../canary/keep");
	assert_string_equal(what_is(".mayfly-4"), "four");
	assert_int_equal(entries_in("."), 5);
}

/* --- names --- */

static void names_that_are_not_allowed(void **state)
{
	static const char *const names[] = {
		"0/..",
		"0/../x",
		"0/../../canary/keep",
		"..",
		"../x",
		"/0",
		"/",
		"/etc/x",
		"0/.",
		"0/./x",
		"0//x",
		"0/",
		"0/sub/",
		"./0",
		".",
		"",
		"1",
		"7",
		"7/x",
		"00",
		"00/x",
		"0x",
		"0x/y",
		"01",
		"a",
		"-0",
		"+0",
		" 0",
		"0 ",
		"0.",
		"x/0",
		"4294967296",
		"0/a/..",
		"0/sub/../../x",
		"18446744073709551616",
		"TRAILER!!",
		"TRAILER!!!!",
	};

	(void)state;
	want("/srv", "out");
	for (unsigned i = 0; i < COUNT(names); i++) {
		add("0", 040755, "");
		add("0/sub", 040755, "");
		add(names[i], 0100644, "evil");
		bool done = run();
		if (done || !strstr(in_words(&problem), "a name that is not allowed"))
			print_error("'%s': %s\n", names[i], in_words(&problem));
		assert_false(done);
		assert_says(in_words(&problem), "a name that is not allowed");
		outbox_new_archive();
	}
	assert_int_equal(entries_in("."), 1);
	assert_int_equal(entries_in("out"), 1);
	assert_int_equal(entries_in("out/sub"), 0);
}

/* COUNT times PART behind "0". */
static const char *long_name(const char *part, size_t count)
{
	static char name[32768];

	strcpy(name, "0");
	for (size_t i = 0; i < count; i++)
		strcpy(name + 1 + i * strlen(part), part);
	return name;
}

static void long_names(void **state)
{
	char component[260] = "0/";

	(void)state;
	want("/srv", "out");
	memset(component + 2, 'x', 255);
	add("0", 040755, "");
	add(component, 0100644, "longest");
	assert_unpacked();
	component[257] = 'x';
	add("0", 040755, "");
	add(component, 0100644, "too long");
	assert_damaged("not allowed");
	add("0", 040755, "");
	add(long_name("/a", 10000), 0100644, "");
	assert_damaged("a name that does not end where it should");
	add(long_name("/abcdefghi", 409), 0100644, ""); /* 4092 with its NUL */
	assert_damaged("not allowed");
	add(long_name("/abcdefg", 512), 0100644, ""); /* 4098 */
	assert_damaged("a name that does not end where it should");
	assert_int_equal(entries_in("out"), 1);
}

static void deep_directories(void **state)
{
	(void)state;
	want("/srv", "out");
	add("0", 040755, "");
	for (unsigned i = 1; i < TREE_DEPTH_MAX; i++)
		add(long_name("/a", i), 040755, "");
	assert_unpacked();
	add("0", 040755, "");
	for (unsigned i = 1; i <= TREE_DEPTH_MAX; i++)
		add(long_name("/a", i), 040755, "");
	assert_damaged("not allowed");
}

/* --- what is in the way --- */

static void a_symlink_of_the_archives_own(void **state)
{
	(void)state;
	want("/srv", "out");
	add("0", 040755, "");
	add("0/a", 0120777, "../../canary");
	add("0/a/x", 0100644, "evil");
	assert_refused("out/a/x", "Not a directory");
	add("0", 040755, "");
	add("0/a", 040755, "");
	assert_refused("out/a", "Not a directory");
	add("0", 040755, "");
	add("0/b", 0120777, "../../canary/keep");
	add("0/b", 0100644, "file over symlink");
	assert_unpacked();
	assert_string_equal(what_is("out/b"), "file over symlink");
	add("0", 040755, "");
	add("0/b", 0120777, "../../canary/keep");
	assert_unpacked();
	assert_string_equal(what_is("out/b"), "-> ../../canary/keep");
}

static void the_target_itself_as_a_symlink(void **state)
{
	(void)state;
	want("/srv", "out");
	add("0", 0120777, "../canary");
	add("0/x", 0100644, "evil");
	assert_damaged("out of place");
	assert_string_equal(what_is("out"), "-> ../canary");
	add("0", 040755, "");
	add("0/x", 0100644, "the next run's");
	assert_refused("out: it is a symlink", "");
	assert_int_equal(unlink("out"), 0);
	add("0", 0120777, "../canary");
	add("0", 040755, "");
	assert_damaged("out of place");
}

/* What an earlier run left, or came while the VM was running. */
static void a_symlink_of_the_hosts(void **state)
{
	(void)state;
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(symlink("../../canary", "out/a"), 0);
	assert_int_equal(symlink("../../canary/keep", "out/keep"), 0);
	assert_int_equal(symlink("../../canary/new", "out/new"), 0);
	want("/srv", "out");
	add("0", 040755, "");
	add("0/keep", 0100644, "mine");
	add("0/new", 0100644, "mine");
	add("0/a/x", 0100644, "evil");
	assert_refused("out/a/x", "Not a directory");
	assert_string_equal(what_is("out/keep"), "mine");
	assert_string_equal(what_is("out/new"), "mine");
	add("0", 040755, "");
	add("0/a", 040755, "");
	assert_refused("out/a", "remove what is in the way");
}

static void a_symlink_that_comes_too_late(void **state)
{
	(void)state;
	want("/srv", "out");
	want("/f", "file");
	add("0", 040755, "");
	add("0/x", 0100644, "evil");
	add("1", 0100644, "text");
	assert_true(unpack_open(targets, target_count, &problem));
	assert_int_equal(symlink("../canary/keep", "file"), 0);
	assert_int_equal(symlink("../canary", "out"), 0);
	int archive = make_archive();
	assert_false(unpack(archive, targets, target_count, LIMIT, &problem));
	assert_mends(in_words(&problem), "out: Not a directory");
	assert_int_equal(unlink("out"), 0);
	targets[0].seen = false;
	assert_true(unpack(archive, targets, target_count, LIMIT, &problem));
	assert_string_equal(what_is("file"), "text");
	close(archive);
}

static void directories_and_files_do_not_replace_each_other(void **state)
{
	(void)state;
	want("/srv", "out");
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/d", 0755), 0);
	put_text("out/f", "old");
	add("0", 040755, "");
	add("0/d", 0100644, "new");
	assert_refused("out/d", "Is a directory");
	add("0", 040755, "");
	add("0/d", 0120777, "f");
	assert_refused("out/d", "Is a directory");
	add("0", 040755, "");
	add("0/f", 040755, "");
	assert_refused("out/f", "Not a directory");
	assert_string_equal(what_is("out/f"), "old");
	assert_int_equal(entries_in("out"), 2);
	target_count = 0;
	want("/srv", "out/f");
	add("0", 040755, "");
	assert_refused("out/f", "Not a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_under_the_name_given),
		TEST(a_file_into_a_directory),
		TEST(a_directory_and_what_is_in_it),
		TEST(a_directory_is_merged),
		TEST(a_root_directory),
		TEST(a_large_file),
		TEST(a_file_is_replaced_whole),
		TEST(set_id_bits_do_not_arrive),
		TEST(nodes_are_left_out),
		TEST(a_temporary_name_of_the_guests),
		TEST(names_that_are_not_allowed),
		TEST(long_names),
		TEST(deep_directories),
		TEST(a_symlink_of_the_archives_own),
		TEST(the_target_itself_as_a_symlink),
		TEST(a_symlink_of_the_hosts),
		TEST(a_symlink_that_comes_too_late),
		TEST(directories_and_files_do_not_replace_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
