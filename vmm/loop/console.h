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

/* The owner sets the pointers. All other members belong to the console, and begin as zero. */
struct console {
	struct uart *uart;
	struct stream *out;       /* shows the output; NULL: the output is discarded */
	struct stream *in, *help; /* for a plain boot: keyboard input, and the place for help */
	const struct terminal *terminal; /* for a plain boot */
	struct ending *ending;
	bool escape;       /* Ctrl-A was typed */
	uint8_t typed[64]; /* not yet taken by the guest */
	size_t typed_size;
	uint8_t shown[4096]; /* not yet written */
	size_t shown_size, shown_done;
};

/* Moves one chunk to the output. MOVED is false if there was none. The UART announces further
 * chunks by another kick, so that a flood of output cannot starve the loop's other work. False
 * (errno) if the output failed; the chunk is lost. */
bool console_show(struct console *console, bool *moved);

/* True while a chunk waits to be written. */
bool console_pending(const struct console *console);

/* Gives typed or piped input to the guest, as much as it takes. Ctrl-A x ends the VM. For a plain
 * boot only. Returns NULL, or the failed action (errno): "read standard input". */
const char *console_feed(struct console *console);

/* True if console_feed could use input now. Always true for a terminal: Ctrl-A x must work even
 * while the guest takes no input. */
bool console_wants_input(struct console *console);

#endif
