#include "lockdown.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fdplan.h"

/* Opens every thread's status file now: under the filter nothing can be opened. Some kernels add
 * a thread of KVM's own, which must be sealed too. */
static bool open_statuses(unsigned threads, unsigned *found, struct problem *problem)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;

	if (!tasks)
		return problem_set(problem, "cannot read /proc/self/task: %s (mount /proc)",
				   strerror(errno));
	while ((entry = readdir(tasks))) {
		struct problem path; /* any text will do */

		if (entry->d_name[0] == '.')
			continue;
		problem_set(&path, "/proc/self/task/%s/status", entry->d_name);
		if (!fd_place(open(path.text, O_RDONLY | O_CLOEXEC), FD_STATUS + (int)*found,
			      path.text, problem)) {
			closedir(tasks);
			return false;
		}
		++*found;
	}
	closedir(tasks);
	if (*found < threads || *found > FD_STATUS_COUNT)
		return problem_set(problem,
				   "found %u threads of %u before lockdown (this is a bug of "
				   "mayfly's: please report it)",
				   *found, threads);
	return true;
}

/* Read in pieces: a user's groups alone may take more than a page. Each piece begins with the end of
 * the last, so that no line is cut. */
static bool status_is_sealed(int fd)
{
	enum { OVERLAP = 64, PIECE = 4096 };
	char text[OVERLAP + PIECE + 1] = "";
	bool filtered = false, no_new_privileges = false;
	size_t kept = 0;
	ssize_t size;

	while ((size = read(fd, text + kept, PIECE)) > 0) {
		size_t length = kept + (size_t)size;

		text[length] = '\0';
		filtered |= strstr(text, "\nSeccomp:\t2\n") != NULL;
		no_new_privileges |= strstr(text, "\nNoNewPrivs:\t1\n") != NULL;
		kept = length < OVERLAP ? length : OVERLAP;
		memmove(text, text + length - kept, kept);
	}
	return filtered && no_new_privileges;
}

bool lockdown_install(struct sysfilter *filter, unsigned threads, lockdown_t *lockdown,
		      struct problem *problem)
{
	unsigned found = 0;

	if (!open_statuses(threads, &found, problem))
		return false;
	sysfilter_allow_fds(filter, SYS_read, FD_STATUS, FD_STATUS_COUNT); /* the proof below */
	sysfilter_allow(filter, SYS_exit_group);                           /* the way out */
	sysfilter_allow_fd(filter, SYS_write, STDERR_FILENO);              /* report() */
	if (!sysfilter_install(filter, problem))
		return false;
	for (unsigned i = 0; i < found; i++)
		if (!status_is_sealed(FD_STATUS + (int)i))
			return problem_set(problem,
					   "a thread is not under the seccomp filter (the kernel's "
					   "/proc/self/status says so; the VM is not started)");
	*lockdown = (lockdown_t){.in_force = true};
	return true;
}
