#include "devices/nic.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "base/report.h"

#define TUN_F_USO4_USO6 0x60 /* newer than some distributions' headers */
#define STALE_MAX 4096       /* packets that a TAP may have kept from before a reset */

void nic_init(struct nic *nic)
{
	atomic_flag_clear(&nic->gone_told);
}

static unsigned tun_offload(unsigned offloads)
{
	const unsigned uso = NIC_USO4 | NIC_USO6;
	unsigned set = 0;

	if (offloads & NIC_CSUM)
		set |= TUN_F_CSUM;
	if (offloads & NIC_TSO4)
		set |= TUN_F_TSO4;
	if (offloads & NIC_TSO6)
		set |= TUN_F_TSO6;
	/* A TAP cannot tell them apart. */
	if ((offloads & uso) == uso)
		set |= TUN_F_USO4_USO6;
	return set;
}

/* The kernel refuses combinations that make no sense, and then it gives plain packets. */
void nic_set_offloads(const struct nic *nic, unsigned offloads)
{
	int fd = nic->queue[0].fd;

	if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)tun_offload(offloads)) < 0)
		ioctl(fd, TUNSETOFFLOAD, 0ul);
}

void nic_attach(const struct nic *nic, unsigned queue, bool attached)
{
	struct ifreq request = {
		.ifr_flags = attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE,
	};

	/* The ioctl fails only if the queue is so already. */
	if (nic->attach && ioctl(nic->queue[queue].fd, TUNSETQUEUE, &request) < 0)
		return;
}

void nic_drain(struct nic *nic, unsigned queue, uint8_t *packet)
{
	struct iovec iov = {packet, NIC_PACKET_MAX};

	for (unsigned i = 0; i < STALE_MAX && readv(nic->queue[queue].fd, &iov, 1) > 0; i++)
		;
	nic->queue[queue].gone = false;
}

/* Nothing was read. */
static enum nic_answer explain(int error)
{
	switch (error) {
	case EAGAIN:
	case EINTR:
		return NIC_NOTHING;
	case EBADFD:
	case EBADF:
	case EIO:
	case ENODEV:
	case ENXIO:
		return NIC_GONE;
	default:
		return NIC_LOST; /* a TAP may refuse to hand out one odd packet */
	}
}

enum nic_answer nic_receive(const struct nic *nic, unsigned queue, const struct iovec *iov,
			    unsigned count, uint32_t *bytes)
{
	ssize_t size = readv(nic->queue[queue].fd, iov, (int)count);

	if (size <= 0)
		return explain(size ? errno : EAGAIN);
	*bytes = (uint32_t)size;
	return NIC_PACKET;
}

void nic_cut_off(struct nic *nic, unsigned queue)
{
	nic->queue[queue].gone = true;
	if (!atomic_flag_test_and_set(&nic->gone_told))
		report("warning: %s is gone: the guest is cut off", nic->name);
}

/* The header goes to the kernel as it is: the kernel checks it, and refuses what makes no sense. */
bool nic_send(const struct nic *nic, unsigned queue, const struct iovec *iov, unsigned count)
{
	return writev(nic->queue[queue].fd, iov, (int)count) >= 0;
}

/* The driver says how many queues it uses: by a start (one), or by a command. The first is
 * always attached. */
static void allow_attaching(const struct nic *nic, struct sysfilter *filter)
{
	for (unsigned i = 1; nic->attach && i < nic->queues; i++)
		sysfilter_allow_ioctl(filter, nic->queue[i].fd, 1, TUNSETQUEUE);
}

void nic_allow_start(const struct nic *nic, struct sysfilter *filter)
{
	/* A start says which offloads the driver takes, … */
	sysfilter_allow_ioctl(filter, nic->queue[0].fd, 1, TUNSETOFFLOAD);
	/* … and drops what came before. */
	for (unsigned i = 0; i < nic->queues; i++)
		sysfilter_allow_fd(filter, SYS_readv, nic->queue[i].fd);
	allow_attaching(nic, filter);
}

void nic_allow_work(const struct nic *nic, struct sysfilter *filter)
{
	for (unsigned i = 0; i < nic->queues; i++) {
		sysfilter_allow_fd(filter, SYS_readv, nic->queue[i].fd);  /* packets come */
		sysfilter_allow_fd(filter, SYS_writev, nic->queue[i].fd); /* and go */
	}
	allow_attaching(nic, filter);
}
