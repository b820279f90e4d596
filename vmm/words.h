/* Lists of words, and memory for the process's life: start-up only. */
#ifndef MAYFLY_WORDS_H
#define MAYFLY_WORDS_H

#include <stddef.h>

/* SIZE bytes of zeros that nobody gives back. If there are none, says so and ends the process. */
void *keep(size_t size);

/* Copies of a text, of its first LENGTH bytes. */
char *keep_text(const char *text, size_t length);

/* Gives all of that back. Needed by tests only: what was kept ends with the process. */
void keep_release(void);

struct words {
	char **word; /* NULL-terminated; NULL while there is none */
	size_t count, room;
};

/* Appends WORD, which outlives the list. */
void words_add(struct words *words, char *word);

#endif
