/* The host's side of a NIC: a TAP or macvtap, one descriptor a queue. The device sees packets,
 * each behind a header of NIC_HEADER bytes (struct virtio_net_hdr_v1, virtio 1.2 §5.1.6), and
 * nothing of where they come from and go to.
 *
 * Threads: the worker of a queue sends and receives on that queue. The vCPU that starts the
 * device, or the worker that obeys the driver's command, attaches queues; nobody receives while
 * a queue is drained. */
#ifndef MAYFLY_NIC_H
#define MAYFLY_NIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/sysfilter.h"

#define NIC_QUEUES_MAX 8
#define NIC_HEADER 12u
#define NIC_PACKET_MAX (NIC_HEADER + 65535 + 14 + 4) /* bytes, header included */

/* What one side leaves to the other: checksums, and the cutting of TCP and UDP into packets. */
enum nic_offload {
	NIC_CSUM = 1 << 0,
	NIC_TSO4 = 1 << 1,
	NIC_TSO6 = 1 << 2,
	NIC_USO4 = 1 << 3,
	NIC_USO6 = 1 << 4,
};

struct nic_queue {
	int fd;    /* does not block */
	bool gone; /* the interface was deleted */
};

struct nic {
	/* Set by whoever opens it. */
	const char *name; /* the user's, for messages */
	unsigned queues;
	unsigned offloads; /* that it knows: a set of NIC_... */
	bool attach;       /* all queues but the first are detached until the driver uses them */
	uint8_t mac[6];    /* what the guest shall have */
	uint16_t mtu;      /* bytes; 0: not known */
	struct nic_queue queue[NIC_QUEUES_MAX];

	atomic_flag gone_told; /* the host knows that the interface is gone */
};

/* What nic_receive comes to. LOST: one odd packet, which nobody gets. GONE: the interface was
 * deleted, or the queue was detached. */
enum nic_answer { NIC_PACKET, NIC_NOTHING, NIC_LOST, NIC_GONE };

/* Fills in what is not zero at the start. */
void nic_init(struct nic *nic);

/* From now on the packets that come may make use of OFFLOADS, a set of NIC_..., and of nothing
 * else. */
void nic_set_offloads(const struct nic *nic, unsigned offloads);

/* Packets come to QUEUE from now on, or do not. Without ATTACH they always do. */
void nic_attach(const struct nic *nic, unsigned queue, bool attached);

/* Throws away what waits in QUEUE, a few thousand packets at most. PACKET is NIC_PACKET_MAX
 * bytes to do it with. */
void nic_drain(struct nic *nic, unsigned queue, uint8_t *packet);

/* Receives one packet of QUEUE, header first, into the COUNT parts of IOV. PACKET: *BYTES are
 * there; what had no room in IOV is lost. Without a packet IOV is as it was, or rubbish. */
enum nic_answer nic_receive(const struct nic *nic, unsigned queue, const struct iovec *iov,
			    unsigned count, uint32_t *bytes);

/* The interface behind QUEUE is gone: so it is noted, and the host is told once. */
void nic_cut_off(struct nic *nic, unsigned queue);

/* Sends one packet, header first. False: it was refused, and is lost. */
bool nic_send(const struct nic *nic, unsigned queue, const struct iovec *iov, unsigned count);

/* The system calls of nic_set_offloads, nic_attach and nic_drain, by vCPUs; and those of
 * workers. */
void nic_allow_start(const struct nic *nic, struct sysfilter *filter);
void nic_allow_work(const struct nic *nic, struct sysfilter *filter);

#endif
