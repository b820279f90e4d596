/* Where the attacks get in: functions of the product's that the linker calls through here
 * (--wrap), so that none of its code knows of them.
 *
 *   mayfly-attack attacks           says what there is: "N NAME SYSCALL" a line, then
 *                                   "landlock VERSION"
 *   mayfly-attack run …             as mayfly; a guest's write to a page behind the virtio slots
 *                                   makes an attack
 *
 * The environment, for a look at the walls behind the first:
 *   MAYFLY_ATTACK_FILTER=off        there are no seccomp filters
 *   MAYFLY_ATTACK_WITHOUT=LAYER…    nor these layers of the jail, as on a host that has none
 *   MAYFLY_ATTACK_DISK, …_FILE      paths: of another VM's disk, and of a file to be made
 */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine/arch.h"
#include "attack.h"
#include "base/fdplan.h"
#include "sandbox/landlock.h"
#include "base/sysfilter.h"
#include "devices/virtio.h"
#include "machine/bus.h"
#include "base/ram.h"
#include "base/text.h"
#include "sandbox/seccomp.h"

/* The page: a number that is written attacks at once, from the vCPU's thread; with this bit,
 * when a device's worker is woken next, from that. */
#define BY_DEVICE 0x100u

int __real_main(int argc, char **argv);
int __wrap_main(int argc, char **argv);
void __real_arch_add_devices(struct bus *bus, struct machine *machine, struct uart *console,
			     struct uart *channel);
void __wrap_arch_add_devices(struct bus *bus, struct machine *machine, struct uart *console,
			     struct uart *channel);
void __real_virtio_await(struct virtio *virtio, int fd);
void __wrap_virtio_await(struct virtio *virtio, int fd);
bool __real_sysfilter_install(const struct sock_fprog *program, struct problem *problem);
bool __wrap_sysfilter_install(const struct sock_fprog *program, struct problem *problem);
bool __real_sysfilter_narrow(const struct sock_fprog *program);
bool __wrap_sysfilter_narrow(const struct sock_fprog *program);
ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);
int __real_unshare(int flags);
int __wrap_unshare(int flags);
int __real_chroot(const char *path);
int __wrap_chroot(const char *path);
unsigned __real_landlock_version(void);
unsigned __wrap_landlock_version(void);
int __real_setgroups(size_t count, const gid_t *list);
int __wrap_setgroups(size_t count, const gid_t *list);
int __real_setrlimit(int resource, const struct rlimit *limit);
int __wrap_setrlimit(int resource, const struct rlimit *limit);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* --- who attacks --- */

static atomic_uint armed;

void __wrap_virtio_await(struct virtio *virtio, int fd)
{
	__real_virtio_await(virtio, fd);
	attack_run(atomic_exchange(&armed, 0));
}

static uint32_t read_page(void *device, unsigned offset, unsigned size)
{
	(void)device, (void)offset, (void)size;
	return atomic_load(&armed);
}

static void write_page(void *device, unsigned offset, unsigned size, uint32_t value)
{
	(void)device, (void)offset, (void)size;
	if (value & BY_DEVICE)
		atomic_store(&armed, value & ~BY_DEVICE);
	else
		attack_run(value);
}

void __wrap_arch_add_devices(struct bus *bus, struct machine *machine, struct uart *console,
			     struct uart *channel)
{
	const struct bus_device page = {
		.space = BUS_MMIO,
		.base = ARCH_VIRTIO + ARCH_VIRTIO_DEVICES * ARCH_VIRTIO_SIZE,
		.size = ARCH_VIRTIO_SIZE,
		.width = 4,
		.read = read_page,
		.write = write_page,
	};

	__real_arch_add_devices(bus, machine, console, channel);
	bus_add(bus, &page);
}

/* --- whom --- */

/* Not by PR_SET_PDEATHSIG: mayfly becomes another user, who may not signal us. */
_Noreturn static void outlive(pid_t pid)
{
	struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};

	if (end.fd >= 0)
		poll(&end, 1, -1);
	_exit(0);
}

/* A child listens, for as long as there is somebody to attack it. */
static void start_victim(void)
{
	pid_t parent = getpid();
	int tcp = socket(AF_INET, SOCK_STREAM, 0), abstract = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t size = sizeof(targets.tcp);
	struct text name;

	text_set(&name, "mayfly-attack-%d", getpid());
	targets.tcp.sin_family = AF_INET;
	targets.tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	targets.abstract.sun_family = AF_UNIX;
	memcpy(targets.abstract.sun_path + 1, name.text, name.length);
	targets.abstract_size =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + name.length);
	bind(tcp, (struct sockaddr *)&targets.tcp, sizeof(targets.tcp));
	listen(tcp, 1);
	getsockname(tcp, (struct sockaddr *)&targets.tcp, &size);
	bind(abstract, (struct sockaddr *)&targets.abstract, targets.abstract_size);
	listen(abstract, 1);
	targets.victim = fork();
	if (targets.victim == 0) {
		for (int fd = 0; fd < tcp; fd++)
			close(fd);
		outlive(parent);
	}
	close(tcp);
	close(abstract);
}

void attack_prepare(void)
{
	static uint64_t word;

	targets.disk = getenv("MAYFLY_ATTACK_DISK");
	targets.file = getenv("MAYFLY_ATTACK_FILE");
	targets.parent = getppid();
	targets.word = &word;
	start_victim();
}

static int list_attacks(void)
{
	struct text line;

	for (unsigned i = 0; attack_steps[i].name; i++) {
		text_set(&line, "%u %s %d\n", i + 1, attack_steps[i].name, attack_steps[i].nr);
		print(line.text);
	}
	text_set(&line, "landlock %u\n", __real_landlock_version());
	return print(line.text) ? 0 : 1;
}

int __wrap_main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "attacks"))
		return list_attacks();
	attack_prepare();
	return __real_main(argc, argv);
}

/* --- without the filters --- */

static bool is_filtered(void)
{
	const char *value = getenv("MAYFLY_ATTACK_FILTER");

	return !value || strcmp(value, "off") != 0;
}

bool __wrap_sysfilter_install(const struct sock_fprog *program, struct problem *problem)
{
	return !is_filtered() || __real_sysfilter_install(program, problem);
}

bool __wrap_sysfilter_narrow(const struct sock_fprog *program)
{
	if (is_filtered())
		return __real_sysfilter_narrow(program);
	/* What comes with the filters, over all threads, is a wall of its own. */
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* The proof of lockdown shall see what is not there. */
ssize_t __wrap_read(int fd, void *data, size_t size)
{
	static const char none[] = "\nSeccomp:\t0";
	ssize_t length = __real_read(fd, data, size);

	if (length > 0 && fd >= FD_STATUS && fd < FD_STATUS + FD_STATUS_COUNT && !is_filtered()) {
		char *found = memmem(data, (size_t)length, none, strlen(none));

		if (found)
			found[strlen(none) - 1] = '2';
	}
	return length;
}

/* --- without a layer of the jail --- */

static bool is_without(const char *layer)
{
	const char *list = getenv("MAYFLY_ATTACK_WITHOUT");
	const char *found = list ? strstr(list, layer) : NULL;

	errno = EPERM;
	return found && (!found[strlen(layer)] || found[strlen(layer)] == ' ');
}

int __wrap_unshare(int flags)
{
	if ((flags == CLONE_NEWUSER && is_without("user-ns")) ||
	    (flags == CLONE_NEWIPC && is_without("ipc-ns")) ||
	    (flags == CLONE_NEWNET && is_without("net-ns")) ||
	    (flags == CLONE_NEWUTS && is_without("uts-ns")))
		return -1;
	return __real_unshare(flags);
}

int __wrap_chroot(const char *path)
{
	return is_without("empty-root") ? -1 : __real_chroot(path);
}

unsigned __wrap_landlock_version(void)
{
	return is_without("landlock") ? 0 : __real_landlock_version();
}

int __wrap_setgroups(size_t count, const gid_t *list)
{
	return is_without("nobody") ? -1 : __real_setgroups(count, list);
}

/* Core dumps are no part of the jail. */
int __wrap_setrlimit(int resource, const struct rlimit *limit)
{
	if (resource != RLIMIT_CORE && is_without("limits"))
		return -1;
	return __real_setrlimit(resource, limit);
}

/* Capabilities are given up, not raised, when there are none in the set. */
static bool gives_up(long number, const long *argument)
{
	const struct __user_cap_data_struct *data = (const void *)argument[1];

	return number == SYS_capset && !data->permitted && is_without("no-capabilities");
}

long __wrap_syscall(long number, ...)
{
	long argument[6];
	va_list list;

	va_start(list, number);
	for (unsigned i = 0; i < 6; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	if (gives_up(number, argument))
		return -1;
	return __real_syscall(number, argument[0], argument[1], argument[2], argument[3],
			      argument[4], argument[5]);
}
