/* Drivers that misbehave in rings: chains that break them, requests that are refused, rings at
 * places where they may not be. */
#include "virtio_evil.h"

/* --- rings that break --- */

static void evil_loop(void)
{
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	describe(&queue, 1, (uint64_t)data, 512, NEXT | WRITE, 1);
	offer_chain(0);
}

static void evil_loop_of_nothing(void)
{
	describe(&queue, 0, 0, 0, NEXT, 1);
	describe(&queue, 1, 0, 0, NEXT, 0);
	offer_chain(0);
}

static void evil_next(void)
{
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	queue.desc[1].next = 256;
	offer_chain(0);
}

static void evil_next_max(void)
{
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	queue.desc[1].next = UINT16_MAX;
	offer_chain(0);
}

static void evil_head(void)
{
	offer_chain(256);
}

static void evil_head_max(void)
{
	offer_chain(UINT16_MAX);
}

static void jump(unsigned distance)
{
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	queue.next = (uint16_t)(queue.next + distance);
	publish(&queue, queue.next);
	kick(&queue);
}

static void evil_jump(void)
{
	jump(257);
}

static void evil_jump_far(void)
{
	jump(0x8000);
}

static void evil_jump_back(void)
{
	jump(UINT16_MAX);
}

static void evil_indirect(void)
{
	static struct vring_desc table[3];

	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	for (unsigned i = 0; i < 3; i++)
		table[i] = (struct vring_desc){queue.desc[i].addr, queue.desc[i].len,
					       queue.desc[i].flags, queue.desc[i].next};
	describe(&queue, 5, (uint64_t)table, sizeof(table), VRING_DESC_F_INDIRECT, 0);
	offer_chain(5);
}

static void evil_order(void)
{
	prepare(&queue, VIRTIO_BLK_T_OUT, 0, data, 512);
	describe(&queue, 3, (uint64_t)&answer[0], 1, NEXT | WRITE, 0);
	queue.desc[2].flags = 0;
	offer_chain(3);
}

static void evil_beyond(void)
{
	read_to(ram_end(), 512);
}

static void evil_over_end(void)
{
	read_to(ram_end() - 511, 512);
}

static void evil_long(void)
{
	read_to((uint64_t)data, UINT32_MAX);
}

/* The header is what is read first. */
static void evil_header(void)
{
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	queue.desc[0].addr = ram_end() - 15;
	offer_chain(0);
}

/* And the status is what is written last. */
static void evil_status(void)
{
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	queue.desc[2].addr = ram_end();
	offer_chain(0);
}

/* A good chain comes before the bad one, which is there when it is served. */
static void evil_second(void)
{
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	describe(&queue, 9, 0, 0, NEXT, 9);
	queue.avail[2 + queue.next % 256] = 0;
	queue.avail[2 + (queue.next + 1) % 256] = 9;
	queue.next = (uint16_t)(queue.next + 2);
	publish(&queue, queue.next);
	kick(&queue);
	await(&queue, 1);
}

/* --- requests that are refused --- */

static void expect_error(uint8_t number)
{
	uint32_t before = queue.seen;

	offer_chain(0);
	await(&queue, 1);
	expect(queue.used[2 + 4 * (before % 256) + 2] == 1, number);
	expect(answer[0] == VIRTIO_BLK_S_IOERR, number);
}

static void evil_sector(void)
{
	static const uint64_t sectors[] = {2048,        2047,    BIT(32),   BIT(55),
					   BIT(55) - 1, BIT(63), UINT64_MAX};

	for (unsigned i = 0; i < sizeof(sectors) / sizeof(sectors[0]); i++)
		for (unsigned type = VIRTIO_BLK_T_IN; type <= VIRTIO_BLK_T_OUT; type++) {
			prepare(&queue, type, sectors[i], data, 1024);
			expect_error((uint8_t)(1 + i));
		}
}

static void evil_size(void)
{
	static const uint16_t sizes[] = {1, 511, 513, 1000};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (unsigned type = VIRTIO_BLK_T_IN; type <= VIRTIO_BLK_T_OUT; type++) {
			prepare(&queue, type, 0, data, sizes[i]);
			expect_error((uint8_t)(1 + i));
		}
}

static void evil_short_header(void)
{
	for (unsigned size = 0; size < 16; size++) {
		prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
		queue.desc[0].len = size;
		expect_error((uint8_t)(1 + size));
	}
}

/* It comes back with nothing written, and nothing is on the disk. */
static void evil_no_status(void)
{
	unsigned element = 2 + 4 * (queue.seen % 256u);

	fill(data, 'x', 512);
	prepare(&queue, VIRTIO_BLK_T_OUT, 0, data, 512);
	queue.desc[1].flags = 0;
	offer_chain(0);
	await(&queue, 1);
	expect(queue.used[element] == 0 && queue.used[element + 2] == 0, 1);
	describe(&queue, 7, 0, 0, 0, 0); /* a chain of nothing at all */
	offer_chain(7);
	await(&queue, 1);
	expect(queue.used[element + 4] == 7 && queue.used[element + 6] == 0, 2);
	expect(answer[0] == 0xee, 3);
}

/* --- rings at places where they may not be, and where they may --- */

static bool accepts(uint64_t desc, uint64_t avail, uint64_t used, uint32_t size)
{
	struct queue other;

	negotiate(disk, BIT(VIRTIO_F_VERSION_1));
	make_queue(&other, disk, 0, size);
	if (desc)
		other.desc = (volatile struct vring_desc *)desc;
	if (avail)
		other.avail = (volatile uint16_t *)avail;
	if (used)
		other.used = (volatile uint16_t *)used;
	return enable_queue(&other);
}

/* For 256 descriptors. */
enum { DESC_SIZE = 4096, AVAIL_SIZE = 4 + 2 * 256 + 2, USED_SIZE = 4 + 8 * 256 + 2 };

static void evil_places(void)
{
	uint64_t last = ram_end();
	const uint64_t bad[] = {last, NOWHERE, disk, BIT(40), 0 - 16ull, 0 - 4096ull, BIT(63)};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect(!accepts(bad[i], 0, 0, 256), 1);
		expect(!accepts(0, bad[i], 0, 256), 2);
		expect(!accepts(0, 0, bad[i], 256), 3);
	}
	expect(!accepts(last - DESC_SIZE + 16, 0, 0, 256), 4);
	expect(!accepts(0, last - AVAIL_SIZE + 2, 0, 256), 5);
	expect(!accepts(0, 0, last - USED_SIZE + 2, 256), 6);
	expect(!accepts(SCRATCH + 8, 0, 0, 256), 7);
	expect(!accepts(0, SCRATCH + 1, 0, 256), 8);
	expect(!accepts(0, 0, SCRATCH + 2, 256), 9);
	expect(accepts(SCRATCH + 0x10, SCRATCH + 0x10002, SCRATCH + 0x20004, 256), 10);
}

static void evil_sizes(void)
{
	static const uint32_t bad[] = {0,     3,     255,   257,     512,
				       32768, 65535, 65536, 0x10100, UINT32_MAX};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(!accepts(0, 0, 0, bad[i]), (uint8_t)(1 + i));
	for (uint32_t size = 1; size <= 256; size *= 2)
		expect(accepts(0, 0, 0, size), 20);
	/* What was refused can be set right. */
	expect(!accepts(0, 0, 0, 3), 21);
	make_queue(&queue, disk, 0, 4);
	expect(enable_queue(&queue), 22);
	go(disk);
	expect_good(&queue);
}

/* Each area in turn ends where RAM does, and works there. */
static void evil_last_bytes(void)
{
	uint64_t last = ram_end();

	for (unsigned area = 0; area < 3; area++) {
		negotiate(disk, BIT(VIRTIO_F_VERSION_1));
		make_queue(&queue, disk, 0, 256);
		fill((void *)(last - 4096), 0, 4096);
		if (area == 0)
			queue.desc = (volatile struct vring_desc *)(last - DESC_SIZE);
		else if (area == 1)
			queue.avail = (volatile uint16_t *)(last - AVAIL_SIZE);
		else
			queue.used =
				(volatile uint16_t *)(last - USED_SIZE - 2); /* a multiple of 4 */
		expect(enable_queue(&queue), (uint8_t)(1 + area));
		go(disk);
		go_around();
	}
	expect(request(&queue, VIRTIO_BLK_T_IN, 0, (void *)(last - 512), 512) == VIRTIO_BLK_S_OK,
	       4);
	expect(*(volatile uint64_t *)(last - 8) == text_of(0), 5);
}

/* RAM above 4 GiB; no ring reaches out of the last range, nor out of what lies below 4 GiB. -m
 * 5G */
static void evil_high(void)
{
	const uint64_t high = BIT(32), last = high + BIT(31);
	struct range map[RAM_MAP_MAX];
	unsigned count = ram_map(map);

	map_high();
	negotiate(disk, BIT(VIRTIO_F_VERSION_1));
	make_queue(&queue, disk, 0, 256);
	queue.desc = (volatile struct vring_desc *)high;
	queue.avail = (volatile uint16_t *)(high + 0x10000);
	queue.used = (volatile uint16_t *)(high + 0x20000);
	expect(enable_queue(&queue), 1);
	go(disk);
	expect_good(&queue);
	expect(request(&queue, VIRTIO_BLK_T_IN, 5, (void *)(high + 0x30000), 512) ==
		       VIRTIO_BLK_S_OK,
	       2);
	expect(*(volatile uint64_t *)(high + 0x30000) == text_of(5), 3);
	expect(accepts(last - DESC_SIZE, 0, 0, 256), 4);
	expect(!accepts(last - DESC_SIZE + 16, 0, 0, 256), 5);
	expect(!accepts(map[count - 1].address - 16, 0, 0, 256), 6);
	expect(!accepts(ram_end() - 16, 0, 0, 256), 7);
}

/* --- a device that was told to stop --- */

/* The broken ring is whole again, but nothing moves until a reset. */
static void evil_stubborn(void)
{
	evil_head();
	await_breakdown(&queue);
	publish(&queue, --queue.next);
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	offer_chain(0);
	put(VIRTIO_MMIO_STATUS, READY_TO_GO);
	put(VIRTIO_MMIO_STATUS, READY_TO_GO & ~VIRTIO_CONFIG_S_DRIVER_OK);
	put(VIRTIO_MMIO_STATUS, READY_TO_GO);
	kick(&queue);
	pause(A_MOMENT);
	expect(answer[0] == 0xee, 1);
}

/* Ten times: one warning is enough. */
static void evil_again(void)
{
	for (unsigned i = 0; i < 10; i++) {
		evil_head();
		await_breakdown(&queue);
		set_up_disk(&queue, disk);
	}
	evil_head();
}

/* --- rings that overlap: only the guest's own memory suffers --- */

static void evil_used_over_desc(void)
{
	negotiate(disk, BIT(VIRTIO_F_VERSION_1));
	make_queue(&queue, disk, 0, 256);
	queue.used = (volatile uint16_t *)(void *)(uintptr_t)queue.desc;
	expect(enable_queue(&queue), 1);
	go(disk);
	for (uint16_t i = 0; i < 256; i++)
		queue.avail[2 + i] = (uint16_t)(i % 16 * 8);
	for (unsigned i = 0; i < 32; i++) {
		prepare(&queue, VIRTIO_BLK_T_IN, i, data, 512);
		publish(&queue, (uint16_t)(8 * i));
		kick(&queue);
		pause(100000);
	}
}

/* What is read lands on the three rings, in turn: digits. */
static void evil_read_on_rings(void)
{
	for (unsigned i = 0; i < 3; i++) {
		uint64_t areas[3];

		set_up_disk(&queue, disk);
		areas[0] = (uint64_t)queue.desc;
		areas[1] = (uint64_t)queue.avail;
		areas[2] = (uint64_t)queue.used;
		read_to(areas[i], 4096);
		pause(A_MOMENT / 10);
		kick(&queue);
		pause(A_MOMENT / 10);
	}
}

const struct evil evil_rings[] = {
	{"loop", evil_loop, BREAKS},
	{"loop-of-nothing", evil_loop_of_nothing, BREAKS},
	{"next", evil_next, BREAKS},
	{"next-max", evil_next_max, BREAKS},
	{"head", evil_head, BREAKS},
	{"head-max", evil_head_max, BREAKS},
	{"jump", evil_jump, BREAKS},
	{"jump-far", evil_jump_far, BREAKS},
	{"jump-back", evil_jump_back, BREAKS},
	{"indirect", evil_indirect, BREAKS},
	{"order", evil_order, BREAKS},
	{"beyond", evil_beyond, BREAKS},
	{"over-end", evil_over_end, BREAKS},
	{"long", evil_long, BREAKS},
	{"header", evil_header, BREAKS},
	{"status", evil_status, BREAKS},
	{"second", evil_second, BREAKS},
	{"stubborn", evil_stubborn, BREAKS},
	{"again", evil_again, BREAKS},
	{"sector", evil_sector, LIVES},
	{"size", evil_size, LIVES},
	{"short-header", evil_short_header, LIVES},
	{"no-status", evil_no_status, LIVES},
	{"places", evil_places, LIVES},
	{"sizes", evil_sizes, LIVES},
	{"last-bytes", evil_last_bytes, LIVES},
	{"high", evil_high, LIVES},
	{"used-over-desc", evil_used_over_desc, EITHER},
	{"read-on-rings", evil_read_on_rings, EITHER},
	{NULL, NULL, BREAKS},
};
