/* A virtio-mmio driver for bare guests: it polls. Everything in it can be misused. */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#define VIRTIO_MMIO_NO_LEGACY
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "bare.h"

#define SLOT(n) (VIRTIO + (n)*0x1000ull)
#define QUEUE_SIZE_MAX 256
#define DATA_SIZE 65536
#define BIT(n) (1ull << (n))

#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET
#define READY_TO_GO                                                                           \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | \
	 VIRTIO_CONFIG_S_DRIVER_OK)

/* Numbers for expect(): below 90 the test's own, from there on the driver's. */
enum {
	FAIL_PROBE = 90, /* there is no such device */
	FAIL_FEATURES,   /* the features were not accepted */
	FAIL_QUEUE,      /* the queue was not */
	FAIL_TIMEOUT,    /* a request was not answered */
	FAIL_ELEMENT,    /* it was, with another head or a wrong length */
	FAIL_STATUS,     /* a good request failed */
	FAIL_DATA,       /* it read what was not there */
	FAIL_BROKEN,     /* the device needs a reset where it should not, … */
	FAIL_NOT_BROKEN, /* … or it does not where it should */
	FAIL_MOVED,      /* something was done after the ring was broken */
	FAIL_RESET,      /* a reset left something behind */
};

/* An area of its own for each: the device may be told of any address. */
struct queue {
	uint64_t device;
	unsigned index;
	uint32_t size;
	volatile struct vring_desc *desc;
	volatile uint16_t *avail; /* flags, index, entries, used_event */
	volatile uint16_t *used;  /* flags, index, elements of four, avail_event */
	uint16_t next;            /* available index */
	uint16_t seen;            /* used index */
};

bool is_all(const volatile void *from, uint8_t byte, uint64_t size);

/* A moment, of so many ticks; and the most that anything may take. */
void pause(uint64_t count);

/* How often a storm is to blow: rounds=N of the command line, or USUAL. */
unsigned rounds(unsigned usual);
#define A_MOMENT 10000000
#define PATIENCE 30000000000

/* Reset and all steps up to FEATURES_OK. */
void negotiate(uint64_t device, uint64_t features);

/* Memory of its own for queue INDEX of DEVICE (at most 5 at a time), empty. */
void make_queue(struct queue *queue, uint64_t device, unsigned index, uint32_t size);

/* Tells the device of the queue; true if it is ready then. */
bool enable_queue(const struct queue *queue);

void go(uint64_t device); /* DRIVER_OK */

/* All of that for a disk: VERSION_1 and FLUSH, queue 0 with 256 descriptors, no interrupts
 * wanted. */
void set_up_disk(struct queue *queue, uint64_t device);

void describe(const struct queue *queue, unsigned number, uint64_t address, uint64_t size,
	      unsigned flags, unsigned next);

/* The available index, after the entries and descriptors that it counts. */
void publish(const struct queue *queue, uint16_t index);

void offer(struct queue *queue, uint16_t head);
void kick(const struct queue *queue);

/* Until COUNT more chains came back, at least. */
void await(struct queue *queue, unsigned count);

/* Until the device needs a reset. */
void await_breakdown(const struct queue *queue);

/* The header that request() uses; its data may be anywhere. */
extern volatile struct virtio_blk_outhdr header[2];
extern volatile uint8_t answer[2];
extern uint8_t data[DATA_SIZE];

/* Three descriptors: header, SIZE bytes of data, status. Nothing is kicked; NULL for no data. */
void prepare(struct queue *queue, uint32_t type, uint64_t sector, const volatile void *buffer,
	     uint32_t size);

/* … and all the rest of it; returns the status. */
uint8_t request(struct queue *queue, uint32_t type, uint64_t sector, const volatile void *buffer,
		uint32_t size);

/* A disk whose sectors say their number, as the tests prepare it: 64 times "0000042\n". */
uint64_t text_of(unsigned sector);
void expect_good(struct queue *queue);

#endif
