/* The user's terminal in raw mode, and the promise to restore it. */
#ifndef MAYFLY_TERMINAL_H
#define MAYFLY_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "base/report.h"
#include "base/sysfilter.h"

struct terminal {
	bool raw;
	struct termios saved;
};

/* If standard input and output are terminals, saves its modes, makes it raw and starts the
 * guardian: a small process that restores them should mayfly die without doing so (SIGKILL, a
 * crash, the seccomp filter). To be called before there are threads. */
bool terminal_open(struct terminal *terminal, struct problem *problem);

/* The size of the terminal that was opened. False if it has none. */
bool terminal_size(uint16_t *rows, uint16_t *columns);

/* Restores the modes and sends the guardian home. Does nothing the second time. */
void terminal_restore(struct terminal *terminal);

/* The system calls that restoring needs. */
void terminal_allow(const struct terminal *terminal, struct sysfilter *filter);

#endif
