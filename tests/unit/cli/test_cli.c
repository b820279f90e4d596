/* Command lines of any command: a table of their own, files of options, values, the help. */
#define _GNU_SOURCE
#include "cli/cli.h"
#include "base/keep.h"

#include <errno.h>

#include "parsed.h"
#include "tmpdir.h"

struct target {
	struct words seen;
	const char *text, *more;
	uint64_t time;
	bool flag, other;
};

static struct target target;
static struct cli_words words;
static struct problem problem;

#define MEMBER(name) offsetof(struct target, name)

static bool refuse(void *member, char *value, struct problem *why)
{
	(void)member;
	return problem_set(why, "'%s' is refused (write another)", value);
}

static const struct cli_option more_table[] = {
	{'m', "more", "TEXT", cli_set_text, MEMBER(more), "more text"},
	{0, "other", NULL, NULL, MEMBER(other), "another flag"},
};

static const struct cli more = {.command = "more", .options = more_table, .count = 2};

static const struct cli_option table[] = {
	{'t', "text", "TEXT", cli_set_text, MEMBER(text), "a text"},
	{'s', "seen", "WORD", cli_add_word, MEMBER(seen), "a word; repeatable"},
	{0, "time", "TIME", cli_set_milliseconds, MEMBER(time), "a time"},
	{'f', "flag", NULL, NULL, MEMBER(flag), "a flag"},
	{'r', "refuse", "X", refuse, 0, "nothing is right"},
};

static struct cli cli = {
	.command = "test",
	.before = "before\n",
	.after = "after\n",
	.options = table,
	.count = COUNT(table),
	.more = &more,
};

/* The arguments stay where they are, as argv does. */
static char *arguments[16];

static bool parse(const char *const *given)
{
	static char copies[COUNT(arguments)][512];
	unsigned count = 0;

	for (; given[count]; count++)
		arguments[count] = strcpy(copies[count], given[count]);
	arguments[count] = NULL;
	target = (struct target){0};
	problem_clear(&problem);
	return cli_parse(&cli, arguments, &target, &words, &problem);
}

/* WORDS is a list of COUNT texts. */
#define assert_words(list, ...) check_words(list, (const char *const[]){__VA_ARGS__, NULL})

static void check_words(char *const *list, const char *const *expected)
{
	assert_non_null(list);
	for (; *expected; list++, expected++) {
		assert_non_null(*list);
		assert_string_equal(*list, *expected);
	}
	assert_null(*list);
}

/* --- words --- */

static void options_of_both_tables(void **state)
{
	(void)state;
	assert_parses("-ta", "-m", "b", "--flag", "--other", "-s1", "--seen=2", "--seen", "3");
	assert_string_equal(target.text, "a");
	assert_string_equal(target.more, "b");
	assert_true(target.flag && target.other);
	assert_words(target.seen.word, "1", "2", "3");
	assert_int_equal(target.seen.count, 3);
	assert_int_equal(words.operands.count, 0);
	assert_null(words.command);
}

static void a_list_grows(void **state)
{
	enum { MANY = 1000 };
	static char text[MANY][8];
	struct words list = {0};

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text[i], sizeof(text[i]), "%u", i);
		words_add(&list, text[i]);
		assert_int_equal(list.count, i + 1);
		assert_null(list.word[i + 1]);
	}
	for (unsigned i = 0; i < MANY; i++)
		assert_ptr_equal(list.word[i], text[i]);
}

static void memory_is_kept_zeroed_and_aligned(void **state)
{
	(void)state;
	for (size_t size = 0; size < 70; size++) {
		uint8_t *memory = keep(size);

		assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(memory[i], 0);
		memset(memory, 0xee, size);
	}
	assert_string_equal(keep_text("abcdef", 3), "abc");
	assert_string_equal(keep_text("abc", 0), "");
}

static void operands_have_their_number(void **state)
{
	(void)state;
	cli.operands = 2;
	assert_parses("a", "-f", "-", "--", "c");
	assert_words(words.operands.word, "a", "-");
	assert_words(words.command, "c");
	assert_refused("'c'", "'mayfly test --help' says what is taken", "a", "b", "c");
	assert_parses("", "@"); /* no file has that name */
	assert_words(words.operands.word, "", "@");
	cli.operands = 0;
	assert_refused("'a'", "a command goes after '--'", "a");
	assert_refused("'-'", "a command goes after '--'", "-");
	assert_refused("'@'", "a command goes after '--'", "@");
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	assert_refused("'-x'", "'mayfly test --help' lists them", "-x");
	assert_refused("'--more-'", "unknown option", "--more-");
	assert_refused("'--other=1'", "leave out '1'", "--other=1");
	assert_refused("'-m'", "needs a value (TEXT)", "-m");
	assert_refused("'--text='", "not empty (TEXT)", "--text=");
	assert_refused("'y'", "is refused (write another)", "-ry");
}

/* --- files --- */

/* "@" and the path of a file of CONTENT, NAME. */
static char *at_file(const char *name, const char *content)
{
	static char at[4][256];
	static unsigned next;
	char *word = at[next++ % COUNT(at)];

	snprintf(word, sizeof(at[0]), "@%s", make_text(name, content));
	return word;
}

static void every_spelling_in_a_file(void **state)
{
	(void)state;
	assert_parses(at_file("f", "# options\n"
				   "-t one\r\n"
				   "\n"
				   "--seen=2\n"
				   "\t--seen \t 3 4 \n"
				   "-s5\n"
				   "--seen a=b\n"
				   "--seen=a b=c\n"
				   "-s  --\n"
				   "--seen=#\n"
				   "--flag\n"
				   "--time 5m"));
	assert_string_equal(target.text, "one");
	assert_words(target.seen.word, "2", "3 4", "5", "a=b", "a b=c", "--", "#");
	assert_true(target.flag);
	assert_int_equal(target.time, 300000);
	assert_null(words.command);
}

/* A file's options count where it stands. */
static void files_among_options(void **state)
{
	char *one = at_file("one", "-t one\n-s1\n"), *two = at_file("two", "-s2\n");

	(void)state;
	assert_parses("-t", "none", one, "-s0", two, one);
	assert_string_equal(target.text, "one");
	assert_words(target.seen.word, "1", "0", "2", "1");
	assert_parses(one, "-t", "none");
	assert_string_equal(target.text, "none");
	assert_parses(at_file("empty", ""));
	assert_parses(at_file("comments", "# nothing\n\n"));
	assert_null(words.command);
	/* As a value, or of the command, it is a word. */
	assert_parses("-t", one, "--", one);
	assert_string_equal(target.text, one);
	assert_words(words.command, one);
}

static void a_command_in_a_file(void **state)
{
	char *file = at_file("f", "-t x\n -- \n /bin/sh \n-t\n--\n# comment\na b c\n");

	(void)state;
	assert_parses(file);
	assert_string_equal(target.text, "x");
	assert_words(words.command, "/bin/sh", "-t", "--", "a b c");
	/* The command line's goes on where the file's ends. */
	assert_parses(file, "-f", "--", "one", "--", "two");
	assert_true(target.flag);
	assert_words(words.command, "/bin/sh", "-t", "--", "a b c", "one", "--", "two");
	assert_parses(file, "--");
	assert_words(words.command, "/bin/sh", "-t", "--", "a b c");
	/* A file without one changes nothing. */
	assert_parses(at_file("g", "-f\n"), "--", "one");
	assert_ptr_equal(words.command, arguments + 2);
	assert_parses("--");
	assert_ptr_equal(words.command, arguments + 1);
	assert_null(words.command[0]);
}

/* "--" and nothing is no command, and not the same as no "--". */
static void no_command_in_a_file(void **state)
{
	(void)state;
	assert_parses(at_file("f", "--\n"));
	assert_non_null(words.command);
	assert_null(words.command[0]);
	assert_parses(at_file("f", "--\n"), "--", "x");
	assert_words(words.command, "x");
}

/* Each file begins with options again. */
static void commands_in_files(void **state)
{
	char *one = at_file("one", "-f\n--\na\n"), *two = at_file("two", "-t x\n--\nb\n");

	(void)state;
	assert_parses(one, two, "-s1", "--", "c");
	assert_true(target.flag);
	assert_string_equal(target.text, "x");
	assert_words(words.command, "a", "b", "c");
	assert_words(target.seen.word, "1");
	assert_parses(one, at_file("three", "-t y\n"));
	assert_string_equal(target.text, "y");
	assert_words(words.command, "a");
}

static void lines_that_are_wrong(void **state)
{
	static const struct {
		const char *content, *object, *says;
	} cases[] = {
		{"-x", "line 1: unknown option '-x'", "'mayfly test --help' lists them"},
		{"\n# x\n--text=1\n--nonsense 3\n", "line 4: unknown option '--nonsense'", "lists"},
		{"-f\n-t\n", "line 2: option '-t'", "needs a value (TEXT)"},
		{"-t=\n--text=\n", "line 2: option '--text='", "not empty"},
		{"-t  \t\n", "line 1: option '-t'", "needs a value"},
		{"--flag=1\n", "line 1: option '--flag=1'", "leave out '1'"},
		{"-f on\n", "line 1: 'on' after '-f'", "one word too many"},
		{"--flag yes no\n", "line 1: 'yes no' after '--flag'", "leave it out"},
		{"--text=a\n-ta b\n", "line 2: 'b' after '-ta'", "one word too many"},
		{"text=a\n", "line 1: 'text=a' is no option", "write one a line"},
		{"@other\n", "line 1: '@other' is no option", "write one a line"},
		{"-f\n\n-r nothing\r\n", "line 3: 'nothing' is refused", "write another"},
		/* The shortest lines: there is nothing behind them. */
		{"-", "line 1: '-' is no option", "write one a line"},
		{"- x", "line 1: '-' is no option", "write one a line"},
		{"--=", "line 1: unknown option '--='", "lists"},
		{"-- x", "line 1: unknown option '--'", "lists"},
		{"-=", "line 1: unknown option '-='", "lists"},
		{"=", "line 1: '=' is no option", "write one a line"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++)
		assert_refused(cases[i].object, cases[i].says, at_file("lines", cases[i].content));
	assert_says(in_words(&problem), in_directory("lines"));
}

static void files_that_are_wrong(void **state)
{
	char at[256];

	(void)state;
	snprintf(at, sizeof(at), "@%s", in_directory("none"));
	assert_refused(at + 1, "check the path", at);
	snprintf(at, sizeof(at), "@%s", files_directory);
	assert_refused(at + 1, "regular file", at);
	snprintf(at, sizeof(at), "@%s", make_file("nul", "-f\0\n", 4));
	assert_refused(at + 1, "is no text", at);
}

/* --- values --- */

static void durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t milliseconds;
	} right[] = {
		{"1", 1000},           {"2", 2000},           {"0.5", 500},
		{"0.50000000000000000000000", 500},           {"0.001", 1},
		{"1.0019", 1001},      {"500ms", 500},        {"1ms", 1},
		{"1.5ms", 1},          {"1s", 1000},          {"2m", 120000},
		{"0.5m", 30000},       {"1h", 3600000},       {"1.5h", 5400000},
		{"1d", 86400000},      {"007", 7000},         {"100000000", 100000000000},
		{"100000000d", 8640000000000000},             {"99999999.999", 99999999999},
	};
	static const char *const wrong[] = {
		"0",    "0.0",  "0ms",  "0.0001", "0.9ms", "1e9", "-1",   "+1",  " 1",
		"1 ",   "1 s",  "1S",   "1M",     "1H",    "1us", "1min", "1hm", "ms",
		"s",    ".5",   "0x10", "1,5",    "1..5",  "1.5.5", "1.-5", "1.s5", "one",
		"100000001", "18446744073709551616", "99999999999999999999s", "1:30", "1w", "1\n",
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(right); i++) {
		assert_parses("--time", right[i].text);
		assert_each(target.time == right[i].milliseconds, right[i].text, target.time);
	}
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		assert_each(!PARSE("--time", wrong[i]), wrong[i], target.time);
		assert_refused(wrong[i], "is no duration (write seconds, like 2 or 0.5, or 500ms",
			       "--time", wrong[i]);
	}
}

static void sizes(void **state)
{
	uint64_t bytes;

	(void)state;
	assert_true(cli_size("0", &bytes) && bytes == 0);
	assert_true(cli_size("1", &bytes) && bytes == MIB);
	assert_true(cli_size("3K", &bytes) && bytes == 3 * KIB);
	assert_true(cli_size("3kb", &bytes) == false);
	assert_true(cli_size("3kB", &bytes) && bytes == 3 * KIB);
	assert_true(cli_size("2TiB", &bytes) && bytes == 2048 * GIB);
	assert_true(cli_size("16777215T", &bytes) && bytes == 16777215ull << 40);
	assert_false(cli_size("16777216T", &bytes));
	assert_false(cli_size("1P", &bytes));
	assert_false(cli_size("", &bytes));
}

/* --- help --- */

static void help(void **state)
{
	static struct capture capture;

	(void)state;
	capture_begin(&capture, STDOUT_FILENO);
	bool said = cli_help(&cli);
	capture_end(&capture);
	assert_true(said);
	/* The second table has a help of its own. */
	assert_string_equal(capture.text, "before\n"
					  "  -t, --text TEXT             a text\n"
					  "  -s, --seen WORD             a word; repeatable\n"
					  "      --time TIME             a time\n"
					  "  -f, --flag                  a flag\n"
					  "  -r, --refuse X              nothing is right\n"
					  "after\n");
}

static void help_to_nobody(void **state)
{
	static struct capture capture;
	int saved = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	if (full < 0)
		skip();
	dup2(full, STDOUT_FILENO);
	bool said = cli_help(&cli);
	int error = errno;
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(full);
	assert_false(said);
	capture_begin(&capture, STDERR_FILENO);
	errno = error;
	int failed = cli_said(false), passed = cli_said(true);
	capture_end(&capture);
	assert_int_equal(failed, 125);
	assert_int_equal(passed, 0);
	assert_string_equal(capture.text,
			    "mayfly: cannot write standard output: No space left on device "
			    "(send it elsewhere)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_of_both_tables),
		cmocka_unit_test(a_list_grows),
		cmocka_unit_test(memory_is_kept_zeroed_and_aligned),
		cmocka_unit_test(operands_have_their_number),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(every_spelling_in_a_file),
		cmocka_unit_test(files_among_options),
		cmocka_unit_test(a_command_in_a_file),
		cmocka_unit_test(no_command_in_a_file),
		cmocka_unit_test(commands_in_files),
		cmocka_unit_test(lines_that_are_wrong),
		cmocka_unit_test(files_that_are_wrong),
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes),
		cmocka_unit_test(help),
		cmocka_unit_test(help_to_nobody),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
