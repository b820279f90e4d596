/* The console: the first UART, and the stream or terminal that shows it. */
#ifndef MAYFLY_CONSOLE_H
#define MAYFLY_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ending.h"
#include "devices/uart16550.h"
#include "loop/stream.h"
#include "loop/terminal.h"

/* The owner sets the pointers; the rest is the console's own, and zero in the beginning. */
struct console {
	struct uart *uart;
	struct stream *out;              /* shows the output; NULL: nobody does */
	struct stream *in, *help;        /* a plain boot: what is typed, and where help is shown */
	const struct terminal *terminal; /* a plain boot */
	struct ending *ending;
	bool escape;       /* Ctrl-A was typed */
	uint8_t typed[64]; /* not yet taken by the guest */
	size_t typed_size;
	uint8_t shown[4096]; /* not yet written */
	size_t shown_size, shown_done;
};

/* Moves one chunk to the output. MOVED is false if there was none. The UART announces what
 * remains by another kick, so that a flood cannot keep the loop from its other work. False
 * (errno): the output failed, and the chunk is lost. */
bool console_show(struct console *console, bool *moved);

/* True while a chunk waits to be written. */
bool console_pending(const struct console *console);

/* Gives the guest what was typed or piped, as much as it takes; Ctrl-A x ends the VM. A plain
 * boot only. Returns NULL, or what failed (errno): "read standard input". */
const char *console_feed(struct console *console);

/* True if console_feed could use input now. A terminal is always listened to: Ctrl-A x must work
 * while the guest takes nothing. */
bool console_wants_input(struct console *console);

#endif
