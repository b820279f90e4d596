/* What the drivers that misbehave share: a disk, its queue, and the lists of what they do. */
#ifndef GUEST_VIRTIO_EVIL_H
#define GUEST_VIRTIO_EVIL_H

#include <stddef.h>

#include "virtio.h"

enum { NEXT = VRING_DESC_F_NEXT, WRITE = VRING_DESC_F_WRITE };

enum outcome {
	BREAKS, /* the device needs a reset, and nothing moves any more */
	LIVES,  /* it does not */
	EITHER,
};

/* One that has a name, as evil=NAME of the command line. */
struct evil {
	const char *name;
	void (*run)(void);
	enum outcome outcome;
};

/* Each ends with one without a name. */
extern const struct evil evil_rings[], evil_registers[], evil_races[];

static const uint64_t disk = SLOT(0);
extern struct queue queue; /* the disk's */

static inline void put(unsigned offset, uint32_t value)
{
	write32(disk + offset, value);
}

static inline uint32_t get(unsigned offset)
{
	return read32(disk + offset);
}

/* Every entry of the ring is used, and the first ones again. */
void go_around(void);

/* Offers the chain that begins at HEAD, and kicks. */
void offer_chain(uint16_t head);

/* A read of sector 0 whose data is of that address and size. */
void read_to(uint64_t address, uint64_t size);

#endif
