/* What mayfly says: one line, one write, nothing that drives a terminal. */
#include "base/report.h"

#include "unit.h"

#define TEXT_MAX (sizeof(((struct problem *)0)->what) - 1)

static struct capture capture;

static void say(const char *text)
{
	capture_begin(&capture, STDERR_FILENO);
	report("%s", text);
	capture_end(&capture);
}

static void a_problem_is_formatted(void **state)
{
	struct problem problem;

	(void)state;
	assert_false(problem_set(&problem, "cannot open %s: %d (%c)", "file", 7, 'x'));
	assert_string_equal(in_words(&problem), "cannot open file: 7 (x)");
	assert_false(problem_set(&problem, "%s", ""));
	assert_string_equal(in_words(&problem), "");
}

static void a_long_problem_is_cut(void **state)
{
	struct problem problem;
	char text[2 * TEXT_MAX];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(problem_set(&problem, "%s", text));
	assert_int_equal(strlen(in_words(&problem)), TEXT_MAX);
	assert_memory_equal(in_words(&problem), text, TEXT_MAX);
}

/* Brackets in what is put in are no fix. */
static void a_fix_is_what_the_format_ends_in(void **state)
{
	struct problem problem;

	(void)state;
	problem_set(&problem, "cannot open %s: %s (give %s (or none))", "a (b)", "no (c)", "(d)");
	assert_string_equal(problem.what, "cannot open a (b): no (c)");
	assert_string_equal(problem.fix, "give (d) (or none)");
	problem_set(&problem, "it (%s) failed", "x");
	assert_string_equal(problem.what, "it (x) failed");
	assert_string_equal(problem.fix, "");
	problem_set(&problem, "%s", "fails (fix)");
	assert_string_equal(problem.what, "fails (fix)");
	assert_string_equal(problem.fix, "");
	problem_set(&problem, "f()");
	assert_string_equal(problem.what, "f()");
}

static void a_fix_outlives_a_long_problem(void **state)
{
	struct problem problem;
	char text[2 * TEXT_MAX];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	problem_set(&problem, "%s (%s)", text, "fix");
	assert_string_equal(problem.fix, "fix");
	problem_prefix(&problem, "cannot: ");
	assert_int_equal(strlen(problem.what), TEXT_MAX);
	assert_memory_equal(problem.what, "cannot: aaaa", 12);
	assert_string_equal(problem.fix, "fix");
	problem_prefix(&problem, "%s", text);
	assert_memory_equal(problem.what, text, TEXT_MAX);
	problem_set(&problem, "it fails");
	problem_prefix(&problem, "line %u: ", 7u);
	assert_string_equal(problem.what, "line 7: it fails");
}

static void a_report_is_one_line_and_one_write(void **state)
{
	(void)state;
	say("cannot open /dev/kvm (add your user to the kvm group)");
	assert_string_equal(capture.text,
			    "mayfly: cannot open /dev/kvm (add your user to the kvm group)\n");
	assert_int_equal(capture.writes, 1);
	say("");
	assert_string_equal(capture.text, "mayfly: \n");
	assert_int_equal(capture.writes, 1);
}

static void a_report_formats(void **state)
{
	(void)state;
	capture_begin(&capture, STDERR_FILENO);
	report("%s %u%%", "at", 50u);
	capture_end(&capture);
	assert_string_equal(capture.text, "mayfly: at 50%\n");
}

/* A whole problem fits, with its fix; more is cut, and the line still ends. */
static void a_long_report_is_cut(void **state)
{
	static struct problem problem;
	char text[2000];

	(void)state;
	memset(problem.what, 'x', sizeof(problem.what) - 1);
	memset(problem.fix, 'y', sizeof(problem.fix) - 1);
	capture_begin(&capture, STDERR_FILENO);
	problem_report(&problem);
	capture_end(&capture);
	assert_int_equal(strlen(capture.text), strlen("mayfly: ") + sizeof(problem) - 2 + strlen(" ()\n"));
	assert_string_equal(strchr(capture.text, ')'), ")\n");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	say(text);
	assert_int_equal(capture.writes, 1);
	assert_true(strlen(capture.text) >= sizeof(problem) && strlen(capture.text) < sizeof(text));
	assert_int_equal(capture.text[strlen(capture.text) - 1], '\n');
}

static void control_characters_are_replaced(void **state)
{
	char text[33], expected[33];

	(void)state;
	for (char c = 1; c < 32; c++)
		text[c - 1] = c;
	text[31] = 0x7f;
	text[32] = '\0';
	memset(expected, '?', 32);
	expected[32] = '\0';
	say(text);
	assert_int_equal(strlen(capture.text), strlen("mayfly: ") + 32 + 1);
	assert_memory_equal(capture.text + strlen("mayfly: "), expected, 32);
	assert_int_equal(capture.text[strlen("mayfly: ") + 32], '\n');
}

static void other_characters_are_kept(void **state)
{
	char text[128];
	size_t size = 0;

	(void)state;
	for (char c = ' '; c < 0x7f; c++)
		text[size++] = c;
	text[size] = '\0';
	say(text);
	assert_memory_equal(capture.text + strlen("mayfly: "), text, size);
	/* File names are UTF-8. */
	say("B\xc3\xa4r \xc4\x9b \xe2\x82\xac \xf0\x9f\x90\x9d");
	assert_string_equal(capture.text,
			    "mayfly: B\xc3\xa4r \xc4\x9b \xe2\x82\xac \xf0\x9f\x90\x9d\n");
}

/* U+0080–U+009F are control characters too (ECMA-48 §5.3): U+009B is CSI, in UTF-8 C2 9B, and xterm
 * takes it for ESC [. */
static void c1_control_characters_are_replaced(void **state)
{
	(void)state;
	say("evil\xc2\x9b" "31mname \xc2\x80\xc2\x9f.");
	assert_null(strstr(capture.text, "\xc2\x9b"));
	assert_null(strstr(capture.text, "\xc2\x80"));
	assert_null(strstr(capture.text, "\xc2\x9f"));
	/* U+00A0 is none. */
	say("a\xc2\xa0z");
	assert_string_equal(capture.text, "mayfly: a\xc2\xa0z\n");
}

static void a_closed_standard_error_is_survived(void **state)
{
	int saved = dup(STDERR_FILENO);

	(void)state;
	close(STDERR_FILENO);
	report("nobody listens");
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_problem_is_formatted),
		cmocka_unit_test(a_long_problem_is_cut),
		cmocka_unit_test(a_fix_is_what_the_format_ends_in),
		cmocka_unit_test(a_fix_outlives_a_long_problem),
		cmocka_unit_test(a_report_is_one_line_and_one_write),
		cmocka_unit_test(a_report_formats),
		cmocka_unit_test(a_long_report_is_cut),
		cmocka_unit_test(control_characters_are_replaced),
		cmocka_unit_test(other_characters_are_kept),
		cmocka_unit_test(c1_control_characters_are_replaced),
		cmocka_unit_test(a_closed_standard_error_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
