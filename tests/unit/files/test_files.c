/* Files for the guest: what is gathered from real trees, and the archive that it becomes, member
 * by member. */
#define _GNU_SOURCE
#include "files/gather.h"

#include <errno.h>
#include <sys/un.h>

#include "archive.h"
#include "child.h"
#include "archive/job.h"
#include "tmpdir.h"

/* A file is a path, its place and its mode. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

enum { NOBODY = 65534, UID = 1001, GID = 1002 };

static struct files files;
static struct problem problem;

/* --- gathering --- */

#define GATHER(...)                                                                       \
	gather((const struct file_option[]){__VA_ARGS__},                                 \
	       sizeof((const struct file_option[]){__VA_ARGS__}) / sizeof(struct file_option))

static bool gather(const struct file_option *items, size_t count)
{
	struct file_option copies[8];

	memcpy(copies, items, count * sizeof(*items));
	files_release(&files);
	problem_clear(&problem);
	return files_gather(&(struct file_options){copies, count, count}, UID, GID, &files,
			    &problem);
}

#define assert_gathers(...)                           \
	do {                                          \
		if (!GATHER(__VA_ARGS__))             \
			fail_msg("%s", in_words(&problem)); \
		build();                              \
	} while (0)

#define assert_refused(object, says, ...)           \
	do {                                        \
		assert_false(GATHER(__VA_ARGS__));  \
		assert_mends(in_words(&problem), object); \
		assert_says(in_words(&problem), says);    \
	} while (0)

/* --- the archive --- */

struct member {
	const char *name;
	uint32_t mode, uid, gid, size, links, time, major, minor;
	const uint8_t *data;
};

static uint8_t *archive;
static size_t archive_size;
static struct member members[256];
static unsigned count; /* of them, but for the trailer */

static uint32_t field(const uint8_t *header, unsigned which)
{
	uint32_t value;

	assert_true(cpio_get(header, (enum cpio_field)which, &value));
	return value;
}

static void take_members(void)
{
	size_t at = 0;

	for (count = 0;; count++) {
		const uint8_t *header = archive + at;
		size_t data = (at + 110 + field(header, CPIO_FIELD_NAME_SIZE) + 3) & ~(size_t)3;

		assert_int_equal(field(header, CPIO_FIELD_INODE), count + 1);
		members[count] = (struct member){
			(const char *)header + 110,
			field(header, CPIO_FIELD_MODE),
			field(header, CPIO_FIELD_UID),
			field(header, CPIO_FIELD_GID),
			field(header, CPIO_FIELD_FILE_SIZE),
			field(header, CPIO_FIELD_LINKS),
			field(header, CPIO_FIELD_TIME),
			field(header, 9),
			field(header, 10),
			archive + data,
		};
		if (!strcmp(members[count].name, "TRAILER!!!"))
			return;
		at = (data + members[count].size + 3) & ~(size_t)3;
	}
}

/* Measures, and writes into an allocation of just that size. */
static void build(void)
{
	struct cpio measured = {0};

	assert_true(files_write(&files, &measured, &problem));
	assert_true(cpio_finish(&measured));
	archive_size = measured.size;
	free(archive);
	archive = malloc(archive_size);
	assert_non_null(archive);
	memset(archive, 0xee, archive_size);
	struct cpio cpio = ARCHIVE_IN(archive, archive_size);
	if (!files_write(&files, &cpio, &problem))
		fail_msg("%s", in_words(&problem));
	assert_true(cpio_finish(&cpio));
	assert_int_equal(cpio.size, archive_size);
	assert_true(cpio_check((struct bytes){archive, archive_size}, &problem));
	take_members();
	assert_int_equal(count, files.count);
}

/* Their names in the guest, in order, each with a space behind it; those on the way to "/" are
 * left out. */
static const char *names(void)
{
	static char text[4096];

	text[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		const char *name = members[i].name;

		if (!strcmp(name, ".mayfly") || !strcmp(name, &JOB_FILES_PATH[1]))
			continue;
		assert_int_equal(strncmp(name, &JOB_FILES_PATH[1], 13), 0);
		strcat(strcat(text, name + 13), " ");
	}
	return text;
}

/* The last of that name, as the kernel has it. */
static const struct member *find(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", &JOB_FILES_PATH[1], name);
	for (unsigned i = count; i-- > 0;)
		if (!strcmp(members[i].name, path))
			return &members[i];
	fail_msg("there is no %s in: %s", name, names());
	return NULL;
}

static void assert_content(const char *name, const char *content)
{
	const struct member *member = find(name);

	assert_int_equal(member->size, strlen(content));
	assert_memory_equal(member->data, content, member->size);
}

static void make_tree(const char *name)
{
	assert_int_equal(mkdir(in_directory(name), 0755), 0);
}

/* --- single files --- */

static void a_file(void **state)
{
	char *path = make_text("a", "content");

	(void)state;
	assert_int_equal(chmod(path, 04751), 0);
	assert_gathers({path, "/x", -1});
	assert_string_equal(names(), "/x ");
	assert_int_equal(count, 3);
	/* The kernel makes no parents: theirs come first. */
	assert_string_equal(members[0].name, ".mayfly");
	assert_string_equal(members[1].name, &JOB_FILES_PATH[1]);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(members[i].mode, 0040755);
		assert_int_equal(members[i].uid | members[i].gid | members[i].size, 0);
	}
	assert_int_equal(find("/x")->mode, 0104751);
	assert_int_equal(find("/x")->links, 1); /* more would be hard links */
	assert_content("/x", "content");
}

static void where_it_goes(void **state)
{
	char *path = make_text("a", "1");

	(void)state;
	assert_gathers({path, "/x/y/z", -1});
	assert_string_equal(names(), "/x /x/y /x/y/z ");
	assert_int_equal(find("/x/y")->mode, 0040755);
	assert_gathers({path, "/x/", -1}); /* into it */
	assert_string_equal(names(), "/x /x/a ");
	assert_gathers({path, "/", -1});
	assert_string_equal(names(), "/a ");
	assert_gathers({path, "/x", -1}, {path, "/y", -1}, {path, "/x", -1});
	assert_string_equal(names(), "/x /y "); /* the last counts */
}

static void modes(void **state)
{
	char *path = make_text("a", "1");

	(void)state;
	assert_gathers({path, "/x", 0}, {path, "/y", 07777}, {path, "/z", 0640});
	assert_int_equal(find("/x")->mode, 0100000);
	assert_int_equal(find("/y")->mode, 0107777);
	assert_int_equal(find("/z")->mode, 0100640);
	/* A mode is that of a file. */
	assert_refused(files_directory, "mode=", {files_directory, "/x", 0600});
	assert_refused("/dev/null", "mode=", {"/dev/null", "/x", 0600});
}

/* Sizes around the buffer's, and all that padding can be. */
static void contents(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 65535, 65536, 65537, 131072, 200001};
	static uint8_t content[200001];

	(void)state;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7 + i / 251);
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		char *path = make_file("a", content, sizes[i]);

		assert_gathers({path, "/x", -1}, {path, "/y", -1});
		assert_int_equal(find("/x")->size, sizes[i]);
		assert_memory_equal(find("/x")->data, content, sizes[i]);
		assert_memory_equal(find("/y")->data, content, sizes[i]);
	}
}

static void owners(void **state)
{
	char *mine = make_text("mine", ""), *other = make_text("other", "");

	(void)state;
	assert_gathers({mine, "/x/mine", -1});
	assert_int_equal(find("/x/mine")->uid, UID);
	assert_int_equal(find("/x/mine")->gid, GID);
	assert_int_equal(find("/x")->uid | find("/x")->gid, 0);
	if (chown(other, 12, 34) < 0)
		skip();
	assert_gathers({files_directory, "/x", -1});
	assert_int_equal(find("/x")->uid, UID);
	assert_int_equal(find("/x/mine")->gid, GID);
	assert_int_equal(find("/x/other")->uid, 12);
	assert_int_equal(find("/x/other")->gid, 34);
	/* Whose group alone is another's is ours. */
	assert_int_equal(chown(other, geteuid(), 34), 0);
	assert_gathers({other, "/x", -1});
	assert_int_equal(find("/x")->uid, UID);
	assert_int_equal(find("/x")->gid, GID);
}

static void devices(void **state)
{
	(void)state;
	assert_gathers({"/dev/null", "/x", -1}, {"/dev/full", "/y", -1});
	assert_int_equal(find("/x")->major, 1);
	assert_int_equal(find("/x")->minor, 3);
	assert_int_equal(find("/x")->size, 0);
	assert_int_equal(find("/y")->minor, 7);
}

/* --- trees --- */

static void a_tree(void **state)
{
	(void)state;
	make_tree("tree");
	make_tree("tree/z");
	make_text("tree/z/2", "two");
	make_text("tree/b", "b");
	make_tree("tree/empty");
	make_text("tree/.hidden", "h");
	make_text("tree/B", "B");
	make_text("tree/a b\n\xff", "odd");
	assert_int_equal(chmod(in_directory("tree/z"), 01700), 0);
	assert_gathers({in_directory("tree"), "/t", -1});
	/* In the order of their bytes, whatever the file system's is. */
	assert_string_equal(names(), "/t /t/.hidden /t/B /t/a b\n\xff /t/b /t/empty /t/z /t/z/2 ");
	assert_int_equal(find("/t/z")->mode, 0041700);
	assert_int_equal(find("/t/z")->size, 0);
	assert_content("/t/z/2", "two");
	assert_content("/t/a b\n\xff", "odd");
	assert_content("/t/.hidden", "h");
	/* Into a directory, under its name; to the root, its content. */
	assert_gathers({in_directory("tree/z"), "/t/", -1});
	assert_string_equal(names(), "/t /t/z /t/z/2 ");
	assert_gathers({in_directory("tree/z///"), "/t/", -1});
	assert_string_equal(names(), "/t /t/z /t/z/2 ");
	assert_gathers({in_directory("tree/z"), "/", -1});
	assert_string_equal(names(), "/2 ");
	assert_gathers({in_directory("tree/z/."), "/", -1}); /* --rootdir */
	assert_string_equal(names(), "/2 ");
	assert_gathers({in_directory("tree/empty"), "/e", -1});
	assert_string_equal(names(), "/e ");
}

/* More than the list begins with. */
static void a_large_tree(void **state)
{
	char name[32];

	(void)state;
	make_tree("large");
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "large/%03u", i);
		make_text(name, name + 6);
	}
	assert_gathers({in_directory("large"), "/x", -1});
	assert_int_equal(count, 2 + 1 + 200);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "/x/%03u", i);
		assert_string_equal(members[3 + i].name + 13, name);
		assert_content(name, name + 3);
	}
}

static void links(void **state)
{
	static char target[4096];

	(void)state;
	make_tree("links");
	make_tree("links/dir");
	make_text("links/dir/f", "1");
	assert_int_equal(symlink("dir/f", in_directory("links/file")), 0);
	assert_int_equal(symlink("dir", in_directory("links/to-dir")), 0);
	assert_int_equal(symlink(".", in_directory("links/loop")), 0);
	assert_int_equal(symlink("/nowhere", in_directory("links/dangling")), 0);
	memset(target, 'x', 4095);
	assert_int_equal(symlink(target, in_directory("links/long")), 0);
	assert_gathers({in_directory("links"), "/l", -1});
	assert_string_equal(names(),
			    "/l /l/dangling /l/dir /l/dir/f /l/file /l/long /l/loop /l/to-dir ");
	assert_int_equal(find("/l/file")->mode & S_IFMT, S_IFLNK);
	assert_int_equal(find("/l/file")->uid, UID);
	assert_content("/l/file", "dir/f");
	assert_content("/l/to-dir", "dir");
	assert_content("/l/loop", ".");
	assert_content("/l/dangling", "/nowhere");
	assert_content("/l/long", target);
	/* Those that the user names are followed. */
	assert_gathers({in_directory("links/file"), "/x", -1},
		       {in_directory("links/to-dir"), "/y", -1},
		       {in_directory("links/file"), "/z/", -1});
	assert_string_equal(names(), "/x /y /y/f /z /z/file ");
	assert_content("/x", "1");
	assert_content("/z/file", "1");
	assert_refused("dangling", "check the path", {in_directory("links/dangling"), "/x", -1});
}

static void what_is_neither(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	make_tree("odd");
	strcpy(address.sun_path, in_directory("odd/socket"));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(mkfifo(in_directory("odd/fifo"), 0640), 0);
	make_text("odd/z", "1");
	assert_gathers({in_directory("odd"), "/o", -1});
	assert_string_equal(names(), "/o /o/fifo /o/z "); /* no socket, and no waiting */
	assert_int_equal(find("/o/fifo")->mode, 0010640);
	assert_int_equal(find("/o/fifo")->size, 0);
	/* What the user names is not left out in silence. */
	assert_refused(in_directory("odd/socket"), "socket",
		       {in_directory("odd/socket"), "/x", -1});
}

/* What leads to a file is made, but what came before stays what it is: the kernel would take the
 * last. */
static void ways_change_nothing(void **state)
{
	char *path = make_text("a", "1");

	(void)state;
	make_tree("private");
	make_text("private/f", "2");
	assert_int_equal(chmod(in_directory("private"), 0700), 0);
	assert_gathers({in_directory("private"), "/p", -1}, {path, "/p/a", -1}, {path, "/q/a", -1},
		       {path, "/q/b", -1}, {in_directory("private"), "/q", -1});
	assert_string_equal(names(), "/p /p/f /p/a /q /q/a /q/b /q/f ");
	assert_int_equal(find("/p")->mode, 0040700);
	assert_int_equal(find("/p")->uid, UID);
	assert_int_equal(find("/q")->mode, 0040700); /* what is named comes over a way */
	/* The root's own, too. */
	assert_gathers({in_directory("private"), "/", -1}, {path, "/a", -1});
	assert_int_equal(find("")->mode, 0040700);
}

static void nothing(void **state)
{
	(void)state;
	files_release(&files);
	assert_true(files_gather(&(struct file_options){0}, 0, 0, &files, &problem));
	build();
	assert_int_equal(count, 0);
}

/* --- what cannot be --- */

static void what_is_missing(void **state)
{
	char *path = in_directory("none"), *file = make_text("a", "1");

	(void)state;
	assert_refused(path, "No such file or directory (check the path)", {path, "/x", -1});
	assert_refused(path, "check the path", {file, "/y", -1}, {path, "/x", -1});
	/* --rootdir of what is no directory. */
	path = in_directory("a/.");
	assert_refused(path, "Not a directory (check the path)", {path, "/", -1});
}

static void what_is_too_large(void **state)
{
	char *path = make_text("sparse", "");
	struct cpio measured = {0};

	(void)state;
	assert_int_equal(truncate(path, (off_t)(4 * GIB)), 0);
	assert_refused(path, "too large for the guest's memory (put it on a disk: -d)",
		       {path, "/x", -1});
	make_tree("deep");
	assert_int_equal(rename(path, in_directory("deep/sparse")), 0);
	path = in_directory("deep/sparse");
	assert_refused(path, "too large", {in_directory("deep"), "/x", -1});
	/* One byte less can be said; whether it fits is seen when it is known how large all of
	 * it is. */
	assert_int_equal(truncate(path, (off_t)(4 * GIB - 1)), 0);
	assert_true(GATHER({path, "/x", -1}, {path, "/y", -1}));
	assert_true(files_write(&files, &measured, &problem));
	assert_true(measured.size > 8 * GIB && measured.size < 8 * GIB + 1000);
	assert_int_equal(unlink(path), 0);
}

static bool write_again(void)
{
	struct cpio cpio = ARCHIVE_IN(archive, archive_size);

	problem_clear(&problem);
	memset(archive, 0xee, archive_size);
	return files_write(&files, &cpio, &problem) && cpio_finish(&cpio);
}

/* Between the measuring and the reading. */
static void files_that_change(void **state)
{
	char *path = make_text("a", "0123456789");

	(void)state;
	assert_gathers({path, "/x", -1}, {path, "/y", -1});
	assert_int_equal(truncate(path, 9), 0);
	assert_false(write_again());
	assert_mends(in_words(&problem), path);
	assert_says(in_words(&problem), "became shorter while it was read (try again)");
	make_text("a", "0123456789abc");
	assert_true(write_again()); /* what is longer is cut */
	take_members();
	assert_content("/x", "0123456789");
	assert_content("/y", "0123456789");
	assert_int_equal(unlink(path), 0);
	assert_false(write_again());
	assert_mends(in_words(&problem), path);
	assert_says(in_words(&problem), "No such file or directory (check the path)");
	assert_int_equal(mkfifo(path, 0644), 0); /* it must not wait */
	assert_false(write_again());
	assert_says(in_words(&problem), "became shorter");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_false(write_again());
	assert_mends(in_words(&problem), path);
	assert_says(in_words(&problem), "Is a directory");
	assert_int_equal(rmdir(path), 0);
}

static bool refuse_all(void *context, uint64_t offset, const void *data, size_t size)
{
	(void)context, (void)offset, (void)data, (void)size;
	return false;
}

/* An archive that is not taken is its writer's to see. */
static void an_archive_that_is_not_taken(void **state)
{
	struct cpio cpio = {.write = refuse_all};

	(void)state;
	assert_gathers({make_text("a", "1"), "/x", -1});
	files_write(&files, &cpio, &problem);
	assert_false(cpio_finish(&cpio));
}

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			dprintf(STDERR_FILENO, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, \
				in_words(&problem));                                               \
			return CHILD_FAILED;                                                       \
		}                                                                                  \
	} while (0)

static bool is_denied(const char *path)
{
	return strstr(in_words(&problem), path) &&
	       strstr(in_words(&problem), "Permission denied (make it readable for this user)");
}

static int gather_as_nobody(void)
{
	struct cpio measured = {0}, cpio = {.write = refuse_all};

	if (geteuid() == 0 && (setgid(NOBODY) || setuid(NOBODY)))
		return CHILD_REFUSED;
	CHECK(!GATHER({in_directory("closed"), "/x", -1}));
	CHECK(is_denied(in_directory("closed/")) || is_denied(in_directory("closed")));
	CHECK(!GATHER({in_directory("closed/in"), "/x", -1}));
	CHECK(is_denied(in_directory("closed/in")));
	/* A file is seen when it is read. */
	CHECK(GATHER({in_directory("secret"), "/x", -1}));
	CHECK(files_write(&files, &measured, &problem));
	CHECK(!files_write(&files, &cpio, &problem));
	CHECK(is_denied(in_directory("secret")));
	return CHILD_PASSED;
}

static void what_may_not_be_read(void **state)
{
	(void)state;
	assert_int_equal(chmod(make_text("secret", "1"), 0), 0);
	make_tree("closed");
	make_text("closed/in", "1");
	assert_int_equal(chmod(in_directory("closed"), 0), 0);
	in_child(gather_as_nobody);
}

static int tear_down(void **state)
{
	files_release(&files);
	free(archive);
	files.entry = NULL;
	archive = NULL;
	return remove_directory(state);
}

#define FILES_TEST(test) cmocka_unit_test_setup_teardown(test, make_directory, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILES_TEST(a_file),
		FILES_TEST(where_it_goes),
		FILES_TEST(modes),
		FILES_TEST(contents),
		FILES_TEST(owners),
		FILES_TEST(devices),
		FILES_TEST(a_tree),
		FILES_TEST(a_large_tree),
		FILES_TEST(links),
		FILES_TEST(what_is_neither),
		FILES_TEST(ways_change_nothing),
		FILES_TEST(nothing),
		FILES_TEST(what_is_missing),
		FILES_TEST(what_is_too_large),
		FILES_TEST(files_that_change),
		FILES_TEST(an_archive_that_is_not_taken),
		FILES_TEST(what_may_not_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
