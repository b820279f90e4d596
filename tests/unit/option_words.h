/* Words of "mayfly run", parsed: what becomes of them, or what is said of them. */
#ifndef MAYFLY_OPTION_WORDS_H
#define MAYFLY_OPTION_WORDS_H

#include "cli/options.h"

#include "parsed.h"

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

#endif
