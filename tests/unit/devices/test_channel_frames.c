/* The channel's frames in any pieces, and from a guest that means harm. */
#include "channel_guest.h"

/* --- the stream of frames --- */

/* READY, output, TAKEN and the result. */
static const uint8_t whole_life[] = {
	CHANNEL_READY,
	1,
	0,
	CHANNEL_VERSION,
	CHANNEL_STDERR,
	3,
	0,
	'a',
	'b',
	'c',
	CHANNEL_TAKEN,
	0,
	0,
	CHANNEL_EXIT,
	2,
	0,
	CHANNEL_KILLED,
	15,
};
/* The same behind READY, in the window. */
static const uint8_t windowed_life[] = {
	CHANNEL_STDERR | CHANNEL_IN_WINDOW,
	3,
	0,
	CHANNEL_TAKEN,
	0,
	0,
	CHANNEL_EXIT,
	2,
	0,
	CHANNEL_KILLED,
	15,
};

static void assert_lived(void)
{
	assert_output("abc", 3, CHANNEL_STDERR);
	assert_true(channel.state.ready && channel.state.exited);
	assert_int_equal(channel.state.exit_kind, CHANNEL_KILLED);
	assert_int_equal(channel.state.exit_value, 15);
}

static void check_splits(const uint8_t *life, size_t size)
{
	for (size_t at = 0; at <= size; at++) {
		set_up(NULL);
		assert_true(receive(life, at));
		assert_true(receive(life + at, size - at));
		assert_lived();
	}
	set_up(NULL);
	for (size_t at = 0; at < size; at++)
		assert_true(receive(life + at, 1));
	assert_lived();
}

static void split_at_every_byte(void **state)
{
	uint8_t life[CHANNEL_HEADER + CHANNEL_READY_WINDOWED + sizeof(windowed_life)] = {
		CHANNEL_READY, CHANNEL_READY_WINDOWED};

	(void)state;
	make_ready(life + CHANNEL_HEADER);
	memcpy(life + CHANNEL_HEADER + CHANNEL_READY_WINDOWED, windowed_life,
	       sizeof(windowed_life));
	write_pages(CHANNEL_HALF_PAGES, (const uint8_t *)"abc", 3);
	check_splits(whole_life, sizeof(whole_life));
	check_splits(life, sizeof(life));
}

static void unknown_frames(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		bool known = type == CHANNEL_STDOUT || type == CHANNEL_STDERR ||
			     type == CHANNEL_TAKEN || type == CHANNEL_STARTED ||
			     type == (CHANNEL_STDOUT | CHANNEL_IN_WINDOW) ||
			     type == (CHANNEL_STDERR | CHANNEL_IN_WINDOW);

		set_up(state);
		assert_true(guest_is_ready(1));
		assert_each(guest_sends_header(type, 0) == known, "empty frame of type", type);
		if (!known)
			assert_int_not_equal(strlen(in_words(&problem)), 0);
	}
}

static void frames_that_are_too_large(void **state)
{
	static const size_t sizes[] = {CHANNEL_CHUNK_MAX + 1, 0xffff};
	static const size_t inline_sizes[] = {CHANNEL_INLINE_MAX + 1, CHANNEL_CHUNK_MAX, 0xffff};

	(void)state;
	for (unsigned type = CHANNEL_STDOUT; type <= CHANNEL_STDERR; type++) {
		for (unsigned i = 0; i < COUNT(sizes); i++) {
			set_up(state);
			assert_false(guest_sends_header(type | CHANNEL_IN_WINDOW, sizes[i]));
			assert_output(NULL, 0, CHANNEL_STDOUT);
		}
		for (unsigned i = 0; i < COUNT(inline_sizes); i++) {
			set_up(state);
			assert_false(guest_sends_header(type, inline_sizes[i]));
			assert_output(NULL, 0, CHANNEL_STDOUT);
		}
	}
}

/* "The channel is of no use after that": but it is asked once more when the VM ends (ioloop's
 * close_uarts), with whatever the guest has written since. */
static void a_broken_channel_stays_broken(void **state)
{
	static const uint8_t rubbish[2 * sizeof(channel.state.frame)];
	static const uint8_t result[] = {CHANNEL_EXIT, 2, 0, CHANNEL_EXITED, 0};

	(void)state;
	assert_false(guest_sends_header(CHANNEL_STDOUT, 0xffff));
	for (size_t i = 0; i < sizeof(rubbish); i++) {
		assert_false(receive(rubbish + i, 1));
		assert_each(channel.state.frame_size <= sizeof(channel.state.frame), "frame_size",
			    channel.state.frame_size);
	}
	set_up(state);
	assert_false(guest_sends_header(0x7f, 0));
	assert_false(receive(result, sizeof(result)));
	assert_false(channel.state.exited);
}

/* --- a guest that means harm --- */

struct attack {
	uint32_t random;
	struct decoder decoder;
	unsigned outputs; /* frames of output that were accepted */
	bool out_closed, err_closed;
};

static unsigned below(struct attack *attack, unsigned limit)
{
	return next_random(&attack->random) % limit;
}

/* A frame that is mostly right. */
static bool attack_frame(struct attack *attack)
{
	static const uint8_t types[] = {
		CHANNEL_STDOUT,
		CHANNEL_STDERR,
		CHANNEL_STDOUT | CHANNEL_IN_WINDOW,
		CHANNEL_STDERR | CHANNEL_IN_WINDOW,
		CHANNEL_TAKEN,
		CHANNEL_TAKEN,
		CHANNEL_TAKEN,
		CHANNEL_READY,
	};
	static const uint8_t zero[CHANNEL_INLINE_MAX];
	unsigned type = types[below(attack, COUNT(types))];
	size_t size = below(attack, 4) ? below(attack, 20) : below(attack, 1025);

	if (below(attack, 300) == 0)
		type = below(attack, 256);
	if (below(attack, 300) == 0)
		size = below(attack, 2000);
	if (type == CHANNEL_READY)
		return channel.state.ready || guest_is_ready(below(attack, 2));
	bool is_output = (type & 0x7f) == CHANNEL_STDOUT || (type & 0x7f) == CHANNEL_STDERR;
	/* Mostly polite: a rude guest is thrown out at once, and nothing is learnt. */
	if (is_output && channel.state.out_busy && below(attack, 100))
		return true;
	if ((type & CHANNEL_IN_WINDOW) && !channel.state.windowed && below(attack, 100))
		return true;
	if (type & CHANNEL_IN_WINDOW) {
		if (!guest_sends_header(type, size * 31))
			return false;
	} else if (type == CHANNEL_TAKEN || size > CHANNEL_INLINE_MAX) {
		return guest_sends_header(type, type == CHANNEL_TAKEN ? 0 : size);
	} else if (!guest_sends(type, zero, size)) {
		return false;
	}
	attack->outputs += is_output;
	return true;
}

/* The host does what ioloop.c does. */
static void host_acts(struct attack *attack)
{
	static const uint8_t data[CHANNEL_CHUNK_MAX];
	enum channel_frame stream;
	size_t size, room = channel_input_room(&channel);
	const uint8_t *bytes;

	switch (below(attack, 8)) {
	case 0:
		channel_output(&channel, &size, &stream);
		if (size)
			channel_written(&channel, 1 + below(attack, (unsigned)size));
		break;
	case 1:
		if (room)
			channel_input(&channel, data, 1 + below(attack, (unsigned)room));
		break;
	case 2:
		if (room && below(attack, 100) == 0)
			channel_input(&channel, NULL, 0);
		break;
	case 3:
		channel_output(&channel, &size, &stream);
		bool *closed = stream == CHANNEL_STDOUT ? &attack->out_closed : &attack->err_closed;
		if (size && !*closed && below(attack, 20) == 0) {
			*closed = true;
			channel_output_closed(&channel, stream);
			channel_written(&channel, size);
		}
		break;
	case 4:
		channel_signal(&channel, 1 + (int)below(attack, CHANNEL_SIGNAL_MAX));
		break;
	case 5:
		channel_resize(&channel, (uint16_t)below(attack, 99), 80);
		break;
	default:
		bytes = channel_pending(&channel, &size);
		if (size) {
			size = 1 + below(attack, (unsigned)size);
			assert_true(decode(&attack->decoder, bytes, size));
			channel_sent(&channel, size);
		}
	}
}

static void assert_bounds(const struct attack *attack)
{
	assert_true(channel.state.queue_done <= channel.state.queue_size);
	assert_true(channel.state.queue_size <= sizeof(channel.state.queue));
	assert_true(channel.state.out_done <= channel.state.out_size);
	assert_true(channel.state.out_size <= sizeof(channel.state.out));
	assert_true(channel.state.frame_size < sizeof(channel.state.frame));
	size_t room = channel_input_room(&channel);
	assert_true(room == 0 || room == CHANNEL_INLINE_MAX || room == CHANNEL_CHUNK_MAX);
	/* TAKEN answers a frame of output, once. */
	assert_true(attack->decoder.count[CHANNEL_TAKEN] <= attack->outputs);
	assert_true(attack->decoder.count[CHANNEL_STDIN_END] <= 1);
	assert_true(attack->decoder.count[CHANNEL_CLOSED] <= 2);
}

static void a_hostile_guest(void **state)
{
	unsigned outputs = 0, inputs = 0, words = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 300; seed++) {
		struct attack attack = {.random = seed * 2654435761u};

		set_up(state);
		for (unsigned step = 0; step < 2000; step++) {
			if (below(&attack, 3) == 0 && !attack_frame(&attack))
				break;
			host_acts(&attack);
			assert_bounds(&attack);
		}
		outputs += attack.decoder.count[CHANNEL_TAKEN];
		inputs += attack.decoder.count[CHANNEL_STDIN] +
			  attack.decoder.count[CHANNEL_STDIN | CHANNEL_IN_WINDOW];
		words += attack.decoder.count[CHANNEL_SIGNAL] +
			 attack.decoder.count[CHANNEL_WINSIZE];
	}
	/* It was no short fight. */
	assert_each(outputs > 1000, "frames of output", outputs);
	assert_each(inputs > 1000, "frames of input", inputs);
	assert_each(words > 1000, "signals and sizes", words);
}

/* Nothing but noise, in pieces of every size. */
static void rubbish(void **state)
{
	uint32_t random = 12345;
	uint8_t bytes[64];

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t size = next_random(&random) % sizeof(bytes);

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)(next_random(&random) >> 8);
		if (round % 2)
			bytes[1] = bytes[2] = 0;
		if (!receive(bytes, size))
			set_up(state);
		assert_true(channel.state.frame_size < sizeof(channel.state.frame));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHANNEL_TEST(split_at_every_byte),
		CHANNEL_TEST(unknown_frames),
		CHANNEL_TEST(frames_that_are_too_large),
		CHANNEL_TEST(a_hostile_guest),
		CHANNEL_TEST(rubbish),
		CHANNEL_TEST(a_broken_channel_stays_broken),
	};

	return cmocka_run_group_tests(tests, reserve, release);
}
