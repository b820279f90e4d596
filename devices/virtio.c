#include "devices/virtio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "devices/event.h"

#define DRIVER_BITS                                                                           \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | \
	 VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED)

void virtio_init(struct virtio *virtio)
{
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		pthread_mutex_init(&virtio->queue[i].lock, NULL);
	atomic_flag_clear(&virtio->complained);
}

static void interrupt(struct virtio *virtio, unsigned reason)
{
	atomic_fetch_or(&virtio->state.interrupt, reason);
	virtio_count(virtio, STAT_INTERRUPTS, 1);
	event_signal(virtio->irq_fd);
}

/* §2.1.2: the driver broke a ring. Nothing of the device moves until it is reset. */
static void break_down(struct virtio *virtio, unsigned index)
{
	atomic_store(&virtio->state.running, false);
	/* Said before the guest can know: it may end at once, and we with it. */
	virtio_count(virtio, STAT_ERRORS, 1);
	if (!atomic_flag_test_and_set(&virtio->complained))
		report("warning: the guest broke queue %u of %s: the device stops until its driver resets it",
		       index, virtio->label);
	atomic_fetch_or(&virtio->state.status, VIRTIO_CONFIG_S_NEEDS_RESET);
	interrupt(virtio, VIRTIO_MMIO_INT_CONFIG);
}

/* --- the transport's side --- */

static void reset_queue(struct virtio_queue *queue)
{
	/* Who serves the queue is done when we get the lock; nobody begins anew. */
	pthread_mutex_lock(&queue->lock);
	queue->ring = (struct virtq){0};
	pthread_mutex_unlock(&queue->lock);
}

static void reset(struct virtio *virtio)
{
	atomic_store(&virtio->state.running, false);
	for (unsigned i = 0; i < virtio->queues; i++)
		reset_queue(&virtio->queue[i]);
	virtio->state.accepted = 0;
	atomic_store(&virtio->state.interrupt, 0);
	atomic_store(&virtio->state.status, 0);
}

/* Whoever kicked before gets served now: every worker looks. */
static void start(struct virtio *virtio)
{
	for (unsigned i = 0; i < virtio->queues; i++)
		virtio->queue[i].ring.event_idx =
			virtio->state.accepted & VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX);
	if (virtio->class->start)
		virtio->class->start(virtio);
	atomic_store(&virtio->state.running, true);
	for (unsigned i = 0; i < virtio->queues; i++)
		event_signal(virtio->queue[i].kick_fd);
}

static bool features_are_fine(const struct virtio *virtio)
{
	return !(virtio->state.accepted & ~virtio->offered) &&
	       (virtio->state.accepted & VIRTIO_FEATURE(VIRTIO_F_VERSION_1));
}

void virtio_set_status(struct virtio *virtio, uint32_t value)
{
	uint32_t status = atomic_load(&virtio->state.status);
	uint32_t added = value & DRIVER_BITS & ~status;

	if (value == 0) {
		reset(virtio);
		return;
	}
	/* Nothing is accepted before DRIVER, so that bit needs no look of its own. */
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) && !features_are_fine(virtio))
		added &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
	if (!((status | added) & VIRTIO_CONFIG_S_FEATURES_OK))
		added &= ~(uint32_t)VIRTIO_CONFIG_S_DRIVER_OK;
	atomic_fetch_or(&virtio->state.status, added);
	if (added & VIRTIO_CONFIG_S_DRIVER_OK)
		start(virtio);
}

struct virtq *virtio_queue_to_set_up(struct virtio *virtio, uint32_t index)
{
	uint32_t status = atomic_load(&virtio->state.status);

	if (!(status & VIRTIO_CONFIG_S_FEATURES_OK) || (status & VIRTIO_CONFIG_S_DRIVER_OK))
		return NULL;
	if (index >= virtio->queues || virtio->queue[index].ring.ready)
		return NULL;
	return &virtio->queue[index].ring;
}

void virtio_take_back_queue(struct virtio *virtio, uint32_t index)
{
	if (index < virtio->queues &&
	    !(atomic_load(&virtio->state.status) & VIRTIO_CONFIG_S_DRIVER_OK))
		reset_queue(&virtio->queue[index]);
}

void virtio_kick(struct virtio *virtio, uint32_t index)
{
	if (index < virtio->queues)
		event_signal(virtio->queue[index].kick_fd);
}

/* --- the class's side --- */

void virtio_await(struct virtio *virtio, int fd)
{
	uint64_t kicks;

	if (read(fd, &kicks, sizeof(kicks)) == sizeof(kicks))
		virtio_count(virtio, STAT_KICKS, kicks);
}

bool virtio_begin(struct virtio *virtio, unsigned index)
{
	pthread_mutex_lock(&virtio->queue[index].lock);
	if (atomic_load(&virtio->state.running))
		return true;
	pthread_mutex_unlock(&virtio->queue[index].lock);
	return false;
}

void virtio_end(struct virtio *virtio, unsigned index)
{
	pthread_mutex_unlock(&virtio->queue[index].lock);
}

bool virtio_next(struct virtio *virtio, unsigned index, struct chain *chain)
{
	struct virtq *ring = &virtio->queue[index].ring;

	/* Twice: a chain may come just before we ask for kicks. If there is none even then, the
	 * driver has taken its index back. */
	for (unsigned tries = 0; tries < 2; tries++) {
		enum virtq_answer answer = virtq_pop(ring, virtio->ram, chain);

		if (answer == VIRTQ_OK)
			return true;
		if (answer == VIRTQ_BROKEN)
			break;
		if (virtq_await_kick(ring, virtio->ram))
			return false;
	}
	break_down(virtio, index);
	return false;
}

void virtio_publish(struct virtio *virtio, unsigned index)
{
	if (virtq_publish(&virtio->queue[index].ring, virtio->ram))
		interrupt(virtio, VIRTIO_MMIO_INT_VRING);
	else
		virtio_count(virtio, STAT_SUPPRESSED, 1);
}

void virtio_complete(struct virtio *virtio, unsigned index, uint16_t head, uint32_t written)
{
	virtq_push(&virtio->queue[index].ring, virtio->ram, head, written);
	virtio_publish(virtio, index);
}

void virtio_count(struct virtio *virtio, enum virtio_stat which, uint64_t amount)
{
	atomic_fetch_add_explicit(&virtio->stat[which], amount, memory_order_relaxed);
}

/* --- its owner's side --- */

_Noreturn void virtio_work(struct virtio *virtio, unsigned index)
{
	virtio->class->work(virtio, index);
	__builtin_trap();
}

void virtio_freeze(struct virtio *virtio)
{
	if (virtio->class->freeze)
		virtio->class->freeze(virtio);
}

bool virtio_flush(struct virtio *virtio)
{
	return !virtio->class->flush || virtio->class->flush(virtio);
}

void virtio_allow_registers(const struct virtio *virtio, struct sysfilter *filter)
{
	/* a start wakes the workers */
	for (unsigned i = 0; i < virtio->queues; i++)
		sysfilter_allow_fd(filter, SYS_write, virtio->queue[i].kick_fd);
	sysfilter_allow_locks(filter); /* a reset waits for the workers */
	if (virtio->class->allow_registers)
		virtio->class->allow_registers(virtio, filter);
}

void virtio_allow_work(const struct virtio *virtio, struct sysfilter *filter)
{
	for (unsigned i = 0; i < virtio->queues; i++)
		sysfilter_allow_fd(filter, SYS_read, virtio->queue[i].kick_fd); /* a kick */
	sysfilter_allow_fd(filter, SYS_write, virtio->irq_fd); /* interrupt the guest */
	sysfilter_allow_fd(filter, SYS_write, STDERR_FILENO);  /* a warning */
	sysfilter_allow_locks(filter);                         /* a reset comes, and waits */
	if (virtio->class->allow_work)
		virtio->class->allow_work(virtio, filter);
}

void virtio_allow_flush(const struct virtio *virtio, struct sysfilter *filter)
{
	sysfilter_allow_locks(filter); /* a queue that is frozen */
	if (virtio->class->allow_flush)
		virtio->class->allow_flush(virtio, filter);
}
