/* Makes tests/attack's launcher attack its host: n= says what (to last=), thread= who. */
#include "virtio.h"

/* The page behind the slots, see tests/attack/hooks.c. */
#define ATTACK SLOT(8)
#define BY_DEVICE 0x100u

static struct queue queue;

static void read_disk(void)
{
	expect(request(&queue, VIRTIO_BLK_T_IN, 0, data, 512) == VIRTIO_BLK_S_OK, FAIL_STATUS);
}

/* The page says when the worker has begun, unless that was the end; it reads for us when it is
 * done. */
static void attack_from_disk(uint32_t number)
{
	write32(ATTACK, number | BY_DEVICE);
	do
		read_disk();
	while (read32(ATTACK));
	read_disk();
}

void test_attack(void)
{
	bool from_disk = is_asked_for("thread=", "disk");
	uint32_t number = number_after("n="), last = number_after("last=");

	ready();
	if (from_disk)
		set_up_disk(&queue, SLOT(0));
	do
		if (from_disk)
			attack_from_disk(number);
		else
			write32(ATTACK, number);
	while (number++ < last);
	end(0, 0);
}
