/* Input files: what can be mapped, and what is said about what cannot. */
#define _GNU_SOURCE
#define _GNU_SOURCE
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "unit.h"

static char directory[] = "/tmp/mayfly-unit-XXXXXX";
static char path[64];

static const char *name(const char *file)
{
	snprintf(path, sizeof(path), "%s/%s", directory, file);
	return path;
}

static void create(const char *file, const char *text, size_t size)
{
	int fd = open(name(file), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const files[] = {"text", "empty", "fifo", "secret", "loop"};

	(void)state;
	for (unsigned i = 0; i < COUNT(files); i++)
		unlink(name(files[i]));
	return rmdir(directory);
}

static void a_file_is_mapped(void **state)
{
	struct bytes file;
	struct problem problem;
	int before = dup(0), after;

	(void)state;
	create("text", "some text", 9);
	assert_true(file_map(name("text"), &file, &problem));
	assert_int_equal(file.size, 9);
	assert_memory_equal(file.data, "some text", 9);
	/* The descriptor is closed: the next one that is opened has the same number. */
	after = dup(0);
	assert_int_equal(after, before + 1);
	close(after);
	close(before);
	file_unmap(&file);
	assert_null(file.data);
	assert_int_equal(file.size, 0);
	file_unmap(&file);
}

static void the_mapping_is_private(void **state)
{
	struct bytes file;
	struct problem problem;

	(void)state;
	create("text", "one", 3);
	assert_int_equal(chmod(name("text"), 0400), 0);
	assert_true(file_map(name("text"), &file, &problem));
	assert_memory_equal(file.data, "one", 3);
	file_unmap(&file);
	assert_int_equal(chmod(name("text"), 0600), 0);
}

static void who_may_write_to_it(void **state)
{
	static const struct {
		mode_t mode;
		bool constant;
	} cases[] = {{0400, true},  {0444, true},  {0555, true},
		     {0600, false}, {0420, false}, {0402, false}};
	struct bytes file;
	struct problem problem;
	bool constant;

	(void)state;
	create("text", "one", 3);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_int_equal(chmod(name("text"), cases[i].mode), 0);
		constant = !cases[i].constant;
		assert_true(file_map_and_look(name("text"), &file, &constant, &problem));
		assert_each(constant == cases[i].constant, "mode", cases[i].mode);
		file_unmap(&file);
	}
	assert_int_equal(chmod(name("text"), 0600), 0);
}

static void an_empty_file_has_no_bytes(void **state)
{
	struct bytes file = {(const uint8_t *)"x", 1};
	struct problem problem;

	(void)state;
	create("empty", "", 0);
	assert_true(file_map(name("empty"), &file, &problem));
	assert_int_equal(file.size, 0);
	file_unmap(&file);
}

static void assert_refused(const char *file_path, const char *says)
{
	struct bytes file;
	struct problem problem = {"", ""};
	int before = dup(0), after;

	close(before);
	assert_false(file_map(file_path, &file, &problem));
	assert_mends(in_words(&problem), file_path);
	assert_says(in_words(&problem), says);
	after = dup(0);
	assert_each(after == before, "a descriptor is left open by the refusal of", before);
	close(after);
}

static void what_is_not_there(void **state)
{
	(void)state;
	assert_refused(name("nothing"), "No such file");
	assert_refused("", "No such file");
	create("text", "x", 1);
	assert_refused(name("text/below"), "Not a directory");
}

static void what_is_no_regular_file(void **state)
{
	(void)state;
	assert_refused(directory, "regular file");
	assert_refused("/dev/null", "regular file");
	assert_refused("/dev/zero", "regular file");
	assert_int_equal(symlink("loop", name("loop")), 0);
	assert_refused(name("loop"), "regular file");
}

/* Without a writer, a blocking open would wait for ever. */
static void a_fifo_does_not_hang(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(name("fifo"), 0600), 0);
	alarm(5);
	assert_refused(name("fifo"), "regular file");
	alarm(0);
}

static void what_may_not_be_read(void **state)
{
	(void)state;
	create("secret", "x", 1);
	assert_int_equal(chmod(name("secret"), 0), 0);
	/* Root may read everything: be somebody else for a moment. */
	uid_t user = geteuid();
	if (user == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_refused(name("secret"), "make it readable");
	assert_int_equal(seteuid(user), 0);
}

/* A field may begin anywhere, and lines before it may be longer than what is read at a time. */
static void numbers_of_status_files(void **state)
{
	static const char *const names[] = {"\nFirst:\t", "\nSecond:\t", "\nNone:\t"};
	static char text[3 * 4200];

	(void)state;
	for (unsigned before = 0;
	     before<2 * 4200; before += before> 4000 && before < 4200 ? 1 : 97) {
		uint64_t numbers[] = {0, 0, 7};
		int fd = memfd_create("status", 0);
		size_t length = (size_t)sprintf(
			text,
			"Name:\t%0*d\nFirst:\t   1234 kB\nSecond:\t18446744073709551615\nSecondary:\t5\n",
			(int)before, 0);

		assert_int_equal(write(fd, text, length), length);
		lseek(fd, 0, SEEK_SET);
		file_read_numbers(fd, COUNT(names), names, numbers);
		assert_each(numbers[0] == 1234 && numbers[1] == UINT64_MAX && numbers[2] == 7,
			    "bytes before it", before);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_status_files),
		cmocka_unit_test(a_file_is_mapped),
		cmocka_unit_test(the_mapping_is_private),
		cmocka_unit_test(who_may_write_to_it),
		cmocka_unit_test(an_empty_file_has_no_bytes),
		cmocka_unit_test(what_is_not_there),
		cmocka_unit_test(what_is_no_regular_file),
		cmocka_unit_test(a_fifo_does_not_hang),
		cmocka_unit_test(what_may_not_be_read),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
