/* Values of options: sizes, durations, texts and lists. */
#include <string.h>

#include "cli/cli.h"
#include "base/number.h"

/* The unit's shift, or -1. */
static int unit_shift(const char *unit)
{
	static const struct {
		const char *name;
		int shift;
	} units[] = {{"", 20}, {"K", 10}, {"M", 20}, {"G", 30}, {"T", 40}};
	char upper = unit[0] >= 'a' && unit[0] <= 'z' ? (char)(unit[0] - 'a' + 'A') : unit[0];

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (upper == units[i].name[0] &&
		    (!unit[0] || !unit[1] || !strcmp(unit + 1, "iB") || !strcmp(unit + 1, "B")))
			return units[i].shift;
	return -1;
}

bool cli_size(const char *text, uint64_t *bytes)
{
	uint64_t value;

	if (!number_take(&text, &value))
		return false;
	int shift = unit_shift(text);
	if (shift < 0 || value > UINT64_MAX >> shift)
		return false;
	*bytes = value << shift;
	return true;
}

/* How many milliseconds the unit TEXT has; 0: TEXT is no unit. */
static uint64_t unit_milliseconds(const char *text)
{
	static const struct {
		const char *name;
		uint64_t milliseconds;
	} units[] = {{"", 1000},   {"s", 1000},    {"ms", 1},
		     {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(text, units[i].name))
			return units[i].milliseconds;
	return 0;
}

/* The digits after a decimal point, as thousandths. *TEXT moves on past them. */
static uint64_t take_thousandths(const char **text)
{
	uint64_t value = 0, weight = 100;

	if (**text != '.')
		return 0;
	for (++*text; **text >= '0' && **text <= '9'; ++*text, weight /= 10)
		value += weight * (uint64_t)(**text - '0');
	return value;
}

bool cli_set_milliseconds(void *member, char *value, struct problem *problem)
{
	enum { LIMIT = 100000000 }; /* three years of seconds */
	uint64_t whole, *milliseconds = member;
	const char *end = value;

	if (number_take(&end, &whole) && whole <= LIMIT) {
		uint64_t thousandths = take_thousandths(&end), unit = unit_milliseconds(end);

		*milliseconds = whole * unit + thousandths * unit / 1000;
		if (*milliseconds)
			return true;
	}
	return problem_set(problem,
			   "'%s' is no duration (write seconds, like 2 or 0.5, or 500ms, 3m, 1h)",
			   value);
}

bool cli_set_text(void *member, char *value, struct problem *problem)
{
	(void)problem;
	*(const char **)member = value;
	return true;
}

bool cli_add_word(void *member, char *value, struct problem *problem)
{
	(void)problem;
	words_add(member, value);
	return true;
}
