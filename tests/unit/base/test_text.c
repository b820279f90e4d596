/* The same text as the C library makes. */
#include "base/text.h"

#include <limits.h>
#include <stdio.h>

#include "unit.h"

static char ours[64], theirs[64];

__attribute__((format(printf, 2, 3))) static void make(size_t size, const char *format, ...)
{
	va_list args;

	memset(ours, '!', sizeof(ours));
	va_start(args, format);
	text_format(ours, size, format, format + strlen(format), &args);
	va_end(args);
	va_start(args, format);
	vsnprintf(theirs, size, format, args);
	va_end(args);
}

#define assert_same(...)                           \
	do {                                       \
		make(sizeof(ours), __VA_ARGS__);   \
		assert_string_equal(ours, theirs); \
	} while (0)

static void text(void **state)
{
	(void)state;
	assert_same("%s", "");
	assert_same("plain");
	assert_same("100 %%");
	assert_same("a %s b %s c", "one", "two");
	assert_same("[%.100s]", "shorter");
	assert_same("[%.3s]", "longer");
	assert_same("%c%c", 'x', 0x7f);
}

static void numbers(void **state)
{
	static const unsigned long long values[] = {
		0, 1, 9, 10, 15, 16, 255, 4096, INT_MAX, UINT_MAX, UINT_MAX + 1ull,
		LLONG_MAX, ULLONG_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		unsigned long long value = values[i];

		assert_same("%d", (int)(unsigned)value);
		assert_same("%u", (unsigned)value);
		assert_same("%x", (unsigned)value);
		assert_same("%llu", value);
		assert_same("%llx", value);
		assert_same("%#llx", value);
		assert_same("%zu", (size_t)value);
		assert_same("%02u|%04x|%016llx|%5u", (unsigned)value, (unsigned)value, value,
			    (unsigned)value);
	}
	assert_same("%d %d", INT_MIN, -1);
}

/* Cut where the room ends, and not a byte beyond it. */
static void too_long(void **state)
{
	(void)state;
	for (size_t size = 1; size < 24; size++) {
		make(size, "%s %#llx %u", "text", 0x123456ull, 78u);
		assert_string_equal(ours, theirs);
		assert_int_equal(strlen(ours), size - 1 < 16 ? size - 1 : 16);
		for (size_t i = size; i < sizeof(ours); i++)
			assert_int_equal(ours[i], '!');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(numbers),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
