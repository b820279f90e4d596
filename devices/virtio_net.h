/* The virtio network device (virtio 1.2 §5.1) over one TAP descriptor a queue pair. One worker a pair. */
#ifndef MAYFLY_VIRTIO_NET_H
#define MAYFLY_VIRTIO_NET_H

#include <linux/virtio_net.h>

#include "devices/virtio.h"

#define VIRTIO_NET_PAIRS_MAX VIRTIO_WORKERS_MAX
#define VIRTIO_NET_HEADER ((uint32_t)sizeof(struct virtio_net_hdr_v1)) /* 12, to the TAP too */
#define VIRTIO_NET_PACKET_MAX (VIRTIO_NET_HEADER + 65535 + 14 + 4)

/* One queue pair and its TAP queue. */
struct virtio_net_pair {
	int tap_fd;    /* does not block; vnet headers of VIRTIO_NET_HEADER bytes */
	int kick_fd;   /* eventfd, does not block */
	bool tap_gone; /* the interface was deleted */
	bool quiet; /* the worker's: ppoll has just said that the TAP has nothing, so it is not asked */
	/* A packet larger than the driver's first buffer, until there are buffers for all of it. */
	uint32_t held; /* bytes; 0: none */
	uint8_t packet[VIRTIO_NET_PACKET_MAX];
};

struct virtio_net {
	struct virtio virtio;
	struct virtio_net_config config;
	unsigned pairs;        /* there are, … */
	atomic_uint active;    /* … and the driver uses */
	atomic_uint control;   /* index of the control queue; it depends on what was accepted */
	bool uso;              /* the TAP knows UDP segmentation */
	bool attach;           /* TAP queues are attached when the driver uses them */
	atomic_flag gone_told; /* the host knows that the interface is gone */
	struct virtio_net_pair *pair;
};

/* What a pair waits for when it has been served. */
enum virtio_net_wait { NET_MORE, NET_AWAIT_TAP, NET_AWAIT_KICK };

/* Makes the device. The caller has set virtio.ram, .label and .irq_fd, pairs, pair with its descriptors, uso,
 * attach, config.mac and config.mtu (0: not known). With attach, every TAP queue but the first is detached. */
void virtio_net_init(struct virtio_net *net);

/* Serves pair INDEX for a while, both ways. NET_MORE: there is more to do at once. */
enum virtio_net_wait virtio_net_serve(struct virtio_net *net, unsigned index);

/* The worker of pair INDEX: waits for kicks and packets and serves, for ever. */
_Noreturn void virtio_net_work(struct virtio_net *net, unsigned index);

/* The system calls that the driver's accesses to registers need: those of vCPUs; and those of its workers. */
void virtio_net_allow_registers(const struct virtio_net *net, struct sysfilter *filter);
void virtio_net_allow_work(const struct virtio_net *net, struct sysfilter *filter);

#endif
