/* Seals the process that unpacks: descriptors, limits, Landlock, seccomp. */
#include "outbox/unpack.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "base/sysfilter.h"
#include "sandbox/capabilities.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

/* The rights that unpack() needs below a target's directory. It renames only inside one directory,
 * which does not need REFER. */
#define RIGHTS                                                         \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SYM |   \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE)

static bool refused(const char *what, struct problem *problem)
{
	return problem_set(problem,
			   "cannot shut in what unpacks files: %s: %s (a container's own filter "
			   "may forbid it: allow that call there)",
			   what, strerror(errno));
}

static bool add_rules(int ruleset, const struct unpack_target *targets, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct landlock_path_beneath_attr rule = {.allowed_access = RIGHTS,
							  .parent_fd = targets[i].parent_fd};

		if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) <
		    0)
			return false;
	}
	return true;
}

static bool enter_landlock(const struct unpack_target *targets, unsigned count,
			   struct problem *problem)
{
	unsigned version = landlock_version();

	if (!version)
		return true;
	int ruleset = landlock_deny_all(version);
	bool done = ruleset >= 0 && add_rules(ruleset, targets, count) &&
		    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && landlock_enter(ruleset);
	if (!done)
		refused("Landlock", problem);
	if (ruleset >= 0)
		close(ruleset);
	return done;
}

static bool keep_descriptors(struct unpack_target *targets, unsigned count, int *archive, int *go,
			     struct problem *problem)
{
	int keep[UNPACK_TARGETS_MAX + 2];

	/* Without standard error, descriptors 0 and 1 stay: no file may get these numbers. */
	dup2(STDERR_FILENO, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	for (unsigned i = 0; i < count; i++)
		keep[i] = targets[i].parent_fd;
	keep[count] = *archive;
	keep[count + 1] = *go;
	if (!fd_close_others(keep, count + 2, problem))
		return false;
	for (unsigned i = 0; i < count; i++)
		targets[i].parent_fd = keep[i];
	*archive = keep[count];
	*go = keep[count + 1];
	return true;
}

/* A write beyond the limit fails (EFBIG) and kills nobody. Standard error may be a file, so its
 * size counts on top. */
static bool limit_files(uint64_t limit, struct problem *problem)
{
	struct stat stat;
	uint64_t size = fstat(STDERR_FILENO, &stat) == 0 ? (uint64_t)stat.st_size : 0;
	struct rlimit files, wanted;

	if (getrlimit(RLIMIT_FSIZE, &files) < 0)
		return refused("getrlimit", problem);
	wanted.rlim_cur = wanted.rlim_max = limit + size + sizeof(struct problem) * 8;
	if (wanted.rlim_cur < limit || wanted.rlim_cur > files.rlim_max)
		wanted = (struct rlimit){files.rlim_cur, files.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	return setrlimit(RLIMIT_FSIZE, &wanted) == 0 || refused("setrlimit", problem);
}

static bool enter_filter(int archive, int go, struct problem *problem)
{
	static const int calls[] = {
		SYS_openat,                   /* from directory to directory; files are made, … */
		SYS_write,                    /* … filled (and report() writes), … */
		SYS_close,      SYS_renameat, /* … and put in their places */
		SYS_mkdirat,    SYS_symlinkat, SYS_unlinkat, /* incomplete files */
		SYS_exit_group,
	};
	static struct sysfilter filter;

	sysfilter_allow_fd(&filter, SYS_read, go);
	sysfilter_allow_fd(&filter, SYS_recvfrom, go);    /* is mayfly still there? */
	sysfilter_allow_pathless(&filter, SYS_utimensat); /* Landlock has no right for times */
	sysfilter_allow_fd(&filter, SYS_pread64, archive);
	sysfilter_allow_fd(&filter, SYS_lseek, archive); /* its size */
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		sysfilter_allow(&filter, calls[i]);
	return sysfilter_seal(&filter, problem);
}

bool unpack_seal(struct unpack_target *targets, unsigned count, int *archive, int *go,
		 uint64_t limit, struct problem *problem)
{
	setsid(); /* fails for a session's leader, which is alone in its session */
	/* If root started us, files can be made wherever root may; no other right of root stays. */
	if (!capabilities_keep(1ull << CAP_DAC_OVERRIDE))
		return refused("capset", problem);
	return keep_descriptors(targets, count, archive, go, problem) &&
	       limit_files(limit, problem) && enter_landlock(targets, count, problem) &&
	       enter_filter(*archive, *go, problem);
}
