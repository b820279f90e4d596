/* A virtio driver at random: registers, set-up and rings, each almost right, or not at all.
 *
 * A device writes where descriptors say, and were it the guest's own code. So what they say is
 * in SCRATCH or no RAM (of less than 1 GiB), whichever address the CPUs put together with
 * whichever length; and where devices write, used rings and data, no table of descriptors is. */
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stddef.h>

#include "fuzz.h"
#include "virtio.h"

#define RINGS (2 * SLOTS)
#define DESC_TABLES SCRATCH /* and nothing behind them up to the next: some begin in the middle */
#define AVAIL_RINGS (SCRATCH + 0x20000)
#define USED_RINGS (SCRATCH + 0x30000)
#define BUFFERS (SCRATCH + 0x50000)
#define BUFFERS_SIZE 0x40000u

/* The fifth is where a NIC of two pairs takes commands. */
#define QUEUES 5
#define CONTROL 4

/* Where drivers set up the first queue of each slot, and another. */
static struct queue ring[RINGS];
static uint32_t device_id[SLOTS];
static uint64_t end_of_ram;

/* All of it takes memory of the host's from now on. What is taken later, the host took for
 * itself. */
static void touch_memory(void)
{
	struct range map[RAM_MAP_MAX];
	unsigned count = ram_map(map);

	for (unsigned i = 0; i < count && map[i].address < MAPPED_END; i++)
		for (uint64_t offset = 0; offset < map[i].size; offset += 4096)
			write8(map[i].address + offset, read8(map[i].address + offset));
}

void fuzz_begin(void)
{
	end_of_ram = ram_end();
	touch_memory();
	for (unsigned i = 0; i < SLOTS; i++)
		device_id[i] = read32(SLOT(i) + VIRTIO_MMIO_DEVICE_ID);
	for (unsigned i = 0; i < RINGS; i++) {
		ring[i].device = SLOT(i / 2);
		ring[i].index = i % 2;
		ring[i].size = QUEUE_SIZE_MAX;
		ring[i].desc = (volatile struct vring_desc *)(DESC_TABLES + 0x1000 * i);
		ring[i].avail = (volatile uint16_t *)(AVAIL_RINGS + 0x400 * i);
		ring[i].used = (volatile uint16_t *)(USED_RINGS + 0x1000 * i);
	}
}

/* More often one that there is. */
static unsigned any_slot(struct dice *dice)
{
	return one_in(dice, 8) ? below(dice, SLOTS) : below(dice, 4);
}

/* --- what is written to registers --- */

static uint32_t any_small(struct dice *dice)
{
	return one_in(dice, 8) ? (uint32_t)any_value(dice) : below(dice, 3);
}

/* One that there is, as often as not. */
static uint32_t any_queue(struct dice *dice)
{
	return one_in(dice, 2) ? (uint32_t)any_value(dice) : below(dice, QUEUES);
}

static uint32_t any_bits(struct dice *dice)
{
	return (uint32_t)any_value(dice);
}

static uint32_t any_size(struct dice *dice)
{
	return one_in(dice, 8) ? (uint32_t)any_value(dice) : 1u << below(dice, 10);
}

/* The steps of a driver, or any bits. */
static uint32_t any_status(struct dice *dice)
{
	static const uint8_t steps[] = {0, 1, 3, 11, 15};

	return one_in(dice, 4) ? (uint32_t)any_value(dice) : steps[below(dice, LENGTH_OF(steps))];
}

/* Zero, or far beyond the RAM. */
static uint32_t any_high(struct dice *dice)
{
	return one_in(dice, 8) ? (uint32_t)roll(dice) | 0x80000000 : 0;
}

static uint32_t bad_place(struct dice *dice)
{
	switch (below(dice, 4)) {
	case 0:
		return (uint32_t)end_of_ram - 4; /* not even the smallest ring fits there */
	case 1:
		return (uint32_t)NOWHERE;
	case 2:
		return (uint32_t)SLOT(0);
	default:
		return 0xfffffff0;
	}
}

/* Of those that drivers set up: one table's descriptors are never another's middle. */
static uint32_t any_desc(struct dice *dice)
{
	if (one_in(dice, 8))
		return bad_place(dice);
	return (uint32_t)DESC_TABLES + 0x1000 * below(dice, RINGS) +
	       (one_in(dice, 8) ? 16 * below(dice, 256) : 0);
}

static uint32_t any_avail(struct dice *dice)
{
	if (one_in(dice, 8))
		return bad_place(dice);
	return (uint32_t)AVAIL_RINGS +
	       (one_in(dice, 4) ? below(dice, 0x60000) : 0x400 * below(dice, RINGS));
}

static uint32_t any_used(struct dice *dice)
{
	if (one_in(dice, 8))
		return bad_place(dice);
	return (uint32_t)USED_RINGS +
	       (one_in(dice, 4) ? below(dice, 0x50000) : 0x1000 * below(dice, RINGS));
}

static const struct {
	uint16_t offset;
	uint32_t (*value)(struct dice *dice);
} registers[] = {
	{VIRTIO_MMIO_DEVICE_FEATURES_SEL, any_small}, {VIRTIO_MMIO_DRIVER_FEATURES_SEL, any_small},
	{VIRTIO_MMIO_DRIVER_FEATURES, any_bits},      {VIRTIO_MMIO_QUEUE_SEL, any_queue},
	{VIRTIO_MMIO_QUEUE_NUM_MAX, any_bits},        {VIRTIO_MMIO_QUEUE_NUM, any_size},
	{VIRTIO_MMIO_QUEUE_READY, any_small},         {VIRTIO_MMIO_QUEUE_NOTIFY, any_small},
	{VIRTIO_MMIO_QUEUE_NOTIFY, any_queue},        {VIRTIO_MMIO_INTERRUPT_STATUS, any_bits},
	{VIRTIO_MMIO_INTERRUPT_ACK, any_bits},        {VIRTIO_MMIO_STATUS, any_status},
	{VIRTIO_MMIO_QUEUE_DESC_LOW, any_desc},       {VIRTIO_MMIO_QUEUE_DESC_HIGH, any_high},
	{VIRTIO_MMIO_QUEUE_AVAIL_LOW, any_avail},     {VIRTIO_MMIO_QUEUE_AVAIL_HIGH, any_high},
	{VIRTIO_MMIO_QUEUE_USED_LOW, any_used},       {VIRTIO_MMIO_QUEUE_USED_HIGH, any_high},
	{VIRTIO_MMIO_CONFIG_GENERATION, any_bits},
};

static void access_register(struct dice *dice, uint64_t device)
{
	unsigned i = below(dice, LENGTH_OF(registers));
	uint64_t address = device + registers[i].offset;

	if (one_in(dice, 3))
		get(dice, address, 4);
	else
		put(dice, address, 4, registers[i].value(dice));
}

void fuzz_registers(struct dice *dice)
{
	uint64_t device = SLOT(any_slot(dice));

	for (unsigned i = below(dice, 8); i > 0; i--)
		access_register(dice, device);
}

/* --- a driver --- */

/* Now and then something else than was meant. */
static void say_to(struct dice *dice, uint64_t device, unsigned offset, uint32_t value)
{
	if (one_in(dice, 64))
		access_register(dice, device);
	put(dice, device + offset, 4, value);
}

static void accept_features(struct dice *dice, uint64_t device)
{
	uint32_t unwanted = (uint32_t)(roll(dice) & roll(dice));

	for (unsigned half = 0; half < 2; half++) {
		say_to(dice, device, VIRTIO_MMIO_DEVICE_FEATURES_SEL, half);
		uint32_t offered = read32(device + VIRTIO_MMIO_DEVICE_FEATURES);
		say_to(dice, device, VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		say_to(dice, device, VIRTIO_MMIO_DRIVER_FEATURES,
		       half || one_in(dice, 4) ? offered : offered & ~unwanted);
	}
}

static void set_up_ring(struct dice *dice, struct queue *queue)
{
	uint64_t device = queue->device;

	queue->next = 0;
	queue->size = 1u << below(dice, 9);
	queue->avail[0] = one_in(dice, 2);
	publish(queue, 0);
	say_to(dice, device, VIRTIO_MMIO_QUEUE_SEL, queue->index);
	say_to(dice, device, VIRTIO_MMIO_QUEUE_NUM, queue->size);
	for (unsigned offset = VIRTIO_MMIO_QUEUE_DESC_HIGH; offset <= VIRTIO_MMIO_QUEUE_USED_HIGH;
	     offset += 0x10)
		say_to(dice, device, offset, 0);
	say_to(dice, device, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)(uint64_t)queue->desc);
	say_to(dice, device, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)(uint64_t)queue->avail);
	say_to(dice, device, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)(uint64_t)queue->used);
	say_to(dice, device, VIRTIO_MMIO_QUEUE_READY, 1);
}

/* --- what it offers --- */

enum { NEXT = VRING_DESC_F_NEXT, WRITE = VRING_DESC_F_WRITE };

static uint64_t any_buffer(struct dice *dice)
{
	return BUFFERS + below(dice, BUFFERS_SIZE);
}

/* The long ones reach beyond a RAM of less than 1 GiB, the others from no buffer out of SCRATCH. */
static uint32_t any_length(struct dice *dice)
{
	static const uint32_t lengths[] = {0,    1,    11,   12,      15,         16,        17,
					   511,  512,  513,  1024,    1526,       4096,      65536,
					   1514, 1500, 3072, 0x18000, 0x40000000, UINT32_MAX};

	return lengths[below(dice, LENGTH_OF(lengths))];
}

static uint64_t bad_buffer(struct dice *dice)
{
	const uint64_t places[] = {end_of_ram, end_of_ram - 8,       NOWHERE, SLOT(0), 0 - 16ull,
				   BIT(63),    roll(dice) | BIT(62), IRQCHIP};

	return places[below(dice, LENGTH_OF(places))];
}

/* One field of the chain's COUNT descriptors is not what it was meant to be. */
static void spoil(struct dice *dice, struct queue *queue, unsigned head, unsigned count)
{
	volatile struct vring_desc *desc = &queue->desc[head + below(dice, count)];

	switch (below(dice, 5)) {
	case 0:
		desc->addr = bad_buffer(dice);
		break;
	case 1:
		desc->addr = any_buffer(dice);
		break;
	case 2:
		desc->len = any_length(dice);
		break;
	case 3:
		desc->flags = (uint16_t)below(dice, 8);
		break;
	default:
		desc->next = (uint16_t)(one_in(dice, 4) ? roll(dice) : below(dice, 260));
	}
}

static void describe_block_request(struct dice *dice, struct queue *queue, unsigned head)
{
	static const uint32_t types[] = {VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_IN,
					 VIRTIO_BLK_T_OUT,     VIRTIO_BLK_T_OUT,
					 VIRTIO_BLK_T_GET_ID,  VIRTIO_BLK_T_FLUSH,
					 VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES};
	volatile struct virtio_blk_outhdr *request =
		(volatile struct virtio_blk_outhdr *)(BUFFERS + 16 * below(dice, 1024));
	uint32_t type = types[below(dice, LENGTH_OF(types))];
	unsigned direction = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID ? WRITE : 0;
	bool is_range = type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES;
	uint64_t buffer = any_buffer(dice);

	request->type = one_in(dice, 32) ? (uint32_t)any_value(dice) : type;
	request->sector = one_in(dice, 16) ? any_value(dice) : below(dice, 2048);
	if (is_range) {
		buffer &= ~7ull;
		*(volatile uint64_t *)buffer = below(dice, 2050);
		*(volatile uint64_t *)(buffer + 8) = below(dice, 64) | any_high(dice);
	}
	describe(queue, head, (uint64_t)request, 16, NEXT, head + 1);
	describe(queue, head + 1, buffer, is_range ? 16 : 512u << below(dice, 8), NEXT | direction,
		 head + 2);
	describe(queue, head + 2, any_buffer(dice), 1, WRITE, 0);
}

/* A frame with its header before it, or room for one. */
static void describe_packet(struct dice *dice, struct queue *queue, unsigned head)
{
	uint64_t packet = any_buffer(dice) & ~15ull;
	unsigned flags = queue->index % 2 ? 0 : WRITE;

	fill((void *)packet, 0, 16);
	if (one_in(dice, 4))
		*(volatile uint64_t *)packet = roll(dice);
	describe(queue, head, packet, 12 + below(dice, 2048), flags | NEXT, head + 1);
	describe(queue, head + 1, packet + 16, any_length(dice), flags | NEXT, head + 2);
	describe(queue, head + 2, packet + 32, 64, flags, 0);
	if (one_in(dice, 2))
		queue->desc[head].flags = (uint16_t)flags;
}

/* Class, command, and the number of pairs. */
static void describe_command(struct dice *dice, struct queue *queue, unsigned head)
{
	uint64_t command = any_buffer(dice);

	write8(command, (uint8_t)(one_in(dice, 4) ? below(dice, 8) : VIRTIO_NET_CTRL_MQ));
	write8(command + 1, (uint8_t)(one_in(dice, 4) ? below(dice, 3) : 0));
	write8(command + 2, (uint8_t)below(dice, 4));
	write8(command + 3, (uint8_t)one_in(dice, 16));
	describe(queue, head, command, 2, NEXT, head + 1);
	describe(queue, head + 1, command + 2, 2, NEXT, head + 2);
	describe(queue, head + 2, any_buffer(dice), 1, WRITE, 0);
}

static void offer_chain(struct dice *dice, struct queue *queue, bool is_nic)
{
	uint32_t size = queue->size; /* the other CPU may change it */
	unsigned head = size < 4 ? 0 : below(dice, size - 3);

	if (is_nic && queue->index == CONTROL)
		describe_command(dice, queue, head);
	else if (is_nic)
		describe_packet(dice, queue, head);
	else
		describe_block_request(dice, queue, head);
	if (one_in(dice, 16))
		spoil(dice, queue, head, 3);
	if (one_in(dice, 64))
		queue->next = (uint16_t)any_value(dice);
	offer(queue, (uint16_t)(one_in(dice, 64) ? any_value(dice) : head));
}

static void offer_some(struct dice *dice, unsigned slot)
{
	struct queue *queue = &ring[2 * slot + one_in(dice, 3)];

	for (unsigned i = below(dice, 4); i > 0; i--)
		offer_chain(dice, queue, device_id[slot] == VIRTIO_ID_NET);
	put(dice, queue->device + VIRTIO_MMIO_QUEUE_NOTIFY, 4, queue->index);
}

void fuzz_ring(struct dice *dice)
{
	offer_some(dice, any_slot(dice));
}

void fuzz_driver(struct dice *dice)
{
	unsigned slot = any_slot(dice);
	uint64_t device = SLOT(slot);

	say_to(dice, device, VIRTIO_MMIO_STATUS, 0);
	say_to(dice, device, VIRTIO_MMIO_STATUS, 1);
	say_to(dice, device, VIRTIO_MMIO_STATUS, 3);
	accept_features(dice, device);
	say_to(dice, device, VIRTIO_MMIO_STATUS, 11);
	set_up_ring(dice, &ring[2 * slot]);
	ring[2 * slot + 1].index = one_in(dice, 2) ? 1 : below(dice, QUEUES);
	set_up_ring(dice, &ring[2 * slot + 1]);
	say_to(dice, device, VIRTIO_MMIO_STATUS, READY_TO_GO);
	for (unsigned i = below(dice, 8); i > 0; i--)
		offer_some(dice, slot);
}
