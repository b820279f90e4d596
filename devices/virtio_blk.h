/* The virtio block device (virtio 1.2 §5.2) over a struct disk. One worker a queue. */
#ifndef MAYFLY_VIRTIO_BLK_H
#define MAYFLY_VIRTIO_BLK_H

#include <linux/virtio_blk.h>

#include "devices/disk.h"
#include "devices/virtio.h"

#define VIRTIO_BLK_SEG_MAX (VIRTQ_SIZE_MAX - 2) /* beside the header and the status */
#define VIRTIO_BLK_SIZE_MAX (1u << 20)          /* bytes a segment */
#define VIRTIO_BLK_RANGES_MAX 64                /* of a discard or write-zeroes request */

struct virtio_blk {
	struct virtio virtio; /* first: the table's functions rely on that */
	struct virtio_blk_config config;
	struct disk *disk;
	char serial[VIRTIO_BLK_ID_BYTES]; /* NUL-padded */
};

/* Makes the device for DISK, which is open and outlives it. The caller has set virtio.ram,
 * .label, .irq_fd, .queues (1 to VIRTIO_WORKERS_MAX) and the kick descriptors, which block, one
 * a queue, and serial. */
void virtio_blk_init(struct virtio_blk *blk, struct disk *disk);

/* Serves queue INDEX until it is empty. */
void virtio_blk_serve(struct virtio_blk *blk, unsigned index);

#endif
