/* Drivers that misbehave in time: resets while requests are under way, and two CPUs at one
 * device. */
#include <stdatomic.h>

#include "virtio_evil.h"

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

const struct evil evil_races[] = {
	{"reset-storm", evil_reset_storm, LIVES},
	{"two-cpus", evil_two_cpus, EITHER},
	{"two-drivers", evil_two_drivers, EITHER},
	{"flip", evil_flip, EITHER},
	{NULL, NULL, BREAKS},
};
