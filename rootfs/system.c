#include "rootfs/system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void mount_all(void)
{
	static const struct {
		const char *type, *target, *data;
		unsigned long flags;
		mode_t mode; /* mode of a new directory */
	} mounts[] = {
		{"devtmpfs", "/dev", "", MS_NOSUID, 0755},
		{"proc", "/proc", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0555},
		{"sysfs", "/sys", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0555},
		{"cgroup2", "/sys/fs/cgroup", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0755},
		{"devpts", "/dev/pts", "mode=0620,gid=5,ptmxmode=0666", MS_NOSUID | MS_NOEXEC,
		 0755},
		{"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, 01777},
		{"mqueue", "/dev/mqueue", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, 01777},
	};

	/* Failures are ignored: a kernel without one of these can still run many programs. */
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].target, mounts[i].mode);
		mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags,
		      mounts[i].data);
	}
}

/* Nothing is mounted on these, so the content of the user's initramfs stays visible. The root is in
 * memory anyway. */
void system_make_directories(void)
{
	mkdir("/run", 0755);
	if (mkdir("/tmp", 01777) == 0)
		chmod("/tmp", 01777);
}

static void link_devices(void)
{
	static const char *const links[][2] = {
		{"/proc/self/fd", "/dev/fd"},
		{"/proc/self/fd/0", "/dev/stdin"},
		{"/proc/self/fd/1", "/dev/stdout"},
		{"/proc/self/fd/2", "/dev/stderr"},
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			continue; /* the link exists */
}

static void raise_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
}

/* Adds the host's random bytes: a guest whose CPU has no RDRAND could wait minutes for entropy. */
static void seed_random(const char *seed)
{
	struct {
		struct rand_pool_info info;
		uint8_t bytes[32];
	} pool = {.info = {.entropy_count = 256, .buf_size = 32}};
	int fd;

	if (!seed || strlen(seed) != 2 * sizeof(pool.bytes))
		return;
	fd = open("/dev/random", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	for (size_t i = 0; i < sizeof(pool.bytes); i++) {
		char digits[3] = {seed[2 * i], seed[2 * i + 1], '\0'};

		pool.bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	ioctl(fd, RNDADDENTROPY, &pool);
	close(fd);
}

void system_set_up(const struct job_file *job)
{
	const char *name = job->hostname ? job->hostname : "mayfly";

	mount_all();
	link_devices();
	raise_loopback();
	sethostname(name, strlen(name));
	seed_random(job->seed);
}
