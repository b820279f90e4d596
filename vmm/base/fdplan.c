#include "base/fdplan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

bool fd_place(int fd, int place, const char *what, struct problem *problem)
{
	int error = errno;

	if (fd >= 0 && dup3(fd, place, O_CLOEXEC) >= 0) {
		close(fd);
		return true;
	}
	if (fd >= 0) {
		error = errno;
		close(fd);
	}
	return problem_set(problem,
			   "cannot open %s: %s (raise the limit on open files to %d: "
			   "ulimit -n %d)",
			   what, strerror(error), FD_LIMIT, FD_LIMIT);
}

void fd_make_room(void)
{
	close(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, FD_END - 1));
}

bool fd_event(int place, struct problem *problem)
{
	return fd_place(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), place, "an eventfd", problem);
}

bool fd_blocking_event(int place, struct problem *problem)
{
	return fd_place(eventfd(0, EFD_CLOEXEC), place, "an eventfd", problem);
}

static bool is_kept(int fd, const int *keep, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (keep[i] == fd)
			return true;
	return false;
}

static void close_from(int first, int last)
{
	if (syscall(SYS_close_range, first, last, 0) == 0)
		return;
	for (int fd = first; fd <= last && fd < 4096; fd++) /* Linux 5.8 and older */
		close(fd);
}

/* Closes the gaps between the descriptors in KEEP. */
static void close_gaps(const int *keep, unsigned count)
{
	int first = 3, last = 0;

	for (unsigned i = 0; i < count; i++)
		last = keep[i] > last ? keep[i] : last;
	for (int fd = first; fd <= last; fd++)
		if (is_kept(fd, keep, count)) {
			if (first < fd)
				close_from(first, fd - 1);
			first = fd + 1;
		}
	close_from(first, INT_MAX);
}

/* To be called before any descriptor is moved: later, a number might be that of our own copy. */
static bool are_open_once(const int *keep, unsigned count, struct problem *problem)
{
	for (unsigned i = 0; i < count; i++) {
		if (is_kept(keep[i], keep, i))
			return problem_set(problem,
					   "descriptor %d is given twice (open one for each queue)",
					   keep[i]);
		if (fcntl(keep[i], F_GETFD) < 0)
			return problem_set(problem,
					   "cannot use descriptor %d: %s (open it for mayfly)",
					   keep[i], strerror(errno));
	}
	return true;
}

bool fd_close_others(int *keep, unsigned count, struct problem *problem)
{
	if (!are_open_once(keep, count, problem))
		return false;
	close_gaps(keep, count);
	for (unsigned i = 0; i < count; i++) {
		int moved = fcntl(keep[i], F_DUPFD_CLOEXEC, FD_END);

		if (moved < 0)
			return problem_set(problem,
					   "cannot move descriptor %d: %s (raise the limit on open "
					   "files: ulimit -n)",
					   keep[i], strerror(errno));
		close(keep[i]);
		keep[i] = moved;
	}
	return true;
}
