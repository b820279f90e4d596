#include "devices/virtio_net_pair.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <poll.h>

_Static_assert(NIC_HEADER == sizeof(struct virtio_net_hdr_v1), "the header of a NIC's packets");

/* The driver's queues. */
static unsigned receiving(const struct virtio_net_pair *pair)
{
	return 2 * pair->index;
}

static unsigned sending(const struct virtio_net_pair *pair)
{
	return 2 * pair->index + 1;
}

static struct virtq *receiving_ring(struct virtio_net_pair *pair)
{
	return &pair->virtio->queue[receiving(pair)].ring;
}

/* --- to the driver --- */

enum received { TAKEN, IDLE, STARVED };

static void count_received(struct virtio_net_pair *pair, uint32_t bytes)
{
	virtio_count(pair->virtio, STAT_IN, 1);
	virtio_count(pair->virtio, STAT_IN_BYTES, bytes - NIC_HEADER);
}

/* A buffer without room for the header comes back empty (§5.1.6.3.1 forbids it). */
static bool is_usable(struct virtio_net_pair *pair, struct virtq *ring, const struct chain *chain)
{
	if (chain->write_size >= NIC_HEADER)
		return true;
	virtq_push(ring, pair->virtio->ram, chain->head, 0);
	virtio_count(pair->virtio, STAT_ERRORS, 1);
	return false;
}

/* The fields of the header that are ours to say (§5.1.6.4.1). A driver without GUEST_CSUM must
 * see no flags. */
static void finish_header(const struct virtio_net_pair *pair, const struct chain *first,
			  unsigned buffers)
{
	uint16_t number = (uint16_t)buffers;
	uint8_t flags = 0;

	chain_write(first, offsetof(struct virtio_net_hdr_v1, num_buffers), &number,
		    sizeof(number));
	if (!(pair->virtio->state.accepted & VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM)))
		chain_write(first, offsetof(struct virtio_net_hdr_v1, flags), &flags,
			    sizeof(flags));
}

/* Fills a buffer with the held packet's bytes after DONE, and returns how many it took. */
static uint32_t fill(struct virtio_net_pair *pair, const struct chain *chain, uint32_t done)
{
	uint32_t left = pair->state.held - done;
	uint32_t piece = chain->write_size < left ? chain->write_size : left;

	chain_write(chain, 0, pair->state.packet + done, piece);
	virtq_push(receiving_ring(pair), pair->virtio->ram, chain->head, piece);
	return piece;
}

/* The driver gets its buffers back, and the packet waits for more of them; unless they hold all
 * DESCRIPTORS that it has, and are too small together. */
static enum received give_back(struct virtio_net_pair *pair, unsigned buffers, unsigned descriptors)
{
	struct virtq *ring = receiving_ring(pair);

	virtq_rewind(ring, buffers, buffers);
	if (descriptors < ring->size)
		return STARVED;
	pair->state.held = 0;
	virtio_count(pair->virtio, STAT_ERRORS, 1);
	return TAKEN;
}

/* The held packet into as many buffers as it takes (§5.1.6.3.2); all of them appear at once. */
static enum received deliver_held(struct virtio_net_pair *pair)
{
	struct virtq *ring = receiving_ring(pair);
	struct chain first, rest;
	unsigned buffers = 1;

	if (!virtio_next(pair->virtio, receiving(pair), &first))
		return STARVED;
	if (!is_usable(pair, ring, &first))
		return TAKEN;
	uint32_t done = fill(pair, &first, 0);
	for (unsigned links = first.links; done < pair->state.held;
	     links += rest.links, buffers++) {
		if (links >= ring->size || !virtio_next(pair->virtio, receiving(pair), &rest))
			return give_back(pair, buffers, links);
		done += fill(pair, &rest, done);
	}
	finish_header(pair, &first, buffers);
	count_received(pair, pair->state.held);
	pair->state.held = 0;
	return TAKEN;
}

/* The first ROOM bytes of the packet went into the driver's buffer; they join the rest in PAIR's
 * own memory. */
static void hold(struct virtio_net_pair *pair, const struct chain *chain, uint32_t room,
		 uint32_t bytes)
{
	uint8_t *to = pair->state.packet;

	for (unsigned i = chain->readable; room; i++) {
		uint32_t length = chain->part[i].length < room ? chain->part[i].length : room;

		ram_read(chain->ram, chain->part[i].address, to, length);
		to += length;
		room -= length;
	}
	pair->state.held = bytes;
}

/* No packet came. */
static enum received explain(struct virtio_net_pair *pair, enum nic_answer answer)
{
	if (answer == NIC_LOST) {
		virtio_count(pair->virtio, STAT_ERRORS, 1);
		return TAKEN;
	}
	/* A queue that was just detached may say the same as one whose interface is gone. */
	if (answer == NIC_GONE && atomic_load(&pair->state.active))
		nic_cut_off(pair->nic, pair->index);
	return IDLE;
}

/* Straight into the driver's first buffer; what does not fit there goes to our own memory. */
static enum received receive_packet(struct virtio_net_pair *pair)
{
	struct virtq *ring = receiving_ring(pair);
	struct iovec iov[VIRTQ_SIZE_MAX + 1];
	struct chain chain;

	if (pair->state.held)
		return deliver_held(pair);
	if (!virtio_next(pair->virtio, receiving(pair), &chain))
		return STARVED;
	if (!is_usable(pair, ring, &chain))
		return TAKEN;
	uint32_t room = chain.write_size < sizeof(pair->state.packet) ? chain.write_size
								      : sizeof(pair->state.packet);
	unsigned count = chain_writable_iov(&chain, 0, room, iov);
	iov[count] = (struct iovec){pair->state.packet + room, sizeof(pair->state.packet) - room};
	uint32_t bytes = 0;
	enum nic_answer answer = nic_receive(pair->nic, pair->index, iov, count + 1, &bytes);
	if (answer == NIC_PACKET && bytes <= room) {
		finish_header(pair, &chain, 1);
		virtq_push(ring, pair->virtio->ram, chain.head, bytes);
		count_received(pair, bytes);
		return TAKEN;
	}
	virtq_rewind(ring, 1, 0);
	if (answer != NIC_PACKET)
		return explain(pair, answer);
	if (!(pair->virtio->state.accepted & VIRTIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF))) {
		virtio_count(pair->virtio, STAT_ERRORS, 1);
		return TAKEN;
	}
	hold(pair, &chain, room, bytes);
	return deliver_held(pair);
}

/* Brings packets from the NIC to the driver, and says what to wait for. */
static enum virtio_net_wait receive(struct virtio_net_pair *pair)
{
	struct virtq *ring = receiving_ring(pair);
	enum received received = TAKEN;

	if (!virtio_begin(pair->virtio, receiving(pair)))
		return NET_AWAIT_KICK;
	if (!atomic_load(&pair->state.active))
		received = STARVED; /* since we looked last, the driver has let go of the queue */
	for (unsigned i = 0; i < VIRTIO_NET_BATCH && received == TAKEN; i++)
		received = receive_packet(pair);
	if (ring->next_used != ring->published)
		virtio_publish(pair->virtio, receiving(pair));
	bool gone = pair->nic->queue[pair->index].gone;
	virtio_end(pair->virtio, receiving(pair));
	if (received == TAKEN)
		return NET_MORE;
	return received == IDLE && !gone ? NET_AWAIT_NIC : NET_AWAIT_KICK;
}

void virtio_net_pair_drain(struct virtio_net_pair *pair)
{
	nic_drain(pair->nic, pair->index, pair->state.packet);
	pair->state.held = 0;
}

/* --- from the driver --- */

static bool send_packet(const struct virtio_net_pair *pair, const struct chain *chain)
{
	struct iovec iov[VIRTQ_SIZE_MAX];
	unsigned count = chain_readable_iov(chain, 0, chain->read_size, iov);

	if (chain->read_size < NIC_HEADER || chain->read_size > NIC_PACKET_MAX)
		return false;
	return nic_send(pair->nic, pair->index, iov, count);
}

/* True if there may be more. */
static bool transmit(struct virtio_net_pair *pair)
{
	struct virtio *virtio = pair->virtio;
	unsigned queue = sending(pair), sent = 0;
	struct chain chain;

	if (!virtio_begin(virtio, queue))
		return false;
	/* The driver may have let go of the queue since we looked last. */
	for (; atomic_load(&pair->state.active) && sent < VIRTIO_NET_BATCH &&
	       virtio_next(virtio, queue, &chain);
	     sent++) {
		if (send_packet(pair, &chain)) {
			virtio_count(virtio, STAT_OUT, 1);
			virtio_count(virtio, STAT_OUT_BYTES, chain.read_size - NIC_HEADER);
		} else {
			virtio_count(virtio, STAT_ERRORS, 1);
		}
		virtq_push(&virtio->queue[queue].ring, virtio->ram, chain.head, 0);
	}
	if (sent)
		virtio_publish(virtio, queue);
	virtio_end(virtio, queue);
	return sent == VIRTIO_NET_BATCH;
}

/* --- both --- */

enum virtio_net_wait virtio_net_pair_serve(struct virtio_net_pair *pair)
{
	if (!atomic_load(&pair->state.active))
		return NET_AWAIT_KICK;
	bool more = transmit(pair);
	enum virtio_net_wait wait = pair->state.quiet ? NET_AWAIT_NIC : receive(pair);
	pair->state.quiet = false;
	return more ? NET_MORE : wait;
}

void virtio_net_pair_await(struct virtio_net_pair *pair, enum virtio_net_wait wait)
{
	int fd = pair->nic->queue[pair->index].fd;
	struct pollfd polls[] = {
		{pair->kick_fd, POLLIN, 0},
		{wait == NET_AWAIT_NIC ? fd : -1, POLLIN, 0},
	};

	if (ppoll(polls, 2, NULL, NULL) < 0)
		return;
	if (polls[0].revents)
		virtio_await(pair->virtio, pair->kick_fd);
	/* Saves a read for each packet that the driver sends. */
	pair->state.quiet = wait == NET_AWAIT_NIC && !polls[1].revents;
}
