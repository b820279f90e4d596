/* Lists of words, kept for the process's life: start-up only. */
#ifndef MAYFLY_WORDS_H
#define MAYFLY_WORDS_H

#include <stddef.h>

struct words {
	char **word; /* NULL-terminated; NULL while there is none */
	size_t count, room;
};

/* Appends WORD, which outlives the list. */
void words_add(struct words *words, char *word);

#endif
