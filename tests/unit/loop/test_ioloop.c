/* The main loop: where the console goes and where its input comes from, a workload's streams, and
 * what the loop needs of the kernel. test_ioloop_signals.c has what comes from outside,
 * test_ioloop_limits.c limits on time. */
#define _GNU_SOURCE
#include "ioloop_vm.h"
#include "rules.h"

/* --- the console --- */

static void print_and_leave(void)
{
	guest_prints("hello\n");
	guest_powers_off();
}

static void the_console_goes_where_it_is_told(void **state)
{
	(void)state;
	assert_ended(run(PLAN(.guest = print_and_leave, .place = CONSOLE_OUT)), END_POWER_OFF);
	assert_string_equal(out_text, "hello\n");
	assert_string_equal(err_text, "");
	assert_ended(run(PLAN(.guest = print_and_leave, .place = CONSOLE_ERR)), END_POWER_OFF);
	assert_string_equal(out_text, "");
	assert_string_equal(err_text, "hello\n");
	assert_ended(run(PLAN(.guest = print_and_leave, .place = CONSOLE_FILE)), END_POWER_OFF);
	assert_string_equal(out_text, "");
	assert_string_equal(log_text, "hello\n");
	assert_ended(run(PLAN(.guest = print_and_leave, .place = CONSOLE_NOWHERE)), END_POWER_OFF);
	assert_string_equal(out_text, "");
	assert_string_equal(err_text, "");
}

enum { FLOOD = 300000 };

static void print_much_and_leave(void)
{
	for (unsigned i = 0; i < FLOOD; i++)
		uart_write(&vm.console, THR, (uint8_t)('a' + i % 26));
	guest_powers_off();
}

static void nothing_is_lost_at_the_end(void **state)
{
	(void)state;
	assert_ended(run(PLAN(.guest = print_much_and_leave)), END_POWER_OFF);
	assert_int_equal(out_size, FLOOD);
	for (unsigned i = 0; i < FLOOD; i++)
		assert_each(out_text[i] == (char)('a' + i % 26), "output differs at", i);
}

/* Prints what it reads in capitals, up to a full stop. */
static void echo_up_to_a_stop(void)
{
	uint8_t c;

	uart_write(&vm.console, MCR, MCR_RTS);
	do {
		c = guest_reads(&vm.console);
		uart_write(&vm.console, THR, (uint8_t)(c >= 'a' && c <= 'z' ? c - 32 : c));
	} while (c != '.');
	guest_powers_off();
}

/* More than the FIFO holds; Ctrl-A means nothing in a pipe. */
static void piped_input_reaches_the_console(void **state)
{
	static const char text[] =
		"the quick brown fox \1x jumps over the lazy dog, the quick brown "
		"fox \1\1 jumps over the lazy dog, and that is more than 64 bytes.";
	int ends[2];

	(void)state;
	assert_ended(run(PLAN(.guest = echo_up_to_a_stop, INPUT(text))), END_POWER_OFF);
	assert_int_equal(out_size, sizeof(text) - 1);
	assert_says(out_text, "FOX \1X JUMPS");
	assert_says(out_text, "64 BYTES.");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "hello.", 6), 6);
	assert_ended(run(PLAN(.guest = echo_up_to_a_stop, .input_fd = ends[0])), END_POWER_OFF);
	assert_string_equal(out_text, "HELLO.");
	close(ends[0]);
	close(ends[1]);
}

static void escapes_of_a_terminal(void **state)
{
	(void)state;
	assert_ended(run(PLAN(.guest = echo_up_to_a_stop, .raw = true, INPUT("a\1xb."))),
		     END_ESCAPE);
	assert_ended(run(PLAN(.guest = echo_up_to_a_stop, .raw = true, INPUT("a\1\1b\1zc."))),
		     END_POWER_OFF);
	assert_string_equal(out_text, "A\1BC.");
	assert_ended(run(PLAN(.guest = echo_up_to_a_stop, .raw = true, INPUT("\1ha."))),
		     END_POWER_OFF);
	assert_says(out_text, "Ctrl-A x");
	assert_says(out_text, "A.");
}

static int keys; /* the end that is typed at */

/* A guest that takes nothing, and a user who types on before he ends it. */
static void ignore_the_user(void)
{
	for (unsigned i = 0; i < 100; i++) {
		usleep(500);
		if (write(keys, "key", 3) < 0)
			return;
	}
	if (write(keys, "\1x", 2) < 0)
		return;
}

/* console.h: "Ctrl-A x must work while the guest takes nothing", whatever was typed before. */
static void an_escape_from_a_deaf_guest(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	keys = ends[1];
	assert_ended(run(PLAN(.guest = ignore_the_user, .raw = true, .input_fd = ends[0])),
		     END_ESCAPE);
	close(ends[0]);
	close(ends[1]);
}

static void the_consoles_reader_leaves(void **state)
{
	int out = broken_pipe();
	struct result result = run(PLAN(.guest = print_much_and_leave, .out_fd = out));

	(void)state;
	close(out);
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGPIPE);
}

static void a_full_disk_is_said(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	if (full < 0)
		skip();
	struct result result = run(PLAN(.guest = print_much_and_leave, .out_fd = full));
	close(full);
	assert_ended(result, END_HOST_FAILURE);
	assert_mends(result.text, "the console");
	assert_says(result.text, strerror(ENOSPC));
}

/* --- a workload --- */

static void write_both_and_exit(void)
{
	guest_starts();
	guest_sends(CHANNEL_STDOUT, "to out\n", 7);
	guest_awaits_taken();
	guest_sends(CHANNEL_STDERR, "to err\n", 7);
	guest_awaits_taken();
	guest_prints("to the log\n");
	guest_exits(7);
}

static void three_streams_and_a_result(void **state)
{
	struct result result = run(PLAN(.guest = write_both_and_exit, .workload = true,
					.place = CONSOLE_FILE, INPUT("")));

	(void)state;
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 7);
	assert_string_equal(out_text, "to out\n");
	assert_string_equal(err_text, "to err\n");
	assert_string_equal(log_text, "to the log\n");
}

/* The last frame may still wait when the result arrives. */
static void write_and_exit_at_once(void)
{
	guest_starts();
	guest_sends(CHANNEL_STDOUT, "last words", 10);
	guest_exits(3);
}

static void last_words_are_brought_home(void **state)
{
	struct result result = run(
		PLAN(.guest = write_and_exit_at_once, .workload = true, .place = CONSOLE_NOWHERE));

	(void)state;
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 3);
	assert_string_equal(out_text, "last words");
}

/* cat(1): the exit status counts the frames of input. */
static void copy_input(void)
{
	uint8_t data[CHANNEL_INLINE_MAX];
	unsigned frames = 0;

	guest_starts();
	for (;;) {
		unsigned type = guest_reads(&vm.channel_uart);
		size_t size = guest_reads(&vm.channel_uart);

		size |= (size_t)guest_reads(&vm.channel_uart) << 8;
		if (type == CHANNEL_STDIN_END)
			break;
		for (size_t i = 0; i < size; i++)
			data[i] = guest_reads(&vm.channel_uart);
		guest_sends(CHANNEL_STDOUT, data, size);
		guest_awaits_taken();
		guest_sends(CHANNEL_TAKEN, NULL, 0);
		frames++;
	}
	guest_exits((uint8_t)frames);
}

static void input_and_its_end(void **state)
{
	static char text[5 * CHANNEL_INLINE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('0' + i % 71);
	struct result result =
		run(PLAN(.guest = copy_input, .workload = true, .place = CONSOLE_NOWHERE,
			 .input = text, .input_size = sizeof(text)));
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 6);
	assert_int_equal(out_size, sizeof(text));
	assert_memory_equal(out_text, text, sizeof(text));
	result = run(PLAN(.guest = copy_input, .workload = true, .place = CONSOLE_NOWHERE,
			  INPUT("")));
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 0);
}

/* The exit status is the number of CLOSED frames. */
static void write_to_stdout_twice(void)
{
	unsigned closed;

	guest_starts();
	guest_sends(CHANNEL_STDOUT, "one", 3);
	closed = guest_awaits_taken();
	guest_sends(CHANNEL_STDOUT, "two", 3);
	closed += guest_awaits_taken();
	guest_exits((uint8_t)closed);
}

/* Its word comes in the very ppoll that finds input; TAKEN is in the queue when that is looked
 * at. */
static void prompt_as_input_comes(void)
{
	uint8_t payload[CHANNEL_INLINE_MAX];
	size_t size;

	hold = WANTED;
	guest_starts();
	while (hold != HELD)
		usleep(200);
	guest_sends(CHANNEL_STDOUT, "prompt", 6);
	hold = RELEASED;
	guest_awaits_taken();
	guest_awaits(CHANNEL_STDIN, payload, &size);
	guest_exits((uint8_t)size);
}

/* "Ready" is what the last ppoll said: input that could not be read then is polled for again. */
static void input_that_comes_with_output_is_not_forgotten(void **state)
{
	struct result result = run(PLAN(.guest = prompt_as_input_comes, .workload = true,
					.place = CONSOLE_NOWHERE, INPUT("line")));

	(void)state;
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 4);
	assert_string_equal(out_text, "prompt");
}

static void a_reader_who_leaves_is_told_once(void **state)
{
	int out = broken_pipe();
	struct result result = run(PLAN(.guest = write_to_stdout_twice, .workload = true,
					.place = CONSOLE_NOWHERE, .out_fd = out));

	(void)state;
	close(out);
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 1);
}

/* The log comes first: the loop shows the console before it looks at the channel. */
static void log_then_write_to_stderr(void)
{
	unsigned closed;

	guest_prints("log\n");
	guest_starts();
	guest_sends(CHANNEL_STDERR, "x", 1);
	closed = guest_awaits_taken();
	guest_exits((uint8_t)closed);
}

/* With -v, the log and the workload share standard error. That the log found its reader gone must
 * not keep the news from the workload. */
static void a_shared_reader_who_leaves_is_told(void **state)
{
	int err = broken_pipe();
	struct result result = run(PLAN(.guest = log_then_write_to_stderr, .workload = true,
					.place = CONSOLE_ERR, .err_fd = err));

	(void)state;
	close(err);
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 1);
}

static void break_the_protocol(void)
{
	guest_starts();
	guest_sends(0x7f, NULL, 0);
	guest_exits(0);
}

static void a_broken_protocol_is_a_crash(void **state)
{
	struct result result =
		run(PLAN(.guest = break_the_protocol, .workload = true, .place = CONSOLE_NOWHERE));

	(void)state;
	assert_ended(result, END_CRASH);
	assert_mends(result.text, "protocol");
}

/* --- the filter --- */

static void what_the_loop_needs(void **state)
{
	/* All of its descriptors at once, and two at the end; nothing else. */
	static const struct rule rules[] = {
		{SYS_ppoll, ANY, WAIT_MAX},
		{SYS_ppoll, ANY, 2},
		{SYS_clock_gettime, CLOCK_MONOTONIC, ANY},
		{SYS_read, FD_SIGNALS, ANY},
		{SYS_read, FD_ENDING, ANY},
		{SYS_read, FD_CONSOLE_KICK, ANY},
		{SYS_read, FD_CHANNEL_KICK, ANY},
		{SYS_read, FD_IN, ANY},
		{SYS_write, FD_OUT, ANY},
		{SYS_write, FD_ERR, ANY},
		{SYS_write, FD_LOG, ANY},
		{SYS_write, FD_ENDING, ANY},
	};

	(void)state;
	ioloop_allow(list_anew());
	assert_rules(&listed, rules, COUNT(rules));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_console_goes_where_it_is_told),
		cmocka_unit_test(nothing_is_lost_at_the_end),
		cmocka_unit_test(piped_input_reaches_the_console),
		cmocka_unit_test(escapes_of_a_terminal),
		cmocka_unit_test(an_escape_from_a_deaf_guest),
		cmocka_unit_test(the_consoles_reader_leaves),
		cmocka_unit_test(a_full_disk_is_said),
		cmocka_unit_test(three_streams_and_a_result),
		cmocka_unit_test(last_words_are_brought_home),
		cmocka_unit_test(input_and_its_end),
		cmocka_unit_test(input_that_comes_with_output_is_not_forgotten),
		cmocka_unit_test(a_reader_who_leaves_is_told_once),
		cmocka_unit_test(a_shared_reader_who_leaves_is_told),
		cmocka_unit_test(a_broken_protocol_is_a_crash),
		cmocka_unit_test(what_the_loop_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
