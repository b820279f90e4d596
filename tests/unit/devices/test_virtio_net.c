/* The network device, by virtio 1.2 §5.1 and its headers: what it shows, what a driver sends,
 * starts and resets. */
#include "net_device.h"

#include <linux/if_tun.h>
#include <signal.h>
#include <sys/ioctl.h>

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

/* Each worker hears of its own pair, the last one of the control queue as well; without MQ,
 * §5.1.2 has that at 2. */
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
	pairs[0].state.quiet = true;
	assert_serves(0, NET_AWAIT_NIC);
	assert_outside(0, 1, 60);
	assert_int_equal(waiting(0), 0);
	assert_serves(0, NET_AWAIT_KICK);
	take_received(0, 2, 60);
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
		NET_TEST(order),
		NET_TEST(a_held_packet_dies_with_its_driver),
		NET_TEST(stale_packets),
		NET_TEST(a_flood_before_the_start),
		NET_TEST(a_lost_tap_is_told_once),
		NET_TEST(what_a_nic_needs),
	};

	return cmocka_run_group_tests(tests, reserve, release);
}
