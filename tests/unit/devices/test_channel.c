/* The channel: start, output, input, and words that overtake data. */
#include "channel_guest.h"

/* --- start --- */

static void nothing_moves_before_ready(void **state)
{
	(void)state;
	assert_pending(NULL, 0);
	assert_output(NULL, 0, CHANNEL_STDOUT);
	assert_int_equal(channel_input_room(&channel), 0);
}

/* Every page of it, and all of each page. */
static void the_window_lies_inside_memory(void **state)
{
	static const uint64_t outside[] = {
		MIB,        MIB - PAGE / 2,        3 * GIB,        4 * GIB,
		UINT64_MAX, UINT64_MAX - PAGE + 1, PAGE_AT(0) + 1, PAGE_AT(0) + 8};

	(void)state;
	for (unsigned i = 0; i < CHANNEL_PAGES; i++)
		for (unsigned j = 0; j < COUNT(outside); j++) {
			uint8_t payload[CHANNEL_READY_WINDOWED];

			set_up(state);
			make_ready(payload);
			set_page(i, outside[j]);
			assert_each(!guest_sends(CHANNEL_READY, payload, sizeof(payload)),
				    "page at", outside[j]);
			assert_says(in_words(&problem), "window");
		}
	set_up(state);
	for (unsigned i = 0; i < CHANNEL_PAGES; i++) { /* a page twice harms the guest alone */
		uint8_t payload[CHANNEL_READY_WINDOWED];

		make_ready(payload);
		set_page(i, MIB - PAGE);
		set_up(state);
		assert_true(guest_sends(CHANNEL_READY, payload, sizeof(payload)));
	}
}

static void the_table_lies_inside_memory(void **state)
{
	static const struct {
		uint64_t at;
		bool inside;
	} cases[] = {
		{0, true},
		{1, true},
		{MIB - CHANNEL_TABLE, true},
		{MIB - CHANNEL_TABLE + 1, false},
		{MIB, false},
		{3 * GIB, false},
		{UINT64_MAX, false},
		{UINT64_MAX - CHANNEL_TABLE + 1, false},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		static const uint8_t zeros[CHANNEL_TABLE]; /* sixteen times the first page */
		uint8_t payload[CHANNEL_READY_WINDOWED] = {CHANNEL_VERSION};

		set_up(state);
		if (cases[i].inside)
			assert_true(ram_write(&ram, GPA(cases[i].at), zeros, sizeof(zeros)));
		put_le64(payload + 1, cases[i].at);
		assert_each(guest_sends(CHANNEL_READY, payload, sizeof(payload)) == cases[i].inside,
			    "a table at", cases[i].at);
		if (!cases[i].inside)
			assert_says(in_words(&problem), "table");
	}
}

static void data_in_a_window_that_is_not_there(void **state)
{
	(void)state;
	assert_true(guest_is_ready(0));
	assert_false(guest_sends_header(CHANNEL_STDOUT | CHANNEL_IN_WINDOW, 1));
	assert_says(in_words(&problem), "window");
	set_up(state);
	assert_false(guest_sends_header(CHANNEL_STDOUT | CHANNEL_IN_WINDOW, 1));
}

static void ready_opens_the_input(void **state)
{
	(void)state;
	assert_true(guest_is_ready(0));
	assert_int_equal(channel_input_room(&channel), CHANNEL_INLINE_MAX);
	set_up(state);
	assert_true(guest_is_ready(1));
	assert_int_equal(channel_input_room(&channel), CHANNEL_CHUNK_MAX);
}

static void ready_is_checked(void **state)
{
	static uint8_t payload[CHANNEL_READY_WINDOWED + 1];
	static const uint8_t other_version[] = {CHANNEL_VERSION + 1};

	(void)state;
	make_ready(payload);
	for (size_t size = 0; size <= sizeof(payload); size++) {
		if (size == 1 || size == CHANNEL_READY_WINDOWED)
			continue;
		set_up(state);
		assert_each(!guest_sends(CHANNEL_READY, payload, size), "READY of size", size);
		assert_says(in_words(&problem), size ? "greeting" : "version");
		assert_int_equal(channel_input_room(&channel), 0);
	}
	set_up(state);
	assert_false(guest_sends(CHANNEL_READY, other_version, 1));
	set_up(state);
	assert_true(guest_is_ready(1));
	assert_false(guest_is_ready(1)); /* once */
}

/* --- the workload's output --- */

static void output_in_a_frame(void **state)
{
	(void)state;
	assert_true(guest_is_ready(0));
	assert_true(guest_sends(CHANNEL_STDOUT, "hello", 5));
	assert_output("hello", 5, CHANNEL_STDOUT);
	assert_pending(NULL, 0);
	channel_written(&channel, 2);
	assert_output("llo", 3, CHANNEL_STDOUT);
	assert_pending(NULL, 0);
	channel_written(&channel, 3);
	assert_output(NULL, 0, CHANNEL_STDOUT);
	assert_pending(taken, sizeof(taken));
	send_all();
	assert_pending(NULL, 0);
	assert_true(guest_sends(CHANNEL_STDERR, "oops", 4));
	assert_output("oops", 4, CHANNEL_STDERR);
}

static void output_in_the_window(void **state)
{
	static const unsigned streams[] = {CHANNEL_STDOUT, CHANNEL_STDERR};
	static const size_t sizes[] = {1, 1025, CHANNEL_CHUNK_MAX};
	static uint8_t data[CHANNEL_CHUNK_MAX], zero[CHANNEL_CHUNK_MAX];

	(void)state;
	assert_true(guest_is_ready(1));
	for (unsigned i = 0; i < COUNT(streams) * COUNT(sizes); i++) {
		unsigned stream = streams[i % 2];
		size_t size = sizes[i / 2];

		for (size_t j = 0; j < size; j++)
			data[j] = (uint8_t)(i + j * 7);
		write_pages(CHANNEL_HALF_PAGES, data, size);
		assert_true(guest_sends_header(stream | CHANNEL_IN_WINDOW, size));
		/* A snapshot: what the guest does to its half afterwards does not matter. */
		write_pages(CHANNEL_HALF_PAGES, zero, size);
		assert_output(data, size, (enum channel_frame)stream);
		channel_written(&channel, size);
		send_all();
	}
}

static void output_of_the_largest_frame(void **state)
{
	uint8_t data[CHANNEL_INLINE_MAX];

	(void)state;
	memset(data, 0x86, sizeof(data)); /* looks like frames, and is none */
	assert_true(guest_sends(CHANNEL_STDERR, data, sizeof(data)));
	assert_output(data, sizeof(data), CHANNEL_STDERR);
}

static void output_of_nothing_is_taken_at_once(void **state)
{
	(void)state;
	assert_true(guest_sends_header(CHANNEL_STDOUT, 0));
	assert_output(NULL, 0, CHANNEL_STDOUT);
	assert_pending(taken, sizeof(taken));
	assert_false(guest_sends_header(CHANNEL_STDOUT, 0)); /* TAKEN has not been sent */
	set_up(state);
	assert_true(guest_is_ready(1));
	assert_true(guest_sends_header(CHANNEL_STDERR | CHANNEL_IN_WINDOW, 0));
	assert_pending(taken, sizeof(taken));
	send_all();
	assert_true(guest_sends(CHANNEL_STDOUT, "x", 1));
}

/* "Until then its sender sends no other": at every stage before the last byte of TAKEN is sent. */
static void no_output_before_taken(void **state)
{
	(void)state;
	for (unsigned stage = 0; stage < 6; stage++) {
		set_up(state);
		assert_true(guest_sends(CHANNEL_STDOUT, "ab", 2));
		if (stage >= 1)
			channel_written(&channel, 1);
		if (stage >= 2)
			channel_written(&channel, 1);
		for (unsigned sent = 3; sent <= stage; sent++)
			channel_sent(&channel, 1);
		bool accepted = guest_sends(CHANNEL_STDERR, "c", 1);
		assert_each(accepted == (stage == 5), "wrong answer at stage", stage);
		if (!accepted)
			assert_says(in_words(&problem), "before the last was taken");
	}
}

/* Something may wait behind TAKEN; the guest that has read all of TAKEN is free to send. */
static void taken_is_sent_when_its_bytes_are(void **state)
{
	(void)state;
	assert_true(guest_is_ready(0));
	assert_true(guest_sends(CHANNEL_STDOUT, "a", 1));
	channel_written(&channel, 1);
	channel_sent(&channel, 1);
	channel_input(&channel, NULL, 0); /* end-of-file, allowed at any time */
	assert_int_equal(pending(), 2 + 3);
	channel_sent(&channel, 2);
	assert_true(guest_sends(CHANNEL_STDOUT, "b", 1));
	assert_output("b", 1, CHANNEL_STDOUT);
}

/* The same with CLOSED behind it. */
static void taken_before_closed(void **state)
{
	(void)state;
	assert_true(guest_is_ready(0));
	assert_true(guest_sends(CHANNEL_STDOUT, "a", 1));
	channel_written(&channel, 1);
	channel_output_closed(&channel, CHANNEL_STDERR);
	assert_int_equal(pending(), 3 + 4);
	channel_sent(&channel, 4);
	assert_true(guest_sends(CHANNEL_STDOUT, "b", 1));
}

static void closed_streams_are_told(void **state)
{
	static const uint8_t both[] = {CHANNEL_CLOSED, 1, 0, CHANNEL_STDOUT,
				       CHANNEL_CLOSED, 1, 0, CHANNEL_STDERR};

	(void)state;
	channel_output_closed(&channel, CHANNEL_STDOUT);
	channel_output_closed(&channel, CHANNEL_STDERR);
	assert_pending(both, sizeof(both));
	channel_sent(&channel, 5);
	assert_pending(both + 5, 3);
}

/* --- the workload's input --- */

static void input_in_a_frame(void **state)
{
	static const uint8_t frame[] = {CHANNEL_STDIN, 3, 0, 'a', 'b', 'c'};

	(void)state;
	assert_true(guest_is_ready(0));
	channel_input(&channel, (const uint8_t *)"abc", 3);
	assert_pending(frame, sizeof(frame));
	assert_int_equal(channel_input_room(&channel), 0);
	send_all();
	assert_int_equal(channel_input_room(&channel), 0);
	assert_true(guest_sends_header(CHANNEL_TAKEN, 0));
	assert_int_equal(channel_input_room(&channel), CHANNEL_INLINE_MAX);
}

static void input_in_the_window(void **state)
{
	static uint8_t data[CHANNEL_CHUNK_MAX], seen[CHANNEL_CHUNK_MAX];
	static const uint8_t frame[] = {CHANNEL_STDIN | CHANNEL_IN_WINDOW, 0x00, 0x80};

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3);
	assert_true(guest_is_ready(1));
	channel_input(&channel, data, sizeof(data));
	assert_pending(frame, sizeof(frame));
	read_pages(0, seen, sizeof(seen));
	assert_memory_equal(seen, data, sizeof(data));
	/* The guest's half is the guest's. */
	write_pages(CHANNEL_HALF_PAGES, (const uint8_t *)"theirs", 6);
	send_all();
	assert_true(guest_sends_header(CHANNEL_TAKEN, 0));
	channel_input(&channel, data, 1);
	read_pages(CHANNEL_HALF_PAGES, seen, 6);
	assert_memory_equal(seen, "theirs", 6);
}

static void the_end_of_input(void **state)
{
	static const uint8_t frame[] = {CHANNEL_STDIN_END, 0, 0};

	(void)state;
	assert_true(guest_is_ready(1));
	channel_input(&channel, NULL, 0);
	assert_pending(frame, sizeof(frame));
	send_all();
	assert_int_equal(channel_input_room(&channel), 0);
	assert_true(guest_sends_header(CHANNEL_TAKEN, 0));
	assert_int_equal(channel_input_room(&channel), 0);
}

/* A guest that says TAKEN before it can have read the frame gets no second one into the queue. */
static void taken_too_early(void **state)
{
	(void)state;
	assert_true(guest_is_ready(0));
	channel_input(&channel, (const uint8_t *)"abc", 3);
	channel_sent(&channel, 2);
	assert_true(guest_sends_header(CHANNEL_TAKEN, 0));
	assert_int_equal(channel_input_room(&channel), 0);
	send_all();
	assert_int_equal(channel_input_room(&channel), CHANNEL_INLINE_MAX);
}

/* All that may wait at once: a STDIN frame of the largest size, TAKEN, the end, both CLOSED. */
static void the_queue_holds_everything(void **state)
{
	static const uint8_t data[CHANNEL_INLINE_MAX];

	(void)state;
	assert_true(guest_is_ready(0));
	channel_input(&channel, data, sizeof(data));
	assert_true(guest_sends(CHANNEL_STDOUT, "x", 1));
	channel_output_closed(&channel, CHANNEL_STDOUT);
	channel_written(&channel, 1);
	channel_output_closed(&channel, CHANNEL_STDERR);
	channel_input(&channel, NULL, 0);
	assert_int_equal(pending(), CHANNEL_HEADER + sizeof(data) + 4 + 3 + 4 + 3);
	send_all();
	assert_pending(NULL, 0);
}

/* --- the end --- */

/* --- words that overtake data --- */

static void a_signal_waits_for_ready(void **state)
{
	(void)state;
	channel_signal(&channel, 15);
	channel_resize(&channel, 24, 80);
	assert_pending(NULL, 0);
	assert_true(guest_is_ready(true));
	assert_pending("\x09\1\0\x0f\x0a\4\0\x18\0\x50\0", 11);
	send_all();
	assert_pending(NULL, 0);
}

/* The first and the last number; what was not sent yet counts once. */
static void signals_are_sent_one_by_one(void **state)
{
	(void)state;
	assert_true(guest_is_ready(false));
	channel_signal(&channel, 64);
	channel_signal(&channel, 1);
	channel_signal(&channel, 32);
	channel_signal(&channel, 1);
	assert_pending("\x09\1\0\1", 4);
	channel_signal(&channel, 1); /* a second one, when the first is on its way */
	send_all();
	assert_pending("\x09\1\0\1", 4);
	send_all();
	assert_pending("\x09\1\0\x20", 4);
	send_all();
	assert_pending("\x09\1\0\x40", 4);
	send_all();
	assert_pending(NULL, 0);
}

static void the_last_size_counts(void **state)
{
	(void)state;
	assert_true(guest_is_ready(false));
	channel_resize(&channel, 1, 2);
	channel_resize(&channel, 0x0102, 0xfffe);
	assert_pending("\x0a\4\0\2\1\xfe\xff", 7);
	channel_resize(&channel, 3, 4);
	assert_pending("\x0a\4\0\2\1\xfe\xff", 7); /* that is on its way */
	send_all();
	assert_pending("\x0a\4\0\3\0\4\0", 7);
	send_all();
	assert_pending(NULL, 0);
}

/* They never come between the bytes of a frame, and what follows waits for their last. */
static void words_go_between_frames(void **state)
{
	static uint8_t data[CHANNEL_INLINE_MAX];

	(void)state;
	assert_true(guest_is_ready(false));
	channel_input(&channel, data, 2);
	channel_sent(&channel, 1);
	channel_signal(&channel, 2);
	channel_resize(&channel, 1, 1);
	assert_pending("\2\0\0\0", 4);
	channel_sent(&channel, 3);
	assert_int_equal(pending(), 1);
	send_all();
	assert_pending("\x09\1\0\2\x0a\4\0\1\0\1\0", 11);
	assert_true(guest_sends_header(CHANNEL_TAKEN, 0));
	assert_int_equal(channel_input_room(&channel), 0);
	channel_sent(&channel, 10);
	assert_int_equal(channel_input_room(&channel), 0);
	send_all();
	assert_int_equal(channel_input_room(&channel), CHANNEL_INLINE_MAX);
}

/* TAKEN may go behind them, and is known when its own bytes are out. */
static void taken_behind_words(void **state)
{
	(void)state;
	assert_true(guest_is_ready(false));
	channel_signal(&channel, 2);
	assert_int_equal(pending(), 4);
	assert_true(guest_sends(CHANNEL_STDOUT, "x", 1));
	channel_written(&channel, 1);
	assert_pending("\x09\1\0\2\6\0\0", 7);
	channel_sent(&channel, 6);
	assert_true(channel.state.out_busy);
	channel_sent(&channel, 1);
	assert_false(channel.state.out_busy);
}

static void every_result(void **state)
{
	static const uint8_t results[][2] = {{CHANNEL_EXITED, 0},      {CHANNEL_EXITED, 255},
					     {CHANNEL_KILLED, 9},      {CHANNEL_KILLED, 64},
					     {CHANNEL_NOT_STARTED, 2}, {CHANNEL_SETUP_FAILED, 12},
					     {CHANNEL_NET_FAILED, 1},  {CHANNEL_WORKDIR_FAILED, 2},
					     {CHANNEL_ROOT_FAILED, 3}, {CHANNEL_FILES_FAILED, 28}};

	(void)state;
	for (unsigned i = 0; i < COUNT(results); i++) {
		set_up(state);
		assert_true(guest_is_ready(1));
		assert_false(channel.state.exited);
		assert_true(guest_sends(CHANNEL_EXIT, results[i], 2));
		assert_true(channel.state.exited);
		assert_int_equal(channel.state.exit_kind, results[i][0]);
		assert_int_equal(channel.state.exit_value, results[i][1]);
	}
}

static void what_follows_the_result_is_noise(void **state)
{
	static const uint8_t stream[] = {CHANNEL_EXIT, 2, 0, CHANNEL_EXITED, 7, 0xff, 0xff, 0xff,
					 CHANNEL_EXIT, 2, 0, CHANNEL_EXITED, 0};

	(void)state;
	assert_true(guest_sends(CHANNEL_STDOUT, "last words", 10));
	assert_true(receive(stream, sizeof(stream)));
	assert_int_equal(channel.state.exit_value, 7);
	assert_true(guest_sends(CHANNEL_EXIT, "\0\0", 2));
	assert_int_equal(channel.state.exit_value, 7);
	assert_output("last words", 10, CHANNEL_STDOUT);
}

static void damaged_results(void **state)
{
	static const uint8_t payload[] = {CHANNEL_EXITED, 0, 0};

	(void)state;
	for (size_t size = 0; size <= 3; size++) {
		if (size == 2)
			continue;
		set_up(state);
		assert_each(!guest_sends(CHANNEL_EXIT, payload, size), "EXIT of size", size);
		assert_false(channel.state.exited);
	}
	for (unsigned kind = CHANNEL_EXITS; kind < 256; kind++) {
		const uint8_t unknown[] = {(uint8_t)kind, 0};

		set_up(state);
		assert_each(!guest_sends(CHANNEL_EXIT, unknown, 2), "EXIT of kind", kind);
		assert_false(channel.state.exited);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHANNEL_TEST(nothing_moves_before_ready),
		CHANNEL_TEST(the_window_lies_inside_memory),
		CHANNEL_TEST(the_table_lies_inside_memory),
		CHANNEL_TEST(data_in_a_window_that_is_not_there),
		CHANNEL_TEST(ready_opens_the_input),
		CHANNEL_TEST(ready_is_checked),
		CHANNEL_TEST(output_in_a_frame),
		CHANNEL_TEST(output_in_the_window),
		CHANNEL_TEST(output_of_the_largest_frame),
		CHANNEL_TEST(output_of_nothing_is_taken_at_once),
		CHANNEL_TEST(no_output_before_taken),
		CHANNEL_TEST(taken_is_sent_when_its_bytes_are),
		CHANNEL_TEST(taken_before_closed),
		CHANNEL_TEST(closed_streams_are_told),
		CHANNEL_TEST(input_in_a_frame),
		CHANNEL_TEST(input_in_the_window),
		CHANNEL_TEST(the_end_of_input),
		CHANNEL_TEST(taken_too_early),
		CHANNEL_TEST(the_queue_holds_everything),
		CHANNEL_TEST(a_signal_waits_for_ready),
		CHANNEL_TEST(signals_are_sent_one_by_one),
		CHANNEL_TEST(the_last_size_counts),
		CHANNEL_TEST(words_go_between_frames),
		CHANNEL_TEST(taken_behind_words),
		CHANNEL_TEST(every_result),
		CHANNEL_TEST(what_follows_the_result_is_noise),
		CHANNEL_TEST(damaged_results),
	};

	return cmocka_run_group_tests(tests, reserve, release);
}
