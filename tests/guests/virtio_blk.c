/* Good drivers of disks: all that they check must hold. */
#include <stdatomic.h>
#include <stddef.h>

#include "virtio.h"

static const uint64_t disk = SLOT(0);

static uint32_t reg(unsigned offset)
{
	return read32(disk + offset);
}

static uint64_t offered(void)
{
	write32(disk + VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	uint64_t high = reg(VIRTIO_MMIO_DEVICE_FEATURES);
	write32(disk + VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return high << 32 | reg(VIRTIO_MMIO_DEVICE_FEATURES);
}

static uint64_t config64(size_t offset)
{
	return reg(VIRTIO_MMIO_CONFIG + (unsigned)offset) |
	       (uint64_t)reg(VIRTIO_MMIO_CONFIG + (unsigned)offset + 4) << 32;
}

/* --- blkprobe --- */

static void probe_identity(void)
{
	expect(reg(VIRTIO_MMIO_MAGIC_VALUE) == 0x74726976, 1);
	expect(reg(VIRTIO_MMIO_VERSION) == 2, 2);
	expect(reg(VIRTIO_MMIO_DEVICE_ID) == 2, 3);
	expect(reg(VIRTIO_MMIO_VENDOR_ID) == 0x4c46594d, 4);
	for (unsigned offset = 0; offset < 0x1000; offset += 4)
		expect(read32(SLOT(1) + offset) == 0, 5);
	expect(reg(VIRTIO_MMIO_CONFIG_GENERATION) == 0, 6);
	expect(reg(VIRTIO_MMIO_SHM_LEN_LOW) == UINT32_MAX, 7);
}

static void probe_features(void)
{
	uint64_t features = offered();

	expect(features & BIT(VIRTIO_F_VERSION_1), 10);
	expect(features & BIT(VIRTIO_RING_F_EVENT_IDX), 11);
	expect(features & BIT(VIRTIO_BLK_F_FLUSH), 12);
	expect(!(features & BIT(VIRTIO_BLK_F_RO)), 13);
	expect(!(features & BIT(VIRTIO_RING_F_INDIRECT_DESC)), 14);
	expect(!(features & BIT(VIRTIO_BLK_F_MQ)), 15);
	write32(disk + VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	expect(reg(VIRTIO_MMIO_DEVICE_FEATURES) == 0, 16);
	write32(disk + VIRTIO_MMIO_DEVICE_FEATURES_SEL, UINT32_MAX);
	expect(reg(VIRTIO_MMIO_DEVICE_FEATURES) == 0, 17);
}

static void probe_config(void)
{
	expect(config64(offsetof(struct virtio_blk_config, capacity)) == number_after("sectors="),
	       20);
	expect(reg(VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, blk_size)) == 512, 21);
	expect(reg(VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, seg_max)) == 254, 22);
	expect(read16(disk + VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, num_queues)) ==
		       1,
	       23);
}

/* STATUS is written, WANTED is read back. */
static void step(uint32_t status, uint32_t wanted, uint8_t number)
{
	write32(disk + VIRTIO_MMIO_STATUS, status);
	expect(reg(VIRTIO_MMIO_STATUS) == wanted, number);
}

static void probe_steps(void)
{
	struct queue queue;

	expect(reg(VIRTIO_MMIO_STATUS) == 0, 30);
	step(1, 1, 31);
	step(1 | 8, 1, 32); /* FEATURES_OK before DRIVER */
	step(3, 3, 33);
	expect(reg(VIRTIO_MMIO_QUEUE_NUM_MAX) == 256, 34);
	make_queue(&queue, disk, 0, 256);
	expect(!enable_queue(&queue), 35); /* before FEATURES_OK */
	step(3 | 8, 3, 36);                /* without VERSION_1 */
	write32(disk + VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write32(disk + VIRTIO_MMIO_DRIVER_FEATURES, 1);
	step(3 | 8, 11, 37);
	step(1, 11, 38);       /* nothing goes back … */
	step(64 | 11, 11, 39); /* … and NEEDS_RESET is the device's */
	write32(disk + VIRTIO_MMIO_DRIVER_FEATURES, 0);
	expect(enable_queue(&queue), 40);
	step(15, 15, 41);
	expect_good(&queue);
	expect(reg(VIRTIO_MMIO_INTERRUPT_STATUS) == 1, 42);
	write32(disk + VIRTIO_MMIO_INTERRUPT_ACK, 2);
	expect(reg(VIRTIO_MMIO_INTERRUPT_STATUS) == 1, 43);
	write32(disk + VIRTIO_MMIO_INTERRUPT_ACK, 1);
	expect(reg(VIRTIO_MMIO_INTERRUPT_STATUS) == 0, 44);
	step(0, 0, 45);
	expect(reg(VIRTIO_MMIO_QUEUE_READY) == 0, 46);
	expect(reg(VIRTIO_MMIO_STATUS) == 0, 47);
}

void test_blkprobe(void)
{
	struct queue queue;

	ready();
	probe_identity();
	probe_features();
	probe_config();
	probe_steps();
	set_up_disk(&queue, disk);
	expect_good(&queue);
	end(0, 0);
}

/* --- blkrw, blkro, blkzero --- */

#define SECTORS 1000

static void write_sector(struct queue *queue, unsigned sector)
{
	volatile uint64_t *words = (volatile uint64_t *)data;
	uint64_t text = text_of(sector);

	for (unsigned i = 0; i < 64; i++)
		words[i] = text;
	expect(request(queue, VIRTIO_BLK_T_OUT, sector, data, 512) == VIRTIO_BLK_S_OK, 1);
}

static void compare_sectors(struct queue *queue, unsigned sector, unsigned count)
{
	volatile uint64_t *words = (volatile uint64_t *)data;

	fill(data, 0, 512 * count);
	expect(request(queue, VIRTIO_BLK_T_IN, sector, data, 512 * count) == VIRTIO_BLK_S_OK, 2);
	for (unsigned i = 0; i < count; i++) {
		uint64_t text = text_of(sector + i);

		for (unsigned j = 0; j < 64; j++)
			expect(*words++ == text, 3);
	}
}

/* A header of 1 + 15 bytes, data of 1, 510 and 1, empty parts between them. */
static void read_in_pieces(struct queue *queue, unsigned sector)
{
	const unsigned next = VRING_DESC_F_NEXT, write = VRING_DESC_F_WRITE;

	prepare(queue, VIRTIO_BLK_T_IN, sector, NULL, 0);
	fill(data, 0, 512);
	describe(queue, 10, (uint64_t)&header[0], 1, next, 11);
	describe(queue, 11, 0, 0, next, 12);
	describe(queue, 12, (uint64_t)&header[0] + 1, 15, next, 13);
	describe(queue, 13, (uint64_t)data, 1, next | write, 14);
	describe(queue, 14, (uint64_t)data + 1, 510, next | write, 15);
	describe(queue, 15, UINT64_MAX, 0, next | write, 16);
	describe(queue, 16, (uint64_t)data + 511, 1, next | write, 17);
	describe(queue, 17, (uint64_t)&answer[0], 1, write, 0);
	offer(queue, 10);
	kick(queue);
	await(queue, 1);
	expect(answer[0] == VIRTIO_BLK_S_OK, 4);
	for (unsigned i = 0; i < 64; i++)
		expect(((volatile uint64_t *)data)[i] == text_of(sector), 5);
}

/* All 256 descriptors in one chain. */
static void read_with_all(struct queue *queue)
{
	const unsigned next = VRING_DESC_F_NEXT, write = VRING_DESC_F_WRITE;

	prepare(queue, VIRTIO_BLK_T_IN, 0, NULL, 0);
	fill(data, 0, DATA_SIZE);
	describe(queue, 0, (uint64_t)&header[0], 16, next, 1);
	for (unsigned i = 1; i < 255; i++)
		describe(queue, i, (uint64_t)data + 256 * (i - 1), 256, next | write, i + 1);
	describe(queue, 255, (uint64_t)&answer[0], 1, write, 0);
	offer(queue, 0);
	kick(queue);
	await(queue, 1);
	expect(answer[0] == VIRTIO_BLK_S_OK, 6);
	for (unsigned i = 0; i < 127; i++)
		expect(((volatile uint64_t *)data)[64 * i + 63] == text_of(i), 7);
}

static void expect_id(struct queue *queue)
{
	static const char id[20] = "mayfly-0";

	fill(data, 0x5a, 24);
	expect(request(queue, VIRTIO_BLK_T_GET_ID, 0, data, 20) == VIRTIO_BLK_S_OK, 8);
	for (unsigned i = 0; i < 20; i++)
		expect(data[i] == id[i], 9);
	expect(data[20] == 0x5a, 10);
}

void test_blkrw(void)
{
	struct queue queue;

	ready();
	set_up_disk(&queue, disk);
	for (unsigned i = 0; i < SECTORS; i++)
		write_sector(&queue, i * 7 % SECTORS);
	expect(request(&queue, VIRTIO_BLK_T_FLUSH, 0, NULL, 0) == VIRTIO_BLK_S_OK, 11);
	for (unsigned i = 0; i < SECTORS; i += 8)
		compare_sectors(&queue, i, 8);
	read_in_pieces(&queue, 42);
	read_with_all(&queue);
	expect_id(&queue);
	expect(request(&queue, 99, 0, data, 512) == VIRTIO_BLK_S_UNSUPP, 12);
	expect(reg(VIRTIO_MMIO_INTERRUPT_STATUS) == 0, 13); /* none was wanted */
	end(0, 0);
}

static const struct virtio_blk_discard_write_zeroes eight = {.sector = 8, .num_sectors = 8};

void test_blkro(void)
{
	struct queue queue;

	ready();
	expect(offered() & BIT(VIRTIO_BLK_F_RO), 1);
	expect(!(offered() & BIT(VIRTIO_BLK_F_DISCARD)), 2);
	negotiate(disk, BIT(VIRTIO_F_VERSION_1));
	make_queue(&queue, disk, 0, QUEUE_SIZE_MAX);
	expect(enable_queue(&queue), FAIL_QUEUE);
	go(disk);
	expect_good(&queue);
	fill(data, 'x', 512);
	expect(request(&queue, VIRTIO_BLK_T_OUT, 0, data, 512) == VIRTIO_BLK_S_IOERR, 3);
	expect(request(&queue, VIRTIO_BLK_T_DISCARD, 0, &eight, 16) == VIRTIO_BLK_S_IOERR, 4);
	expect(request(&queue, VIRTIO_BLK_T_WRITE_ZEROES, 0, &eight, 16) == VIRTIO_BLK_S_IOERR, 5);
	expect(request(&queue, VIRTIO_BLK_T_FLUSH, 0, NULL, 0) == VIRTIO_BLK_S_OK, 6);
	expect_good(&queue);
	end(0, 0);
}

static uint8_t change(struct queue *queue, uint32_t type, uint64_t sector, uint32_t sectors,
		      uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes range = {
		.sector = sector,
		.num_sectors = sectors,
		.flags = flags,
	};

	return request(queue, type, 0, &range, sizeof(range));
}

/* Sectors 8 to 15 are discarded, 16 to 24 and 26 to 27 made zero. */
static void change_well(struct queue *queue)
{
	static const struct virtio_blk_discard_write_zeroes two[2] = {
		{.sector = 24, .num_sectors = 1},
		{.sector = 26, .num_sectors = 2},
	};

	expect(change(queue, VIRTIO_BLK_T_DISCARD, 8, 8, 0) == VIRTIO_BLK_S_OK, 1);
	expect(change(queue, VIRTIO_BLK_T_WRITE_ZEROES, 16, 8, 1) == VIRTIO_BLK_S_OK, 2);
	expect(request(queue, VIRTIO_BLK_T_WRITE_ZEROES, 0, two, 32) == VIRTIO_BLK_S_OK, 3);
}

static void change_badly(struct queue *queue, uint32_t type)
{
	uint64_t end_of_disk = config64(offsetof(struct virtio_blk_config, capacity));

	expect(change(queue, type, end_of_disk, 1, 0) == VIRTIO_BLK_S_IOERR, 4);
	expect(change(queue, type, end_of_disk - 1, 2, 0) == VIRTIO_BLK_S_IOERR, 5);
	expect(change(queue, type, BIT(55), 8, 0) == VIRTIO_BLK_S_IOERR, 6);
	expect(change(queue, type, UINT64_MAX, 1, 0) == VIRTIO_BLK_S_IOERR, 7);
	expect(change(queue, type, 0, UINT32_MAX, 0) == VIRTIO_BLK_S_IOERR, 8);
	expect(change(queue, type, 0, 1, 2) == VIRTIO_BLK_S_UNSUPP, 9);
	expect(request(queue, type, 0, &eight, 15) == VIRTIO_BLK_S_IOERR, 10);
	fill(data, 0, DATA_SIZE);
	expect(request(queue, type, 0, data, 65 * 16) == VIRTIO_BLK_S_IOERR, 11);
	expect(request(queue, type, 0, data, 64 * 16) == VIRTIO_BLK_S_OK, 12); /* of nothing */
	expect(request(queue, type, 0, NULL, 0) == VIRTIO_BLK_S_OK, 13);
}

void test_blkzero(void)
{
	struct queue queue;

	ready();
	expect(offered() & BIT(VIRTIO_BLK_F_DISCARD), 20);
	set_up_disk(&queue, disk);
	change_badly(&queue, VIRTIO_BLK_T_DISCARD);
	change_badly(&queue, VIRTIO_BLK_T_WRITE_ZEROES);
	expect(change(&queue, VIRTIO_BLK_T_DISCARD, 0, 1, 1) == VIRTIO_BLK_S_UNSUPP, 21);
	change_well(&queue);
	expect(request(&queue, VIRTIO_BLK_T_IN, 8, data, 20 * 512) == VIRTIO_BLK_S_OK, 22);
	expect(is_all(data, 0, 17 * 512), 23);
	expect(((volatile uint64_t *)data)[17 * 64] == text_of(25), 24);
	expect(is_all(data + 18 * 512, 0, 2 * 512), 25);
	end(0, 0);
}

/* --- blkqueues --- */

static struct queue second;
static atomic_bool second_done;

static void read_in_queue(struct queue *queue, uint8_t *to, unsigned count, uint8_t number)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t text = text_of(100 + i);

		expect(request(queue, VIRTIO_BLK_T_IN, 100 + i, to, 512) == VIRTIO_BLK_S_OK,
		       number);
		expect(((volatile uint64_t *)to)[0] == text &&
			       ((volatile uint64_t *)to)[63] == text,
		       number);
	}
}

static void serve_second(void)
{
	read_in_queue(&second, data + 1024, 500, 10);
	second_done = true;
}

void test_blkqueues(void)
{
	struct queue first;
	unsigned queues = 2;

	ready();
	expect(offered() & BIT(VIRTIO_BLK_F_MQ), 1);
	expect(read16(disk + VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, num_queues)) ==
		       queues,
	       2);
	negotiate(disk, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_BLK_F_MQ));
	make_queue(&first, disk, 0, 256);
	make_queue(&second, disk, 1, 4);
	expect(enable_queue(&first) && enable_queue(&second), FAIL_QUEUE);
	write32(disk + VIRTIO_MMIO_QUEUE_SEL, 2);
	expect(reg(VIRTIO_MMIO_QUEUE_NUM_MAX) == 0, 3);
	go(disk);
	read_in_queue(&second, data, 5, 4);
	start_other_cpus(serve_second);
	read_in_queue(&first, data, 500, 5);
	while (!second_done)
		pause(1000);
	end(0, 0);
}

/* --- blkirq --- */

void test_blkirq(void)
{
	struct queue queue;

	ready();
	open_interrupt();
	set_up_disk(&queue, disk);
	queue.avail[0] = 0;
	for (unsigned i = 0; i < 100; i++) {
		prepare(&queue, VIRTIO_BLK_T_IN, i, data, 512);
		offer(&queue, 0);
		kick(&queue);
		sleep_until_interrupt();
		expect(reg(VIRTIO_MMIO_INTERRUPT_STATUS) == 1, 1);
		write32(disk + VIRTIO_MMIO_INTERRUPT_ACK, 1);
		expect(reg(VIRTIO_MMIO_INTERRUPT_STATUS) == 0, 2);
		expect(queue.used[1] == i + 1, 3);
		expect(*(volatile uint64_t *)data == text_of(i), 4);
	}
	/* A ring that breaks is told by an interrupt, too. */
	offer(&queue, 999);
	kick(&queue);
	sleep_until_interrupt();
	expect(reg(VIRTIO_MMIO_INTERRUPT_STATUS) == 2, 5);
	expect(reg(VIRTIO_MMIO_STATUS) == (READY_TO_GO | NEEDS_RESET), 6);
	end(0, 0);
}

/* --- blkevents --- */

/* With EVENT_IDX the used index at which we want an interrupt stands after the available ring;
 * the device writes where it wants a kick after the used one. */
void test_blkevents(void)
{
	struct queue queue;

	ready();
	negotiate(disk, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX));
	make_queue(&queue, disk, 0, 64);
	queue.avail[0] = VRING_AVAIL_F_NO_INTERRUPT; /* means nothing now */
	queue.avail[2 + 64] = 49;
	expect(enable_queue(&queue), FAIL_QUEUE);
	go(disk);
	for (unsigned i = 0; i < 100; i++) {
		expect_good(&queue);
		if (i < 49)
			expect(reg(VIRTIO_MMIO_INTERRUPT_STATUS) == 0, 1);
	}
	while (queue.used[2 + 4 * 64] != 100)
		pause(1000);
	expect(reg(VIRTIO_MMIO_INTERRUPT_STATUS) == 1, 2);
	expect(queue.used[0] == 0, 3);
	end(0, 0);
}

/* --- what needs no answer --- */

void test_blkidle(void)
{
	struct queue queue;

	ready();
	set_up_disk(&queue, disk);
	queue.next = (uint16_t)(queue.next + 999);
	offer(&queue, 0);
	kick(&queue);
	await_breakdown(&queue);
	kick(&queue);
	say("broken\n");
	halt();
}

void test_blkstorm(void)
{
	struct queue queue;

	ready();
	set_up_disk(&queue, disk);
	for (unsigned i = 0; i < 20000; i++)
		kick(&queue);
	expect_good(&queue);
	say("quiet\n");
	halt();
}
