/* The user's terminal in raw mode, and the guarantee that its modes are restored. */
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

/* If standard input and output are terminals: saves the modes, sets raw mode and starts the
 * guardian. The guardian is a small process that restores the modes if mayfly dies without doing so
 * (SIGKILL, a crash, the seccomp filter). To be called while there is one thread. */
bool terminal_open(struct terminal *terminal, struct problem *problem);

/* The terminal's size. False if it has none. */
bool terminal_size(uint16_t *rows, uint16_t *columns);

/* Restores the modes and ends the guardian. A second call does nothing. */
void terminal_restore(struct terminal *terminal);

/* Allows the system calls that restoring needs. */
void terminal_allow(const struct terminal *terminal, struct sysfilter *filter);

#endif
