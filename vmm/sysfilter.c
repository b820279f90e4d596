#include "sysfilter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILTER_MAX 2048 /* instructions; 50 without devices, 720 with eight NICs of eight queues */

bool sysfilter_open(struct sysfilter *filter, struct problem *problem)
{
	*filter = (struct sysfilter){.context = seccomp_init(SCMP_ACT_KILL_PROCESS)};
	if (!filter->context)
		return problem_set(problem,
				   "cannot make a seccomp filter (Linux 4.14 or newer with "
				   "CONFIG_SECCOMP_FILTER=y is needed)");
	/* Wrong-architecture calls (x32, i386) die like every other call. */
	filter->error =
		seccomp_attr_set(filter->context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	return true;
}

static void add(struct sysfilter *filter, int nr, unsigned count, const struct scmp_arg_cmp *args)
{
	if (!filter->error)
		filter->error = seccomp_rule_add_exact_array(filter->context, SCMP_ACT_ALLOW, nr,
							     count, args);
}

/* Descriptors are ints: the upper half of the register is not looked at. */
static struct scmp_arg_cmp fd_is(int first, unsigned count)
{
	return SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX & ~(uint64_t)(count - 1), (uint32_t)first);
}

void sysfilter_allow(struct sysfilter *filter, int nr)
{
	add(filter, nr, 0, NULL);
}

void sysfilter_allow_fd(struct sysfilter *filter, int nr, int fd)
{
	sysfilter_allow_fds(filter, nr, fd, 1);
}

void sysfilter_allow_pathless(struct sysfilter *filter, int nr)
{
	struct scmp_arg_cmp args[] = {SCMP_A1(SCMP_CMP_EQ, 0)};

	add(filter, nr, 1, args);
}

void sysfilter_allow_fds(struct sysfilter *filter, int nr, int first, unsigned count)
{
	struct scmp_arg_cmp args[] = {fd_is(first, count)};

	add(filter, nr, 1, args);
}

void sysfilter_allow_ioctl(struct sysfilter *filter, int first, unsigned count, uint32_t request)
{
	struct scmp_arg_cmp args[] = {
		fd_is(first, count),
		SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, request),
	};

	add(filter, SYS_ioctl, 2, args);
}

/* libseccomp gives its program to a file only. Freed before the filter is in force: free() may call
 * munmap, which is forbidden then; that is also why seccomp_load() is of no use here. */
static int compile(struct sysfilter *filter, struct sock_filter *code, size_t size)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	int error = fd < 0 ? -errno : seccomp_export_bpf(filter->context, fd);
	ssize_t length = error ? 0 : pread(fd, code, size, 0);

	if (fd >= 0)
		close(fd);
	seccomp_release(filter->context);
	filter->context = NULL;
	if (error)
		return error;
	if (length <= 0 || (size_t)length == size)
		return -EMSGSIZE;
	return (int)((size_t)length / sizeof(*code));
}

bool sysfilter_install(struct sysfilter *filter, struct problem *problem)
{
	static struct sock_filter code[FILTER_MAX];
	int length = filter->error ? filter->error : compile(filter, code, sizeof(code));
	struct sock_fprog program = {.len = (unsigned short)length, .filter = code};

	if (length < 0)
		return problem_set(problem,
				   "cannot make the seccomp filter: %s (this is a bug of mayfly's: "
				   "please report it)",
				   strerror(-length));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return problem_set(problem, "cannot set no_new_privs: %s (allow prctl(2))",
				   strerror(errno));
	long refused =
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	if (refused == 0)
		return true;
	/* Positive: the thread that could not be brought under the filter. */
	return problem_set(problem,
			   "cannot install the seccomp filter: %s (a container's own filter may "
			   "forbid it: allow seccomp(2) there)",
			   refused < 0 ? strerror(errno) : "a thread refused it");
}
