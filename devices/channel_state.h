/* All that the host's side of the channel remembers, as plain values that can be saved. */
#ifndef MAYFLY_CHANNEL_STATE_H
#define MAYFLY_CHANNEL_STATE_H

#include <stdint.h>

#include "base/ram.h"
#include "devices/channel_wire.h"

/* Sizes are in bytes, flags are 0 or 1. */
struct channel_state {
	gpa_t page[CHANNEL_PAGES]; /* the window; zeros if there is none */
	uint64_t signals;          /* not queued yet: bit N for signal N + 1 */
	uint64_t frame_size, out_size, out_done, queue_size, queue_done;
	uint64_t taken_end; /* where in the queue TAKEN ends; 0: it is not there */
	uint16_t rows, columns;
	uint8_t resized;    /* rows and columns were not queued yet */
	uint8_t out_stream; /* of OUT: CHANNEL_STDOUT or CHANNEL_STDERR; 0: there was none yet */
	uint8_t out_busy;   /* the guest has not been told TAKEN yet */
	uint8_t ready, windowed; /* the guest said READY; it has a window */
	uint8_t started;         /* the workload runs, or has run */
	uint8_t in_busy;         /* the guest has not said TAKEN yet */
	uint8_t in_ended;        /* STDIN_END was queued */
	uint8_t told_closed[2];  /* CLOSED was queued for STDOUT, STDERR */
	uint8_t exited, exit_kind, exit_value;
	uint8_t broken; /* the guest broke the protocol: nothing more is received */

	uint8_t queue[CHANNEL_HEADER + CHANNEL_INLINE_MAX + 32]; /* frames for the guest */
	uint8_t frame[CHANNEL_HEADER + CHANNEL_INLINE_MAX];      /* being received */
	uint8_t out[CHANNEL_CHUNK_MAX]; /* data of the guest's last data frame … */
	/* … of which OUT_DONE of OUT_SIZE bytes have been written */
};

/* A page of a window: aligned, and all of it in RAM. */
bool channel_state_is_page(const struct ram *ram, gpa_t page);

/* An exit of the workload that a guest may report. */
bool channel_state_is_exit(uint8_t kind, uint8_t value);

/* What no channel of a guest with RAM can have as it is in STATE, whoever wrote STATE: a name
 * for messages. NULL: nothing. A broken channel is refused, too, because it is of no use. */
const char *channel_state_flaw(const struct channel_state *state, const struct ram *ram);

#endif
