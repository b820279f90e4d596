#include "devices/virtio_mmio.h"

#define VIRTIO_MMIO_NO_LEGACY
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#define MAGIC 0x74726976 /* "virt" */
#define VERSION 2
#define VENDOR 0x4c46594d /* "MYFL" */

void virtio_mmio_init(struct virtio_mmio *mmio, struct virtio *virtio)
{
	*mmio = (struct virtio_mmio){.virtio = virtio};
	pthread_mutex_init(&mmio->lock, NULL);
}

/* Half SEL of a 64-bit set of features; there is nothing beyond. */
static uint32_t half(uint64_t features, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(features >> (32 * sel)) : 0;
}

static uint32_t read_config(const struct virtio *virtio, unsigned offset, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++)
		if (offset + i < virtio->config_size)
			value |= (uint32_t)virtio->config[offset + i] << (8 * i);
	return value;
}

static uint32_t read_register(const struct virtio_mmio *mmio, unsigned offset)
{
	struct virtio *virtio = mmio->virtio;
	bool has_queue = mmio->state.queue_sel < virtio->queues;

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return virtio->class->device_id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return half(virtio->offered, mmio->state.device_features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return has_queue ? VIRTQ_SIZE_MAX : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return has_queue && virtio->queue[mmio->state.queue_sel].ring.ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return atomic_load(&virtio->state.interrupt);
	case VIRTIO_MMIO_STATUS:
		return atomic_load(&virtio->state.status);
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX; /* §4.2.2: there is no such region */
	default:
		return 0; /* ConfigGeneration too: the configuration never changes */
	}
}

uint32_t virtio_mmio_read(struct virtio_mmio *mmio, unsigned offset, unsigned size)
{
	uint32_t value = 0;

	if (offset >= VIRTIO_MMIO_CONFIG)
		return read_config(mmio->virtio, offset - VIRTIO_MMIO_CONFIG, size);
	/* §4.2.2.2: registers are read and written in 32 bits. */
	if (size != 4)
		return 0;
	pthread_mutex_lock(&mmio->lock);
	value = read_register(mmio, offset);
	pthread_mutex_unlock(&mmio->lock);
	return value;
}

static void write_driver_features(struct virtio_mmio *mmio, uint32_t value)
{
	struct virtio *virtio = mmio->virtio;
	uint32_t status = atomic_load(&virtio->state.status);
	unsigned shift = mmio->state.driver_features_sel ? 32 : 0;

	if (!(status & VIRTIO_CONFIG_S_DRIVER) || (status & VIRTIO_CONFIG_S_FEATURES_OK) ||
	    mmio->state.driver_features_sel > 1)
		return;
	virtio->state.accepted &= ~((uint64_t)UINT32_MAX << shift);
	virtio->state.accepted |= (uint64_t)value << shift;
}

static void set_half(gpa_t *address, bool high, uint32_t value)
{
	*address = high ? GPA((uint64_t)value << 32 | (uint32_t)address->v)
			: GPA((address->v >> 32 << 32) | value);
}

/* The registers of the selected queue; without effect when it may not be set up now. */
static void write_queue(struct virtio_mmio *mmio, unsigned offset, uint32_t value)
{
	struct virtq *queue = virtio_queue_to_set_up(mmio->virtio, mmio->state.queue_sel);
	bool high = offset & 4;

	if (offset == VIRTIO_MMIO_QUEUE_READY && value == 0)
		virtio_take_back_queue(mmio->virtio, mmio->state.queue_sel);
	if (!queue)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		queue->size = value;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		if (value == 1)
			virtq_enable(queue, mmio->virtio->ram);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&queue->desc, high, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&queue->avail, high, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&queue->used, high, value);
		break;
	}
}

static void write_status(struct virtio_mmio *mmio, uint32_t value)
{
	virtio_set_status(mmio->virtio, value);
	if (value == 0)
		mmio->state = (struct virtio_mmio_state){0};
}

static void write_register(struct virtio_mmio *mmio, unsigned offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		mmio->state.device_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		mmio->state.driver_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_driver_features(mmio, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		mmio->state.queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		virtio_kick(mmio->virtio, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		atomic_fetch_and(&mmio->virtio->state.interrupt, ~value);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(mmio, value);
		break;
	default:
		write_queue(mmio, offset, value);
	}
}

void virtio_mmio_write(struct virtio_mmio *mmio, unsigned offset, unsigned size, uint32_t value)
{
	if (size != 4)
		return;
	pthread_mutex_lock(&mmio->lock);
	write_register(mmio, offset, value);
	pthread_mutex_unlock(&mmio->lock);
}
