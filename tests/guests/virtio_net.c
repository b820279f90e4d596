/* A NIC's driver, and a bad one. */
#include <linux/virtio_net.h>
#include <stddef.h>

#include "virtio.h"

#define HEADER ((unsigned)sizeof(struct virtio_net_hdr_v1))
#define BUFFER 2048

static const uint64_t nic = SLOT(0);
static struct queue rx, tx;
static uint8_t buffer[8][BUFFER];
static uint8_t packet[BUFFER];

static void set_up_nic(void)
{
	negotiate(nic, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MAC));
	make_queue(&rx, nic, 0, 64);
	make_queue(&tx, nic, 1, 64);
	expect(enable_queue(&rx) && enable_queue(&tx), FAIL_QUEUE);
	go(nic);
}

static void give_buffers(void)
{
	for (uint16_t i = 0; i < 8; i++) {
		describe(&rx, i, (uint64_t)buffer[i], BUFFER, VRING_DESC_F_WRITE, 0);
		offer(&rx, i);
	}
	kick(&rx);
}

/* SIZE counts the header. */
static void transmit(unsigned size)
{
	describe(&tx, 0, (uint64_t)packet, size, 0, 0);
	offer(&tx, 0);
	kick(&tx);
	await(&tx, 1);
}

static void copy(uint8_t *to, const uint8_t *from, unsigned size)
{
	while (size--)
		*to++ = *from++;
}

/* 60 bytes to everybody, of a protocol for experiments. */
static void make_frame(void)
{
	fill(packet, 0, sizeof(packet));
	fill(packet + HEADER, 0xff, 6);
	for (unsigned i = 0; i < 6; i++)
		packet[HEADER + 6 + i] = read8(nic + VIRTIO_MMIO_CONFIG + i);
	packet[HEADER + 12] = 0x88;
	packet[HEADER + 13] = 0xb5;
}

/* Who asks for 10.0.0.2 is told. */
static bool is_question(const uint8_t *frame)
{
	static const uint8_t arp[10] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
	static const uint8_t address[4] = {10, 0, 0, 2};

	for (unsigned i = 0; i < 10; i++)
		if (frame[12 + i] != arp[i])
			return false;
	for (unsigned i = 0; i < 4; i++)
		if (frame[38 + i] != address[i])
			return false;
	return true;
}

static void reply(const uint8_t *frame)
{
	uint8_t *to = packet + HEADER;

	make_frame();
	copy(to, frame + 6, 6);
	copy(to + 12, frame + 12, 10);
	to[21] = 2;
	copy(to + 22, to + 6, 6);
	copy(to + 28, frame + 38, 4);
	copy(to + 32, frame + 22, 10);
	transmit(HEADER + 60);
}

/* IPv4, to our MAC: so the answer has been understood. */
static bool is_ours(const uint8_t *frame)
{
	for (unsigned i = 0; i < 6; i++)
		if (frame[i] != read8(nic + VIRTIO_MMIO_CONFIG + i))
			return false;
	return frame[12] == 0x08 && frame[13] == 0x00;
}

void test_nettalk(void)
{
	ready();
	expect(read32(nic + VIRTIO_MMIO_DEVICE_ID) == 1, 1);
	set_up_nic();
	give_buffers();
	make_frame();
	transmit(HEADER + 60);
	say("listening\n");
	for (;;) {
		unsigned element = 2 + 4 * (rx.seen % rx.size), number;

		await(&rx, 1);
		number = rx.used[element];
		expect(number < 8, FAIL_ELEMENT);
		expect(rx.used[element + 2] >= HEADER + 14 && rx.used[element + 2] <= BUFFER, 2);
		expect(buffer[number][10] == 1 && buffer[number][11] == 0, 3); /* num_buffers */
		if (is_question(buffer[number] + HEADER))
			reply(buffer[number] + HEADER);
		else if (is_ours(buffer[number] + HEADER))
			end(0, 0);
		offer(&rx, (uint16_t)number);
		kick(&rx);
	}
}

/* --- the bad one --- */

static void send_header(uint8_t flags, uint8_t gso_type, uint16_t hdr_len, uint16_t gso_size,
			uint16_t csum_start, uint16_t csum_offset)
{
	struct virtio_net_hdr_v1 bad = {
		.flags = flags,
		.gso_type = gso_type,
		.hdr_len = hdr_len,
		.gso_size = gso_size,
		.csum_start = csum_start,
		.csum_offset = csum_offset,
	};

	make_frame();
	copy(packet, (const uint8_t *)&bad, sizeof(bad));
	transmit(HEADER + 60);
}

/* Ten that Linux does not take. */
static void send_bad(void)
{
	send_header(0, 0xff, 0, 100, 0, 0);
	send_header(1, 0, 0, 0, 0xffff, 0);
	send_header(1, 0, 0, 0, 0xffff, 0xffff);
	send_header(1, 0, 0, 0, 58, 0xfffe);
	send_header(0, 0, 0xffff, 0, 0, 0);
	send_header(1, 1, 0xffff, 0, 0, 0);
	send_header(1, 1, 54, 0, 34, 16); /* segments of no bytes */
	make_frame();
	transmit(HEADER - 1);
	transmit(HEADER);
	transmit(HEADER + 13);
}

static void expect_alive(void)
{
	set_up_nic();
	make_frame();
	transmit(HEADER + 60);
	expect(read32(nic + VIRTIO_MMIO_STATUS) == READY_TO_GO, FAIL_BROKEN);
}

/* A chain that is larger than any packet, of all the memory there is. */
static void send_huge(void)
{
	make_frame();
	for (unsigned i = 0; i < 64; i++)
		describe(&tx, i, (uint64_t)data, DATA_SIZE, i < 63 ? VRING_DESC_F_NEXT : 0, i + 1);
	describe(&tx, 0, (uint64_t)packet, HEADER, VRING_DESC_F_NEXT, 1);
	offer(&tx, 0);
	kick(&tx);
	await(&tx, 1);
}

/* A buffer for packets that is memory to read, and one for half a header, have no room: they
 * come back. */
static void receive_nothing(void)
{
	describe(&rx, 0, (uint64_t)buffer[0], BUFFER, 0, 0);
	describe(&rx, 1, (uint64_t)buffer[1], HEADER - 1, VRING_DESC_F_WRITE, 0);
	offer(&rx, 0);
	offer(&rx, 1);
	kick(&rx);
	await(&rx, 2);
	expect(rx.used[2] == 0 && rx.used[4] == 0 && rx.used[6] == 1 && rx.used[8] == 0, 1);
}

static void break_rx(void)
{
	describe(&rx, 0, NOWHERE, BUFFER, VRING_DESC_F_WRITE, 0);
	offer(&rx, 0);
	kick(&rx);
	await_breakdown(&rx);
}

static void break_tx(void)
{
	describe(&tx, 0, (uint64_t)packet, 60, VRING_DESC_F_NEXT, 64);
	offer(&tx, 0);
	kick(&tx);
	await_breakdown(&tx);
}

/* Ten headers, a huge packet and two buffers are dropped, two rings broken, four packets sent. */
void test_netevil(void)
{
	ready();
	expect_alive();
	send_bad();
	send_huge();
	expect_alive();
	receive_nothing();
	break_rx();
	expect_alive();
	break_tx();
	expect_alive();
	end(0, 0);
}

/* Packets come all the time, and after a reset none of them touches memory. */
void test_netstorm(void)
{
	ready();
	set_up_nic();
	give_buffers();
	say("listening\n");
	await(&rx, 1);
	for (unsigned i = 0, count = rounds(1000); i < count; i++) {
		set_up_nic();
		give_buffers();
		make_frame();
		describe(&tx, 0, (uint64_t)packet, HEADER + 60, 0, 0);
		offer(&tx, 0);
		kick(&tx);
		pause((i % 16) * 20000);
		write32(nic + VIRTIO_MMIO_STATUS, 0);
		uint16_t received = rx.used[1], sent = tx.used[1];
		for (unsigned j = 0; j < 8; j++)
			fill(buffer[j], 0x5a, 64);
		pause(20000);
		for (unsigned j = 0; j < 8; j++)
			expect(*(volatile uint64_t *)(buffer[j] + 56) == 0x5a5a5a5a5a5a5a5a, 1);
		expect(rx.used[1] == received && tx.used[1] == sent, 2);
	}
	expect_alive();
	end(0, 0);
}
