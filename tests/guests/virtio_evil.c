/* Drivers that misbehave in every way. Whatever they do, the VM lives, and after a reset the disk is as good as
 * before. */
#include <stdatomic.h>
#include <stddef.h>

#include "virtio.h"

enum { NEXT = VRING_DESC_F_NEXT, WRITE = VRING_DESC_F_WRITE };

static const uint64_t disk = SLOT(0);
static struct queue queue;

static void put(unsigned offset, uint32_t value)
{
	write32(disk + offset, value);
}

static uint32_t get(unsigned offset)
{
	return read32(disk + offset);
}

/* Every entry of the ring is used, and the first ones again. */
static void go_around(void)
{
	for (unsigned i = 0; i < 256; i++)
		expect(request(&queue, VIRTIO_BLK_T_GET_ID, 0, data, 20) == VIRTIO_BLK_S_OK,
		       FAIL_STATUS);
	expect_good(&queue);
}

/* --- rings that break --- */

static void offer_chain(uint16_t head)
{
	offer(&queue, head);
	kick(&queue);
}

/* A read of sector 0 whose data is of that address and size. */
static void read_to(uint64_t address, uint64_t size)
{
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	describe(&queue, 1, address, size, NEXT | WRITE, 2);
	offer_chain(0);
}

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
	/* What was refused can be mended. */
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

/* RAM above 4 GiB; no ring reaches out of the last range, nor out of what lies below 4 GiB. -m 5G */
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

/* --- registers at the wrong time --- */

static void evil_rewrite(void)
{
	put(VIRTIO_MMIO_QUEUE_SEL, 0);
	put(VIRTIO_MMIO_QUEUE_NUM, 8);
	for (unsigned reg = VIRTIO_MMIO_QUEUE_DESC_LOW; reg <= VIRTIO_MMIO_QUEUE_USED_HIGH;
	     reg += 4)
		put(reg, SCRATCH);
	put(VIRTIO_MMIO_QUEUE_READY, 1);
	go_around();
}

static void evil_unready(void)
{
	put(VIRTIO_MMIO_QUEUE_SEL, 0);
	put(VIRTIO_MMIO_QUEUE_READY, 0);
	expect(get(VIRTIO_MMIO_QUEUE_READY) == 1, 1);
	put(VIRTIO_MMIO_QUEUE_NUM, 0);
	put(VIRTIO_MMIO_QUEUE_READY, 0);
	expect_good(&queue);
}

/* Between QueueReady and DRIVER_OK, too. */
static void evil_rewrite_early(void)
{
	negotiate(disk, BIT(VIRTIO_F_VERSION_1));
	make_queue(&queue, disk, 0, 256);
	expect(enable_queue(&queue), 1);
	put(VIRTIO_MMIO_QUEUE_NUM, 65535);
	for (unsigned reg = VIRTIO_MMIO_QUEUE_DESC_LOW; reg <= VIRTIO_MMIO_QUEUE_USED_HIGH;
	     reg += 4)
		put(reg, 0xfffffff0);
	go(disk);
	go_around();
}

static void evil_select(void)
{
	static const uint32_t selections[] = {1, 17, 255, 65536, 0x80000000, UINT32_MAX};

	for (unsigned i = 0; i < sizeof(selections) / sizeof(selections[0]); i++) {
		put(VIRTIO_MMIO_QUEUE_SEL, selections[i]);
		for (unsigned offset = 0; offset < 0x100; offset += 4) {
			get(offset);
			if (offset != VIRTIO_MMIO_STATUS && offset != VIRTIO_MMIO_QUEUE_SEL)
				put(offset, 1);
		}
		expect(get(VIRTIO_MMIO_QUEUE_NUM_MAX) == 0, 1);
		expect(get(VIRTIO_MMIO_QUEUE_READY) == 0, 2);
	}
	expect_good(&queue);
	/* The same before it runs. */
	negotiate(disk, BIT(VIRTIO_F_VERSION_1));
	make_queue(&queue, disk, 0, 256);
	for (unsigned i = 0; i < sizeof(selections) / sizeof(selections[0]); i++) {
		queue.index = selections[i];
		expect(!enable_queue(&queue), 3);
	}
	queue.index = 0;
	expect(enable_queue(&queue), 4);
	go(disk);
	expect_good(&queue);
}

static void evil_notify(void)
{
	static const uint32_t values[] = {1,   2,     16,    17,         255,
					  256, 65535, 65536, 0x80000000, UINT32_MAX};

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		put(VIRTIO_MMIO_QUEUE_NOTIFY, values[i]);
	/* Narrow ones are none, a wide one counts. */
	write8(disk + VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	write16(disk + VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	offer(&queue, 0);
	write64(disk + VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	await(&queue, 1);
	expect(answer[0] == VIRTIO_BLK_S_OK, 1);
}

/* Kicks before there is a queue, or anything. */
static void evil_early_kick(void)
{
	put(VIRTIO_MMIO_STATUS, 0);
	kick(&queue);
	negotiate(disk, BIT(VIRTIO_F_VERSION_1));
	kick(&queue);
	go(disk); /* without queues */
	kick(&queue);
	expect(get(VIRTIO_MMIO_STATUS) == READY_TO_GO, 1);
	pause(A_MOMENT);
	expect(get(VIRTIO_MMIO_STATUS) == READY_TO_GO, 2);
	make_queue(&queue, disk, 0, 256);
	expect(!enable_queue(&queue), 3); /* too late */
}

/* A ring is ready and has a request, but the driver is not. */
static void evil_not_ok(void)
{
	put(VIRTIO_MMIO_STATUS, 0);
	put(VIRTIO_MMIO_STATUS, 1);
	put(VIRTIO_MMIO_STATUS, 3);
	put(VIRTIO_MMIO_STATUS, 7);
	expect(get(VIRTIO_MMIO_STATUS) == 3, 1);
	make_queue(&queue, disk, 0, 256);
	expect(!enable_queue(&queue), 2);
	negotiate(disk, BIT(VIRTIO_F_VERSION_1));
	make_queue(&queue, disk, 0, 256);
	expect(enable_queue(&queue), 3);
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	offer_chain(0);
	pause(A_MOMENT);
	expect(queue.used[1] == 0 && answer[0] == 0xee, 4);
	go(disk);
	await(&queue, 1); /* now it is served, without another kick */
	expect(answer[0] == VIRTIO_BLK_S_OK, 5);
}

static void evil_features(void)
{
	static const uint64_t bad[] = {
		BIT(VIRTIO_RING_F_INDIRECT_DESC),
		BIT(63),
		BIT(VIRTIO_F_RING_PACKED),
		BIT(VIRTIO_BLK_F_RO),
		BIT(VIRTIO_BLK_F_MQ),
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t features = BIT(VIRTIO_F_VERSION_1) | bad[i];

		put(VIRTIO_MMIO_STATUS, 0);
		put(VIRTIO_MMIO_STATUS, 3);
		for (unsigned half = 0; half < 2; half++) {
			put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
			put(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * half)));
		}
		put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
		put(VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
		put(VIRTIO_MMIO_STATUS, 11);
		expect(get(VIRTIO_MMIO_STATUS) == 3, (uint8_t)(1 + i));
		put(VIRTIO_MMIO_STATUS, 15);
		expect(get(VIRTIO_MMIO_STATUS) == 3, (uint8_t)(11 + i));
	}
	/* Once they are accepted they stay. */
	set_up_disk(&queue, disk);
	for (unsigned half = 0; half < 3; half++) {
		put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		put(VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	}
	expect_good(&queue);
}

/* --- accesses of any width --- */

static uint8_t config_byte[0x1010 - 0x100];

/* ADDRESS may be odd. */
static uint64_t read_wide(uint64_t address, unsigned width)
{
	address = unaligned(address);
	switch (width) {
	case 1:
		return read8(address);
	case 2:
		return read16(address);
	case 4:
		return read32(address);
	default:
		return read64(address);
	}
}

static void write_wide(uint64_t address, unsigned width)
{
	address = unaligned(address);
	switch (width) {
	case 1:
		write8(address, UINT8_MAX);
		break;
	case 2:
		write16(address, UINT16_MAX);
		break;
	case 4:
		write32(address, UINT32_MAX);
		break;
	default:
		write64(address, UINT64_MAX);
	}
}

/* Beyond the page is the next slot, which is empty. */
static void evil_config(void)
{
	for (unsigned i = 0; i < 0xf00; i++)
		config_byte[i] = read8(disk + 0x100 + i);
	expect(is_all(config_byte + sizeof(struct virtio_blk_config), 0,
		      0xf00 - sizeof(struct virtio_blk_config)),
	       1);
	for (unsigned width = 1; width <= 8; width *= 2)
		for (unsigned i = 0; i < 0xf00; i += i < 0x80 || i >= 0xef0 ? 1 : 37) {
			uint64_t wanted = 0;

			for (unsigned j = width; j > 0; j--)
				wanted = wanted << 8 | config_byte[i + j - 1];
			expect(read_wide(disk + 0x100 + i, width) == wanted, (uint8_t)(1 + width));
			write_wide(disk + 0x100 + i, width);
		}
	for (unsigned i = 0; i < 0xf00; i++)
		expect(read8(disk + 0x100 + i) == config_byte[i], 10);
	expect_good(&queue);
}

static void evil_widths(void)
{
	expect(read64(disk) == 0x0000000274726976, 1);
	expect(read8(disk) == 0 && read16(disk) == 0, 2);
	write8(disk + VIRTIO_MMIO_STATUS, 0);
	write16(disk + VIRTIO_MMIO_STATUS, 0);
	expect(get(VIRTIO_MMIO_STATUS) == READY_TO_GO, 3);
	for (unsigned width = 1; width <= 8; width *= 2)
		for (unsigned offset = 0; offset < 0x100; offset++) {
			uint64_t value = read_wide(disk + offset, width);

			expect(width > 2 || offset + width > 0x100 || value == 0, 4);
			write_wide(disk + offset, width);
		}
	/* All ones in the status were FAILED, and no more than that. */
	expect(get(VIRTIO_MMIO_STATUS) == (READY_TO_GO | VIRTIO_CONFIG_S_FAILED), 5);
	expect_good(&queue);
}

/* --- a device that was told to stop --- */

/* The broken ring is mended, but nothing moves until a reset. */
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

/* After a reset nothing that was under way touches memory. */
static void evil_reset_storm(void)
{
	for (unsigned i = 0, count = rounds(2000); i < count; i++) {
		set_up_disk(&queue, disk);
		for (unsigned j = 0; j < 8; j++) {
			describe(&queue, 4 * j, (uint64_t)&header[0], 16, NEXT, 4 * j + 1);
			describe(&queue, 4 * j + 1, (uint64_t)data, 32768, NEXT | WRITE, 4 * j + 2);
			describe(&queue, 4 * j + 2, (uint64_t)&answer[0], 1, WRITE, 0);
			queue.avail[2 + j] = (uint16_t)(4 * j);
		}
		header[0].type = VIRTIO_BLK_T_IN;
		header[0].sector = 0;
		publish(&queue, 8);
		kick(&queue);
		pause((i % 64) * 2000);
		put(VIRTIO_MMIO_STATUS, 0);
		volatile uint64_t *mark = (volatile uint64_t *)data;
		uint16_t used = queue.used[1];
		mark[0] = mark[64] = mark[4095] = 0x5a5a5a5a5a5a5a5a;
		answer[0] = 0xee;
		pause(20000);
		expect(mark[0] == mark[64] && mark[64] == mark[4095] &&
			       mark[0] == 0x5a5a5a5a5a5a5a5a,
		       1);
		expect(answer[0] == 0xee && queue.used[1] == used, 2);
		expect(get(VIRTIO_MMIO_STATUS) == 0 && get(VIRTIO_MMIO_INTERRUPT_STATUS) == 0, 3);
	}
	set_up_disk(&queue, disk);
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

/* --- two CPUs; -c 2 --- */

static atomic_bool stop, running;

static void tease(void)
{
	running = true;
	for (unsigned i = 0; !stop; i++) {
		describe(&queue, 0, (uint64_t)&header[0], 16, NEXT, i % 300);
		describe(&queue, 1, i % 3 ? (uint64_t)data : (uint64_t)i << 30, 512u << (i % 8),
			 NEXT | WRITE, 2);
		describe(&queue, 2, (uint64_t)&answer[0], i % 2, WRITE | (i % 7 ? 0 : NEXT),
			 i % 11);
		publish(&queue, (uint16_t)(queue.avail[1] + 1));
		kick(&queue);
	}
	running = false;
}

static void stop_teasing(void)
{
	stop = true;
	while (running)
		pause(1000);
	set_up_disk(&queue, disk);
}

static void start_teasing(void)
{
	header[0].type = VIRTIO_BLK_T_IN;
	header[0].sector = 0;
	start_other_cpus(tease);
	while (!running)
		pause(1000);
}

/* One CPU resets and sets up, the other kicks and changes descriptors. */
static void evil_two_cpus(void)
{
	start_teasing();
	for (unsigned i = 0, count = rounds(1000); i < count; i++)
		set_up_disk(&queue, disk);
	stop_teasing();
}

static void confuse(void)
{
	running = true;
	for (unsigned i = 0; !stop; i++) {
		put(VIRTIO_MMIO_QUEUE_SEL, i);
		put(VIRTIO_MMIO_QUEUE_NUM, i % 600);
		put(VIRTIO_MMIO_QUEUE_DESC_LOW, i << 20);
		put(VIRTIO_MMIO_QUEUE_READY, i);
		put(VIRTIO_MMIO_DRIVER_FEATURES, i);
		put(VIRTIO_MMIO_STATUS, i % 16);
		put(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	}
	running = false;
}

/* Both write all registers. */
static void evil_two_drivers(void)
{
	start_other_cpus(confuse);
	while (!running)
		pause(1000);
	for (unsigned i = 0, count = rounds(1000); i < count; i++) {
		put(VIRTIO_MMIO_STATUS, 0);
		for (uint32_t status = 1; status < 16; status = status * 2 + 1)
			put(VIRTIO_MMIO_STATUS, status);
		for (unsigned offset = 0; offset < 0x100; offset += 4)
			get(offset);
	}
	stop_teasing();
}

/* A descriptor changes while it is looked at. */
static void flip(void)
{
	running = true;
	for (unsigned i = 0; !stop; i++) {
		queue.desc[1].addr = i % 2 ? (uint64_t)data : NOWHERE;
		queue.desc[1].len = i % 3 ? 512 : UINT32_MAX;
		queue.desc[1].next = i % 5 ? 2 : UINT16_MAX;
		header[0].sector = i % 7 ? 0 : BIT(55);
	}
	running = false;
}

static void evil_flip(void)
{
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	start_other_cpus(flip);
	while (!running)
		pause(1000);
	for (unsigned i = 0, count = rounds(1000); i < count; i++) {
		uint16_t before = queue.used[1];

		offer_chain(0);
		while (queue.used[1] == before && !(get(VIRTIO_MMIO_STATUS) & NEEDS_RESET))
			pause(1000);
		if (get(VIRTIO_MMIO_STATUS) & NEEDS_RESET) {
			set_up_disk(&queue, disk);
			prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
		}
	}
	stop_teasing();
}

/* --- which of them, and what comes of it --- */

enum outcome {
	BREAKS, /* the device needs a reset, and nothing moves any more */
	LIVES,  /* it does not */
	EITHER,
};

static const struct {
	const char *name;
	void (*run)(void);
	enum outcome outcome;
} evils[] = {
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
	{"rewrite", evil_rewrite, LIVES},
	{"rewrite-early", evil_rewrite_early, LIVES},
	{"unready", evil_unready, LIVES},
	{"select", evil_select, LIVES},
	{"notify", evil_notify, LIVES},
	{"early-kick", evil_early_kick, LIVES},
	{"not-ok", evil_not_ok, LIVES},
	{"features", evil_features, LIVES},
	{"config", evil_config, LIVES},
	{"widths", evil_widths, LIVES},
	{"reset-storm", evil_reset_storm, LIVES},

	{"used-over-desc", evil_used_over_desc, EITHER},
	{"read-on-rings", evil_read_on_rings, EITHER},
	{"two-cpus", evil_two_cpus, EITHER},
	{"two-drivers", evil_two_drivers, EITHER},
	{"flip", evil_flip, EITHER},
};

#define PLACE(name, address, size) {name, address, size},

/* A buffer there breaks the ring. */
static const struct {
	const char *name;
	uint64_t address, size;
} places[] = {
	{"hole", NOWHERE, 512},    {"device", SLOT(0), 512},          {"irqchip", IRQCHIP, 512},
	{"wrap", 0 - 256ull, 512}, {"wrap-exactly", 0 - 512ull, 512}, {"far", BIT(63), 512},
	BAD_PLACES(PLACE)};

static void check_broken(void)
{
	await_breakdown(&queue);
	/* The status comes before the interrupt. */
	for (unsigned i = 0;
	     i < 1000 && !(get(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG); i++)
		pause(1000000);
	expect(get(VIRTIO_MMIO_INTERRUPT_STATUS) == VIRTIO_MMIO_INT_CONFIG, FAIL_NOT_BROKEN);
	expect(queue.used[1] == queue.seen, FAIL_MOVED);
}

static enum outcome misbehave(void)
{
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (is_asked_for("evil=", places[i].name)) {
			read_to(places[i].address, places[i].size);
			return BREAKS;
		}
	for (unsigned i = 0; i < sizeof(evils) / sizeof(evils[0]); i++)
		if (is_asked_for("evil=", evils[i].name)) {
			evils[i].run();
			return evils[i].outcome;
		}
	end(0, 89); /* there is no such test */
}

void test_evil(void)
{
	ready();
	set_up_disk(&queue, disk);
	expect_good(&queue);
	switch (misbehave()) {
	case BREAKS:
		check_broken();
		break;
	case LIVES:
		expect(!(get(VIRTIO_MMIO_STATUS) & NEEDS_RESET), FAIL_BROKEN);
		break;
	case EITHER:
		break;
	}
	set_up_disk(&queue, disk);
	expect_good(&queue);
	expect_good(&queue);
	end(0, 0);
}
