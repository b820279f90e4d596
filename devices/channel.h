/* The host's side of the channel (see channel_wire.h): bytes from and for the UART on one side, the
 * workload's stdin, stdout and stderr on the other. It owns no descriptor and waits for nothing;
 * the main loop moves the bytes. Everything that comes from the guest is checked. */
#ifndef MAYFLY_CHANNEL_H
#define MAYFLY_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/channel_wire.h"
#include "base/ram.h"
#include "base/report.h"

struct channel {
	const struct ram *ram;
	gpa_t page[CHANNEL_PAGES]; /* the window */

	uint8_t frame[CHANNEL_HEADER + CHANNEL_INLINE_MAX]; /* being received */
	size_t frame_size;

	uint8_t out[CHANNEL_CHUNK_MAX]; /* data of the guest's last data frame … */
	size_t out_size, out_done;      /* … and how much of it has been written */
	enum channel_frame out_stream;
	bool out_busy; /* the guest has not been told TAKEN yet */

	uint8_t queue[CHANNEL_HEADER + CHANNEL_INLINE_MAX + 32]; /* for the guest */
	size_t queue_size, queue_done;
	size_t taken_end; /* where in the queue TAKEN ends; 0: it is not there */

	uint64_t signals; /* not queued yet: bit N for signal N + 1 */
	bool resized;     /* the size below was not queued yet */
	uint16_t rows, columns;

	bool ready, windowed; /* the guest said READY; it has a window */
	bool started;         /* the workload runs, or has run */
	bool in_busy;         /* the guest has not said TAKEN yet */
	bool in_ended;        /* STDIN_END was queued */
	bool told_closed[2];  /* CLOSED was queued for STDOUT, STDERR */
	bool exited;
	bool broken; /* the guest broke the protocol: nothing more is received */
	uint8_t exit_kind, exit_value;
};

void channel_init(struct channel *channel, const struct ram *ram);

/* Takes in what the guest sent. False with PROBLEM set if the guest broke the protocol; the channel is
 * of no use after that. */
bool channel_receive(struct channel *channel, const uint8_t *data, size_t size,
		     struct problem *problem);

/* The bytes to be sent to the guest now: their start, and how many in *SIZE. */
const uint8_t *channel_pending(struct channel *channel, size_t *size);
void channel_sent(struct channel *channel, size_t size);

/* Sends signal NUMBER (1 to CHANNEL_SIGNAL_MAX) to the workload, or the size of its terminal, when the guest is
 * ready for that. What came before and was not sent yet counts once. */
void channel_signal(struct channel *channel, int number);
void channel_resize(struct channel *channel, uint16_t rows, uint16_t columns);

/* How many bytes of stdin the guest can take now; 0: none. */
size_t channel_input_room(const struct channel *channel);

/* Sends SIZE bytes, at most channel_input_room(), or, with SIZE 0, end-of-file. */
void channel_input(struct channel *channel, const uint8_t *data, size_t size);

/* The workload's output: its bytes, how many, and which stream it is (STDOUT or STDERR). *SIZE is 0
 * when there is none. */
const uint8_t *channel_output(const struct channel *channel, size_t *size,
			      enum channel_frame *stream);
void channel_written(struct channel *channel, size_t size);

/* Tells the guest, once, that nobody reads STREAM any more; what it still sends there the caller
 * drops. */
void channel_output_closed(struct channel *channel, enum channel_frame stream);

#endif
