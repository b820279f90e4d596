#include "lockdown.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fdplan.h"
#include "gate.h"
#include "jail.h"
#include "sysfilter.h"

bool lockdown_begin(struct problem *problem)
{
	int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return problem_set(problem, "cannot read /proc/self/task: %s (mount /proc)",
				   strerror(errno));
	return fd_place(fd, FD_TASKS, "/proc/self/task", problem);
}

/* Opens every thread's status file now: under the filter nothing can be opened. Some kernels add
 * a thread of KVM's own, which must be sealed too. */
static bool open_statuses(unsigned threads, unsigned *found, struct problem *problem)
{
	DIR *tasks = fdopendir(FD_TASKS);
	struct dirent *entry;
	bool opened = tasks != NULL;

	while (opened && (entry = readdir(tasks))) {
		struct problem path; /* any text will do */

		if (entry->d_name[0] == '.')
			continue;
		problem_set(&path, "%s/status", entry->d_name);
		opened = *found < FD_STATUS_COUNT &&
			 fd_place(openat(FD_TASKS, path.text, O_RDONLY | O_CLOEXEC),
				  FD_STATUS + (int)*found, path.text, problem);
		++*found;
	}
	if (tasks)
		closedir(tasks); /* and FD_TASKS */
	return (opened && *found >= threads) ||
	       problem_set(problem,
			   "found %u threads of %u before lockdown (this is a bug of mayfly's: "
			   "please report it)",
			   *found, threads);
}

/* What a thread's status file says. */
struct status {
	bool filtered, no_new_privileges;
	unsigned filters; /* 0: it does not say (Linux 5.8 and older) */
};

static unsigned number_after(const char *text, const char *label)
{
	const char *found = strstr(text, label);
	unsigned number = 0;

	if (found)
		for (found += strlen(label); *found >= '0' && *found <= '9'; found++)
			number = number * 10 + (unsigned)(*found - '0');
	return number;
}

/* Read in pieces: a user's groups alone may take more than a page. Each piece begins with the end of
 * the last, so that no line is cut. */
static struct status read_status(int fd)
{
	enum { OVERLAP = 64, PIECE = 4096 };
	char text[OVERLAP + PIECE + 1] = "";
	struct status status = {0};
	size_t kept = 0;
	ssize_t size;

	while ((size = read(fd, text + kept, PIECE)) > 0) {
		size_t length = kept + (size_t)size;
		unsigned filters;

		text[length] = '\0';
		status.filtered |= strstr(text, "\nSeccomp:\t2\n") != NULL;
		status.no_new_privileges |= strstr(text, "\nNoNewPrivs:\t1\n") != NULL;
		filters = number_after(text, "\nSeccomp_filters:\t");
		status.filters = filters ? filters : status.filters;
		kept = length < OVERLAP ? length : OVERLAP;
		memmove(text, text + length - kept, kept);
	}
	return status;
}

/* Our threads have as many filters as the first one of them, which is the main thread; KVM's own has one less. */
static bool is_sealed(unsigned threads, unsigned found)
{
	struct status first = read_status(FD_STATUS);
	bool sealed = first.filtered && first.no_new_privileges && first.filters != 1;
	unsigned alike = 1;

	for (unsigned i = 1; i < found; i++) {
		struct status status = read_status(FD_STATUS + (int)i);

		sealed = sealed && status.filtered && status.no_new_privileges;
		alike += status.filters == first.filters;
	}
	return sealed && alike >= threads;
}

static bool put_in_force(struct gate *gate, const struct sock_fprog *all,
			 const struct sock_fprog *own, struct problem *problem)
{
	if (!sysfilter_install(all, problem) || !gate_seal(gate, problem))
		return false;
	return sysfilter_narrow(own) ||
	       problem_set(problem, "cannot narrow the seccomp filter: %s (allow seccomp(2))",
			   strerror(errno));
}

bool lockdown_install(struct gate *gate, struct jail *jail, const struct sock_fprog *program,
		      struct sysfilter *all, lockdown_t *lockdown, struct problem *problem)
{
	unsigned threads = gate->started + 1, found = 0;
	struct sock_fprog everyones;

	sysfilter_allow_narrowing(all); /* which the narrow ones forbid */
	if (!sysfilter_compile(all, &everyones, problem) ||
	    !open_statuses(threads, &found, problem))
		return false;
	/* After this, names cannot be opened any more, not even those in a directory that is open. */
	if (!jail_enter_thread(jail) && !jail_lacks_landlock(jail, errno, problem))
		return false;
	if (!jail_limit(jail, threads, problem) ||
	    !put_in_force(gate, &everyones, program, problem))
		return false;
	if (!is_sealed(threads, found))
		return problem_set(problem,
				   "a thread is not under the seccomp filters (the kernel's "
				   "/proc/self/status says so; the VM is not started)");
	*lockdown = (lockdown_t){.in_force = true};
	return true;
}
