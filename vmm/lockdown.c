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

		if (entry->d_name[0] == '.' || *found == FD_STATUS_COUNT)
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
	if (*found < threads)
		return problem_set(problem,
				   "found %u threads of %u before lockdown (this is a bug of "
				   "mayfly's: please report it)",
				   *found, threads);
	return true;
}

static bool status_is_sealed(int fd)
{
	char text[4096];
	ssize_t size = read(fd, text, sizeof(text) - 1);

	if (size <= 0)
		return false;
	text[size] = '\0';
	return strstr(text, "\nSeccomp:\t2\n") && strstr(text, "\nNoNewPrivs:\t1\n");
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
