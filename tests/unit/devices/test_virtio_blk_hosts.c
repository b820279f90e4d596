/* The block device over hosts that fail, and over ephemeral disks. */
#include "blk_device.h"

#include <errno.h>

/* --- hosts that fail --- */

static struct capture capture;

/* One warning, whatever happens after it. */
static void assert_one_warning(const char *what)
{
	capture_end(&capture);
	assert_int_equal(capture.writes, 1);
	assert_says(capture.text, "warning: cannot ");
	assert_says(capture.text, what);
	assert_says(capture.text, "disk.img");
}

/* Quietly: it is the guest who errs. */
static void direct_io_has_no_piece_smaller_than_a_block(void **state)
{
	(void)state;
	disk.block = 4096;
	make_direct(4096);
	go(1, ALL_FEATURES);
	capture_begin(&capture, STDERR_FILENO);
	assert_int_equal(read_sectors(0, SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read_sectors(1, 8 * SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write_sectors(8, 7 * SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read_sectors(8, 8 * SECTOR), VIRTIO_BLK_S_OK);
	capture_end(&capture);
	assert_int_equal(capture.writes, 0);
}

static void a_file_that_shrinks(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(disk.file.fd, 10 * SECTOR), 0);
	capture_begin(&capture, STDERR_FILENO);
	assert_int_equal(read_sectors(9, SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(read_sectors(9, 2 * SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read_sectors(20, SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read_sectors(0, SECTOR), VIRTIO_BLK_S_OK);
	assert_one_warning("read");
	assert_says(capture.text, strerror(ENODATA));
	assert_int_equal(atomic_load(&blk.virtio.stat[STAT_ERRORS]), 2);
}

static void a_file_that_may_not_be_written(void **state)
{
	(void)state;
	assert_int_equal(fcntl(disk.file.fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	capture_begin(&capture, STDERR_FILENO);
	assert_int_equal(write_sectors(9, SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read_sectors(9, SECTOR), VIRTIO_BLK_S_OK);
	assert_one_warning("write");
}

/* Nothing of the host's is there any more; then it is again. */
static void a_descriptor_that_is_bad(void **state)
{
	int file = disk.file.fd;

	(void)state;
	disk.file.fd = -1;
	capture_begin(&capture, STDERR_FILENO);
	uint8_t status[] = {read_sectors(0, SECTOR), write_sectors(0, SECTOR),
			    request(VIRTIO_BLK_T_FLUSH, 0, 0, false),
			    range(VIRTIO_BLK_T_DISCARD, 0, 8, 0),
			    range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0)};
	assert_one_warning(strerror(EBADF));
	disk.file.fd = file;
	for (unsigned i = 0; i < COUNT(status); i++)
		assert_each(status[i] == VIRTIO_BLK_S_IOERR, "request", i);
	assert_int_equal(counted(STAT_ERRORS), COUNT(status));
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_STATUS), 15);
	assert_int_equal(read_sectors(0, SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(write_sectors(0, SECTOR), VIRTIO_BLK_S_OK);
	assert_file(disk.file.fd, content, DISK_SIZE);
}

static void a_disk_that_is_full(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(disk.file.fd, 10 * SECTOR), 0);
	assert_int_equal(fcntl(disk.file.fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	capture_begin(&capture, STDERR_FILENO);
	uint8_t status[] = {write_sectors(10, SECTOR), write_sectors(20, SECTOR),
			    write_sectors(8, 2 * SECTOR)};
	assert_one_warning("write");
	assert_int_equal(status[0], VIRTIO_BLK_S_IOERR);
	assert_int_equal(status[1], VIRTIO_BLK_S_IOERR);
	assert_int_equal(status[2], VIRTIO_BLK_S_OK);
}

/* §2.1.2: a broken ring stops the device, is said once, and forgotten by a reset. */
static void a_broken_ring(void **state)
{
	uint16_t beyond = 300;

	(void)state;
	go(2, ALL_FEATURES);
	capture_begin(&capture, STDERR_FILENO);
	for (unsigned i = 0; i < 3; i++) {
		take_event(blk.virtio.irq_fd);
		driver_offer(&driver, 0, beyond);
		virtio_blk_serve(&blk, 0);
		add_read(1, DATA, 0);
		virtio_blk_serve(&blk, 1);
		if (driver_get16(&driver, driver.queue[1].used + 2) != 0 ||
		    take_event(blk.virtio.irq_fd) != 1 ||
		    driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS) != 2 ||
		    driver_read(&driver, VIRTIO_MMIO_STATUS) != (15 | VIRTIO_CONFIG_S_NEEDS_RESET))
			break;
		driver_negotiate(&driver, driver_offered(&driver));
		for (unsigned queue = 0; queue < 2; queue++)
			driver_set_up_queue(&driver, queue, 256, RINGS + queue * DRIVER_RINGS);
		driver_go(&driver);
	}
	capture_end(&capture);
	assert_int_equal(counted(STAT_ERRORS), 3);
	assert_int_equal(capture.writes, 1);
	assert_says(capture.text, "the guest broke queue 0 of the disk");
	assert_int_equal(read_sectors(0, SECTOR), VIRTIO_BLK_S_OK);
}

/* §2.1.2, §3.1.1: a ring that is ready is not served before DRIVER_OK, the second time neither. */
static void nothing_before_driver_ok(void **state)
{
	struct used used;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_true(driver_negotiate(&driver, driver_offered(&driver)));
		assert_true(driver_set_up_queue(&driver, 0, 256, RINGS));
		add_read(0, DATA, 0);
		virtio_blk_serve(&blk, 0);
		assert_false(driver_take_used(&driver, 0, &used));
		assert_int_equal(counted(STAT_IN), i);
		driver_go(&driver);
		virtio_blk_serve(&blk, 0);
		assert_true(driver_take_used(&driver, 0, &used));
	}
}

/* fdatasync fails on an eventfd: whoever asks for it is told. */
static void a_flush_that_fails(void **state)
{
	int file = disk.file.fd;

	(void)state;
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, false), VIRTIO_BLK_S_OK);
	disk.file.fd = make_event();
	capture_begin(&capture, STDERR_FILENO);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, false), VIRTIO_BLK_S_IOERR);
	assert_one_warning("flush");
	close(disk.file.fd);
	disk.file.fd = file;
}

static bool syncs, sync_fails;

/* Stands before the C library's. */
int fdatasync(int fd)
{
	(void)fd;
	if (fd != disk.file.fd || fd < 0)
		return (int)syscall(SYS_fdatasync, fd);
	syncs = true;
	if (sync_fails) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

/* §5.2.6.2: a driver that has not accepted FLUSH gets no cache. */
static void without_flush_writes_go_through(void **state)
{
	(void)state;
	syncs = false;
	assert_int_equal(write_sectors(0, SECTOR), VIRTIO_BLK_S_OK);
	assert_false(syncs);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, false), VIRTIO_BLK_S_OK);
	assert_true(syncs);
	go(1, ~VIRTIO_FEATURE(VIRTIO_BLK_F_FLUSH));
	syncs = false;
	assert_int_equal(write_sectors(0, SECTOR), VIRTIO_BLK_S_OK);
	assert_true(syncs);
	syncs = false;
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0), VIRTIO_BLK_S_OK);
	assert_true(syncs);
	/* … and learns that what it wrote is not safe. */
	sync_fails = true;
	capture_begin(&capture, STDERR_FILENO);
	uint8_t status[] = {write_sectors(0, SECTOR), range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0),
			    range(VIRTIO_BLK_T_DISCARD, 0, 8, 0)};
	sync_fails = false;
	assert_one_warning("flush");
	for (unsigned i = 0; i < COUNT(status); i++)
		assert_each(status[i] == VIRTIO_BLK_S_IOERR, "request", i);
	/* Where nothing is kept, nothing is flushed: the filter would not allow it. */
	syncs = false;
	disk.read_only = true;
	assert_true(disk_flush(&disk));
	disk.read_only = false;
	make_ephemeral(DISK_SIZE);
	assert_true(disk_flush(&disk));
	assert_false(syncs);
}

/* --- ephemeral --- */

static void an_ephemeral_disk_leaves_its_base_alone(void **state)
{
	uint8_t found[SECTOR];

	(void)state;
	make_ephemeral(DISK_SIZE);
	memset(found, 'e', SECTOR);
	driver_put(&driver, DATA, found, SECTOR);
	assert_int_equal(write_sectors(9, SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 30, 20, 1), VIRTIO_BLK_S_OK);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 64, 8, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, false), VIRTIO_BLK_S_OK);
	assert_file(disk.file.fd, content, DISK_SIZE);
	memcpy(content + 9 * SECTOR, found, SECTOR);
	memset(content + 30 * SECTOR, 0, 20 * SECTOR);
	assert_int_equal(read_sectors(0, DISK_SIZE), VIRTIO_BLK_S_OK);
	static uint8_t all[DISK_SIZE];
	driver_get(&driver, DATA, all, DISK_SIZE);
	assert_memory_equal(all, content, DISK_SIZE);
}

static void a_discarded_cluster_shows_the_base_again(void **state)
{
	uint8_t found[SECTOR];

	(void)state;
	make_ephemeral(DISK_SIZE);
	memset(found, 'e', SECTOR);
	driver_put(&driver, DATA, found, SECTOR);
	assert_int_equal(write_sectors(8, SECTOR), VIRTIO_BLK_S_OK);
	blkcnt_t before = blocks_of(disk.scratch_fd);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 9, 7, 0), VIRTIO_BLK_S_OK); /* a part: stays */
	assert_int_equal(read_sectors(8, SECTOR), VIRTIO_BLK_S_OK);
	driver_get(&driver, DATA, found, SECTOR);
	assert_int_equal(found[0], 'e');
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 8, 8, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(before - blocks_of(disk.scratch_fd), 8);
	assert_int_equal(read_sectors(8, SECTOR), VIRTIO_BLK_S_OK);
	driver_get(&driver, DATA, found, SECTOR);
	assert_memory_equal(found, content + 8 * SECTOR, SECTOR);
}

/* A disk of 15 and 5/8 clusters: its end is the end of the last one. */
static void the_last_part_of_a_cluster_is_whole(void **state)
{
	uint64_t size = DISK_SIZE - 3 * SECTOR;
	uint64_t last = size / SECTOR - 1;
	uint8_t found[SECTOR];

	(void)state;
	make_ephemeral(size);
	memset(found, 'e', SECTOR);
	driver_put(&driver, DATA, found, SECTOR);
	assert_int_equal(write_sectors(last, SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, last - 4, 5, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(read_sectors(last, SECTOR), VIRTIO_BLK_S_OK);
	driver_get(&driver, DATA, found, SECTOR);
	assert_memory_equal(found, content + last * SECTOR, SECTOR);
}

/* Thousands of operations against an array; SIZE need not be whole clusters. */
static void against_a_model(uint64_t size, uint32_t seed)
{
	static uint8_t model[DISK_SIZE], data[DISK_SIZE];
	uint32_t random = seed, sectors = (uint32_t)(size / SECTOR);

	memcpy(model, content, size);
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t sector = next_random(&random) % sectors;
		uint32_t count = 1 + next_random(&random) % 20;
		uint8_t *place = model + sector * SECTOR;

		count = count < sectors - sector ? count : sectors - sector;
		switch (next_random(&random) % 4) {
		case 0:
			memset(place, (int)i, count * SECTOR);
			driver_put(&driver, DATA, place, count * SECTOR);
			assert_int_equal(write_sectors(sector, count * SECTOR), VIRTIO_BLK_S_OK);
			break;
		case 1:
			memset(place, 0, count * SECTOR);
			assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, sector, count, i % 2),
					 VIRTIO_BLK_S_OK);
			break;
		case 2:
			/* What is discarded is the disk's to choose: it is written anew. */
			assert_int_equal(range(VIRTIO_BLK_T_DISCARD, sector, count, 0),
					 VIRTIO_BLK_S_OK);
			driver_put(&driver, DATA, place, count * SECTOR);
			assert_int_equal(write_sectors(sector, count * SECTOR), VIRTIO_BLK_S_OK);
			break;
		default:
			assert_int_equal(read_sectors(sector, count * SECTOR), VIRTIO_BLK_S_OK);
			driver_get(&driver, DATA, data, count * SECTOR);
			if (memcmp(data, place, count * SECTOR))
				fail_msg("operation %u: %u sectors at %u", i, count, sector);
		}
	}
	assert_int_equal(read_sectors(0, (uint32_t)size), VIRTIO_BLK_S_OK);
	driver_get(&driver, DATA, data, size);
	assert_memory_equal(data, model, size);
}

static void many_operations(void **state)
{
	(void)state;
	against_a_model(DISK_SIZE, 1);
}

static void many_operations_on_an_ephemeral_disk(void **state)
{
	(void)state;
	make_ephemeral(DISK_SIZE);
	against_a_model(DISK_SIZE, 2);
	assert_file(disk.file.fd, content, DISK_SIZE);
}

static void many_operations_on_an_odd_ephemeral_disk(void **state)
{
	(void)state;
	make_ephemeral(DISK_SIZE - 3 * SECTOR);
	against_a_model(DISK_SIZE - 3 * SECTOR, 3);
	assert_file(disk.file.fd, content, DISK_SIZE - 3 * SECTOR);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(direct_io_has_no_piece_smaller_than_a_block),
		TEST(a_file_that_shrinks),
		TEST(a_file_that_may_not_be_written),
		TEST(a_descriptor_that_is_bad),
		TEST(a_disk_that_is_full),
		TEST(a_broken_ring),
		TEST(nothing_before_driver_ok),
		TEST(a_flush_that_fails),
		TEST(without_flush_writes_go_through),
		TEST(an_ephemeral_disk_leaves_its_base_alone),
		TEST(a_discarded_cluster_shows_the_base_again),
		TEST(the_last_part_of_a_cluster_is_whole),
		TEST(many_operations),
		TEST(many_operations_on_an_ephemeral_disk),
		TEST(many_operations_on_an_odd_ephemeral_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
