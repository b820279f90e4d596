/* The main loop between real pipes and files on one side, and UARTs that a thread drives as a guest
 * would on the other. Descriptors have fixed numbers, so every VM lives in a child process. */
#define _GNU_SOURCE
#include "ioloop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fdplan.h"
#include "sysfilter_stub.h"
#include "unit.h"

/* A guest that wants its word and the input to arrive together asks for the loop to be HELD; when it is, the
 * guest speaks, and lets it go on. */
static _Atomic enum { FREE, WANTED, HELD, RELEASED } hold;

/* ppoll as the loop sees it. Held, it begins when both have come, which is chance otherwise. */
static int held_ppoll(struct pollfd *polls, nfds_t count, const struct timespec *timeout,
		      const sigset_t *mask)
{
	bool listening = false;

	for (nfds_t i = 0; i < count; i++)
		listening |= polls[i].fd == FD_IN;
	if (hold == WANTED && listening)
		for (hold = HELD; hold != RELEASED;)
			usleep(200);
	return ppoll(polls, count, timeout, mask);
}

/* Not in the set of code that every test links. */
#define ppoll held_ppoll
#include "console.c"
#include "ioloop.c"
#include "signals.c"
#undef ppoll

/* The terminal's, which is not in that set either. */
bool terminal_size(uint16_t *rows, uint16_t *columns)
{
	*rows = 258;
	*columns = 3;
	return true;
}

enum { THR = 0, RBR = 0, MCR = 4, LSR = 5, MCR_RTS = 2, LSR_DR = 1 };

/* How a VM ended, as its process tells it. */
struct result {
	bool ran;
	enum end_cause cause;
	int number;
	char text[400];
	unsigned exit_kind, exit_value;
};

/* What a test asks for. A descriptor that is 0: a file that can be looked at afterwards. */
struct plan {
	void (*guest)(void);
	bool workload, raw;
	enum console_place place;
	const char *input;
	size_t input_size;
	int input_fd, out_fd, err_fd;
};

#define PLAN(...) ((struct plan){__VA_ARGS__})
#define INPUT(text) .input = (text), .input_size = sizeof(text) - 1

static struct {
	struct ioloop loop;
	struct uart console, channel_uart;
	struct channel channel;
	struct ending ending;
	struct terminal terminal;
	struct ram ram;
} vm;

static char out_text[1 << 20], err_text[4096], log_text[4096];
static size_t out_size;

/* --- the guest's side; it runs in the child --- */

static void guest_writes(struct uart *uart, const void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		uart_write(uart, THR, ((const uint8_t *)data)[i]);
}

static void guest_prints(const char *text)
{
	guest_writes(&vm.console, text, strlen(text));
}

static uint8_t guest_reads(struct uart *uart)
{
	while (!(uart_read(uart, LSR) & LSR_DR))
		usleep(200);
	return uart_read(uart, RBR);
}

static void guest_sends(unsigned type, const void *payload, size_t size)
{
	const uint8_t header[] = {(uint8_t)type, (uint8_t)size, (uint8_t)(size >> 8)};

	guest_writes(&vm.channel_uart, header, sizeof(header));
	guest_writes(&vm.channel_uart, payload, size);
}

/* Reads frames up to one of TYPE, whose payload it leaves. How many CLOSED came before it. */
static unsigned guest_awaits(unsigned type, uint8_t payload[CHANNEL_INLINE_MAX], size_t *size)
{
	unsigned closed = 0;

	for (;;) {
		unsigned seen = guest_reads(&vm.channel_uart);
		size_t length = guest_reads(&vm.channel_uart);

		length |= (size_t)guest_reads(&vm.channel_uart) << 8;
		for (size_t i = 0; i < length; i++)
			payload[i] = guest_reads(&vm.channel_uart);
		*size = length;
		if (seen == type)
			return closed;
		closed += seen == CHANNEL_CLOSED;
	}
}

static unsigned guest_awaits_taken(void)
{
	uint8_t payload[CHANNEL_INLINE_MAX];
	size_t size;

	return guest_awaits(CHANNEL_TAKEN, payload, &size);
}

static void guest_starts(void)
{
	uart_write(&vm.channel_uart, MCR, MCR_RTS);
	guest_sends(CHANNEL_READY, (const uint8_t[]){CHANNEL_VERSION}, 1);
}

static void guest_exits(uint8_t value)
{
	const uint8_t payload[] = {CHANNEL_EXITED, value};

	guest_sends(CHANNEL_EXIT, payload, 2);
}

static void guest_powers_off(void)
{
	ending_set(&vm.ending, END_POWER_OFF, 0, NULL);
}

static void *run_guest(void *plan)
{
	((const struct plan *)plan)->guest();
	return NULL;
}

/* --- the VM --- */

static bool make_vm(const struct plan *plan, int log_fd)
{
	struct problem problem;

	vm.loop.console = &vm.console;
	vm.loop.channel_uart = &vm.channel_uart;
	vm.loop.channel = plan->workload ? &vm.channel : NULL;
	vm.loop.ending = &vm.ending;
	vm.loop.terminal = &vm.terminal;
	vm.terminal.raw = plan->raw;
	uart_init(&vm.console, FD_CONSOLE_IRQ, FD_CONSOLE_KICK);
	uart_init(&vm.channel_uart, FD_CHANNEL_IRQ, FD_CHANNEL_KICK);
	channel_init(&vm.channel, &vm.ram);
	return fd_event(FD_ENDING, &problem) && fd_event(FD_CONSOLE_IRQ, &problem) &&
	       fd_event(FD_CONSOLE_KICK, &problem) && fd_event(FD_CHANNEL_IRQ, &problem) &&
	       fd_event(FD_CHANNEL_KICK, &problem) &&
	       ram_reserve(&vm.ram, MIB, 0, 3 * GIB, 4 * GIB, &problem) &&
	       ioloop_open(&vm.loop, plan->place, log_fd, &problem);
}

/* The child: standard streams are in place; REPORT takes the result. */
_Noreturn static void live(struct plan *plan, int log_fd, int report_fd)
{
	struct result result = {.ran = true};
	pthread_t thread;

	alarm(10); /* whoever hangs says nothing */
	if (!make_vm(plan, log_fd) || pthread_create(&thread, NULL, run_guest, plan))
		_exit(1);
	ioloop_run(&vm.loop);
	result.cause = ending_cause(&vm.ending);
	result.number = vm.ending.number;
	memcpy(result.text, vm.ending.text.text, sizeof(result.text));
	result.exit_kind = vm.channel.exit_kind;
	result.exit_value = vm.channel.exit_value;
	if (write(report_fd, &result, sizeof(result)) < 0)
		_exit(1);
	_exit(0);
}

static int new_file(const char *content, size_t size)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, size), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static size_t look_at(int fd, char *text, size_t size)
{
	ssize_t count = pread(fd, text, size - 1, 0);

	close(fd);
	text[count < 0 ? 0 : count] = '\0';
	return count < 0 ? 0 : (size_t)count;
}

static struct result run(struct plan plan)
{
	struct result result = {0};
	int out = new_file("", 0), err = new_file("", 0), log = new_file("", 0), ends[2];
	int in = plan.input_fd ? dup(plan.input_fd) : new_file(plan.input, plan.input_size);

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t child = fork();
	if (child == 0) {
		dup2(in, STDIN_FILENO);
		dup2(plan.out_fd ? plan.out_fd : out, STDOUT_FILENO);
		dup2(plan.err_fd ? plan.err_fd : err, STDERR_FILENO);
		live(&plan, log, ends[1]);
	}
	close(ends[1]);
	close(in);
	if (read(ends[0], &result, sizeof(result)) != sizeof(result))
		result.ran = false;
	close(ends[0]);
	waitpid(child, NULL, 0);
	out_size = look_at(out, out_text, sizeof(out_text));
	look_at(err, err_text, sizeof(err_text));
	look_at(log, log_text, sizeof(log_text));
	return result;
}

#define assert_ended(result, how) unit_ended(result, how, __FILE__, __LINE__)

static void unit_ended(struct result result, enum end_cause how, const char *file, int line)
{
	if (result.ran && result.cause == how)
		return;
	if (result.ran)
		print_error("ended with cause %d, not %d: %s\n", result.cause, how, result.text);
	else
		print_error("the loop hangs or has died\n");
	_fail(file, line);
}

/* A pipe's end that is written to, without a reader. */
static int broken_pipe(void)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	return ends[1];
}

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

/* Its word comes in the very ppoll that finds input; TAKEN is in the queue when that is looked at. */
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

/* --- ends from outside --- */

static void be_terminated(void)
{
	kill(getpid(), SIGTERM);
}

static void a_signal_ends_it(void **state)
{
	struct result result = run(PLAN(.guest = be_terminated));

	(void)state;
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGTERM);
}

static int ready; /* takes a byte when the loop has opened its descriptors */

static void say_ready(void)
{
	if (write(ready, "r", 1) < 0)
		return;
}

/* The VM's parent leaves as soon as it is watched. */
static void a_parent_who_dies_ends_it(void **state)
{
	struct plan plan = PLAN(.guest = say_ready);
	struct result result = {0};
	int ends[2], readiness[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipe2(readiness, O_CLOEXEC), 0);
	ready = readiness[1];
	pid_t parent = fork();
	if (parent == 0) {
		if (fork() == 0)
			live(&plan, -1, ends[1]);
		_exit(read(readiness[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(readiness[0]);
	close(readiness[1]);
	close(ends[1]);
	waitpid(parent, NULL, 0);
	if (read(ends[0], &result, sizeof(result)) != sizeof(result))
		result.ran = false;
	close(ends[0]);
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGHUP);
}

/* --- the filter --- */

static bool is_allowed(int nr, int fd)
{
	for (unsigned i = 0; i < allowed.count; i++)
		if (allowed.rule[i].nr == nr && allowed.rule[i].first == fd)
			return true;
	return false;
}

static void what_the_loop_needs(void **state)
{
	static const int in[] = {FD_SIGNALS, FD_ENDING, FD_CONSOLE_KICK, FD_CHANNEL_KICK, FD_IN};
	static const int out[] = {FD_OUT, FD_ERR, FD_LOG};

	(void)state;
	allowed.count = 0;
	ioloop_allow(NULL);
	assert_true(is_allowed(SYS_ppoll, ANY_FD));
	assert_true(is_allowed(SYS_clock_gettime, CLOCK_MONOTONIC));
	for (unsigned i = 0; i < COUNT(in); i++)
		assert_true(is_allowed(SYS_read, in[i]));
	for (unsigned i = 0; i < COUNT(out); i++)
		assert_true(is_allowed(SYS_write, out[i]));
	/* And nothing else. */
	assert_int_equal(allowed.count, 2 + COUNT(in) + COUNT(out));
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
		cmocka_unit_test(a_signal_ends_it),
		cmocka_unit_test(a_parent_who_dies_ends_it),
		cmocka_unit_test(what_the_loop_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
