#include "base/number.h"

bool number_take(const char **text, uint64_t *value)
{
	const char *at = *text;
	uint64_t number = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
			return false;
	if (at == *text)
		return false;
	*text = at;
	*value = number;
	return true;
}

bool number_parse(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *value)
{
	uint64_t number;

	if (!number_take(&text, &number) || *text || number < minimum || number > maximum)
		return false;
	*value = number;
	return true;
}
