/* The virtio-mmio transport, version 2 (virtio 1.2 §4.2): the register file of one device.
 * Accesses of any offset and width are fine; what makes no sense reads as zero or is ignored. */
#ifndef MAYFLY_VIRTIO_MMIO_H
#define MAYFLY_VIRTIO_MMIO_H

#include <pthread.h>
#include <stdint.h>

#include "devices/virtio.h"

struct virtio_mmio_state {
	uint32_t device_features_sel, driver_features_sel, queue_sel;
};

struct virtio_mmio {
	pthread_mutex_t lock; /* one vCPU at a time */
	struct virtio *virtio;
	struct virtio_mmio_state state;
};

void virtio_mmio_init(struct virtio_mmio *mmio, struct virtio *virtio);

/* An access by a vCPU: SIZE is 1 to 4 bytes, OFFSET counts from the device's first address. */
uint32_t virtio_mmio_read(struct virtio_mmio *mmio, unsigned offset, unsigned size);
void virtio_mmio_write(struct virtio_mmio *mmio, unsigned offset, unsigned size, uint32_t value);

#endif
