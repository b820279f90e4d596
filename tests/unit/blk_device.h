/* A block device in a test, and its driver; the disk is a file in memory. */
#ifndef MAYFLY_BLK_DEVICE_H
#define MAYFLY_BLK_DEVICE_H

#include "devices/virtio_blk.h"

#include <sys/mman.h>
#include <sys/stat.h>

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

static inline int make_file(uint64_t size)
{
	int fd = memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* The device for the disk as the test has changed it, in operation with what FEATURES it offers. */
static inline void go(unsigned queues, uint64_t features)
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
	(void)state;
	alarm(0);
	close(disk.file.fd);
	if (disk.scratch_fd >= 0)
		close(disk.scratch_fd);
	ram_release(&ram);
	return 0;
}

static inline void make_ephemeral(uint64_t size)
{
	disk.size = size;
	assert_int_equal(ftruncate(disk.file.fd, (off_t)size), 0);
	disk.scratch_fd = make_file(size);
	memset(dirty, 0, sizeof(dirty));
	assert_true(disk_dirty_bytes(size) <= sizeof(dirty));
	disk.dirty = dirty;
	go(1, ALL_FEATURES);
}

/* Direct I/O, which wants memory that is aligned to ALIGNMENT bytes. */
static inline void make_direct(uint32_t alignment)
{
	disk.file.direct = alignment;
	disk.file.bounce = bounce;
}

/* --- one request --- */

static inline void put_header(uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr header = {.type = type, .sector = sector};
	uint8_t nothing = NOTHING;

	driver_put(&driver, HEADER, &header, sizeof(header));
	driver_put(&driver, STATUS, &nothing, 1);
}

static uint32_t last_used_length;

/* Serves the one chain that was added and returns the status byte. */
static inline uint8_t finish(unsigned head)
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
static inline uint8_t request(uint32_t type, uint64_t sector, uint32_t length, bool writable)
{
	put_header(type, sector);
	return finish(DRIVER_ADD(&driver, 0, {HEADER, 16, false}, {DATA, length, writable},
				 {STATUS, 1, true}));
}

static inline uint8_t read_sectors(uint64_t sector, uint32_t length)
{
	return request(VIRTIO_BLK_T_IN, sector, length, true);
}

static inline uint8_t write_sectors(uint64_t sector, uint32_t length)
{
	return request(VIRTIO_BLK_T_OUT, sector, length, false);
}

static inline uint8_t range(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes segment = {sector, sectors, flags};

	driver_put(&driver, DATA, &segment, sizeof(segment));
	return request(type, 0, sizeof(segment), false);
}

static inline void assert_file(int fd, const uint8_t *expected, size_t size)
{
	static uint8_t found[DISK_SIZE];

	assert_int_equal(pread(fd, found, size, 0), size);
	assert_memory_equal(found, expected, size);
}

static inline unsigned long long counted(enum virtio_stat which)
{
	return atomic_load(&blk.virtio.stat[which]);
}

static inline void add_read(unsigned index, uint64_t data, uint64_t sector)
{
	struct virtio_blk_outhdr header = {.type = VIRTIO_BLK_T_IN, .sector = sector};

	driver_put(&driver, data - 16, &header, sizeof(header));
	DRIVER_ADD(&driver, index, {data - 16, 16, false}, {data, SECTOR, true},
		   {data + SECTOR, 1, true});
}

static inline blkcnt_t blocks_of(int fd)
{
	struct stat file;

	assert_int_equal(fstat(fd, &file), 0);
	return file.st_blocks;
}

#endif
