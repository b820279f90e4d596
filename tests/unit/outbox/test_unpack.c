/* Files out of a guest: what arrives, and that nothing arrives anywhere else, whatever the archive says and whatever
 * is in the way on the host. */
#define _GNU_SOURCE
#include "outbox.h"

#include <signal.h>
#include <sys/resource.h>

#include "outbox/tree.h"

#define LIMIT (64 * MIB)

static bool unpack_fd(int archive, uint64_t limit)
{
	bool done;

	problem_clear(&problem);
	done = unpack_open(targets, target_count, &problem) &&
	       unpack(archive, targets, target_count, limit, &problem);
	unpack_close(targets, target_count);
	close(archive);
	return done;
}

static bool run(void)
{
	return unpack_fd(make_archive(), LIMIT);
}

static void assert_unpacked(void)
{
	if (!run())
		print_error("%s\n", in_words(&problem));
	assert_string_equal(in_words(&problem), "");
	outbox_new_archive();
}

static void assert_refused(const char *object, const char *says)
{
	assert_false(run());
	assert_mends(in_words(&problem), object);
	assert_says(in_words(&problem), says);
	outbox_new_archive();
}

static void assert_damaged(const char *says)
{
	assert_refused("the guest's answer is damaged", says);
}

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
#define TEST(function) cmocka_unit_test_setup_teardown(function, outbox_set_up, outbox_tear_down)
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
