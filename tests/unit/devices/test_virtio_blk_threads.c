/* The block device's interrupts and queues, direct I/O, and workers in threads. */
#include "blk_device.h"

/* --- interrupts --- */

/* §2.7.7: one interrupt, at the used element that the driver named. */
static void interrupts_where_they_are_wanted(void **state)
{
	(void)state;
	driver_set_used_event(&driver, 0, 6);
	for (unsigned i = 0; i < 10; i++)
		add_read(0, DATA + i * 1024, i);
	take_event(blk.virtio.irq_fd);
	virtio_blk_serve(&blk, 0);
	assert_int_equal(take_event(blk.virtio.irq_fd), 1);
	assert_int_equal(counted(STAT_INTERRUPTS), 1);
	assert_int_equal(counted(STAT_SUPPRESSED), 9);
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	assert_int_equal(driver_avail_event(&driver, 0), 10); /* and a kick for the next */
	go(1, ~VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX));
	for (unsigned i = 0; i < 10; i++)
		add_read(0, DATA + i * 1024, i);
	virtio_blk_serve(&blk, 0);
	assert_int_equal(take_event(blk.virtio.irq_fd), 10);
	driver_put16(&driver, driver.queue[0].avail, VRING_AVAIL_F_NO_INTERRUPT);
	add_read(0, DATA, 0);
	virtio_blk_serve(&blk, 0);
	assert_int_equal(take_event(blk.virtio.irq_fd), 0);
	assert_int_equal(counted(STAT_SUPPRESSED), 1);
}

/* --- more than one queue --- */

static void queues_do_not_meet(void **state)
{
	uint8_t found[SECTOR + 1];
	struct used used;

	(void)state;
	go(2, ALL_FEATURES);
	for (unsigned i = 0; i < 600; i++) {
		unsigned index = i / 3 % 2;

		add_read(index, DATA + index * 0x1000, i % SECTORS);
		virtio_blk_serve(&blk, !index);
		assert_false(driver_take_used(&driver, index, &used));
		virtio_blk_serve(&blk, index);
		assert_true(driver_take_used(&driver, index, &used));
		driver_get(&driver, DATA + index * 0x1000, found, sizeof(found));
		assert_memory_equal(found, content + i % SECTORS * SECTOR, SECTOR);
		assert_int_equal(found[SECTOR], VIRTIO_BLK_S_OK);
	}
	assert_int_equal(counted(STAT_IN), 600);
}

/* --- direct --- */

static bool misaligned;

static void look_at(const struct iovec *iov, int count)
{
	for (int i = 0; i < count; i++)
		misaligned |= ((uintptr_t)iov[i].iov_base | iov[i].iov_len) % disk.file.direct != 0;
}

/* These stand before the C library's. */
static atomic_bool slow;      /* reads take their time */
static atomic_bool in_flight; /* there is one */

ssize_t preadv(int fd, const struct iovec *iov, int count, off_t position)
{
	ssize_t done;

	if (disk.file.direct)
		look_at(iov, count);
	atomic_store(&in_flight, true);
	done = syscall(SYS_preadv, fd, iov, count, position, 0);
	if (atomic_load(&slow))
		usleep(3000);
	return done;
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t position)
{
	if (disk.file.direct)
		look_at(iov, count);
	return syscall(SYS_pwritev, fd, iov, count, position, 0);
}

/* A memfd does not care what it is given, so we look. */
static void direct_io_with_memory_that_is_not_aligned(void **state)
{
	static uint8_t found[100 * SECTOR];

	(void)state;
	make_direct(SECTOR);
	misaligned = false;
	go(1, ALL_FEATURES);
	for (uint32_t shift = 0; shift < 3; shift++) {
		put_header(VIRTIO_BLK_T_IN, 1);
		assert_int_equal(finish(DRIVER_ADD(&driver, 0, {HEADER, 16, false},
						   {DATA + shift, 60 * SECTOR + 7, true},
						   {DATA + 0x10000, 40 * SECTOR - 7, true},
						   {STATUS, 1, true})),
				 VIRTIO_BLK_S_OK);
		driver_get(&driver, DATA + shift, found, 60 * SECTOR + 7);
		driver_get(&driver, DATA + 0x10000, found + 60 * SECTOR + 7, 40 * SECTOR - 7);
		assert_memory_equal(found, content + SECTOR, sizeof(found));
	}
	memset(content + 20 * SECTOR, 'd', 100 * SECTOR);
	driver_put(&driver, DATA + 1, content + 20 * SECTOR, 100 * SECTOR);
	put_header(VIRTIO_BLK_T_OUT, 20);
	assert_int_equal(finish(DRIVER_ADD(&driver, 0, {HEADER, 16, false},
					   {DATA + 1, 100 * SECTOR, false}, {STATUS, 1, true})),
			 VIRTIO_BLK_S_OK);
	assert_file(disk.file.fd, content, DISK_SIZE);
	assert_false(misaligned);
}

/* --- threads --- */

static _Thread_local bool is_worker;
static atomic_bool quit;

/* Stands before the C library's: a worker's only way out. */
ssize_t read(int fd, void *buffer, size_t size)
{
	ssize_t done = syscall(SYS_read, fd, buffer, size);

	if (is_worker && atomic_load(&quit))
		pthread_exit(NULL);
	return done;
}

static void *work(void *argument)
{
	is_worker = true;
	virtio_work(&blk.virtio, (unsigned)(uintptr_t)argument);
	return NULL;
}

/* Makes the kick descriptor of queue INDEX a blocking one, as the workers want it. */
static void block_on(unsigned index)
{
	int fd = blk.virtio.queue[index].kick_fd;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

static pthread_t workers[2];

static void start_workers(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		block_on(i);
		assert_int_equal(pthread_create(&workers[i], NULL, work, (void *)(uintptr_t)i), 0);
	}
}

static void stop_workers(unsigned count)
{
	atomic_store(&quit, true);
	for (unsigned i = 0; i < count; i++) {
		virtio_kick(&blk.virtio, i);
		pthread_join(workers[i], NULL);
	}
	atomic_store(&quit, false);
}

/* §2.1.2: when the status reads 0, nobody is in the guest's memory any more. */
static void a_reset_waits_for_the_request_in_flight(void **state)
{
	static uint8_t before[MIB], after[MIB];

	(void)state;
	start_workers(1);
	for (unsigned i = 0; i < 5; i++) {
		if (i) {
			assert_true(driver_negotiate(&driver, driver_offered(&driver)));
			assert_true(driver_set_up_queue(&driver, 0, 256, RINGS));
			driver_go(&driver);
		}
		for (unsigned j = 0; j < 4; j++)
			add_read(0, DATA + j * 1024, 1 + j);
		atomic_store(&in_flight, false);
		atomic_store(&slow, true);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		while (!atomic_load(&in_flight))
			;
		driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
		assert_int_equal(driver_read(&driver, VIRTIO_MMIO_STATUS), 0);
		atomic_store(&in_flight, false);
		assert_true(ram_read(&ram, GPA(0), before, MIB));
		usleep(4000);
		assert_true(ram_read(&ram, GPA(0), after, MIB));
		assert_memory_equal(before, after, MIB);
		assert_false(atomic_load(&in_flight));
		atomic_store(&slow, false);
	}
	stop_workers(1);
}

static void *serve_one(void *argument)
{
	virtio_blk_serve(&blk, (unsigned)(uintptr_t)argument);
	return NULL;
}

/* Two queues write, zero and forget the halves of the same clusters at once: who brings a
 * cluster up must not undo what the other has written. */
static void two_queues_in_one_cluster(void **state)
{
	pthread_t thread[2];
	uint8_t found[SECTOR];

	(void)state;
	disk.discard = true;
	make_ephemeral(DISK_SIZE);
	for (unsigned i = 0; i < 40; i++) {
		memset(dirty, 0, sizeof(dirty));
		go(2, ALL_FEATURES);
		for (unsigned index = 0; index < 2; index++) {
			uint64_t place = DATA + index * 0x10000;

			memset(found, (int)(1 + index + 2 * i), SECTOR);
			driver_put(&driver, place, found, SECTOR);
			for (unsigned j = 0; j < 64; j++) {
				struct virtio_blk_outhdr header = {.type = VIRTIO_BLK_T_OUT,
								   .sector = 2 * j + index};
				uint64_t at = place + 0x1000 + j * 16;

				driver_put(&driver, at, &header, sizeof(header));
				DRIVER_ADD(&driver, index, {at, 16, false}, {place, SECTOR, false},
					   {place + 0x2000, 1, true});
			}
		}
		/* Once with a base that takes its time, so that they surely meet. */
		atomic_store(&slow, i == 0);
		for (unsigned index = 0; index < 2; index++)
			pthread_create(&thread[index], NULL, serve_one, (void *)(uintptr_t)index);
		for (unsigned index = 0; index < 2; index++)
			pthread_join(thread[index], NULL);
		atomic_store(&slow, false);
		driver.queue[0].used_index = 64;
		for (uint64_t j = 0; j < SECTORS; j++) {
			assert_int_equal(read_sectors(j, SECTOR), VIRTIO_BLK_S_OK);
			driver_get(&driver, DATA, found, SECTOR);
			assert_each(found[0] == (uint8_t)(1 + j % 2 + 2 * i), "lost sector", j);
			assert_each(found[511] == found[0], "torn sector", j);
		}
	}
	assert_file(disk.file.fd, content, DISK_SIZE);
}

/* They share the bounce buffer, one after the other. */
static void two_queues_with_direct_io(void **state)
{
	pthread_t thread[2];
	uint8_t found[SECTOR];

	(void)state;
	make_direct(SECTOR);
	misaligned = false;
	go(2, ALL_FEATURES);
	for (uint64_t i = 0; i < 8; i++)
		for (unsigned index = 0; index < 2; index++)
			add_read(index, DATA + 1 + i * 1024 + index * 0x10000, 2 * i + index);
	atomic_store(&slow, true);
	for (unsigned index = 0; index < 2; index++)
		pthread_create(&thread[index], NULL, serve_one, (void *)(uintptr_t)index);
	for (unsigned index = 0; index < 2; index++)
		pthread_join(thread[index], NULL);
	atomic_store(&slow, false);
	for (uint64_t i = 0; i < 16; i++) {
		driver_get(&driver, DATA + 1 + i / 2 * 1024 + i % 2 * 0x10000, found, SECTOR);
		assert_each(memcmp(found, content + i * SECTOR, SECTOR) == 0, "sector", i);
	}
	assert_false(misaligned);
}

static void workers_serve_two_queues(void **state)
{

	(void)state;
	go(2, ALL_FEATURES);
	put_header(VIRTIO_BLK_T_IN, 0);
	start_workers(2);
	for (unsigned i = 0; i < 500; i++) {
		struct used used = {0};

		for (unsigned queue = 0; queue < 2; queue++) {
			DRIVER_ADD(&driver, queue, {HEADER, 16, false},
				   {DATA + queue * 0x1000, SECTOR, true},
				   {STATUS + queue, 1, true});
			driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
		}
		for (unsigned queue = 0; queue < 2; queue++)
			while (!driver_take_used(&driver, queue, &used))
				;
	}
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0); /* waits until they are out of the rings */
	assert_int_equal(atomic_load(&blk.virtio.stat[STAT_IN]), 1000);
	stop_workers(2);
}

static atomic_bool stop;

/* Guest memory has no rules: the sanitizer must not apply its own. */
__attribute__((no_sanitize("thread"))) static void *scribble(void *argument)
{
	volatile uint8_t *base = (uint8_t *)(uintptr_t)ram_host(&ram, 0);
	uint32_t random = 7;

	(void)argument;
	while (!atomic_load(&stop)) {
		base[RINGS + next_random(&random) % 256] = (uint8_t)next_random(&random);
		base[HEADER + next_random(&random) % 16] = (uint8_t)(next_random(&random) & 0xf);
		base[RINGS + 0x1000 + 2] = (uint8_t)next_random(&random);
		base[DATA + next_random(&random) % 16] = (uint8_t)(next_random(&random) & 0x7f);
	}
	return NULL;
}

/* Whatever another CPU does to rings and headers, and however often the device is reset. */
static void a_driver_that_changes_everything_all_the_time(void **state)
{
	pthread_t thread;
	struct virtio_blk_outhdr header = {0};

	(void)state;
	make_ephemeral(DISK_SIZE);
	atomic_flag_test_and_set(&blk.virtio.complained); /* we know */
	atomic_flag_test_and_set(&disk.file.complained);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, scribble, NULL), 0);
	for (unsigned i = 0; i < 3000; i++) {
		assert_true(driver_negotiate(&driver, driver_offered(&driver)));
		driver_put(&driver, HEADER, &header, sizeof(header));
		driver_set_up_queue(&driver, 0, 16, RINGS);
		driver_go(&driver);
		for (unsigned j = 0; j < 4; j++)
			DRIVER_ADD(&driver, 0, {HEADER, 16, false}, {DATA, SECTOR, j % 2},
				   {STATUS, 1, true});
		virtio_blk_serve(&blk, 0);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	assert_file(disk.file.fd, content, DISK_SIZE);
	go(1, ALL_FEATURES);
	assert_int_equal(read_sectors(0, SECTOR), VIRTIO_BLK_S_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(interrupts_where_they_are_wanted),
		TEST(queues_do_not_meet),
		TEST(direct_io_with_memory_that_is_not_aligned),
		TEST(a_driver_that_changes_everything_all_the_time),
		TEST(workers_serve_two_queues),
		TEST(a_reset_waits_for_the_request_in_flight),
		TEST(two_queues_in_one_cluster),
		TEST(two_queues_with_direct_io),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
