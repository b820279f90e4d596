#include "sandbox/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "base/text.h"
#include "sandbox/capabilities.h"
#include "sandbox/landlock.h"

#define USE_AUTO " here, or use --jail=auto"

static const struct layer {
	const char *name, *mend;
	int flag; /* for unshare(2), or 0 */
} layers[JAIL_LAYERS] = {
	[JAIL_USER] = {"user-ns", "allow user namespaces" USE_AUTO, CLONE_NEWUSER},
	[JAIL_ROOT] = {"empty-root", "allow user namespaces, mount all of /proc" USE_AUTO, 0},
	[JAIL_IPC] = {"ipc-ns", "allow it" USE_AUTO, CLONE_NEWIPC},
	[JAIL_NET] = {"net-ns", "allow it" USE_AUTO, CLONE_NEWNET},
	[JAIL_UTS] = {"uts-ns", "allow it" USE_AUTO, CLONE_NEWUTS},
	[JAIL_UID] = {"nobody", "choose another with --uid and --gid, or use --jail=auto", 0},
	[JAIL_CAPABILITIES] = {"no-capabilities", "allow capset(2)" USE_AUTO, 0},
	[JAIL_LANDLOCK] = {"landlock", "enable it with lsm=landlock,…" USE_AUTO, 0},
	[JAIL_LIMITS] = {"limits", "allow setrlimit(2)" USE_AUTO, 0},
};

const char *jail_layer_name(enum jail_layer layer)
{
	return layers[layer].name;
}

bool jail_has(const struct jail *jail, enum jail_layer layer)
{
	return jail->missing[layer] == 0;
}

/* DONE: a system call's success. False if the layer is missing and the mode is strict. */
static bool note(struct jail *jail, enum jail_layer layer, bool done, struct problem *problem)
{
	jail->missing[layer] = done ? 0 : errno;
	if (done || jail->options.mode != JAIL_STRICT)
		return true;
	return problem_set(problem, "--jail=strict: %s cannot be had: %s (%s)", layers[layer].name,
			   strerror(errno), layers[layer].mend);
}

/* --- namespaces --- */

static bool unshare_one(struct jail *jail, enum jail_layer layer, struct problem *problem)
{
	return note(jail, layer, unshare(layers[layer].flag) == 0, problem);
}

/* Enters an empty directory of the kernel. There is no way out without a capability or another open
 * directory. A mount namespace would do the same, but its cost grows with the number of mounts,
 * under a lock that all processes share. */
static bool empty_root(struct jail *jail, struct problem *problem)
{
	struct statfs system;
	bool done = chroot("/proc/tty/ldisc") == 0;
	int error = errno;

	/* In any case, leave the directory that we were started in. */
	done = chdir("/") == 0 && done;
	errno = error;
	/* A file system mounted over it may have any content. */
	if (done && (statfs("/", &system) < 0 || system.f_type != PROC_SUPER_MAGIC)) {
		done = false;
		errno = ENOTDIR;
	}
	return note(jail, JAIL_ROOT, done, problem);
}

/* --- user and capabilities --- */

/* Keeps root's capabilities, because a host may let only root make namespaces. Raises root's limit
 * on processes, which would otherwise count all of nobody's processes. */
static bool become_nobody(const struct jail *jail)
{
	gid_t gid = jail->options.gid;
	uid_t uid = jail->options.uid;
	struct rlimit processes;

	if (getrlimit(RLIMIT_NPROC, &processes) == 0) {
		processes.rlim_cur = processes.rlim_max;
		setrlimit(RLIMIT_NPROC, &processes); /* on failure, it stays low */
	}
	bool done = prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && setgroups(0, NULL) == 0 &&
		    setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0;
	int error = errno;
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	capabilities_raise();
	errno = error;
	return done;
}

/* Only root can become another user, and must. */
static bool enter_user(struct jail *jail, struct problem *problem)
{
	if (geteuid() != 0)
		return !jail->options.other_user ||
		       problem_set(problem,
				   "only root can become another user (leave out --uid and --gid)");
	if (!note(jail, JAIL_UID, become_nobody(jail), problem))
		return false;
	if (!jail->missing[JAIL_UID] || !jail->options.other_user)
		return true;
	return problem_set(problem, "cannot become user %u of group %u: %s (%s)", jail->options.uid,
			   jail->options.gid, strerror(jail->missing[JAIL_UID]),
			   layers[JAIL_UID].mend);
}

/* --- Landlock --- */

static bool make_ruleset(struct jail *jail, struct problem *problem)
{
	int ruleset;

	jail->landlock = landlock_version();
	if (jail->landlock) {
		ruleset = landlock_deny_all(jail->landlock);
		if (ruleset >= 0 && !fd_place(ruleset, FD_RULESET, "a Landlock ruleset", problem))
			return false;
		if (ruleset < 0)
			jail->landlock = 0;
	}
	return note(jail, JAIL_LANDLOCK, jail->landlock != 0, problem);
}

bool jail_enter_thread(const struct jail *jail)
{
	return !jail->landlock || landlock_enter(FD_RULESET);
}

bool jail_lacks_landlock(struct jail *jail, int error, struct problem *problem)
{
	errno = error;
	return note(jail, JAIL_LANDLOCK, false, problem);
}

/* --- all of it --- */

bool jail_enter(struct jail *jail, const struct jail_options *options, struct problem *problem)
{
	*jail = (struct jail){.options = *options};
	for (unsigned layer = 0; layer < JAIL_LAYERS; layer++)
		jail->missing[layer] = -1;
	if (jail->options.mode == JAIL_OFF)
		return true;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return problem_set(problem, "cannot set no_new_privs: %s (allow prctl(2))",
				   strerror(errno));
	if (!make_ruleset(jail, problem) || !enter_user(jail, problem) ||
	    !unshare_one(jail, JAIL_USER, problem) || !empty_root(jail, problem))
		return false;
	for (unsigned layer = JAIL_IPC; layer <= JAIL_UTS; layer++)
		if (!unshare_one(jail, layer, problem))
			return false;
	/* A change of user may make the process dumpable again. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return problem_set(problem, "cannot turn off core dumps: %s (allow prctl(2))",
				   strerror(errno));
	return note(jail, JAIL_CAPABILITIES, capabilities_keep(0), problem);
}

/* --- limits --- */

/* The size of the longest disk: no open file grows beyond it, unless our output is appended to a
 * file. */
static rlim_t longest_file(void)
{
	static const int outputs[] = {STDERR_FILENO, FD_OUT, FD_ERR, FD_LOG, FD_STATS};
	struct stat stat;
	rlim_t longest = 0;

	for (unsigned i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++)
		if (fstat(outputs[i], &stat) == 0 && S_ISREG(stat.st_mode))
			return RLIM_INFINITY;
	for (int fd = FD_DISK; fd < FD_VIRTIO_IRQ; fd++) {
		off_t size = lseek(fd, 0, SEEK_END); /* works for block devices, too */

		if (size > 0 && (rlim_t)size > longest)
			longest = (rlim_t)size;
	}
	return longest;
}

/* Never raises a lower limit that the user has set. */
static bool lower(int resource, rlim_t value)
{
	struct rlimit now;

	/* Some C libraries take an enum, some an int. */
	if (syscall(SYS_prlimit64, 0, resource, NULL, &now) < 0)
		return false;
	now.rlim_cur = now.rlim_cur < value ? now.rlim_cur : value;
	now.rlim_max = now.rlim_max < value ? now.rlim_max : value;
	return syscall(SYS_prlimit64, 0, resource, &now, NULL) == 0;
}

bool jail_limit(struct jail *jail, unsigned threads, struct problem *problem)
{
	if (jail->landlock)
		close(FD_RULESET);
	if (jail->options.mode == JAIL_OFF)
		return true;
	/* Without our own user namespace, all processes of the user count. KVM makes a thread when
	 * the guest begins (Linux 6.14). */
	bool limited =
		!jail_has(jail, JAIL_USER) || lower(RLIMIT_NPROC, threads + jail->companions + 1);

	return note(jail, JAIL_LIMITS,
		    limited && lower(RLIMIT_FSIZE, longest_file()) &&
			    lower(RLIMIT_NOFILE, WAIT_MAX),
		    problem);
}

void jail_report(const struct jail *jail)
{
	struct text has = {0}, lacks = {0};

	for (unsigned i = 0; i < JAIL_LAYERS; i++) {
		struct text *list = jail_has(jail, i) ? &has : &lacks;

		if (jail->missing[i] < 0)
			continue;
		text_add(list, "%s%s", list->length ? ", " : "", layers[i].name);
		if (list == &lacks)
			text_add(list, " (%s)", strerror(jail->missing[i]));
	}
	report("jail: %s%s%s", has.length ? has.text : "none", lacks.length ? "; missing: " : "",
	       lacks.text);
}
