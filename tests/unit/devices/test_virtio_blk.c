/* The block device over memfds and eventfds: requests of good and bad drivers, hosts that fail. */
#include "devices/virtio_blk.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "driver.h"
#include "rules.h"

#define ALL_FEATURES UINT64_MAX

enum {
	SECTOR = 512,
	SECTORS = 128,
	DISK_SIZE = SECTORS * SECTOR,
	RINGS = 0x10000,
	HEADER = 0x40000,
	STATUS = 0x40100,
	DATA = 0x41000,
	NOTHING = 0xee, /* a status that nobody has written */
};

static struct ram ram;
static struct disk disk;
static struct virtio_blk blk;
static struct virtio_mmio mmio;
static struct driver driver;
static uint8_t content[DISK_SIZE];
static uint8_t dirty[64];
static uint8_t bounce[DISK_BOUNCE_SIZE] __attribute__((aligned(4096)));

static int make_file(uint64_t size)
{
	int fd = memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* The device for the disk as the test has changed it, in operation with what FEATURES it offers. */
static void go(unsigned queues, uint64_t features)
{
	memset(&blk, 0, sizeof(blk));
	blk.virtio.ram = &ram;
	blk.virtio.label = "the disk";
	blk.virtio.irq_fd = make_event();
	blk.virtio.queues = queues;
	for (unsigned i = 0; i < queues; i++)
		blk.virtio.queue[i].kick_fd = make_event();
	memcpy(blk.serial, "serial-of-20-letters", VIRTIO_BLK_ID_BYTES);
	disk_init(&disk);
	virtio_blk_init(&blk, &disk);
	virtio_mmio_init(&mmio, &blk.virtio);
	driver = (struct driver){.mmio = &mmio, .ram = &ram};
	assert_true(driver_negotiate(&driver, driver_offered(&driver) & features));
	for (unsigned i = 0; i < queues; i++)
		assert_true(driver_set_up_queue(&driver, i, 256, RINGS + i * DRIVER_RINGS));
	driver_go(&driver);
}

static int set_up(void **state)
{
	struct problem problem;

	(void)state;
	alarm(60); /* nothing here may hang */
	if (!ram_reserve(&ram, MIB, 0, 3 * GIB, 4 * GIB, &problem))
		return -1;
	for (unsigned i = 0; i < DISK_SIZE; i++)
		content[i] = (uint8_t)(i / SECTOR + i);
	disk = (struct disk){
		.file.name = "disk.img",
		.file.fd = make_file(DISK_SIZE),
		.scratch_fd = -1,
		.size = DISK_SIZE,
		.block = 512,
		.physical = 4096,
		.discard = true,
	};
	if (pwrite(disk.file.fd, content, DISK_SIZE, 0) != DISK_SIZE)
		return -1;
	go(1, ALL_FEATURES);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	close(disk.file.fd);
	if (disk.scratch_fd >= 0)
		close(disk.scratch_fd);
	ram_release(&ram);
	return 0;
}

static void make_ephemeral(uint64_t size)
{
	disk.size = size;
	assert_int_equal(ftruncate(disk.file.fd, (off_t)size), 0);
	disk.scratch_fd = make_file(size);
	memset(dirty, 0, sizeof(dirty));
	assert_true(disk_dirty_bytes(size) <= sizeof(dirty));
	disk.dirty = dirty;
	go(1, ALL_FEATURES);
}

/* --- one request --- */

static void put_header(uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr header = {.type = type, .sector = sector};
	uint8_t nothing = NOTHING;

	driver_put(&driver, HEADER, &header, sizeof(header));
	driver_put(&driver, STATUS, &nothing, 1);
}

static uint32_t last_used_length;

/* Serves the one chain that was added and returns the status byte. */
static uint8_t finish(unsigned head)
{
	struct used used = {0};
	uint8_t status;

	virtio_blk_serve(&blk, 0);
	assert_true(driver_take_used(&driver, 0, &used));
	assert_int_equal(used.id, head);
	assert_false(driver_take_used(&driver, 0, &used));
	last_used_length = used.length;
	driver_get(&driver, STATUS, &status, 1);
	return status;
}

/* LENGTH bytes of data at DATA, which the device writes or reads. */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t length, bool writable)
{
	put_header(type, sector);
	return finish(DRIVER_ADD(&driver, 0, {HEADER, 16, false}, {DATA, length, writable},
				 {STATUS, 1, true}));
}

static uint8_t read_sectors(uint64_t sector, uint32_t length)
{
	return request(VIRTIO_BLK_T_IN, sector, length, true);
}

static uint8_t write_sectors(uint64_t sector, uint32_t length)
{
	return request(VIRTIO_BLK_T_OUT, sector, length, false);
}

static uint8_t range(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes segment = {sector, sectors, flags};

	driver_put(&driver, DATA, &segment, sizeof(segment));
	return request(type, 0, sizeof(segment), false);
}

static void assert_file(int fd, const uint8_t *expected, size_t size)
{
	static uint8_t found[DISK_SIZE];

	assert_int_equal(pread(fd, found, size, 0), size);
	assert_memory_equal(found, expected, size);
}

/* --- what the driver sees --- */

static bool offers(unsigned feature)
{
	return driver_offered(&driver) & VIRTIO_FEATURE(feature);
}

static void features_follow_the_disk(void **state)
{
	(void)state;
	assert_true(offers(VIRTIO_F_VERSION_1) && offers(VIRTIO_RING_F_EVENT_IDX));
	assert_true(offers(VIRTIO_BLK_F_FLUSH) && offers(VIRTIO_BLK_F_DISCARD));
	assert_true(offers(VIRTIO_BLK_F_WRITE_ZEROES));
	assert_false(offers(VIRTIO_BLK_F_RO) || offers(VIRTIO_BLK_F_MQ));
	assert_false(offers(VIRTIO_RING_F_INDIRECT_DESC));
	assert_int_equal(driver_read(&driver, VIRTIO_MMIO_DEVICE_ID), 2);
	disk.discard = false;
	go(2, ALL_FEATURES);
	assert_true(offers(VIRTIO_BLK_F_MQ));
	assert_false(offers(VIRTIO_BLK_F_DISCARD));
	disk.read_only = true;
	disk.discard = true;
	go(1, ALL_FEATURES);
	assert_true(offers(VIRTIO_BLK_F_RO));
	assert_false(offers(VIRTIO_BLK_F_FLUSH) || offers(VIRTIO_BLK_F_DISCARD) ||
		     offers(VIRTIO_BLK_F_WRITE_ZEROES));
}

static uint32_t config(unsigned offset, unsigned size)
{
	return virtio_mmio_read(&mmio, 0x100 + offset, size);
}

/* §5.2.4 */
static void configuration(void **state)
{
	(void)state;
	go(3, ALL_FEATURES);
	assert_int_equal(config(0, 4), SECTORS);
	assert_int_equal(config(4, 4), 0);
	assert_true(config(8, 4) >= 4096);    /* size_max */
	assert_int_equal(config(12, 4), 254); /* seg_max */
	assert_int_equal(config(20, 4), 512); /* blk_size */
	assert_int_equal(config(24, 1), 3);   /* 2^3 logical blocks in a physical one */
	assert_int_equal(config(26, 2), 8);   /* min_io_size */
	assert_int_equal(config(34, 2), 3);   /* num_queues */
	assert_true(config(36, 4) >= 2048);   /* max_discard_sectors */
	assert_int_equal(config(44, 4), 8);   /* discard_sector_alignment */
	assert_int_equal(config(40, 4), VIRTIO_BLK_RANGES_MAX); /* max_discard_seg */
	assert_true(config(48, 4) >= 2048);                     /* max_write_zeroes_sectors */
	assert_int_equal(config(52, 4), VIRTIO_BLK_RANGES_MAX); /* max_write_zeroes_seg */
	assert_int_equal(config(56, 1), 1);                     /* write_zeroes_may_unmap */
	disk.discard = false;
	disk.block = disk.physical = 4096;
	go(1, ALL_FEATURES);
	assert_int_equal(config(56, 1), 0);
	assert_int_equal(config(20, 4), 4096);
	assert_int_equal(config(24, 1), 0);
	assert_int_equal(config(26, 2), 1);
}

/* --- reads and writes --- */

static void sectors_are_read(void **state)
{
	uint8_t found[3 * SECTOR];

	(void)state;
	assert_int_equal(read_sectors(5, 3 * SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(last_used_length, 3 * SECTOR + 1);
	driver_get(&driver, DATA, found, sizeof(found));
	assert_memory_equal(found, content + 5 * SECTOR, sizeof(found));
	assert_int_equal(atomic_load(&blk.virtio.stat[STAT_IN]), 1);
	assert_int_equal(atomic_load(&blk.virtio.stat[STAT_IN_BYTES]), 3 * SECTOR);
}

static void sectors_are_written(void **state)
{
	(void)state;
	memset(content + 7 * SECTOR, 'w', 2 * SECTOR);
	driver_put(&driver, DATA, content + 7 * SECTOR, 2 * SECTOR);
	assert_int_equal(write_sectors(7, 2 * SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(last_used_length, 1);
	assert_file(disk.file.fd, content, DISK_SIZE);
	assert_int_equal(atomic_load(&blk.virtio.stat[STAT_OUT]), 1);
	assert_int_equal(atomic_load(&blk.virtio.stat[STAT_OUT_BYTES]), 2 * SECTOR);
}

static void the_disk_ends_where_it_ends(void **state)
{
	static const uint64_t wrong[] = {SECTORS,    SECTORS + 1,      1ull << 32,       1ull << 54,
					 1ull << 55, (1ull << 55) - 1, (1ull << 55) + 1, 1ull << 63,
					 UINT64_MAX, UINT64_MAX - 1};

	(void)state;
	assert_int_equal(read_sectors(SECTORS - 1, SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(write_sectors(SECTORS - 1, SECTOR), VIRTIO_BLK_S_OK);
	assert_int_equal(read_sectors(0, DISK_SIZE), VIRTIO_BLK_S_OK);
	assert_int_equal(read_sectors(SECTORS - 1, 2 * SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write_sectors(SECTORS - 1, 2 * SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read_sectors(1, DISK_SIZE), VIRTIO_BLK_S_IOERR);
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		assert_each(read_sectors(wrong[i], SECTOR) == VIRTIO_BLK_S_IOERR, "read", wrong[i]);
		assert_each(write_sectors(wrong[i], SECTOR) == VIRTIO_BLK_S_IOERR, "write",
			    wrong[i]);
		assert_each(range(VIRTIO_BLK_T_DISCARD, wrong[i], 1, 0) == VIRTIO_BLK_S_IOERR,
			    "discard", wrong[i]);
		assert_each(range(VIRTIO_BLK_T_WRITE_ZEROES, wrong[i], 1, 1) == VIRTIO_BLK_S_IOERR,
			    "zeroes", wrong[i]);
	}
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 1, SECTORS, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 1, UINT32_MAX, 0), VIRTIO_BLK_S_IOERR);
	/* In bytes these are 0 and one sector, modulo 2^32. */
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1u << 23, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 0, (1u << 23) + 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(lseek(disk.file.fd, 0, SEEK_END), DISK_SIZE);
}

static void whole_sectors_only(void **state)
{
	(void)state;
	for (uint32_t length = 1; length < SECTOR; length += 73) {
		assert_int_equal(read_sectors(0, length), VIRTIO_BLK_S_IOERR);
		assert_int_equal(write_sectors(0, length), VIRTIO_BLK_S_IOERR);
	}
	assert_file(disk.file.fd, content, DISK_SIZE);
}

static void a_read_only_disk_stays_as_it_is(void **state)
{
	(void)state;
	disk.read_only = true;
	go(1, ALL_FEATURES);
	assert_int_equal(write_sectors(0, SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read_sectors(0, SECTOR), VIRTIO_BLK_S_OK);
	assert_file(disk.file.fd, content, DISK_SIZE);
	assert_int_equal(atomic_load(&blk.virtio.stat[STAT_ERRORS]), 3);
}

/* --- requests in pieces --- */

static void headers_and_status_may_be_split(void **state)
{
	uint8_t found[SECTOR];

	(void)state;
	for (uint32_t first = 1; first < 16; first++) {
		put_header(VIRTIO_BLK_T_IN, first);
		assert_int_equal(
			finish(DRIVER_ADD(&driver, 0, {HEADER, first, false},
					  {HEADER + first, 16 - first, false}, {DATA, 100, true},
					  {DATA + 100, 412, true}, {STATUS, 1, true})),
			VIRTIO_BLK_S_OK);
		driver_get(&driver, DATA, found, sizeof(found));
		assert_memory_equal(found, content + first * SECTOR, sizeof(found));
	}
	/* Data and status in one descriptor; header and data in one. */
	put_header(VIRTIO_BLK_T_IN, 3);
	finish(DRIVER_ADD(&driver, 0, {HEADER, 16, false}, {DATA, SECTOR + 1, true}));
	driver_get(&driver, DATA + SECTOR, found, 1);
	assert_int_equal(found[0], VIRTIO_BLK_S_OK);
	put_header(VIRTIO_BLK_T_OUT, 4);
	memset(content + 4 * SECTOR, 'h', SECTOR);
	driver_put(&driver, HEADER + 16, content + 4 * SECTOR, SECTOR - 256);
	driver_put(&driver, DATA, content + 4 * SECTOR, 256);
	uint8_t nothing = NOTHING;
	driver_put(&driver, DATA + 0x1000, &nothing, 1);
	unsigned head = DRIVER_ADD(&driver, 0, {HEADER, 16 + SECTOR - 256, false},
				   {DATA, 256, false}, {DATA + 0x1000, 1, true});
	finish(head);
	driver_get(&driver, DATA + 0x1000, found, 1);
	assert_int_equal(found[0], VIRTIO_BLK_S_OK);
	assert_file(disk.file.fd, content, DISK_SIZE);
}

static void the_most_segments(void **state)
{
	struct part parts[256];
	uint8_t found[127 * SECTOR];

	(void)state;
	parts[0] = (struct part){HEADER, 16, false};
	for (unsigned i = 0; i < 254; i++)
		parts[i + 1] = (struct part){DATA + i * 256, 256, true};
	parts[255] = (struct part){STATUS, 1, true};
	put_header(VIRTIO_BLK_T_IN, 1);
	assert_int_equal(finish(driver_add(&driver, 0, parts, 256)), VIRTIO_BLK_S_OK);
	driver_get(&driver, DATA, found, sizeof(found));
	assert_memory_equal(found, content + SECTOR, sizeof(found));
}

static void what_cannot_be_answered_comes_back_empty(void **state)
{
	(void)state;
	put_header(VIRTIO_BLK_T_OUT, 0);
	finish(DRIVER_ADD(&driver, 0, {HEADER, 16, false}, {DATA, SECTOR, false}));
	assert_int_equal(last_used_length, 0);
	assert_file(disk.file.fd, content, DISK_SIZE);
	assert_int_equal(atomic_load(&blk.virtio.stat[STAT_ERRORS]), 1);
}

static void short_headers_are_errors(void **state)
{
	(void)state;
	for (uint32_t length = 0; length < 16; length++) {
		put_header(VIRTIO_BLK_T_OUT, 0);
		assert_int_equal(
			finish(DRIVER_ADD(&driver, 0, {HEADER, length, false}, {STATUS, 1, true})),
			VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(read_sectors(0, SECTOR), VIRTIO_BLK_S_OK);
}

static void unknown_types_are_unsupported(void **state)
{
	static const uint32_t types[] = {2, 3, 5, 10, 12, 14, 15, 99, UINT32_MAX};

	(void)state;
	for (unsigned i = 0; i < COUNT(types); i++)
		assert_each(request(types[i], 0, SECTOR, true) == VIRTIO_BLK_S_UNSUPP, "type",
			    types[i]);
}

static void the_serial_number(void **state)
{
	char found[25];

	(void)state;
	for (uint32_t length = 1; length <= 24; length++) {
		memset(found, 'x', sizeof(found));
		driver_put(&driver, DATA, found, sizeof(found));
		assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, length, true), VIRTIO_BLK_S_OK);
		driver_get(&driver, DATA, found, sizeof(found));
		uint32_t known = length < 20 ? length : 20;
		assert_memory_equal(found, "serial-of-20-letters", known);
		assert_each(found[known] == 'x', "too much was written for", length);
		assert_int_equal(last_used_length, known + 1);
	}
}

/* --- requests in any pieces --- */

/* SIZE bytes at ADDRESS in PARTS pieces of random sizes, some of them empty. Returns the next free part. */
static struct part *cut(struct part *part, unsigned parts, uint64_t address, uint32_t size,
			bool writable, uint32_t *random)
{
	while (--parts) {
		uint32_t length = next_random(random) % 4 ? next_random(random) % (size + 1) : 0;

		*part++ = (struct part){address, length, writable};
		address += length;
		size -= length;
	}
	*part++ = (struct part){address, size, writable};
	return part;
}

/* §2.7.4.1, §5.2.6.1: the driver frames its messages as it likes. */
static void any_framing_is_the_same_request(void **state)
{
	static const struct {
		uint32_t type, readable, writable; /* bytes beside header and status */
	} kinds[] = {{VIRTIO_BLK_T_IN, 0, 5 * SECTOR},   {VIRTIO_BLK_T_OUT, 3 * SECTOR, 0},
		     {VIRTIO_BLK_T_OUT, SECTOR, 77},     {VIRTIO_BLK_T_GET_ID, 0, 20},
		     {VIRTIO_BLK_T_WRITE_ZEROES, 48, 0}, {VIRTIO_BLK_T_FLUSH, 0, 0}};
	const struct virtio_blk_discard_write_zeroes ranges[] = {
		{9, 1, 0}, {100, 3, 1}, {50, 9, 0}};
	static uint8_t sent[3 * SECTOR], found[5 * SECTOR];
	uint32_t random = 5;

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		uint32_t type = kinds[i % COUNT(kinds)].type,
			 read = kinds[i % COUNT(kinds)].readable,
			 written = kinds[i % COUNT(kinds)].writable, sector = i % 100;
		uint64_t from = DATA + next_random(&random) % 50, to = 2 * DATA - i;
		struct virtio_blk_outhdr header = {.type = type, .sector = sector};
		struct part parts[40], *end = parts;
		uint8_t status = NOTHING;

		for (unsigned j = 0; j < sizeof(sent); j++)
			sent[j] = (uint8_t)next_random(&random);
		if (type == VIRTIO_BLK_T_WRITE_ZEROES)
			memcpy(sent, ranges, sizeof(ranges));
		driver_put(&driver, from, &header, sizeof(header));
		driver_put(&driver, from + sizeof(header), sent, read);
		driver_put(&driver, to + written, &status, 1);
		end = cut(end, 1 + i % 19, from, 16 + read, false, &random);
		end = cut(end, 1 + i % 13, to, written + 1, true, &random);
		finish(driver_add(&driver, 0, parts, (unsigned)(end - parts)));
		driver_get(&driver, to + written, &status, 1);
		assert_each(status == VIRTIO_BLK_S_OK, "status of request", i);
		driver_get(&driver, to, found, written);
		switch (type) {
		case VIRTIO_BLK_T_IN:
			assert_memory_equal(found, content + sector * SECTOR, written);
			break;
		case VIRTIO_BLK_T_GET_ID:
			assert_memory_equal(found, "serial-of-20-letters", 20);
			break;
		case VIRTIO_BLK_T_OUT:
			memcpy(content + sector * SECTOR, sent, read);
			break;
		case VIRTIO_BLK_T_WRITE_ZEROES:
			for (unsigned j = 0; j < COUNT(ranges); j++)
				memset(content + ranges[j].sector * SECTOR, 0,
				       ranges[j].num_sectors * SECTOR);
			break;
		}
		if (read)
			assert_file(disk.file.fd, content, DISK_SIZE);
	}
}

/* A header of sixteen descriptors, and a status that is one with the data. */
static void the_smallest_pieces(void **state)
{
	struct part parts[17];
	uint8_t found[SECTOR + 1];

	(void)state;
	put_header(VIRTIO_BLK_T_IN, 11);
	for (unsigned i = 0; i < 16; i++)
		parts[i] = (struct part){HEADER + i, 1, false};
	parts[16] = (struct part){DATA, SECTOR + 1, true};
	finish(driver_add(&driver, 0, parts, 17));
	driver_get(&driver, DATA, found, sizeof(found));
	assert_memory_equal(found, content + 11 * SECTOR, SECTOR);
	assert_int_equal(found[SECTOR], VIRTIO_BLK_S_OK);
}

static void requests_of_no_sectors(void **state)
{
	(void)state;
	assert_int_equal(read_sectors(SECTORS, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(last_used_length, 1);
	assert_int_equal(write_sectors(SECTORS, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, 0, true), VIRTIO_BLK_S_OK);
	assert_int_equal(last_used_length, 1);
	assert_int_equal(read_sectors(SECTORS + 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write_sectors(1ull << 55, 0), VIRTIO_BLK_S_IOERR);
	assert_file(disk.file.fd, content, DISK_SIZE);
}

/* What fails fills nothing but its status. */
static void errors_have_one_byte(void **state)
{
	(void)state;
	assert_int_equal(read_sectors(SECTORS, SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(last_used_length, 1);
	assert_int_equal(request(99, 0, SECTOR, true), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(last_used_length, 1);
	assert_int_equal(write_sectors(SECTORS, SECTOR), VIRTIO_BLK_S_IOERR);
	assert_int_equal(last_used_length, 1);
}

static unsigned long long counted(enum virtio_stat which)
{
	return atomic_load(&blk.virtio.stat[which]);
}

static void each_request_is_counted_once(void **state)
{
	(void)state;
	assert_int_equal(take_event(blk.virtio.queue[0].kick_fd),
			 1); /* the start wakes the worker */
	read_sectors(0, 4 * SECTOR);
	write_sectors(0, 2 * SECTOR);
	request(VIRTIO_BLK_T_FLUSH, 0, 0, false);
	request(VIRTIO_BLK_T_GET_ID, 0, 20, true);
	range(VIRTIO_BLK_T_DISCARD, 0, 8, 0);
	range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0);
	assert_int_equal(counted(STAT_ERRORS), 0);
	read_sectors(SECTORS, SECTOR);
	write_sectors(SECTORS, SECTOR);
	request(99, 0, 0, false);
	assert_int_equal(counted(STAT_IN), 1);
	assert_int_equal(counted(STAT_IN_BYTES), 4 * SECTOR);
	assert_int_equal(counted(STAT_OUT), 1);
	assert_int_equal(counted(STAT_OUT_BYTES), 2 * SECTOR);
	assert_int_equal(counted(STAT_OTHER), 4);
	assert_int_equal(counted(STAT_ERRORS), 3);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	virtio_await(&blk.virtio, blk.virtio.queue[0].kick_fd);
	assert_int_equal(counted(STAT_KICKS), 2);
}

/* --- interrupts --- */

static void add_read(unsigned index, uint64_t data, uint64_t sector)
{
	struct virtio_blk_outhdr header = {.type = VIRTIO_BLK_T_IN, .sector = sector};

	driver_put(&driver, data - 16, &header, sizeof(header));
	DRIVER_ADD(&driver, index, {data - 16, 16, false}, {data, SECTOR, true},
		   {data + SECTOR, 1, true});
}

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

/* --- ranges --- */

static blkcnt_t blocks_of(int fd)
{
	struct stat file;

	assert_int_equal(fstat(fd, &file), 0);
	return file.st_blocks;
}

static void zeroes_are_zeroes(void **state)
{
	blkcnt_t before = blocks_of(disk.file.fd);

	(void)state;
	for (uint32_t unmap = 0; unmap < 2; unmap++) {
		uint64_t sector = 3 + 40 * unmap;

		assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, sector, 20, unmap),
				 VIRTIO_BLK_S_OK);
		memset(content + sector * SECTOR, 0, 20 * SECTOR);
		assert_file(disk.file.fd, content, DISK_SIZE);
		/* 43 to 62 has the clusters 48 to 55. */
		assert_int_equal(before - blocks_of(disk.file.fd), unmap ? 8 : 0);
	}
}

static void ranges_of_nothing_are_fine(void **state)
{
	(void)state;
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, SECTORS, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 0, 1), VIRTIO_BLK_S_OK);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, SECTORS, 0, 0), VIRTIO_BLK_S_OK);
	make_ephemeral(DISK_SIZE);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 1, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, SECTORS, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(dirty[0], 0);
}

static void the_first_bad_range_is_the_answer(void **state)
{
	const struct virtio_blk_discard_write_zeroes ranges[] = {{SECTORS, 1, 0}, {0, 8, 0}};

	(void)state;
	driver_put(&driver, DATA, ranges, sizeof(ranges));
	assert_int_equal(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(ranges), false),
			 VIRTIO_BLK_S_IOERR);
	assert_file(disk.file.fd, content, DISK_SIZE);
}

static void discarded_sectors_are_holes(void **state)
{
	blkcnt_t before = blocks_of(disk.file.fd);

	(void)state;
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 8, 64, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(before - blocks_of(disk.file.fd), 64);
	assert_int_equal(lseek(disk.file.fd, 0, SEEK_END), DISK_SIZE);
}

static void several_ranges_in_one_request(void **state)
{
	struct virtio_blk_discard_write_zeroes ranges[65];

	(void)state;
	for (unsigned i = 0; i < 65; i++)
		ranges[i] = (struct virtio_blk_discard_write_zeroes){i, 1, 0};
	driver_put(&driver, DATA, ranges, sizeof(ranges));
	assert_int_equal(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, 65 * 16, false), VIRTIO_BLK_S_IOERR);
	assert_file(disk.file.fd, content, DISK_SIZE);
	assert_int_equal(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, 64 * 16, false), VIRTIO_BLK_S_OK);
	memset(content, 0, 64 * SECTOR);
	assert_file(disk.file.fd, content, DISK_SIZE);
	for (uint32_t length = 1; length < 16; length++)
		assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, length, false),
				 VIRTIO_BLK_S_IOERR);
}

/* Nobody needs to touch the whole of a large disk in one request, in which a reset must wait. */
static void no_more_sectors_than_announced(void **state)
{
	(void)state;
	disk.size = 8 * GIB; /* most of it a hole */
	assert_int_equal(ftruncate(disk.file.fd, (off_t)disk.size), 0);
	go(1, ALL_FEATURES);
	uint32_t discard = config(36, 4), zeroes = config(48, 4);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 0, discard, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 0, discard + 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, zeroes, 1), VIRTIO_BLK_S_OK);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, zeroes + 1, 1), VIRTIO_BLK_S_IOERR);
}

static void flags_of_ranges(void **state)
{
	(void)state;
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 0, 8, 1), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 0, 8, 2), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 2), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 3), VIRTIO_BLK_S_UNSUPP);
	assert_file(disk.file.fd, content, DISK_SIZE);
	disk.discard = false;
	go(1, ALL_FEATURES);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_file(disk.file.fd, content, DISK_SIZE);
}

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
	disk.file.direct = disk.block = 4096;
	disk.file.bounce = bounce;
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
	disk.file.direct = SECTOR;
	disk.file.bounce = bounce;
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

/* Two queues write, zero and forget the halves of the same clusters at once: who brings a cluster up must not
 * undo what the other has written. */
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
	disk.file.direct = SECTOR;
	disk.file.bounce = bounce;
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

/* --- the filter --- */

static void what_it_may_do(void **state)
{
	(void)state;
	/* What a disk needs is test_disk's to know. */
	for (unsigned kind = 0; kind < 3; kind++) {
		if (kind == 2)
			make_ephemeral(DISK_SIZE);
		disk.read_only = kind == 1;
		static const struct rule locks[] = {LOCKS};
		disk_allow(&disk, list_anew());
		unsigned count = listed.count;
		virtio_allow_work(&blk.virtio, list_anew());
		assert_int_equal(listed.count, 3 + COUNT(locks) + count);
		assert_true(has_rule(&listed, SYS_read, blk.virtio.queue[0].kick_fd));
		assert_true(has_rule(&listed, SYS_write, blk.virtio.irq_fd));
		assert_true(has_rule(&listed, SYS_write, STDERR_FILENO));
		assert_true(has_rule(&listed, SYS_preadv, disk.file.fd));
		assert_int_equal(has_rule(&listed, SYS_pwritev, disk.file.fd), kind == 0);
		assert_int_equal(has_rule(&listed, SYS_fallocate, disk.file.fd), kind == 0);
		assert_int_equal(has_rule(&listed, SYS_fdatasync, disk.file.fd), kind == 0);
		assert_int_equal(rules_of(&listed, SYS_preadv), kind == 2 ? 2 : 1);
		assert_int_equal(rules_of(&listed, SYS_ioctl), 0);
	}
	assert_true(has_rule(&listed, SYS_preadv, disk.scratch_fd) &&
		    has_rule(&listed, SYS_pwritev, disk.scratch_fd) &&
		    has_rule(&listed, SYS_fallocate, disk.scratch_fd));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(features_follow_the_disk),
		TEST(configuration),
		TEST(sectors_are_read),
		TEST(sectors_are_written),
		TEST(the_disk_ends_where_it_ends),
		TEST(whole_sectors_only),
		TEST(a_read_only_disk_stays_as_it_is),
		TEST(headers_and_status_may_be_split),
		TEST(the_most_segments),
		TEST(what_cannot_be_answered_comes_back_empty),
		TEST(short_headers_are_errors),
		TEST(unknown_types_are_unsupported),
		TEST(the_serial_number),
		TEST(any_framing_is_the_same_request),
		TEST(the_smallest_pieces),
		TEST(requests_of_no_sectors),
		TEST(errors_have_one_byte),
		TEST(each_request_is_counted_once),
		TEST(interrupts_where_they_are_wanted),
		TEST(queues_do_not_meet),
		TEST(zeroes_are_zeroes),
		TEST(ranges_of_nothing_are_fine),
		TEST(the_first_bad_range_is_the_answer),
		TEST(discarded_sectors_are_holes),
		TEST(several_ranges_in_one_request),
		TEST(no_more_sectors_than_announced),
		TEST(flags_of_ranges),
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
		TEST(direct_io_with_memory_that_is_not_aligned),
		TEST(a_driver_that_changes_everything_all_the_time),
		TEST(what_it_may_do),
		TEST(workers_serve_two_queues),
		TEST(a_reset_waits_for_the_request_in_flight),
		TEST(two_queues_in_one_cluster),
		TEST(two_queues_with_direct_io),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
