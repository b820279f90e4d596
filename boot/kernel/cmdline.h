/* The kernel command line, put together from words. */
#ifndef MAYFLY_CMDLINE_H
#define MAYFLY_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

/* Larger than any kernel's own limit (Linux/x86: 2048). */
#define CMDLINE_CAPACITY 4096

struct cmdline {
	size_t length;               /* without the NUL; counts on when the text no longer fits */
	char text[CMDLINE_CAPACITY]; /* always NUL-terminated */
};

/* Appends WORDS, a blank before it if there is text already. NULL and "" add nothing. */
void cmdline_add(struct cmdline *cmdline, const char *words);

/* True if all that was added is in the text and it has at most LIMIT bytes. */
bool cmdline_fits(const struct cmdline *cmdline, size_t limit);

#endif
