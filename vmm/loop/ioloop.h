/* The main thread's loop. It moves bytes between the guest's UARTs and our standard streams, and
 * waits for the VM's end, a signal, a limit, or the death of our parent. */
#ifndef MAYFLY_IOLOOP_H
#define MAYFLY_IOLOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ending.h"
#include "base/report.h"
#include "base/sysfilter.h"
#include "devices/channel.h"
#include "devices/uart16550.h"
#include "loop/console.h"
#include "loop/deadlines.h"
#include "loop/signals.h"
#include "loop/stream.h"
#include "loop/terminal.h"

/* Where the console's output goes. */
enum console_place { CONSOLE_OUT, CONSOLE_ERR, CONSOLE_FILE, CONSOLE_NOWHERE };

/* The owner sets the pointers and the console's UART. All other members begin as zero. */
struct ioloop {
	struct uart *channel_uart;
	struct channel *channel; /* NULL: a plain boot, whose console has our streams */
	struct ending *ending;
	const struct terminal *terminal;
	struct stream in, out, err, log;
	struct console console;
	struct signals signals;
	struct deadlines deadlines;
	int interrupted;        /* the signal that cut the last output short, or 0 */
	bool timed_out;         /* a limit cut it short */
	bool failed;            /* our own output failed: … */
	struct problem failure; /* … why */
	uint64_t ready_at, started_at,
		exited_at; /* when the guest said so, by moment(); 0: not yet */
	uint8_t input[CHANNEL_CHUNK_MAX];
};

/* Opens streams, signals and the parent's pidfd. LOG_FD is the console's file, or -1. The signals
 * that end mayfly are blocked from here on, also in threads made later. */
bool ioloop_open(struct ioloop *loop, enum console_place place, int log_fd,
		 struct problem *problem);

/* Runs until the VM has ended and all its output has been written. */
void ioloop_run(struct ioloop *loop);

/* Waits until FD is ready for EVENTS (poll(2)). Returns 0; the signal that came first; or -1 if a
 * limit was reached first. */
int ioloop_await(const struct ioloop *loop, int fd, short events);

void ioloop_allow(struct sysfilter *filter);

#endif
