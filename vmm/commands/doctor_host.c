/* The checks that are not KVM's: the kernel, limits, memory, NICs, confinement. */
#include "commands/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/facts.h"
#include "base/fdplan.h"

#define MEMORY_NEEDED_KIB (256u << 10) /* for a guest without -m */

void doctor_check_kernel(struct doctor *doctor)
{
	struct utsname name;

	uname(&name);
	if (facts_is_release(name.release, 5, 3))
		doctor_find(doctor, FINDING_OK, NULL, "Linux %s", name.release);
	else
		doctor_find(doctor, FINDING_FAIL, "use a newer kernel",
			    "Linux %s is older than 5.3", name.release);
}

void doctor_check_proc(struct doctor *doctor)
{
	if (access("/proc/self/task", R_OK) == 0)
		doctor_find(doctor, FINDING_OK, NULL, "mounted");
	else
		doctor_find(doctor, FINDING_FAIL, "mount -t proc proc /proc",
			    "cannot read /proc/self/task: %s", strerror(errno));
}

void doctor_check_seccomp(struct doctor *doctor)
{
	const uint32_t kill = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kill) == 0)
		doctor_find(doctor, FINDING_OK, NULL, "filters can kill the process");
	else
		doctor_find(doctor, FINDING_FAIL,
			    "use a kernel with CONFIG_SECCOMP_FILTER, outside of what forbids "
			    "seccomp(2)",
			    "no filters: %s", strerror(errno));
}

/* --- limits --- */

static const struct limit {
	const char *what;
	int resource;
	enum finding finding; /* if the limit is too low */
	rlim_t needed;
	const char *unit; /* after the number */
	unsigned shift;   /* shift of the number, for that unit */
	const char *mend;
} limits[] = {
	{"open files", RLIMIT_NOFILE, FINDING_FAIL, FD_LIMIT, "", 0,
	 "ulimit -n 512; root can raise the hard limit"},
	{"address space", RLIMIT_AS, FINDING_WARN, RLIM_INFINITY, " MiB", 20,
	 "a guest's whole memory must fit: ulimit -v unlimited"},
	{"processes and threads", RLIMIT_NPROC, FINDING_INFO, 0, "", 0, NULL},
	{"locked memory", RLIMIT_MEMLOCK, FINDING_INFO, 0, " KiB", 10, NULL},
};

_Static_assert(FD_LIMIT == 512, "the fix says so");

static void check_limit(struct doctor *doctor, const struct limit *limit)
{
	enum finding good = limit->finding == FINDING_INFO ? FINDING_INFO : FINDING_OK;
	struct rlimit now;

	if (getrlimit(limit->resource, &now) < 0)
		return;
	bool enough = now.rlim_cur >= limit->needed;
	if (now.rlim_cur == RLIM_INFINITY)
		doctor_find(doctor, good, NULL, "%s: unlimited", limit->what);
	else
		doctor_find(doctor, enough ? good : limit->finding, enough ? NULL : limit->mend,
			    "%s: at most %llu%s", limit->what,
			    (unsigned long long)now.rlim_cur >> limit->shift, limit->unit);
}

void doctor_check_limits(struct doctor *doctor)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		check_limit(doctor, &limits[i]);
}

/* --- memory --- */

void doctor_check_memory(struct doctor *doctor)
{
	char text[4096], mode[16];
	uint64_t available;

	if (doctor_read("/proc/meminfo", text, sizeof(text)) &&
	    facts_number(text, "MemAvailable", &available)) {
		bool enough = available >= MEMORY_NEEDED_KIB;

		doctor_find(doctor, enough ? FINDING_OK : FINDING_WARN,
			    enough ? NULL : "free some, or give guests less with -m",
			    "%llu MiB available", (unsigned long long)available >> 10);
	}
	if (doctor_read("/proc/sys/vm/overcommit_memory", mode, sizeof(mode)) && mode[0] == '2')
		doctor_find(doctor, FINDING_WARN, "sysctl vm.overcommit_memory=0",
			    "vm.overcommit_memory is 2: all of a guest's memory counts as used");
}

void doctor_check_pages(struct doctor *doctor)
{
	char text[4096], mode[64];
	uint64_t pages = 0;

	doctor_read("/sys/kernel/mm/transparent_hugepage/enabled", mode, sizeof(mode));
	facts_choice(mode);
	doctor_read("/proc/meminfo", text, sizeof(text));
	facts_number(text, "HugePages_Total", &pages);
	doctor_find(doctor, FINDING_INFO, NULL, "transparent: %s; reserved: %llu",
		    mode[0] ? mode : "no", (unsigned long long)pages);
}

/* --- NICs --- */

static const char make_taps[] = "to use a NIC, as root: ip tuntap add dev tap0 mode tap user $USER";

void doctor_check_tun(struct doctor *doctor)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0) {
		close(fd);
		doctor_find(doctor, FINDING_OK, NULL, "may be used");
		return;
	}
	bool permission = errno == EACCES || errno == EPERM;
	doctor_find(doctor, FINDING_WARN,
		    permission ? "to use a NIC, as root: chmod 666 /dev/net/tun"
			       : "to use a NIC: modprobe tun",
		    "%s", strerror(errno));
}

void doctor_check_taps(struct doctor *doctor)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};

	if (syscall(SYS_capget, &header, data) == 0 && (data[0].effective & 1u << CAP_NET_ADMIN))
		doctor_find(doctor, FINDING_OK, NULL, "can be made (CAP_NET_ADMIN)");
	else
		doctor_find(doctor, FINDING_WARN, make_taps,
			    "must be made beforehand: this user has no CAP_NET_ADMIN");
}

/* --- confinement --- */

void doctor_check_landlock(struct doctor *doctor)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (version > 0)
		doctor_find(doctor, FINDING_INFO, NULL, "ABI %d", (int)version);
	else
		doctor_find(doctor, FINDING_INFO, NULL, "not offered: %s", strerror(errno));
}

/* Settings that forbid user namespaces, to all users or to all but root. */
static const struct {
	const char *path;
	char forbids;
	const char *mend;
} settings[] = {
	{"/proc/sys/user/max_user_namespaces", '0', "sysctl user.max_user_namespaces=10000"},
	{"/proc/sys/kernel/unprivileged_userns_clone", '0',
	 "sysctl kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
	 "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
};

static const char *forbidding_setting(void)
{
	char value[16];

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (doctor_read(settings[i].path, value, sizeof(value)) &&
		    value[0] == settings[i].forbids)
			return settings[i].mend;
	return NULL;
}

/* The errno of unshare(2), or 0. In a child process, because there is no way back. */
static int try_namespace(void)
{
	int status = 0;
	pid_t child = fork();

	if (child < 0)
		return errno;
	if (child == 0)
		_exit(unshare(CLONE_NEWUSER) == 0 ? 0 : errno);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

void doctor_check_namespaces(struct doctor *doctor)
{
	int error = try_namespace();
	const char *mend = geteuid() != 0 || error ? forbidding_setting() : NULL;

	if (error)
		doctor_find(doctor, FINDING_INFO, mend, "refused: %s", strerror(error));
	else
		doctor_find(doctor, FINDING_INFO, mend,
			    mend ? "can be made, but are restricted" : "can be made");
}
