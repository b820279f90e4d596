/* The channel's state, saved and loaded: in the middle of activity, and with every field as no
 * channel can have it. */
#include "channel_guest.h"

#include "decoder.h"

static struct channel_state saved;

/* Into a channel that was just made, as a restored VM has it. */
static bool load(void)
{
	channel_init(&channel, &ram);
	problem_clear(&problem);
	return channel_load(&channel, &saved, &problem);
}

static void save_and_load(void)
{
	channel_save(&channel, &saved);
	assert_true(load());
}

/* --- round trips --- */

static void a_new_channel(void **state)
{
	(void)state;
	save_and_load();
	assert_int_equal(channel_input_room(&channel), 0);
	assert_true(guest_is_ready(true));
	assert_int_equal(channel_input_room(&channel), CHANNEL_CHUNK_MAX);
}

static void a_guest_that_waits(void **state)
{
	(void)state;
	for (unsigned windowed = 0; windowed < 2; windowed++) {
		set_up(state);
		assert_true(guest_is_ready(windowed));
		save_and_load();
		assert_int_equal(channel_input_room(&channel),
				 windowed ? CHANNEL_CHUNK_MAX : CHANNEL_INLINE_MAX);
		assert_false(guest_is_ready(windowed)); /* once is enough */
	}
}

/* Every kind of frame, received up to any of its bytes. */
static void a_frame_in_the_middle(void **state)
{
	static const uint8_t frames[][6] = {
		{CHANNEL_STDOUT, 3, 0, 'a', 'b', 'c'},
		{CHANNEL_EXIT, 2, 0, CHANNEL_KILLED, 9, 0},
		{CHANNEL_STDERR | CHANNEL_IN_WINDOW, 5, 0, CHANNEL_STARTED, 0, 0},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(frames); i++)
		for (size_t cut = 0; cut <= sizeof(frames[i]); cut++) {
			set_up(state);
			assert_true(guest_is_ready(true));
			assert_true(receive(frames[i], cut));
			save_and_load();
			assert_true(receive(frames[i] + cut, sizeof(frames[i]) - cut));
			assert_int_equal(channel.state.exited, i == 1);
			assert_int_equal(channel.state.started, i == 2);
			assert_int_equal(channel.state.out_size, i == 0 ? 3 : i == 1 ? 0 : 5);
		}
}

static void output_that_is_half_written(void **state)
{
	(void)state;
	assert_true(guest_is_ready(false));
	assert_true(guest_sends(CHANNEL_STDERR, "half of this", 12));
	channel_written(&channel, 5);
	save_and_load();
	assert_output("of this", 7, CHANNEL_STDERR);
	assert_pending(NULL, 0);
	channel_written(&channel, 7);
	save_and_load();
	assert_pending(taken, sizeof(taken));
	channel_sent(&channel, 1);
	save_and_load();
	assert_pending(taken + 1, 2);
	channel_sent(&channel, 2);
	save_and_load();
	assert_true(guest_sends(CHANNEL_STDOUT, "x", 1));
	assert_output("x", 1, CHANNEL_STDOUT);
}

/* Input, a signal and a size; what the guest said of the window's pages. */
static void words_and_input(void **state)
{
	static const uint8_t data[5000] = {1, 2, 3}, size[] = {CHANNEL_WINSIZE, 4, 0, 24, 0, 80, 0};
	static const uint8_t terminate[] = {CHANNEL_SIGNAL, 1, 0, 15};
	uint8_t seen[sizeof(data)];

	(void)state;
	channel_signal(&channel, 15);
	channel_resize(&channel, 24, 80);
	save_and_load();
	assert_true(guest_is_ready(true));
	assert_int_equal(pending(), sizeof(terminate) + sizeof(size));
	save_and_load();
	channel_sent(&channel, 2);
	save_and_load();
	channel_sent(&channel, 2);
	assert_pending(size, sizeof(size));
	send_all();
	channel_input(&channel, data, sizeof(data));
	save_and_load();
	read_pages(0, seen, sizeof(seen));
	assert_memory_equal(seen, data, sizeof(data));
	send_all();
	assert_int_equal(channel_input_room(&channel), 0);
	assert_true(guest_sends(CHANNEL_TAKEN, "", 0));
	save_and_load();
	channel_input(&channel, NULL, 0);
	save_and_load();
	assert_pending((const uint8_t[]){CHANNEL_STDIN_END, 0, 0}, 3);
	send_all();
	assert_int_equal(channel_input_room(&channel), 0);
}

static void closed_streams(void **state)
{
	(void)state;
	assert_true(guest_is_ready(false));
	channel_output_closed(&channel, CHANNEL_STDERR);
	save_and_load();
	channel_output_closed(&channel, CHANNEL_STDERR);
	assert_pending((const uint8_t[]){CHANNEL_CLOSED, 1, 0, CHANNEL_STDERR}, 4);
	channel_output_closed(&channel, CHANNEL_STDOUT);
	assert_int_equal(pending(), 8);
}

static void an_exit(void **state)
{
	(void)state;
	assert_true(guest_sends(CHANNEL_EXIT, (const uint8_t[]){CHANNEL_KILLED, 64}, 2));
	save_and_load();
	assert_true(channel.state.exited);
	assert_int_equal(channel.state.exit_kind, CHANNEL_KILLED);
	assert_int_equal(channel.state.exit_value, 64);
}

/* --- the fullest queue --- */

/* Input that was never sent, then TAKEN between all that comes once: the queue that is longest. */
static void fill_the_queue(void)
{
	static const uint8_t data[CHANNEL_INLINE_MAX];

	assert_true(guest_is_ready(false));
	channel_input(&channel, data, sizeof(data));
	assert_true(guest_sends(CHANNEL_STDOUT, "", 0));
	channel_output_closed(&channel, CHANNEL_STDOUT);
	channel_output_closed(&channel, CHANNEL_STDERR);
	channel_input(&channel, NULL, 0);
}

static void the_fullest_queue(void **state)
{
	static struct decoder decoder;
	size_t size;

	(void)state;
	fill_the_queue();
	save_and_load();
	const uint8_t *bytes = channel_pending(&channel, &size);
	assert_true(decode(&decoder, bytes, size));
	assert_int_equal(decoder.size, 0);
	assert_int_equal(decoder.count[CHANNEL_STDIN], 1);
	assert_int_equal(decoder.count[CHANNEL_TAKEN], 1);
	assert_int_equal(decoder.count[CHANNEL_CLOSED], 2);
	assert_int_equal(decoder.count[CHANNEL_STDIN_END], 1);
	/* The guest may speak again as soon as TAKEN is sent, whatever is behind it. */
	channel_sent(&channel, CHANNEL_HEADER + CHANNEL_INLINE_MAX + sizeof(taken));
	save_and_load();
	assert_true(guest_sends(CHANNEL_STDERR, "", 0));
	save_and_load();
	assert_int_equal(pending(), 4 + 4 + 3 + sizeof(taken));
}

/* --- states that no channel can be in --- */

static void assert_refused(const char *what, uint64_t value)
{
	assert_each(!load(), what, value);
	assert_mends(in_words(&problem), "channel");
	assert_int_equal(channel.state.ready + channel.state.queue_size, 0);
}

static void every_flag(void **state)
{
	uint8_t *const flags[] = {
		&saved.resized,        &saved.out_busy, &saved.ready,    &saved.windowed,
		&saved.started,        &saved.in_busy,  &saved.in_ended, &saved.told_closed[0],
		&saved.told_closed[1], &saved.exited,   &saved.broken,
	};

	(void)state;
	channel_save(&channel, &saved);
	for (unsigned i = 0; i < COUNT(flags); i++) {
		for (unsigned value = 2; value < 256; value++) {
			*flags[i] = (uint8_t)value;
			assert_refused("flag", i);
		}
		*flags[i] = 0;
	}
	assert_true(load());
	saved.broken = 1;
	assert_refused("broken", 1);
	saved.broken = 0;
	saved.windowed = 1;
	assert_refused("windowed, not ready", 1);
	saved.windowed = 0;
	saved.out_busy = 1;
	assert_refused("busy with nothing", 1);
}

static void pages_of_the_window(void **state)
{
	static const uint64_t wrong[] = {
		1, 0x800, MIB, MIB - 1, UINT64_MAX, UINT64_MAX - 4095, 3 * GIB, 1ull << 63};

	(void)state;
	channel_save(&channel, &saved);
	saved.page[3] = GPA(PAGE);
	assert_refused("a page without a window", PAGE);
	assert_true(guest_is_ready(true));
	channel_save(&channel, &saved);
	for (unsigned page = 0; page < CHANNEL_PAGES; page++) {
		for (unsigned i = 0; i < COUNT(wrong); i++) {
			saved.page[page] = GPA(wrong[i]);
			assert_refused("page", wrong[i]);
		}
		saved.page[page] = GPA(MIB - PAGE);
		assert_true(load());
	}
}

static void exits(void **state)
{
	(void)state;
	channel_save(&channel, &saved);
	saved.exit_kind = 1;
	assert_refused("kind without an exit", 1);
	saved.exit_kind = 0;
	saved.exit_value = 1;
	assert_refused("value without an exit", 1);
	saved.exited = 1;
	for (unsigned kind = 0; kind < 256; kind++)
		for (unsigned value = 0; value < 256; value++) {
			bool fine = kind < CHANNEL_EXITS &&
				    (kind != CHANNEL_KILLED || (value >= 1 && value <= 64));

			saved.exit_kind = (uint8_t)kind;
			saved.exit_value = (uint8_t)value;
			if (!fine)
				assert_refused("exit", kind << 8 | value);
			else
				assert_true(load());
		}
}

static void frames(void **state)
{
	static const uint64_t sizes[] = {CHANNEL_HEADER + 2, CHANNEL_HEADER + CHANNEL_INLINE_MAX,
					 1 << 20, UINT32_MAX, UINT64_MAX};

	(void)state;
	channel_save(&channel, &saved);
	memcpy(saved.frame, (const uint8_t[]){CHANNEL_STDOUT, 2, 0}, 3);
	saved.frame_size = CHANNEL_HEADER + 1;
	assert_true(load());
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		saved.frame_size = sizes[i];
		assert_refused("frame_size", sizes[i]);
	}
	saved.frame_size = CHANNEL_HEADER;
	saved.frame[0] |= CHANNEL_IN_WINDOW;
	assert_refused("in the window", saved.frame[0]);
	saved.frame[0] = CHANNEL_STDOUT;
	saved.frame[2] = 5; /* 1282 bytes */
	assert_refused("a long frame", saved.frame[2]);
	saved.frame[1] = saved.frame[2] = 0;
	assert_refused("a whole frame", 0);
}

static void outputs(void **state)
{
	(void)state;
	assert_true(guest_is_ready(true));
	assert_true(guest_sends_header(CHANNEL_STDOUT | CHANNEL_IN_WINDOW, CHANNEL_CHUNK_MAX));
	channel_save(&channel, &saved);
	const struct channel_state good = saved;
	for (unsigned stream = 0; stream < 256; stream++) {
		saved.out_stream = (uint8_t)stream;
		if (stream != CHANNEL_STDOUT && stream != CHANNEL_STDERR)
			assert_refused("stream", stream);
	}
	saved = good;
	saved.out_size++;
	assert_refused("out_size", saved.out_size);
	saved.out_size = UINT64_MAX;
	assert_refused("out_size", saved.out_size);
	saved = good;
	saved.out_done = saved.out_size;
	assert_refused("out_done", saved.out_done);
	saved.out_done = UINT64_MAX;
	assert_refused("out_done", saved.out_done);
	saved = good;
	saved.out_busy = 0;
	assert_refused("not busy", 0);
	saved = good;
	saved.taken_end = 3;
	assert_refused("taken already", 3);
	saved = good;
	saved.out_size = saved.out_busy = 0;
	saved.out_done = 1;
	assert_refused("done with nothing", 1);
}

/* A queue of these bytes, of which DONE were sent. */
static bool takes_queue(const char *bytes, size_t size, uint64_t done, uint64_t taken_end)
{
	channel_init(&channel, &ram);
	channel_save(&channel, &saved);
	saved.ready = saved.in_ended = saved.told_closed[0] = saved.told_closed[1] = 1;
	memcpy(saved.queue, bytes, size);
	saved.queue_size = size;
	saved.queue_done = done;
	saved.taken_end = taken_end;
	saved.out_busy = taken_end != 0;
	return load();
}

#define TAKES(bytes, done, taken_end) takes_queue(bytes, sizeof(bytes) - 1, done, taken_end)

static void queues(void **state)
{
	(void)state;
	assert_true(TAKES("", 0, 0));
	assert_false(TAKES("", 1, 0));
	assert_true(TAKES("\6\0\0", 2, 3));
	assert_false(TAKES("\6\0\0", 0, 0)); /* TAKEN, and nobody knows of it */
	assert_false(TAKES("\6\0\0", 0, 2));
	assert_false(TAKES("\6\0\0", 3, 3)); /* all sent: it would be empty */
	assert_false(TAKES("\6\0\0", UINT64_MAX, 3));
	assert_false(TAKES("\6\1\0\0", 0, 4));
	assert_false(TAKES("\6\0", 0, 0));   /* half a frame */
	assert_false(TAKES("\3\0\0", 0, 3)); /* not TAKEN */
	assert_true(TAKES("\3\0\0\6\0\0", 1, 6));
	assert_true(TAKES("\6\0\0\3\0\0", 3, 0));
	assert_true(TAKES("\6\0\0\3\0\0\6\0\0", 3, 9));
	assert_false(TAKES("\6\0\0\3\0\0\6\0\0", 2, 9)); /* two on their way */
	assert_false(TAKES("\6\0\0\6\0\0", 3, 6));
	assert_false(TAKES("\3\0\0\3\0\0", 0, 0)); /* comes once */
	assert_true(TAKES("\7\1\0\4\7\1\0\5", 0, 0));
	assert_false(TAKES("\7\1\0\4\7\1\0\4", 0, 0));
	assert_false(TAKES("\7\1\0\3", 0, 0)); /* no stream of output */
	assert_true(TAKES("\x9\1\0\x40\xa\4\0\0\0\0\0\3\0\0", 0, 0));
	assert_false(TAKES("\x9\1\0\x41", 0, 0)); /* signal 65 */
	assert_false(TAKES("\x9\1\0\0", 0, 0));
	assert_false(TAKES("\xa\4\0\0\0\0\0\x9\1\0\1", 0, 0));
	assert_false(TAKES("\3\0\0\x9\1\0\1", 0, 0)); /* only in an empty queue */
	assert_true(TAKES("\2\1\0x\3\0\0", 0, 0));
	assert_false(TAKES("\2\0\0", 0, 0));
	assert_false(TAKES("\3\0\0\2\1\0x", 0, 0));
	assert_false(TAKES("\x82\1\0", 0, 0)); /* there is no window */
	for (unsigned type = 0; type < 256; type++) {
		const char frame[] = {(char)type, 0, 0};

		assert_each(takes_queue(frame, 3, 0, type == CHANNEL_TAKEN ? 3 : 0) ==
				    (type == CHANNEL_TAKEN || type == CHANNEL_STDIN_END),
			    "type", type);
	}
}

static void sizes_of_the_queue(void **state)
{
	static const uint64_t wrong[] = {CHANNEL_HEADER + CHANNEL_INLINE_MAX + 33, 1 << 20,
					 UINT32_MAX, UINT64_MAX};

	(void)state;
	fill_the_queue();
	channel_save(&channel, &saved);
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		saved.queue_size = wrong[i];
		assert_refused("queue_size", wrong[i]);
	}
	/* What comes once and is queued has come. */
	set_up(state);
	fill_the_queue();
	channel_save(&channel, &saved);
	saved.in_ended = 0;
	assert_refused("STDIN_END will come twice", 0);
	saved.in_ended = 1;
	saved.told_closed[0] = 0;
	assert_refused("CLOSED will come twice", 0);
	saved.told_closed[0] = 1;
	assert_true(load());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHANNEL_TEST(a_new_channel),
		CHANNEL_TEST(a_guest_that_waits),
		CHANNEL_TEST(a_frame_in_the_middle),
		CHANNEL_TEST(output_that_is_half_written),
		CHANNEL_TEST(words_and_input),
		CHANNEL_TEST(closed_streams),
		CHANNEL_TEST(an_exit),
		CHANNEL_TEST(the_fullest_queue),
		CHANNEL_TEST(every_flag),
		CHANNEL_TEST(pages_of_the_window),
		CHANNEL_TEST(exits),
		CHANNEL_TEST(frames),
		CHANNEL_TEST(outputs),
		CHANNEL_TEST(queues),
		CHANNEL_TEST(sizes_of_the_queue),
	};

	return cmocka_run_group_tests(tests, reserve, release);
}
