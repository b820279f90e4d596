#include "devices/virtio_net.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "devices/virtio_net_rx.h"

/* Newer than some distributions' headers. */
enum {
	NET_F_GUEST_USO4 = 54,
	NET_F_GUEST_USO6 = 55,
	NET_F_HOST_USO = 56,
	TAP_F_USO4_USO6 = 0x60,
};

#define STALE_MAX 4096 /* packets that a TAP may have kept from before a reset */

static const struct virtio_class class;

static uint64_t features(const struct virtio_net *net)
{
	static const uint8_t always[] = {
		VIRTIO_F_VERSION_1,      VIRTIO_RING_F_EVENT_IDX, VIRTIO_NET_F_MAC,
		VIRTIO_NET_F_STATUS,     VIRTIO_NET_F_MRG_RXBUF,  VIRTIO_NET_F_CSUM,
		VIRTIO_NET_F_HOST_TSO4,  VIRTIO_NET_F_HOST_TSO6,  VIRTIO_NET_F_GUEST_CSUM,
		VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6,
	};
	uint64_t set = 0;

	for (unsigned i = 0; i < sizeof(always); i++)
		set |= VIRTIO_FEATURE(always[i]);
	if (net->config.mtu)
		set |= VIRTIO_FEATURE(VIRTIO_NET_F_MTU);
	if (net->pairs > 1)
		set |= VIRTIO_FEATURE(VIRTIO_NET_F_MQ) | VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_VQ);
	if (net->uso)
		set |= VIRTIO_FEATURE(NET_F_GUEST_USO4) | VIRTIO_FEATURE(NET_F_GUEST_USO6) |
		       VIRTIO_FEATURE(NET_F_HOST_USO);
	return set;
}

void virtio_net_init(struct virtio_net *net)
{
	struct virtio *virtio = &net->virtio;

	net->config.status = VIRTIO_NET_S_LINK_UP;
	net->config.max_virtqueue_pairs = (uint16_t)net->pairs;
	atomic_store(&net->active, 1);
	atomic_store(&net->control, 2 * net->pairs);
	atomic_flag_clear(&net->gone_told);
	virtio->class = &class;
	virtio->offered = features(net);
	virtio->config = (const uint8_t *)&net->config;
	virtio->config_size = sizeof(net->config);
	virtio->queues = net->pairs > 1 ? 2 * net->pairs + 1 : 2;
	for (unsigned i = 0; i < virtio->queues; i++)
		virtio->queue[i].kick_fd =
			net->pair[i / 2 < net->pairs ? i / 2 : net->pairs - 1].kick_fd;
	virtio_init(virtio);
}

static bool accepted(const struct virtio_net *net, unsigned feature)
{
	return net->virtio.accepted & VIRTIO_FEATURE(feature);
}

/* --- the TAP --- */

/* What the TAP may give us, because the driver takes it. The kernel refuses combinations that make no
 * sense, and then it gives plain packets. */
static void set_offload(const struct virtio_net *net)
{
	unsigned offload = 0;

	if (accepted(net, VIRTIO_NET_F_GUEST_CSUM))
		offload |= TUN_F_CSUM;
	if (accepted(net, VIRTIO_NET_F_GUEST_TSO4))
		offload |= TUN_F_TSO4;
	if (accepted(net, VIRTIO_NET_F_GUEST_TSO6))
		offload |= TUN_F_TSO6;
	if (accepted(net, NET_F_GUEST_USO4) && accepted(net, NET_F_GUEST_USO6))
		offload |= TAP_F_USO4_USO6;
	if (ioctl(net->pair[0].tap_fd, TUNSETOFFLOAD, (unsigned long)offload) < 0)
		ioctl(net->pair[0].tap_fd, TUNSETOFFLOAD, 0ul);
}

static void attach(const struct virtio_net *net, unsigned index, bool attached)
{
	struct ifreq request = {
		.ifr_flags = attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE,
	};

	/* It fails only if it is so already. */
	if (net->attach && ioctl(net->pair[index].tap_fd, TUNSETQUEUE, &request) < 0)
		return;
}

/* Returns when nobody is in queue INDEX, which its worker does not serve any more. */
static void let_go(struct virtio_net *net, unsigned index)
{
	if (virtio_begin(&net->virtio, index))
		virtio_end(&net->virtio, index);
}

/* The TAP deals packets out to attached queues: it must not do so to one that nobody reads. */
static void set_active(struct virtio_net *net, unsigned pairs)
{
	unsigned before = atomic_load(&net->active);

	for (unsigned i = before; i < pairs; i++)
		attach(net, i, true);
	atomic_store(&net->active, pairs);
	for (unsigned i = pairs; i < before; i++) {
		attach(net, i, false);
		let_go(net, 2 * i);
		let_go(net, 2 * i + 1);
	}
	for (unsigned i = 0; i < net->pairs; i++)
		virtio_kick(&net->virtio, 2 * i);
}

/* What came before the driver was there is old, and may be of a kind that this driver does not take. */
static void drain(struct virtio_net_pair *pair)
{
	struct iovec iov = {pair->packet, sizeof(pair->packet)};

	for (unsigned i = 0; i < STALE_MAX && readv(pair->tap_fd, &iov, 1) > 0; i++)
		;
	pair->held = 0;
	pair->tap_gone = false;
}

static void start(struct virtio *virtio)
{
	struct virtio_net *net = (struct virtio_net *)virtio;

	/* §5.1.2: after the pairs that there may be. */
	atomic_store(&net->control, accepted(net, VIRTIO_NET_F_MQ) ? 2 * net->pairs : 2);
	set_active(net, 1);
	set_offload(net);
	for (unsigned i = 0; i < net->pairs; i++)
		drain(&net->pair[i]);
}

static const struct virtio_class class = {
	.device_id = VIRTIO_ID_NET,
	.name = "net",
	.stat_name = {"rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "control", "dropped",
		      "kicks", "interrupts", "interrupts_suppressed"},
	.start = start,
};

/* --- the control queue (§5.1.6.5) --- */

static bool obey(struct virtio_net *net, const struct chain *chain)
{
	struct {
		struct virtio_net_ctrl_hdr header;
		uint16_t pairs;
	} __attribute__((packed)) command;

	if (!accepted(net, VIRTIO_NET_F_MQ) || !chain_read(chain, 0, &command, sizeof(command)))
		return false;
	if (command.header.class != VIRTIO_NET_CTRL_MQ ||
	    command.header.cmd != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET)
		return false;
	if (command.pairs < 1 || command.pairs > net->pairs)
		return false;
	set_active(net, command.pairs);
	return true;
}

/* True if there may be more. */
static bool serve_control(struct virtio_net *net, unsigned index)
{
	struct chain chain;
	unsigned served = 0;

	if (!virtio_begin(&net->virtio, index))
		return false;
	/* Which queue it is may have changed with a reset since it was looked up. */
	while (index == atomic_load(&net->control) && served < VIRTIO_NET_BATCH &&
	       virtio_next(&net->virtio, index, &chain)) {
		uint8_t answer = obey(net, &chain) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;

		served++;
		virtio_count(&net->virtio, STAT_OTHER, 1);
		virtio_complete(&net->virtio, index, chain.head,
				chain_write(&chain, 0, &answer, 1) ? 1 : 0);
	}
	virtio_end(&net->virtio, index);
	return served == VIRTIO_NET_BATCH;
}

/* --- from the driver --- */

/* The header goes to the kernel as it is: that checks it, and refuses what makes no sense. */
static bool send_packet(const struct virtio_net_pair *pair, const struct chain *chain)
{
	struct iovec iov[VIRTQ_SIZE_MAX];
	unsigned count = chain_readable_iov(chain, 0, chain->read_size, iov);

	if (chain->read_size < VIRTIO_NET_HEADER || chain->read_size > VIRTIO_NET_PACKET_MAX)
		return false;
	return writev(pair->tap_fd, iov, (int)count) >= 0;
}

/* True if there may be more. */
static bool transmit(struct virtio_net *net, unsigned index)
{
	struct virtio *virtio = &net->virtio;
	unsigned queue = 2 * index + 1, sent = 0;
	struct chain chain;

	if (!virtio_begin(virtio, queue))
		return false;
	/* The driver may have let go of the queue since we looked last. */
	for (; index < atomic_load(&net->active) && sent < VIRTIO_NET_BATCH &&
	       virtio_next(virtio, queue, &chain);
	     sent++) {
		if (send_packet(&net->pair[index], &chain)) {
			virtio_count(virtio, STAT_OUT, 1);
			virtio_count(virtio, STAT_OUT_BYTES, chain.read_size - VIRTIO_NET_HEADER);
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

/* --- workers --- */

static enum virtio_net_wait serve_pair(struct virtio_net *net, unsigned index)
{
	struct virtio_net_pair *pair = &net->pair[index];

	if (index >= atomic_load(&net->active))
		return NET_AWAIT_KICK;
	bool more = transmit(net, index);
	enum virtio_net_wait wait = pair->quiet ? NET_AWAIT_TAP : virtio_net_receive(net, index);
	pair->quiet = false;
	return more ? NET_MORE : wait;
}

enum virtio_net_wait virtio_net_serve(struct virtio_net *net, unsigned index)
{
	unsigned control = atomic_load(&net->control);
	bool is_ours = control < net->virtio.queues &&
		       net->virtio.queue[control].kick_fd == net->pair[index].kick_fd;
	bool more = is_ours && serve_control(net, control);
	enum virtio_net_wait wait = serve_pair(net, index);

	return more ? NET_MORE : wait;
}

static void wait_for_work(struct virtio_net *net, struct virtio_net_pair *pair,
			  enum virtio_net_wait wait)
{
	struct pollfd polls[] = {
		{pair->kick_fd, POLLIN, 0},
		{wait == NET_AWAIT_TAP ? pair->tap_fd : -1, POLLIN, 0},
	};

	if (ppoll(polls, 2, NULL, NULL) < 0)
		return;
	if (polls[0].revents)
		virtio_await(&net->virtio, pair->kick_fd);
	/* Saves a read for each packet that the driver sends. */
	pair->quiet = wait == NET_AWAIT_TAP && !polls[1].revents;
}

_Noreturn void virtio_net_work(struct virtio_net *net, unsigned index)
{
	for (;;) {
		enum virtio_net_wait wait = virtio_net_serve(net, index);

		if (wait != NET_MORE)
			wait_for_work(net, &net->pair[index], wait);
	}
}

/* The driver says how many pairs it uses: by a start (one), or by a command. The first is always attached. */
static void allow_attaching(const struct virtio_net *net, struct sysfilter *filter)
{
	for (unsigned i = 1; net->attach && i < net->pairs; i++)
		sysfilter_allow_ioctl(filter, net->pair[i].tap_fd, 1, TUNSETQUEUE);
}

void virtio_net_allow_registers(const struct virtio_net *net, struct sysfilter *filter)
{
	virtio_allow_registers(&net->virtio, filter);
	/* A start says which offloads the driver takes, … */
	sysfilter_allow_ioctl(filter, net->pair[0].tap_fd, 1, TUNSETOFFLOAD);
	/* … and drops what came before. */
	for (unsigned i = 0; i < net->pairs; i++)
		sysfilter_allow_fd(filter, SYS_readv, net->pair[i].tap_fd);
	allow_attaching(net, filter);
}

void virtio_net_allow_work(const struct virtio_net *net, struct sysfilter *filter)
{
	virtio_allow_work(&net->virtio, filter);
	sysfilter_allow_wait(filter, 2); /* for a kick or a packet */
	for (unsigned i = 0; i < net->pairs; i++) {
		int fd = net->pair[i].tap_fd;

		sysfilter_allow_fd(filter, SYS_readv, fd);                   /* packets come */
		sysfilter_allow_fd(filter, SYS_writev, fd);                  /* and go */
		sysfilter_allow_fd(filter, SYS_write, net->pair[i].kick_fd); /* wake a pair */
	}
	allow_attaching(net, filter);
}
