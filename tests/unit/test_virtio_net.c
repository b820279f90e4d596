/* The network device over socket pairs in place of a TAP. What packets become of under every mix of sizes is
 * fuzz_virtio_net's business; here: each rule by itself. */
#include "virtio_net.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "driver.h"
#include "sysfilter_stub.h"
#include "virtio_net_rx.h"

#define VERSION_1 VIRTIO_FEATURE(VIRTIO_F_VERSION_1)
#define EVENT_IDX VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX)
#define MRG_RXBUF VIRTIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF)
#define MQ (VIRTIO_FEATURE(VIRTIO_NET_F_MQ) | VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_VQ))

enum {
	RINGS = 0x10000,
	DATA = 0x80000,
	SLOT = 0x2000,
	PAIRS = 2,
	RX = 0,
	TX = 1,
};

static struct ram ram;
static struct virtio_net net;
static struct virtio_net_pair pair[PAIRS];
static struct virtio_mmio mmio;
static struct driver driver;
static int outside[PAIRS]; /* the other ends of the TAPs; -1: closed */

static void make_tap(unsigned index)
{
	int ends[2], size = 1 << 20;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
			 0);
	for (unsigned i = 0; i < 2; i++)
		setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	pair[index].tap_fd = ends[0];
	outside[index] = ends[1];
}

static void close_all(void)
{
	for (unsigned i = 0; i < PAIRS; i++) {
		close(pair[i].tap_fd);
		close(pair[i].kick_fd);
		if (outside[i] >= 0)
			close(outside[i]);
	}
	close(net.virtio.irq_fd);
}

static void make_device(unsigned pairs)
{
	memset(&net, 0, sizeof(net));
	memset(pair, 0, sizeof(pair));
	net.virtio.ram = &ram;
	net.virtio.label = "tap0";
	net.virtio.irq_fd = make_event();
	net.pairs = pairs;
	net.pair = pair;
	net.config.mtu = 1500;
	memcpy(net.config.mac, "\2\1\2\3\4\5", 6);
	for (unsigned i = 0; i < PAIRS; i++) {
		make_tap(i);
		pair[i].kick_fd = make_event();
	}
	virtio_net_init(&net);
	virtio_mmio_init(&mmio, &net.virtio);
	driver = (struct driver){.mmio = &mmio, .ram = &ram};
}

/* All queues of SIZE. */
static void go(uint64_t features, uint32_t size)
{
	assert_true(driver_negotiate(&driver, features));
	for (unsigned i = 0; i < net.virtio.queues; i++)
		assert_true(driver_set_up_queue(&driver, i, size, RINGS + i * DRIVER_RINGS));
	driver_go(&driver);
}

static int set_up(void **state)
{
	struct problem problem;

	(void)state;
	if (!ram_reserve(&ram, 8 * MIB, 3 * GIB, 4 * GIB, &problem))
		return -1;
	make_device(1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close_all();
	ram_release(&ram);
	return 0;
}

static uint64_t counted(enum virtio_stat which)
{
	return atomic_load(&net.virtio.stat[which]);
}

/* A packet of SIZE bytes, header included, that can be told from others. */
static const uint8_t *packet(uint32_t size, unsigned number)
{
	static uint8_t bytes[VIRTIO_NET_PACKET_MAX];

	memset(bytes, 0, VIRTIO_NET_HEADER);
	for (uint32_t i = VIRTIO_NET_HEADER; i < size; i++)
		bytes[i] = (uint8_t)(i * 7 + number);
	return bytes;
}

static void send_in(uint32_t size, unsigned number)
{
	assert_int_equal(send(outside[0], packet(size, number), size, 0), size);
}

static void assert_came_out(uint32_t size, unsigned number)
{
	static uint8_t bytes[VIRTIO_NET_PACKET_MAX];

	assert_int_equal(recv(outside[0], bytes, sizeof(bytes), 0), size);
	assert_memory_equal(bytes, packet(size, number), size);
}

static void assert_nothing_came_out(void)
{
	uint8_t byte;

	assert_int_equal(recv(outside[0], &byte, 1, 0), -1);
}

/* --- what the driver sees --- */

static bool offers(unsigned feature)
{
	return driver_offered(&driver) & VIRTIO_FEATURE(feature);
}

static void features_follow_the_tap(void **state)
{
	static const uint8_t always[] = {0, 1, 5, 7, 8, 11, 12, 15, 16, 29, 32};

	(void)state;
	for (unsigned i = 0; i < COUNT(always); i++)
		assert_each(offers(always[i]), "feature", always[i]);
	assert_true(offers(VIRTIO_NET_F_MTU));
	assert_false(offers(VIRTIO_NET_F_MQ) || offers(VIRTIO_NET_F_CTRL_VQ));
	assert_false(offers(54) || offers(55) || offers(56) || offers(28));
	assert_int_equal(net.virtio.queues, 2);
	close_all();
	make_device(PAIRS);
	assert_true(offers(VIRTIO_NET_F_MQ) && offers(VIRTIO_NET_F_CTRL_VQ));
	assert_int_equal(net.virtio.queues, 5);
	assert_int_equal(net.virtio.queue[1].kick_fd, pair[0].kick_fd);
	assert_int_equal(net.virtio.queue[2].kick_fd, pair[1].kick_fd);
	assert_int_equal(net.virtio.queue[4].kick_fd, pair[1].kick_fd);
	net.uso = true;
	net.config.mtu = 0;
	virtio_net_init(&net);
	assert_true(offers(54) && offers(55) && offers(56));
	assert_false(offers(VIRTIO_NET_F_MTU));
}

static void configuration(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(virtio_mmio_read(&mmio, 0x100 + i, 1), i ? i : 2);
	assert_int_equal(virtio_mmio_read(&mmio, 0x106, 2), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(virtio_mmio_read(&mmio, 0x108, 2), 1);
	assert_int_equal(virtio_mmio_read(&mmio, 0x10a, 2), 1500);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_DEVICE_ID), 1);
}

/* --- from the driver --- */

static void packets_are_sent_in_any_pieces(void **state)
{
	struct used used = {0};

	(void)state;
	go(VERSION_1, 16);
	driver_put(&driver, DATA, packet(600, 1), 600);
	for (uint32_t cut = 1; cut < 30; cut++) {
		DRIVER_ADD(&driver, TX, {DATA, cut, false}, {DATA + cut, 1, false},
			   {DATA + cut + 1, 599 - cut, false});
		virtio_net_serve(&net, 0);
		assert_came_out(600, 1);
		assert_true(driver_take_used(&driver, TX, &used));
		assert_int_equal(used.length, 0);
	}
	assert_int_equal(counted(STAT_OUT), 29);
	assert_int_equal(counted(STAT_OUT_BYTES), 29 * 588);
}

static void bad_packets_are_dropped_and_counted(void **state)
{
	struct used used = {0};

	(void)state;
	go(VERSION_1, 16);
	DRIVER_ADD(&driver, TX, {DATA, 0, false});
	DRIVER_ADD(&driver, TX, {DATA, 11, false});
	DRIVER_ADD(&driver, TX, {DATA, 100, true}); /* nothing to read */
	DRIVER_ADD(&driver, TX, {DATA, VIRTIO_NET_PACKET_MAX, false}, {DATA, 1, false});
	DRIVER_ADD(&driver, TX, {0, 4 * MIB, false}, {0, 4 * MIB, false});
	virtio_net_serve(&net, 0);
	for (unsigned i = 0; i < 5; i++)
		assert_true(driver_take_used(&driver, TX, &used));
	assert_nothing_came_out();
	assert_int_equal(counted(STAT_ERRORS), 5);
	driver_put(&driver, DATA, packet(100, 2), 100);
	DRIVER_ADD(&driver, TX, {DATA, 100, false});
	virtio_net_serve(&net, 0);
	assert_came_out(100, 2);
}

/* A TAP refuses bad header fields, or is down: neither ends anything. */
static void what_the_tap_refuses_is_dropped(void **state)
{
	struct used used = {0};

	(void)state;
	go(VERSION_1, 16);
	close(outside[0]);
	outside[0] = -1;
	DRIVER_ADD(&driver, TX, {DATA, 100, false});
	virtio_net_serve(&net, 0);
	assert_true(driver_take_used(&driver, TX, &used));
	assert_int_equal(counted(STAT_ERRORS), 1);
	assert_int_equal(counted(STAT_OUT), 0);
}

static void both_directions_have_their_turn(void **state)
{
	(void)state;
	go(VERSION_1, 256);
	driver_put(&driver, DATA, packet(20, 1), 20);
	for (unsigned i = 0; i < VIRTIO_NET_BATCH + 1; i++)
		DRIVER_ADD(&driver, TX, {DATA, 20, false});
	assert_int_equal(virtio_net_serve(&net, 0), NET_MORE);
	assert_int_equal(counted(STAT_OUT), VIRTIO_NET_BATCH);
	assert_int_not_equal(virtio_net_serve(&net, 0), NET_MORE);
	assert_int_equal(counted(STAT_OUT), VIRTIO_NET_BATCH + 1);
	for (unsigned i = 0; i < VIRTIO_NET_BATCH + 1; i++) {
		DRIVER_ADD(&driver, RX, {DATA, 1526, true});
		send_in(20, i);
	}
	assert_int_equal(virtio_net_serve(&net, 0), NET_MORE);
	assert_int_equal(counted(STAT_IN), VIRTIO_NET_BATCH);
	assert_int_not_equal(virtio_net_serve(&net, 0), NET_MORE);
	assert_int_equal(counted(STAT_IN), VIRTIO_NET_BATCH + 1);
}

/* --- to the driver --- */

static void a_packet_comes_in(void **state)
{
	uint8_t found[600];
	struct used used = {0};

	(void)state;
	go(VERSION_1 | MRG_RXBUF, 16);
	DRIVER_ADD(&driver, RX, {DATA, 5, true}, {DATA + 5, 1000, true});
	send_in(600, 3);
	assert_int_equal(virtio_net_serve(&net, 0), NET_AWAIT_KICK); /* no buffer is left */
	assert_true(driver_take_used(&driver, RX, &used));
	assert_int_equal(used.length, 600);
	driver_get(&driver, DATA, found, 600);
	assert_int_equal(found[10] | found[11] << 8, 1); /* num_buffers */
	found[10] = 0;
	assert_memory_equal(found, packet(600, 3), 600);
	assert_int_equal(counted(STAT_IN), 1);
	assert_int_equal(counted(STAT_IN_BYTES), 588);
}

static void without_packets_buffers_stay(void **state)
{
	(void)state;
	go(VERSION_1, 16);
	DRIVER_ADD(&driver, RX, {DATA, 1526, true});
	assert_int_equal(virtio_net_serve(&net, 0), NET_AWAIT_TAP);
	assert_int_equal(net.virtio.queue[RX].ring.next_avail, 0);
	assert_int_equal(counted(STAT_INTERRUPTS) + counted(STAT_SUPPRESSED), 0);
}

static void without_buffers_packets_stay(void **state)
{
	(void)state;
	go(VERSION_1 | EVENT_IDX, 16);
	send_in(100, 1);
	assert_int_equal(virtio_net_serve(&net, 0), NET_AWAIT_KICK);
	assert_int_equal(driver_avail_event(&driver, RX), 0);
	DRIVER_ADD(&driver, RX, {DATA, 1526, true});
	virtio_net_serve(&net, 0);
	assert_int_equal(counted(STAT_IN), 1);
	assert_int_equal(driver_avail_event(&driver, RX), 1);
}

/* Buffers of 1000 bytes, the first one of 12 + 88. */
static void add_small_buffers(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		DRIVER_ADD(&driver, RX, {DATA + i * SLOT, i ? 1000 : 100, true});
}

static void large_packets_are_merged_from_buffers(void **state)
{
	uint8_t found[3000];
	struct used used = {0};

	(void)state;
	go(VERSION_1 | MRG_RXBUF, 16);
	add_small_buffers(5);
	send_in(3000, 4);
	assert_int_equal(virtio_net_serve(&net, 0), NET_AWAIT_TAP);
	for (uint32_t i = 0, done = 0; i < 4; i++) {
		uint32_t length = i == 0 ? 100 : i == 3 ? 900 : 1000;

		assert_true(driver_take_used(&driver, RX, &used));
		assert_each(used.length == length, "buffer", i);
		driver_get(&driver, DATA + i * SLOT, found + done, length);
		done += length;
	}
	assert_false(driver_take_used(&driver, RX, &used));
	assert_int_equal(found[10] | found[11] << 8, 4);
	found[10] = 0;
	assert_memory_equal(found, packet(3000, 4), 3000);
	assert_int_equal(counted(STAT_INTERRUPTS), 1);
	assert_int_equal(counted(STAT_IN_BYTES), 2988);
}

static void a_large_packet_waits_for_buffers(void **state)
{
	struct used used = {0};

	(void)state;
	go(VERSION_1 | MRG_RXBUF | EVENT_IDX, 16);
	add_small_buffers(3);
	send_in(3000, 4);
	assert_int_equal(virtio_net_serve(&net, 0), NET_AWAIT_KICK);
	assert_false(driver_take_used(&driver, RX, &used));
	assert_int_equal(net.virtio.queue[RX].ring.next_avail, 0);
	assert_int_equal(driver_avail_event(&driver, RX), 3);
	DRIVER_ADD(&driver, RX, {DATA + 3 * SLOT, 1000, true});
	virtio_net_serve(&net, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_true(driver_take_used(&driver, RX, &used));
	assert_int_equal(used.length, 900);
	assert_int_equal(counted(STAT_IN), 1);
}

static void a_packet_larger_than_all_buffers_is_dropped(void **state)
{
	struct used used = {0};

	(void)state;
	go(VERSION_1 | MRG_RXBUF, 4);
	for (unsigned i = 0; i < 4; i++)
		DRIVER_ADD(&driver, RX, {DATA + i * SLOT, 100, true});
	send_in(401, 1);
	send_in(400, 2);
	virtio_net_serve(&net, 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(driver_take_used(&driver, RX, &used));
		assert_int_equal(used.length, 100);
	}
	assert_int_equal(counted(STAT_ERRORS), 1);
	assert_int_equal(counted(STAT_IN), 1);
}

static void without_merging_a_large_packet_is_dropped(void **state)
{
	struct used used = {0};

	(void)state;
	go(VERSION_1, 16);
	add_small_buffers(2);
	send_in(101, 1);
	send_in(100, 2);
	virtio_net_serve(&net, 0);
	assert_true(driver_take_used(&driver, RX, &used));
	assert_int_equal(used.length, 100);
	assert_false(driver_take_used(&driver, RX, &used));
	assert_int_equal(counted(STAT_ERRORS), 1);
}

static void buffers_without_room_for_a_header_come_back_empty(void **state)
{
	(void)state;
	for (unsigned merging = 0; merging < 2; merging++) {
		struct used used = {0};

		go(VERSION_1 | (merging ? MRG_RXBUF : 0), 16);
		DRIVER_ADD(&driver, RX, {DATA, 11, true});
		DRIVER_ADD(&driver, RX, {DATA, 1000, false});
		DRIVER_ADD(&driver, RX, {DATA, 1000, true});
		send_in(100, 1);
		virtio_net_serve(&net, 0);
		for (unsigned i = 0; i < 3; i++) {
			assert_true(driver_take_used(&driver, RX, &used));
			assert_int_equal(used.length, i == 2 ? 100 : 0);
		}
		assert_false(driver_take_used(&driver, RX, &used));
		assert_int_equal(counted(STAT_ERRORS), 2 + 2 * merging);
	}
}

static void nor_do_they_take_the_beginning_of_a_large_packet(void **state)
{
	static const uint32_t lengths[] = {0, 100, 400};
	struct used used = {0};

	(void)state;
	go(VERSION_1 | MRG_RXBUF, 16);
	DRIVER_ADD(&driver, RX, {DATA, 100, true});
	send_in(500, 2);
	assert_int_equal(virtio_net_serve(&net, 0), NET_AWAIT_KICK); /* it is held, and now … */
	driver_put_desc(&driver, RX, 0, DATA, 11, VRING_DESC_F_WRITE, 0);
	DRIVER_ADD(&driver, RX, {DATA, 100, true});
	DRIVER_ADD(&driver, RX, {DATA + SLOT, 400, true});
	virtio_net_serve(&net, 0);
	for (unsigned i = 0; i < COUNT(lengths); i++) {
		assert_true(driver_take_used(&driver, RX, &used));
		assert_each(used.length == lengths[i], "buffer", i);
	}
	assert_false(driver_take_used(&driver, RX, &used));
	assert_int_equal(counted(STAT_IN), 1);
}

/* --- starts, resets, ends --- */

static void what_came_before_the_driver_is_old(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		send_in(100, i);
	go(VERSION_1, 16);
	DRIVER_ADD(&driver, RX, {DATA, 1526, true});
	assert_int_equal(virtio_net_serve(&net, 0), NET_AWAIT_TAP);
	assert_int_equal(counted(STAT_IN), 0);
}

static void a_held_packet_does_not_outlive_a_reset(void **state)
{
	struct used used = {0};

	(void)state;
	go(VERSION_1 | MRG_RXBUF, 16);
	add_small_buffers(3);
	send_in(3000, 1);
	virtio_net_serve(&net, 0);
	assert_int_equal(pair[0].held, 3000);
	go(VERSION_1 | MRG_RXBUF, 16);
	add_small_buffers(5);
	assert_int_equal(virtio_net_serve(&net, 0), NET_AWAIT_TAP);
	assert_false(driver_take_used(&driver, RX, &used));
}

static void a_tap_that_is_gone_is_told_once_and_left_alone(void **state)
{
	struct capture capture;

	(void)state;
	go(VERSION_1, 16);
	DRIVER_ADD(&driver, RX, {DATA, 1526, true});
	close(pair[0].tap_fd);
	pair[0].tap_fd = open("/dev/null", O_WRONLY | O_CLOEXEC); /* a read fails with EBADF */
	capture_begin(&capture, STDERR_FILENO);
	assert_int_equal(virtio_net_serve(&net, 0), NET_AWAIT_KICK);
	assert_int_equal(virtio_net_serve(&net, 0), NET_AWAIT_KICK);
	capture_end(&capture);
	assert_int_equal(capture.writes, 1);
	assert_says(capture.text, "warning: tap0 is gone");
	driver_put(&driver, DATA, packet(100, 1), 100);
	DRIVER_ADD(&driver, TX, {DATA, 100, false});
	virtio_net_serve(&net, 0);
}

/* --- several pairs --- */

enum { CONTROL = 2 * PAIRS };

/* CLASS, COMMAND and a 16-bit value of which SIZE bytes are sent; returns the answer, 0xee for none. */
static uint8_t command(unsigned queue, uint8_t class, uint8_t what, uint16_t value, uint32_t size)
{
	uint8_t bytes[] = {class, what, (uint8_t)value, (uint8_t)(value >> 8), 0xee};
	struct used used = {0};

	driver_put(&driver, DATA, bytes, sizeof(bytes));
	DRIVER_ADD(&driver, queue, {DATA, 2, false}, {DATA + 2, size, false}, {DATA + 4, 1, true});
	virtio_net_serve(&net, PAIRS - 1);
	assert_true(driver_take_used(&driver, queue, &used));
	assert_int_equal(used.length, 1);
	driver_get(&driver, DATA + 4, bytes, 1);
	return bytes[0];
}

static uint8_t use_pairs(uint16_t pairs)
{
	return command(CONTROL, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, pairs, 2);
}

static void the_driver_says_how_many_pairs_it_uses(void **state)
{
	(void)state;
	close_all();
	make_device(PAIRS);
	go(VERSION_1 | MQ, 16);
	assert_int_equal(atomic_load(&net.active), 1);
	assert_int_equal(use_pairs(2), VIRTIO_NET_OK);
	assert_int_equal(atomic_load(&net.active), 2);
	assert_int_equal(take_event(pair[1].kick_fd) > 0, true);
	assert_int_equal(use_pairs(0), VIRTIO_NET_ERR);
	assert_int_equal(use_pairs(3), VIRTIO_NET_ERR);
	assert_int_equal(use_pairs(0xffff), VIRTIO_NET_ERR);
	assert_int_equal(atomic_load(&net.active), 2);
	assert_int_equal(use_pairs(1), VIRTIO_NET_OK);
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_MQ, 0, 2, 1), VIRTIO_NET_ERR);
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_MQ, 1, 2, 2), VIRTIO_NET_ERR);
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_RX, 0, 2, 2), VIRTIO_NET_ERR);
	assert_int_equal(atomic_load(&net.active), 1);
	assert_int_equal(counted(STAT_OTHER), 8);
	assert_int_equal(use_pairs(2), VIRTIO_NET_OK);
	go(VERSION_1 | MQ, 16);
	assert_int_equal(atomic_load(&net.active), 1);
}

/* §5.1.2: without MQ the control queue follows the first pair. */
static void without_mq_the_control_queue_is_the_third(void **state)
{
	(void)state;
	close_all();
	make_device(PAIRS);
	go(VERSION_1 | VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_VQ), 16);
	assert_int_equal(command(2, VIRTIO_NET_CTRL_MQ, 0, 2, 2), VIRTIO_NET_ERR);
	assert_int_equal(atomic_load(&net.active), 1);
}

static void a_command_without_room_for_an_answer(void **state)
{
	struct used used = {0};

	(void)state;
	close_all();
	make_device(PAIRS);
	go(VERSION_1 | MQ, 16);
	DRIVER_ADD(&driver, CONTROL, {DATA, 4, false});
	virtio_net_serve(&net, PAIRS - 1);
	assert_true(driver_take_used(&driver, CONTROL, &used));
	assert_int_equal(used.length, 0);
}

static void pairs_that_are_not_used_are_not_served(void **state)
{
	struct used used = {0};

	(void)state;
	close_all();
	make_device(PAIRS);
	go(VERSION_1 | MQ, 16);
	DRIVER_ADD(&driver, 3, {DATA, 100, false});
	assert_int_equal(virtio_net_serve(&net, 1), NET_AWAIT_KICK);
	assert_false(driver_take_used(&driver, 3, &used));
	use_pairs(2);
	virtio_net_serve(&net, 1);
	assert_true(driver_take_used(&driver, 3, &used));
}

/* --- threads --- */

static void *work(void *argument)
{
	(void)argument;
	virtio_net_work(&net, 0);
}

static atomic_bool stop;

/* Guest memory has no rules: the sanitizer must not apply its own. */
__attribute__((no_sanitize("thread"))) static void *scribble(void *argument)
{
	volatile uint8_t *base = (uint8_t *)(uintptr_t)ram_host(&ram, 0);
	uint32_t random = 7;

	(void)argument;
	while (!atomic_load(&stop)) {
		uint32_t rings = RINGS + next_random(&random) % 2 * DRIVER_RINGS;

		base[rings + next_random(&random) % 256] = (uint8_t)next_random(&random);
		base[rings + 0x1000 + 2] = (uint8_t)next_random(&random);
		send(outside[0], packet(3000, 1), 3000, 0);
	}
	return NULL;
}

static void *reset_and_start(void *argument)
{
	(void)argument;
	while (!atomic_load(&stop)) {
		if (!driver_negotiate(&driver, driver_offered(&driver)))
			continue;
		for (unsigned i = 0; i < 2; i++)
			driver_place_queue(&driver, i, 16, RINGS + i * DRIVER_RINGS,
					   RINGS + i * DRIVER_RINGS + 0x1000,
					   RINGS + i * DRIVER_RINGS + 0x2000);
		driver_go(&driver);
	}
	return NULL;
}

/* One CPU rewrites descriptors, another resets, and the device serves. */
static void a_driver_that_changes_everything_all_the_time(void **state)
{
	pthread_t threads[2];

	(void)state;
	atomic_flag_test_and_set(&net.virtio.complained); /* we know */
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&threads[0], NULL, scribble, NULL), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, reset_and_start, NULL), 0);
	for (unsigned i = 0; i < 20000; i++)
		virtio_net_serve(&net, 0);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	uint8_t rest[16];
	while (recv(outside[0], rest, sizeof(rest), 0) > 0)
		;
	go(VERSION_1, 16);
	driver_put(&driver, DATA, packet(100, 2), 100);
	DRIVER_ADD(&driver, TX, {DATA, 100, false});
	virtio_net_serve(&net, 0);
	assert_came_out(100, 2);
}

/* The last test: its worker never returns. */
static void a_worker_serves_both_ways(void **state)
{
	pthread_t thread;

	(void)state;
	go(VERSION_1 | MRG_RXBUF | EVENT_IDX, 256);
	assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
	driver_put(&driver, DATA, packet(100, 0), 100);
	fcntl(outside[0], F_SETFL, 0);
	for (unsigned i = 0; i < 2000; i++) {
		struct used used = {0};

		DRIVER_ADD(&driver, TX, {DATA, 100, false});
		DRIVER_ADD(&driver, RX, {DATA + SLOT, 1526, true});
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, TX);
		assert_came_out(100, 0);
		send_in(100, i);
		while (!driver_take_used(&driver, RX, &used))
			;
		assert_int_equal(used.length, 100);
	}
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0); /* waits until it is out of the rings */
	assert_int_equal(counted(STAT_IN), 2000);
	assert_int_equal(counted(STAT_OUT), 2000);
}

/* --- the filter --- */

static bool is_allowed(int nr, int fd, uint32_t request)
{
	for (unsigned i = 0; i < allowed.count; i++)
		if (allowed.rule[i].nr == nr && allowed.rule[i].first == fd &&
		    allowed.rule[i].request == request)
			return true;
	return false;
}

static void what_it_may_do(void **state)
{
	struct sysfilter filter;

	(void)state;
	allowed.count = 0;
	virtio_net_allow(&net, &filter);
	assert_true(is_allowed(SYS_readv, pair[0].tap_fd, 0));
	assert_true(is_allowed(SYS_writev, pair[0].tap_fd, 0));
	assert_true(is_allowed(SYS_ioctl, pair[0].tap_fd, TUNSETOFFLOAD));
	assert_false(is_allowed(SYS_ioctl, pair[0].tap_fd, TUNSETQUEUE));
	close_all();
	make_device(PAIRS);
	net.attach = true;
	allowed.count = 0;
	virtio_net_allow(&net, &filter);
	for (unsigned i = 0; i < PAIRS; i++)
		assert_true(is_allowed(SYS_ioctl, pair[i].tap_fd, TUNSETQUEUE));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(features_follow_the_tap),
		TEST(configuration),
		TEST(packets_are_sent_in_any_pieces),
		TEST(bad_packets_are_dropped_and_counted),
		TEST(what_the_tap_refuses_is_dropped),
		TEST(both_directions_have_their_turn),
		TEST(a_packet_comes_in),
		TEST(without_packets_buffers_stay),
		TEST(without_buffers_packets_stay),
		TEST(large_packets_are_merged_from_buffers),
		TEST(a_large_packet_waits_for_buffers),
		TEST(a_packet_larger_than_all_buffers_is_dropped),
		TEST(without_merging_a_large_packet_is_dropped),
		TEST(buffers_without_room_for_a_header_come_back_empty),
		TEST(nor_do_they_take_the_beginning_of_a_large_packet),
		TEST(what_came_before_the_driver_is_old),
		TEST(a_held_packet_does_not_outlive_a_reset),
		TEST(a_tap_that_is_gone_is_told_once_and_left_alone),
		TEST(the_driver_says_how_many_pairs_it_uses),
		TEST(without_mq_the_control_queue_is_the_third),
		TEST(a_command_without_room_for_an_answer),
		TEST(pairs_that_are_not_used_are_not_served),
		TEST(a_driver_that_changes_everything_all_the_time),
		TEST(what_it_may_do),
		TEST(a_worker_serves_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
