/* One queue pair of the network device: packets both ways between the driver's two queues and a
 * queue of the NIC. */
#ifndef MAYFLY_VIRTIO_NET_PAIR_H
#define MAYFLY_VIRTIO_NET_PAIR_H

#include <stdatomic.h>

#include "devices/nic.h"
#include "devices/virtio.h"

#define VIRTIO_NET_BATCH 64 /* packets before the other direction has its turn */

/* What a pair remembers, beside its queues' rings. */
struct virtio_net_pair_state {
	atomic_bool active; /* the driver uses it */
	bool quiet;         /* the worker's: ppoll has just said that the NIC has nothing to read */
	/* A packet larger than the driver's first buffer, until there are buffers for all of it. */
	uint32_t held; /* bytes; 0: none */
	uint8_t packet[NIC_PACKET_MAX];
};

struct virtio_net_pair {
	int kick_fd; /* set by the caller of virtio_net_init: an eventfd, does not block */

	/* Set by virtio_net_init. The driver's queues are 2 * INDEX, where it receives, and 2 *
	 * INDEX + 1; the NIC's is INDEX. */
	struct virtio *virtio;
	struct nic *nic;
	unsigned index;

	struct virtio_net_pair_state state;
};

/* What a pair waits for when it has been served. */
enum virtio_net_wait { NET_MORE, NET_AWAIT_NIC, NET_AWAIT_KICK };

/* Throws away what came from the NIC before the driver was there. Nobody serves the pair. */
void virtio_net_pair_drain(struct virtio_net_pair *pair);

/* Serves the pair for a while, both ways, if it is active. NET_MORE: there is more to do at
 * once. */
enum virtio_net_wait virtio_net_pair_serve(struct virtio_net_pair *pair);

/* Sleeps until the driver kicks or, with NET_AWAIT_NIC, the NIC has a packet. */
void virtio_net_pair_await(struct virtio_net_pair *pair, enum virtio_net_wait wait);

#endif
