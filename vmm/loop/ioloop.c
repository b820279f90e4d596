#include "loop/ioloop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "base/moment.h"

bool ioloop_open(struct ioloop *loop, enum console_place place, int log_fd, struct problem *problem)
{
	struct stream *const places[] = {&loop->out, &loop->err, &loop->log, NULL};

	loop->console = (struct console){
		.uart = loop->console.uart,
		.out = places[place],
		.in = &loop->in,
		.help = &loop->out,
		.terminal = loop->terminal,
		.ending = loop->ending,
	};
	loop->signals = (struct signals){
		.channel = loop->channel,
		.ending = loop->ending,
		.deadlines = &loop->deadlines,
		.terminal = loop->terminal,
	};
	if (!stream_open(&loop->in, STDIN_FILENO, FD_IN, false, problem) ||
	    !stream_open(&loop->out, STDOUT_FILENO, FD_OUT, true, problem) ||
	    !stream_open(&loop->err, STDERR_FILENO, FD_ERR, true, problem))
		return false;
	if (place == CONSOLE_FILE && !stream_open(&loop->log, log_fd, FD_LOG, true, problem))
		return false;
	return signals_open(&loop->signals, problem);
}

/* An error of our own streams (errno); a reader who left is none. It counts even after the VM's
 * end: lost output must not look like success. */
static void stream_failed(struct ioloop *loop, const char *what)
{
	if (errno == EPIPE)
		return;
	loop->failed = true;
	problem_set(&loop->failure, "cannot %s: %s (fix it, or redirect it to another place)", what,
		    strerror(errno));
	ending_set(loop->ending, END_HOST_FAILURE, 0, &loop->failure);
}

/* --- the channel --- */

static void note(uint64_t *when, bool happened)
{
	if (happened && !*when)
		*when = moment();
}

/* Receives one chunk of frames; false if there was none. */
static bool receive_from_guest(struct ioloop *loop)
{
	uint8_t bytes[4096];
	struct problem what, problem;
	size_t size = uart_take(loop->channel_uart, bytes, sizeof(bytes));

	if (size && !channel_receive(loop->channel, bytes, size, &what)) {
		problem_set(&problem,
			    "the guest broke the channel's protocol: %s (-v shows its log)",
			    what.what);
		ending_set(loop->ending, END_CRASH, 0, &problem);
	}
	note(&loop->ready_at, loop->channel->state.ready);
	note(&loop->started_at, loop->channel->state.started);
	note(&loop->exited_at, loop->channel->state.exited);
	if (loop->channel->state.exited)
		ending_set(loop->ending, END_WORKLOAD, 0, NULL);
	return size != 0;
}

static void send_to_guest(struct ioloop *loop)
{
	size_t size, given = 1;

	while (given) {
		const uint8_t *bytes = channel_pending(loop->channel, &size);

		given = size ? uart_give(loop->channel_uart, bytes, size) : 0;
		channel_sent(loop->channel, given);
	}
}

static void write_output(struct ioloop *loop)
{
	enum channel_frame which;
	size_t size;
	const uint8_t *bytes = channel_output(loop->channel, &size, &which);
	struct stream *stream = which == CHANNEL_STDOUT ? &loop->out : &loop->err;
	const char *name =
		which == CHANNEL_STDOUT ? "write standard output" : "write standard error";

	if (!size)
		return;
	ssize_t count = stream_write(stream, bytes, size);
	if (count < 0)
		stream_failed(loop, name);
	if (stream->ended) {
		/* The workload notices as it would with a pipe. */
		channel_output_closed(loop->channel, which);
		count = (ssize_t)size;
	}
	if (count > 0)
		channel_written(loop->channel, (size_t)count);
}

static void feed_workload(struct ioloop *loop)
{
	size_t room = channel_input_room(loop->channel);

	if (!room)
		return;
	ssize_t count = stream_read(&loop->in, loop->input, room);
	if (count < 0)
		stream_failed(loop, "read standard input");
	if (count > 0)
		channel_input(loop->channel, loop->input, (size_t)count);
	else if (loop->in.ended)
		channel_input(loop->channel, NULL, 0);
}

static void pump_channel(struct ioloop *loop)
{
	receive_from_guest(loop);
	write_output(loop);
	feed_workload(loop);
	send_to_guest(loop);
}

/* --- the console --- */

/* Moves one chunk; false if there was none. */
static bool show_console(struct ioloop *loop)
{
	bool moved;

	if (console_show(&loop->console, &moved))
		return moved;
	/* A plain boot's output is for the user. When its reader is gone, the VM ends, like any
	 * program. The reader of a log may leave. */
	if (errno == EPIPE && loop->console.out == &loop->out)
		ending_set(loop->ending, END_SIGNAL, SIGPIPE, NULL);
	stream_failed(loop, "write the console");
	return true;
}

static void feed_console(struct ioloop *loop)
{
	const char *failed = console_feed(&loop->console);

	if (failed)
		stream_failed(loop, failed);
}

/* --- the loop --- */

static bool output_pending(struct ioloop *loop)
{
	enum channel_frame which;
	size_t size = 0;

	if (loop->channel)
		channel_output(loop->channel, &size, &which);
	return size || console_pending(&loop->console);
}

static bool wants_input(struct ioloop *loop)
{
	if (loop->in.ended || ending_cause(loop->ending) != END_NONE)
		return false;
	return loop->channel ? channel_input_room(loop->channel) > 0
			     : console_wants_input(&loop->console);
}

static bool wants_output(struct ioloop *loop, const struct stream *stream)
{
	enum channel_frame which;
	size_t size;

	if (stream->ended)
		return false;
	if (stream == loop->console.out && console_pending(&loop->console))
		return true;
	if (!loop->channel)
		return false;
	channel_output(loop->channel, &size, &which);
	return size && stream == (which == CHANNEL_STDOUT ? &loop->out : &loop->err);
}

enum { P_SIGNALS, P_PARENT, P_ENDING, P_CONSOLE, P_CHANNEL, P_IN, P_OUT, P_ERR, P_LOG, P_COUNT };

_Static_assert((int)P_COUNT == (int)WAIT_MAX, "the filter and the jail say so");

static void prepare(struct ioloop *loop, struct pollfd polls[P_COUNT])
{
	const struct pollfd all[P_COUNT] = {
		[P_SIGNALS] = {FD_SIGNALS, POLLIN, 0},
		[P_PARENT] = {loop->signals.has_parent ? FD_PARENT : -1, POLLIN, 0},
		[P_ENDING] = {FD_ENDING, POLLIN, 0},
		/* Not while a chunk waits to be written: the next kick would be lost. */
		[P_CONSOLE] = {console_pending(&loop->console) ? -1 : FD_CONSOLE_KICK, POLLIN, 0},
		[P_CHANNEL] = {loop->channel ? FD_CHANNEL_KICK : -1, POLLIN, 0},
		[P_IN] = {wants_input(loop) ? FD_IN : -1, POLLIN, 0},
		[P_OUT] = {wants_output(loop, &loop->out) ? FD_OUT : -1, POLLOUT, 0},
		[P_ERR] = {wants_output(loop, &loop->err) ? FD_ERR : -1, POLLOUT, 0},
		[P_LOG] = {wants_output(loop, &loop->log) ? FD_LOG : -1, POLLOUT, 0},
	};

	memcpy(polls, all, sizeof(all));
}

static void drain_event(const struct pollfd *poll)
{
	uint64_t count;

	/* Non-blocking: if another wake-up was faster, there is nothing to read. */
	if (poll->revents && read(poll->fd, &count, sizeof(count)) < 0)
		return;
}

static bool is_traffic(const struct ioloop *loop, const struct pollfd polls[P_COUNT])
{
	/* A booting guest is not idle. */
	if (loop->channel && !loop->channel->state.ready)
		return true;
	for (unsigned i = P_CONSOLE; i < P_COUNT; i++)
		if (polls[i].revents)
			return true;
	return false;
}

/* Waits for work. Returns the signal that ends us, or 0. ppoll, not epoll: the set of descriptors
 * changes each time, and may have regular files. */
static int wait_for_work(struct ioloop *loop)
{
	struct pollfd polls[P_COUNT];
	struct timespec left;

	prepare(loop, polls);
	if (ppoll(polls, P_COUNT, deadlines_left(&loop->deadlines, &left), NULL) < 0)
		return 0;
	if (is_traffic(loop, polls))
		deadlines_touch(&loop->deadlines);
	drain_event(&polls[P_ENDING]);
	drain_event(&polls[P_CONSOLE]);
	drain_event(&polls[P_CHANNEL]);
	loop->in.ready = polls[P_IN].revents != 0;
	loop->out.ready = polls[P_OUT].revents != 0;
	loop->err.ready = polls[P_ERR].revents != 0;
	loop->log.ready = polls[P_LOG].revents != 0;
	loop->timed_out = deadlines_check(&loop->deadlines, loop->ending);
	int signal =
		signals_take(&loop->signals, polls[P_SIGNALS].revents, polls[P_PARENT].revents);
	loop->timed_out |= loop->signals.cpu_time_up;
	return signal;
}

/* True if the VM's last output is not worth a wait. */
static bool is_cut_short(const struct ioloop *loop)
{
	return loop->timed_out || ending_cause(loop->ending) == END_SIGNAL;
}

/* After the VM's end: releases threads that wait for output, and writes what is left. A signal or a
 * limit ends this too, because the reader may never come. */
static void drain_output(struct ioloop *loop)
{
	bool moved = true;

	uart_close(loop->console.uart);
	uart_close(loop->channel_uart);
	while (moved || output_pending(loop)) {
		moved = show_console(loop);
		if (loop->channel) {
			moved |= receive_from_guest(loop);
			write_output(loop);
		}
		if (!output_pending(loop))
			continue;
		if (is_cut_short(loop))
			return;
		loop->interrupted = wait_for_work(loop);
		if (loop->interrupted)
			return;
	}
}

int ioloop_await(const struct ioloop *loop, int fd, short events)
{
	struct pollfd polls[] = {{FD_SIGNALS, POLLIN, 0}, {fd, events, 0}};
	struct timespec left;
	int end = 0;

	while (end == 0) {
		int ready = ppoll(polls, 2, deadlines_left(&loop->deadlines, &left), NULL);

		if (ready == 0)
			return -1;
		if (ready > 0 && polls[1].revents)
			return 0;
		if (ready > 0)
			end = signals_take_end();
	}
	return end;
}

void ioloop_run(struct ioloop *loop)
{
	while (ending_cause(loop->ending) == END_NONE) {
		int signal = wait_for_work(loop);

		if (signal)
			ending_set(loop->ending, END_SIGNAL, signal, NULL);
		show_console(loop);
		if (loop->channel)
			pump_channel(loop);
		else
			feed_console(loop);
	}
	drain_output(loop);
}

void ioloop_allow(struct sysfilter *filter)
{
	static const int read_from[] = {FD_SIGNALS, FD_ENDING, FD_CONSOLE_KICK, FD_CHANNEL_KICK,
					FD_IN};
	static const int write_to[] = {FD_OUT, FD_ERR, FD_LOG, FD_ENDING};

	sysfilter_allow_wait(filter, WAIT_MAX); /* for work, … */
	sysfilter_allow_wait(filter, 2);        /* … or for one descriptor after the VM's end */
	deadlines_allow(filter);
	for (size_t i = 0; i < sizeof(read_from) / sizeof(read_from[0]); i++)
		sysfilter_allow_fd(filter, SYS_read, read_from[i]);
	for (size_t i = 0; i < sizeof(write_to) / sizeof(write_to[0]); i++)
		sysfilter_allow_fd(filter, SYS_write, write_to[i]);
}
