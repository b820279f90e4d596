/* Assertions for tests that define PROBLEM and parse(), which takes a NULL-terminated list. */
#ifndef MAYFLY_PARSED_H
#define MAYFLY_PARSED_H

#include "unit.h"

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

#define assert_parses(...)                            \
	do {                                          \
		if (!PARSE(__VA_ARGS__))              \
			fail_msg("%s", in_words(&problem)); \
	} while (0)

/* Refused, and the text names OBJECT and says SAYS (part of what is wrong, or of the fix). */
#define assert_refused(object, says, ...)           \
	do {                                        \
		assert_false(PARSE(__VA_ARGS__));   \
		assert_mends(in_words(&problem), object); \
		assert_says(in_words(&problem), says);    \
	} while (0)

#endif
