/* A model of a network device's surroundings: packets on their way, and a driver that knows what
 * it has added and what must come back. */
#ifndef MAYFLY_NET_MODEL_H
#define MAYFLY_NET_MODEL_H

#include "fuzz.h"

#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/virtio_mmio.h"
#include "devices/virtio_net.h"

enum {
	PAIRS = 2,
	QUEUES = 2 * PAIRS + 1,
	RINGS = 0x4000,    /* bytes for the three areas of a queue */
	SLOT = 0x11000,    /* bytes for what a descriptor points to: more than the largest packet */
	PATTERN = 1 << 18, /* packets are pieces of this */
	PENDING_MAX = 2048, /* packets on their way */
};

static const uint32_t sizes[] = {1, 12, 13, 60, 110, 600, 1526, 4096, 9014, NIC_PACKET_MAX};

static struct ram ram;
static struct nic nic;
static struct virtio_net net;
static struct virtio_net_pair pair[PAIRS];
static struct virtio_mmio mmio;
static int outside[PAIRS], inside[PAIRS];
static int deaf, directory; /* descriptors that are no TAP: what is asked of them fails */
static uint8_t pattern[PATTERN];

struct packet {
	unsigned offset; /* in the pattern */
	uint32_t length;
};

/* Packets in the order in which they were sent. */
struct way {
	struct packet packet[PENDING_MAX];
	unsigned first, count;
};

struct guest_queue {
	uint32_t size;
	uint16_t avail, seen; /* indices: next to add, next to collect */
	unsigned out;         /* chains that the device has */
	uint16_t free[VIRTQ_SIZE_MAX];
	unsigned free_count;
	struct vring_desc desc[VIRTQ_SIZE_MAX];
	bool is_out[VIRTQ_SIZE_MAX]; /* by head */
};

static struct model {
	struct input input;
	struct guest_queue queue[QUEUES];
	struct way in[PAIRS], out[PAIRS]; /* towards the guest, and from it */
	uint64_t accepted;
	unsigned active;
	uint64_t lost;   /* what the device must have counted as dropped */
	bool confused;   /* a descriptor was flipped: anything may happen, within the device */
	unsigned offset; /* of the last packet in the pattern */
	bool may_fail;   /* the host's interfaces; and a flip finds any byte */
} model;

static inline uint8_t *at(uint64_t address)
{
	return (uint8_t *)(uintptr_t)ram_host(&ram, 0) + address;
}

static inline uint64_t rings(unsigned index)
{
	return 0x1000 + (uint64_t)index * RINGS;
}

static inline uint64_t avail_area(unsigned index)
{
	return rings(index) + 0x1000;
}

static inline uint64_t used_area(unsigned index)
{
	return rings(index) + 0x2000;
}

static inline uint64_t slot(unsigned index, unsigned desc)
{
	return 0x100000 + ((uint64_t)index * VIRTQ_SIZE_MAX + desc) * SLOT;
}

static inline uint16_t load16(uint64_t address)
{
	uint16_t value;

	memcpy(&value, at(address), sizeof(value));
	return value;
}

static inline void store16(uint64_t address, uint16_t value)
{
	memcpy(at(address), &value, sizeof(value));
}

static inline bool accepted(unsigned feature)
{
	return model.accepted & VIRTIO_FEATURE(feature);
}

static inline unsigned control_queue(void)
{
	return accepted(VIRTIO_NET_F_MQ) ? 2 * net.pairs : 2;
}

static inline bool is_broken(void)
{
	return virtio_mmio_read(&mmio, VIRTIO_MMIO_STATUS, 4) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* --- packets on their way --- */

static inline void put_packet(struct way *way, struct packet packet)
{
	REQUIRE(way->count < PENDING_MAX);
	way->packet[(way->first + way->count++) % PENDING_MAX] = packet;
}

static inline bool take_packet(struct way *way, struct packet *packet)
{
	if (!way->count)
		return false;
	*packet = way->packet[way->first];
	way->first = (way->first + 1) % PENDING_MAX;
	way->count--;
	return true;
}

/* The packet that came out is the next that went in, but for some that must have been counted.
 * Bytes 10 and 11, num_buffers, are the device's; and byte 0, FLAGS, when the driver is not to
 * see them. */
static inline void match(struct way *way, const uint8_t *bytes, uint32_t length, bool flags)
{
	struct packet packet;

	REQUIRE(flags || bytes[0] == 0);

	for (;; model.lost++) {
		REQUIRE(take_packet(way, &packet));
		const uint8_t *sent = pattern + packet.offset;
		if (packet.length == length &&
		    memcmp(sent + !flags, bytes + !flags, 10 - !flags) == 0 &&
		    memcmp(sent + 12, bytes + 12, length - 12) == 0)
			return;
	}
}

static inline struct packet next_packet(void)
{
	uint32_t length = sizes[take8(&model.input) % COUNT(sizes)] + take8(&model.input) % 8;

	if (length > NIC_PACKET_MAX)
		length = NIC_PACKET_MAX;
	model.offset = (model.offset + 7919) % (PATTERN - SLOT);
	return (struct packet){model.offset, length};
}

/* --- the driver --- */

static inline void fresh_queue(unsigned index, uint32_t size)
{
	struct guest_queue *queue = &model.queue[index];

	queue->size = size;
	queue->avail = queue->seen = 0;
	queue->out = 0;
	queue->free_count = size;
	for (unsigned i = 0; i < size; i++) {
		queue->free[i] = (uint16_t)i;
		queue->is_out[i] = false;
	}
	memset(at(rings(index)), 0, RINGS);
}

/* Adds a chain of COUNT parts if there are so many descriptors. Its head; -1: there are not. */
static inline int add_chain(unsigned index, const struct vring_desc *part, unsigned count)
{
	struct guest_queue *queue = &model.queue[index];
	uint16_t next = 0;

	if (!count || queue->free_count < count)
		return -1;
	while (count--) {
		uint16_t id = queue->free[--queue->free_count];
		struct vring_desc *desc = &queue->desc[id];

		*desc = part[count];
		desc->addr = slot(index, id);
		desc->next = next;
		memcpy(at(rings(index) + sizeof(*desc) * id), desc, sizeof(*desc));
		next = id;
	}
	queue->is_out[next] = true;
	queue->out++;
	store16(avail_area(index) + 4 + 2 * (queue->avail & (queue->size - 1)), next);
	store16(avail_area(index) + 2, ++queue->avail);
	return next;
}

static inline void fill(unsigned index, uint16_t head, const uint8_t *bytes)
{
	const struct vring_desc *desc = &model.queue[index].desc[head];

	for (;; desc = &model.queue[index].desc[desc->next]) {
		memcpy(at(desc->addr), bytes, desc->len);
		bytes += desc->len;
		if (!(desc->flags & VRING_DESC_F_NEXT))
			return;
	}
}

/* Bytes in the parts of the chain that have FLAG as given. */
static inline uint32_t bytes_of(const struct guest_queue *queue, uint16_t head, uint16_t flag)
{
	uint32_t size = 0;

	for (const struct vring_desc *desc = &queue->desc[head];; desc = &queue->desc[desc->next]) {
		if ((desc->flags & VRING_DESC_F_WRITE) == flag)
			size += desc->len;
		if (!(desc->flags & VRING_DESC_F_NEXT))
			return size;
	}
}

static inline uint32_t write_size(const struct guest_queue *queue, uint32_t head)
{
	return bytes_of(queue, (uint16_t)head, VRING_DESC_F_WRITE);
}

/* The next used chain, which must be one that was added; its descriptors are free then. */
static inline struct vring_used_elem collect(unsigned index)
{
	struct guest_queue *queue = &model.queue[index];
	struct vring_used_elem used;

	memcpy(&used, at(used_area(index) + 4 + 8 * (queue->seen & (queue->size - 1))),
	       sizeof(used));
	queue->seen++;
	REQUIRE(used.id < queue->size && queue->is_out[used.id]);
	REQUIRE(used.len <= write_size(queue, used.id));
	queue->is_out[used.id] = false;
	queue->out--;
	for (uint16_t id = (uint16_t)used.id;; id = queue->desc[id].next) {
		queue->free[queue->free_count++] = id;
		if (!(queue->desc[id].flags & VRING_DESC_F_NEXT))
			return used;
	}
}

/* What the device wrote into the chain; where it ends. */
static inline uint8_t *gather(const struct guest_queue *queue, struct vring_used_elem used,
			      uint8_t *to)
{
	for (const struct vring_desc *desc = &queue->desc[used.id];;
	     desc = &queue->desc[desc->next]) {
		uint32_t length = desc->len < used.len ? desc->len : used.len;

		if (desc->flags & VRING_DESC_F_WRITE) {
			memcpy(to, at(desc->addr), length);
			to += length;
			used.len -= length;
		}
		if (!(desc->flags & VRING_DESC_F_NEXT))
			return to;
	}
}

static inline void collect_received(unsigned which)
{
	static uint8_t bytes[NIC_PACKET_MAX + SLOT];
	unsigned index = 2 * which;
	struct guest_queue *queue = &model.queue[index];
	uint16_t end = load16(used_area(index) + 2);

	REQUIRE((uint16_t)(end - queue->seen) <= queue->out);
	while (queue->seen != end) {
		struct vring_used_elem used = collect(index);
		uint32_t size = write_size(queue, used.id);
		uint8_t *to = gather(queue, used, bytes);
		uint16_t buffers;

		if (size < NIC_HEADER) {
			REQUIRE(used.len == 0);
			model.lost++;
			continue;
		}
		REQUIRE(used.len >= NIC_HEADER);
		memcpy(&buffers, bytes + 10, sizeof(buffers));
		REQUIRE(buffers == 1 || (buffers && accepted(VIRTIO_NET_F_MRG_RXBUF)));
		while (--buffers) {
			REQUIRE(used.len == size && queue->seen != end);
			used = collect(index);
			size = write_size(queue, used.id);
			to = gather(queue, used, to);
			REQUIRE(to - bytes <= NIC_PACKET_MAX);
		}
		match(&model.in[which], bytes, (uint32_t)(to - bytes),
		      accepted(VIRTIO_NET_F_GUEST_CSUM));
	}
}

static inline void collect_sent(unsigned which)
{
	unsigned index = 2 * which + 1;
	struct guest_queue *queue = &model.queue[index];
	uint16_t end = load16(used_area(index) + 2);

	REQUIRE((uint16_t)(end - queue->seen) <= queue->out);
	while (queue->seen != end) {
		struct vring_used_elem used = collect(index);

		REQUIRE(used.len == 0);
		if (bytes_of(queue, (uint16_t)used.id, 0) < NIC_HEADER)
			model.lost++;
	}
}

#endif
