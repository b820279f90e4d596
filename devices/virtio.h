/* What every virtio device has (virtio 1.2 §2): status, features, queues, interrupts,
 * configuration space and counters. A transport (virtio_mmio.h) shows it to the driver; a class
 * (virtio_blk.h, virtio_net.h) gives it a meaning.
 *
 * Threads: vCPUs come in through the transport, one at a time; a worker serves a queue between
 * virtio_begin and virtio_end. A reset waits for the workers, so that nothing of the guest's
 * memory is touched when it is done. */
#ifndef MAYFLY_VIRTIO_H
#define MAYFLY_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ram.h"
#include "base/sysfilter.h"
#include "devices/virtq.h"

#define VIRTIO_QUEUES_MAX 17 /* a NIC with eight pairs and its control queue */
#define VIRTIO_WORKERS_MAX 8

#define VIRTIO_FEATURE(bit) (1ull << (bit))

/* Counted for --stats. IN is towards the guest, OUT from it. */
enum virtio_stat {
	STAT_IN,
	STAT_IN_BYTES,
	STAT_OUT,
	STAT_OUT_BYTES,
	STAT_OTHER,
	STAT_ERRORS,
	STAT_KICKS,
	STAT_INTERRUPTS,
	STAT_SUPPRESSED, /* interrupts that the driver did not want */
	STATS
};

struct virtio;

/* What tells one class from another. Who has a struct virtio needs no more: the functions of the
 * same names below, and virtio_set_status, call these. NULL: the class has nothing to do there. */
struct virtio_class {
	uint32_t device_id; /* §5 */
	const char *name;   /* for messages and counters */
	const char *stat_name[STATS];
	/* The driver is ready: what it accepted is final, no queue is served yet. */
	void (*start)(struct virtio *virtio);
	/* Worker INDEX: waits for kicks and serves, for ever. Not NULL. */
	void (*work)(struct virtio *virtio, unsigned index);
	void (*freeze)(struct virtio *virtio);
	bool (*flush)(struct virtio *virtio);
	/* The system calls beyond those of every class. */
	void (*allow_registers)(const struct virtio *virtio, struct sysfilter *filter);
	void (*allow_work)(const struct virtio *virtio, struct sysfilter *filter);
	void (*allow_flush)(const struct virtio *virtio, struct sysfilter *filter);
};

struct virtio_queue {
	pthread_mutex_t lock; /* held while the queue is served, and while it is reset */
	int kick_fd;          /* eventfd; queues may share one */
	struct virtq ring;    /* all that a queue remembers */
};

/* What a device remembers, beside its queues' rings. */
struct virtio_state {
	uint64_t accepted;     /* features, by the driver */
	atomic_uint status;    /* §2.1 */
	atomic_uint interrupt; /* reasons not yet acknowledged */
	atomic_bool running;   /* queues may be served */
};

struct virtio {
	const struct virtio_class *class;
	const struct ram *ram;
	const char *label;     /* what the user calls it, for messages */
	uint64_t offered;      /* features; never changed after start-up */
	const uint8_t *config; /* configuration space; read-only to the driver */
	size_t config_size;
	int irq_fd;
	unsigned queues;
	unsigned workers; /* threads that serve them, at most VIRTIO_WORKERS_MAX */
	struct virtio_queue queue[VIRTIO_QUEUES_MAX];

	struct virtio_state state;
	atomic_flag complained; /* one warning a device is enough */
	atomic_ullong stat[STATS];
};

/* Fills in what is not zero at the start; the caller has set the first group, kick_fd included. */
void virtio_init(struct virtio *virtio);

/* --- the transport's side --- */

/* The driver writes its status: only steps forward count, and 0, which resets (§2.1, §3.1.1). */
void virtio_set_status(struct virtio *virtio, uint32_t value);

/* Queue INDEX, or NULL if it may not be set up now: there is none, it is ready, or the driver is
 * not between FEATURES_OK and DRIVER_OK. */
struct virtq *virtio_queue_to_set_up(struct virtio *virtio, uint32_t index);

/* The driver takes queue INDEX back before it is ready itself. In operation only a reset does. */
void virtio_take_back_queue(struct virtio *virtio, uint32_t index);

/* The driver kicks queue INDEX. */
void virtio_kick(struct virtio *virtio, uint32_t index);

/* --- the class's side --- */

/* Waits for a kick on descriptor FD and counts it. */
void virtio_await(struct virtio *virtio, int fd);

/* Locks queue INDEX. False, and not locked, if the device is not running. */
bool virtio_begin(struct virtio *virtio, unsigned index);
void virtio_end(struct virtio *virtio, unsigned index);

/* Between the two: the next chain of queue INDEX. False: there is none, and a kick follows when
 * there is; or the ring is broken, which the driver has been told. */
bool virtio_next(struct virtio *virtio, unsigned index, struct chain *chain);

/* Between the two: gives a chain back to the driver, WRITTEN bytes filled. */
void virtio_complete(struct virtio *virtio, unsigned index, uint16_t head, uint32_t written);

/* Between the two: shows the driver what was pushed, and interrupts it if it wants that. */
void virtio_publish(struct virtio *virtio, unsigned index);

void virtio_count(struct virtio *virtio, enum virtio_stat which, uint64_t amount);

/* --- its owner's side: whatever the class is --- */

/* Worker INDEX, below .workers: waits for kicks and serves, for ever. */
_Noreturn void virtio_work(struct virtio *virtio, unsigned index);

/* From now on the driver changes nothing on the host, and no change is under way. For a device
 * of one queue. */
void virtio_freeze(struct virtio *virtio);

/* What the driver wrote is on stable storage when this returns true. False: errno says why. */
bool virtio_flush(struct virtio *virtio);

/* The system calls that the driver's accesses to registers need, those of vCPUs; that the
 * workers need; and that virtio_flush and virtio_freeze need. */
void virtio_allow_registers(const struct virtio *virtio, struct sysfilter *filter);
void virtio_allow_work(const struct virtio *virtio, struct sysfilter *filter);
void virtio_allow_flush(const struct virtio *virtio, struct sysfilter *filter);

#endif
