#include "devices/channel_state.h"

#include <stddef.h>

#include "base/bytes.h"

bool channel_state_is_page(const struct ram *ram, gpa_t page)
{
	return page.v % CHANNEL_PAGE == 0 && ram_holds(ram, page, CHANNEL_PAGE);
}

bool channel_state_is_exit(uint8_t kind, uint8_t value)
{
	return kind < CHANNEL_EXITS &&
	       (kind != CHANNEL_KILLED || (value >= 1 && value <= CHANNEL_SIGNAL_MAX));
}

static bool flags_are_sound(const struct channel_state *state)
{
	const uint8_t flags[] = {
		state->resized,        state->out_busy, state->ready,    state->windowed,
		state->started,        state->in_busy,  state->in_ended, state->told_closed[0],
		state->told_closed[1], state->exited,
	};

	for (unsigned i = 0; i < sizeof(flags); i++)
		if (flags[i] > 1)
			return false;
	return !state->broken && (state->ready || !state->windowed);
}

static bool window_is_sound(const struct channel_state *state, const struct ram *ram)
{
	for (unsigned i = 0; i < CHANNEL_PAGES; i++)
		if (state->windowed ? !channel_state_is_page(ram, state->page[i])
				    : state->page[i].v != 0)
			return false;
	return true;
}

static bool exit_is_sound(const struct channel_state *state)
{
	return state->exited ? channel_state_is_exit(state->exit_kind, state->exit_value)
			     : state->exit_kind == 0 && state->exit_value == 0;
}

/* A frame that is being received misses a byte at least. One whose payload is in the window ends
 * with its header. */
static bool frame_is_sound(const struct channel_state *state)
{
	size_t size = get_le16(state->frame + 1);

	if (state->frame_size < CHANNEL_HEADER)
		return true;
	return !(state->frame[0] & CHANNEL_IN_WINDOW) && size <= CHANNEL_INLINE_MAX &&
	       state->frame_size < CHANNEL_HEADER + size;
}

/* The guest waits for TAKEN while its data is written, and while TAKEN is on its way; never
 * both. */
static bool output_is_sound(const struct channel_state *state)
{
	bool is_stream = state->out_stream == CHANNEL_STDOUT || state->out_stream == CHANNEL_STDERR;

	if (state->out_size > CHANNEL_CHUNK_MAX || (!is_stream && state->out_stream != 0))
		return false;
	if (state->out_size)
		return state->out_done < state->out_size && is_stream && state->out_busy &&
		       !state->taken_end;
	return state->out_done == 0 && state->out_busy == (state->taken_end != 0);
}

/* --- the queue: whole frames, in an order in which channel.c queues them --- */

struct queued {
	unsigned type; /* CHANNEL_IN_WINDOW included */
	size_t size;
	const uint8_t *payload;
	uint64_t end;
};

/* The frame at AT. False: it is not all there. */
static bool look_at(const struct channel_state *state, uint64_t at, struct queued *frame)
{
	const uint8_t *header = state->queue + at;

	if (state->queue_size - at < CHANNEL_HEADER)
		return false;
	frame->type = header[0];
	frame->size = get_le16(header + 1);
	frame->payload = header + CHANNEL_HEADER;
	frame->end = at + CHANNEL_HEADER + (header[0] & CHANNEL_IN_WINDOW ? 0 : frame->size);
	return frame->end <= state->queue_size;
}

static bool has_its_size(const struct channel_state *state, const struct queued *frame)
{
	switch (frame->type) {
	case CHANNEL_STDIN:
		return !state->windowed && frame->size >= 1 && frame->size <= CHANNEL_INLINE_MAX;
	case CHANNEL_STDIN | CHANNEL_IN_WINDOW:
		return state->windowed && frame->size >= 1 && frame->size <= CHANNEL_CHUNK_MAX;
	case CHANNEL_SIGNAL:
		return frame->size == 1 && frame->payload[0] >= 1 &&
		       frame->payload[0] <= CHANNEL_SIGNAL_MAX;
	case CHANNEL_WINSIZE:
		return frame->size == 4;
	case CHANNEL_TAKEN:
	case CHANNEL_STDIN_END:
		return frame->size == 0;
	case CHANNEL_CLOSED:
		return frame->size == 1 &&
		       (frame->payload[0] == CHANNEL_STDOUT || frame->payload[0] == CHANNEL_STDERR);
	default:
		return false;
	}
}

/* True if BIT is not in SEEN, where it is put. */
static bool is_first(unsigned *seen, unsigned bit)
{
	bool first = !(*seen >> bit & 1);

	*seen |= 1u << bit;
	return first;
}

/* Input, a signal and a size are queued in an empty queue only; STDIN_END and CLOSED once in a
 * channel's life, which their flags remember; a second TAKEN when the first has been sent, so
 * there is another frame between. Without these rules the queue might overflow later (see
 * queue_frame). */
static bool may_follow(const struct channel_state *state, unsigned last, const struct queued *frame,
		       unsigned *seen)
{
	switch (frame->type) {
	case CHANNEL_TAKEN:
		return last != CHANNEL_TAKEN;
	case CHANNEL_STDIN_END:
		return state->in_ended && is_first(seen, CHANNEL_STDIN_END);
	case CHANNEL_CLOSED:
		return state->told_closed[frame->payload[0] == CHANNEL_STDERR] &&
		       is_first(seen, frame->payload[0]);
	case CHANNEL_WINSIZE:
		return last == 0 || last == CHANNEL_SIGNAL;
	default:
		return last == 0;
	}
}

/* Only the last TAKEN may be on its way. */
static bool queue_is_sound(const struct channel_state *state)
{
	uint64_t done = state->queue_done, taken = 0;
	struct queued frame = {0};
	unsigned last = 0, seen = 0;

	if (state->queue_size > sizeof(state->queue) ||
	    (done >= state->queue_size && (done || state->queue_size)))
		return false;
	for (uint64_t at = 0; at < state->queue_size; at = frame.end) {
		if (!look_at(state, at, &frame) || !has_its_size(state, &frame) ||
		    !may_follow(state, last, &frame, &seen))
			return false;
		last = frame.type;
		if (last == CHANNEL_TAKEN && taken > done)
			return false;
		if (last == CHANNEL_TAKEN)
			taken = frame.end;
	}
	return state->taken_end == (taken > done ? taken : 0);
}

/* Signals, rows, columns and the workload's data may be anything. */
const char *channel_state_flaw(const struct channel_state *state, const struct ram *ram)
{
	if (!flags_are_sound(state))
		return "flag";
	if (!window_is_sound(state, ram))
		return "window";
	if (!exit_is_sound(state))
		return "exit status";
	if (!frame_is_sound(state))
		return "frame";
	if (!output_is_sound(state))
		return "output";
	if (!queue_is_sound(state))
		return "queue";
	return NULL;
}
