/* The console's half of the main loop: the first UART and the stream or terminal it is shown on. */
#ifndef MAYFLY_CONSOLE_H
#define MAYFLY_CONSOLE_H

#include "loop/ioloop.h"

/* Moves one chunk; false if there was none. What remains is announced by another kick, so that a
 * flood cannot keep the loop from its other work. */
bool console_show(struct ioloop *loop);

/* True while a chunk waits to be written. */
bool console_pending(const struct ioloop *loop);

/* Gives the guest what was typed or piped, as much as it takes. A plain boot only. */
void console_feed(struct ioloop *loop);

/* With a terminal we always listen: Ctrl-A x must work while the guest takes nothing. */
bool console_wants_input(struct ioloop *loop);

#endif
