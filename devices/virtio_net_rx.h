/* The receiving half of the network device. */
#ifndef MAYFLY_VIRTIO_NET_RX_H
#define MAYFLY_VIRTIO_NET_RX_H

#include "devices/virtio_net.h"

#define VIRTIO_NET_BATCH 64 /* packets before the other direction has its turn */

/* Brings packets from the TAP of pair INDEX to the driver, and says what to wait for. */
enum virtio_net_wait virtio_net_receive(struct virtio_net *net, unsigned index);

#endif
