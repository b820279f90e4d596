/* The transport and what every device has: registers, status, reset, interrupts, broken rings. */
#include "devices/virtio_mmio.h"

#include <pthread.h>
#include <sys/syscall.h>

#include "driver.h"
#include "rules.h"

#define VERSION_1 VIRTIO_FEATURE(VIRTIO_F_VERSION_1)
#define EVENT_IDX VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX)

enum {
	QUEUES = 2,
	RINGS = 0x10000,
	DATA = 0x40000,
	ALL_SET = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
		  VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK,
};

static const uint8_t config[] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77};
static unsigned starts;

static void count_start(struct virtio *virtio)
{
	(void)virtio;
	starts++;
}

static const struct virtio_class class = {
	.device_id = 42,
	.name = "fake",
	.start = count_start,
};

static struct ram ram;
static struct virtio virtio;
static struct virtio_mmio mmio;
static struct driver driver;

static int set_up(void **state)
{
	struct problem problem;

	(void)state;
	if (!ram_reserve(&ram, MIB, 0, 3 * GIB, 4 * GIB, &problem))
		return -1;
	memset(&virtio, 0, sizeof(virtio));
	virtio.class = &class;
	virtio.ram = &ram;
	virtio.label = "the fake";
	virtio.offered = VERSION_1 | EVENT_IDX | VIRTIO_FEATURE(3);
	virtio.config = config;
	virtio.config_size = sizeof(config);
	virtio.irq_fd = make_event();
	virtio.queues = QUEUES;
	for (unsigned i = 0; i < QUEUES; i++)
		virtio.queue[i].kick_fd = make_event();
	virtio_init(&virtio);
	virtio_mmio_init(&mmio, &virtio);
	driver = (struct driver){.mmio = &mmio, .ram = &ram};
	starts = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(virtio.irq_fd);
	for (unsigned i = 0; i < QUEUES; i++)
		close(virtio.queue[i].kick_fd);
	ram_release(&ram);
	return 0;
}

static uint32_t status(void)
{
	return driver_read(&driver, VIRTIO_MMIO_STATUS);
}

/* A device in operation, with both queues of 8. */
static void go(uint64_t features)
{
	assert_true(driver_negotiate(&driver, features));
	for (unsigned i = 0; i < QUEUES; i++)
		assert_true(driver_set_up_queue(&driver, i, 8, RINGS + i * DRIVER_RINGS));
	driver_go(&driver);
	assert_int_equal(status(), ALL_SET);
	for (unsigned i = 0; i < QUEUES; i++)
		take_event(virtio.queue[i].kick_fd);
}

/* Serves queue INDEX as a class would; returns how many chains there were. */
static unsigned serve(unsigned index)
{
	struct chain chain;
	unsigned served = 0;

	if (!virtio_begin(&virtio, index))
		return 0;
	for (; virtio_next(&virtio, index, &chain); served++)
		virtio_complete(&virtio, index, chain.head, 1);
	virtio_end(&virtio, index);
	return served;
}

/* --- registers --- */

static void identity(void **state)
{
	(void)state;
	assert_int_equal(driver_read(&driver, 0x000), 0x74726976);
	assert_int_equal(driver_read(&driver, 0x004), 2);
	assert_int_equal(driver_read(&driver, 0x008), 42);
	assert_int_not_equal(driver_read(&driver, 0x00c), 0);
	assert_int_equal(driver_read(&driver, 0x0fc), 0);
	for (unsigned offset = 0x0b0; offset <= 0x0bc; offset += 4)
		assert_each(driver_read(&driver, offset) == UINT32_MAX, "shared memory", offset);
}

static void features_are_selected_by_halves(void **state)
{
	static const uint32_t beyond[] = {2, 3, 0x08000000, 0x80000000, UINT32_MAX};

	(void)state;
	assert_true(driver_offered(&driver) == virtio.offered);
	for (unsigned i = 0; i < COUNT(beyond); i++) {
		driver_write(&driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL, beyond[i]);
		assert_each(driver_read(&driver, VIRTIO_MMIO_DEVICE_FEATURES) == 0, "half",
			    beyond[i]);
	}
	driver_write(&driver, VIRTIO_MMIO_STATUS, 1);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 3);
	for (unsigned i = 0; i < COUNT(beyond); i++) {
		driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL, beyond[i]);
		driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	}
	assert_true(virtio.state.accepted == 0);
}

/* Every width at every offset, to the end of the page and over it: what lies outside reads as
 * zero. */
static void configuration_space_ends(void **state)
{
	(void)state;
	for (unsigned offset = 0x100; offset < 0x1004; offset++)
		for (unsigned size = 1; size <= 4; size++) {
			uint32_t expected = 0;

			for (unsigned i = 0; i < size; i++)
				if (offset - 0x100 + i < sizeof(config))
					expected |= (uint32_t)config[offset - 0x100 + i] << (8 * i);
			assert_each(virtio_mmio_read(&mmio, offset, size) == expected, "offset",
				    offset);
			virtio_mmio_write(&mmio, offset, size, UINT32_MAX);
		}
	assert_int_equal(virtio_mmio_read(&mmio, 0x100, 4), 0x44332211);
	assert_int_equal(virtio_mmio_read(&mmio, UINT32_MAX, 4), 0);
	assert_int_equal(virtio_mmio_read(&mmio, UINT32_MAX - 3, 4), 0);
}

/* §4.2.2.2: 32 bits at a time, aligned; all else reads as zero and changes nothing. */
static void registers_have_32_bits(void **state)
{
	(void)state;
	go(VERSION_1);
	for (unsigned offset = 0; offset < 0x100; offset++)
		for (unsigned size = 1; size <= 4; size++) {
			if (size == 4 && offset % 4 == 0)
				continue;
			assert_each(virtio_mmio_read(&mmio, offset, size) == 0, "read", offset);
			virtio_mmio_write(&mmio, offset, size, 0);
			virtio_mmio_write(&mmio, offset, size, UINT32_MAX);
		}
	assert_int_equal(status(), ALL_SET);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY), 1);
}

static void queue_sel_out_of_range(void **state)
{
	static const uint32_t beyond[] = {QUEUES, VIRTIO_QUEUES_MAX, 0x10000, 0x80000000,
					  UINT32_MAX};

	(void)state;
	assert_true(driver_negotiate(&driver, VERSION_1));
	for (unsigned i = 0; i < COUNT(beyond); i++) {
		driver_write(&driver, VIRTIO_MMIO_QUEUE_SEL, beyond[i]);
		assert_int_equal(driver_read(&driver, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		assert_int_equal(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY), 0);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NUM, 8);
		driver_write64(&driver, VIRTIO_MMIO_QUEUE_DESC_LOW, RINGS);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_int_equal(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY), 0);
	}
	driver_write(&driver, VIRTIO_MMIO_QUEUE_SEL, QUEUES - 1);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_QUEUE_NUM_MAX), VIRTQ_SIZE_MAX);
}

static void kicks_reach_their_queue_and_no_other(void **state)
{
	(void)state;
	go(VERSION_1);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	assert_int_equal(take_event(virtio.queue[0].kick_fd), 0);
	assert_int_equal(take_event(virtio.queue[1].kick_fd), 1);
	for (uint32_t i = QUEUES; i < 0x20000; i += 7)
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, i);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	assert_int_equal(take_event(virtio.queue[0].kick_fd), 0);
	assert_int_equal(take_event(virtio.queue[1].kick_fd), 0);
}

/* --- the status machine --- */

static void features_ok_needs_version_1_and_nothing_more_than_was_offered(void **state)
{
	(void)state;
	assert_false(driver_negotiate(&driver, 0));
	assert_false(driver_negotiate(&driver, EVENT_IDX));
	assert_false(driver_negotiate(&driver, VERSION_1 | VIRTIO_FEATURE(0)));
	assert_false(driver_negotiate(&driver, VERSION_1 | VIRTIO_FEATURE(63)));
	assert_true(driver_negotiate(&driver, VERSION_1));
	assert_true(driver_negotiate(&driver, virtio.offered));
	assert_true(virtio.state.accepted == virtio.offered);
}

static void features_count_from_driver_on(void **state)
{
	(void)state;
	driver_write(&driver, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	assert_true(virtio.state.accepted == 0);
	driver_write(&driver, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FEATURES_OK);
	assert_int_equal(status(), VIRTIO_CONFIG_S_ACKNOWLEDGE);
}

static void features_stay_after_features_ok(void **state)
{
	(void)state;
	assert_true(driver_negotiate(&driver, VERSION_1));
	driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	assert_true(virtio.state.accepted == VERSION_1);
}

static void steps_out_of_order_do_not_count(void **state)
{
	(void)state;
	driver_write(&driver, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
	assert_int_equal(status(), 0);
	driver_write(&driver, VIRTIO_MMIO_STATUS, ALL_SET); /* no feature was accepted */
	assert_int_equal(status(), VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	assert_int_equal(starts, 0);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	driver_write(&driver, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FEATURES_OK);
	assert_int_equal(status(), 0);
	/* Bits that the driver does not own, and bits that it takes back. */
	go(VERSION_1);
	driver_write(&driver, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_NEEDS_RESET | 0x10 | 0xffffff00);
	assert_int_equal(status(), ALL_SET);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 1);
	assert_int_equal(status(), ALL_SET);
	driver_write(&driver, VIRTIO_MMIO_STATUS, ALL_SET);
	assert_int_equal(starts, 1);
	driver_write(&driver, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FAILED);
	assert_int_equal(status(), ALL_SET | VIRTIO_CONFIG_S_FAILED);
}

static void nothing_is_served_before_driver_ok(void **state)
{
	(void)state;
	assert_true(driver_negotiate(&driver, VERSION_1));
	assert_true(driver_set_up_queue(&driver, 0, 8, RINGS));
	DRIVER_ADD(&driver, 0, {DATA, 1, true});
	assert_int_equal(serve(0), 0);
	driver_go(&driver);
	/* Who kicked before is not forgotten. */
	assert_int_equal(take_event(virtio.queue[0].kick_fd), 1);
	assert_int_equal(serve(0), 1);
}

static void a_reset_forgets_everything(void **state)
{
	(void)state;
	go(virtio.offered);
	DRIVER_ADD(&driver, 0, {DATA, 1, true});
	assert_int_equal(serve(0), 1);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(status(), 0);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	assert_true(virtio.state.accepted == 0);
	for (unsigned i = 0; i < QUEUES; i++) {
		driver_write(&driver, VIRTIO_MMIO_QUEUE_SEL, i);
		assert_int_equal(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY), 0);
		assert_false(virtio.queue[i].ring.event_idx);
		assert_int_equal(virtio.queue[i].ring.next_avail, 0);
	}
	assert_int_equal(serve(0), 0);
	go(VERSION_1);
	DRIVER_ADD(&driver, 1, {DATA, 1, true});
	assert_int_equal(serve(1), 1);
}

/* --- queues --- */

static void bad_queues_do_not_become_ready(void **state)
{
	static const uint32_t sizes[] = {0, 3, 257, 512, 65535, 65536, 65544, UINT32_MAX};

	(void)state;
	assert_true(driver_negotiate(&driver, VERSION_1));
	for (unsigned i = 0; i < COUNT(sizes); i++)
		assert_each(!driver_place_queue(&driver, 0, sizes[i], RINGS, RINGS + 0x1000,
						RINGS + 0x2000),
			    "size", sizes[i]);
	assert_false(driver_place_queue(&driver, 0, 8, RINGS + 1, RINGS + 0x1000, RINGS + 0x2000));
	assert_false(driver_place_queue(&driver, 0, 8, (uint64_t)1 << 32 | RINGS, RINGS + 0x1000,
					RINGS + 0x2000));
	driver_write(&driver, VIRTIO_MMIO_QUEUE_NUM, 8);
	driver_write64(&driver, VIRTIO_MMIO_QUEUE_DESC_LOW, RINGS);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_true(driver_place_queue(&driver, 0, 8, RINGS, RINGS + 0x1000, RINGS + 0x2000));
}

/* CVE-2026-5747: what was checked stays. */
static void queue_registers_are_deaf_once_ready(void **state)
{
	struct virtq before;

	(void)state;
	for (unsigned running = 0; running < 2; running++) {
		assert_true(driver_negotiate(&driver, VERSION_1));
		assert_true(driver_set_up_queue(&driver, 0, 8, RINGS));
		if (running)
			driver_go(&driver);
		before = virtio.queue[0].ring;
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NUM, 0x8000);
		driver_write64(&driver, VIRTIO_MMIO_QUEUE_DESC_LOW, UINT64_MAX);
		driver_write64(&driver, VIRTIO_MMIO_QUEUE_AVAIL_LOW, UINT64_MAX);
		driver_write64(&driver, VIRTIO_MMIO_QUEUE_USED_LOW, UINT64_MAX);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_memory_equal(&before, &virtio.queue[0].ring, sizeof(before));
	}
	driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_memory_equal(&before, &virtio.queue[0].ring, sizeof(before));
	/* And no queue is added to a running device. */
	assert_false(driver_place_queue(&driver, 1, 8, RINGS, RINGS + 0x1000, RINGS + 0x2000));
	assert_int_equal(virtio.queue[1].ring.size, 0);
}

/* A driver whose probe fails takes its queues back, and looks whether it has (Linux: vm_del_vq). */
static void a_queue_can_be_taken_back_before_driver_ok(void **state)
{
	(void)state;
	assert_true(driver_negotiate(&driver, VERSION_1));
	assert_true(driver_set_up_queue(&driver, 0, 8, RINGS));
	driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY), 0);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_SEL, UINT32_MAX);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_true(driver_set_up_queue(&driver, 0, 16, RINGS));
}

static void queues_are_set_up_after_features_ok_only(void **state)
{
	(void)state;
	driver_write(&driver, VIRTIO_MMIO_STATUS, 3);
	assert_false(driver_place_queue(&driver, 0, 8, RINGS, RINGS + 0x1000, RINGS + 0x2000));
}

/* --- interrupts --- */

static void interrupts_are_acknowledged_bit_by_bit(void **state)
{
	(void)state;
	go(VERSION_1);
	DRIVER_ADD(&driver, 0, {DATA, 1, true});
	assert_int_equal(serve(0), 1);
	assert_int_equal(take_event(virtio.irq_fd), 1);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	driver_write(&driver, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	driver_write(&driver, VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

static void unwanted_interrupts_are_not_sent(void **state)
{
	(void)state;
	go(VERSION_1 | EVENT_IDX);
	driver_set_used_event(&driver, 0, 2); /* after the third */
	for (unsigned i = 0; i < 3; i++) {
		DRIVER_ADD(&driver, 0, {DATA, 1, true});
		assert_int_equal(serve(0), 1);
		assert_int_equal(take_event(virtio.irq_fd), i == 2);
	}
	assert_int_equal(atomic_load(&virtio.stat[STAT_INTERRUPTS]), 1);
	assert_int_equal(atomic_load(&virtio.stat[STAT_SUPPRESSED]), 2);
	assert_int_equal(driver_avail_event(&driver, 0), 3);
}

static void kicks_are_counted(void **state)
{
	(void)state;
	go(VERSION_1);
	for (unsigned i = 0; i < 5; i++)
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	virtio_await(&virtio, virtio.queue[0].kick_fd);
	assert_int_equal(atomic_load(&virtio.stat[STAT_KICKS]), 5);
}

/* --- broken rings --- */

static void break_ring(unsigned index)
{
	driver_put_desc(&driver, index, 0, DATA, 1, VRING_DESC_F_NEXT, 0);
	driver_offer(&driver, index, 0);
	assert_int_equal(serve(index), 0);
}

static void a_broken_ring_stops_the_device_until_its_reset(void **state)
{
	struct capture capture;

	(void)state;
	go(VERSION_1);
	DRIVER_ADD(&driver, 1, {DATA, 1, true});
	capture_begin(&capture, STDERR_FILENO);
	break_ring(0);
	capture_end(&capture);
	assert_says(capture.text, "warning");
	assert_says(capture.text, "queue 0 of the fake");
	assert_int_equal(capture.writes, 1);
	assert_int_equal(status(), ALL_SET | VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			 VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(take_event(virtio.irq_fd), 1);
	assert_int_equal(serve(1), 0);
	driver_write(&driver, VIRTIO_MMIO_STATUS, ALL_SET); /* does not help */
	assert_int_equal(serve(1), 0);
	assert_int_equal(status(), ALL_SET | VIRTIO_CONFIG_S_NEEDS_RESET);
	/* Once more, without a word. */
	go(VERSION_1);
	DRIVER_ADD(&driver, 1, {DATA, 1, true});
	assert_int_equal(serve(1), 1);
	capture_begin(&capture, STDERR_FILENO);
	break_ring(0);
	capture_end(&capture);
	assert_int_equal(capture.writes, 0);
	assert_int_equal(atomic_load(&virtio.stat[STAT_ERRORS]), 2);
}

/* --- threads --- */

static atomic_bool reset_done, reset_begun;

static void *reset_from_another_cpu(void *argument)
{
	(void)argument;
	atomic_store(&reset_begun, true);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	atomic_store(&reset_done, true);
	return NULL;
}

/* As long as a worker is in the queue, the reset is not done; when it is, nobody gets in. */
static void a_reset_waits_for_the_worker(void **state)
{
	pthread_t thread;
	struct chain chain;

	(void)state;
	go(VERSION_1);
	DRIVER_ADD(&driver, 0, {DATA, 1, true});
	DRIVER_ADD(&driver, 0, {DATA, 1, true});
	atomic_store(&reset_done, false);
	atomic_store(&reset_begun, false);
	assert_true(virtio_begin(&virtio, 0));
	assert_true(virtio_next(&virtio, 0, &chain));
	assert_int_equal(pthread_create(&thread, NULL, reset_from_another_cpu, NULL), 0);
	/* It has stopped the device and waits for us. */
	while (atomic_load(&virtio.state.running))
		;
	assert_true(atomic_load(&reset_begun));
	assert_false(atomic_load(&reset_done));
	virtio_complete(&virtio, 0, chain.head, 1);
	assert_int_equal(driver_get16(&driver, RINGS + 0x2000 + 2), 1);
	virtio_end(&virtio, 0);
	assert_false(virtio_begin(&virtio, 0));
	pthread_join(thread, NULL);
	assert_int_equal(status(), 0);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	assert_false(virtio_begin(&virtio, 0));
}

static void what_it_may_do(void **state)
{
	static const struct rule locks[] = {LOCKS};

	(void)state;
	virtio_allow_registers(&virtio, list_anew());
	for (unsigned i = 0; i < QUEUES; i++)
		assert_each(has_rule(&listed, SYS_write, virtio.queue[i].kick_fd), "queue", i);
	assert_int_equal(listed.count, QUEUES + COUNT(locks));
	assert_int_equal(rules_of(&listed, SYS_futex), COUNT(locks));
	virtio_allow_work(&virtio, list_anew());
	for (unsigned i = 0; i < QUEUES; i++)
		assert_each(has_rule(&listed, SYS_read, virtio.queue[i].kick_fd), "queue", i);
	assert_true(has_rule(&listed, SYS_write, virtio.irq_fd));
	assert_true(has_rule(&listed, SYS_write, STDERR_FILENO));
	assert_int_equal(listed.count, QUEUES + 2 + COUNT(locks));
	assert_int_equal(rules_of(&listed, SYS_futex), COUNT(locks));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(identity),
		TEST(features_are_selected_by_halves),
		TEST(configuration_space_ends),
		TEST(registers_have_32_bits),
		TEST(queue_sel_out_of_range),
		TEST(kicks_reach_their_queue_and_no_other),
		TEST(features_ok_needs_version_1_and_nothing_more_than_was_offered),
		TEST(features_count_from_driver_on),
		TEST(features_stay_after_features_ok),
		TEST(steps_out_of_order_do_not_count),
		TEST(nothing_is_served_before_driver_ok),
		TEST(a_reset_forgets_everything),
		TEST(bad_queues_do_not_become_ready),
		TEST(queue_registers_are_deaf_once_ready),
		TEST(a_queue_can_be_taken_back_before_driver_ok),
		TEST(queues_are_set_up_after_features_ok_only),
		TEST(interrupts_are_acknowledged_bit_by_bit),
		TEST(unwanted_interrupts_are_not_sent),
		TEST(kicks_are_counted),
		TEST(a_broken_ring_stops_the_device_until_its_reset),
		TEST(a_reset_waits_for_the_worker),
		TEST(what_it_may_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
