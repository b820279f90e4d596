/* The kernel command line. */
#ifndef MAYFLY_CMDLINE_H
#define MAYFLY_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

/* Larger than any kernel's own limit (Linux/x86: 2048). */
#define CMDLINE_CAPACITY 4096

struct cmdline {
	size_t length;               /* without the NUL; grows even when the text does not fit */
	char text[CMDLINE_CAPACITY]; /* always NUL-terminated */
};

/* Appends WORDS, after a blank if there is text already. NULL and "" add nothing. */
void cmdline_add(struct cmdline *cmdline, const char *words);

/* True if the text is complete and has at most LIMIT bytes. */
bool cmdline_fits(const struct cmdline *cmdline, size_t limit);

#endif
