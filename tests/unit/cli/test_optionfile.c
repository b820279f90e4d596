/* Files of settings, a line each: what is a line, and whose line is told to be wrong. */
#include "cli/optionfile.h"

#include "child.h"
#include "tmpdir.h"

static struct problem problem;
static char seen[4096]; /* the lines, each in brackets */
static const char *refused;

static bool take(void *context, char *line, struct problem *why)
{
	assert_ptr_equal(context, &seen);
	strcat(seen, "[");
	strcat(seen, line);
	strcat(seen, "]");
	if (refused && !strcmp(line, refused))
		return problem_set(why, "'%s' is wrong (correct it)", line);
	return true;
}

static bool read_lines(const char *path)
{
	seen[0] = '\0';
	problem_clear(&problem);
	return optionfile_read(path, take, &seen, &problem);
}

static void assert_lines(const char *content, const char *expected)
{
	if (!read_lines(make_text("lines", content)))
		fail_msg("%s", in_words(&problem));
	assert_string_equal(seen, expected);
}

static void lines(void **state)
{
	(void)state;
	assert_lines("", "");
	assert_lines("\n", "");
	assert_lines("one", "[one]");
	assert_lines("one\n", "[one]");
	assert_lines("one\ntwo", "[one][two]");
	assert_lines("one\n\n\ntwo\n\n", "[one][two]");
	assert_lines("a b\tc  d\n", "[a b\tc  d]");
	assert_lines("'a' \"b\" \\c $d\n", "['a' \"b\" \\c $d]"); /* no shell */
	assert_lines("\xff\x01\x7f\n", "[\xff\x01\x7f]");
}

static void blanks_around_are_cut(void **state)
{
	(void)state;
	assert_lines(" \t one \t \n\ttwo", "[one][two]");
	assert_lines("   \n\t\n \t \r\n", "");
	assert_lines("one\r\ntwo\r\n\r\n", "[one][two]");
	assert_lines("one\rtwo\r", "[one\rtwo]");
}

static void comments(void **state)
{
	(void)state;
	assert_lines("# one\n#\n  # two\ntwo # no comment\nthree#\n", "[two # no comment][three#]");
}

/* A line that ends at a page's end, and the file there. */
static void the_size_of_a_page(void **state)
{
	static char content[2 * PAGE];

	(void)state;
	for (size_t size = PAGE - 2; size <= PAGE; size++) {
		memset(content, 0, sizeof(content));
		memset(content, '#', size);
		memcpy(content + size - 4, "\none", 4);
		assert_lines(content, "[one]");
	}
}

#define assert_wrong(path, says)                    \
	do {                                        \
		assert_false(read_lines(path));     \
		assert_mends(in_words(&problem), path);   \
		assert_says(in_words(&problem), says);    \
	} while (0)

static void the_line_is_named(void **state)
{
	char expected[128];
	char *path = make_text("lines", "bad");

	(void)state;
	refused = "bad";
	assert_wrong(path, "line 1: 'bad' is wrong (correct it)");
	make_text("lines", "# one\n\n\r\n  bad \r\nnever\n");
	assert_wrong(path, "line 4: 'bad'");
	assert_string_equal(seen, "[bad]"); /* nothing after it is taken */
	make_text("lines", "a\nb\nc\nd\ne\nf\ng\nh\ni\nbad");
	assert_wrong(path, "line 10: 'bad'");
	snprintf(expected, sizeof(expected), "%s, line 10: 'bad' is wrong (correct it)", path);
	assert_string_equal(in_words(&problem), expected);
	refused = NULL;
}

static void what_is_no_text(void **state)
{
	char *path = in_directory("lines");

	(void)state;
	make_file("lines", "one\n\0two\n", 9);
	assert_wrong(path, "no text");
	make_file("lines", "one\0", 4);
	assert_wrong(path, "no text");
	make_file("lines", "\0", 1);
	assert_wrong(path, "no text");
	assert_string_equal(seen, "");
}

static void what_cannot_be_read(void **state)
{
	(void)state;
	assert_wrong(in_directory("none"), "No such file");
	assert_wrong(in_directory("none"), "check the path");
	assert_wrong(files_directory, "regular file");
	assert_int_equal(mkfifo(in_directory("fifo"), 0644), 0);
	assert_wrong(in_directory("fifo"), "regular file"); /* at once */
}

static int read_as_nobody(void)
{
	if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
		return CHILD_REFUSED;
	return !read_lines(in_directory("secret")) && strstr(in_words(&problem), "Permission denied") &&
			       strstr(in_words(&problem), "(make it readable for this user)")
		       ? CHILD_PASSED
		       : CHILD_FAILED;
}

static void what_may_not_be_read(void **state)
{
	(void)state;
	assert_int_equal(chmod(make_text("secret", "one"), 0), 0);
	in_child(read_as_nobody);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(blanks_around_are_cut),
		cmocka_unit_test(comments),
		cmocka_unit_test(the_size_of_a_page),
		cmocka_unit_test(the_line_is_named),
		cmocka_unit_test(what_is_no_text),
		cmocka_unit_test(what_cannot_be_read),
		cmocka_unit_test(what_may_not_be_read),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
