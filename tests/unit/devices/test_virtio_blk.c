/* The block device, by virtio 1.2 §5.2 and its headers: what it shows, and every kind of
 * request. */
#include "blk_device.h"

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

/* SIZE bytes at ADDRESS in PARTS pieces of random sizes, some of them empty. Returns the next
 * free part. */
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

/* --- ranges --- */

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
		TEST(zeroes_are_zeroes),
		TEST(ranges_of_nothing_are_fine),
		TEST(the_first_bad_range_is_the_answer),
		TEST(discarded_sectors_are_holes),
		TEST(several_ranges_in_one_request),
		TEST(no_more_sectors_than_announced),
		TEST(flags_of_ranges),
		TEST(what_it_may_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
