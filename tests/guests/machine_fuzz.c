/* The whole machine at random: seed=N says how, count=N how often each CPU accesses something.
 * The VM lives, and its virtio devices are as good as new after a reset. */
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdatomic.h>
#include <stddef.h>

#include "fuzz.h"
#include "virtio.h"

unsigned any_width(struct dice *dice)
{
	return 1u << below(dice, 4);
}

uint64_t any_value(struct dice *dice)
{
	static const uint32_t known[] = {
		0,     1,     2,    3,    0x0b, 0x0f, 0x10, 0x40,       0x80,       0xff,      0xfe,
		0x100, 0x101, 0x83, 0x07, 0xc1, 0x34, 0x1e, 0x74726976, 0x80000000, UINT32_MAX};

	switch (below(dice, 4)) {
	case 0:
		return known[below(dice, LENGTH_OF(known))];
	case 1:
		return 1ull << below(dice, 64);
	case 2:
		return below(dice, 600);
	default:
		return roll(dice);
	}
}

/* --- accesses --- */

void get(struct dice *dice, uint64_t address, unsigned width)
{
	dice->accesses++;
	switch (width) {
	case 1:
		read8(address);
		break;
	case 2:
		read16(address);
		break;
	case 4:
		read32(address);
		break;
	default:
		read64(address);
	}
}

void put(struct dice *dice, uint64_t address, unsigned width, uint64_t value)
{
	if (!may_write(address, width, value))
		return;
	dice->accesses++;
	switch (width) {
	case 1:
		write8(address, (uint8_t)value);
		break;
	case 2:
		write16(address, (uint16_t)value);
		break;
	case 4:
		write32(address, (uint32_t)value);
		break;
	default:
		write64(address, value);
	}
}

static void get_or_put(struct dice *dice, uint64_t address, unsigned width, uint64_t value)
{
	if (one_in(dice, 2))
		get(dice, address, width);
	else
		put(dice, address, width, value);
}

/* Most devices have their registers first; what is interesting else is the end. */
static uint64_t any_offset(struct dice *dice, uint32_t size)
{
	switch (below(dice, 4)) {
	case 0:
		return below(dice, size);
	case 1:
		return size - 1 - below(dice, size < 16 ? size : 16);
	default:
		return below(dice, size < 0x120 ? size : 0x120);
	}
}

/* Rings' addresses are written there. One that is any number must not be in RAM, whichever half
 * it becomes: see virtio_fuzz.c. */
static uint64_t no_ring(uint64_t offset, unsigned width, uint64_t value)
{
	if (offset + width <= VIRTIO_MMIO_QUEUE_DESC_LOW ||
	    offset > VIRTIO_MMIO_QUEUE_USED_HIGH + 3)
		return value;
	return value | 0x8000000080000000;
}

/* Any offset and width in a slot and over its end; behind the last there is nothing. */
static void fuzz_slot(struct dice *dice)
{
	uint64_t offset = any_offset(dice, 0x1000), slot = below(dice, SLOTS);
	unsigned width = any_width(dice);
	uint64_t value = no_ring(offset, width, any_value(dice));

	get_or_put(dice, unaligned(SLOT(slot) + offset), width, value);
}

static void fuzz_place(struct dice *dice)
{
	const struct place *place = &arch_places[below(dice, arch_place_count)];
	unsigned width = any_width(dice);
	uint64_t address = place->address + any_offset(dice, place->size);

	if (!place->odd)
		address -= address % width;
	get_or_put(dice, address, width, any_value(dice));
}

/* --- both together --- */

/* How often of 16 times. */
static const struct {
	void (*run)(struct dice *dice);
	unsigned share;
} steps[] = {
	{fuzz_slot, 4},      {fuzz_place, 2},  {fuzz_machine, 2},
	{fuzz_registers, 2}, {fuzz_driver, 1}, {fuzz_ring, 5},
};

static void step(struct dice *dice)
{
	unsigned chance = below(dice, 16), i = 0;

	while (chance >= steps[i].share)
		chance -= steps[i++].share;
	steps[i].run(dice);
}

static atomic_uint begun, done;
static unsigned seed, count;

static void fuzz(void)
{
	struct dice dice = {.state = (uint64_t)seed << 32 | begun++};

	while (dice.accesses < count)
		step(&dice);
	done++;
}

/* --- what must be true then --- */

static void check_disk(uint64_t device)
{
	struct queue queue;

	write32(device + VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	bool is_ro = read32(device + VIRTIO_MMIO_DEVICE_FEATURES) & BIT(VIRTIO_BLK_F_RO);
	negotiate(device, BIT(VIRTIO_F_VERSION_1));
	make_queue(&queue, device, 0, QUEUE_SIZE_MAX);
	expect(enable_queue(&queue), FAIL_QUEUE);
	go(device);
	for (unsigned i = 0; i < 8 && !is_ro; i++) {
		for (unsigned j = 0; j < 64; j++)
			((volatile uint64_t *)data)[j] = text_of(i);
		expect(request(&queue, VIRTIO_BLK_T_OUT, i, data, 512) == VIRTIO_BLK_S_OK, 1);
	}
	expect_good(&queue);
}

static void check_nic(uint64_t device)
{
	struct queue rx, tx;

	negotiate(device, BIT(VIRTIO_F_VERSION_1));
	make_queue(&rx, device, 0, 64);
	make_queue(&tx, device, 1, 64);
	expect(enable_queue(&rx) && enable_queue(&tx), FAIL_QUEUE);
	go(device);
	fill(data, 0, 128);
	describe(&tx, 0, (uint64_t)data, sizeof(struct virtio_net_hdr_v1) + 60, 0, 0);
	offer(&tx, 0);
	kick(&tx);
	await(&tx, 1);
	expect(!(read32(device + VIRTIO_MMIO_STATUS) & NEEDS_RESET), FAIL_BROKEN);
}

static void check_device(uint64_t device)
{
	switch (read32(device + VIRTIO_MMIO_DEVICE_ID)) {
	case VIRTIO_ID_BLOCK:
		check_disk(device);
		break;
	case VIRTIO_ID_NET:
		check_nic(device);
		break;
	default:
		expect(read32(device) == 0, 2);
	}
}

void test_machinefuzz(void)
{
	seed = number_after("seed=");
	count = number_after("count=");
	ready();
	map_high();
	fuzz_begin();
	start_other_cpus(fuzz);
	fuzz();
	while (done <= number_after("others="))
		relax();
	/* No worker writes to memory any more when the first device is checked. */
	for (unsigned i = 0; i < SLOTS; i++)
		write32(SLOT(i) + VIRTIO_MMIO_STATUS, 0);
	listen_again();
	for (unsigned i = 0; i < SLOTS; i++)
		check_device(SLOT(i));
	end(0, 0);
}
