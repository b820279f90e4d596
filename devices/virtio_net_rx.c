#include "devices/virtio_net_rx.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/uio.h>

enum received { TAKEN, IDLE, STARVED };

static void count_received(struct virtio_net *net, uint32_t bytes)
{
	virtio_count(&net->virtio, STAT_IN, 1);
	virtio_count(&net->virtio, STAT_IN_BYTES, bytes - VIRTIO_NET_HEADER);
}

/* A buffer without room for the header comes back empty (§5.1.6.3.1 forbids it). */
static bool is_usable(struct virtio_net *net, struct virtq *ring, const struct chain *chain)
{
	if (chain->write_size >= VIRTIO_NET_HEADER)
		return true;
	virtq_push(ring, net->virtio.ram, chain->head, 0);
	virtio_count(&net->virtio, STAT_ERRORS, 1);
	return false;
}

/* What of the header is ours to say (§5.1.6.4.1). A driver without GUEST_CSUM must see no flags. */
static void finish_header(const struct virtio_net *net, const struct chain *first, unsigned buffers)
{
	uint16_t number = (uint16_t)buffers;
	uint8_t flags = 0;

	chain_write(first, offsetof(struct virtio_net_hdr_v1, num_buffers), &number,
		    sizeof(number));
	if (!(net->virtio.accepted & VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM)))
		chain_write(first, offsetof(struct virtio_net_hdr_v1, flags), &flags,
			    sizeof(flags));
}

/* Fills a buffer with what of the held packet comes after DONE bytes, and returns how much that is. */
static uint32_t fill(struct virtio_net *net, unsigned index, const struct chain *chain,
		     uint32_t done)
{
	const struct virtio_net_pair *pair = &net->pair[index];
	uint32_t left = pair->held - done;
	uint32_t piece = chain->write_size < left ? chain->write_size : left;

	chain_write(chain, 0, pair->packet + done, piece);
	virtq_push(&net->virtio.queue[2 * index].ring, net->virtio.ram, chain->head, piece);
	return piece;
}

/* The driver gets its buffers back, and the packet waits for more of them; unless they hold all DESCRIPTORS that it has,
 * and are too small together. */
static enum received give_back(struct virtio_net *net, unsigned index, unsigned buffers,
			       unsigned descriptors)
{
	struct virtq *ring = &net->virtio.queue[2 * index].ring;

	virtq_rewind(ring, buffers, buffers);
	if (descriptors < ring->size)
		return STARVED;
	net->pair[index].held = 0;
	virtio_count(&net->virtio, STAT_ERRORS, 1);
	return TAKEN;
}

/* The held packet into as many buffers as it takes (§5.1.6.3.2); all of them appear at once. */
static enum received deliver_held(struct virtio_net *net, unsigned index)
{
	struct virtio_net_pair *pair = &net->pair[index];
	struct virtq *ring = &net->virtio.queue[2 * index].ring;
	struct chain first, rest;
	unsigned buffers = 1;

	if (!virtio_next(&net->virtio, 2 * index, &first))
		return STARVED;
	if (!is_usable(net, ring, &first))
		return TAKEN;
	uint32_t done = fill(net, index, &first, 0);
	for (unsigned links = first.links; done < pair->held; links += rest.links, buffers++) {
		if (links >= ring->size || !virtio_next(&net->virtio, 2 * index, &rest))
			return give_back(net, index, buffers, links);
		done += fill(net, index, &rest, done);
	}
	finish_header(net, &first, buffers);
	count_received(net, pair->held);
	pair->held = 0;
	return TAKEN;
}

/* What of the packet went into the first ROOM bytes of the driver's buffer is brought to the rest of it. */
static void hold(struct virtio_net_pair *pair, const struct chain *chain, uint32_t room,
		 uint32_t bytes)
{
	uint8_t *to = pair->packet;

	for (unsigned i = chain->readable; room; i++) {
		uint32_t length = chain->part[i].length < room ? chain->part[i].length : room;

		ram_read(chain->ram, chain->part[i].address, to, length);
		to += length;
		room -= length;
	}
	pair->held = bytes;
}

static bool means_gone(int error)
{
	return error == EBADFD || error == EBADF || error == EIO || error == ENODEV ||
	       error == ENXIO;
}

/* Nothing was read. A TAP may also refuse to hand out one odd packet, which is lost then. */
static enum received explain(struct virtio_net *net, unsigned index, int error)
{
	struct virtio_net_pair *pair = &net->pair[index];

	if (error == EAGAIN || error == EINTR)
		return IDLE;
	if (!means_gone(error)) {
		virtio_count(&net->virtio, STAT_ERRORS, 1);
		return TAKEN;
	}
	/* A queue that was just detached may say the same as one whose interface is gone. */
	if (index < atomic_load(&net->active)) {
		pair->tap_gone = true;
		if (!atomic_flag_test_and_set(&net->gone_told))
			report("warning: %s is gone: the guest is cut off", net->virtio.label);
	}
	return IDLE;
}

/* Straight into the driver's first buffer; what does not fit there goes to our own memory. */
static enum received receive_packet(struct virtio_net *net, unsigned index)
{
	struct virtio_net_pair *pair = &net->pair[index];
	struct virtq *ring = &net->virtio.queue[2 * index].ring;
	struct iovec iov[VIRTQ_SIZE_MAX + 1];
	struct chain chain;

	if (pair->held)
		return deliver_held(net, index);
	if (!virtio_next(&net->virtio, 2 * index, &chain))
		return STARVED;
	if (!is_usable(net, ring, &chain))
		return TAKEN;
	uint32_t room =
		chain.write_size < sizeof(pair->packet) ? chain.write_size : sizeof(pair->packet);
	unsigned count = chain_writable_iov(&chain, 0, room, iov);
	iov[count] = (struct iovec){pair->packet + room, sizeof(pair->packet) - room};
	ssize_t bytes = readv(pair->tap_fd, iov, (int)count + 1);
	if (bytes > 0 && (uint32_t)bytes <= room) {
		finish_header(net, &chain, 1);
		virtq_push(ring, net->virtio.ram, chain.head, (uint32_t)bytes);
		count_received(net, (uint32_t)bytes);
		return TAKEN;
	}
	virtq_rewind(ring, 1, 0);
	if (bytes <= 0)
		return explain(net, index, bytes ? errno : EAGAIN);
	if (!(net->virtio.accepted & VIRTIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF))) {
		virtio_count(&net->virtio, STAT_ERRORS, 1);
		return TAKEN;
	}
	hold(pair, &chain, room, (uint32_t)bytes);
	return deliver_held(net, index);
}

enum virtio_net_wait virtio_net_receive(struct virtio_net *net, unsigned index)
{
	unsigned queue = 2 * index;
	struct virtq *ring = &net->virtio.queue[queue].ring;
	enum received received = TAKEN;

	if (!virtio_begin(&net->virtio, queue))
		return NET_AWAIT_KICK;
	if (index >= atomic_load(&net->active))
		received = STARVED; /* since we looked last, the driver has let go of the queue */
	for (unsigned i = 0; i < VIRTIO_NET_BATCH && received == TAKEN; i++)
		received = receive_packet(net, index);
	if (ring->next_used != ring->published)
		virtio_publish(&net->virtio, queue);
	bool gone = net->pair[index].tap_gone;
	virtio_end(&net->virtio, queue);
	if (received == TAKEN)
		return NET_MORE;
	return received == IDLE && !gone ? NET_AWAIT_TAP : NET_AWAIT_KICK;
}
