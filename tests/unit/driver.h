/* The driver's side of a virtio-mmio device in a test: registers, rings in guest RAM, chains. It
 * does what a good driver does; bad ones write descriptors and indices themselves. */
#ifndef MAYFLY_DRIVER_H
#define MAYFLY_DRIVER_H

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "unit.h"
#include "devices/virtio_mmio.h"

/* A queue as its driver sees it. Descriptors are handed out in a circle, so a test has at most
 * SIZE under way. */
struct driver_queue {
	uint32_t size;
	uint64_t desc, avail, used; /* guest addresses */
	uint16_t next_desc, avail_index, used_index;
};

struct driver {
	struct virtio_mmio *mmio;
	const struct ram *ram;
	struct driver_queue queue[VIRTIO_QUEUES_MAX];
};

/* A part of a chain that driver_add makes. */
struct part {
	uint64_t address;
	uint32_t length;
	bool writable;
};

struct used {
	uint32_t id, length;
};

/* --- registers --- */

static inline uint32_t driver_read(const struct driver *driver, unsigned offset)
{
	return virtio_mmio_read(driver->mmio, offset, 4);
}

static inline void driver_write(const struct driver *driver, unsigned offset, uint32_t value)
{
	virtio_mmio_write(driver->mmio, offset, 4, value);
}

static inline uint64_t driver_offered(const struct driver *driver)
{
	uint64_t low;

	driver_write(driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	low = driver_read(driver, VIRTIO_MMIO_DEVICE_FEATURES);
	driver_write(driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	return low | (uint64_t)driver_read(driver, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

/* Reset, then up to FEATURES_OK with FEATURES accepted (VERSION_1 is the caller's to name). True
 * if the device took them. */
static inline bool driver_negotiate(struct driver *driver, uint64_t features)
{
	uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	memset(driver->queue, 0, sizeof(driver->queue));
	driver_write(driver, VIRTIO_MMIO_STATUS, 0);
	driver_write(driver, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	driver_write(driver, VIRTIO_MMIO_STATUS, status);
	driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	driver_write(driver, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_FEATURES_OK);
	return driver_read(driver, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
}

static inline void driver_write64(const struct driver *driver, unsigned offset, uint64_t value)
{
	driver_write(driver, offset, (uint32_t)value);
	driver_write(driver, offset + 4, (uint32_t)(value >> 32));
}

/* Queue INDEX with SIZE descriptors at these addresses. True if it is ready. */
static inline bool driver_place_queue(struct driver *driver, unsigned index, uint32_t size,
				      uint64_t desc, uint64_t avail, uint64_t used)
{
	driver->queue[index] =
		(struct driver_queue){.size = size, .desc = desc, .avail = avail, .used = used};
	driver_write(driver, VIRTIO_MMIO_QUEUE_SEL, index);
	driver_write(driver, VIRTIO_MMIO_QUEUE_NUM, size);
	driver_write64(driver, VIRTIO_MMIO_QUEUE_DESC_LOW, desc);
	driver_write64(driver, VIRTIO_MMIO_QUEUE_AVAIL_LOW, avail);
	driver_write64(driver, VIRTIO_MMIO_QUEUE_USED_LOW, used);
	driver_write(driver, VIRTIO_MMIO_QUEUE_READY, 1);
	return driver_read(driver, VIRTIO_MMIO_QUEUE_READY) == 1;
}

#define DRIVER_RINGS 0x4000u /* bytes that driver_set_up_queue takes */

/* Queue INDEX with its three areas in the DRIVER_RINGS bytes at BASE (a multiple of 4096), which
 * are zeroed. */
static inline bool driver_set_up_queue(struct driver *driver, unsigned index, uint32_t size,
				       uint64_t base)
{
	static const uint8_t zeros[DRIVER_RINGS];

	assert_true(ram_write(driver->ram, GPA(base), zeros, sizeof(zeros)));
	return driver_place_queue(driver, index, size, base, base + 0x1000, base + 0x2000);
}

static inline void driver_go(const struct driver *driver)
{
	driver_write(driver, VIRTIO_MMIO_STATUS,
		     driver_read(driver, VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
}

/* --- guest memory --- */

static inline void driver_put(const struct driver *driver, uint64_t address, const void *data,
			      size_t size)
{
	assert_true(ram_write(driver->ram, GPA(address), data, size));
}

static inline void driver_get(const struct driver *driver, uint64_t address, void *data,
			      size_t size)
{
	assert_true(ram_read(driver->ram, GPA(address), data, size));
}

static inline void driver_put16(const struct driver *driver, uint64_t address, unsigned value)
{
	uint16_t word = (uint16_t)value;

	driver_put(driver, address, &word, sizeof(word));
}

static inline unsigned driver_get16(const struct driver *driver, uint64_t address)
{
	uint16_t word;

	driver_get(driver, address, &word, sizeof(word));
	return word;
}

/* --- rings --- */

/* Descriptor NUMBER of queue INDEX, as it is written here. */
static inline void driver_put_desc(const struct driver *driver, unsigned index, unsigned number,
				   uint64_t address, uint32_t length, unsigned flags, unsigned next)
{
	struct vring_desc desc = {address, length, (uint16_t)flags, (uint16_t)next};

	driver_put(driver, driver->queue[index].desc + sizeof(desc) * number, &desc, sizeof(desc));
}

/* HEAD into the next entry of the available ring, and the index behind it. */
static inline void driver_offer(struct driver *driver, unsigned index, unsigned head)
{
	struct driver_queue *queue = &driver->queue[index];

	driver_put16(driver, queue->avail + 4 + 2 * (queue->avail_index % queue->size), head);
	ram_store16_release(driver->ram, GPA(queue->avail + 2), ++queue->avail_index);
}

/* Offers a chain of COUNT parts (at least one); returns its head. */
static inline unsigned driver_add(struct driver *driver, unsigned index, const struct part *parts,
				  unsigned count)
{
	struct driver_queue *queue = &driver->queue[index];
	unsigned head = queue->next_desc % queue->size;

	assert_true(count >= 1 && count <= queue->size);
	for (unsigned i = 0; i < count; i++) {
		unsigned number = queue->next_desc++ % queue->size;
		unsigned flags = (parts[i].writable ? VRING_DESC_F_WRITE : 0u) |
				 (i + 1 < count ? VRING_DESC_F_NEXT : 0u);

		driver_put_desc(driver, index, number, parts[i].address, parts[i].length, flags,
				(number + 1) % queue->size);
	}
	driver_offer(driver, index, head);
	return head;
}

#define DRIVER_ADD(driver, index, ...)                                \
	driver_add(driver, index, (const struct part[]){__VA_ARGS__}, \
		   sizeof((const struct part[]){__VA_ARGS__}) / sizeof(struct part))

/* The next used element of queue INDEX; false if there is none. */
static inline bool driver_take_used(struct driver *driver, unsigned index, struct used *used)
{
	struct driver_queue *queue = &driver->queue[index];
	struct vring_used_elem element;

	if (ram_load16_acquire(driver->ram, GPA(queue->used + 2)) == queue->used_index)
		return false;
	driver_get(driver, queue->used + 4 + sizeof(element) * (queue->used_index % queue->size),
		   &element, sizeof(element));
	queue->used_index++;
	*used = (struct used){element.id, element.len};
	return true;
}

/* Where the driver wants its interrupts, and where it is wanted to kick (VIRTIO_F_EVENT_IDX). */
static inline void driver_set_used_event(const struct driver *driver, unsigned index,
					 unsigned value)
{
	const struct driver_queue *queue = &driver->queue[index];

	driver_put16(driver, queue->avail + 4 + 2 * queue->size, value);
}

static inline unsigned driver_avail_event(const struct driver *driver, unsigned index)
{
	const struct driver_queue *queue = &driver->queue[index];

	return driver_get16(driver, queue->used + 4 + 8 * queue->size);
}

#endif
