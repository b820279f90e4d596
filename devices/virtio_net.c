#include "devices/virtio_net.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/syscall.h>

/* Newer than some distributions' headers. */
enum { NET_F_GUEST_USO4 = 54, NET_F_GUEST_USO6 = 55, NET_F_HOST_USO = 56 };

_Static_assert(NIC_QUEUES_MAX == VIRTIO_WORKERS_MAX, "a worker for each queue of a NIC");

static const struct virtio_class class;

/* Features that say the same of the driver's packets and of the NIC's. */
static const struct {
	uint8_t host_bit, guest_bit;
	uint8_t offload;
} offloads[] = {
	{VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, NIC_CSUM},
	{VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_GUEST_TSO4, NIC_TSO4},
	{VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_GUEST_TSO6, NIC_TSO6},
	{NET_F_HOST_USO, NET_F_GUEST_USO4, NIC_USO4},
	{NET_F_HOST_USO, NET_F_GUEST_USO6, NIC_USO6},
};

enum { OFFLOADS = sizeof(offloads) / sizeof(offloads[0]) };

static uint64_t features(const struct virtio_net *net)
{
	uint64_t set = VIRTIO_FEATURE(VIRTIO_F_VERSION_1) |
		       VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX) | VIRTIO_FEATURE(VIRTIO_NET_F_MAC) |
		       VIRTIO_FEATURE(VIRTIO_NET_F_STATUS) | VIRTIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF);

	for (unsigned i = 0; i < OFFLOADS; i++)
		if (net->nic->offloads & offloads[i].offload)
			set |= VIRTIO_FEATURE(offloads[i].host_bit) |
			       VIRTIO_FEATURE(offloads[i].guest_bit);
	if (net->config.mtu)
		set |= VIRTIO_FEATURE(VIRTIO_NET_F_MTU);
	if (net->pairs > 1)
		set |= VIRTIO_FEATURE(VIRTIO_NET_F_MQ) | VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_VQ);
	return set;
}

static void fill_config(struct virtio_net *net)
{
	net->config = (struct virtio_net_config){
		.status = VIRTIO_NET_S_LINK_UP,
		.max_virtqueue_pairs = (uint16_t)net->pairs,
		.mtu = net->nic->mtu,
	};
	memcpy(net->config.mac, net->nic->mac, sizeof(net->config.mac));
}

static void make_pairs(struct virtio_net *net)
{
	for (unsigned i = 0; i < net->pairs; i++) {
		net->pair[i].virtio = &net->virtio;
		net->pair[i].nic = net->nic;
		net->pair[i].index = i;
		atomic_store(&net->pair[i].state.active, i == 0);
	}
}

void virtio_net_init(struct virtio_net *net, struct nic *nic)
{
	struct virtio *virtio = &net->virtio;

	net->nic = nic;
	net->pairs = nic->queues;
	fill_config(net);
	make_pairs(net);
	atomic_store(&net->control, 2 * net->pairs);
	virtio->class = &class;
	virtio->offered = features(net);
	virtio->config = (const uint8_t *)&net->config;
	virtio->config_size = sizeof(net->config);
	virtio->workers = net->pairs;
	virtio->queues = net->pairs > 1 ? 2 * net->pairs + 1 : 2;
	for (unsigned i = 0; i < virtio->queues; i++)
		virtio->queue[i].kick_fd =
			net->pair[i / 2 < net->pairs ? i / 2 : net->pairs - 1].kick_fd;
	virtio_init(virtio);
}

static bool accepted(const struct virtio_net *net, unsigned feature)
{
	return net->virtio.state.accepted & VIRTIO_FEATURE(feature);
}

/* --- a start, and which pairs are in use --- */

/* The NIC may give what the driver takes. */
static void set_offloads(const struct virtio_net *net)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < OFFLOADS; i++)
		if (accepted(net, offloads[i].guest_bit))
			taken |= offloads[i].offload;
	nic_set_offloads(net->nic, taken);
}

/* Returns when nobody is in queue INDEX, which its worker does not serve any more. */
static void let_go(struct virtio_net *net, unsigned index)
{
	if (virtio_begin(&net->virtio, index))
		virtio_end(&net->virtio, index);
}

/* The NIC deals packets out to attached queues: it must not do so to one that nobody reads. */
static void set_active(struct virtio_net *net, unsigned pairs)
{
	for (unsigned i = 0; i < net->pairs; i++) {
		bool active = i < pairs;

		if (atomic_load(&net->pair[i].state.active) == active)
			continue;
		if (active)
			nic_attach(net->nic, i, true);
		atomic_store(&net->pair[i].state.active, active);
		if (active)
			continue;
		nic_attach(net->nic, i, false);
		let_go(net, 2 * i);
		let_go(net, 2 * i + 1);
	}
	for (unsigned i = 0; i < net->pairs; i++)
		virtio_kick(&net->virtio, 2 * i);
}

static void start(struct virtio *virtio)
{
	struct virtio_net *net = (struct virtio_net *)virtio;

	/* §5.1.2: after the pairs that there may be. */
	atomic_store(&net->control, accepted(net, VIRTIO_NET_F_MQ) ? 2 * net->pairs : 2);
	set_active(net, 1);
	set_offloads(net);
	/* What came before is old, and may be of a kind that this driver does not take. */
	for (unsigned i = 0; i < net->pairs; i++)
		virtio_net_pair_drain(&net->pair[i]);
}

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

/* --- workers --- */

enum virtio_net_wait virtio_net_serve(struct virtio_net *net, unsigned index)
{
	unsigned control = atomic_load(&net->control);
	bool is_ours = control < net->virtio.queues &&
		       net->virtio.queue[control].kick_fd == net->pair[index].kick_fd;
	bool more = is_ours && serve_control(net, control);
	enum virtio_net_wait wait = virtio_net_pair_serve(&net->pair[index]);

	return more ? NET_MORE : wait;
}

static void work(struct virtio *virtio, unsigned index)
{
	struct virtio_net *net = (struct virtio_net *)virtio;

	for (;;) {
		enum virtio_net_wait wait = virtio_net_serve(net, index);

		if (wait != NET_MORE)
			virtio_net_pair_await(&net->pair[index], wait);
	}
}

static void allow_registers(const struct virtio *virtio, struct sysfilter *filter)
{
	nic_allow_start(((const struct virtio_net *)virtio)->nic, filter);
}

static void allow_work(const struct virtio *virtio, struct sysfilter *filter)
{
	const struct virtio_net *net = (const struct virtio_net *)virtio;

	sysfilter_allow_wait(filter, 2); /* for a kick or a packet */
	for (unsigned i = 0; i < net->pairs; i++)
		sysfilter_allow_fd(filter, SYS_write, net->pair[i].kick_fd); /* wake a pair */
	nic_allow_work(net->nic, filter);
}

static const struct virtio_class class = {
	.device_id = VIRTIO_ID_NET,
	.name = "net",
	.stat_name = {"rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "control", "dropped",
		      "kicks", "interrupts", "interrupts_suppressed"},
	.start = start,
	.work = work,
	.allow_registers = allow_registers,
	.allow_work = allow_work,
};
