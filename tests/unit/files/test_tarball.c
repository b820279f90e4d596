/* Tar archives as root file systems: from members to entries of the list. */
#define _GNU_SOURCE
#include "files/files.h"

#include "tar_writer.h"
#include "tmpdir.h"
#include "files/tarball.h"

static struct archive archive;
static struct files files;
static struct problem problem;

static bool take(void)
{
	files_release(&files);
	add_end(&archive);
	bool taken = files_add_tar(&files, make_file("tar", archive.data, archive.size), &problem);
	archive.size = 0;
	return taken;
}

static const struct files_entry *entry(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), ".mayfly/files%s", name);
	const struct files_entry *found = files_find(&files, path);
	assert_non_null(found);
	return found;
}

#define assert_content(name, text)                                                    \
	do {                                                                          \
		assert_int_equal(entry(name)->data.size, strlen(text));               \
		assert_int_equal(entry(name)->member.size, strlen(text));             \
		assert_memory_equal(entry(name)->data.data, text, strlen(text));      \
	} while (0)

static void members(void **state)
{
	(void)state;
	add_header(&archive, "etc/", '5', 0);
	add(&archive, "etc/motd", '0', "hello");
	add_link(&archive, "motd", '2', "etc/motd");
	add_header(&archive, "deep/in/here", '0', 0);
	assert_true(take());
	/* Its own, not that of a way. */
	assert_int_equal(entry("/etc")->member.mode, S_IFDIR | 0644);
	assert_int_equal(entry("/etc/motd")->member.mode, S_IFREG | 0644);
	assert_int_equal(entry("/etc/motd")->member.uid, 1000);
	assert_int_equal(entry("/etc/motd")->member.gid, 100);
	assert_int_equal(entry("/etc/motd")->member.time, 1700000000);
	assert_content("/etc/motd", "hello");
	assert_int_equal(entry("/motd")->member.mode & S_IFMT, S_IFLNK);
	assert_content("/motd", "etc/motd");
	assert_int_equal(entry("/deep/in")->member.mode, S_IFDIR | 0755);
	assert_content("/deep/in/here", "");
}

static void hard_links_are_what_the_other_is(void **state)
{
	(void)state;
	add(&archive, "file", '0', "content");
	add_link(&archive, "same", '1', "file");
	add_link(&archive, "link", '2', "file");
	add_link(&archive, "same-link", '1', "link");
	assert_true(take());
	assert_int_equal(entry("/same")->member.mode, S_IFREG | 0644);
	assert_content("/same", "content");
	assert_int_equal(entry("/same-link")->member.mode & S_IFMT, S_IFLNK);
	assert_content("/same-link", "file");
}

static void hard_links_to_nothing(void **state)
{
	(void)state;
	add_link(&archive, "lost", '1', "gone");
	assert_false(take());
	assert_mends(in_words(&problem), "gone");
	add_header(&archive, "dir/", '5', 0);
	add_link(&archive, "lost", '1', "dir");
	assert_false(take());
	assert_mends(in_words(&problem), "dir");
}

static void the_last_counts(void **state)
{
	(void)state;
	add(&archive, "file", '0', "one");
	add(&archive, "file", '0', "two!");
	assert_true(take());
	assert_content("/file", "two!");
}

static void damage_is_told(void **state)
{
	(void)state;
	memset(archive.data, 'x', SECTOR);
	archive.size = SECTOR;
	assert_false(take());
	assert_mends(in_words(&problem), in_directory("tar"));
	assert_false(files_add_tar(&files, in_directory("none"), &problem));
	assert_mends(in_words(&problem), in_directory("none"));
}

static int tear_down(void **state)
{
	files_release(&files);
	return remove_directory(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members),
		cmocka_unit_test(hard_links_are_what_the_other_is),
		cmocka_unit_test(hard_links_to_nothing),
		cmocka_unit_test(the_last_counts),
		cmocka_unit_test(damage_is_told),
	};

	return cmocka_run_group_tests(tests, make_directory, tear_down);
}
