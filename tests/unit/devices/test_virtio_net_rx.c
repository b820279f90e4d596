/* What the network device receives (virtio 1.2 §5.1.6.3, §5.1.6.4): buffers of all kinds. */
#include "net_device.h"

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

/* The packet waits, nothing of it is shown, and the driver is asked to kick when it adds a
 * buffer. */
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

/* Small ones behind the first are only slow; readable parts in front of a buffer are not
 * touched. */
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

/* Readable behind writable: the ring is broken, the process lives, and a reset helps. */
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

/* Buffers that lie over the available index: the packet itself says that there is always one
 * more. A driver has no more than the ring holds. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, reserve, release);
}
