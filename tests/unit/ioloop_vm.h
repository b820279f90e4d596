/* A VM without a guest: the main loop between real pipes and files on one side, and UARTs that a
 * thread drives as a guest would on the other. Descriptors have fixed numbers, so every VM lives
 * in a child process. */
#ifndef MAYFLY_IOLOOP_VM_H
#define MAYFLY_IOLOOP_VM_H

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
#include "unit.h"

/* A guest that wants its word and the input to arrive together asks for the loop to be HELD;
 * when it is, the guest speaks, and lets it go on. */
static _Atomic enum { FREE, WANTED, HELD, RELEASED } hold;

/* ppoll as the loop sees it. Held, it begins when both have come, which is chance otherwise. */
static inline int held_ppoll(struct pollfd *polls, nfds_t count, const struct timespec *timeout,
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
	char text[sizeof(struct problem) + 4];
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

static inline void guest_writes(struct uart *uart, const void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		uart_write(uart, THR, ((const uint8_t *)data)[i]);
}

static inline void guest_prints(const char *text)
{
	guest_writes(&vm.console, text, strlen(text));
}

static inline uint8_t guest_reads(struct uart *uart)
{
	while (!(uart_read(uart, LSR) & LSR_DR))
		usleep(200);
	return uart_read(uart, RBR);
}

static inline void guest_sends(unsigned type, const void *payload, size_t size)
{
	const uint8_t header[] = {(uint8_t)type, (uint8_t)size, (uint8_t)(size >> 8)};

	guest_writes(&vm.channel_uart, header, sizeof(header));
	guest_writes(&vm.channel_uart, payload, size);
}

/* Reads frames up to one of TYPE, whose payload it leaves. How many CLOSED came before it. */
static inline unsigned guest_awaits(unsigned type, uint8_t payload[CHANNEL_INLINE_MAX],
				    size_t *size)
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

static inline unsigned guest_awaits_taken(void)
{
	uint8_t payload[CHANNEL_INLINE_MAX];
	size_t size;

	return guest_awaits(CHANNEL_TAKEN, payload, &size);
}

static inline void guest_starts(void)
{
	uart_write(&vm.channel_uart, MCR, MCR_RTS);
	guest_sends(CHANNEL_READY, (const uint8_t[]){CHANNEL_VERSION}, 1);
}

static inline void guest_exits(uint8_t value)
{
	const uint8_t payload[] = {CHANNEL_EXITED, value};

	guest_sends(CHANNEL_EXIT, payload, 2);
}

static inline void guest_powers_off(void)
{
	ending_set(&vm.ending, END_POWER_OFF, 0, NULL);
}

static inline void *run_guest(void *plan)
{
	((const struct plan *)plan)->guest();
	return NULL;
}

/* --- the VM --- */

static inline bool make_vm(const struct plan *plan, int log_fd)
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
_Noreturn static inline void live(struct plan *plan, int log_fd, int report_fd)
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

static inline int new_file(const char *content, size_t size)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, size), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static inline size_t look_at(int fd, char *text, size_t size)
{
	ssize_t count = pread(fd, text, size - 1, 0);

	close(fd);
	text[count < 0 ? 0 : count] = '\0';
	return count < 0 ? 0 : (size_t)count;
}

static inline struct result run(struct plan plan)
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

static inline void unit_ended(struct result result, enum end_cause how, const char *file, int line)
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
static inline int broken_pipe(void)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	return ends[1];
}

static inline void be_terminated(void)
{
	kill(getpid(), SIGTERM);
}

#define HOUR 3600000
#define GRACE .deadlines.limits.grace = HOUR
#define WORKLOAD .workload = true, .place = CONSOLE_NOWHERE

#endif
