/* Lists of words that live as long as the process. Start-up only. */
#ifndef MAYFLY_WORDS_H
#define MAYFLY_WORDS_H

#include <stddef.h>

struct words {
	char **word; /* NULL-terminated; NULL while the list is empty */
	size_t count, room;
};

/* Appends WORD, which must outlive the list. */
void words_add(struct words *words, char *word);

#endif
