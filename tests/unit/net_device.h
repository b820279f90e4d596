/* A network device in a test, and its driver: packet sockets stand for TAP queues (they refuse
 * TUNSET*, which the device must live with). */
#ifndef MAYFLY_NET_DEVICE_H
#define MAYFLY_NET_DEVICE_H

#include "devices/virtio_net.h"

#include "driver.h"
#include "rules.h"

/* Feature bits, once more and from the specification (§5.1.3, §6). */
enum {
	F_CSUM = 0,
	F_GUEST_CSUM = 1,
	F_MTU = 3,
	F_MAC = 5,
	F_GUEST_TSO4 = 7,
	F_GUEST_TSO6 = 8,
	F_HOST_TSO4 = 11,
	F_HOST_TSO6 = 12,
	F_MRG_RXBUF = 15,
	F_STATUS = 16,
	F_CTRL_VQ = 17,
	F_MQ = 22,
	F_EVENT_IDX = 29,
	F_VERSION_1 = 32,
	F_GUEST_USO4 = 54,
	F_GUEST_USO6 = 55,
	F_HOST_USO = 56,
};

enum { CTRL_MQ = 4, VQ_PAIRS_SET = 0, ACK_OK = 0, ACK_ERR = 1 };

enum {
	MEMORY = 16 << 20,
	RINGS = 0x10000,
	BUFFERS = 1 << 20,
	BUFFER = 0x2000,              /* from one to the next; a large one takes several */
	QUEUE_BUFFERS = 256 * BUFFER, /* for one queue */
	HEADER = 12,
	LARGEST = 12 + 65535 + 14 + 4,
	NUM_BUFFERS = 10, /* offset in the header */
	PAIRS = 3,        /* in tests of several */
	SAMPLE = 1 << 17,
};

#define ALL UINT64_MAX
#define BIT(number) (1ull << (number))
#define PLAIN ~BIT(F_EVENT_IDX)

static struct ram ram;
static struct nic nic;
static struct virtio_net net;
static struct virtio_net_pair pairs[NIC_QUEUES_MAX];
static struct virtio_mmio mmio;
static struct driver driver;
static int outside[NIC_QUEUES_MAX];      /* the other ends of the TAPs */
static uint8_t sample[SAMPLE + LARGEST]; /* packets are pieces of it */
static uint8_t bytes[LARGEST + 1];

/* --- a device --- */

static inline void close_ends(void)
{
	for (unsigned i = 0; i < nic.queues; i++) {
		close(nic.queue[i].fd);
		close(pairs[i].kick_fd);
		close(outside[i]);
	}
	close(net.virtio.irq_fd);
	nic.queues = 0;
}

/* The device as the caller of virtio_net_init prepares it. */
static inline void prepare(unsigned count)
{
	close_ends();
	memset(&net, 0, sizeof(net));
	net.virtio.ram = &ram;
	net.virtio.label = "tap0";
	net.virtio.irq_fd = make_event();
	nic = (struct nic){
		.name = "tap0", .queues = count, .offloads = NIC_CSUM | NIC_TSO4 | NIC_TSO6};
	nic_init(&nic);
	net.pair = pairs;
	for (unsigned i = 0; i < count; i++) {
		int ends[2];

		assert_int_equal(
			socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
		memset(&pairs[i], 0, sizeof(pairs[i]));
		nic.queue[i].fd = ends[0];
		pairs[i].kick_fd = make_event();
		outside[i] = ends[1];
	}
}

static inline void create(unsigned count)
{
	prepare(count);
	virtio_net_init(&net, &nic);
	virtio_mmio_init(&mmio, &net.virtio);
	driver = (struct driver){.mmio = &mmio, .ram = &ram};
}

/* Up to where DRIVER_OK is missing, with what FEATURES is offered. */
static inline void begin(uint64_t features, uint32_t queue_size)
{
	assert_true(driver_negotiate(&driver, driver_offered(&driver) & features));
	for (unsigned i = 0; i < net.virtio.queues; i++)
		assert_true(driver_set_up_queue(&driver, i, queue_size, RINGS + i * DRIVER_RINGS));
}

static inline void start(uint64_t features, uint32_t queue_size)
{
	begin(features, queue_size);
	driver_go(&driver);
	take_event(net.virtio.irq_fd);
}

static inline void go(unsigned count, uint64_t features, uint32_t queue_size)
{
	create(count);
	start(features, queue_size);
}

static inline int set_up(void **state)
{
	(void)state;
	go(1, ALL, 256);
	alarm(20); /* nothing here may hang */
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	alarm(0);
	return 0;
}

static inline int reserve(void **state)
{
	struct problem problem;
	uint32_t random = 1;

	(void)state;
	for (unsigned i = 0; i < sizeof(sample); i++)
		sample[i] = (uint8_t)next_random(&random);
	net.virtio.irq_fd = -1;
	return ram_reserve(&ram, MEMORY, 0, 3 * GIB, 4 * GIB, &problem) ? 0 : -1;
}

static inline int release(void **state)
{
	(void)state;
	close_ends();
	ram_release(&ram);
	return 0;
}

/* --- what may be asked of it --- */

static inline uint64_t stat(enum virtio_stat which)
{
	return atomic_load(&net.virtio.stat[which]);
}

static inline bool has(unsigned feature)
{
	return net.virtio.state.accepted & BIT(feature);
}

/* What the device writes at the same time, maybe. */
static inline uint16_t load16(uint64_t address)
{
	return ram_load16_acquire(&ram, GPA(address));
}

static inline unsigned used_index(unsigned queue)
{
	return load16(driver.queue[queue].used + 2);
}

static inline uint16_t used_flags(unsigned queue)
{
	return load16(driver.queue[queue].used);
}

static inline uint16_t avail_event(unsigned queue)
{
	return load16(driver.queue[queue].used + 4 + 8 * driver.queue[queue].size);
}

/* Chains that came back and were not taken. */
static inline unsigned waiting(unsigned queue)
{
	return (uint16_t)(used_index(queue) - driver.queue[queue].used_index);
}

/* The driver must kick for the next chain that it adds (§2.7.10). */
static inline bool wants_kick(unsigned queue)
{
	if (has(F_EVENT_IDX))
		return avail_event(queue) == driver.queue[queue].avail_index;
	return used_flags(queue) == 0;
}

static inline unsigned active_pairs(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < net.pairs; i++)
		count += atomic_load(&pairs[i].state.active);
	return count;
}

static inline bool is_broken(void)
{
	return driver_read(&driver, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static inline void assert_serves(unsigned which, enum virtio_net_wait wait)
{
	assert_int_equal(virtio_net_serve(&net, which), wait);
}

/* Until there is nothing to do at once. */
static inline enum virtio_net_wait serve(unsigned which)
{
	enum virtio_net_wait wait;
	unsigned rounds = 0;

	while ((wait = virtio_net_serve(&net, which)) == NET_MORE)
		assert_true(++rounds < 1000);
	return wait;
}

/* --- packets and buffers --- */

static inline const uint8_t *packet(unsigned number)
{
	return sample + number * 7919 % SAMPLE;
}

static inline void inject(unsigned which, unsigned number, uint32_t length)
{
	assert_int_equal(send(outside[which], packet(number), length, 0), length);
}

static inline void assert_nothing_outside(unsigned which)
{
	assert_int_equal(recv(outside[which], bytes, sizeof(bytes), 0), -1);
}

static inline void assert_outside(unsigned which, unsigned number, uint32_t length)
{
	assert_int_equal(recv(outside[which], bytes, sizeof(bytes), 0), length);
	assert_memory_equal(bytes, packet(number), length);
}

/* Where the buffer of the next descriptor is. */
static inline uint64_t next_buffer(unsigned queue)
{
	const struct driver_queue *ring = &driver.queue[queue];

	return BUFFERS + queue * (uint64_t)QUEUE_BUFFERS + ring->next_desc % ring->size * BUFFER;
}

static uint32_t posted[VIRTIO_QUEUES_MAX][256];
static uint64_t place[VIRTIO_QUEUES_MAX][256];

/* Offers a buffer of SIZE bytes for what is received. */
static inline unsigned post(unsigned queue, uint32_t size)
{
	uint64_t address = next_buffer(queue);
	unsigned head = DRIVER_ADD(&driver, queue, {address, size, true});

	posted[queue][head] = size;
	place[queue][head] = address;
	return head;
}

static inline void post_many(unsigned queue, uint32_t size, unsigned count)
{
	while (count--)
		post(queue, size);
}

/* Takes a packet from buffers that `post` offered: all but the last are full, and the first says
 * how many there are. */
static inline void take_received(unsigned queue, unsigned number, uint32_t length)
{
	static uint8_t received[LARGEST + 1];
	uint32_t size = 0;
	unsigned taken = 0;
	uint16_t buffers = 1;

	for (; taken < buffers; taken++) {
		struct used used = {0};

		assert_true(driver_take_used(&driver, queue, &used));
		assert_true(used.id < 256 && used.length <= posted[queue][used.id]);
		assert_true(size + used.length <= sizeof(received));
		driver_get(&driver, place[queue][used.id], received + size, used.length);
		size += used.length;
		if (taken == 0) {
			assert_true(used.length >= HEADER);
			memcpy(&buffers, received + NUM_BUFFERS, 2); /* little-endian, as we are */
			assert_true(buffers >= 1);
		}
		if (taken + 1 < buffers)
			assert_int_equal(used.length, posted[queue][used.id]);
	}
	assert_int_equal(size, length);
	assert_memory_equal(received, packet(number), NUM_BUFFERS);
	assert_memory_equal(received + HEADER, packet(number) + HEADER, length - HEADER);
}

static inline void take_empty(unsigned queue, unsigned head)
{
	struct used used = {0};

	assert_true(driver_take_used(&driver, queue, &used));
	assert_int_equal(used.id, head);
	assert_int_equal(used.length, 0);
}

/* Adds a packet to send: FIRST bytes in one part, the others in the next. */
static inline unsigned add_packet(unsigned queue, unsigned number, uint32_t length, uint32_t first)
{
	uint64_t address = next_buffer(queue);

	driver_put(&driver, address, packet(number), length);
	if (first < length)
		return DRIVER_ADD(&driver, queue, {address, first, false},
				  {address + first, length - first, false});
	return DRIVER_ADD(&driver, queue, {address, length, false});
}

/* Sends it, alone; true if it came out unchanged, false if it was dropped and counted. */
static inline bool goes_out(const struct part *parts, unsigned count, const uint8_t *expected,
			    uint32_t length)
{
	uint64_t sent = stat(STAT_OUT), errors = stat(STAT_ERRORS);
	unsigned head = driver_add(&driver, 1, parts, count);

	assert_serves(0, NET_AWAIT_KICK);
	take_empty(1, head);
	assert_int_equal(waiting(1), 0);
	if (stat(STAT_OUT) == sent) {
		assert_int_equal(stat(STAT_ERRORS), errors + 1);
		assert_nothing_outside(0);
		return false;
	}
	assert_int_equal(stat(STAT_OUT), sent + 1);
	assert_int_equal(stat(STAT_ERRORS), errors);
	assert_int_equal(recv(outside[0], bytes, sizeof(bytes), 0), length);
	assert_memory_equal(bytes, expected, length);
	return true;
}

#define NET_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* The end of a pipe that cannot be read, and that poll calls bad for ever: like a deleted TAP. */
static inline void lose_tap(unsigned which)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	close(ends[0]);
	assert_true(dup2(ends[1], nic.queue[which].fd) >= 0);
	close(ends[1]);
}

enum { COMMANDS = BUFFERS - 0x1000, UNTOUCHED = 0x55 };

/* Sends SIZE bytes of a command in two parts, of which the first has FIRST bytes; the answer, or
 * UNTOUCHED. */
static inline uint8_t command_in(unsigned queue, const uint8_t *command, uint32_t size,
				 uint32_t first, uint32_t room)
{
	uint8_t answer = UNTOUCHED;
	struct used used = {0};
	uint64_t count = stat(STAT_OTHER);
	unsigned serving = queue == 2 ? 1 : net.pairs - 1;

	driver_put(&driver, COMMANDS, command, size);
	driver_put(&driver, COMMANDS + 100, &answer, 1);
	unsigned head =
		DRIVER_ADD(&driver, queue, {COMMANDS, first, false},
			   {COMMANDS + first, size - first, false}, {COMMANDS + 100, room, true});
	serve(serving);
	assert_true(driver_take_used(&driver, queue, &used));
	assert_int_equal(used.id, head);
	driver_get(&driver, COMMANDS + 100, &answer, 1);
	assert_int_equal(used.length, answer == UNTOUCHED ? 0 : 1);
	assert_int_equal(stat(STAT_OTHER), count + 1);
	return answer;
}

static inline uint8_t set_pairs_in(unsigned queue, unsigned count)
{
	const uint8_t command[] = {CTRL_MQ, VQ_PAIRS_SET, (uint8_t)count, (uint8_t)(count >> 8)};

	return command_in(queue, command, sizeof(command), 2, 1);
}

static inline uint8_t set_pairs(unsigned count)
{
	return set_pairs_in(2 * PAIRS, count);
}

#endif
