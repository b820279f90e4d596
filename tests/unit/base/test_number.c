/* Decimal numbers in text. */
#define _GNU_SOURCE
#include "base/number.h"

#include "unit.h"

static void numbers(void **state)
{
	static const char *const wrong[] = {"", "-1", "+1", " 1", "x", "18446744073709551616"};
	uint64_t value;
	const char *text = "18446744073709551615";

	(void)state;
	assert_true(number_take(&text, &value));
	assert_true(value == UINT64_MAX && !*text);
	text = "12x";
	assert_true(number_take(&text, &value));
	assert_int_equal(value, 12);
	assert_string_equal(text, "x");
	text = "010";
	assert_true(number_take(&text, &value));
	assert_int_equal(value, 10);
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		text = wrong[i];
		assert_each(!number_take(&text, &value), wrong[i], value);
		assert_true(text == wrong[i] && value == 10);
	}
}

static void numbers_within_bounds(void **state)
{
	static const char *const wrong[] = {"", "2", "8", "3x", "x3", " 3", "3 ", "-3", "18446744073709551619"};
	uint64_t value = 0;

	(void)state;
	assert_true(number_parse("3", 3, 7, &value) && value == 3);
	assert_true(number_parse("007", 3, 7, &value) && value == 7);
	for (unsigned i = 0; i < COUNT(wrong); i++)
		assert_each(!number_parse(wrong[i], 3, 7, &value), wrong[i], value);
	assert_int_equal(value, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(numbers_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
