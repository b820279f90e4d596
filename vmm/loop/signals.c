#include "loop/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdplan.h"

enum { ENDING_SIGNALS = 4, PATIENCE = 3 /* signals that ask for the end */ };

/* The first four end mayfly in an orderly way, or ask the workload to end. SIGPIPE is not here:
 * write fails with EPIPE. */
static const int watched[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

/* Users who start us under nohup mean it. A blocked signal would reach the signalfd even so. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static bool open_signals(bool workload, struct problem *problem)
{
	unsigned count = workload ? sizeof(watched) / sizeof(watched[0]) : ENDING_SIGNALS;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGXCPU);
	for (unsigned i = 0; i < count; i++)
		if (!is_ignored(watched[i]))
			sigaddset(&set, watched[i]);
	if (!fd_place(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), FD_SIGNALS, "a signalfd",
		      problem))
		return false;
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return true;
}

/* A pidfd, because PR_SET_PDEATHSIG watches the parent's thread, and threads come and go. A parent
 * outside our PID namespace (0) or init (1) cannot be watched, and need not be. */
static bool open_parent(struct signals *signals, struct problem *problem)
{
	pid_t parent = getppid();
	int fd;

	if (parent <= 1)
		return true;
	fd = (int)syscall(SYS_pidfd_open, parent, 0);
	if ((fd < 0 && errno == ESRCH) || getppid() != parent) {
		ending_set(signals->ending, END_SIGNAL, SIGHUP, NULL);
		return true;
	}
	if (fd < 0) /* Linux 5.2 and older, or a container: nothing is watched */
		return true;
	signals->has_parent = true;
	return fd_place(fd, FD_PARENT, "the parent's pidfd", problem);
}

bool signals_open(struct signals *signals, struct problem *problem)
{
	return open_signals(signals->channel != NULL, problem) && open_parent(signals, problem);
}

static int read_signal(void)
{
	struct signalfd_siginfo info;

	return read(FD_SIGNALS, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

static bool asks_for_the_end(int number)
{
	for (unsigned i = 0; i < ENDING_SIGNALS; i++)
		if (watched[i] == number)
			return true;
	return false;
}

/* True if the workload decides what the signal does: the workload runs, and this is not the third
 * signal. */
static bool forward(struct signals *signals, int number)
{
	if (ending_cause(signals->ending) != END_NONE || !signals->channel ||
	    !signals->channel->state.ready || signals->deadlines->limits.grace == 0 ||
	    ++signals->count == PATIENCE)
		return false;
	channel_signal(signals->channel, number);
	deadlines_signal(signals->deadlines, number);
	return true;
}

static void resize(struct signals *signals)
{
	uint16_t rows, columns;

	if (signals->terminal->raw && terminal_size(&rows, &columns))
		channel_resize(signals->channel, rows, columns);
}

int signals_take(struct signals *signals, bool signalled, bool orphaned)
{
	int number = signalled ? read_signal() : 0;

	if (orphaned)
		return SIGHUP;
	if (number == SIGXCPU) {
		ending_set(signals->ending, END_CPU_TIME, 0, NULL);
		signals->cpu_time_up = true;
		return 0;
	}
	if (number == SIGWINCH) {
		resize(signals);
		return 0;
	}
	if (number && !asks_for_the_end(number)) {
		channel_signal(signals->channel, number);
		return 0;
	}
	return number && forward(signals, number) ? 0 : number;
}

int signals_take_end(void)
{
	int number = read_signal();

	if (number == SIGXCPU)
		return -1;
	return asks_for_the_end(number) ? number : 0;
}
