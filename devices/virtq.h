/* A split virtqueue (virtio 1.2 §2.7), seen from the device. The driver's side is hostile: each
 * of its fields is read once, and all walking of rings is in virtq_pop. */
#ifndef MAYFLY_VIRTQ_H
#define MAYFLY_VIRTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/ram.h"

#define VIRTQ_SIZE_MAX 256

struct virtq {
	uint32_t size;           /* in descriptors, as the driver wrote it */
	gpa_t desc, avail, used; /* the descriptor table, the driver's area, the device's area */
	bool ready;              /* the four above were checked and stay as they are */
	bool event_idx;          /* VIRTIO_F_EVENT_IDX was negotiated */
	bool suppressed;         /* the driver was told not to kick */
	uint16_t next_avail;     /* index of the next chain to take */
	uint16_t next_used;      /* of the next used element to write; … */
	uint16_t published;      /* … the driver sees those before this one */
	uint16_t announced;      /* used index at the last decision on an interrupt */
};

/* One chain of descriptors: the driver's parts that we read come first, then those that we
 * write. All of them are in RAM, none is empty. Offsets count through all parts of a kind. */
struct chain {
	const struct ram *ram;
	uint16_t head;
	unsigned links;              /* descriptors, empty ones too */
	unsigned readable, writable; /* parts */
	uint32_t read_size, write_size;
	struct {
		gpa_t address;
		uint32_t length;
	} part[VIRTQ_SIZE_MAX];
};

enum virtq_answer { VIRTQ_EMPTY, VIRTQ_OK, VIRTQ_BROKEN };

/* Checks what the driver wrote and makes the queue ready: the size is a power of two, up to
 * VIRTQ_SIZE_MAX; the areas are aligned to 16, 2 and 4 and in RAM. False: it stays as it was. */
bool virtq_enable(struct virtq *queue, const struct ram *ram);

/* Takes the next chain. BROKEN: the driver's ring makes no sense (§2.7.5, §2.7.13); nothing more
 * can be taken until the queue is set up anew. After OK the driver is asked not to kick. */
enum virtq_answer virtq_pop(struct virtq *queue, const struct ram *ram, struct chain *chain);

/* Asks the driver for a kick when it adds a chain. False if there is one already: take that
 * first. */
bool virtq_await_kick(struct virtq *queue, const struct ram *ram);

/* Gives the last CHAINS chains back, as if they had not been taken, and forgets the last PUSHED
 * used elements, which were not published. */
void virtq_rewind(struct virtq *queue, unsigned chains, unsigned pushed);

/* Writes a used element for the chain of HEAD, with WRITTEN bytes in its writable parts. */
void virtq_push(struct virtq *queue, const struct ram *ram, uint16_t head, uint32_t written);

/* Lets the driver see all that was pushed, at once. True if it wants an interrupt for it. */
bool virtq_publish(struct virtq *queue, const struct ram *ram);

/* Copies LENGTH bytes from the chain's readable parts, or into its writable ones, from OFFSET on.
 * False, and nothing copied, if there are fewer. */
bool chain_read(const struct chain *chain, uint32_t offset, void *buffer, uint32_t length);
bool chain_write(const struct chain *chain, uint32_t offset, const void *buffer, uint32_t length);

/* The same bytes as iovecs, for readv and writev; returns how many, 0 if there are fewer bytes. */
unsigned chain_readable_iov(const struct chain *chain, uint32_t offset, uint32_t length,
			    struct iovec iov[VIRTQ_SIZE_MAX]);
unsigned chain_writable_iov(const struct chain *chain, uint32_t offset, uint32_t length,
			    struct iovec iov[VIRTQ_SIZE_MAX]);

#endif
