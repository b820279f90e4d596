#include "virtio.h"

/* --- memory and time --- */

bool is_all(const volatile void *from, uint8_t byte, uint64_t size)
{
	const volatile uint8_t *bytes = from;

	for (uint64_t i = 0; i < size; i++)
		if (bytes[i] != byte)
			return false;
	return true;
}

void pause(uint64_t count)
{
	uint64_t begin = ticks();

	while (ticks() - begin < count)
		relax();
}

unsigned rounds(unsigned usual)
{
	unsigned asked = number_after("rounds=");

	return asked ? asked : usual;
}

/* --- the transport --- */

void negotiate(uint64_t device, uint64_t features)
{
	uint32_t status = 0;

	expect(read32(device + VIRTIO_MMIO_MAGIC_VALUE) == 0x74726976, FAIL_PROBE);
	write32(device + VIRTIO_MMIO_STATUS, 0);
	expect(read32(device + VIRTIO_MMIO_STATUS) == 0, FAIL_RESET);
	expect(read32(device + VIRTIO_MMIO_INTERRUPT_STATUS) == 0, FAIL_RESET);
	status |= VIRTIO_CONFIG_S_ACKNOWLEDGE;
	write32(device + VIRTIO_MMIO_STATUS, status);
	status |= VIRTIO_CONFIG_S_DRIVER;
	write32(device + VIRTIO_MMIO_STATUS, status);
	for (unsigned half = 0; half < 2; half++) {
		write32(device + VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		write32(device + VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * half)));
	}
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	write32(device + VIRTIO_MMIO_STATUS, status);
	expect(read32(device + VIRTIO_MMIO_STATUS) == status, FAIL_FEATURES);
}

void make_queue(struct queue *queue, uint64_t device, unsigned index, uint32_t size)
{
	static struct {
		_Alignas(4096) uint8_t desc[4096], avail[4096], used[4096];
	} memory[5];

	/* Descriptors and available entries are always written before they count. */
	fill(memory[index].avail, 0, 4);
	fill(memory[index].used, 0, 4 + 8 * (size < QUEUE_SIZE_MAX ? size : QUEUE_SIZE_MAX));
	queue->device = device;
	queue->index = index;
	queue->size = size;
	queue->desc = (volatile struct vring_desc *)memory[index].desc;
	queue->avail = (volatile uint16_t *)memory[index].avail;
	queue->used = (volatile uint16_t *)memory[index].used;
	queue->next = queue->seen = 0;
}

static void write_address(uint64_t device, unsigned low, const volatile void *address)
{
	write32(device + low, (uint32_t)(uint64_t)address);
	write32(device + low + 4, (uint32_t)((uint64_t)address >> 32));
}

bool enable_queue(const struct queue *queue)
{
	uint64_t device = queue->device;

	write32(device + VIRTIO_MMIO_QUEUE_SEL, queue->index);
	write32(device + VIRTIO_MMIO_QUEUE_NUM, queue->size);
	write_address(device, VIRTIO_MMIO_QUEUE_DESC_LOW, queue->desc);
	write_address(device, VIRTIO_MMIO_QUEUE_AVAIL_LOW, queue->avail);
	write_address(device, VIRTIO_MMIO_QUEUE_USED_LOW, queue->used);
	write32(device + VIRTIO_MMIO_QUEUE_READY, 1);
	return read32(device + VIRTIO_MMIO_QUEUE_READY) == 1;
}

void go(uint64_t device)
{
	write32(device + VIRTIO_MMIO_STATUS, READY_TO_GO);
}

void set_up_disk(struct queue *queue, uint64_t device)
{
	negotiate(device, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_BLK_F_FLUSH));
	make_queue(queue, device, 0, QUEUE_SIZE_MAX);
	queue->avail[0] = VRING_AVAIL_F_NO_INTERRUPT;
	expect(enable_queue(queue), FAIL_QUEUE);
	go(device);
}

/* --- queues --- */

void describe(const struct queue *queue, unsigned number, uint64_t address, uint64_t size,
	      unsigned flags, unsigned next)
{
	queue->desc[number].addr = address;
	queue->desc[number].len = (uint32_t)size;
	queue->desc[number].flags = (uint16_t)flags;
	queue->desc[number].next = (uint16_t)next;
}

void publish(const struct queue *queue, uint16_t index)
{
	__atomic_store_n(&queue->avail[1], index, __ATOMIC_RELEASE);
}

void offer(struct queue *queue, uint16_t head)
{
	queue->avail[2 + queue->next % queue->size] = head;
	publish(queue, ++queue->next);
}

void kick(const struct queue *queue)
{
	write32(queue->device + VIRTIO_MMIO_QUEUE_NOTIFY, queue->index);
}

/* What the device wrote before the index is there, too. */
static uint16_t used_index(const struct queue *queue)
{
	return __atomic_load_n(&queue->used[1], __ATOMIC_ACQUIRE);
}

void await(struct queue *queue, unsigned count)
{
	uint64_t begin = ticks();

	while ((uint16_t)(used_index(queue) - queue->seen) < count) {
		expect(ticks() - begin < PATIENCE, FAIL_TIMEOUT);
		relax();
	}
	queue->seen = (uint16_t)(queue->seen + count);
}

void await_breakdown(const struct queue *queue)
{
	uint64_t begin = ticks();

	while (!(read32(queue->device + VIRTIO_MMIO_STATUS) & NEEDS_RESET)) {
		expect(ticks() - begin < PATIENCE, FAIL_NOT_BROKEN);
		relax();
	}
}

/* --- a disk; queue 1 has its own header and status, so that two CPUs can work --- */

volatile struct virtio_blk_outhdr header[2];
volatile uint8_t answer[2];
uint8_t data[DATA_SIZE];

void prepare(struct queue *queue, uint32_t type, uint64_t sector, const volatile void *buffer,
	     uint32_t size)
{
	unsigned i = queue->index;
	unsigned direction =
		type & VIRTIO_BLK_T_OUT ? 0 : VRING_DESC_F_WRITE; /* of discards, too */

	header[i].type = type;
	header[i].sector = sector;
	answer[i] = 0xee;
	describe(queue, 0, (uint64_t)&header[i], 16, VRING_DESC_F_NEXT, buffer ? 1 : 2);
	describe(queue, 1, (uint64_t)buffer, size, direction | VRING_DESC_F_NEXT, 2);
	describe(queue, 2, (uint64_t)&answer[i], 1, VRING_DESC_F_WRITE, 0);
}

uint8_t request(struct queue *queue, uint32_t type, uint64_t sector, const volatile void *buffer,
		uint32_t size)
{
	unsigned element = 2 + 4 * (queue->seen % queue->size);

	prepare(queue, type, sector, buffer, size);
	offer(queue, 0);
	kick(queue);
	await(queue, 1);
	expect(queue->used[1] == queue->seen, FAIL_ELEMENT); /* and no more than one */
	expect(queue->used[element] == 0 && queue->used[element + 1] == 0, FAIL_ELEMENT);
	uint32_t written = queue->used[element + 2] | (uint32_t)queue->used[element + 3] << 16;
	uint32_t wanted = answer[queue->index] == 0 && type == VIRTIO_BLK_T_IN ? size + 1 : 1;
	expect(written == wanted || type == VIRTIO_BLK_T_GET_ID, FAIL_ELEMENT);
	return answer[queue->index];
}

uint64_t text_of(unsigned sector)
{
	uint64_t text = '\n';

	for (unsigned i = 0; i < 7; i++, sector /= 10)
		text = text << 8 | ('0' + sector % 10);
	return text;
}

void expect_good(struct queue *queue)
{
	static unsigned turn;
	unsigned sector = turn++ % 100;
	volatile uint64_t *words = (volatile uint64_t *)data;
	uint64_t text = text_of(sector);

	fill(data, 0x5a, 520);
	expect(request(queue, VIRTIO_BLK_T_IN, sector, data, 512) == VIRTIO_BLK_S_OK, FAIL_STATUS);
	for (unsigned i = 0; i < 64; i++)
		expect(words[i] == text, FAIL_DATA);
	expect(words[64] == 0x5a5a5a5a5a5a5a5a, FAIL_DATA);
	expect(!(read32(queue->device + VIRTIO_MMIO_STATUS) & NEEDS_RESET), FAIL_BROKEN);
}
