#include "sandbox/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's limit on instructions; the outer filter has 142. */
#define FILTER_MAX 4096

#define NO_CONTEXT (-4096) /* not an errno: libseccomp has no context */

static int add_rule(void *context, const struct sysfilter_rule *rule)
{
	struct scmp_arg_cmp args[SYSFILTER_CONDITIONS];

	for (unsigned i = 0; i < rule->conditions; i++) {
		const struct sysfilter_condition *is = &rule->condition[i];

		args[i] = SCMP_CMP(is->argument, SCMP_CMP_MASKED_EQ, is->mask, is->value);
	}
	return seccomp_rule_add_exact_array(context, SCMP_ACT_ALLOW, rule->nr, rule->conditions,
					    args);
}

/* Differs from the build machine's when mayfly is cross-built. */
static int choose_architecture(void *context)
{
	int error;

	if (seccomp_arch_native() == ARCH_AUDIT)
		return 0;
	error = seccomp_arch_add(context, ARCH_AUDIT);
	return error ? error : seccomp_arch_remove(context, seccomp_arch_native());
}

/* 0 or a negative errno. */
static int fill(void *context, const struct sysfilter *filter)
{
	/* Calls of another architecture (x32, i386) die like every other call. */
	int error = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (!error)
		error = choose_architecture(context);
	for (unsigned i = 0; i < filter->count && !error; i++)
		error = add_rule(context, &filter->rule[i]);
	return filter->full ? -E2BIG : error;
}

/* libseccomp exports its program to a file only. The context is freed before the filter is in
 * force, because free() may call munmap, which is forbidden then. seccomp_load() is no use for the
 * same reason. */
static int export(const struct sysfilter *filter, struct sock_filter *code, size_t size)
{
	void *context = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int error = context ? fill(context, filter) : NO_CONTEXT;
	int fd = memfd_create("filter", MFD_CLOEXEC);
	ssize_t length = 0;

	if (!error)
		error = fd < 0 ? -errno : seccomp_export_bpf(context, fd);
	if (!error)
		length = pread(fd, code, size, 0);
	if (fd >= 0)
		close(fd);
	if (context)
		seccomp_release(context);
	if (error)
		return error;
	if (length <= 0 || (size_t)length == size)
		return -EMSGSIZE;
	return (int)((size_t)length / sizeof(*code));
}

bool sysfilter_compile(const struct sysfilter *filter, struct sock_fprog *program,
		       struct problem *problem)
{
	static struct sock_filter code[FILTER_MAX];
	int length = export(filter, code, sizeof(code));

	*program = (struct sock_fprog){(unsigned short)length, code};
	if (length == NO_CONTEXT)
		return problem_set(
			problem, "cannot make a seccomp filter (Linux 4.14 with "
				 "CONFIG_SECCOMP_FILTER=y is needed; a container's own filter must "
				 "allow seccomp(2))");
	return length >= 0 ||
	       problem_set(problem,
			   "cannot make the seccomp filter: %s (this is a bug in mayfly: please "
			   "report it)",
			   strerror(-length));
}

bool sysfilter_install(const struct sock_fprog *program, struct problem *problem)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return problem_set(problem, "cannot set no_new_privs: %s (allow prctl(2))",
				   strerror(errno));
	long refused =
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, program);
	if (refused == 0)
		return true;
	/* A positive result is the thread that refused the filter. */
	return problem_set(problem,
			   "cannot install the seccomp filter: %s (a container's own filter may "
			   "forbid it: allow seccomp(2) there)",
			   refused < 0 ? strerror(errno) : "a thread refused it");
}

bool sysfilter_narrow(const struct sock_fprog *program)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) == 0;
}

bool sysfilter_seal(const struct sysfilter *filter, struct problem *problem)
{
	struct sock_fprog program;

	return sysfilter_compile(filter, &program, problem) && sysfilter_install(&program, problem);
}
