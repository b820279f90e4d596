#include "fdplan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
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
			   "cannot open %s: %s (raise the limit on open files to 256: "
			   "ulimit -n 256)",
			   what, strerror(error));
}

bool fd_event(int place, struct problem *problem)
{
	return fd_place(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), place, "an eventfd", problem);
}
