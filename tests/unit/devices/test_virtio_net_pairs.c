/* The network device's pairs and their control queue (virtio 1.2 §5.1.6.5), and workers in
 * threads. */
#include "net_device.h"

#include <poll.h>
#include <signal.h>

/* --- the control queue --- */

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

/* A change to one of the five queues. It keeps to no rule of C, so ThreadSanitizer must not
 * look. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(numbers_of_pairs),
		NET_TEST(commands_that_are_none),
		NET_TEST(several_commands_at_once),
		NET_TEST(others_leave_the_control_queue_alone),
		NET_TEST(control_without_mq),
		NET_TEST(one_pair_has_no_control_queue),
		NET_TEST(pairs_that_are_not_in_use),
		NET_TEST(pairs_keep_apart),
		NET_TEST(a_worker),
		NET_TEST(a_driver_in_a_hurry),
	};

	return cmocka_run_group_tests(tests, reserve, release);
}
