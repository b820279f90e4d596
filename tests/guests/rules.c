/* Uses everything that a host's filter allows for a disk, an ephemeral disk and a NIC of two
 * pairs, in the first three slots. */
#include <linux/virtio_net.h>
#include <stddef.h>

#include "virtio.h"

enum { UART_INTERRUPTS = 1 };

static struct queue queue;

static uint8_t change(uint32_t type, uint32_t flags)
{
	static struct virtio_blk_discard_write_zeroes range = {.sector = 8, .num_sectors = 8};

	range.flags = flags;
	return request(&queue, type, 0, &range, sizeof(range));
}

static void use_disk(uint64_t device)
{
	const uint8_t ok = VIRTIO_BLK_S_OK;

	set_up_disk(&queue, device);
	queue.avail[0] = 0; /* with interrupts */
	expect(request(&queue, VIRTIO_BLK_T_IN, 0, data, 4096) == ok, 1);
	expect(request(&queue, VIRTIO_BLK_T_OUT, 0, data, 4096) == ok, 2);
	expect(request(&queue, VIRTIO_BLK_T_IN, 0, data, 4096) == ok, 3);
	expect(request(&queue, VIRTIO_BLK_T_OUT, 8, data, 4096) == ok, 4);
	expect(change(VIRTIO_BLK_T_DISCARD, 0) == ok, 5);
	expect(change(VIRTIO_BLK_T_WRITE_ZEROES, 1) == ok, 6);
	expect(change(VIRTIO_BLK_T_WRITE_ZEROES, 0) == ok, 7);
	expect(request(&queue, VIRTIO_BLK_T_FLUSH, 0, NULL, 0) == ok, 8);
	offer(&queue, 999); /* a warning */
	kick(&queue);
	await_breakdown(&queue);
}

static void set_pairs(struct queue *control, uint8_t pairs)
{
	static uint8_t command[4] = {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET};

	command[2] = pairs;
	describe(control, 0, (uint64_t)command, sizeof(command), VRING_DESC_F_NEXT, 1);
	describe(control, 1, (uint64_t)&answer[0], 1, VRING_DESC_F_WRITE, 0);
	answer[0] = 0xee;
	offer(control, 0);
	kick(control);
	await(control, 1);
	expect(answer[0] == VIRTIO_NET_OK, 9);
}

static void send_frame(struct queue *tx)
{
	fill(data, 0, 128);
	fill(data + sizeof(struct virtio_net_hdr_v1), 0xff, 6);
	describe(tx, 0, (uint64_t)data, sizeof(struct virtio_net_hdr_v1) + 60, 0, 0);
	offer(tx, 0);
	kick(tx);
	await(tx, 1);
}

static void use_nic(uint64_t device)
{
	static struct queue queues[5]; /* two pairs, and the control queue */

	negotiate(device,
		  BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_VQ));
	for (unsigned i = 0; i < 5; i++) {
		make_queue(&queues[i], device, i, 16);
		expect(enable_queue(&queues[i]), FAIL_QUEUE);
	}
	go(device);
	set_pairs(&queues[4], 2);
	for (unsigned i = 0; i < 4; i += 2) {
		describe(&queues[i], 0, (uint64_t)data + 4096, 2048, VRING_DESC_F_WRITE, 0);
		offer(&queues[i], 0);
		kick(&queues[i]);
		send_frame(&queues[i + 1]);
	}
	set_pairs(&queues[4], 1);
	set_pairs(&queues[4], 2);
	/* A start leaves one of them. */
	negotiate(device, BIT(VIRTIO_F_VERSION_1));
	go(device);
}

static void do_nothing(void)
{
}

/* Alone, when the host has long gone to sleep. */
static void be_off(void)
{
	pause(10 * A_MOMENT);
	power_off();
}

void test_rules(void)
{
	if (is_asked_for("end=", "poweroff"))
		be_off();
	/* Interrupts, which nobody takes. */
	uart_out(CONSOLE, UART_INTERRUPTS, 3);
	uart_out(CHANNEL, UART_INTERRUPTS, 3);
	say("rules\n");
	ready();
	start_other_cpus(do_nothing);
	use_disk(SLOT(0));
	use_disk(SLOT(1));
	use_nic(SLOT(2));
	end(0, 0);
}
