/* Drivers that misbehave in every way. Whatever they do, the VM lives, and after a reset the disk
 * is as good as before. virtio_evil_*.c have the ways; here is what comes of them. */
#include "virtio_evil.h"

struct queue queue;

void go_around(void)
{
	for (unsigned i = 0; i < 256; i++)
		expect(request(&queue, VIRTIO_BLK_T_GET_ID, 0, data, 20) == VIRTIO_BLK_S_OK,
		       FAIL_STATUS);
	expect_good(&queue);
}

void offer_chain(uint16_t head)
{
	offer(&queue, head);
	kick(&queue);
}

void read_to(uint64_t address, uint64_t size)
{
	prepare(&queue, VIRTIO_BLK_T_IN, 0, data, 512);
	describe(&queue, 1, address, size, NEXT | WRITE, 2);
	offer_chain(0);
}

/* --- which of them, and what comes of it --- */

static const struct evil *const evils[] = {evil_rings, evil_registers, evil_races};

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
		for (const struct evil *evil = evils[i]; evil->name; evil++)
			if (is_asked_for("evil=", evil->name)) {
				evil->run();
				return evil->outcome;
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
