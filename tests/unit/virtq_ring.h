/* A virtqueue in a test, and the rings of its driver. */
#ifndef MAYFLY_VIRTQ_RING_H
#define MAYFLY_VIRTQ_RING_H

#include "devices/virtq.h"

#include <linux/virtio_ring.h>

#include "unit.h"

/* 64 KiB of RAM, a hole, and 64 KiB from 1 MiB on. */
enum {
	LOW_END = 0x10000,
	HIGH = 0x100000,
	HIGH_END = HIGH + 0x10000,
	SIZE = 8,
	DESC = 0x1000,
	AVAIL = 0x2000,
	USED = 0x3000,
	DATA = 0x4000,
};

static struct ram ram;
static struct virtq queue;
static struct chain chain;
static uint16_t avail_index;

static inline void put(uint64_t address, const void *data, size_t size)
{
	assert_true(ram_write(&ram, GPA(address), data, size));
}

static inline void put16(uint64_t address, unsigned value)
{
	uint16_t word = (uint16_t)value;

	put(address, &word, sizeof(word));
}

static inline unsigned get16(uint64_t address)
{
	uint16_t word;

	assert_true(ram_read(&ram, GPA(address), &word, sizeof(word)));
	return word;
}

static inline void desc(unsigned number, uint64_t address, uint32_t length, unsigned flags,
			unsigned next)
{
	struct vring_desc entry = {address, length, (uint16_t)flags, (uint16_t)next};

	put(queue.desc.v + 16 * number, &entry, sizeof(entry));
}

static inline void offer(unsigned head)
{
	put16(queue.avail.v + 4 + 2 * (avail_index % queue.size), head);
	put16(queue.avail.v + 2, ++avail_index);
}

static inline void use_queue(uint32_t size, uint64_t desc_at, uint64_t avail_at, uint64_t used_at)
{
	queue = (struct virtq){
		.size = size, .desc = GPA(desc_at), .avail = GPA(avail_at), .used = GPA(used_at)};
	avail_index = 0;
}

static inline int set_up(void **state)
{
	struct problem problem;

	(void)state;
	if (!ram_reserve(&ram, LOW_END + 0x10000, 0, LOW_END, HIGH, &problem))
		return -1;
	use_queue(SIZE, DESC, AVAIL, USED);
	return virtq_enable(&queue, &ram) ? 0 : -1;
}

static inline int tear_down(void **state)
{
	(void)state;
	ram_release(&ram);
	return 0;
}

static inline enum virtq_answer pop(void)
{
	return virtq_pop(&queue, &ram, &chain);
}

#endif
