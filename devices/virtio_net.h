/* The virtio network device (virtio 1.2 §5.1) over a struct nic. One worker a queue pair. */
#ifndef MAYFLY_VIRTIO_NET_H
#define MAYFLY_VIRTIO_NET_H

#include <linux/virtio_net.h>

#include "devices/nic.h"
#include "devices/virtio.h"
#include "devices/virtio_net_pair.h"

struct virtio_net {
	struct virtio virtio; /* first: the table's functions rely on that */
	struct virtio_net_config config;
	struct nic *nic;
	struct virtio_net_pair *pair; /* one a queue of the NIC */
	unsigned pairs;
	atomic_uint control; /* index of the control queue; it depends on what was accepted */
};

/* Makes the device for NIC, which is open and outlives it. The caller has set virtio.ram, .label
 * and .irq_fd, and pair: as many as NIC has queues (1 to VIRTIO_WORKERS_MAX), zero but for their
 * kick descriptors. */
void virtio_net_init(struct virtio_net *net, struct nic *nic);

/* Serves pair INDEX for a while, both ways. NET_MORE: there is more to do at once. */
enum virtio_net_wait virtio_net_serve(struct virtio_net *net, unsigned index);

#endif
