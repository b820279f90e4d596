/* Makes tests/attack's launcher attack its host: n= says what, thread= who. */
#include "virtio.h"

/* The page behind the slots, see tests/attack/hooks.c. */
#define ATTACK SLOT(8)
#define BY_DEVICE 0x100u

void test_attack(void)
{
	unsigned number = number_after("n=");

	ready();
	if (is_asked_for("thread=", "disk")) {
		struct queue queue;

		set_up_disk(&queue, SLOT(0));
		write32(ATTACK, number | BY_DEVICE);
		kick(&queue);
		/* It is done when the page says so, unless that was the end; the second kick comes after that. */
		while (read32(ATTACK))
			relax();
		expect(request(&queue, VIRTIO_BLK_T_IN, 0, data, 512) == VIRTIO_BLK_S_OK,
		       FAIL_STATUS);
	} else {
		write32(ATTACK, number);
	}
	end(0, 0);
}
