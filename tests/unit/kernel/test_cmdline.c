/* The kernel command line: words, blanks between them, and a limit that is not crossed silently. */
#include "kernel/cmdline.h"

#include "unit.h"

static struct cmdline cmdline;

static int set_up(void **state)
{
	(void)state;
	memset(&cmdline, 0, sizeof(cmdline));
	return 0;
}

/* Adds one word of LENGTH letters. */
static void add_letters(size_t length)
{
	static char word[CMDLINE_CAPACITY + 16];

	assert_true(length < sizeof(word));
	memset(word, 'w', length);
	word[length] = '\0';
	cmdline_add(&cmdline, word);
}

static void assert_terminated(void)
{
	assert_non_null(memchr(cmdline.text, '\0', sizeof(cmdline.text)));
}

static void words_are_joined_by_blanks(void **state)
{
	(void)state;
	assert_true(cmdline_fits(&cmdline, 0));
	cmdline_add(&cmdline, "console=ttyS0");
	assert_string_equal(cmdline.text, "console=ttyS0");
	cmdline_add(&cmdline, "a b");
	cmdline_add(&cmdline, "c");
	assert_string_equal(cmdline.text, "console=ttyS0 a b c");
	assert_int_equal(cmdline.length, 19);
}

static void nothing_adds_nothing(void **state)
{
	(void)state;
	cmdline_add(&cmdline, NULL);
	cmdline_add(&cmdline, "");
	assert_string_equal(cmdline.text, "");
	cmdline_add(&cmdline, "a");
	cmdline_add(&cmdline, NULL);
	cmdline_add(&cmdline, "");
	cmdline_add(&cmdline, "b");
	assert_string_equal(cmdline.text, "a b");
	assert_int_equal(cmdline.length, 3);
}

static void the_kernels_limit(void **state)
{
	(void)state;
	add_letters(2047);
	assert_true(cmdline_fits(&cmdline, 2047));
	assert_false(cmdline_fits(&cmdline, 2046));
	assert_true(cmdline_fits(&cmdline, UINT32_MAX)); /* what a bzImage may say */
	assert_false(cmdline_fits(&cmdline, 0));
}

static void our_own_limit(void **state)
{
	(void)state;
	add_letters(CMDLINE_CAPACITY - 1);
	assert_true(cmdline_fits(&cmdline, SIZE_MAX));
	assert_int_equal(strlen(cmdline.text), CMDLINE_CAPACITY - 1);
	set_up(state);
	add_letters(CMDLINE_CAPACITY);
	assert_false(cmdline_fits(&cmdline, SIZE_MAX));
	assert_int_equal(cmdline.length, CMDLINE_CAPACITY);
	assert_terminated();
}

/* A word that no longer fits is not lost silently: nothing that comes later makes it fit again. */
static void overflow_is_remembered(void **state)
{
	(void)state;
	add_letters(CMDLINE_CAPACITY - 10);
	add_letters(20);
	assert_false(cmdline_fits(&cmdline, SIZE_MAX));
	assert_terminated();
	cmdline_add(&cmdline, "x");
	assert_false(cmdline_fits(&cmdline, SIZE_MAX));
	assert_int_equal(cmdline.length, CMDLINE_CAPACITY - 10 + 1 + 20 + 1 + 1);
	for (unsigned i = 0; i < 10; i++)
		add_letters(CMDLINE_CAPACITY);
	assert_false(cmdline_fits(&cmdline, SIZE_MAX));
	assert_terminated();
}

/* Every length of the second word around the end: blank, word and NUL. */
static void the_edge(void **state)
{
	(void)state;
	for (size_t first = CMDLINE_CAPACITY - 4; first < CMDLINE_CAPACITY; first++)
		for (size_t second = 1; second < 5; second++) {
			bool fits = first + 1 + second < CMDLINE_CAPACITY;

			set_up(state);
			add_letters(first);
			add_letters(second);
			assert_each(cmdline_fits(&cmdline, SIZE_MAX) == fits, "edge", first);
			assert_terminated();
			if (fits)
				assert_int_equal(strlen(cmdline.text), first + 1 + second);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(words_are_joined_by_blanks, set_up),
		cmocka_unit_test_setup(nothing_adds_nothing, set_up),
		cmocka_unit_test_setup(the_kernels_limit, set_up),
		cmocka_unit_test_setup(our_own_limit, set_up),
		cmocka_unit_test_setup(overflow_is_remembered, set_up),
		cmocka_unit_test_setup(the_edge, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
