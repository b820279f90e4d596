#include "outbox/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "outbox/unpack.h"

_Static_assert(OUTS_MAX <= UNPACK_TARGETS_MAX, "every -o has a target");

/* The child's life. A byte from mayfly starts the work; a byte from the child says how it went. If
 * mayfly closes its end, there is no work. */
_Noreturn static void serve(struct unpack_target *targets, unsigned count, int archive, int pair,
			    uint64_t limit)
{
	struct problem problem;
	char byte = 0;

	if (!unpack_seal(targets, count, &archive, &pair, limit, &problem)) {
		problem_report(&problem);
		_exit(1);
	}
	if (write(pair, "r", 1) != 1 || read(pair, &byte, 1) != 1)
		_exit(0);
	bool unpacked = unpack_while(pair, archive, targets, count, limit, &problem);
	if (!unpacked && problem.what[0])
		problem_report(&problem);
	byte = unpacked ? 'y' : 'n';
	_exit(write(pair, &byte, 1) == 1 ? 0 : 1);
}

static bool start_child(struct unpack_target *targets, const struct options *options, int archive,
			struct problem *problem)
{
	int pair[2], ready;
	sigset_t all, old;
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return problem_set(problem, "cannot make a socket pair: %s (ulimit -n)",
				   strerror(errno));
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid_t child = fork();
	if (child == 0) {
		close(pair[0]); /* otherwise the child would never see the end */
		serve(targets, options->job.outs, archive, pair[1], options->job.out_limit);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(pair[1]);
	if (child < 0)
		return problem_set(problem, "cannot fork: %s (ulimit -u)", strerror(errno));
	ready = read(pair[0], &byte, 1) == 1;
	if (!ready)
		return problem_set(problem, "cannot take files out of a guest here (leave out -o)");
	return fd_place(pair[0], FD_OUTBOX, "a socket", problem);
}

bool outbox_open(const struct options *options, int archive, struct problem *problem)
{
	static struct unpack_target targets[OUTS_MAX];
	unsigned count = options->job.outs;

	for (unsigned i = 0; i < count; i++) {
		targets[i].guest_path = options->job.out[i].guest;
		targets[i].host_path = options->job.out[i].path;
	}
	if (!unpack_open(targets, count, problem))
		return false;
	bool started = start_child(targets, options, archive, problem);
	unpack_close(targets, count);
	return started;
}

int outbox_unpack(const struct ioloop *loop)
{
	char byte = 0;

	if (write(FD_OUTBOX, "g", 1) != 1)
		return OUTBOX_DIED;
	int sooner = ioloop_await(loop, FD_OUTBOX, POLLIN);
	if (sooner)
		return sooner;
	if (read(FD_OUTBOX, &byte, 1) != 1)
		return OUTBOX_DIED;
	return byte == 'y' ? OUTBOX_DONE : OUTBOX_FAILED;
}

void outbox_allow(struct sysfilter *filter)
{
	sysfilter_allow_fd(filter, SYS_write, FD_OUTBOX); /* start … */
	sysfilter_allow_fd(filter, SYS_read, FD_OUTBOX);  /* … and result */
}
