/* The channel: bytes from the guest, interleaved with what the host does (as ioloop.c does it). */
#include "fuzz.h"

#include "../unit/decoder.h"
#include "devices/channel.h"

enum { TABLE = 0xf80, WINDOW = 0x1000, RAM_SIZE = WINDOW + CHANNEL_PAGES * CHANNEL_PAGE };

static struct channel channel;
static uint8_t filler[CHANNEL_CHUNK_MAX];

struct session {
	struct input input;
	struct decoder decoder;
	struct problem problem;
	size_t delivered;        /* bytes of output that the host has written */
	unsigned signals, sizes; /* that the host has for the workload */
	bool unknown;            /* how it came to its state: only what can do harm is looked at */
};

static const struct ram *fuzz_ram(void)
{
	static struct ram ram;
	struct problem problem;

	if (!ram.range[0].size) {
		REQUIRE(ram_reserve(&ram, RAM_SIZE, 0, 0xc0000000, 0x100000000, &problem));
		for (size_t i = 0; i < sizeof(filler); i++)
			filler[i] = (uint8_t)(i * 13 + 1);
		REQUIRE(ram_write(&ram, GPA(WINDOW + CHANNEL_CHUNK_MAX), filler, sizeof(filler)));
	}
	return &ram;
}

static bool receive(struct session *session, const uint8_t *bytes, size_t size)
{
	if (channel_receive(&channel, bytes, size, &session->problem))
		return true;
	REQUIRE(memchr(session->problem.what, '\0', sizeof(session->problem.what)));
	REQUIRE(session->problem.what[0]);
	return false;
}

/* READY with a window, which is not always memory. */
static bool guest_is_ready(struct session *session, unsigned where)
{
	uint8_t frame[CHANNEL_HEADER + CHANNEL_READY_WINDOWED] = {
		CHANNEL_READY, CHANNEL_READY_WINDOWED, 0, CHANNEL_VERSION};

	uint8_t table[CHANNEL_TABLE];

	for (unsigned i = 0; i < CHANNEL_PAGES; i++)
		put_le64(table + 8 * i, WINDOW + i * CHANNEL_PAGE);
	if (where >= 0xe0)
		put_le64(table + 8 * (where & 15), (uint64_t)take16(&session->input) << 8);
	REQUIRE(ram_write(fuzz_ram(), GPA(TABLE), table, sizeof(table)));
	put_le64(frame + CHANNEL_HEADER + 1, where == 0xdf ? take16(&session->input) : TABLE);
	return receive(session, frame, sizeof(frame));
}

/* A frame whose length is right, a header of any, or raw bytes. */
static bool guest_speaks(struct session *session)
{
	static const uint8_t types[] = {
		CHANNEL_READY,
		CHANNEL_STDOUT,
		CHANNEL_STDERR,
		CHANNEL_TAKEN,
		CHANNEL_STDOUT | CHANNEL_IN_WINDOW,
		CHANNEL_STDERR | CHANNEL_IN_WINDOW,
		CHANNEL_EXIT,
	};
	uint8_t bytes[CHANNEL_HEADER + CHANNEL_INLINE_MAX];
	unsigned what = take8(&session->input), type = types[what % COUNT(types)];
	size_t size = take16(&session->input), carried = 0;

	if (what >= 0xf0)
		return receive(
			session,
			(const uint8_t[]){(uint8_t)type, (uint8_t)size, (uint8_t)(size >> 8)},
			CHANNEL_HEADER);
	if (what >= 0xe0) {
		for (size = 0; size < (what & 0xfu); size++)
			bytes[size] = take8(&session->input);
		return receive(session, bytes, size);
	}
	if (type == CHANNEL_READY)
		return guest_is_ready(session, take8(&session->input));
	if (type == CHANNEL_EXIT)
		carried = size = 2;
	else if (type == CHANNEL_TAKEN)
		size = 0;
	else if (type & CHANNEL_IN_WINDOW)
		size %= CHANNEL_CHUNK_MAX + 8;
	else
		carried = size %= CHANNEL_INLINE_MAX + 1;
	bytes[0] = (uint8_t)type;
	put_le16(bytes + 1, (uint16_t)size);
	memcpy(bytes + CHANNEL_HEADER, filler, carried);
	if (carried == 2) {
		bytes[CHANNEL_HEADER] = take8(&session->input) % 5;
		bytes[CHANNEL_HEADER + 1] = take8(&session->input);
	}
	return receive(session, bytes, CHANNEL_HEADER + carried);
}

/* Most guests say READY first. */
static bool is_ready(struct session *session)
{
	uint8_t what = take8(&session->input);
	static const uint8_t without_window[] = {CHANNEL_READY, 1, 0, CHANNEL_VERSION};
	static const uint8_t too_long[] = {CHANNEL_READY, 2, 0, CHANNEL_VERSION, 0};

	if (what == 0xee)
		return receive(session, too_long, sizeof(too_long));
	if (what >= 0xf0)
		return true;
	return what & 1 ? guest_is_ready(session, what)
			: receive(session, without_window, sizeof(without_window));
}

/* What the workload wrote, as both frames and window are filled; SIZE bytes of it are written. */
static void host_writes(struct session *session)
{
	enum channel_frame stream;
	size_t size;
	const uint8_t *bytes = channel_output(&channel, &size, &stream);
	uint8_t amount = take8(&session->input);

	if (!size)
		return;
	REQUIRE(stream == CHANNEL_STDOUT || stream == CHANNEL_STDERR);
	REQUIRE(size <= CHANNEL_CHUNK_MAX);
	/* Read every byte: they must be ours to read. */
	for (size_t i = 0; i < size; i++)
		session->delivered += bytes[i];
	if (amount == 0xff) {
		channel_output_closed(&channel, stream);
	}
	channel_written(&channel, amount >= 0x80 || amount >= size ? size : amount + 1u);
}

static void host_feeds(struct session *session)
{
	size_t room = channel_input_room(&channel);
	uint16_t amount = take16(&session->input);

	if (!room)
		return;
	if (amount == 0xffff)
		channel_input(&channel, NULL, 0);
	else
		channel_input(&channel, filler, amount & 1 ? room : 1 + amount % room);
}

static void host_sends(struct session *session)
{
	size_t size;
	const uint8_t *bytes = channel_pending(&channel, &size);
	uint8_t amount = take8(&session->input);

	if (!size)
		return;
	if (amount < 0x80 && amount < size)
		size = amount + 1u;
	if (session->unknown)
		REQUIRE(size <= sizeof(channel.state.queue));
	else
		REQUIRE(decode(&session->decoder, bytes, size));
	channel_sent(&channel, size);
}

/* A signal for the workload, or its terminal's new size. */
static void host_tells(struct session *session)
{
	uint8_t what = take8(&session->input);

	if (what < 0x40) {
		channel_resize(&channel, take16(&session->input), take16(&session->input));
		session->sizes++;
		return;
	}
	channel_signal(&channel, 1 + what % CHANNEL_SIGNAL_MAX);
	session->signals++;
}

/* Into a channel that was just made: nobody notices. */
static void is_saved_and_loaded(struct session *session)
{
	static struct channel_state saved;

	channel_save(&channel, &saved);
	channel_init(&channel, fuzz_ram());
	REQUIRE(channel_load(&channel, &saved, &session->problem));
}

/* A state with some bytes of a file's making. What is not refused does no harm (queue_frame has
 * a trap). */
static bool is_damaged_and_loaded(struct session *session)
{
	static struct channel_state saved;

	channel_save(&channel, &saved);
	for (unsigned bytes = take8(&session->input) % 8; bytes; bytes--) {
		size_t at = take16(&session->input) % offsetof(struct channel_state, out);

		((uint8_t *)&saved)[at] = take8(&session->input);
	}
	channel_init(&channel, fuzz_ram());
	session->unknown = true;
	return channel_load(&channel, &saved, &session->problem);
}

static void require_bounds(const struct session *session)
{
	size_t room = channel_input_room(&channel);

	REQUIRE(channel.state.queue_done <= channel.state.queue_size);
	REQUIRE(channel.state.queue_size <= sizeof(channel.state.queue));
	REQUIRE(channel.state.out_done <= channel.state.out_size);
	REQUIRE(channel.state.out_size <= sizeof(channel.state.out));
	REQUIRE(channel.state.frame_size < sizeof(channel.state.frame));
	REQUIRE(room == 0 || room == CHANNEL_INLINE_MAX || room == CHANNEL_CHUNK_MAX);
	REQUIRE(channel.state.ready || room == 0);
	if (session->unknown)
		return;
	REQUIRE(session->decoder.count[CHANNEL_STDIN_END] <= 1);
	REQUIRE(session->decoder.count[CHANNEL_CLOSED] <= 2);
}

/* An honest reader loses nothing: when the host has done all it can, all has been sent. */
static void require_rest(struct session *session)
{
	enum channel_frame stream;
	size_t size;

	channel_output(&channel, &size, &stream);
	if (size)
		channel_written(&channel, size);
	/* What waits to be queued goes one by one. */
	for (unsigned frames = 0;; frames++) {
		const uint8_t *bytes = channel_pending(&channel, &size);

		if (!size)
			break;
		REQUIRE(frames <= 1 + session->signals + session->sizes);
		REQUIRE(decode(&session->decoder, bytes, size));
		channel_sent(&channel, size);
	}
	REQUIRE(session->decoder.size == 0);
	REQUIRE(!channel.state.out_busy);
	if (!channel.state.ready)
		return;
	/* The same word twice before it could be sent counts once. */
	REQUIRE(session->decoder.count[CHANNEL_SIGNAL] <= session->signals);
	REQUIRE(!session->decoder.count[CHANNEL_SIGNAL] == !session->signals);
	REQUIRE(session->decoder.count[CHANNEL_WINSIZE] <= session->sizes);
	REQUIRE(!session->decoder.count[CHANNEL_WINSIZE] == !session->sizes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session session = {.input = {data, size}};
	bool sound;

	channel_init(&channel, fuzz_ram());
	sound = is_ready(&session);
	while (sound && session.input.size) {
		unsigned byte = take8(&session.input), what = byte % 8;

		if (byte == 0xf4)
			is_saved_and_loaded(&session);
		else if (byte == 0xfc && !is_damaged_and_loaded(&session))
			return 0;
		else if (byte == 0xfc)
			continue;
		else if (what < 4)
			sound = guest_speaks(&session);
		else if (what == 4)
			host_feeds(&session);
		else if (what == 5)
			host_writes(&session);
		else if (what == 6)
			host_tells(&session);
		else
			host_sends(&session);
		if (sound)
			require_bounds(&session);
	}
	if (session.unknown)
		return 0;
	if (sound)
		require_rest(&session);
	else
		REQUIRE(!receive(&session, data, size)); /* and no other word of it is heard */
	return 0;
}
