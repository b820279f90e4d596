/* Drivers that misbehave in registers: at the wrong time, and with accesses of any width. */
#include "virtio_evil.h"

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

const struct evil evil_registers[] = {
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
	{NULL, NULL, BREAKS},
};
