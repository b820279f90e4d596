/* The last component of a path. */
#define _GNU_SOURCE
#include "base/path.h"

#include "unit.h"

static void last_components(void **state)
{
	static const struct {
		const char *path, *last;
	} cases[] = {
		{"a", "a"},         {"/a", "a"},     {"a/b", "b"},  {"/a/bc/", "bc"},
		{"a//", "a"},       {"//a//b", "b"}, {".", "."},    {"a/..", ".."},
		{"/a b/c d", "c d"}, {"", ""},        {"/", ""},     {"///", ""},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		size_t length = 99;
		const char *last = path_last(cases[i].path, &length);

		assert_each(length == strlen(cases[i].last), cases[i].path, length);
		assert_each(!memcmp(last, cases[i].last, length), cases[i].path, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_components),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
