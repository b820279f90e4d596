/* The guest's devices: their slots, their descriptors, their workers, wired to a KVM that writes
 * down what it is told. */
#define _GNU_SOURCE
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "base/bytes.h"
#include "devices/event.h"

/* With the calls below in place of the real ones, and before the names that they have, too. */
#include "machine/devices.c"
#include "sandbox/gate.c"

#include "guest_devices.h"
#include "sandbox/seccomp.h"

static struct bus bus;

/* --- what is not of this house --- */

/* The threads that narrowed their filter to each device's program. */
static struct jail jail;
static const struct sock_fprog programs[DEVICES_MAX];
static atomic_uint narrowed[DEVICES_MAX];

bool sysfilter_narrow(const struct sock_fprog *program)
{
	atomic_fetch_add(&narrowed[program - programs], 1);
	return true;
}

/* --- KVM --- */

static struct wire {
	int fd;
	uint64_t address;
	unsigned value;
} interrupts[16], kicks[256];
static unsigned interrupt_count, kick_count;
static int failing = -1; /* the call that fails */

bool kvm_add_irqfd(const struct kvm *kvm, int fd, unsigned gsi, struct problem *why)
{
	(void)kvm;
	if (failing == 0)
		return problem_set(why, "no irqfd (none)");
	interrupts[interrupt_count++] = (struct wire){fd, 0, gsi};
	return true;
}

bool kvm_add_ioeventfd(const struct kvm *kvm, int fd, uint64_t address, uint32_t value,
		       struct problem *why)
{
	(void)kvm;
	if (failing == 1)
		return problem_set(why, "no ioeventfd (none)");
	kicks[kick_count++] = (struct wire){fd, address, value};
	return true;
}

/* --- --- */

static int set_up(void **state)
{
	(void)state;
	memset(&bus, 0, sizeof(bus));
	interrupt_count = kick_count = 0;
	failing = -1;
	return set_up_devices();
}

static uint32_t read_register(unsigned device, unsigned offset)
{
	uint8_t data[4];

	bus_access(&bus, BUS_MMIO, 0xe0000000 + device * 0x1000 + offset, false, data, 4);
	return get_le32(data);
}

/* --- devices --- */

static void disks_in_their_slots(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DEVICES_MAX; i++)
		add_option(i % 8 + 1)->serial = i == 3 ? "mine" : NULL;
	options.disk[4].serial = "12345678901234567890"; /* 20: no NUL */
	open_devices();
	assert_int_equal(devices.count, DEVICES_MAX);
	for (int i = 0; i < DEVICES_MAX; i++) {
		const struct slot *slot = &devices.slot[i];
		char serial[21] = "";

		assert_ptr_equal(slot->virtio, &slot->blk.virtio);
		assert_string_equal(slot->virtio->label, disk_name);
		assert_int_equal(slot->virtio->irq_fd, FD_VIRTIO_IRQ + i);
		assert_true(fcntl(FD_VIRTIO_IRQ + i, F_GETFL) & O_NONBLOCK);
		assert_int_equal(slot->virtio->queues, i % 8 + 1);
		for (int j = 0; j <= i % 8; j++) {
			int kick = FD_KICK + 8 * i + j;

			assert_int_equal(slot->virtio->queue[j].kick_fd, kick);
			/* Its worker waits in read(2). */
			assert_int_equal(fcntl(kick, F_GETFL) & O_NONBLOCK, 0);
			assert_int_equal(fcntl(kick, F_GETFD), FD_CLOEXEC);
		}
		memcpy(serial, slot->blk.serial, 20);
		char expected[24];
		snprintf(expected, sizeof(expected), "mayfly-%d", i);
		assert_string_equal(serial, i == 3   ? "mine"
					    : i == 4 ? "12345678901234567890"
						     : expected);
	}
	for (int fd = FD_DISK; fd < FD_SCRATCH; fd++)
		assert_true(fcntl(fd, F_GETFD) == FD_CLOEXEC);
}

static void disks_on_the_bus(void **state)
{
	unsigned kick = 0;

	(void)state;
	for (unsigned i = 0; i < DEVICES_MAX; i++)
		add_option(i + 1);
	open_devices();
	assert_true(devices_connect(&devices, &bus, NULL, &problem));
	assert_int_equal(bus.count, DEVICES_MAX);
	assert_int_equal(interrupt_count, DEVICES_MAX);
	for (unsigned i = 0; i < DEVICES_MAX; i++) {
		assert_int_equal(interrupts[i].fd, FD_VIRTIO_IRQ + (int)i);
		assert_int_equal(interrupts[i].value, 16 + i);
		for (unsigned j = 0; j <= i; j++, kick++) {
			assert_int_equal(kicks[kick].fd, FD_KICK + (int)(8 * i + j));
			assert_true(kicks[kick].address == 0xe0000050 + i * 0x1000);
			assert_int_equal(kicks[kick].value, j);
		}
		assert_int_equal(read_register(i, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
		assert_int_equal(read_register(i, VIRTIO_MMIO_DEVICE_ID), 2);
		assert_int_equal(read_register(i, VIRTIO_MMIO_CONFIG), 65536 / 512);
	}
	assert_int_equal(kick_count, kick);
	assert_int_equal(read_register(DEVICES_MAX, VIRTIO_MMIO_MAGIC_VALUE), 0);
}

static void a_failure_is_passed_on(void **state)
{
	(void)state;
	add_option(1);
	open_devices();
	for (failing = 0; failing < 2; failing++) {
		memset(&bus, 0, sizeof(bus));
		assert_false(devices_connect(&devices, &bus, NULL, &problem));
		assert_says(in_words(&problem), failing ? "ioeventfd" : "irqfd");
	}
	add_option(1)->path = "/nonexistent";
	memset(&devices, 0, sizeof(devices));
	assert_false(devices_open(&devices, &options, NULL, &ram, &problem));
	assert_mends(in_words(&problem), "/nonexistent");
}

/* Their workers never end. */
static int work_begins(void)
{
	static struct gate gate;

	gate_init(&gate, &jail);
	add_option(8);
	add_option(3);
	CHECK(devices_open(&devices, &options, NULL, &ram, &problem));
	CHECK(devices_start(&devices, &gate, programs, &problem));
	CHECK(devices.workers == 11 && gate.started == 11);
	CHECK(gate_await(&gate, &problem));
	for (unsigned i = 0; i < devices.workers; i++) {
		CHECK(devices.worker[i].slot == &devices.slot[i / 8]);
		CHECK(devices.worker[i].index == i % 8 && devices.worker[i].gate == &gate);
	}
	CHECK(gate_seal(&gate, &problem));
	CHECK(narrowed[0] == 8 && narrowed[1] == 3);
	gate_open(&gate, (lockdown_t){true});
	/* Each takes the kicks of its own queue; alarm(2) tells if it does not. */
	for (unsigned i = 0; i < 11; i++) {
		struct pollfd kick = {FD_KICK + (int)i, POLLIN, 0};
		atomic_ullong *kicks_seen = &devices.slot[i / 8].virtio->stat[STAT_KICKS];

		event_signal(kick.fd);
		while (atomic_load(kicks_seen) != i % 8 + 1)
			sched_yield();
		CHECK(poll(&kick, 1, 0) == 0);
	}
	return CHILD_PASSED;
}

static void a_worker_for_each_queue(void **state)
{
	(void)state;
	in_child(work_begins);
}

static int attach(const char *name)
{
	struct ifreq request;
	int fd = open("/dev/net/tun", O_RDWR);

	memset(&request, 0, sizeof(request));
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		return -1;
	return fd;
}

/* A disk, then NICs: one by name, two by descriptors. */
static int disks_and_nics(void)
{
	static struct gate gate;
	int inherited[3];
	unsigned kick = 0;

	if (!enter_own_network() || (inherited[0] = attach("second")) < 0)
		return CHILD_REFUSED;
	inherited[1] = attach("third");
	inherited[2] = attach("third");
	add_option(2);
	options.nets = 3;
	options.net[0] = (struct net_options){.tap = "first", .queues = 3};
	options.net[1] = (struct net_options){.fds = 1, .fd_number = {11}, .queues = 1};
	options.net[2] = (struct net_options){.fds = 2, .fd_number = {12, 13}, .queues = 2};
	CHECK(devices_open(&devices, &options, inherited, &ram, &problem));
	CHECK(devices.count == 4);
	CHECK(!strcmp(devices.slot[1].virtio->label, "first"));
	CHECK(!strcmp(devices.slot[2].virtio->label, "second"));
	CHECK(!strcmp(devices.slot[3].virtio->label, "third"));
	for (unsigned i = 1; i < 4; i++)
		for (unsigned j = 0; j < options.net[i - 1].queues; j++) {
			const struct virtio_net_pair *pair = &devices.slot[i].net.pair[j];

			CHECK(devices.slot[i].nic.queue[j].fd == FD_TAP + (int)(8 * i + j));
			CHECK(pair->kick_fd == FD_KICK + (int)(8 * i + j));
			CHECK(fcntl(pair->kick_fd, F_GETFL) & O_NONBLOCK);
		}
	CHECK(devices_connect(&devices, &bus, NULL, &problem));
	CHECK(interrupt_count == 4 && interrupts[3].value == 19);
	/* Queues of a NIC share their pair's: virtio 1.2 §5.1.2, receive, transmit, …, control. */
	CHECK(kick_count == 2 + 7 + 2 + 5);
	for (unsigned i = 1; i < 4; i++) {
		unsigned pairs = options.net[i - 1].queues, queues = pairs > 1 ? 2 * pairs + 1 : 2;

		for (unsigned j = 0; j < queues; j++) {
			const struct wire *wire = &kicks[2 + kick++];

			CHECK(wire->address == 0xe0000050 + i * 0x1000 && wire->value == j);
			CHECK(wire->fd == devices.slot[i].virtio->queue[j].kick_fd);
			CHECK(j == 2 * pairs || wire->fd == FD_KICK + (int)(8 * i + j / 2));
		}
		CHECK(read_register(i, VIRTIO_MMIO_DEVICE_ID) == 1);
	}
	gate_init(&gate, &jail);
	CHECK(devices_start(&devices, &gate, programs, &problem));
	CHECK(gate.started == 2 + 3 + 1 + 2);
	CHECK(gate_await(&gate, &problem) && gate_seal(&gate, &problem));
	CHECK(narrowed[0] == 2 && narrowed[1] == 3 && narrowed[2] == 1 && narrowed[3] == 2);
	return CHILD_PASSED;
}

static void nics_in_their_slots(void **state)
{
	(void)state;
	in_child(disks_and_nics);
}

/* --- freezing --- */

static atomic_bool frozen;

static void *freeze(void *unused)
{
	(void)unused;
	devices_freeze(&devices, 1);
	frozen = true;
	return NULL;
}

/* "Takes no more writes, and none is under way": a worker holds its queue's lock while it
 * serves. */
static void a_frozen_disk(void **state)
{
	const struct chain chain = {0};
	pthread_mutex_t *lock;
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		*add_option(1) = (struct disk_options){.path = i == 1 ? "ours" : disk_name,
						       .queues = 1,
						       .ephemeral = i != 1,
						       .scratch = i == 1 ? 65536 : 0};
	open_devices();
	lock = &devices.slot[1].virtio->queue[0].lock;
	frozen = false;
	assert_true(disk_write(&devices.slot[1].disk, 0, &chain, 0, 0));
	assert_int_equal(pthread_mutex_lock(lock), 0);
	assert_int_equal(pthread_create(&thread, NULL, freeze, NULL), 0);
	usleep(20000);
	assert_false(frozen || devices.slot[1].disk.read_only);
	assert_int_equal(pthread_mutex_unlock(lock), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(frozen);
	assert_false(disk_write(&devices.slot[1].disk, 0, &chain, 0, 0));
	assert_false(disk_zero(&devices.slot[1].disk, 0, 4096, true));
	assert_false(disk_discard(&devices.slot[1].disk, 0, 4096));
	assert_int_equal(pthread_mutex_trylock(lock), 0);
	assert_int_equal(pthread_mutex_unlock(lock), 0);
	/* That one alone. */
	assert_false(devices.slot[0].disk.read_only || devices.slot[2].disk.read_only);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEVICES_TEST(disks_in_their_slots),
		DEVICES_TEST(disks_on_the_bus),
		DEVICES_TEST(a_failure_is_passed_on),
		DEVICES_TEST(a_frozen_disk),
		DEVICES_TEST(a_worker_for_each_queue),
		DEVICES_TEST(nics_in_their_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
