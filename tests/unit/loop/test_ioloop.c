/* The main loop between real pipes and files on one side, and UARTs that a thread drives as a guest
 * would on the other. Descriptors have fixed numbers, so every VM lives in a child process. */
#define _GNU_SOURCE
#include "loop/ioloop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fdplan.h"
#include "rules.h"

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
#include "loop/console.c"
#include "loop/ioloop.c"
#include "loop/signals.c"
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
	int interrupted, awaited;
	bool timed_out;
};

/* What a test asks for. A descriptor that is 0: a file that can be looked at afterwards. */
struct plan {
	void (*guest)(void);
	bool workload, raw;
	enum console_place place;
	const char *input;
	size_t input_size;
	int input_fd, out_fd, err_fd;
	struct deadlines deadlines;
	void (*before)(void); /* what is done before the loop begins, … */
	int (*after)(void);   /* … and when it has ended */
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

	vm.loop.console.uart = &vm.console;
	vm.loop.channel_uart = &vm.channel_uart;
	vm.loop.channel = plan->workload ? &vm.channel : NULL;
	vm.loop.ending = &vm.ending;
	vm.loop.terminal = &vm.terminal;
	vm.loop.deadlines = plan->deadlines;
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
	if (!make_vm(plan, log_fd))
		_exit(1);
	if (plan->before)
		plan->before();
	if (pthread_create(&thread, NULL, run_guest, plan))
		_exit(1);
	ioloop_run(&vm.loop);
	result.cause = ending_cause(&vm.ending);
	result.number = vm.ending.number;
	snprintf(result.text, sizeof(result.text), "%s", in_words(&vm.ending.problem));
	result.exit_kind = vm.channel.state.exit_kind;
	result.exit_value = vm.channel.state.exit_value;
	result.interrupted = vm.loop.interrupted;
	result.timed_out = vm.loop.timed_out;
	if (plan->after)
		result.awaited = plan->after();
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

/* --- signals for the workload --- */

#define HOUR 3600000
#define GRACE .deadlines.limits.grace = HOUR
#define WORKLOAD .workload = true, .place = CONSOLE_NOWHERE

/* Until the loop knows that the workload runs. */
static void guest_is_seen_to_start(void)
{
	guest_starts();
	while (!*(volatile bool *)&vm.channel.state.ready)
		usleep(200);
}

/* Reads one frame, whatever it is; returns its type. */
static unsigned guest_reads_frame(uint8_t payload[CHANNEL_INLINE_MAX])
{
	unsigned type = guest_reads(&vm.channel_uart);
	size_t size = guest_reads(&vm.channel_uart);

	size |= (size_t)guest_reads(&vm.channel_uart) << 8;
	for (size_t i = 0; i < size; i++)
		payload[i] = guest_reads(&vm.channel_uart);
	return type;
}

static uint8_t guest_awaits_signal(void)
{
	uint8_t payload[CHANNEL_INLINE_MAX];
	size_t size;

	guest_awaits(CHANNEL_SIGNAL, payload, &size);
	return size == 1 ? payload[0] : 0;
}

static int the_signal; /* that a guest's life has to do with */

static void get_a_signal(void)
{
	guest_is_seen_to_start();
	kill(getpid(), the_signal);
	guest_exits(guest_awaits_signal());
}

static void signals_are_the_workloads(void **state)
{
	static const int all[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

	(void)state;
	for (unsigned i = 0; i < COUNT(all); i++) {
		the_signal = all[i];
		struct result result = run(PLAN(.guest = get_a_signal, WORKLOAD, GRACE));

		assert_ended(result, END_WORKLOAD);
		assert_int_equal(result.exit_value, all[i]);
	}
}

/* SIGUSR1 asks nobody to end: it waits for the workload. */
static void be_told_before_the_start(void)
{
	kill(getpid(), SIGUSR1);
	guest_starts();
	guest_exits(guest_awaits_signal());
}

static void a_word_waits_for_the_workload(void **state)
{
	struct result result = run(PLAN(.guest = be_told_before_the_start, WORKLOAD, GRACE));

	(void)state;
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, SIGUSR1);
}

static void before_the_workload_runs_a_signal_ends_it(void **state)
{
	struct result result = run(PLAN(.guest = be_terminated, WORKLOAD, GRACE));

	(void)state;
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGTERM);
}

/* In a plain boot SIGUSR1 has its usual meaning. */
static void be_told_in_a_plain_boot(void)
{
	kill(getpid(), SIGUSR1);
	guest_powers_off();
}

static void a_plain_boot_knows_no_words(void **state)
{
	(void)state;
	assert_false(run(PLAN(.guest = be_told_in_a_plain_boot)).ran);
}

/* Twice it is the workload's; what asks for no end does not count. */
static void be_asked_three_times(void)
{
	guest_is_seen_to_start();
	for (unsigned i = 0; i < 5; i++) {
		kill(getpid(), SIGUSR2);
		guest_awaits_signal();
	}
	kill(getpid(), SIGTERM);
	guest_awaits_signal();
	kill(getpid(), SIGINT);
	guest_awaits_signal();
	guest_sends(CHANNEL_STDOUT, "twice", 5);
	guest_awaits_taken();
	kill(getpid(), SIGHUP);
}

static void the_third_signal_ends_it(void **state)
{
	struct result result = run(PLAN(.guest = be_asked_three_times, WORKLOAD, GRACE));

	(void)state;
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGHUP);
	assert_string_equal(out_text, "twice");
}

static void be_deaf(void)
{
	guest_is_seen_to_start();
	kill(getpid(), the_signal);
}

/* It ends by the signal that came first. */
static void be_deaf_twice(void)
{
	guest_is_seen_to_start();
	kill(getpid(), SIGINT);
	guest_awaits_signal();
	kill(getpid(), SIGTERM);
}

static void grace_has_an_end(void **state)
{
	struct result result;

	(void)state;
	the_signal = SIGTERM;
	result = run(PLAN(.guest = be_deaf, WORKLOAD, .deadlines.limits.grace = 1));
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGTERM);
	result = run(PLAN(.guest = be_deaf_twice, WORKLOAD, .deadlines.limits.grace = 30));
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGINT);
}

static void no_grace_is_no_delay(void **state)
{
	struct result result;

	(void)state;
	the_signal = SIGQUIT;
	result = run(PLAN(.guest = be_deaf, WORKLOAD));
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGQUIT);
}

/* The exit status: 1 for the size, 2 for a signal that came first, 3 for anything else. */
static void be_resized(void)
{
	uint8_t payload[CHANNEL_INLINE_MAX];

	guest_is_seen_to_start();
	kill(getpid(), SIGWINCH);
	usleep(5000); /* or both would be read at once, and the other sent first */
	kill(getpid(), SIGUSR1);
	unsigned type = guest_reads_frame(payload);
	while (type == CHANNEL_STDIN_END)
		type = guest_reads_frame(payload);
	if (type == CHANNEL_WINSIZE)
		guest_exits(memcmp(payload, "\2\1\3\0", 4) ? 3 : 1);
	else
		guest_exits(type == CHANNEL_SIGNAL ? 2 : 3);
}

static void a_size_is_told_for_a_terminal(void **state)
{
	struct result result = run(PLAN(.guest = be_resized, WORKLOAD, .raw = true));

	(void)state;
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 1);
	result = run(PLAN(.guest = be_resized, WORKLOAD));
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 2);
}

/* --- limits on time: what is in the past is over at once --- */

static void be_silent(void)
{
}

static void a_limit_ends_it(void **state)
{
	struct result result;
	int ends[2];

	(void)state;
	/* Input that is there, or its end, would be traffic. */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	result = run(PLAN(.guest = be_silent, .deadlines.wall = 1));
	assert_ended(result, END_TIMEOUT);
	assert_true(result.timed_out);
	result = run(PLAN(.guest = be_silent, WORKLOAD, .deadlines.wall = 1));
	assert_ended(result, END_TIMEOUT);
	result = run(PLAN(.guest = be_silent, .input_fd = ends[0], .deadlines.idle = 1));
	assert_ended(result, END_IDLE);
	close(ends[0]);
	close(ends[1]);
}

static void have_printed(void)
{
	guest_prints("x");
}

/* Both, the output and the end of the time, are there when the loop begins. */
static void traffic_is_no_idleness(void **state)
{
	struct result result;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	result = run(PLAN(.guest = be_terminated, .before = have_printed, .input_fd = ends[0],
			  .deadlines.idle = 1, .deadlines.limits.idle = HOUR));
	assert_ended(result, END_SIGNAL);
	close(ends[0]);
	close(ends[1]);
}

static void start_and_exit(void)
{
	guest_starts();
	guest_exits(4);
}

/* "A guest that boots has nothing to say to a workload yet." */
static void booting_is_no_idleness(void **state)
{
	struct result result;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	result = run(PLAN(.guest = start_and_exit, WORKLOAD, .input_fd = ends[0],
			  .deadlines.idle = 1, .deadlines.limits.idle = HOUR));
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 4);
	/* Then it counts. */
	result = run(PLAN(.guest = guest_starts, WORKLOAD, .input_fd = ends[0], .deadlines.idle = 1,
			  .deadlines.limits.idle = 20));
	assert_ended(result, END_IDLE);
	close(ends[0]);
	close(ends[1]);
}

static void use_up_the_cpu(void)
{
	kill(getpid(), SIGXCPU);
}

static void cpu_time_ends_it(void **state)
{
	struct result result = run(PLAN(.guest = use_up_the_cpu));

	(void)state;
	assert_ended(result, END_CPU_TIME);
	assert_true(result.timed_out);
	assert_ended(run(PLAN(.guest = use_up_the_cpu, WORKLOAD, GRACE)), END_CPU_TIME);
}

/* --- the last output, whose reader does not come --- */

/* A pipe that takes no more; its other end. */
static int full_pipe(int *reader)
{
	static const char zeros[65536];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(ends[1], zeros, sizeof(zeros)) > 0)
		;
	*reader = ends[0];
	return ends[1];
}

/* It is the drain that waits when the ending has been seen. */
static void write_and_exit_then_signal(void)
{
	guest_starts();
	guest_sends(CHANNEL_STDOUT, "last words", 10);
	guest_exits(3);
	while (ending_cause(&vm.ending) == END_NONE)
		usleep(200);
	if (the_signal)
		kill(getpid(), the_signal);
}

static struct result drain_to_nobody(int number, uint64_t wall)
{
	int reader, out = full_pipe(&reader);
	struct result result;
	uint64_t begin;
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	begin = (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
	the_signal = number;
	result = run(PLAN(.guest = write_and_exit_then_signal, WORKLOAD, GRACE, .out_fd = out,
			  .deadlines.wall = wall ? begin + wall : 0));
	close(out);
	close(reader);
	assert_ended(result, END_WORKLOAD); /* the first word counts */
	assert_int_equal(result.exit_value, 3);
	return result;
}

static void a_signal_cuts_the_last_output(void **state)
{
	struct result result = drain_to_nobody(SIGTERM, 0);

	(void)state;
	assert_int_equal(result.interrupted, SIGTERM);
	assert_false(result.timed_out);
}

static void a_limit_cuts_the_last_output(void **state)
{
	struct result result = drain_to_nobody(SIGXCPU, 0);

	(void)state;
	assert_true(result.timed_out);
	assert_int_equal(result.interrupted, 0);
	result = drain_to_nobody(0, 200);
	assert_true(result.timed_out);
	assert_int_equal(result.interrupted, 0);
}

/* --- what is done after the loop --- */

static int await_what_is_ready(void)
{
	int ends[2];

	kill(getpid(), SIGTERM);
	if (pipe(ends) < 0 || write(ends[1], "x", 1) != 1)
		return 99;
	/* What is ready comes first, and is said again. */
	vm.loop.deadlines.wall = 1;
	return ioloop_await(&vm.loop, ends[0], POLLIN) | ioloop_await(&vm.loop, ends[1], POLLOUT);
}

static int await_nothing(void)
{
	int ends[2];

	return pipe(ends) < 0 ? 99 : ioloop_await(&vm.loop, ends[0], POLLIN);
}

static int await_with_a_signal(void)
{
	kill(getpid(), SIGINT);
	return await_nothing();
}

static int await_with_a_limit(void)
{
	vm.loop.deadlines.wall = 1;
	return await_nothing();
}

static int await_with_used_up_cpu(void)
{
	kill(getpid(), SIGXCPU);
	return await_nothing();
}

/* What asks for no end ends nothing: a terminal may be resized meanwhile. */
static int await_with_words(void)
{
	kill(getpid(), SIGWINCH);
	kill(getpid(), SIGUSR1);
	vm.loop.deadlines.wall = 1;
	return await_nothing();
}

static int await_with_words_and_a_signal(void)
{
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGWINCH);
	kill(getpid(), SIGTERM);
	return await_nothing();
}

static void awaiting(void **state)
{
	static const struct {
		int (*after)(void);
		int result;
	} cases[] = {
		{await_what_is_ready, 0},     {await_with_a_signal, SIGINT},
		{await_with_a_limit, -1},     {await_with_used_up_cpu, -1},
		{await_with_words, -1},       {await_with_words_and_a_signal, SIGTERM},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct result result =
			run(PLAN(.guest = start_and_exit, WORKLOAD, .after = cases[i].after));

		assert_ended(result, END_WORKLOAD);
		assert_each(result.awaited == cases[i].result, "case", i);
	}
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
		cmocka_unit_test(a_signal_ends_it),
		cmocka_unit_test(a_parent_who_dies_ends_it),
		cmocka_unit_test(signals_are_the_workloads),
		cmocka_unit_test(a_word_waits_for_the_workload),
		cmocka_unit_test(before_the_workload_runs_a_signal_ends_it),
		cmocka_unit_test(a_plain_boot_knows_no_words),
		cmocka_unit_test(the_third_signal_ends_it),
		cmocka_unit_test(grace_has_an_end),
		cmocka_unit_test(no_grace_is_no_delay),
		cmocka_unit_test(a_size_is_told_for_a_terminal),
		cmocka_unit_test(a_limit_ends_it),
		cmocka_unit_test(traffic_is_no_idleness),
		cmocka_unit_test(booting_is_no_idleness),
		cmocka_unit_test(cpu_time_ends_it),
		cmocka_unit_test(a_signal_cuts_the_last_output),
		cmocka_unit_test(a_limit_cuts_the_last_output),
		cmocka_unit_test(awaiting),
		cmocka_unit_test(what_the_loop_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
