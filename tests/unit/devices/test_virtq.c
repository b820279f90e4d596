/* Virtqueues, by virtio 1.2 §2.7: setting up, walking, giving back, notifications. */
#include "virtq_ring.h"

/* --- setting up --- */

static bool takes(uint32_t size, uint64_t desc_at, uint64_t avail_at, uint64_t used_at)
{
	use_queue(size, desc_at, avail_at, used_at);
	return virtq_enable(&queue, &ram);
}

static void sizes(void **state)
{
	static const uint32_t bad[] = {0, 3, 5, 255, 257, 512, 65535, 65536, 1u << 31, UINT32_MAX};

	(void)state;
	for (uint32_t size = 1; size <= VIRTQ_SIZE_MAX; size *= 2)
		assert_each(takes(size, DESC, AVAIL, USED), "a good size is refused:", size);
	for (unsigned i = 0; i < COUNT(bad); i++) {
		assert_each(!takes(bad[i], DESC, AVAIL, USED), "a bad size is taken:", bad[i]);
		assert_false(queue.ready);
	}
}

static void alignment(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 16; i++)
		assert_each(!takes(SIZE, DESC + i, AVAIL, USED), "table", i);
	assert_false(takes(SIZE, DESC, AVAIL + 1, USED));
	assert_true(takes(SIZE, DESC, AVAIL + 2, USED));
	for (unsigned i = 1; i < 4; i++)
		assert_each(!takes(SIZE, DESC, AVAIL, USED + i), "used ring", i);
	assert_true(takes(SIZE, DESC + 16, AVAIL, USED + 4));
}

/* With SIZE 8 the areas have 128, 22 and 70 bytes. */
static void areas_are_in_ram(void **state)
{
	static const uint64_t ends[] = {LOW_END, HIGH_END};

	(void)state;
	for (unsigned i = 0; i < COUNT(ends); i++) {
		uint64_t end = ends[i];

		assert_true(takes(SIZE, end - 128, AVAIL, USED));
		assert_false(takes(SIZE, end - 112, AVAIL, USED));
		assert_true(takes(SIZE, DESC, end - 22, USED));
		assert_false(takes(SIZE, DESC, end - 20, USED));
		assert_true(takes(SIZE, DESC, AVAIL, end - 72));
		assert_false(takes(SIZE, DESC, AVAIL, end - 68));
	}
	assert_false(takes(SIZE, LOW_END + 0x1000, AVAIL, USED));
	assert_false(takes(SIZE, HIGH - 16, AVAIL, USED));
	assert_false(takes(SIZE, -(uint64_t)16, AVAIL, USED));
	assert_false(takes(SIZE, DESC, -(uint64_t)2, USED));
	assert_false(takes(SIZE, DESC, AVAIL, -(uint64_t)4));
	assert_false(takes(SIZE, -(uint64_t)128, AVAIL, USED));
}

static void rings_at_the_end_of_ram_work(void **state)
{
	(void)state;
	assert_true(takes(SIZE, HIGH_END - 128, LOW_END - 22, HIGH_END - 128 - 72));
	desc(7, LOW_END - 1, 1, VRING_DESC_F_WRITE, 0);
	offer(7);
	assert_int_equal(pop(), VIRTQ_OK);
	assert_true(chain_write(&chain, 0, "x", 1));
	virtq_push(&queue, &ram, chain.head, 1);
	virtq_publish(&queue, &ram);
	assert_int_equal(get16(queue.used.v + 2), 1);
}

static void a_queue_that_is_not_ready_is_empty(void **state)
{
	(void)state;
	desc(0, DATA, 16, 0, 0);
	offer(0);
	queue.ready = false;
	assert_int_equal(pop(), VIRTQ_EMPTY);
	assert_true(virtq_await_kick(&queue, &ram));
}

/* --- walking --- */

static void a_chain_is_told_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(pop(), VIRTQ_EMPTY);
	desc(3, DATA, 16, VRING_DESC_F_NEXT, 5);
	desc(5, DATA + 100, 4, VRING_DESC_F_NEXT, 1);
	desc(1, HIGH, 0x10000, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 0);
	desc(0, LOW_END - 1, 1, VRING_DESC_F_WRITE, 77);
	offer(3);
	assert_int_equal(pop(), VIRTQ_OK);
	assert_int_equal(chain.head, 3);
	assert_int_equal(chain.readable, 2);
	assert_int_equal(chain.writable, 2);
	assert_int_equal(chain.read_size, 20);
	assert_int_equal(chain.write_size, 0x10001);
	assert_int_equal(pop(), VIRTQ_EMPTY);
}

/* Whatever makes no sense breaks the ring, and the chain is not taken. */
static void assert_broken(unsigned head, const char *what)
{
	uint16_t before = queue.next_avail;

	offer(head);
	if (pop() != VIRTQ_BROKEN)
		fail_msg("%s is taken", what);
	assert_int_equal(queue.next_avail, before);
	put16(queue.avail.v + 2, --avail_index);
}

static void bad_indices(void **state)
{
	(void)state;
	desc(0, DATA, 1, VRING_DESC_F_NEXT, SIZE);
	assert_broken(0, "next == size");
	desc(0, DATA, 1, VRING_DESC_F_NEXT, 0xffff);
	assert_broken(0, "next 65535");
	assert_broken(SIZE, "head == size");
	assert_broken(0xffff, "head 65535");
}

static void loops(void **state)
{
	(void)state;
	desc(0, DATA, 1, VRING_DESC_F_NEXT, 0);
	assert_broken(0, "a descriptor that is its own next");
	for (unsigned i = 0; i < SIZE; i++)
		desc(i, DATA, 0, VRING_DESC_F_NEXT, (i + 1) % SIZE);
	assert_broken(2, "a circle of all descriptors, even empty ones");
	desc(1, DATA, 1, 0, 0);
	offer(2); /* all SIZE of them, once */
	assert_int_equal(pop(), VIRTQ_OK);
	assert_int_equal(chain.readable, 1);
}

static void the_longest_chain(void **state)
{
	(void)state;
	assert_true(takes(VIRTQ_SIZE_MAX, DESC, AVAIL, USED));
	for (unsigned i = 0; i < VIRTQ_SIZE_MAX; i++)
		desc(i, DATA + i, 1, VRING_DESC_F_NEXT, i + 1);
	desc(VIRTQ_SIZE_MAX - 1, DATA + 255, 1, 0, 0);
	offer(0);
	assert_int_equal(pop(), VIRTQ_OK);
	assert_int_equal(chain.readable, VIRTQ_SIZE_MAX);
	assert_int_equal(chain.read_size, VIRTQ_SIZE_MAX);
}

static void indirect_is_refused(void **state)
{
	(void)state;
	desc(0, DATA, 16, VRING_DESC_F_INDIRECT, 0);
	assert_broken(0, "INDIRECT");
	desc(0, DATA, 16, VRING_DESC_F_NEXT, 1);
	desc(1, DATA, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0);
	assert_broken(0, "INDIRECT in a chain");
}

static void readable_after_writable_is_refused(void **state)
{
	(void)state;
	desc(0, DATA, 16, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	desc(1, DATA, 16, 0, 0);
	assert_broken(0, "readable after writable");
}

static void addresses_are_in_ram(void **state)
{
	static const struct {
		uint64_t address;
		uint32_t length;
	} bad[] = {
		{LOW_END - 1, 2},        {LOW_END, 1},
		{HIGH - 1, 1},           {HIGH - 1, 2},
		{HIGH_END - 4, 5},       {HIGH_END, 1},
		{UINT64_MAX, 1},         {UINT64_MAX, 2},
		{UINT64_MAX - 15, 16},   {UINT64_MAX - 15, 0x1000},
		{0, UINT32_MAX},         {DATA, 0x80000000},
		{LOW_END - 16, 0xf0020}, {UINT64_MAX - 0xfff, 0x3000},
		{0xe0000000, 0x1000},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++)
		for (unsigned flags = 0; flags <= VRING_DESC_F_WRITE; flags += VRING_DESC_F_WRITE) {
			desc(0, bad[i].address, bad[i].length, flags, 0);
			assert_broken(0, "a descriptor outside RAM");
		}
}

static void empty_descriptors_leave_no_part(void **state)
{
	(void)state;
	desc(0, UINT64_MAX, 0, VRING_DESC_F_NEXT, 1);
	desc(1, DATA, 2, VRING_DESC_F_NEXT, 2);
	desc(2, 0xe0000000, 0, VRING_DESC_F_WRITE, 0);
	offer(0);
	assert_int_equal(pop(), VIRTQ_OK);
	assert_int_equal(chain.readable, 1);
	assert_int_equal(chain.writable, 0);
	assert_int_equal(chain.part[0].address.v, DATA);
}

static void a_jump_of_the_index_breaks(void **state)
{
	static const uint16_t jumps[] = {SIZE + 1, 1000, 0x8000, 0xffff};

	(void)state;
	for (unsigned i = 0; i < SIZE; i++)
		desc(i, DATA, 1, 0, 0);
	for (unsigned i = 0; i < COUNT(jumps); i++) {
		put16(AVAIL + 2, jumps[i]);
		assert_each(pop() == VIRTQ_BROKEN, "a jump is taken:", jumps[i]);
	}
	put16(AVAIL + 2, SIZE);
	for (unsigned i = 0; i < SIZE; i++)
		assert_int_equal(pop(), VIRTQ_OK);
	assert_int_equal(pop(), VIRTQ_EMPTY);
	put16(AVAIL + 2, SIZE - 1); /* back */
	assert_int_equal(pop(), VIRTQ_BROKEN);
}

/* Lengths that add up to more than 32 bits must be refused before they wrap: RAM would have to
 * be that large, or parts may overlap. */
static void a_chain_of_4_gib_is_refused(void **state)
{
	struct problem problem;

	(void)state;
	ram_release(&ram);
	assert_true(ram_reserve(&ram, 2 * GIB, 0, 3 * GIB, 4 * GIB, &problem));
	assert_true(takes(SIZE, DESC, AVAIL, USED));
	desc(0, 0, 0x7fffffff, VRING_DESC_F_NEXT, 1);
	desc(1, 0, 0x7fffffff, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
	desc(2, 0, 1, VRING_DESC_F_WRITE, 0);
	offer(0);
	assert_int_equal(pop(), VIRTQ_OK);
	assert_int_equal(chain.read_size, 0x7fffffff);
	assert_int_equal(chain.write_size, 0x80000000);
	desc(2, 0, 2, VRING_DESC_F_WRITE, 0);
	assert_broken(0, "2^32 bytes");
}

/* --- giving back --- */

static void used_elements_appear_when_published(void **state)
{
	struct vring_used_elem element;

	(void)state;
	desc(2, DATA, 9, VRING_DESC_F_WRITE, 0);
	offer(2);
	assert_int_equal(pop(), VIRTQ_OK);
	virtq_push(&queue, &ram, 2, 9);
	assert_int_equal(get16(USED + 2), 0);
	virtq_publish(&queue, &ram);
	assert_int_equal(get16(USED + 2), 1);
	assert_true(ram_read(&ram, GPA(USED + 4), &element, sizeof(element)));
	assert_int_equal(element.id, 2);
	assert_int_equal(element.len, 9);
}

static void what_is_rewound_is_taken_again(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		desc(i, DATA, i + 1, VRING_DESC_F_WRITE, 0);
		offer(i);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pop(), VIRTQ_OK);
		virtq_push(&queue, &ram, chain.head, 1);
	}
	virtq_rewind(&queue, 2, 2);
	assert_int_equal(pop(), VIRTQ_OK);
	assert_int_equal(chain.head, 1);
	virtq_push(&queue, &ram, chain.head, 7);
	virtq_publish(&queue, &ram);
	assert_int_equal(get16(USED + 2), 2);
}

/* Through the wrap of the 16-bit indices, twice. */
static void many_chains(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 140000; i++) {
		desc(i % SIZE, DATA, 1, VRING_DESC_F_WRITE, 0);
		offer(i % SIZE);
		assert_int_equal(pop(), VIRTQ_OK);
		assert_int_equal(chain.head, i % SIZE);
		virtq_push(&queue, &ram, chain.head, 1);
		virtq_publish(&queue, &ram);
		assert_each(get16(USED + 2) == (uint16_t)(i + 1), "used index", i);
	}
}

/* --- notifications --- */

static void give(void)
{
	desc(0, DATA, 1, 0, 0);
	offer(0);
	assert_int_equal(pop(), VIRTQ_OK);
	virtq_push(&queue, &ram, 0, 0);
}

static void flags_suppress_both_ways(void **state)
{
	(void)state;
	give();
	assert_int_equal(get16(USED), VRING_USED_F_NO_NOTIFY);
	assert_true(virtq_await_kick(&queue, &ram));
	assert_int_equal(get16(USED), 0);
	assert_true(virtq_publish(&queue, &ram));
	give();
	put16(AVAIL, VRING_AVAIL_F_NO_INTERRUPT);
	assert_false(virtq_publish(&queue, &ram));
}

static void a_chain_that_comes_in_between_is_seen(void **state)
{
	(void)state;
	give();
	desc(1, DATA, 1, 0, 0);
	offer(1);
	assert_false(virtq_await_kick(&queue, &ram));
	assert_int_equal(pop(), VIRTQ_OK);
	assert_true(virtq_await_kick(&queue, &ram));
}

static void event_idx_asks_for_the_next_kick(void **state)
{
	uint64_t avail_event = USED + 4 + 8 * SIZE;

	(void)state;
	queue.event_idx = true;
	give();
	assert_int_equal(get16(USED), 0); /* the flag is not used */
	assert_int_equal(get16(avail_event), 0);
	assert_true(virtq_await_kick(&queue, &ram));
	assert_int_equal(get16(avail_event), 1);
}

/* §2.7.10: an interrupt when the used index passes used_event, wherever the indices stand. */
static void event_idx_interrupts(void **state)
{
	uint64_t used_event = AVAIL + 4 + 2 * SIZE;

	(void)state;
	queue.event_idx = true;
	for (unsigned start = 0; start < 0x10000; start += start == 8 ? 0xffe0 : 1)
		for (unsigned count = 1; count <= 3; count++)
			for (int distance = -3; distance <= 5; distance++) {
				uint16_t event = (uint16_t)((int)start + distance);
				bool wanted = distance >= 0 && distance < (int)count;

				queue.next_used = queue.published = queue.announced =
					(uint16_t)start;
				put16(used_event, event);
				for (unsigned i = 0; i < count; i++)
					virtq_push(&queue, &ram, 0, 0);
				assert_each(virtq_publish(&queue, &ram) == wanted, "start",
					    start << 16 | count << 8 | (uint8_t)distance);
			}
}

static void event_idx_interrupts_once(void **state)
{
	(void)state;
	queue.event_idx = true; /* and used_event is 0 */
	for (unsigned i = 0; i < 20; i++) {
		virtq_push(&queue, &ram, 0, 0);
		assert_each(virtq_publish(&queue, &ram) == (i == 0), "interrupt", i);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(sizes),
		TEST(alignment),
		TEST(areas_are_in_ram),
		TEST(rings_at_the_end_of_ram_work),
		TEST(a_queue_that_is_not_ready_is_empty),
		TEST(a_chain_is_told_as_it_is),
		TEST(bad_indices),
		TEST(loops),
		TEST(the_longest_chain),
		TEST(indirect_is_refused),
		TEST(readable_after_writable_is_refused),
		TEST(addresses_are_in_ram),
		TEST(empty_descriptors_leave_no_part),
		TEST(a_jump_of_the_index_breaks),
		TEST(a_chain_of_4_gib_is_refused),
		TEST(used_elements_appear_when_published),
		TEST(what_is_rewound_is_taken_again),
		TEST(many_chains),
		TEST(flags_suppress_both_ways),
		TEST(a_chain_that_comes_in_between_is_seen),
		TEST(event_idx_asks_for_the_next_kick),
		TEST(event_idx_interrupts),
		TEST(event_idx_interrupts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
