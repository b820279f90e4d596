/* mayfly's init: PID 1 of a guest that was given a command.
 *
 * It mounts the file systems that programs expect, starts the workload with three pipes, and
 * carries their bytes over the channel (devices/channel_wire.h) until the workload ends. Then it
 * sends the result and powers off. One thread, one loop, no heap except for the job's text, no
 * stdio. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/bytes.h"
#include "rootfs/give_up.h"
#include "rootfs/job_file.h"
#include "rootfs/link.h"
#include "rootfs/net.h"
#include "rootfs/out.h"
#include "rootfs/root.h"
#include "rootfs/system.h"
#include "rootfs/workload.h"

static struct job_file job;

static int channel;     /* the UART */
static uint8_t *window; /* NULL: data goes in frames */

static struct workload work = {.in = -1, .out = -1, .err = -1};

/* Data that the workload's stdin has not taken yet. */
static struct {
	uint8_t data[CHANNEL_CHUNK_MAX];
	size_t size, done;
	bool last; /* the host has no more */
} input;

static bool output_busy; /* the host has not said TAKEN */

/* --- the channel --- */

/* Sends the workload's result and powers off. */
_Noreturn static void finish(enum channel_exit kind, int value)
{
	uint8_t payload[2] = {(uint8_t)kind, (uint8_t)value};

	root_leave(&job);
	link_send(channel, CHANNEL_EXIT, payload, sizeof(payload));
	tcdrain(channel);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* --- the workload --- */

static void start_workload(void)
{
	struct failure failure;

	if (!workload_start(&work, &job, &failure))
		finish(failure.kind, failure.error);
	link_send(channel, CHANNEL_STARTED, (const uint8_t *)"", 0);
}

static void reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != work.pid)
			continue;
		work.ended = true;
		work.status = status;
		/* The workload's other processes end too, and close its pipes. */
		kill(-1, SIGKILL);
	}
}

/* --- the loop --- */

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void feed_workload(void)
{
	if (input.done < input.size && work.in >= 0) {
		ssize_t count = write(work.in, input.data + input.done, input.size - input.done);

		if (count < 0 && errno == EPIPE)
			close_end(&work.in); /* no TAKEN then: the host stops reading stdin */
		if (count <= 0)
			return;
		input.done += (size_t)count;
		if (input.done == input.size)
			link_send(channel, CHANNEL_TAKEN, (const uint8_t *)"", 0);
	}
	if (input.done == input.size && input.last)
		workload_end_input(&work);
}

static void forward(int *fd, unsigned type)
{
	uint8_t small[CHANNEL_INLINE_MAX];
	uint8_t *data = window ? window + CHANNEL_CHUNK_MAX : small;
	ssize_t count = read(*fd, data, window ? CHANNEL_CHUNK_MAX : sizeof(small));

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (count <= 0) {
		close_end(fd);
		return;
	}
	output_busy = true;
	if (window)
		link_send(channel, type | CHANNEL_IN_WINDOW, NULL, (size_t)count);
	else
		link_send(channel, type, small, (size_t)count);
}

static void take_input(const uint8_t *payload, size_t size)
{
	memcpy(input.data, payload, size);
	input.size = size;
	input.done = 0;
	feed_workload();
}

static void handle_frame(unsigned type, const uint8_t *payload, size_t size)
{
	switch (type) {
	case CHANNEL_STDIN:
		take_input(payload, size);
		break;
	case CHANNEL_STDIN_END:
		input.last = true;
		feed_workload();
		break;
	case CHANNEL_TAKEN:
		output_busy = false;
		break;
	case CHANNEL_SIGNAL:
		workload_signal(&work, payload[0]);
		break;
	case CHANNEL_WINSIZE:
		workload_resize(&work, get_le16(payload), get_le16(payload + 2));
		break;
	case CHANNEL_CLOSED:
		workload_close_output(&work, payload[0] == CHANNEL_STDOUT);
		break;
	}
}

/* Frames arrive in pieces. */
static void receive(void)
{
	static uint8_t frame[CHANNEL_HEADER + CHANNEL_INLINE_MAX];
	static size_t have;
	ssize_t count = read(channel, frame + have, sizeof(frame) - have);

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (count <= 0)
		give_up("the channel is gone");
	have += (size_t)count;
	while (have >= CHANNEL_HEADER) {
		size_t size = frame[1] | (size_t)frame[2] << 8;
		bool in_window = frame[0] & CHANNEL_IN_WINDOW;
		size_t total = CHANNEL_HEADER + (in_window ? 0 : size);

		if (have < total)
			return;
		handle_frame(frame[0] & ~(unsigned)CHANNEL_IN_WINDOW,
			     in_window ? window : frame + CHANNEL_HEADER, size);
		have -= total;
		memmove(frame, frame + total, have);
	}
}

static void run(int signals)
{
	enum { CHANNEL, SIGNALS, IN, OUT, ERR, COUNT };

	while (!work.ended || work.out >= 0 || work.err >= 0 || output_busy) {
		bool feeding = input.done < input.size;
		struct pollfd polls[COUNT] = {
			[CHANNEL] = {channel, POLLIN, 0},
			[SIGNALS] = {signals, POLLIN, 0},
			[IN] = {feeding ? work.in : -1, POLLOUT, 0},
			[OUT] = {output_busy ? -1 : work.out, POLLIN, 0},
			[ERR] = {output_busy ? -1 : work.err, POLLIN, 0},
		};
		struct signalfd_siginfo info;

		if (poll(polls, COUNT, -1) < 0)
			continue;
		if (polls[SIGNALS].revents && read(signals, &info, sizeof(info)) > 0)
			reap();
		if (polls[CHANNEL].revents)
			receive();
		if (polls[IN].revents)
			feed_workload();
		if (polls[OUT].revents && work.out >= 0)
			forward(&work.out, CHANNEL_STDOUT);
		if (polls[ERR].revents && work.err >= 0 && !output_busy)
			forward(&work.err, CHANNEL_STDERR);
	}
}

static int watch_children(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigdelset(&set, SIGPIPE);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void set_up_network(void)
{
	for (unsigned i = 0; i < job.ips; i++) {
		if (!net_add_address(job.ip[i].address))
			finish(CHANNEL_NET_FAILED, errno);
		if (job.ip[i].gateway && !net_add_gateway(job.ip[i].gateway))
			finish(CHANNEL_NET_FAILED, errno);
		if (job.ip[i].dns)
			net_add_dns(job.ip[i].dns);
	}
}

/* The kernel passes unknown words of its command line to init. */
static bool has_word(char **words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	uint8_t ready[CHANNEL_READY_WINDOWED] = {CHANNEL_VERSION};
	int signals = watch_children();
	struct failure failure = {0};

	(void)argc;
	if (job_file_read(&job))
		root_set_up(&job, &failure);
	else
		failure = (struct failure){CHANNEL_FILES_FAILED, ENOSPC};
	system_set_up(&job);
	channel = link_open();
	/* For tests: data in frames, as on a kernel that does not tell physical addresses. */
	if (!has_word(argv, "mayfly_inline"))
		window = link_make_window(ready);
	link_greet(ready, window ? sizeof(ready) : 1);
	if (failure.error)
		finish(failure.kind, failure.error);
	set_up_network();
	start_workload();
	run(signals);
	out_write(&job);
	if (WIFSIGNALED(work.status))
		finish(CHANNEL_KILLED, WTERMSIG(work.status));
	finish(CHANNEL_EXITED, WEXITSTATUS(work.status));
}
