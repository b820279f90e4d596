#include "sandbox/lockdown.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "base/file.h"
#include "base/text.h"
#include "sandbox/gate.h"
#include "sandbox/jail.h"
#include "sandbox/outer.h"
#include "sandbox/seccomp.h"

bool lockdown_begin(struct problem *problem)
{
	int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return problem_set(problem, "cannot read /proc/self/task: %s (mount /proc)",
				   strerror(errno));
	return fd_place(fd, FD_TASKS, "/proc/self/task", problem);
}

/* Opens every thread's status file now: under the filter nothing can be opened. Some kernels add a
 * KVM thread, which must be sealed too. */
static bool open_statuses(unsigned threads, unsigned *found, struct problem *problem)
{
	DIR *tasks = fdopendir(FD_TASKS);
	struct dirent *entry;
	bool opened = tasks != NULL;

	while (opened && (entry = readdir(tasks))) {
		struct text path;

		if (entry->d_name[0] == '.')
			continue;
		text_set(&path, "%s/status", entry->d_name);
		opened = *found < FD_STATUS_COUNT &&
			 fd_place(openat(FD_TASKS, path.text, O_RDONLY | O_CLOEXEC),
				  FD_STATUS + (int)*found, path.text, problem);
		++*found;
	}
	if (tasks)
		closedir(tasks); /* closes FD_TASKS, too */
	return (opened && *found >= threads) ||
	       problem_set(problem,
			   "found %u threads of %u before lockdown (this is a bug in mayfly: "
			   "please report it)",
			   *found, threads);
}

/* Fields of a thread's status file. */
enum { MODE, NO_NEW_PRIVILEGES, FILTERS /* 0: not there (Linux 5.8 and older) */, NUMBERS };

struct status {
	uint64_t number[NUMBERS];
};

static struct status read_status(int fd)
{
	static const char *const names[NUMBERS] = {"\nSeccomp:\t", "\nNoNewPrivs:\t",
						   "\nSeccomp_filters:\t"};
	struct status status = {{0}};

	file_read_numbers(fd, NUMBERS, names, status.number);
	return status;
}

static bool is_filtered(const struct status *status)
{
	return status->number[MODE] == SECCOMP_MODE_FILTER &&
	       status->number[NO_NEW_PRIVILEGES] == 1;
}

/* Our threads have as many filters as the main thread, which comes first. KVM's thread has one
 * less. */
static bool is_sealed(unsigned threads, unsigned found)
{
	struct status first = read_status(FD_STATUS);
	bool sealed = is_filtered(&first) && first.number[FILTERS] != 1;
	unsigned alike = 1;

	for (unsigned i = 1; i < found; i++) {
		struct status status = read_status(FD_STATUS + (int)i);

		sealed = sealed && is_filtered(&status);
		alike += status.number[FILTERS] == first.number[FILTERS];
	}
	return sealed && alike >= threads;
}

static bool put_in_force(struct gate *gate, const struct sock_fprog *own, struct problem *problem)
{
	const struct sock_fprog outer = outer_program();

	if (!sysfilter_install(&outer, problem) || !gate_seal(gate, problem))
		return false;
	return sysfilter_narrow(own) ||
	       problem_set(problem, "cannot narrow the seccomp filter: %s (allow seccomp(2))",
			   strerror(errno));
}

bool lockdown_install(struct gate *gate, struct jail *jail, const struct sock_fprog *program,
		      lockdown_t *lockdown, struct problem *problem)
{
	unsigned threads = gate->started + 1, found = 0;

	if (!open_statuses(threads, &found, problem))
		return false;
	/* After this no name can be opened, not even in an open directory. */
	if (!jail_enter_thread(jail) && !jail_lacks_landlock(jail, errno, problem))
		return false;
	if (!jail_limit(jail, threads, problem) || !put_in_force(gate, program, problem))
		return false;
	if (!is_sealed(threads, found))
		return problem_set(problem,
				   "a thread is not under the seccomp filters (the kernel's "
				   "/proc/self/status says so; the VM is not started)");
	*lockdown = (lockdown_t){.in_force = true};
	return true;
}
