#include "devices/channel.h"

#include <string.h>

#include "base/bytes.h"

void channel_init(struct channel *channel, const struct ram *ram)
{
	memset(channel, 0, sizeof(*channel));
	channel->ram = ram;
}

/* --- the window: pages in any order, each of which was seen to be memory --- */

static size_t piece(size_t offset, size_t size)
{
	return size - offset < CHANNEL_PAGE ? size - offset : CHANNEL_PAGE;
}

static bool read_window(const struct channel *channel, uint8_t *data, size_t size)
{
	const gpa_t *page = channel->state.page + CHANNEL_HALF_PAGES;

	for (size_t offset = 0; offset < size; offset += CHANNEL_PAGE)
		if (!ram_read(channel->ram, *page++, data + offset, piece(offset, size)))
			return false;
	return true;
}

static bool write_window(const struct channel *channel, const uint8_t *data, size_t size)
{
	const gpa_t *page = channel->state.page;

	for (size_t offset = 0; offset < size; offset += CHANNEL_PAGE)
		if (!ram_write(channel->ram, *page++, data + offset, piece(offset, size)))
			return false;
	return true;
}

static bool take_window(struct channel *channel, uint64_t at, struct problem *problem)
{
	uint8_t table[CHANNEL_TABLE];

	if (!ram_read(channel->ram, GPA(at), table, sizeof(table)))
		return problem_set(problem,
				   "the table of the channel's window lies outside its memory");
	for (unsigned i = 0; i < CHANNEL_PAGES; i++) {
		uint64_t address = get_le64(table + 8 * i);

		if (!channel_state_is_page(channel->ram, GPA(address)))
			return problem_set(problem, "the channel's window lies outside its memory");
		channel->state.page[i] = GPA(address);
	}
	channel->state.windowed = true;
	return true;
}

/* --- frames --- */

/* The queue has room for one of each: STDIN, SIGNAL and WINSIZE are queued only when it is
 * empty, TAKEN while out_busy, STDIN_END and the two CLOSED once. The trap guards that argument. */
static void queue_frame(struct channel *channel, unsigned type, const uint8_t *payload, size_t size,
			size_t inline_size)
{
	uint8_t *frame = channel->state.queue + channel->state.queue_size;

	if (CHANNEL_HEADER + inline_size > sizeof(channel->state.queue) - channel->state.queue_size)
		__builtin_trap();
	frame[0] = (uint8_t)type;
	frame[1] = (uint8_t)size;
	frame[2] = (uint8_t)(size >> 8);
	if (inline_size)
		memcpy(frame + CHANNEL_HEADER, payload, inline_size);
	channel->state.queue_size += CHANNEL_HEADER + inline_size;
}

void channel_signal(struct channel *channel, int number)
{
	channel->state.signals |= UINT64_C(1) << (number - 1);
}

void channel_resize(struct channel *channel, uint16_t rows, uint16_t columns)
{
	channel->state.resized = true;
	channel->state.rows = rows;
	channel->state.columns = columns;
}

/* Words that overtake data, when nothing else is on its way. */
static void queue_words(struct channel *channel)
{
	if (!channel->state.ready || channel->state.queue_size)
		return;
	if (channel->state.signals) {
		uint8_t number = (uint8_t)(__builtin_ctzll(channel->state.signals) + 1);

		channel->state.signals &= channel->state.signals - 1;
		queue_frame(channel, CHANNEL_SIGNAL, &number, 1, 1);
	}
	if (channel->state.resized) {
		const uint8_t size[] = {
			(uint8_t)channel->state.rows, (uint8_t)(channel->state.rows >> 8),
			(uint8_t)channel->state.columns, (uint8_t)(channel->state.columns >> 8)};

		channel->state.resized = false;
		queue_frame(channel, CHANNEL_WINSIZE, size, sizeof(size), sizeof(size));
	}
}

const uint8_t *channel_pending(struct channel *channel, size_t *size)
{
	queue_words(channel);
	*size = channel->state.queue_size - channel->state.queue_done;
	return channel->state.queue + channel->state.queue_done;
}

void channel_sent(struct channel *channel, size_t size)
{
	channel->state.queue_done += size;
	/* Once it has all of TAKEN, the guest may send again, whatever waits behind it. */
	if (channel->state.taken_end && channel->state.queue_done >= channel->state.taken_end) {
		channel->state.taken_end = 0;
		channel->state.out_busy = false;
	}
	if (channel->state.queue_done == channel->state.queue_size)
		channel->state.queue_size = channel->state.queue_done = 0;
}

static void output_taken(struct channel *channel)
{
	channel->state.out_size = channel->state.out_done = 0;
	queue_frame(channel, CHANNEL_TAKEN, NULL, 0, 0);
	channel->state.taken_end = channel->state.queue_size;
}

static bool begin_output(struct channel *channel, enum channel_frame stream, const uint8_t *payload,
			 size_t size, struct problem *problem)
{
	if (channel->state.out_busy)
		return problem_set(problem, "output before the last was taken");
	if (payload)
		memcpy(channel->state.out, payload, size);
	else if (!channel->state.windowed || !read_window(channel, channel->state.out, size))
		return problem_set(problem, "output in a window that is not there");
	channel->state.out_busy = true;
	channel->state.out_stream = (uint8_t)stream;
	channel->state.out_size = size;
	if (size == 0)
		output_taken(channel);
	return true;
}

static bool begin(struct channel *channel, const uint8_t *payload, size_t size,
		  struct problem *problem)
{
	if (size == 0 || payload[0] != CHANNEL_VERSION || channel->state.ready)
		return problem_set(problem, "its init is not of this mayfly's version");
	if (size != 1 && size != CHANNEL_READY_WINDOWED)
		return problem_set(problem, "a damaged greeting");
	channel->state.ready = true;
	return size == 1 || take_window(channel, get_le64(payload + 1), problem);
}

static bool end(struct channel *channel, const uint8_t *payload, size_t size,
		struct problem *problem)
{
	if (size != 2 || !channel_state_is_exit(payload[0], payload[1]))
		return problem_set(problem, "a damaged exit status");
	channel->state.exited = true;
	channel->state.exit_kind = payload[0];
	channel->state.exit_value = payload[1];
	return true;
}

/* PAYLOAD is NULL if it lies in the window. */
static bool handle_frame(struct channel *channel, enum channel_frame type, const uint8_t *payload,
			 size_t size, struct problem *problem)
{
	switch (type) {
	case CHANNEL_STDOUT:
	case CHANNEL_STDERR:
		return begin_output(channel, type, payload, size, problem);
	case CHANNEL_READY:
		return begin(channel, payload, size, problem);
	case CHANNEL_TAKEN:
		channel->state.in_busy = false;
		return true;
	case CHANNEL_STARTED:
		channel->state.started = true;
		return true;
	case CHANNEL_EXIT:
		return end(channel, payload, size, problem);
	default:
		return problem_set(problem, "a frame of unknown type %u", type);
	}
}

/* One byte at a time: a frame is short, its data is in the window. */
static bool receive_byte(struct channel *channel, uint8_t byte, struct problem *problem)
{
	channel->state.frame[channel->state.frame_size++] = byte;
	if (channel->state.frame_size < CHANNEL_HEADER)
		return true;

	unsigned type = channel->state.frame[0];
	size_t size = channel->state.frame[1] | (size_t)channel->state.frame[2] << 8;
	bool in_window = type & CHANNEL_IN_WINDOW;
	if (in_window) {
		type &= ~(unsigned)CHANNEL_IN_WINDOW;
		if (size > CHANNEL_CHUNK_MAX || (type != CHANNEL_STDOUT && type != CHANNEL_STDERR))
			return problem_set(problem, "a damaged frame of type %u", type);
	} else {
		if (size > CHANNEL_INLINE_MAX)
			return problem_set(problem, "a frame of %zu bytes", size);
		if (channel->state.frame_size < CHANNEL_HEADER + size)
			return true;
	}
	channel->state.frame_size = 0;
	return handle_frame(channel, type, in_window ? NULL : channel->state.frame + CHANNEL_HEADER,
			    size, problem);
}

bool channel_receive(struct channel *channel, const uint8_t *data, size_t size,
		     struct problem *problem)
{
	if (channel->state.broken)
		return problem_set(problem, "it was broken before");
	/* What follows the exit status is noise. */
	for (size_t i = 0; i < size && !channel->state.exited && !channel->state.broken; i++)
		channel->state.broken = !receive_byte(channel, data[i], problem);
	return !channel->state.broken;
}

size_t channel_input_room(const struct channel *channel)
{
	if (!channel->state.ready || channel->state.in_busy || channel->state.in_ended ||
	    channel->state.queue_size)
		return 0;
	return channel->state.windowed ? CHANNEL_CHUNK_MAX : CHANNEL_INLINE_MAX;
}

void channel_input(struct channel *channel, const uint8_t *data, size_t size)
{
	if (size == 0) {
		channel->state.in_ended = true;
		queue_frame(channel, CHANNEL_STDIN_END, NULL, 0, 0);
		return;
	}
	channel->state.in_busy = true;
	if (!channel->state.windowed)
		queue_frame(channel, CHANNEL_STDIN, data, size, size);
	else if (write_window(channel, data, size))
		queue_frame(channel, CHANNEL_STDIN | CHANNEL_IN_WINDOW, NULL, size, 0);
}

const uint8_t *channel_output(const struct channel *channel, size_t *size,
			      enum channel_frame *stream)
{
	*size = channel->state.out_size - channel->state.out_done;
	*stream = channel->state.out_stream;
	return channel->state.out + channel->state.out_done;
}

void channel_written(struct channel *channel, size_t size)
{
	channel->state.out_done += size;
	if (channel->state.out_done == channel->state.out_size)
		output_taken(channel);
}

void channel_output_closed(struct channel *channel, enum channel_frame stream)
{
	uint8_t payload = (uint8_t)stream;
	uint8_t *told = &channel->state.told_closed[stream == CHANNEL_STDERR];

	if (*told)
		return;
	*told = true;
	queue_frame(channel, CHANNEL_CLOSED, &payload, 1, 1);
}

/* --- save and load --- */

void channel_save(const struct channel *channel, struct channel_state *state)
{
	*state = channel->state;
}

bool channel_load(struct channel *channel, const struct channel_state *state,
		  struct problem *problem)
{
	const char *flaw = channel_state_flaw(state, channel->ram);

	if (flaw)
		return problem_set(problem, "the saved channel has an impossible %s (save it anew)",
				   flaw);
	channel->state = *state;
	return true;
}
