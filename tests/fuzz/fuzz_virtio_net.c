/* The network device between a model driver and a model of the other end of its TAPs: what enters
 * comes out once, in order and unchanged, or is counted as dropped; chains come back once; nobody
 * sleeps while there is work. net_model.h has the model of the driver. */
#define _GNU_SOURCE
#include "net_model.h"

/* --- the other end of the TAP --- */

static void send_from_outside(void)
{
	unsigned what = take8(&model.input), which = what % net.pairs;

	for (unsigned i = 0; i <= what >> 4; i++) {
		struct packet packet = next_packet();

		if (packet.length < NIC_HEADER)
			packet.length = NIC_HEADER;
		if (send(outside[which], pattern + packet.offset, packet.length, 0) < 0)
			return;
		if (model.in[which].count < PENDING_MAX)
			put_packet(&model.in[which], packet);
		else
			model.confused = true;
	}
}

static void receive_outside(unsigned which)
{
	static uint8_t bytes[NIC_PACKET_MAX + 1];
	ssize_t length;

	while ((length = recv(outside[which], bytes, sizeof(bytes), 0)) > 0) {
		if (model.confused)
			continue;
		REQUIRE(length >= NIC_HEADER && length <= NIC_PACKET_MAX);
		match(&model.out[which], bytes, (uint32_t)length, true);
	}
}

/* --- what the driver does --- */

static void add_buffers(void)
{
	unsigned what = take8(&model.input), how = take8(&model.input);
	struct vring_desc part[4];
	unsigned count = 0, index = 2 * (what % net.pairs), cuts = (how >> 4) % 3;
	uint32_t size = sizes[how % 16 % COUNT(sizes)] + take8(&model.input) % 8;

	if (!accepted(VIRTIO_NET_F_MQ) && index)
		return;
	if ((how & 0xc0) == 0xc0)
		part[count++] = (struct vring_desc){0, 5, VRING_DESC_F_NEXT, 0};
	for (; cuts && size >= 3; cuts--) {
		part[count++] =
			(struct vring_desc){0, size / 3, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 0};
		size -= size / 3;
	}
	/* All ones: a buffer that nothing can be written to. */
	part[count++] = (struct vring_desc){0, size, what == 0xff ? 0 : VRING_DESC_F_WRITE, 0};
	if (what == 0xff)
		part[0] = part[count - 1], count = 1;
	for (unsigned i = 0; i <= what >> 3; i++)
		add_chain(index, part, count);
}

static void add_packets(void)
{
	unsigned what = take8(&model.input), which = what % net.pairs;

	if (!accepted(VIRTIO_NET_F_MQ))
		which = 0;
	for (unsigned i = 0; i <= what >> 4; i++) {
		struct packet packet = next_packet();
		uint32_t left = packet.length;
		struct vring_desc part[8];
		unsigned count = 0;

		for (unsigned cuts = take8(&model.input) % 7; cuts-- && left > 1; count++) {
			uint32_t cut = 1 + take8(&model.input) % (left - 1) % 16;

			part[count] = (struct vring_desc){0, cut, VRING_DESC_F_NEXT, 0};
			left -= cut;
		}
		part[count++] = (struct vring_desc){0, left, 0, 0};
		int head = add_chain(2 * which + 1, part, count);
		if (head < 0)
			return;
		fill(2 * which + 1, (uint16_t)head, pattern + packet.offset);
		if (packet.length >= NIC_HEADER)
			put_packet(&model.out[which], packet);
	}
}

/* A command and its answer, at once. */
static void command(void)
{
	uint8_t what = take8(&model.input);
	uint8_t bytes[4] = {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, what % 4, 0};
	struct vring_desc part[] = {{0, 2, VRING_DESC_F_NEXT, 0},
				    {0, what & 0x80 ? 1 : 2, VRING_DESC_F_NEXT, 0},
				    {0, 1, VRING_DESC_F_WRITE, 0}};
	unsigned index = control_queue(), count = 3;
	bool fine =
		accepted(VIRTIO_NET_F_MQ) && !(what & 0xf0) && what % 4 >= 1 && what % 4 <= PAIRS;

	if (net.pairs == 1 || model.confused)
		return;
	if (what & 0x70)
		bytes[what >> 4 & 1] ^= what >> 4;
	if ((what & 0x7f) == 0x7f)
		part[1].flags = 0, count = 2;
	int head = add_chain(index, part, count);
	if (head < 0)
		return;
	const struct vring_desc *desc = &model.queue[index].desc[head];
	memcpy(at(desc->addr), bytes, 2);
	desc = &model.queue[index].desc[desc->next];
	memcpy(at(desc->addr), bytes + 2, 2);
	uint8_t *answer = at(model.queue[index].desc[desc->next].addr);
	if (count == 3)
		*answer = 0x55;
	virtio_net_serve(&net, PAIRS - 1);
	REQUIRE(load16(used_area(index) + 2) == (uint16_t)(model.queue[index].seen + 1));
	REQUIRE(collect(index).len == count - 2);
	if (count == 3)
		REQUIRE(*answer == (fine ? VIRTIO_NET_OK : VIRTIO_NET_ERR));
	if (fine)
		model.active = what % 4;
	for (unsigned i = 0; i < net.pairs; i++)
		REQUIRE(atomic_load(&pair[i].state.active) == (i < model.active));
	if (accepted(VIRTIO_NET_F_MQ)) {
		collect_received(PAIRS - 1);
		receive_outside(PAIRS - 1);
		collect_sent(PAIRS - 1);
	}
}

/* --- serving --- */

/* The driver is asked for a kick when it adds to queue INDEX. */
static bool is_asked(unsigned index)
{
	const struct guest_queue *queue = &model.queue[index];

	if (accepted(VIRTIO_RING_F_EVENT_IDX))
		return load16(used_area(index) + 4 + 8 * queue->size) == queue->avail;
	return load16(used_area(index)) == 0;
}

static void check_wait(unsigned which, enum virtio_net_wait wait)
{
	if (which >= model.active) {
		REQUIRE(wait == NET_AWAIT_KICK);
		REQUIRE(load16(used_area(2 * which) + 2) == model.queue[2 * which].seen);
		REQUIRE(load16(used_area(2 * which + 1) + 2) == model.queue[2 * which + 1].seen);
		return;
	}
	REQUIRE(is_asked(2 * which + 1) && model.queue[2 * which + 1].out == 0);
	if (wait == NET_AWAIT_KICK)
		REQUIRE(is_asked(2 * which));
	else
		REQUIRE(model.queue[2 * which].out);
	model.lost += wait == NET_AWAIT_NIC ? model.in[which].count : 0;
	if (wait == NET_AWAIT_NIC)
		model.in[which].count = 0;
}

static enum virtio_net_wait serve(unsigned which)
{
	uint64_t signals;
	uint16_t before = model.queue[2 * which].seen;
	enum virtio_net_wait wait = virtio_net_serve(&net, which);

	if (model.confused) {
		receive_outside(which);
		return NET_AWAIT_KICK;
	}
	REQUIRE(!is_broken());
	if (which < model.active) {
		collect_received(which);
		collect_sent(which);
	}
	receive_outside(which);
	bool heard = read(net.virtio.irq_fd, &signals, sizeof(signals)) > 0;
	if (model.queue[2 * which].seen != before && which < model.active &&
	    !accepted(VIRTIO_RING_F_EVENT_IDX))
		REQUIRE(heard);
	if (wait != NET_MORE)
		check_wait(which, wait);
	return wait;
}

static void serve_out(unsigned which)
{
	unsigned rounds = 0;

	while (serve(which) == NET_MORE)
		REQUIRE(++rounds < 100);
}

/* --- a session --- */

static void set(unsigned offset, uint32_t value)
{
	virtio_mmio_write(&mmio, offset, 4, value);
}

static void set_up_queue(unsigned index, uint32_t size)
{
	fresh_queue(index, size);
	set(VIRTIO_MMIO_QUEUE_SEL, index);
	set(VIRTIO_MMIO_QUEUE_NUM, size);
	set(VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)rings(index));
	set(VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)avail_area(index));
	set(VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)used_area(index));
	set(VIRTIO_MMIO_QUEUE_READY, 1);
}

static void start_session(void)
{
	unsigned what = take8(&model.input);
	uint64_t without = 0;

	for (unsigned i = 0; i < net.pairs; i++)
		nic.queue[i].fd = inside[i];
	set(VIRTIO_MMIO_STATUS, 0);
	without |= what & 1 ? VIRTIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF) : 0;
	without |= what & 2 ? VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX) : 0;
	without |= what >= 0xd8 ? VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM) : 0;
	without |= what & 4 ? VIRTIO_FEATURE(VIRTIO_NET_F_MQ) : 0;
	model.accepted = net.virtio.offered & ~without;
	set(VIRTIO_MMIO_STATUS, 3);
	for (unsigned half = 0; half < 2; half++) {
		set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		set(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(model.accepted >> 32 * half));
	}
	set(VIRTIO_MMIO_STATUS, 11);
	for (unsigned i = 0; i < net.virtio.queues; i++)
		set_up_queue(i, 1u << (what >> 3) % 9);
	set(VIRTIO_MMIO_STATUS, 15);
	model.active = 1;
	model.confused = false;
	for (unsigned i = 0; i < net.pairs; i++)
		model.in[i].count = model.out[i].count = 0;
	model.lost = atomic_load(&net.virtio.stat[STAT_ERRORS]);
}

/* Room for all that is still on its way to an active pair; false if a full ring of chains with
 * several parts cannot take it. */
static bool serve_all(unsigned which)
{
	const struct vring_desc part = {0, NIC_PACKET_MAX, VRING_DESC_F_WRITE, 0};

	do {
		while (add_chain(2 * which, &part, 1) >= 0)
			;
		serve_out(which);
	} while (model.in[which].count && model.queue[2 * which].free_count);
	model.lost += model.out[which].count;
	model.out[which].count = 0;
	return !model.in[which].count;
}

/* What was lost was counted. For a pair that is not served any more it is not known which was. */
static void end_session(void)
{
	uint64_t unknown = 0;

	if (model.confused)
		return;
	for (unsigned i = 0; i < net.pairs; i++) {
		if (i >= model.active)
			unknown += model.in[i].count + model.out[i].count;
		else if (!serve_all(i))
			return;
	}
	uint64_t counted = atomic_load(&net.virtio.stat[STAT_ERRORS]);
	REQUIRE(counted >= model.lost && counted <= model.lost + unknown);
}

static void flip(void)
{
	unsigned where = take16(&model.input);

	if (where & 0xc0)
		return;
	model.confused = true;
	uint64_t place = rings(where % net.virtio.queues) + (where >> 8) * 0x20 % 0x2000;
	place += model.may_fail ? take8(&model.input) % 32 : where >> 3 & 7;
	*at(place) ^= take8(&model.input);
}

/* The interface goes away, or does something odd; the driver is cut off and nothing else. */
static void spoil_tap(void)
{
	unsigned what = take8(&model.input), which = what % net.pairs;

	bool was_gone = nic.queue[which].gone;

	end_session();
	model.confused = true;
	nic.queue[which].fd = what & 2 ? deaf : directory;
	for (unsigned i = what >> 4; i; i--)
		virtio_net_serve(&net, which);
	REQUIRE(!nic.queue[which].gone || was_gone || what & 2);
}

static void step(void)
{
	unsigned what = take8(&model.input);

	switch (what % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		add_buffers();
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		send_from_outside();
		break;
	case 8:
	case 9:
		add_packets();
		break;
	case 10:
		command();
		break;
	case 11:
		if (model.may_fail && what >= 0xc0)
			spoil_tap();
		else
			flip();
		break;
	case 12:
		end_session();
		start_session();
		break;
	case 13:
		serve(what / 16 % net.pairs);
		break;
	default:
		serve_out(what / 16 % net.pairs);
	}
}

/* --- once --- */

static int event(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	REQUIRE(fd >= 0);
	return fd;
}

static void prepare(void)
{
	static struct problem problem;
	uint32_t seed = 1;

	REQUIRE(ram_reserve(&ram, 96 << 20, 0, 3ull << 30, 4ull << 30, &problem));
	for (unsigned i = 0; i < PATTERN; i++) {
		seed = seed * 1664525 + 1013904223;
		pattern[i] = (uint8_t)(seed >> 24);
	}
	net.virtio.irq_fd = event();
	deaf = open("/", O_PATH | O_CLOEXEC);
	directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(deaf >= 0 && directory >= 0);
	for (unsigned i = 0; i < PAIRS; i++) {
		int ends[2];

		REQUIRE(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
		nic.queue[i].fd = inside[i] = ends[0];
		outside[i] = ends[1];
		pair[i].kick_fd = event();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!ram_host(&ram, 0))
		prepare();
	model.input = (struct input){data, size};
	unsigned what = take8(&model.input);
	int irq_fd = net.virtio.irq_fd;
	static bool said;

	model.may_fail = what & 0x80;
	net = (struct virtio_net){
		.virtio = {.ram = &ram, .label = "tap0", .irq_fd = irq_fd},
		.pair = pair,
	};
	nic.name = "tap0";
	nic.queues = what & 1 ? PAIRS : 1;
	nic.offloads = NIC_CSUM | NIC_TSO4 | NIC_TSO6 | (what & 2 ? NIC_USO4 | NIC_USO6 : 0u);
	nic.attach = what & 8; /* which a socket does not know; that is no harm */
	nic.mtu = what & 4 ? 1500 : 0;
	nic_init(&nic);
	virtio_net_init(&net, &nic);
	atomic_flag_test_and_set(&net.virtio.complained); /* quiet */
	if (said)
		atomic_flag_test_and_set(&nic.gone_told); /* once is enough for the log */
	virtio_mmio_init(&mmio, &net.virtio);
	start_session();
	while (model.input.size)
		step();
	end_session();
	for (unsigned i = 0; i < net.pairs; i++)
		said |= nic.queue[i].gone;
	return 0;
}
