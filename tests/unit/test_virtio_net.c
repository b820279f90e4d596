/* The network device, by virtio 1.2 §5.1 and its headers: packet sockets stand for TAP queues (they refuse TUNSET*, which
 * the device must live with), and one test has a real TAP. */
#include "virtio_net.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "driver.h"
#include "sysfilter_stub.h"
#include "virtio_net_rx.h"

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
	BUFFER = 0x2000,             /* from one to the next; a large one takes several */
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
static struct virtio_net net;
static struct virtio_net_pair pairs[VIRTIO_NET_PAIRS_MAX];
static struct virtio_mmio mmio;
static struct driver driver;
static int outside[VIRTIO_NET_PAIRS_MAX]; /* the other ends of the TAPs */
static uint8_t sample[SAMPLE + LARGEST];  /* packets are pieces of it */
static uint8_t bytes[LARGEST + 1];

/* --- a device --- */

static void close_ends(void)
{
	for (unsigned i = 0; i < net.pairs; i++) {
		close(pairs[i].tap_fd);
		close(pairs[i].kick_fd);
		close(outside[i]);
	}
	close(net.virtio.irq_fd);
	net.pairs = 0;
}

/* The device as the caller of virtio_net_init prepares it. */
static void prepare(unsigned count)
{
	close_ends();
	memset(&net, 0, sizeof(net));
	net.virtio.ram = &ram;
	net.virtio.label = "tap0";
	net.virtio.irq_fd = make_event();
	net.pairs = count;
	net.pair = pairs;
	for (unsigned i = 0; i < count; i++) {
		int ends[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
				 0);
		memset(&pairs[i], 0, sizeof(pairs[i]));
		pairs[i].tap_fd = ends[0];
		pairs[i].kick_fd = make_event();
		outside[i] = ends[1];
	}
}

static void create(unsigned count)
{
	prepare(count);
	virtio_net_init(&net);
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
	return ram_reserve(&ram, MEMORY, 3 * GIB, 4 * GIB, &problem) ? 0 : -1;
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

static unsigned used_index(unsigned queue)
{
	return driver_get16(&driver, driver.queue[queue].used + 2);
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
		return driver_avail_event(&driver, queue) == driver.queue[queue].avail_index;
	return driver_get16(&driver, driver.queue[queue].used) == 0;
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
	unsigned buffers = 1, taken = 0;

	for (; taken < buffers; taken++) {
		struct used used;

		assert_true(driver_take_used(&driver, queue, &used));
		assert_true(used.id < 256 && used.length <= posted[queue][used.id]);
		assert_true(size + used.length <= sizeof(received));
		driver_get(&driver, place[queue][used.id], received + size, used.length);
		size += used.length;
		if (taken == 0) {
			assert_true(used.length >= HEADER);
			buffers = received[NUM_BUFFERS] | received[NUM_BUFFERS + 1] << 8;
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
	struct used used;

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
	net.config.mtu = mtu;
	net.uso = uso;
	virtio_net_init(&net);
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
	memcpy(net.config.mac, mac, sizeof(mac));
	net.config.mtu = 1500;
	virtio_net_init(&net);
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
	setsockopt(pairs[0].tap_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
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
		assert_serves(0, NET_AWAIT_TAP);
	assert_int_equal(stat(STAT_INTERRUPTS) + stat(STAT_SUPPRESSED), 0);
	assert_int_equal(take_event(net.virtio.irq_fd), 0);
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
			assert_serves(0, NET_AWAIT_TAP);
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
		assert_serves(0, NET_AWAIT_TAP);
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
	assert_serves(0, NET_AWAIT_TAP);
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
	assert_serves(0, NET_AWAIT_TAP);
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
	struct used used;

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
		assert_serves(0, NET_AWAIT_TAP);
		inject(0, 2, 50);
		assert_serves(0, NET_AWAIT_KICK);
		take_received(0, 2, 50);
		start(ALL, 256);
	}
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
	struct used used;

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
	assert_serves(0, NET_AWAIT_TAP);
	assert_int_equal(waiting(0), 0);
	inject(0, 2, 250);
	assert_serves(0, NET_AWAIT_TAP);
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
	/* §3.1.1: nothing moves before DRIVER_OK. */
	assert_serves(0, NET_AWAIT_KICK);
	assert_int_equal(waiting(0) + waiting(1), 0);
	assert_nothing_outside(0);
	driver_go(&driver);
	assert_serves(0, NET_AWAIT_TAP);
	assert_int_equal(waiting(0), 0);
	assert_int_equal(waiting(1), 1);
	assert_outside(0, 1, 60);
	inject(0, 2, 60);
	assert_serves(0, NET_AWAIT_TAP);
	take_received(0, 2, 60);
	for (unsigned i = 1; i < PAIRS; i++)
		assert_int_equal(recv(pairs[i].tap_fd, bytes, 1, 0), -1);
	/* After a reset too. */
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	inject(0, 3, 60);
	start(ALL, 256);
	post(0, 100);
	assert_serves(0, NET_AWAIT_TAP);
	assert_int_equal(waiting(0), 0);
}

/* --- a TAP that is gone --- */

/* The end of a pipe that cannot be read, and that poll calls bad for ever: like a deleted TAP. */
static void lose_tap(unsigned which)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	close(ends[0]);
	assert_true(dup2(ends[1], pairs[which].tap_fd) >= 0);
	close(ends[1]);
}

static void a_lost_tap_is_told_once(void **state)
{
	struct capture capture;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	post(0, 100);
	assert_serves(0, NET_AWAIT_TAP);
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
	unsigned head = DRIVER_ADD(&driver, queue, {COMMANDS, first, false},
				   {COMMANDS + first, size - first, false},
				   {COMMANDS + 100, room, true});
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
	assert_int_equal(atomic_load(&net.active), 1);
	for (unsigned i = 1; i <= PAIRS; i++) {
		assert_int_equal(set_pairs(i), ACK_OK);
		assert_int_equal(atomic_load(&net.active), i);
	}
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		assert_int_equal(set_pairs(wrong[i]), ACK_ERR);
		assert_int_equal(atomic_load(&net.active), PAIRS);
	}
	assert_int_equal(set_pairs(2), ACK_OK);
	assert_int_equal(atomic_load(&net.active), 2);
	start(ALL, 256);
	assert_int_equal(atomic_load(&net.active), 1);
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
	assert_int_equal(atomic_load(&net.active), 1);
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
	static const uint8_t commands[] = {CTRL_MQ, VQ_PAIRS_SET, 2, 0, CTRL_MQ, VQ_PAIRS_SET, 9, 0};
	struct used used;

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
	assert_int_equal(atomic_load(&net.active), 2);
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
	assert_int_equal(atomic_load(&net.active), 1);
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
		assert_int_equal(recv(pairs[which].tap_fd, bytes, sizeof(bytes), 0), 60);
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

static void assert_allows(const struct allowed *rules, unsigned count)
{
	allowed.count = 0;
	virtio_net_allow(&net, NULL);
	assert_int_equal(allowed.count, count);
	for (unsigned i = 0; i < count; i++) {
		unsigned found = 0;

		for (unsigned n = 0; n < count; n++)
			found += memcmp(&allowed.rule[n], &rules[i], sizeof(rules[i])) == 0;
		assert_each(found == 1, "rule", i);
	}
}

static void what_a_nic_needs(void **state)
{
	(void)state;
	create(2);
	const int irq = net.virtio.irq_fd;
	const int tap0 = pairs[0].tap_fd, tap1 = pairs[1].tap_fd;
	const int kick0 = pairs[0].kick_fd, kick1 = pairs[1].kick_fd;
	const struct allowed rules[] = {
		{SYS_read, kick0, 1, 0},
		{SYS_write, kick0, 1, 0},
		{SYS_read, kick1, 1, 0},
		{SYS_write, kick1, 1, 0},
		{SYS_write, irq, 1, 0},
		{SYS_futex, ANY_FD, 0, 0},
		{SYS_ppoll, ANY_FD, 0, 0},
		{SYS_readv, tap0, 1, 0},
		{SYS_writev, tap0, 1, 0},
		{SYS_readv, tap1, 1, 0},
		{SYS_writev, tap1, 1, 0},
		{SYS_ioctl, tap0, 1, TUNSETOFFLOAD},
		{SYS_ioctl, tap0, 1, TUNSETQUEUE},
		{SYS_ioctl, tap1, 1, TUNSETQUEUE},
	};

	net.attach = true;
	assert_allows(rules, COUNT(rules));
	net.attach = false;
	assert_allows(rules, COUNT(rules) - 2);
}
