/* Words of "mayfly run", parsed: what becomes of them, or what is said of them. */
#ifndef MAYFLY_OPTION_WORDS_H
#define MAYFLY_OPTION_WORDS_H

#include "cli/options.h"

#include "unit.h"

#define WORDS_MAX 16

static struct options options;
static struct problem problem;

/* Parses the words up to the first NULL; they stay in WORDS, as argv does. */
static char *words[WORDS_MAX];

static inline bool parse(const char *const *given)
{
	static char copies[WORDS_MAX][512];
	unsigned count = 0;

	for (; given[count]; count++) {
		strcpy(copies[count], given[count]);
		words[count] = copies[count];
	}
	words[count] = NULL;
	problem_clear(&problem);
	return options_parse(words, NULL, &options, &problem);
}

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
