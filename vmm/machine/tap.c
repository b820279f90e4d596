#include "machine/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fdplan.h"

#define TUN_PATH "/dev/net/tun"

_Static_assert(TAP_NAME_SIZE == IFNAMSIZ, "an interface's name");

enum {
	TUN_MAJOR = 10,
	TUN_MINOR = 200,
	USO4_USO6 = 0x60, /* TUN_F_USO4 | TUN_F_USO6, newer than some distributions' headers */
	WANTED_FLAGS = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
	CHECKED_FLAGS = IFF_TUN | WANTED_FLAGS,
};

static const char *mend_for(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return "make it for your user: ip tuntap add dev NAME mode tap user $USER";
	case EBUSY:
		return "another process uses it: give each VM its own";
	case EINVAL:
		return "it is no TAP, or has another number of queues: make it anew, with "
		       "'multi_queue' for queues=N";
	case ENOENT:
	case ENODEV:
		return "load the driver: modprobe tun";
	default:
		return "see docs/network.md";
	}
}

static bool refuse(const char *name, struct problem *problem)
{
	return problem_set(problem, "cannot use interface %s: %s (%s)", name, strerror(errno),
			   mend_for(errno));
}

/* One queue of interface NAME, which is made if it does not exist. */
static bool open_queue(const char *name, int flags, int place, struct problem *problem)
{
	struct ifreq request = {.ifr_flags = (short)flags};
	int fd = open(TUN_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return refuse(name, problem);
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	if (ioctl(fd, TUNSETIFF, &request) == 0)
		return fd_place(fd, place, name, problem);
	int error = errno;
	refuse(name, problem);
	close(fd);
	errno = error;
	return false;
}

static bool open_by_name(struct nic *nic, const struct net_options *options,
			 struct problem *problem)
{
	int flags = WANTED_FLAGS | (nic->queues > 1 ? IFF_MULTI_QUEUE : 0);

	for (unsigned i = 0; i < nic->queues; i++) {
		int place = nic->queue[i].fd;

		if (open_queue(options->tap, flags, place, problem))
			continue;
		/* Made for several queues, one of which is enough. */
		if (nic->queues > 1 || errno != EINVAL ||
		    !open_queue(options->tap, flags | IFF_MULTI_QUEUE, place, problem))
			return false;
	}
	return true;
}

/* A macvtap takes its flags from whoever has it open, a TAP has them already. */
static bool take_descriptor(int fd, int place, int number, char name[TAP_NAME_SIZE],
			    struct problem *problem)
{
	struct ifreq request = {.ifr_flags = 0};

	if (!fd_place(fd, place, "an inherited descriptor", problem))
		return false;
	fcntl(place, F_SETFL, O_RDWR | O_NONBLOCK);
	/* musl and glibc disagree on the type of ioctl's request. */
	if (syscall(SYS_ioctl, place, TUNGETIFF, &request) < 0)
		return problem_set(problem,
				   "descriptor %d is no TAP: %s (open " TUN_PATH
				   " or a /dev/tapN of macvtap, and attach it)",
				   number, strerror(errno));
	if (name[0] && strcmp(name, request.ifr_name))
		return problem_set(
			problem,
			"descriptor %d belongs to %s, the one before it to %s (queues of one "
			"NIC are of one interface)",
			number, request.ifr_name, name);
	memcpy(name, request.ifr_name, TAP_NAME_SIZE);
	if (request.ifr_flags & IFF_DETACH_QUEUE)
		return problem_set(
			problem, "descriptor %d is a detached queue of %s (attach it: TUNSETQUEUE)",
			number, name);
	if ((request.ifr_flags & CHECKED_FLAGS) == WANTED_FLAGS)
		return true;
	request.ifr_flags = (short)(WANTED_FLAGS | (request.ifr_flags & IFF_MULTI_QUEUE));
	if (ioctl(place, TUNSETIFF, &request) == 0)
		return true;
	return problem_set(
		problem,
		"descriptor %d has the wrong mode (attach it with IFF_TAP, IFF_NO_PI and "
		"IFF_VNET_HDR)",
		number);
}

static bool open_interface(struct nic *nic, const struct net_options *options, const int *inherited,
			   char name[TAP_NAME_SIZE], struct problem *problem)
{
	if (options->tap) {
		strncpy(name, options->tap, TAP_NAME_SIZE - 1);
		return open_by_name(nic, options, problem);
	}
	for (unsigned i = 0; i < options->fds; i++)
		if (!take_descriptor(inherited[i], nic->queue[i].fd, options->fd_number[i], name,
				     problem))
			return false;
	return true;
}

/* The header's size, and that all queues but the first wait until the driver uses them. */
static bool prepare_queues(struct nic *nic, const char *name, struct problem *problem)
{
	struct ifreq detach = {.ifr_flags = IFF_DETACH_QUEUE};
	int size = (int)NIC_HEADER;

	nic->attach = nic->queues > 1;
	for (unsigned i = 0; i < nic->queues; i++) {
		if (ioctl(nic->queue[i].fd, TUNSETVNETHDRSZ, &size) < 0)
			return refuse(name, problem);
		if (i > 0 && ioctl(nic->queue[i].fd, TUNSETQUEUE, &detach) < 0)
			return refuse(name, problem);
	}
	nic->offloads = NIC_CSUM | NIC_TSO4 | NIC_TSO6;
	if (ioctl(nic->queue[0].fd, TUNSETOFFLOAD, (unsigned long)TUN_F_CSUM | USO4_USO6) == 0)
		nic->offloads |= NIC_USO4 | NIC_USO6;
	return true;
}

/* --- the interface's own properties --- */

static void set_up(int socket, struct ifreq *request)
{
	if (ioctl(socket, SIOCGIFFLAGS, request) < 0 || (request->ifr_flags & IFF_UP))
		return;
	request->ifr_flags |= IFF_UP;
	if (ioctl(socket, SIOCSIFFLAGS, request) < 0)
		report("warning: %s is down and cannot be set up: %s (ip link set %s up)",
		       request->ifr_name, strerror(errno), request->ifr_name);
}

/* What the user says counts for the interface too, else the interface's own for the guest. */
static uint16_t choose_mtu(int socket, struct ifreq *request, unsigned wanted)
{
	bool known = ioctl(socket, SIOCGIFMTU, request) == 0;
	unsigned mtu = known ? (unsigned)request->ifr_mtu : 0;

	if (wanted && wanted != mtu) {
		request->ifr_mtu = (int)wanted;
		if (ioctl(socket, SIOCSIFMTU, request) < 0)
			report("warning: cannot set the MTU of %s to %u: %s (ip link set %s mtu %u)",
			       request->ifr_name, wanted, strerror(errno), request->ifr_name,
			       wanted);
		mtu = wanted;
	}
	return mtu >= 68 && mtu <= 65535 ? (uint16_t)mtu : 0;
}

/* FNV-1a, 64 bits. */
static uint64_t hash(uint64_t value, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		value = (value ^ (uint8_t)data[i]) * 0x100000001b3u;
	return value;
}

/* The same for the same interface of the same machine, another one elsewhere; locally
 * administered. */
static void make_mac(const char *name, uint8_t mac[6])
{
	char machine[64];
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : read(fd, machine, sizeof(machine));
	uint64_t value = hash(0xcbf29ce484222325u, machine, size > 0 ? (size_t)size : 0);

	if (fd >= 0)
		close(fd);
	value = hash(value, name, strlen(name));
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)(value >> (8 * i));
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);
}

/* A macvtap passes on what is for its own address only. */
static bool is_macvtap(int fd)
{
	struct stat stat;

	return fstat(fd, &stat) == 0 && stat.st_rdev != makedev(TUN_MAJOR, TUN_MINOR);
}

static void choose_mac(struct nic *nic, const struct net_options *options, const char *name)
{
	struct ifreq request = {.ifr_flags = 0};
	int fd = nic->queue[0].fd;

	if (options->mac[0] | options->mac[1] | options->mac[2] | options->mac[3] |
	    options->mac[4] | options->mac[5])
		memcpy(nic->mac, options->mac, 6);
	else if (is_macvtap(fd) && ioctl(fd, SIOCGIFHWADDR, &request) == 0)
		memcpy(nic->mac, request.ifr_hwaddr.sa_data, 6);
	else
		make_mac(name, nic->mac);
}

static void adopt(struct nic *nic, const struct net_options *options, const char *name)
{
	struct ifreq request = {.ifr_flags = 0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	choose_mac(nic, options, name);
	nic->mtu = (uint16_t)options->mtu;
	if (fd < 0)
		return;
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	set_up(fd, &request);
	nic->mtu = choose_mtu(fd, &request, options->mtu);
	close(fd);
}

void tap_number(struct nic *nic, unsigned queues, unsigned index)
{
	nic->queues = queues;
	for (unsigned i = 0; i < queues; i++)
		nic->queue[i].fd = FD_TAP + (int)(index * DEVICE_QUEUES_MAX + i);
}

bool tap_open(struct nic *nic, const struct net_options *options, const int *inherited,
	      unsigned index, char name[TAP_NAME_SIZE], struct problem *problem)
{
	tap_number(nic, options->queues, index);
	nic->name = name;
	nic_init(nic);
	if (!open_interface(nic, options, inherited, name, problem) ||
	    !prepare_queues(nic, name, problem))
		return false;
	adopt(nic, options, name);
	return true;
}
