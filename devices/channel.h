/* The host's side of the channel (see channel_wire.h): bytes from and for the UART on one side, the
 * workload's stdin, stdout and stderr on the other. It owns no descriptor and waits for nothing;
 * the main loop moves the bytes. Everything that comes from the guest is checked. */
#ifndef MAYFLY_CHANNEL_H
#define MAYFLY_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ram.h"
#include "base/report.h"
#include "devices/channel_state.h"
#include "devices/channel_wire.h"

struct channel {
	const struct ram *ram;
	struct channel_state state;
};

void channel_init(struct channel *channel, const struct ram *ram);

/* Takes in what the guest sent. False with PROBLEM set if the guest broke the protocol; the
 * channel is of no use after that. */
bool channel_receive(struct channel *channel, const uint8_t *data, size_t size,
		     struct problem *problem);

/* The bytes to be sent to the guest now: their start, and how many in *SIZE. */
const uint8_t *channel_pending(struct channel *channel, size_t *size);
void channel_sent(struct channel *channel, size_t size);

/* Sends signal NUMBER (1 to CHANNEL_SIGNAL_MAX) to the workload, or the size of its terminal,
 * when the guest is ready for that. What came before and was not sent yet counts once. */
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

/* Copies the state. */
void channel_save(const struct channel *channel, struct channel_state *state);

/* Gives STATE to a channel that was just made, whose RAM is as it was when STATE was saved.
 * Every field is checked as if a guest had written it; false, with PROBLEM set and the channel
 * as it was, if no channel can be in such a state. */
bool channel_load(struct channel *channel, const struct channel_state *state,
		  struct problem *problem);

#endif
