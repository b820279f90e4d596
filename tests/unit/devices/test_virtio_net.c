/* The network device, by virtio 1.2 §5.1 and its headers: packet sockets stand for TAP queues (they refuse TUNSET*, which
 * the device must live with), and one test has a real TAP. */
#include "devices/virtio_net.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "driver.h"
#include "rules.h"

/* Feature bits, once more and from the specification (§5.1.3, §6). */
enum {
	F_CSUM = 0,
	F_GUEST_CSUM = 1,
	F_MTU = 3,
	F_MAC = 5,
	F_GUEST_TSO4 = 7,
	F_GUEST_TSO6 = 8,
	F_HOST_TSO4 = 11,
	F_HOST_TSO6 = 12,
	F_MRG_RXBUF = 15,
	F_STATUS = 16,
	F_CTRL_VQ = 17,
	F_MQ = 22,
	F_EVENT_IDX = 29,
	F_VERSION_1 = 32,
	F_GUEST_USO4 = 54,
	F_GUEST_USO6 = 55,
	F_HOST_USO = 56,
};

enum { CTRL_MQ = 4, VQ_PAIRS_SET = 0, ACK_OK = 0, ACK_ERR = 1 };

enum {
	MEMORY = 16 << 20,
	RINGS = 0x10000,
	BUFFERS = 1 << 20,
	BUFFER = 0x2000,              /* from one to the next; a large one takes several */
	QUEUE_BUFFERS = 256 * BUFFER, /* for one queue */
	HEADER = 12,
	LARGEST = 12 + 65535 + 14 + 4,
	NUM_BUFFERS = 10, /* offset in the header */
	PAIRS = 3,        /* in tests of several */
	SAMPLE = 1 << 17,
};

#define ALL UINT64_MAX
#define BIT(number) (1ull << (number))
#define PLAIN ~BIT(F_EVENT_IDX)

static struct ram ram;
static struct nic nic;
static struct virtio_net net;
static struct virtio_net_pair pairs[NIC_QUEUES_MAX];
static struct virtio_mmio mmio;
static struct driver driver;
static int outside[NIC_QUEUES_MAX];      /* the other ends of the TAPs */
static uint8_t sample[SAMPLE + LARGEST]; /* packets are pieces of it */
static uint8_t bytes[LARGEST + 1];

/* --- a device --- */

static void close_ends(void)
{
	for (unsigned i = 0; i < nic.queues; i++) {
		close(nic.queue[i].fd);
		close(pairs[i].kick_fd);
		close(outside[i]);
	}
	close(net.virtio.irq_fd);
	nic.queues = 0;
}

/* The device as the caller of virtio_net_init prepares it. */
static void prepare(unsigned count)
{
	close_ends();
	memset(&net, 0, sizeof(net));
	net.virtio.ram = &ram;
	net.virtio.label = "tap0";
	net.virtio.irq_fd = make_event();
	nic = (struct nic){
		.name = "tap0", .queues = count, .offloads = NIC_CSUM | NIC_TSO4 | NIC_TSO6};
	nic_init(&nic);
	net.pair = pairs;
	for (unsigned i = 0; i < count; i++) {
		int ends[2];

		assert_int_equal(
			socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
		memset(&pairs[i], 0, sizeof(pairs[i]));
		nic.queue[i].fd = ends[0];
		pairs[i].kick_fd = make_event();
		outside[i] = ends[1];
	}
}

static void create(unsigned count)
{
	prepare(count);
	virtio_net_init(&net, &nic);
	virtio_mmio_init(&mmio, &net.virtio);
	driver = (struct driver){.mmio = &mmio, .ram = &ram};
}

/* Up to where DRIVER_OK is missing, with what FEATURES is offered. */
static void begin(uint64_t features, uint32_t queue_size)
{
	assert_true(driver_negotiate(&driver, driver_offered(&driver) & features));
	for (unsigned i = 0; i < net.virtio.queues; i++)
		assert_true(driver_set_up_queue(&driver, i, queue_size, RINGS + i * DRIVER_RINGS));
}

static void start(uint64_t features, uint32_t queue_size)
{
	begin(features, queue_size);
	driver_go(&driver);
	take_event(net.virtio.irq_fd);
}

static void go(unsigned count, uint64_t features, uint32_t queue_size)
{
	create(count);
	start(features, queue_size);
}

static int set_up(void **state)
{
	(void)state;
	go(1, ALL, 256);
	alarm(20); /* nothing here may hang */
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	return 0;
}

static int reserve(void **state)
{
	struct problem problem;
	uint32_t random = 1;

	(void)state;
	for (unsigned i = 0; i < sizeof(sample); i++)
		sample[i] = (uint8_t)next_random(&random);
	net.virtio.irq_fd = -1;
	return ram_reserve(&ram, MEMORY, 0, 3 * GIB, 4 * GIB, &problem) ? 0 : -1;
}

static int release(void **state)
{
	(void)state;
	close_ends();
	ram_release(&ram);
	return 0;
}

/* --- what may be asked of it --- */

static uint64_t stat(enum virtio_stat which)
{
	return atomic_load(&net.virtio.stat[which]);
}

static bool has(unsigned feature)
{
	return net.virtio.accepted & BIT(feature);
}

/* What the device writes at the same time, maybe. */
static uint16_t load16(uint64_t address)
{
	return ram_load16_acquire(&ram, GPA(address));
}

static unsigned used_index(unsigned queue)
{
	return load16(driver.queue[queue].used + 2);
}

static uint16_t used_flags(unsigned queue)
{
	return load16(driver.queue[queue].used);
}

static uint16_t avail_event(unsigned queue)
{
	return load16(driver.queue[queue].used + 4 + 8 * driver.queue[queue].size);
}

/* Chains that came back and were not taken. */
static unsigned waiting(unsigned queue)
{
	return (uint16_t)(used_index(queue) - driver.queue[queue].used_index);
}

/* The driver must kick for the next chain that it adds (§2.7.10). */
static bool wants_kick(unsigned queue)
{
	if (has(F_EVENT_IDX))
		return avail_event(queue) == driver.queue[queue].avail_index;
	return used_flags(queue) == 0;
}

static unsigned active_pairs(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < net.pairs; i++)
		count += atomic_load(&pairs[i].active);
	return count;
}

static bool is_broken(void)
{
	return driver_read(&driver, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static void assert_serves(unsigned which, enum virtio_net_wait wait)
{
	assert_int_equal(virtio_net_serve(&net, which), wait);
}

/* Until there is nothing to do at once. */
static enum virtio_net_wait serve(unsigned which)
{
	enum virtio_net_wait wait;
	unsigned rounds = 0;

	while ((wait = virtio_net_serve(&net, which)) == NET_MORE)
		assert_true(++rounds < 1000);
	return wait;
}

/* --- packets and buffers --- */

static const uint8_t *packet(unsigned number)
{
	return sample + number * 7919 % SAMPLE;
}

static void inject(unsigned which, unsigned number, uint32_t length)
{
	assert_int_equal(send(outside[which], packet(number), length, 0), length);
}

static void assert_nothing_outside(unsigned which)
{
	assert_int_equal(recv(outside[which], bytes, sizeof(bytes), 0), -1);
}

static void assert_outside(unsigned which, unsigned number, uint32_t length)
{
	assert_int_equal(recv(outside[which], bytes, sizeof(bytes), 0), length);
	assert_memory_equal(bytes, packet(number), length);
}

/* Where the buffer of the next descriptor is. */
static uint64_t next_buffer(unsigned queue)
{
	const struct driver_queue *ring = &driver.queue[queue];

	return BUFFERS + queue * (uint64_t)QUEUE_BUFFERS + ring->next_desc % ring->size * BUFFER;
}

static uint32_t posted[VIRTIO_QUEUES_MAX][256];
static uint64_t place[VIRTIO_QUEUES_MAX][256];

/* Offers a buffer of SIZE bytes for what is received. */
static unsigned post(unsigned queue, uint32_t size)
{
	uint64_t address = next_buffer(queue);
	unsigned head = DRIVER_ADD(&driver, queue, {address, size, true});

	posted[queue][head] = size;
	place[queue][head] = address;
	return head;
}

static void post_many(unsigned queue, uint32_t size, unsigned count)
{
	while (count--)
		post(queue, size);
}

/* Takes a packet from buffers that `post` offered: all but the last are full, and the first says how many there are. */
static void take_received(unsigned queue, unsigned number, uint32_t length)
{
	static uint8_t received[LARGEST + 1];
	uint32_t size = 0;
	unsigned taken = 0;
	uint16_t buffers = 1;

	for (; taken < buffers; taken++) {
		struct used used = {0};

		assert_true(driver_take_used(&driver, queue, &used));
		assert_true(used.id < 256 && used.length <= posted[queue][used.id]);
		assert_true(size + used.length <= sizeof(received));
		driver_get(&driver, place[queue][used.id], received + size, used.length);
		size += used.length;
		if (taken == 0) {
			assert_true(used.length >= HEADER);
			memcpy(&buffers, received + NUM_BUFFERS, 2); /* little-endian, as we are */
			assert_true(buffers >= 1);
		}
		if (taken + 1 < buffers)
			assert_int_equal(used.length, posted[queue][used.id]);
	}
	assert_int_equal(size, length);
	assert_memory_equal(received, packet(number), NUM_BUFFERS);
	assert_memory_equal(received + HEADER, packet(number) + HEADER, length - HEADER);
}

static void take_empty(unsigned queue, unsigned head)
{
	struct used used = {0};

	assert_true(driver_take_used(&driver, queue, &used));
	assert_int_equal(used.id, head);
	assert_int_equal(used.length, 0);
}

/* Adds a packet to send: FIRST bytes in one part, the others in the next. */
static unsigned add_packet(unsigned queue, unsigned number, uint32_t length, uint32_t first)
{
	uint64_t address = next_buffer(queue);

	driver_put(&driver, address, packet(number), length);
	if (first < length)
		return DRIVER_ADD(&driver, queue, {address, first, false},
				  {address + first, length - first, false});
	return DRIVER_ADD(&driver, queue, {address, length, false});
}

/* Sends it, alone; true if it came out unchanged, false if it was dropped and counted. */
static bool goes_out(const struct part *parts, unsigned count, const uint8_t *expected,
		     uint32_t length)
{
	uint64_t sent = stat(STAT_OUT), errors = stat(STAT_ERRORS);
	unsigned head = driver_add(&driver, 1, parts, count);

	assert_serves(0, NET_AWAIT_KICK);
	take_empty(1, head);
	assert_int_equal(waiting(1), 0);
	if (stat(STAT_OUT) == sent) {
		assert_int_equal(stat(STAT_ERRORS), errors + 1);
		assert_nothing_outside(0);
		return false;
	}
	assert_int_equal(stat(STAT_OUT), sent + 1);
	assert_int_equal(stat(STAT_ERRORS), errors);
	assert_int_equal(recv(outside[0], bytes, sizeof(bytes), 0), length);
	assert_memory_equal(bytes, expected, length);
	return true;
}

/* --- what it is --- */

static void assert_offers(unsigned count, uint16_t mtu, bool uso, uint64_t expected)
{
	prepare(count);
	nic.mtu = mtu;
	if (uso)
		nic.offloads |= NIC_USO4 | NIC_USO6;
	virtio_net_init(&net, &nic);
	virtio_mmio_init(&mmio, &net.virtio);
	assert_int_equal(driver_offered(&driver), expected);
}

static void features(void **state)
{
	const uint64_t always = BIT(F_CSUM) | BIT(F_GUEST_CSUM) | BIT(F_MAC) | BIT(F_GUEST_TSO4) |
				BIT(F_GUEST_TSO6) | BIT(F_HOST_TSO4) | BIT(F_HOST_TSO6) |
				BIT(F_MRG_RXBUF) | BIT(F_STATUS) | BIT(F_EVENT_IDX) |
				BIT(F_VERSION_1);
	const uint64_t several = BIT(F_MQ) | BIT(F_CTRL_VQ);
	const uint64_t uso = BIT(F_GUEST_USO4) | BIT(F_GUEST_USO6) | BIT(F_HOST_USO);

	(void)state;
	assert_offers(1, 0, false, always);
	assert_offers(1, 1500, false, always | BIT(F_MTU));
	assert_offers(1, 0, true, always | uso);
	assert_offers(2, 0, false, always | several);
	assert_offers(8, 65535, true, always | BIT(F_MTU) | several | uso);
}

static unsigned config8(unsigned offset)
{
	return virtio_mmio_read(&mmio, 0x100 + offset, 1);
}

/* §5.1.4: mac, status, max_virtqueue_pairs, mtu; little-endian. */
static void configuration(void **state)
{
	static const uint8_t mac[] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};
	static const uint8_t expected[] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55,
					   0x01, 0x00, 0x03, 0x00, 0xdc, 0x05};

	(void)state;
	prepare(PAIRS);
	memcpy(nic.mac, mac, sizeof(mac));
	nic.mtu = 1500;
	virtio_net_init(&net, &nic);
	virtio_mmio_init(&mmio, &net.virtio);
	for (unsigned i = 0; i < sizeof(expected); i++)
		assert_each(config8(i) == expected[i], "offset", i);
	for (unsigned i = sizeof(expected); i < 0x400; i++)
		assert_each(config8(i) == 0, "offset", i);
	assert_int_equal(virtio_mmio_read(&mmio, 0x100 + 6, 2), 1);
	assert_int_equal(virtio_mmio_read(&mmio, 0x100 + 10, 2), 1500);
	virtio_mmio_write(&mmio, 0x100, 4, 0);
	assert_int_equal(config8(0), 2);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_DEVICE_ID), 1);
}

static void queues(void **state)
{
	static const unsigned counts[][2] = {{1, 2}, {2, 5}, {PAIRS, 7}, {8, 17}};

	(void)state;
	for (unsigned i = 0; i < COUNT(counts); i++) {
		create(counts[i][0]);
		for (unsigned queue = 0; queue < 20; queue++) {
			driver_write(&driver, VIRTIO_MMIO_QUEUE_SEL, queue);
			assert_each((driver_read(&driver, VIRTIO_MMIO_QUEUE_NUM_MAX) != 0) ==
					    (queue < counts[i][1]),
				    "queue", queue);
		}
	}
}

/* Each worker hears of its own pair, the last one of the control queue as well; without MQ, §5.1.2 has that at 2. */
static void kicks(void **state)
{
	(void)state;
	create(PAIRS);
	for (unsigned queue = 0; queue < 2 * PAIRS + 1; queue++) {
		unsigned mine = queue / 2 < PAIRS ? queue / 2 : PAIRS - 1;

		driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
		for (unsigned i = 0; i < PAIRS; i++)
			assert_each(take_event(pairs[i].kick_fd) == (i == mine), "queue", queue);
	}
	driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, 2 * PAIRS + 1);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	for (unsigned i = 0; i < PAIRS; i++)
		assert_int_equal(take_event(pairs[i].kick_fd), 0);
	start(ALL, 256);
	for (unsigned i = 0; i < PAIRS; i++)
		assert_true(take_event(pairs[i].kick_fd) > 0);
}

/* --- from the driver --- */

static void a_packet_goes_out(void **state)
{
	const uint64_t at = BUFFERS;
	const struct part part = {at, 1514 + HEADER, false};

	(void)state;
	driver_put(&driver, at, packet(1), 1514 + HEADER);
	assert_true(goes_out(&part, 1, packet(1), 1514 + HEADER));
	assert_int_equal(stat(STAT_OUT_BYTES), 1514);
	assert_int_equal(stat(STAT_IN), 0);
	assert_int_equal(take_event(net.virtio.irq_fd), 1);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
}

/* §2.7.4.1: nothing may be assumed of how a packet lies in its parts. */
static void a_packet_in_pieces(void **state)
{
	const uint32_t length = 300;
	struct part parts[256];

	(void)state;
	driver_put(&driver, BUFFERS, packet(2), length);
	for (uint32_t first = 1; first < 30; first++) {
		parts[0] = (struct part){BUFFERS, first, false};
		parts[1] = (struct part){BUFFERS + first, length - first, false};
		assert_true(goes_out(parts, 2, packet(2), length));
	}
	for (uint32_t i = 0; i < 256; i++)
		parts[i] = (struct part){BUFFERS + i, 1, false};
	parts[255].length = length - 255;
	assert_true(goes_out(parts, 256, packet(2), length));
	/* Parts of no bytes are none. */
	parts[0] = (struct part){BUFFERS, 0, false};
	parts[1] = (struct part){BUFFERS, length, false};
	parts[2] = (struct part){BUFFERS, 0, false};
	assert_true(goes_out(parts, 3, packet(2), length));
}

static void packets_of_wrong_sizes(void **state)
{
	struct part part = {BUFFERS, 0, false};

	(void)state;
	driver_put(&driver, BUFFERS, packet(3), LARGEST + 1);
	for (uint32_t size = 0; size < HEADER; size++) {
		part.length = size;
		assert_false(goes_out(&part, 1, NULL, 0));
	}
	/* A header and nothing behind it: a TAP refuses that, a socket does not. */
	part.length = HEADER;
	assert_true(goes_out(&part, 1, packet(3), HEADER));
	part.length = LARGEST;
	assert_true(goes_out(&part, 1, packet(3), LARGEST));
	assert_int_equal(stat(STAT_OUT_BYTES), LARGEST - HEADER);
	part.length = LARGEST + 1;
	assert_false(goes_out(&part, 1, NULL, 0));
	part.length = MEMORY - BUFFERS;
	assert_false(goes_out(&part, 1, NULL, 0));
	assert_false(is_broken());
}

static void writable_parts_are_not_sent(void **state)
{
	const struct part parts[] = {{BUFFERS, 100, false}, {BUFFERS + 100, 100, true}};
	const struct part only = {BUFFERS, 100, true};

	(void)state;
	driver_put(&driver, BUFFERS, packet(4), 200);
	assert_true(goes_out(parts, 2, packet(4), 100));
	assert_false(goes_out(&only, 1, NULL, 0));
	driver_get(&driver, BUFFERS, bytes, 200);
	assert_memory_equal(bytes, packet(4), 200);
}

static void nobody_outside(void **state)
{
	struct part part = {BUFFERS, 100, false};

	(void)state;
	close(outside[0]);
	outside[0] = -1;
	for (unsigned i = 0; i < 300; i++)
		assert_false(goes_out(&part, 1, NULL, 0));
	assert_int_equal(stat(STAT_OUT_BYTES), 0);
}

/* What does not fit is dropped, what fits arrives in order, and all chains come back. */
static void a_slow_outside(void **state)
{
	unsigned arrived = 0;
	const int size = 20000;

	(void)state;
	setsockopt(nic.queue[0].fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (unsigned i = 0; i < 120; i++)
		add_packet(1, i, 1500, 12);
	assert_int_equal(serve(0), NET_AWAIT_KICK);
	assert_int_equal(waiting(1), 120);
	assert_int_equal(stat(STAT_OUT) + stat(STAT_ERRORS), 120);
	assert_int_equal(stat(STAT_OUT_BYTES), stat(STAT_OUT) * (1500 - HEADER));
	assert_true(stat(STAT_OUT) > 0 && stat(STAT_ERRORS) > 0);
	for (; recv(outside[0], bytes, sizeof(bytes), 0) == 1500; arrived++)
		assert_memory_equal(bytes, packet(arrived), 1500);
	assert_int_equal(arrived, stat(STAT_OUT));
}

static void a_batch_of_packets(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * VIRTIO_NET_BATCH; i++)
		add_packet(1, i, 60, 60);
	assert_serves(0, NET_MORE);
	assert_int_equal(waiting(1), VIRTIO_NET_BATCH);
	/* One look of the driver, and one interrupt, for all of them. */
	assert_int_equal(stat(STAT_INTERRUPTS) + stat(STAT_SUPPRESSED), 1);
	assert_int_equal(serve(0), NET_AWAIT_KICK);
	assert_int_equal(waiting(1), 2 * VIRTIO_NET_BATCH);
	assert_true(wants_kick(1));
	for (unsigned i = 0; i < 2 * VIRTIO_NET_BATCH; i++)
		assert_outside(0, i, 60);
}

/* One direction does not keep the other waiting. */
static void both_directions_have_their_turn(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		add_packet(1, i, 60, 60);
		inject(0, i, 60);
	}
	post_many(0, 2000, 100);
	assert_serves(0, NET_MORE);
	assert_int_equal(waiting(0), VIRTIO_NET_BATCH);
	assert_int_equal(waiting(1), VIRTIO_NET_BATCH);
	assert_serves(0, NET_AWAIT_KICK);
	assert_int_equal(waiting(0), 100);
	assert_int_equal(waiting(1), 100);
}

/* Nothing to send: no interrupt, and not even the decision on one. */
static void an_idle_device_is_silent(void **state)
{
	(void)state;
	post(0, 2000);
	for (unsigned i = 0; i < 100; i++)
		assert_serves(0, NET_AWAIT_NIC);
	assert_int_equal(stat(STAT_INTERRUPTS) + stat(STAT_SUPPRESSED), 0);
	assert_int_equal(take_event(net.virtio.irq_fd), 0);
}

/* What the worker's ppoll has just said saves one look at the TAP, and no more. */
static void a_quiet_tap_is_not_asked(void **state)
{
	(void)state;
	post(0, 100);
	add_packet(1, 1, 60, 60);
	inject(0, 2, 60);
	pairs[0].quiet = true;
	assert_serves(0, NET_AWAIT_NIC);
	assert_outside(0, 1, 60);
	assert_int_equal(waiting(0), 0);
	assert_serves(0, NET_AWAIT_KICK);
	take_received(0, 2, 60);
}

/* --- to the driver --- */

static void a_packet_comes_in(void **state)
{
	(void)state;
	post(0, 2000);
	inject(0, 5, 1514 + HEADER);
	assert_serves(0, NET_AWAIT_KICK);
	assert_int_equal(take_event(net.virtio.irq_fd), 1);
	take_received(0, 5, 1514 + HEADER);
	assert_int_equal(waiting(0), 0);
	assert_int_equal(stat(STAT_IN), 1);
	assert_int_equal(stat(STAT_IN_BYTES), 1514);
	assert_int_equal(stat(STAT_OUT) + stat(STAT_ERRORS), 0);
	assert_true(wants_kick(0));
}

/* "Nothing to read" leaves the buffer where it was, and asks for no kicks. */
static void nothing_to_read(void **state)
{
	uint64_t sets[] = {ALL, PLAIN};

	(void)state;
	for (unsigned i = 0; i < COUNT(sets); i++) {
		go(1, sets[i], 4);
		post_many(0, 100, 4);
		for (unsigned n = 0; n < 1000; n++)
			assert_serves(0, NET_AWAIT_NIC);
		assert_int_equal(net.virtio.queue[0].ring.next_avail, 0);
		assert_false(wants_kick(0));
		assert_int_equal(waiting(0), 0);
		for (unsigned n = 0; n < 4; n++)
			inject(0, n, 50);
		assert_serves(0, NET_AWAIT_KICK);
		for (unsigned n = 0; n < 4; n++)
			take_received(0, n, 50);
	}
}

static void no_buffers(void **state)
{
	uint64_t sets[] = {ALL, PLAIN};

	(void)state;
	for (unsigned i = 0; i < COUNT(sets); i++) {
		go(1, sets[i], 256);
		inject(0, 6, 100);
		for (unsigned n = 0; n < 1000; n++)
			assert_serves(0, NET_AWAIT_KICK);
		assert_true(wants_kick(0));
		assert_int_equal(stat(STAT_INTERRUPTS) + stat(STAT_SUPPRESSED), 0);
		post_many(0, 100, 2);
		assert_serves(0, NET_AWAIT_NIC);
		take_received(0, 6, 100);
		assert_int_equal(waiting(0), 0);
	}
}

/* The header's number of buffers lies in the right bytes wherever the parts end. */
static void a_buffer_in_pieces(void **state)
{
	(void)state;
	for (uint32_t first = 1; first < 30; first++) {
		uint64_t at = next_buffer(0);
		unsigned head = DRIVER_ADD(&driver, 0, {at, first, true}, {at + first, 1, true},
					   {at + first + 1, 100, true});

		posted[0][head] = 101 + first;
		place[0][head] = at;
		inject(0, first, 90);
		assert_serves(0, NET_AWAIT_KICK);
		take_received(0, first, 90);
	}
}

static void a_batch_comes_in(void **state)
{
	(void)state;
	post_many(0, 100, VIRTIO_NET_BATCH + 1);
	for (unsigned i = 0; i <= VIRTIO_NET_BATCH; i++)
		inject(0, i, 60);
	assert_serves(0, NET_MORE);
	assert_int_equal(waiting(0), VIRTIO_NET_BATCH);
	assert_int_equal(stat(STAT_INTERRUPTS) + stat(STAT_SUPPRESSED), 1);
	assert_serves(0, NET_AWAIT_KICK);
	for (unsigned i = 0; i <= VIRTIO_NET_BATCH; i++)
		take_received(0, i, 60);
}

/* A packet of LENGTH into buffers of SIZE: as many as it takes, shown at once. */
static void assert_merges(uint32_t size, uint32_t length)
{
	unsigned needed = (length + size - 1) / size;
	uint64_t shown = stat(STAT_INTERRUPTS) + stat(STAT_SUPPRESSED);
	unsigned before = used_index(0);

	post_many(0, size, needed + 1);
	inject(0, length, length);
	assert_serves(0, NET_AWAIT_NIC);
	assert_int_equal((uint16_t)(used_index(0) - before), needed);
	assert_int_equal(stat(STAT_INTERRUPTS) + stat(STAT_SUPPRESSED), shown + 1);
	take_received(0, length, length);
	assert_int_equal(waiting(0), 0);
	assert_false(wants_kick(0));
	/* The buffer that was not needed goes away. */
	inject(0, 1, HEADER);
	assert_serves(0, NET_AWAIT_KICK);
	take_received(0, 1, HEADER);
}

static void packets_over_several_buffers(void **state)
{
	uint64_t sets[] = {ALL, PLAIN};
	static const uint32_t buffer_sizes[] = {12, 13, 64, 1526, 4096};

	(void)state;
	for (unsigned i = 0; i < COUNT(sets); i++) {
		go(1, sets[i], 256);
		for (unsigned s = 0; s < COUNT(buffer_sizes); s++)
			for (unsigned n = 1; n < 15; n++)
				for (uint32_t off = 0; off < 3; off++)
					if (buffer_sizes[s] * n + off - 1 >= HEADER)
						assert_merges(buffer_sizes[s],
							      buffer_sizes[s] * n + off - 1);
		assert_merges(264, LARGEST);
		assert_int_equal(stat(STAT_ERRORS), 0);
	}
}

/* A chain of 256 parts is one buffer; what is beyond it goes to the next. */
static void a_buffer_of_many_parts(void **state)
{
	struct part parts[255];

	(void)state;
	for (unsigned i = 0; i < 255; i++)
		parts[i] = (struct part){BUFFERS + i * 16, 16, true};
	posted[0][driver_add(&driver, 0, parts, 255)] = 255 * 16;
	place[0][0] = BUFFERS;
	DRIVER_ADD(&driver, 0, {BUFFERS + 0x10000, 3000, true});
	posted[0][255] = 3000;
	place[0][255] = BUFFERS + 0x10000;
	inject(0, 1, 255 * 16 + 2000);
	assert_serves(0, NET_AWAIT_KICK);
	take_received(0, 1, 255 * 16 + 2000);
}

/* All 256, and no place for the rest of the packet but the device's own. */
static void a_buffer_of_all_parts(void **state)
{
	struct part parts[256];

	(void)state;
	go(1, ~BIT(F_MRG_RXBUF), 256);
	for (unsigned i = 0; i < 256; i++)
		parts[i] = (struct part){BUFFERS + i * 16, 16, true};
	posted[0][driver_add(&driver, 0, parts, 256)] = 256 * 16;
	place[0][0] = BUFFERS;
	inject(0, 1, 256 * 16 + 1);
	inject(0, 2, 256 * 16);
	assert_serves(0, NET_AWAIT_KICK);
	take_received(0, 2, 256 * 16);
	assert_int_equal(stat(STAT_ERRORS), 1);
}

/* Larger than any packet, and than what the device keeps itself. */
static void a_huge_buffer(void **state)
{
	uint64_t sets[] = {ALL, ~BIT(F_MRG_RXBUF)};
	static const uint32_t huge[] = {LARGEST - 1, LARGEST, LARGEST + 1, 8 << 20};

	(void)state;
	for (unsigned i = 0; i < COUNT(sets); i++) {
		go(1, sets[i], 256);
		for (unsigned n = 1; n < COUNT(huge); n++) {
			post(0, huge[n]);
			inject(0, n, LARGEST);
			assert_serves(0, NET_AWAIT_KICK);
			take_received(0, n, LARGEST);
		}
		assert_int_equal(stat(STAT_IN_BYTES), 3 * (LARGEST - HEADER));
	}
}

/* §5.1.6.4.1: without MRG_RXBUF one buffer holds a packet or nothing does. */
static void without_mergeable_buffers(void **state)
{
	(void)state;
	go(1, ~BIT(F_MRG_RXBUF), 256);
	post_many(0, 100, 3);
	inject(0, 1, 101);
	inject(0, 2, LARGEST);
	inject(0, 3, 100);
	assert_serves(0, NET_AWAIT_NIC);
	assert_int_equal(waiting(0), 1);
	take_received(0, 3, 100);
	assert_int_equal(stat(STAT_ERRORS), 2);
	assert_int_equal(stat(STAT_IN), 1);
	assert_int_equal(stat(STAT_IN_BYTES), 88);
	inject(0, 4, 99);
	inject(0, 5, 12);
	assert_serves(0, NET_AWAIT_KICK);
	take_received(0, 4, 99);
	take_received(0, 5, 12);
}

/* The packet waits, nothing of it is shown, and the driver is asked to kick when it adds a buffer. */
static void too_few_buffers(void **state)
{
	uint64_t sets[] = {ALL, PLAIN};

	(void)state;
	for (unsigned i = 0; i < COUNT(sets); i++) {
		go(1, sets[i], 256);
		post_many(0, 100, 2);
		inject(0, 7, 450);
		inject(0, 8, 60);
		for (unsigned buffers = 2; buffers < 5; buffers++) {
			for (unsigned n = 0; n < 10; n++)
				assert_serves(0, NET_AWAIT_KICK);
			assert_int_equal(used_index(0), 0);
			assert_true(wants_kick(0));
			assert_int_equal(take_event(net.virtio.irq_fd), 0);
			assert_int_equal(stat(STAT_IN) + stat(STAT_ERRORS), 0);
			post(0, 100);
		}
		assert_serves(0, NET_AWAIT_KICK);
		take_received(0, 7, 450);
		assert_int_equal(waiting(0), 0);
		assert_true(wants_kick(0));
		post(0, 100);
		assert_serves(0, NET_AWAIT_KICK);
		take_received(0, 8, 60);
		assert_int_equal(stat(STAT_IN), 2);
		assert_int_equal(stat(STAT_IN_BYTES), 450 + 60 - 2 * HEADER);
	}
}

/* … and it waits behind what was delivered in the same turn. */
static void too_few_buffers_left(void **state)
{
	(void)state;
	post_many(0, 100, 3);
	inject(0, 1, 100);
	inject(0, 2, 300);
	assert_serves(0, NET_AWAIT_KICK);
	assert_int_equal(waiting(0), 1);
	take_received(0, 1, 100);
	post(0, 100);
	assert_serves(0, NET_AWAIT_KICK);
	take_received(0, 2, 300);
}

/* The driver can offer no more than the whole ring: a packet that does not fit there never will. */
static void all_buffers_together_are_too_small(void **state)
{
	static const uint32_t ring_sizes[] = {1, 2, 8, 256};

	(void)state;
	for (unsigned i = 0; i < COUNT(ring_sizes); i++) {
		uint32_t size = ring_sizes[i];

		go(1, ALL, size);
		post_many(0, 20, size);
		inject(0, 1, 20 * size + 1);
		inject(0, 2, 20 * size);
		assert_serves(0, NET_AWAIT_KICK);
		assert_int_equal(stat(STAT_ERRORS), 1);
		assert_int_equal(waiting(0), size);
		take_received(0, 2, 20 * size);
	}
}

/* §5.1.6.3.1 forbids them. They come back, and do no harm. */
static void buffers_without_room_for_the_header(void **state)
{
	uint64_t sets[] = {ALL, ~BIT(F_MRG_RXBUF)};

	(void)state;
	for (unsigned i = 0; i < COUNT(sets); i++) {
		go(1, sets[i], 256);
		unsigned tiny = DRIVER_ADD(&driver, 0, {BUFFERS, 1, true});
		unsigned eleven = DRIVER_ADD(&driver, 0, {BUFFERS, 5, true}, {BUFFERS, 6, true});
		unsigned none = DRIVER_ADD(&driver, 0, {BUFFERS, 100, false});
		unsigned empty = DRIVER_ADD(&driver, 0, {BUFFERS, 0, true});
		post(0, 100);
		inject(0, 1, 60);
		assert_serves(0, NET_AWAIT_KICK);
		take_empty(0, tiny);
		take_empty(0, eleven);
		take_empty(0, none);
		take_empty(0, empty);
		take_received(0, 1, 60);
		assert_int_equal(stat(STAT_ERRORS), 4);
		assert_false(is_broken());
	}
}

/* Small ones behind the first are only slow; readable parts in front of a buffer are not touched. */
static void odd_buffers_in_a_merge(void **state)
{
	(void)state;
	post(0, 12);
	post(0, 1);
	uint64_t at = next_buffer(0);
	unsigned head = DRIVER_ADD(&driver, 0, {at + 100, 8, false}, {at, 30, true});
	posted[0][head] = 30;
	place[0][head] = at;
	post(0, 100);
	inject(0, 9, 80);
	assert_serves(0, NET_AWAIT_KICK);
	assert_int_equal(waiting(0), 4);
	take_received(0, 9, 80);
	assert_int_equal(stat(STAT_ERRORS), 0);
}

/* A driver that changes what it has offered, while a packet waits for more. */
static void a_first_buffer_that_shrinks(void **state)
{
	struct used used = {0};

	(void)state;
	post(0, 100);
	inject(0, 1, 150);
	assert_serves(0, NET_AWAIT_KICK);
	driver_put_desc(&driver, 0, 0, BUFFERS, 11, VRING_DESC_F_WRITE, 0);
	post_many(0, 100, 2);
	assert_serves(0, NET_AWAIT_KICK);
	assert_int_equal(waiting(0), 3);
	assert_true(driver_take_used(&driver, 0, &used));
	assert_int_equal(used.length, 0);
	take_received(0, 1, 150);
}

/* Readable behind writable: the ring is broken, the process lives, and a reset mends it. */
static void a_broken_ring(void **state)
{
	(void)state;
	atomic_flag_test_and_set(&net.virtio.complained);
	for (unsigned queue = 0; queue < 2; queue++) {
		post(0, 100);
		inject(0, 1, 150);
		serve(0);
		DRIVER_ADD(&driver, queue, {BUFFERS, 20, true}, {BUFFERS, 20, false});
		assert_serves(0, NET_AWAIT_KICK);
		assert_true(is_broken());
		assert_int_equal(used_index(0), 0);
		assert_serves(0, NET_AWAIT_KICK);
		start(ALL, 256);
		post(0, 100);
		assert_serves(0, NET_AWAIT_NIC);
		inject(0, 2, 50);
		assert_serves(0, NET_AWAIT_KICK);
		take_received(0, 2, 50);
		start(ALL, 256);
	}
}

/* Buffers that lie over the available index: the packet itself says that there is always one more. A driver has no
 * more than the ring holds. */
static void a_packet_that_offers_buffers(void **state)
{
	static const uint8_t data[30] = {[12] = 5, 0, 6, 0, 7, 0};

	(void)state;
	go(1, ALL, 4);
	atomic_flag_test_and_set(&net.virtio.complained);
	post(0, 12);
	for (unsigned i = 0; i < 3; i++)
		DRIVER_ADD(&driver, 0, {driver.queue[0].avail + 2, 2, true});
	assert_int_equal(send(outside[0], data, sizeof(data), 0), sizeof(data));
	assert_serves(0, NET_AWAIT_KICK);
	assert_int_equal(stat(STAT_IN), 0);
	assert_int_equal(used_index(0), 0);
	assert_true(is_broken());
}

/* --- many packets --- */

static uint32_t random_size(uint32_t *random, uint32_t most)
{
	return HEADER + next_random(random) % (most - HEADER + 1);
}

/* Ten thousand each way, over small rings: indices wrap, and order is kept. */
static void assert_order(uint64_t accept, uint32_t most)
{
	enum { TOTAL = 10000, AHEAD = 20 };
	static uint32_t in_size[TOTAL], out_size[TOTAL];
	unsigned injected = 0, received = 0, added = 0, sent = 0;
	uint32_t random = 7, buffers = 0;
	struct used used = {0};

	go(1, accept, 64);
	for (unsigned i = 0; i < TOTAL; i++) {
		in_size[i] = random_size(&random, most);
		out_size[i] = random_size(&random, 600);
	}
	while (received < TOTAL || sent < TOTAL) {
		for (; injected < TOTAL && injected < received + AHEAD; injected++)
			inject(0, injected, in_size[injected]);
		for (; added < TOTAL && added < sent + AHEAD; added++)
			add_packet(1, added, out_size[added], HEADER);
		for (; (uint16_t)(driver.queue[0].avail_index - driver.queue[0].used_index) < 64;
		     buffers++)
			post(0, 100);
		serve(0);
		for (; waiting(0); received++)
			take_received(0, received, in_size[received]);
		for (; driver_take_used(&driver, 1, &used); sent++)
			assert_outside(0, sent, out_size[sent]);
	}
	assert_int_equal(stat(STAT_IN), TOTAL);
	assert_int_equal(stat(STAT_OUT), TOTAL);
	assert_int_equal(stat(STAT_ERRORS), 0);
	assert_true(buffers > (most > 100 ? 65536 : TOTAL));
}

static void order(void **state)
{
	(void)state;
	assert_order(ALL, 1500);
	assert_order(PLAIN, 1500);
	assert_order(~BIT(F_MRG_RXBUF), 100);
}

/* --- reset --- */

static void a_held_packet_dies_with_its_driver(void **state)
{
	(void)state;
	post(0, 100);
	inject(0, 1, 150);
	assert_serves(0, NET_AWAIT_KICK);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	assert_serves(0, NET_AWAIT_KICK);
	start(ALL, 256);
	post_many(0, 100, 4);
	assert_serves(0, NET_AWAIT_NIC);
	assert_int_equal(waiting(0), 0);
	inject(0, 2, 250);
	assert_serves(0, NET_AWAIT_NIC);
	take_received(0, 2, 250);
}

static void stale_packets(void **state)
{
	(void)state;
	create(PAIRS);
	for (unsigned i = 0; i < 100; i++)
		inject(i % PAIRS, i, 60);
	begin(ALL, 256);
	post_many(0, 100, 2);
	add_packet(1, 1, 60, 60);
	DRIVER_ADD(&driver, 2 * PAIRS, {BUFFERS, 4, false}, {BUFFERS, 1, true});
	/* §3.1.1: nothing moves before DRIVER_OK. */
	assert_serves(0, NET_AWAIT_KICK);
	assert_serves(PAIRS - 1, NET_AWAIT_KICK);
	assert_int_equal(waiting(0) + waiting(1) + waiting(2 * PAIRS), 0);
	assert_nothing_outside(0);
	driver_go(&driver);
	assert_serves(0, NET_AWAIT_NIC);
	assert_int_equal(waiting(0), 0);
	assert_int_equal(waiting(1), 1);
	assert_outside(0, 1, 60);
	inject(0, 2, 60);
	assert_serves(0, NET_AWAIT_NIC);
	take_received(0, 2, 60);
	for (unsigned i = 1; i < PAIRS; i++)
		assert_int_equal(recv(nic.queue[i].fd, bytes, 1, 0), -1);
	/* After a reset too. */
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	inject(0, 3, 60);
	start(ALL, 256);
	post(0, 100);
	assert_serves(0, NET_AWAIT_NIC);
	assert_int_equal(waiting(0), 0);
}

/* A TAP that never gets empty does not keep the vCPU that writes DRIVER_OK. */
static void a_flood_before_the_start(void **state)
{
	int endless = open("/dev/zero", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(endless >= 0 && dup2(endless, nic.queue[0].fd) >= 0);
	close(endless);
	start(ALL, 256);
	post(0, 100);
	assert_serves(0, NET_AWAIT_KICK);
	assert_false(is_broken());
}

/* --- a TAP that is gone --- */

/* The end of a pipe that cannot be read, and that poll calls bad for ever: like a deleted TAP. */
static void lose_tap(unsigned which)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	close(ends[0]);
	assert_true(dup2(ends[1], nic.queue[which].fd) >= 0);
	close(ends[1]);
}

static void a_lost_tap_is_told_once(void **state)
{
	struct capture capture;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	post(0, 100);
	assert_serves(0, NET_AWAIT_NIC);
	lose_tap(0);
	capture_begin(&capture, STDERR_FILENO);
	for (unsigned i = 0; i < 100; i++) {
		add_packet(1, i, 60, 60);
		virtio_net_serve(&net, 0);
	}
	enum virtio_net_wait wait = virtio_net_serve(&net, 0);
	start(ALL, 256);
	post(0, 100);
	enum virtio_net_wait again = virtio_net_serve(&net, 0);
	capture_end(&capture);
	assert_int_equal(wait, NET_AWAIT_KICK);
	assert_int_equal(again, NET_AWAIT_KICK);
	assert_int_equal(capture.writes, 1);
	assert_says(capture.text, "tap0");
	assert_int_equal(stat(STAT_ERRORS), 100);
	assert_int_equal(stat(STAT_OUT), 0);
	assert_false(is_broken());
}

/* --- the control queue --- */

enum { COMMANDS = BUFFERS - 0x1000, UNTOUCHED = 0x55 };

/* Sends SIZE bytes of a command in two parts, of which the first has FIRST bytes; the answer, or UNTOUCHED. */
static uint8_t command_in(unsigned queue, const uint8_t *command, uint32_t size, uint32_t first,
			  uint32_t room)
{
	uint8_t answer = UNTOUCHED;
	struct used used = {0};
	uint64_t count = stat(STAT_OTHER);
	unsigned serving = queue == 2 ? 1 : net.pairs - 1;

	driver_put(&driver, COMMANDS, command, size);
	driver_put(&driver, COMMANDS + 100, &answer, 1);
	unsigned head =
		DRIVER_ADD(&driver, queue, {COMMANDS, first, false},
			   {COMMANDS + first, size - first, false}, {COMMANDS + 100, room, true});
	serve(serving);
	assert_true(driver_take_used(&driver, queue, &used));
	assert_int_equal(used.id, head);
	driver_get(&driver, COMMANDS + 100, &answer, 1);
	assert_int_equal(used.length, answer == UNTOUCHED ? 0 : 1);
	assert_int_equal(stat(STAT_OTHER), count + 1);
	return answer;
}

static uint8_t set_pairs_in(unsigned queue, unsigned count)
{
	const uint8_t command[] = {CTRL_MQ, VQ_PAIRS_SET, (uint8_t)count, (uint8_t)(count >> 8)};

	return command_in(queue, command, sizeof(command), 2, 1);
}

static uint8_t set_pairs(unsigned count)
{
	return set_pairs_in(2 * PAIRS, count);
}

/* §5.1.6.5.5: 1 to max_virtqueue_pairs; after initialisation it is 1. */
static void numbers_of_pairs(void **state)
{
	static const unsigned wrong[] = {0, PAIRS + 1, 255, 256, 257, 0x0100, 0x8000, 0xffff};

	(void)state;
	go(PAIRS, ALL, 256);
	assert_int_equal(active_pairs(), 1);
	for (unsigned i = 1; i <= PAIRS; i++) {
		assert_int_equal(set_pairs(i), ACK_OK);
		assert_int_equal(active_pairs(), i);
	}
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		assert_int_equal(set_pairs(wrong[i]), ACK_ERR);
		assert_int_equal(active_pairs(), PAIRS);
	}
	assert_int_equal(set_pairs(2), ACK_OK);
	assert_int_equal(active_pairs(), 2);
	start(ALL, 256);
	assert_int_equal(active_pairs(), 1);
}

static void commands_that_are_none(void **state)
{
	static const uint8_t known[] = {CTRL_MQ, VQ_PAIRS_SET, 2, 0, 99, 99};
	uint8_t command[4];

	(void)state;
	go(PAIRS, ALL, 256);
	for (uint32_t size = 0; size < 4; size++)
		assert_int_equal(command_in(2 * PAIRS, known, size, 0, 1), ACK_ERR);
	for (unsigned i = 0; i < 256; i++) {
		memcpy(command, known, sizeof(command));
		command[0] = (uint8_t)i;
		if (i != CTRL_MQ)
			assert_int_equal(command_in(2 * PAIRS, command, 4, 2, 1), ACK_ERR);
		memcpy(command, known, sizeof(command));
		command[1] = (uint8_t)i;
		if (i != VQ_PAIRS_SET)
			assert_int_equal(command_in(2 * PAIRS, command, 4, 2, 1), ACK_ERR);
	}
	assert_int_equal(active_pairs(), 1);
	for (uint32_t first = 0; first < 4; first++)
		assert_int_equal(command_in(2 * PAIRS, known, 4, first, 1), ACK_OK);
	/* More bytes than are looked at; more room than is needed; no room for the answer. */
	assert_int_equal(command_in(2 * PAIRS, known, 6, 2, 1), ACK_OK);
	assert_int_equal(command_in(2 * PAIRS, known, 4, 2, 50), ACK_OK);
	assert_int_equal(command_in(2 * PAIRS, known, 4, 2, 0), UNTOUCHED);
	assert_false(is_broken());
}

static void several_commands_at_once(void **state)
{
	static const uint8_t commands[] = {CTRL_MQ, VQ_PAIRS_SET, 2, 0,
					   CTRL_MQ, VQ_PAIRS_SET, 9, 0};
	struct used used = {0};

	(void)state;
	go(PAIRS, ALL, 256);
	driver_put(&driver, COMMANDS, commands, sizeof(commands));
	for (unsigned i = 0; i < 50; i++)
		DRIVER_ADD(&driver, 2 * PAIRS, {COMMANDS + i % 2 * 4, 4, false},
			   {COMMANDS + 100 + i, 1, true});
	assert_int_equal(serve(PAIRS - 1), NET_AWAIT_KICK);
	for (unsigned i = 0; i < 50; i++) {
		uint8_t answer;

		assert_true(driver_take_used(&driver, 2 * PAIRS, &used));
		driver_get(&driver, COMMANDS + 100 + i, &answer, 1);
		assert_int_equal(answer, i % 2 ? ACK_ERR : ACK_OK);
	}
	assert_true(wants_kick(2 * PAIRS));
	assert_int_equal(active_pairs(), 2);
}

/* Only the worker whose kicks the queue has serves it. */
static void others_leave_the_control_queue_alone(void **state)
{
	(void)state;
	go(PAIRS, ALL, 256);
	DRIVER_ADD(&driver, 2 * PAIRS, {COMMANDS, 4, false}, {COMMANDS + 100, 1, true});
	serve(0);
	serve(1);
	assert_int_equal(waiting(2 * PAIRS), 0);
	serve(2);
	assert_int_equal(waiting(2 * PAIRS), 1);
}

/* §5.1.2: N is 1 if MQ was not negotiated, so the control queue is queue 2. */
static void control_without_mq(void **state)
{
	(void)state;
	go(PAIRS, ~BIT(F_MQ), 256);
	assert_int_equal(set_pairs_in(2, 2), ACK_ERR);
	assert_int_equal(set_pairs_in(2, 1), ACK_ERR);
	assert_int_equal(active_pairs(), 1);
	/* What would be the control queue with MQ is none, and the pairs go on. */
	DRIVER_ADD(&driver, 2 * PAIRS, {COMMANDS, 4, false}, {COMMANDS + 100, 1, true});
	post(0, 100);
	inject(0, 1, 60);
	for (unsigned i = 0; i < PAIRS; i++)
		serve(i);
	assert_int_equal(waiting(2 * PAIRS), 0);
	take_received(0, 1, 60);
	/* The next driver knows it. */
	start(ALL, 256);
	assert_int_equal(set_pairs(2), ACK_OK);
	assert_int_equal(waiting(2), 0);
}

static void one_pair_has_no_control_queue(void **state)
{
	(void)state;
	assert_false(driver_negotiate(&driver, BIT(F_VERSION_1) | BIT(F_CTRL_VQ)));
	assert_false(driver_negotiate(&driver, BIT(F_VERSION_1) | BIT(F_MQ)));
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK, 0);
	start(ALL, 256);
	assert_serves(0, NET_AWAIT_KICK);
}

/* --- several pairs --- */

/* Traffic of pair WHICH both ways; false if it is not served. */
static bool is_served(unsigned which)
{
	unsigned rx = 2 * which, tx = rx + 1;

	post(rx, 100);
	inject(which, which, 60);
	add_packet(tx, which, 70, 12);
	enum virtio_net_wait wait = serve(which);
	if (waiting(rx) == 0) {
		assert_int_equal(wait, NET_AWAIT_KICK);
		assert_int_equal(waiting(tx), 0);
		assert_nothing_outside(which);
		/* As it was before. */
		assert_int_equal(recv(nic.queue[which].fd, bytes, sizeof(bytes), 0), 60);
		return false;
	}
	take_received(rx, which, 60);
	assert_outside(which, which, 70);
	assert_int_equal(waiting(tx), 1);
	driver.queue[tx].used_index++;
	return true;
}

static void pairs_that_are_not_in_use(void **state)
{
	(void)state;
	go(PAIRS, ALL, 256);
	assert_true(is_served(0));
	assert_false(is_served(1));
	assert_false(is_served(2));
	for (unsigned i = 0; i < PAIRS; i++)
		take_event(pairs[i].kick_fd);
	start(ALL, 256);
	for (unsigned i = 0; i < PAIRS; i++)
		take_event(pairs[i].kick_fd);
	assert_int_equal(set_pairs(2), ACK_OK);
	/* Each worker hears of it. */
	for (unsigned i = 0; i < PAIRS; i++)
		assert_true(take_event(pairs[i].kick_fd) > 0);
	assert_true(is_served(0));
	assert_true(is_served(1));
	assert_false(is_served(2));
	assert_int_equal(set_pairs(1), ACK_OK);
	assert_true(is_served(0));
	assert_false(is_served(1));
}

static void pairs_keep_apart(void **state)
{
	(void)state;
	go(PAIRS, ALL, 256);
	assert_int_equal(set_pairs(PAIRS), ACK_OK);
	for (unsigned n = 0; n < 50; n++)
		for (unsigned i = 0; i < PAIRS; i++)
			assert_true(is_served(i));
	assert_int_equal(stat(STAT_IN), 150);
	assert_int_equal(stat(STAT_OUT), 150);
	/* One lost TAP is not all of them. */
	atomic_flag_test_and_set(&net.virtio.complained);
	lose_tap(1);
	post(2, 100);
	assert_serves(1, NET_AWAIT_KICK);
	assert_true(is_served(0));
	assert_true(is_served(2));
}

/* --- the filter --- */

static void what_a_nic_needs(void **state)
{
	(void)state;
	create(2);
	const int irq = net.virtio.irq_fd;
	const int tap0 = nic.queue[0].fd, tap1 = nic.queue[1].fd;
	const int kick0 = pairs[0].kick_fd, kick1 = pairs[1].kick_fd;
	/* The last: if queues can be attached. */
	const struct rule work[] = {
		{SYS_read, kick0, ANY},
		{SYS_write, kick0, ANY},
		{SYS_read, kick1, ANY},
		{SYS_write, kick1, ANY},
		{SYS_write, irq, ANY},
		{SYS_write, STDERR_FILENO, ANY},
		LOCKS,
		{SYS_ppoll, ANY, 2},
		{SYS_readv, tap0, ANY},
		{SYS_writev, tap0, ANY},
		{SYS_readv, tap1, ANY},
		{SYS_writev, tap1, ANY},
		{SYS_ioctl, tap1, TUNSETQUEUE},
	};
	const struct rule registers[] = {
		{SYS_write, kick0, ANY},
		{SYS_write, kick1, ANY},
		LOCKS,
		{SYS_readv, tap0, ANY},
		{SYS_readv, tap1, ANY},
		{SYS_ioctl, tap0, TUNSETOFFLOAD},
		{SYS_ioctl, tap1, TUNSETQUEUE},
	};

	for (unsigned attach = 0; attach < 2; attach++) {
		unsigned less = attach ? 0 : 1;

		nic.attach = attach;
		virtio_allow_work(&net.virtio, list_anew());
		assert_rules(&listed, work, COUNT(work) - less);
		virtio_allow_registers(&net.virtio, list_anew());
		assert_rules(&listed, registers, COUNT(registers) - less);
	}
}

/* --- a worker --- */

static pthread_t worker;
static sigjmp_buf way_out;

static void leave(int number)
{
	(void)number;
	siglongjmp(way_out, 1);
}

static void *work(void *argument)
{
	const unsigned *which = argument;

	if (sigsetjmp(way_out, 1))
		return NULL;
	virtio_work(&net.virtio, *which);
	return NULL;
}

static void start_worker(void)
{
	static unsigned which = 0;

	signal(SIGUSR1, leave);
	assert_int_equal(pthread_create(&worker, NULL, work, &which), 0);
}

/* It has no end, so it is torn from its wait; that is where it is when the device is reset. */
static void end_worker(void)
{
	const struct timespec moment = {0, 2000000};

	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	nanosleep(&moment, NULL);
	assert_int_equal(pthread_kill(worker, SIGUSR1), 0);
	assert_int_equal(pthread_join(worker, NULL), 0);
}

/* Nanoseconds that the worker takes of the CPU while nothing happens. */
static uint64_t worker_time(void)
{
	const struct timespec moment = {0, 15000000};
	struct timespec before, after;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(worker, &clock), 0);
	nanosleep(&moment, NULL);
	clock_gettime(clock, &before);
	nanosleep(&moment, NULL);
	clock_gettime(clock, &after);
	return (uint64_t)(after.tv_sec - before.tv_sec) * 1000000000u + (uint64_t)after.tv_nsec -
	       (uint64_t)before.tv_nsec;
}

#define assert_sleeps() assert_true(worker_time() < 3000000)

/* False: FD did not become readable for seconds. */
static bool comes(int fd)
{
	struct pollfd polls = {fd, POLLIN, 0};

	return poll(&polls, 1, 5000) == 1;
}

/* Kicks only if the device wants that: §2.7.10.1, with the chain just added. */
static void kick_if_wanted(unsigned queue)
{
	uint16_t added = driver.queue[queue].avail_index;
	bool wanted;

	atomic_thread_fence(memory_order_seq_cst);
	if (has(F_EVENT_IDX))
		wanted = avail_event(queue) == (uint16_t)(added - 1);
	else
		wanted = used_flags(queue) == 0;
	if (wanted)
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

/* Waits for the interrupt that tells of the next used chain. */
static void await_used(unsigned queue)
{
	const struct driver_queue *ring = &driver.queue[queue];

	ram_store16_release(&ram, GPA(ring->avail + 4 + 2 * ring->size), ring->used_index);
	atomic_thread_fence(memory_order_seq_cst);
	while (waiting(queue) == 0) {
		assert_true(comes(net.virtio.irq_fd));
		take_event(net.virtio.irq_fd);
	}
}

static void trade(unsigned rounds)
{
	struct used used = {0};

	for (unsigned i = 0; i < rounds; i++) {
		if (i % 3 == 0)
			inject(0, i, 90 + i % 200);
		post(0, 100);
		kick_if_wanted(0);
		post(0, 100);
		kick_if_wanted(0);
		post(0, 100);
		kick_if_wanted(0);
		add_packet(1, i, 50 + i % 500, 12);
		kick_if_wanted(1);
		if (i % 3)
			inject(0, i, 90 + i % 200);
		assert_true(comes(outside[0]));
		assert_outside(0, i, 50 + i % 500);
		await_used(1);
		assert_true(driver_take_used(&driver, 1, &used));
		await_used(0);
		take_received(0, i, 90 + i % 200);
		/* Buffers that were not needed wait in the ring: it is never full of them. */
		if (driver.queue[0].avail_index - driver.queue[0].used_index > 200) {
			inject(0, 0, 15000);
			await_used(0);
			take_received(0, 0, 15000);
		}
	}
}

/* More than a batch each way, and one kick. */
static void trade_in_bulk(void)
{
	enum { MANY = 3 * VIRTIO_NET_BATCH };

	for (unsigned i = 0; i < MANY; i++)
		inject(0, i, 50);
	post_many(0, 100, MANY);
	for (unsigned i = 0; i < MANY; i++)
		add_packet(1, i, 60, 60);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	for (unsigned i = 0; i < MANY; i++) {
		await_used(0);
		take_received(0, i, 50);
		assert_true(comes(outside[0]));
		assert_outside(0, i, 60);
	}
}

static void a_worker(void **state)
{
	uint64_t sets[] = {ALL, PLAIN};

	(void)state;
	for (unsigned i = 0; i < COUNT(sets); i++) {
		create(1);
		start_worker();
		assert_sleeps();
		start(sets[i], 256);
		trade(300);
		assert_true(stat(STAT_KICKS) > 0);
		start(sets[i], 256);
		trade_in_bulk();
		/* The TAP has nothing. */
		post(0, 100);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		assert_sleeps();
		/* There are no buffers for what it has, with a packet held or not. */
		start(sets[i], 256);
		inject(0, 1, 60);
		assert_sleeps();
		post(0, 30);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		assert_sleeps();
		post(0, 30);
		kick_if_wanted(0);
		await_used(0);
		take_received(0, 1, 60);
		/* Nobody is there. */
		driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
		inject(0, 1, 60);
		assert_sleeps();
		/* The TAP is bad for ever. */
		start(sets[i], 256);
		post_many(0, 100, 4);
		atomic_flag_test_and_set(&net.virtio.complained);
		lose_tap(0);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		assert_sleeps();
		end_worker();
	}
}

/* --- a driver that changes its mind at the worst moment --- */

static atomic_bool done;

static void *serve_for_ever(void *argument)
{
	(void)argument;
	while (!atomic_load(&done))
		for (unsigned i = 0; i < 2; i++)
			virtio_net_serve(&net, i);
	return NULL;
}

/* A change to one of the five queues. It keeps to no rule of C, so ThreadSanitizer must not look. */
__attribute__((no_sanitize("thread"))) static void flip(uint32_t random)
{
	volatile uint8_t *memory = (uint8_t *)(uintptr_t)ram_host(&ram, 0);
	volatile uint8_t *rings = memory + RINGS + random % 5 * DRIVER_RINGS;
	volatile struct vring_desc *desc = (volatile struct vring_desc *)rings + (random >> 8) % 16;
	volatile uint16_t *avail = (volatile uint16_t *)(rings + 0x1000);

	switch ((random >> 4) % 8) {
	case 0:
		desc->addr = random % (MEMORY + 0x1000);
		break;
	case 1:
	case 2:
		desc->len = (random >> 10) % 3000;
		break;
	case 3:
		desc->flags = (random >> 12) & 3;
		break;
	case 4:
		desc->next = (random >> 12) & 15;
		break;
	case 5:
		avail[1]++;
		break;
	case 6:
		avail[2 + (random >> 12) % 16] = (random >> 20) & 15;
		break;
	default:
		avail[0] ^= 1;
	}
}

static atomic_uint session; /* one more whenever there is a driver */

static void *flip_for_ever(void *argument)
{
	uint32_t random = 5;

	(void)argument;
	for (unsigned seen = 0; !atomic_load(&done); sched_yield()) {
		if (atomic_load(&session) == seen)
			continue;
		seen = atomic_load(&session);
		for (unsigned i = 0; i < 60; i++) {
			flip(next_random(&random));
			/* Not too fast: the device is to get somewhere. */
			for (volatile unsigned n = 0; n < 200;)
				n = n + 1;
		}
	}
	return NULL;
}

/* All that a vCPU may write before DRIVER_OK; afterwards memory is the other thread's. */
static void start_with_traffic(unsigned round)
{
	const uint8_t command[] = {CTRL_MQ, VQ_PAIRS_SET, 2, 0};

	begin(round & 1 ? ALL : ~BIT(F_MRG_RXBUF) & PLAIN, 16);
	for (unsigned i = 0; i < 2; i++) {
		post_many(2 * i, 50 + round % 1000, 10);
		for (unsigned n = 0; n < 8; n++)
			add_packet(2 * i + 1, round + n, 20 + round % 700, 13);
	}
	driver_put(&driver, COMMANDS, command, sizeof(command));
	DRIVER_ADD(&driver, 4, {COMMANDS, 4, false}, {COMMANDS + 100, 1, true});
	driver_go(&driver);
	atomic_fetch_add(&session, 1);
}

static void a_driver_in_a_hurry(void **state)
{
	const struct timespec moment = {0, 50000};
	pthread_t server, flipper;

	(void)state;
	create(2);
	atomic_flag_test_and_set(&net.virtio.complained);
	atomic_store(&done, false);
	assert_int_equal(pthread_create(&server, NULL, serve_for_ever, NULL), 0);
	assert_int_equal(pthread_create(&flipper, NULL, flip_for_ever, NULL), 0);
	for (unsigned round = 0; round < 400; round++) {
		start_with_traffic(round);
		for (unsigned i = 0; i < 20; i++)
			if (send(outside[i % 2], packet(i), HEADER + i * 37, 0) < 0)
				break;
		nanosleep(&moment, NULL);
		if (round % 3 == 0)
			driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
		for (unsigned i = 0; i < 2; i++)
			while (recv(outside[i], bytes, sizeof(bytes), 0) >= 0)
				;
	}
	atomic_store(&done, true);
	assert_int_equal(pthread_join(server, NULL), 0);
	assert_int_equal(pthread_join(flipper, NULL), 0);
	/* The device is as good as new. */
	start(ALL, 256);
	for (unsigned i = 0; i < 2; i++)
		while (recv(outside[i], bytes, sizeof(bytes), 0) >= 0)
			;
	assert_true(is_served(0));
	assert_false(is_served(1));
}

/* --- a real TAP --- */

static char tap_name[IFNAMSIZ];
static int frames; /* a packet socket: sends towards the guest, hears what the guest sends */
static int inet;

static int open_queue(void)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), size = HEADER;

	memcpy(request.ifr_name, tap_name, IFNAMSIZ);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &size) < 0)
		return -1;
	memcpy(tap_name, request.ifr_name, IFNAMSIZ);
	return fd;
}

#define IF_IOCTL(number, request)                                      \
	do {                                                           \
		memcpy((request)->ifr_name, tap_name, IFNAMSIZ);       \
		assert_int_equal(ioctl(inet, (number), (request)), 0); \
	} while (0)

static void set_interface_up(bool up)
{
	struct ifreq request = {.ifr_flags = (short)(up ? IFF_UP : 0)};

	IF_IOCTL(SIOCSIFFLAGS, &request);
}

static int interface_index(void)
{
	struct ifreq request;

	IF_IOCTL(SIOCGIFINDEX, &request);
	return request.ifr_ifindex;
}

static bool open_frames(void)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET};

	frames = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (frames < 0)
		return false;
	address.sll_ifindex = interface_index();
	address.sll_protocol = (uint16_t)(ETH_P_ALL >> 8 | ETH_P_ALL << 8);
	return bind(frames, (struct sockaddr *)&address, sizeof(address)) == 0;
}

/* A frame of ours: nobody else uses this type. */
enum { FRAME = 100, TYPE_HIGH = 0x88, TYPE_LOW = 0xb5 };

static void make_frame(uint8_t frame[FRAME], unsigned number)
{
	memcpy(frame, packet(number), FRAME);
	memset(frame, 0xff, 6);
	frame[6] = 2; /* a local address */
	frame[12] = TYPE_HIGH;
	frame[13] = TYPE_LOW;
}

static bool is_ours(const uint8_t *frame)
{
	return frame[12] == TYPE_HIGH && frame[13] == TYPE_LOW;
}

/* The guest sends FRAME; true if the interface has it then. The kernel's own packets are passed over. */
static bool tap_takes(uint8_t flags, unsigned number)
{
	struct virtio_net_hdr_v1 header = {.flags = flags, .csum_start = 5000};
	uint8_t frame[FRAME];
	struct sockaddr_ll from = {0};
	socklen_t size = sizeof(from);
	uint64_t sent = stat(STAT_OUT), errors = stat(STAT_ERRORS);
	uint64_t at = next_buffer(1);
	struct used used = {0};
	bool seen = false;

	make_frame(frame, number);
	driver_put(&driver, at, &header, HEADER);
	driver_put(&driver, at + HEADER, frame, FRAME);
	DRIVER_ADD(&driver, 1, {at, 7, false}, {at + 7, HEADER + FRAME - 7, false});
	serve(0);
	assert_true(driver_take_used(&driver, 1, &used));
	while (recvfrom(frames, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size) > 0)
		if (is_ours(bytes) && from.sll_pkttype != PACKET_OUTGOING)
			seen = memcmp(bytes, frame, FRAME) == 0;
	assert_int_equal(stat(STAT_OUT), sent + seen);
	assert_int_equal(stat(STAT_ERRORS), errors + !seen);
	return seen;
}

/* The next packet for the guest in pair WHICH, header included; 0 if there is none. */
static uint32_t guest_receives(unsigned which)
{
	struct used used = {0};

	post(2 * which, 20000);
	serve(which);
	if (!driver_take_used(&driver, 2 * which, &used)) {
		/* This buffer is for the next. */
		return 0;
	}
	driver_get(&driver, place[2 * which][used.id], bytes, used.length);
	assert_int_equal(bytes[NUM_BUFFERS], 1);
	return used.length;
}

static bool guest_hears(unsigned number)
{
	uint8_t frame[FRAME];
	uint32_t length;

	make_frame(frame, number);
	assert_int_equal(send(frames, frame, FRAME, 0), FRAME);
	while ((length = guest_receives(0)))
		if (is_ours(bytes + HEADER))
			return length == HEADER + FRAME &&
			       memcmp(bytes + HEADER, frame, FRAME) == 0;
	return false;
}

/* What the interface does for its kernel, of what GUEST_* features let it. */
static bool interface_has(uint32_t command)
{
	struct ethtool_value value = {.cmd = command};
	struct ifreq request = {.ifr_data = (char *)&value};

	IF_IOCTL(SIOCETHTOOL, &request);
	return value.data;
}

static void offloads_follow_the_driver(void)
{
	static const struct {
		uint64_t features;
		bool csum, tso;
	} cases[] = {
		{0, false, false},
		{BIT(F_GUEST_CSUM), true, false},
		{BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO4), true, true},
		{BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO6), true, true},
		{BIT(F_GUEST_TSO4), false, false}, /* §5.1.3.1: it needs GUEST_CSUM */
		{ALL, true, true},
		{BIT(F_CSUM) | BIT(F_HOST_TSO4), false, false},
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		start(cases[i].features | BIT(F_VERSION_1), 256);
		assert_each(interface_has(ETHTOOL_GTXCSUM) == cases[i].csum, "csum of case", i);
		assert_each(interface_has(ETHTOOL_GTSO) == cases[i].tso, "tso of case", i);
	}
}

enum { ETHERNET = 14, IP = 20, UDP = 8, HEADERS = ETHERNET + IP + UDP };

/* The headers of a UDP packet with PAYLOAD bytes, for all: from a host and a port that SENDER names. */
static void make_udp(uint8_t *frame, unsigned payload, unsigned sender)
{
	memset(frame, 0, HEADERS);
	memset(frame, 0xff, 6);
	frame[6] = 2;  /* a local address */
	frame[12] = 8; /* IP */
	frame[14] = 0x45;
	frame[16] = (uint8_t)((IP + UDP + payload) >> 8);
	frame[17] = (uint8_t)(IP + UDP + payload);
	frame[22] = 9;
	frame[23] = 17;
	frame[26] = frame[30] = 10;
	frame[29] = frame[35] = (uint8_t)sender;
	frame[37] = 99;
	frame[38] = (uint8_t)((UDP + payload) >> 8);
	frame[39] = (uint8_t)(UDP + payload);
}

/* Many flows, so that all of the TAP's queues get some if they may. */
static void send_flows(void)
{
	uint8_t frame[60];

	for (unsigned i = 1; i <= 32; i++) {
		memset(frame, 0x5a, sizeof(frame));
		make_udp(frame, sizeof(frame) - HEADERS, i);
		assert_int_equal(send(frames, frame, sizeof(frame), 0), sizeof(frame));
	}
}

static unsigned count_flows(unsigned which)
{
	uint32_t length;
	unsigned count = 0;

	while ((length = guest_receives(which)))
		count += length == HEADER + 60 && bytes[HEADER + 59] == 0x5a;
	return count;
}

static void queues_are_dealt_to(void)
{
	start(~(BIT(F_GUEST_CSUM) | BIT(F_MRG_RXBUF)), 256);
	for (unsigned round = 0; round < 3; round++) {
		send_flows();
		assert_int_equal(count_flows(0), 32);
		assert_int_equal(set_pairs_in(4, 2), ACK_OK);
		send_flows();
		unsigned first = count_flows(0), second = count_flows(1);
		assert_int_equal(first + second, 32);
		assert_true(first && second);
		assert_int_equal(set_pairs_in(4, 1), ACK_OK);
	}
	/* A reset has the same effect. */
	assert_int_equal(set_pairs_in(4, 2), ACK_OK);
	start(~BIT(F_GUEST_CSUM), 256);
	send_flows();
	assert_int_equal(count_flows(0), 32);
}

/* A packet with room for three segments of UDP; in how many pieces the guest gets it. */
static unsigned count_segments(uint64_t accept)
{
	enum { PAYLOAD = 900 };
	struct {
		struct virtio_net_hdr header;
		uint8_t frame[HEADERS + PAYLOAD];
	} segments = {
		.header = {VIRTIO_NET_HDR_F_NEEDS_CSUM, 5 /* UDP_L4 */, HEADERS, PAYLOAD / 3,
			   ETHERNET + IP, 6},
	};
	const uint8_t *start_of = segments.frame;
	unsigned count = 0;
	uint32_t length;

	make_udp(segments.frame, PAYLOAD, 1);
	start(accept, 256);
	ssize_t size = (ssize_t)(sizeof(segments.header) + sizeof(segments.frame));
	assert_int_equal(send(frames, &segments, (size_t)size, 0), size);
	while ((length = guest_receives(0)))
		count += length > HEADER + HEADERS &&
			 memcmp(bytes + HEADER, start_of, ETHERNET) == 0;
	return count;
}

/* TAPs know UDP segmentation since Linux 6.2. */
static void udp_segmentation_follows_the_driver(void)
{
	const uint64_t least = BIT(F_VERSION_1) | BIT(F_GUEST_CSUM), four = BIT(F_GUEST_USO4),
		       six = BIT(F_GUEST_USO6);
	int on = 1;

	if (ioctl(nic.queue[0].fd, TUNSETOFFLOAD, TUN_F_CSUM | 0x60ul) < 0)
		return;
	net.virtio.offered |= four | six;
	assert_int_equal(setsockopt(frames, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(count_segments(least), 3);
	assert_int_equal(count_segments(least | four | six), 1);
	/* A TAP cannot tell them apart. */
	assert_int_equal(count_segments(least | four), 3);
	assert_int_equal(count_segments(least | six), 3);
	on = 0;
	assert_int_equal(setsockopt(frames, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
}

/* Who did not say that queues are to be attached keeps them as they are. */
static void queues_stay_attached(void)
{
	start(~BIT(F_GUEST_CSUM), 256);
	assert_int_equal(set_pairs_in(4, 2), ACK_OK);
	nic.attach = false;
	assert_int_equal(set_pairs_in(4, 1), ACK_OK);
	send_flows();
	unsigned first = count_flows(0);
	assert_true(first && first < 32);
	nic.attach = true;
}

static void delete_interface(void)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} message = {
		.header = {sizeof(message), RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0},
		.info = {.ifi_index = interface_index()},
	};
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_int_equal(send(netlink, &message, sizeof(message), 0), sizeof(message));
	assert_true(recv(netlink, bytes, sizeof(bytes), 0) > 0);
	close(netlink);
}

static const char *open_tap(void)
{
	struct ifreq detach = {.ifr_flags = IFF_DETACH_QUEUE};
	int queue[2];

	if (!enter_own_network())
		return "no network namespace of our own";
	inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (inet < 0)
		return "no sockets";
	queue[0] = open_queue();
	queue[1] = queue[0] < 0 ? -1 : open_queue();
	if (queue[1] < 0 || ioctl(queue[1], TUNSETQUEUE, &detach) < 0)
		return "no TAP of our own";
	set_interface_up(true);
	if (!open_frames())
		return "no packet sockets";
	for (unsigned i = 0; i < 2; i++) {
		assert_true(dup2(queue[i], nic.queue[i].fd) >= 0);
		close(queue[i]);
	}
	return NULL;
}

static void frames_pass_a_tap(void)
{
	const struct part alone = {COMMANDS, HEADER, false};

	start(~BIT(F_MRG_RXBUF), 256);
	for (unsigned i = 0; i < 20; i++) {
		assert_true(tap_takes(0, i));
		assert_true(guest_hears(i));
	}
	/* §5.1.6.2 forbids a checksum beyond the packet: the kernel refuses it, and goes on. */
	assert_false(tap_takes(VIRTIO_NET_HDR_F_NEEDS_CSUM, 1));
	assert_true(tap_takes(0, 2));
	/* So it is with a header alone. */
	assert_false(goes_out(&alone, 1, NULL, 0));
	/* An interface that is down is not gone. */
	set_interface_up(false);
	assert_false(tap_takes(0, 3));
	set_interface_up(true);
	assert_true(tap_takes(0, 4));
	assert_true(guest_hears(4));
}

static void a_deleted_tap_is_told_once(void)
{
	struct capture capture;

	delete_interface();
	capture_begin(&capture, STDERR_FILENO);
	post(0, 2000);
	enum virtio_net_wait first = serve(0), second = serve(0);
	capture_end(&capture);
	assert_int_equal(first, NET_AWAIT_KICK);
	assert_int_equal(second, NET_AWAIT_KICK);
	assert_int_equal(capture.writes, 1);
	add_packet(1, 1, 100, 12);
	assert_serves(0, NET_AWAIT_KICK);
	assert_int_equal(waiting(1), 1);
}

static void chains_of_two_parts(void **state)
{
	(void)state;
	go(1, ALL, 4);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = next_buffer(0);
		unsigned head = DRIVER_ADD(&driver, 0, {at, 12, true}, {at + 12, 8, true});
		posted[0][head] = 20;
		place[0][head] = at;
	}
	inject(0, 1, 41);
	inject(0, 2, 40);
	assert_serves(0, NET_AWAIT_KICK);
	assert_int_equal(stat(STAT_ERRORS), 1);
	take_received(0, 2, 40);
}

static void flags_without_guest_csum(void **state)
{
	uint8_t data[60] = {VIRTIO_NET_HDR_F_DATA_VALID}, flags;
	(void)state;
	go(1, ~BIT(F_GUEST_CSUM), 4);
	post(0, 100);
	assert_int_equal(send(outside[0], data, sizeof(data), 0), sizeof(data));
	assert_serves(0, NET_AWAIT_KICK);
	driver_get(&driver, place[0][0], &flags, 1);
	assert_int_equal(flags, 0);
}

/* What a read refuses once is one packet: a UDP socket stands for the TAP, whose neighbour was not there. */
static void transient_error(void **state)
{
	struct sockaddr_in near = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr_in far = near;
	socklen_t size = sizeof(near);
	int tap = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bind(tap, (struct sockaddr *)&near, size), 0);
	assert_int_equal(bind(other, (struct sockaddr *)&far, size), 0);
	getsockname(other, (struct sockaddr *)&far, &size);
	assert_int_equal(connect(tap, (struct sockaddr *)&far, size), 0);
	close(other);
	assert_int_equal(send(tap, "x", 1, 0),
			 1); /* refused by its reader, which is told here later */
	dup2(tap, nic.queue[0].fd);
	close(tap);
	post_many(0, 100, 3);
	assert_serves(0, NET_AWAIT_NIC);
	assert_int_equal(stat(STAT_ERRORS), 1);
	assert_false(nic.queue[0].gone);
}

__attribute__((unused)) static void a_real_tap(void **state)
{
	(void)state;
	prepare(2);
	nic.attach = true;
	const char *why = open_tap();
	if (why) {
		print_message("skipped: %s: %s\n", why, strerror(errno));
		skip();
	}
	virtio_net_init(&net, &nic);
	virtio_mmio_init(&mmio, &net.virtio);
	driver = (struct driver){.mmio = &mmio, .ram = &ram};
	frames_pass_a_tap();
	offloads_follow_the_driver();
	udp_segmentation_follows_the_driver();
	queues_are_dealt_to();
	queues_stay_attached();
	a_deleted_tap_is_told_once();
	close(frames);
	close(inet);
}

#define NET_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(features),
		NET_TEST(configuration),
		NET_TEST(queues),
		NET_TEST(kicks),
		NET_TEST(a_packet_goes_out),
		NET_TEST(a_packet_in_pieces),
		NET_TEST(packets_of_wrong_sizes),
		NET_TEST(writable_parts_are_not_sent),
		NET_TEST(nobody_outside),
		NET_TEST(a_slow_outside),
		NET_TEST(a_batch_of_packets),
		NET_TEST(both_directions_have_their_turn),
		NET_TEST(an_idle_device_is_silent),
		NET_TEST(a_quiet_tap_is_not_asked),
		NET_TEST(a_packet_comes_in),
		NET_TEST(nothing_to_read),
		NET_TEST(no_buffers),
		NET_TEST(a_buffer_in_pieces),
		NET_TEST(a_batch_comes_in),
		NET_TEST(packets_over_several_buffers),
		NET_TEST(a_buffer_of_many_parts),
		NET_TEST(a_buffer_of_all_parts),
		NET_TEST(a_huge_buffer),
		NET_TEST(without_mergeable_buffers),
		NET_TEST(too_few_buffers),
		NET_TEST(too_few_buffers_left),
		NET_TEST(all_buffers_together_are_too_small),
		NET_TEST(buffers_without_room_for_the_header),
		NET_TEST(odd_buffers_in_a_merge),
		NET_TEST(a_first_buffer_that_shrinks),
		NET_TEST(a_broken_ring),
		NET_TEST(a_packet_that_offers_buffers),
		NET_TEST(order),
		NET_TEST(a_held_packet_dies_with_its_driver),
		NET_TEST(stale_packets),
		NET_TEST(a_flood_before_the_start),
		NET_TEST(a_lost_tap_is_told_once),
		NET_TEST(numbers_of_pairs),
		NET_TEST(commands_that_are_none),
		NET_TEST(several_commands_at_once),
		NET_TEST(others_leave_the_control_queue_alone),
		NET_TEST(control_without_mq),
		NET_TEST(one_pair_has_no_control_queue),
		NET_TEST(pairs_that_are_not_in_use),
		NET_TEST(pairs_keep_apart),
		NET_TEST(what_a_nic_needs),
		NET_TEST(a_worker),
		NET_TEST(a_driver_in_a_hurry),
		NET_TEST(flags_without_guest_csum),
		NET_TEST(transient_error),
		NET_TEST(chains_of_two_parts),
#ifndef __SANITIZE_THREAD__           /* whose own thread forbids unshare(2) */
		NET_TEST(a_real_tap), /* the last: it leaves the process in another namespace */
#endif
	};

	return cmocka_run_group_tests(tests, reserve, release);
}
