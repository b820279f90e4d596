#include "devices/virtq.h"

#include <linux/virtio_ring.h>
#include <stdatomic.h>

/* Offsets in the driver's area (§2.7.6) and in the device's (§2.7.8). */
enum { RING_FLAGS = 0, RING_INDEX = 2, RING_ENTRIES = 4, AVAIL_ENTRY = 2, USED_ENTRY = 8 };

static gpa_t at(gpa_t base, uint64_t offset)
{
	return GPA(base.v + offset);
}

static uint64_t avail_bytes(const struct virtq *queue)
{
	return RING_ENTRIES + AVAIL_ENTRY * (uint64_t)queue->size + 2;
}

static uint64_t used_bytes(const struct virtq *queue)
{
	return RING_ENTRIES + USED_ENTRY * (uint64_t)queue->size + 2;
}

/* The 16 bits after each ring: where the other side wants to hear of it (§2.7.7, §2.7.10). */
static gpa_t used_event(const struct virtq *queue)
{
	return at(queue->avail, avail_bytes(queue) - 2);
}

static gpa_t avail_event(const struct virtq *queue)
{
	return at(queue->used, used_bytes(queue) - 2);
}

bool virtq_enable(struct virtq *queue, const struct ram *ram)
{
	uint32_t size = queue->size;

	if (size == 0 || size > VIRTQ_SIZE_MAX || (size & (size - 1)))
		return false;
	if (queue->desc.v % 16 || queue->avail.v % 2 || queue->used.v % 4)
		return false;
	if (!ram_holds(ram, queue->desc, sizeof(struct vring_desc) * size) ||
	    !ram_holds(ram, queue->avail, avail_bytes(queue)) ||
	    !ram_holds(ram, queue->used, used_bytes(queue)))
		return false;
	queue->ready = true;
	return true;
}

/* Appends a descriptor to CHAIN; an empty one leaves no part. */
static bool add_part(struct chain *chain, const struct vring_desc *desc)
{
	bool writable = desc->flags & VRING_DESC_F_WRITE;
	uint32_t *size = writable ? &chain->write_size : &chain->read_size;
	unsigned parts = chain->readable + chain->writable;

	if (desc->flags & VRING_DESC_F_INDIRECT)
		return false; /* not offered */
	if (!writable && chain->writable)
		return false; /* §2.7.4.2: what we read comes first */
	if (desc->len == 0)
		return true;
	/* §2.7.5.2: at most 2^32 bytes. One less here, so that a length is 32 bits. */
	if (desc->len > UINT32_MAX - chain->read_size - chain->write_size)
		return false;
	if (!ram_holds(chain->ram, GPA(desc->addr), desc->len))
		return false;
	chain->part[parts].address = GPA(desc->addr);
	chain->part[parts].length = desc->len;
	*size += desc->len;
	*(writable ? &chain->writable : &chain->readable) += 1;
	return true;
}

/* A chain has at most as many links as the table has descriptors: a loop ends here. */
static bool walk(const struct virtq *queue, uint16_t head, struct chain *chain)
{
	uint16_t next = head;

	for (uint32_t links = 0; links < queue->size; links++) {
		struct vring_desc desc;

		if (next >= queue->size ||
		    !ram_read(chain->ram, at(queue->desc, sizeof(desc) * next), &desc,
			      sizeof(desc)) ||
		    !add_part(chain, &desc))
			return false;
		chain->links = links + 1;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return true;
		next = desc.next;
	}
	return false;
}

static void suppress_kicks(struct virtq *queue, const struct ram *ram)
{
	/* With EVENT_IDX silence is the rule: avail_event stays behind. */
	if (!queue->suppressed && !queue->event_idx)
		ram_store16_release(ram, at(queue->used, RING_FLAGS), VRING_USED_F_NO_NOTIFY);
	queue->suppressed = true;
}

enum virtq_answer virtq_pop(struct virtq *queue, const struct ram *ram, struct chain *chain)
{
	if (!queue->ready)
		return VIRTQ_EMPTY;
	uint16_t index = ram_load16_acquire(ram, at(queue->avail, RING_INDEX));
	uint16_t waiting = (uint16_t)(index - queue->next_avail);

	if (waiting == 0)
		return VIRTQ_EMPTY;
	if (waiting > queue->size)
		return VIRTQ_BROKEN;
	uint64_t entry = queue->next_avail & (queue->size - 1);
	chain->ram = ram;
	chain->readable = chain->writable = 0;
	chain->read_size = chain->write_size = 0;
	chain->head = ram_load16_acquire(ram, at(queue->avail, RING_ENTRIES + AVAIL_ENTRY * entry));
	if (!walk(queue, chain->head, chain))
		return VIRTQ_BROKEN;
	queue->next_avail++;
	suppress_kicks(queue, ram);
	return VIRTQ_OK;
}

bool virtq_await_kick(struct virtq *queue, const struct ram *ram)
{
	if (!queue->ready)
		return true;
	queue->suppressed = false;
	if (queue->event_idx)
		ram_store16_release(ram, avail_event(queue), queue->next_avail);
	else
		ram_store16_release(ram, at(queue->used, RING_FLAGS), 0);
	/* Either the driver sees what we wrote before it adds a chain, or we see the chain. */
	atomic_thread_fence(memory_order_seq_cst);
	return ram_load16_acquire(ram, at(queue->avail, RING_INDEX)) == queue->next_avail;
}

void virtq_rewind(struct virtq *queue, unsigned chains, unsigned pushed)
{
	queue->next_avail = (uint16_t)(queue->next_avail - chains);
	queue->next_used = (uint16_t)(queue->next_used - pushed);
}

void virtq_push(struct virtq *queue, const struct ram *ram, uint16_t head, uint32_t written)
{
	struct vring_used_elem element = {.id = head, .len = written};
	uint64_t entry = queue->next_used++ & (queue->size - 1);

	ram_write(ram, at(queue->used, RING_ENTRIES + USED_ENTRY * entry), &element,
		  sizeof(element));
}

/* §2.7.7.2 and §2.7.10: without EVENT_IDX the driver's flag says it, with it an index does. */
static bool wants_interrupt(struct virtq *queue, const struct ram *ram)
{
	uint16_t since = queue->announced;

	if (!queue->event_idx)
		return !(ram_load16_acquire(ram, at(queue->avail, RING_FLAGS)) &
			 VRING_AVAIL_F_NO_INTERRUPT);
	queue->announced = queue->published;
	uint16_t event = ram_load16_acquire(ram, used_event(queue));
	return (uint16_t)(queue->published - event - 1) < (uint16_t)(queue->published - since);
}

bool virtq_publish(struct virtq *queue, const struct ram *ram)
{
	queue->published = queue->next_used;
	ram_store16_release(ram, at(queue->used, RING_INDEX), queue->published);
	/* The driver's wish is looked at after it can see the index, or both could miss each
	 * other. */
	atomic_thread_fence(memory_order_seq_cst);
	return wants_interrupt(queue, ram);
}

/* --- bytes of a chain --- */

/* Bytes of one part, which lie side by side. */
struct piece {
	gpa_t address;
	uint32_t length;
};

/* On the way through the parts of one kind. */
struct cursor {
	const struct chain *chain;
	unsigned part, end;
	uint32_t offset, left;
};

static bool begin(struct cursor *cursor, const struct chain *chain, bool writable, uint32_t offset,
		  uint32_t length)
{
	uint32_t size = writable ? chain->write_size : chain->read_size;

	*cursor = (struct cursor){
		.chain = chain,
		.part = writable ? chain->readable : 0,
		.end = chain->readable + (writable ? chain->writable : 0),
		.offset = offset,
		.left = length,
	};
	return length <= size && offset <= size - length;
}

static bool next_piece(struct cursor *cursor, struct piece *piece)
{
	for (; cursor->left && cursor->part < cursor->end; cursor->part++) {
		gpa_t address = cursor->chain->part[cursor->part].address;
		uint32_t length = cursor->chain->part[cursor->part].length;

		if (cursor->offset >= length) {
			cursor->offset -= length;
			continue;
		}
		length -= cursor->offset;
		piece->address = at(address, cursor->offset);
		piece->length = length < cursor->left ? length : cursor->left;
		cursor->left -= piece->length;
		cursor->offset = 0;
		cursor->part++;
		return true;
	}
	return false;
}

bool chain_read(const struct chain *chain, uint32_t offset, void *buffer, uint32_t length)
{
	struct cursor cursor;
	struct piece piece;
	uint8_t *to = buffer;

	if (!begin(&cursor, chain, false, offset, length))
		return false;
	for (; next_piece(&cursor, &piece); to += piece.length)
		ram_read(chain->ram, piece.address, to, piece.length);
	return true;
}

bool chain_write(const struct chain *chain, uint32_t offset, const void *buffer, uint32_t length)
{
	struct cursor cursor;
	struct piece piece;
	const uint8_t *from = buffer;

	if (!begin(&cursor, chain, true, offset, length))
		return false;
	for (; next_piece(&cursor, &piece); from += piece.length)
		ram_write(chain->ram, piece.address, from, piece.length);
	return true;
}

static unsigned to_iov(const struct chain *chain, bool writable, uint32_t offset, uint32_t length,
		       struct iovec iov[VIRTQ_SIZE_MAX])
{
	struct cursor cursor;
	struct piece piece;
	unsigned count = 0;

	if (!begin(&cursor, chain, writable, offset, length))
		return 0;
	while (next_piece(&cursor, &piece))
		ram_span(chain->ram, piece.address, piece.length, &iov[count++]);
	return count;
}

unsigned chain_readable_iov(const struct chain *chain, uint32_t offset, uint32_t length,
			    struct iovec iov[VIRTQ_SIZE_MAX])
{
	return to_iov(chain, false, offset, length, iov);
}

unsigned chain_writable_iov(const struct chain *chain, uint32_t offset, uint32_t length,
			    struct iovec iov[VIRTQ_SIZE_MAX])
{
	return to_iov(chain, true, offset, length, iov);
}
