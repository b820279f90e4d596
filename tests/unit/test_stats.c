/* The guest's devices, wired to a KVM that writes down what it is told, and what --stats says of them. */
#define _GNU_SOURCE
#include "stats.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "arch_layout.h"
#include "base/bytes.h"
#include "devices/event.h"
#include "base/fdplan.h"
#include "child.h"
#include "rules.h"

/* Not in the set of code that every test links. */
#include "sandbox/gate.c"
#include "stats.c"
#include "machine/devices.c"

static struct devices devices;
static struct options options;
static struct problem problem;
static struct ram ram;
static struct bus bus;
static char disk_name[32], output[65536];

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

/* Of no layer, unless a test says so. */
static struct jail walls;

static void without_walls(void)
{
	for (unsigned i = 0; i < JAIL_LAYERS; i++)
		walls.missing[i] = -1;
}

static int set_up(void **state)
{
	int memory = memfd_create("disk", 0);

	(void)state;
	memset(&devices, 0, sizeof(devices));
	memset(&options, 0, sizeof(options));
	memset(&bus, 0, sizeof(bus));
	interrupt_count = kick_count = 0;
	failing = -1;
	problem_clear(&problem);
	without_walls();
	snprintf(disk_name, sizeof(disk_name), "/proc/self/fd/%d", memory);
	if (memory < 0 || ftruncate(memory, 65536) < 0)
		return -1;
	return ram_reserve(&ram, 16 * MIB, 0, 3 * GIB, 4 * GIB, &problem) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	ram_release(&ram);
	close(atoi(disk_name + strlen("/proc/self/fd/")));
	for (int fd = FD_STATS; fd < FD_END; fd++)
		close(fd);
	return 0;
}

static struct disk_options *add_option(unsigned queues)
{
	struct disk_options *disk = &options.disk[options.disks++];

	*disk = (struct disk_options){.path = disk_name, .queues = queues, .read_only = true};
	return disk;
}

static void open_devices(void)
{
	if (!devices_open(&devices, &options, NULL, &ram, &problem))
		fail_msg("%s", in_words(&problem));
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

#define CHECK(condition)                                                              \
	do {                                                                          \
		if (!(condition)) {                                                   \
			dprintf(STDERR_FILENO, "%d: %s (%s)\n", __LINE__, #condition, \
				in_words(&problem));                                        \
			return CHILD_FAILED;                                          \
		}                                                                     \
	} while (0)

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

/* --- stats --- */

static struct stats stats;

static bool write_stats(int code)
{
	stats.jail = &walls;
	stats.devices = &devices;
	stats.ending = "workload";
	stats.code = code;
	return stats_write(&stats);
}

/* The part of the output behind what differs from run to run. */
static const char *from_phases(const char *text)
{
	const char *phases = strstr(text, " \"phases_us\"");

	assert_non_null(phases);
	return phases;
}

/* Opens PATH, writes and gives what the file has then. */
static const char *written(const char *path, int code)
{
	int fd;
	ssize_t size;

	if (!stats_open(path, &problem))
		fail_msg("%s", in_words(&problem));
	assert_int_equal(fcntl(FD_STATS, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(FD_PEAK, F_GETFD), FD_CLOEXEC);
	assert_true(stats_begin(path, &problem));
	assert_true(write_stats(code));
	close(FD_STATS);
	fd = open(path, O_RDONLY);
	size = read(fd, output, sizeof(output) - 1);
	close(fd);
	assert_true(size >= 0);
	output[size] = '\0';
	return output;
}

/* Four hexadecimal digits. */
static const char *skip_escape(const char *text)
{
	assert_int_equal(*text, 'u');
	assert_true(strspn(text + 1, "0123456789abcdef") >= 4);
	return text + 5;
}

/* RFC 8259, as far as --stats needs it: the end of the value at TEXT, or the test fails. */
static const char *skip_json(const char *text)
{
	static const char blanks[] = " \n\r\t";
	char close = *text == '{' ? '}' : ']';

	if (*text == '"') {
		for (text++; *text != '"';) {
			assert_true((unsigned char)*text >= ' ');
			text = *text == '\\' ? skip_escape(text + 1) : text + 1;
		}
		return text + 1;
	}
	if (*text != '{' && *text != '[') {
		assert_true(*text >= '0' && *text <= '9');
		assert_true(text[0] != '0' || text[1] < '0' || text[1] > '9');
		return text + strspn(text, "0123456789");
	}
	text += 1 + strspn(text + 1, blanks);
	while (*text != close) {
		if (close == '}') {
			assert_int_equal(*text, '"');
			text = skip_json(text);
			assert_int_equal(*text, ':');
			text += 1 + strspn(text + 1, blanks);
		}
		text = skip_json(text);
		text += strspn(text, blanks);
		assert_true(*text == ',' || *text == close);
		if (*text == ',') {
			text += 1 + strspn(text + 1, blanks);
			assert_true(*text != close);
		}
	}
	return text + 1;
}

static const char *assert_json(const char *text)
{
	assert_string_equal(skip_json(text), "\n");
	return text;
}

static char stats_name[] = "/tmp/mayfly-test-XXXXXX";

static void no_devices(void **state)
{
	(void)state;
	assert_string_equal(from_phases(written(stats_name, 0)),
			    " \"phases_us\": {\"begin\": 0},\n \"exits\": {\"all\": 0, \"io\": 0, "
			    "\"mmio\": 0, \"interrupted\": 0, \"last\": 0},\n \"jail\": [],\n "
			    "\"options\": [],\n "
			    "\"devices\": []}\n");
	assert_json(output);
	assert_says(output, "{\"schema\": 1, \"version\": \"1.2.3\", \"exit_code\": 0,\n \"end\": "
			    "\"workload\", \"peak_rss_kib\": ");
	assert_says(written(stats_name, 255), "\"exit_code\": 255,");
}

static void a_whole_life(void **state)
{
	char *const options_given[] = {(char[]){"--kernel=a\"b"}, (char[]){"--env=KEY=secret"},
				       (char[]){"--verbose"}, NULL};

	(void)state;
	for (unsigned i = 0; i < PHASES; i++)
		stats.at[i] = i == PHASE_STARTED ? 0 : 1000 + 10 * i;
	for (unsigned i = 0; i < EXIT_KINDS; i++)
		stats.exits[i] = i + 1;
	stats.options = options_given;
	/* One that was not asked for, and others that the host lacks, are not there. */
	walls.missing[JAIL_ROOT] = EPERM;
	walls.missing[JAIL_LIMITS] = EINVAL;
	walls.missing[JAIL_USER] = walls.missing[JAIL_LANDLOCK] = 0;
	assert_string_equal(from_phases(written(stats_name, 0)),
			    " \"phases_us\": {\"begin\": 0, \"kvm_ready\": 10, \"loaded\": 20, "
			    "\"locked_down\": 30, \"init_reached\": 40, \"workload_ended\": 60, "
			    "\"exit\": 70},\n \"exits\": {\"all\": 10, \"io\": 1, \"mmio\": 2, "
			    "\"interrupted\": 3, \"last\": 4},\n "
			    "\"jail\": [\"user-ns\", \"landlock\"],\n \"options\": "
			    "[\"--kernel=a\\u0022b\", \"--verbose\"],\n \"devices\": []}\n");
	assert_json(output);
	stats = (struct stats){0};
}

/* It keeps what is in it, and its place. */
static void a_descriptor_of_the_users(void **state)
{
	int fd = memfd_create("stats", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, "before\n", 7), 7);
	assert_true(stats_take(dup(fd), &problem));
	assert_true(stats_begin("fd:9", &problem));
	assert_true(write_stats(0));
	close(FD_STATS);
	taken = false;
	ssize_t size = pread(fd, output, sizeof(output) - 1, 0);
	output[size > 0 ? size : 0] = '\0';
	close(fd);
	assert_memory_equal(output, "before\n", 7);
	assert_json(output + 7);
}

static void every_counter(void **state)
{
	(void)state;
	add_option(1);
	add_option(1);
	open_devices();
	for (unsigned i = 0; i < STATS; i++)
		atomic_store(&devices.slot[0].virtio->stat[i], i + 100);
	devices.slot[0].virtio->label = "a.img";
	devices.slot[1].virtio->label = "b.img";
	atomic_store(&devices.slot[1].virtio->stat[STAT_OUT_BYTES], UINT64_MAX);
	assert_string_equal(
		strstr(written(stats_name, 3), " \"devices\""),
		" \"devices\": [\n"
		"  {\"kind\": \"disk\", \"name\": \"a.img\", \"reads\": 100, \"read_bytes\": 101, "
		"\"writes\": 102, \"written_bytes\": 103, \"others\": 104, \"errors\": 105, "
		"\"kicks\": 106, \"interrupts\": 107, \"interrupts_suppressed\": 108},\n"
		"  {\"kind\": \"disk\", \"name\": \"b.img\", \"reads\": 0, \"read_bytes\": 0, "
		"\"writes\": 0, \"written_bytes\": 18446744073709551615, \"others\": 0, "
		"\"errors\": 0, \"kicks\": 0, \"interrupts\": 0, \"interrupts_suppressed\": 0}]}\n");
	assert_json(output);
}

static void odd_names(void **state)
{
	static const struct {
		const char *name, *quoted;
	} names[] = {
		{"", "\"\""},
		{"a b/c.img", "\"a b/c.img\""},
		{"say \"hi\"", "\"say \\u0022hi\\u0022\""},
		{"back\\slash", "\"back\\u005cslash\""},
		{"a\nb\tc\x01\x1f", "\"a\\u000ab\\u0009c\\u0001\\u001f\""},
		{"\x7f", "\"\x7f\""},
		{"%s%n", "\"%s%n\""},
		{"M\xc3\xbcll \xe2\x82\xac", "\"M\xc3\xbcll \xe2\x82\xac\""},
	};

	(void)state;
	add_option(1);
	open_devices();
	for (unsigned i = 0; i < COUNT(names); i++) {
		devices.slot[0].virtio->label = names[i].name;
		assert_says(assert_json(written(stats_name, 0)), names[i].quoted);
	}
}

/* More than fits into one piece, cut at every place. */
static void long_names(void **state)
{
	static char name[4200];

	(void)state;
	for (unsigned i = 0; i < DEVICES_MAX; i++)
		add_option(1);
	open_devices();
	for (unsigned length = 0; length < sizeof(name); length += length < 3990 ? 190 : 3) {
		memset(name, 'n', length);
		name[length] = '\0';
		for (unsigned i = 0; i < DEVICES_MAX; i++)
			devices.slot[i].virtio->label = name;
		assert_json(written(stats_name, 0));
		unsigned count = 0;
		for (const char *at = output; (at = strstr(at, "\"name\": \"")); count++) {
			at += 9;
			assert_int_equal(strspn(at, "n"), length);
			assert_int_equal(at[length], '"');
		}
		assert_int_equal(count, DEVICES_MAX);
	}
}

static void old_content_is_replaced(void **state)
{
	FILE *file = fopen(stats_name, "w");

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		fputs("old content\n", file);
	fclose(file);
	/* Until the guest is about to run it stays, … */
	assert_true(stats_open(stats_name, &problem));
	assert_int_equal(lseek(FD_STATS, 0, SEEK_END), 12000);
	/* … and no longer. */
	assert_true(stats_begin(stats_name, &problem));
	assert_int_equal(lseek(FD_STATS, 0, SEEK_END), 0);
	close(FD_STATS);
	assert_json(written(stats_name, 0));
	/* Twice, in one process, is once. */
	size_t length = strlen(output);
	assert_int_equal(strlen(assert_json(written(stats_name, 0))), length);
}

/* A full disk is no regular end: the caller says it (errno). In a child: it is final. */
static int on_a_full_disk(void)
{
	CHECK(stats_open("/dev/full", &problem) && stats_begin("/dev/full", &problem));
	CHECK(!write_stats(0));
	return errno == ENOSPC ? CHILD_PASSED : CHILD_FAILED;
}

static int on_a_full_disk_late(void)
{
	static char name[4096];

	memset(name, 'n', sizeof(name) - 1);
	add_option(1);
	add_option(1);
	CHECK(devices_open(&devices, &options, NULL, &ram, &problem));
	devices.slot[0].virtio->label = devices.slot[1].virtio->label = name;
	CHECK(stats_open("/dev/full", &problem) && stats_begin("/dev/full", &problem));
	CHECK(!write_stats(0));
	return errno == ENOSPC ? CHILD_PASSED : CHILD_FAILED;
}

static void a_full_disk(void **state)
{
	(void)state;
	in_child(on_a_full_disk);
	in_child(on_a_full_disk_late);
}

static int on_no_descriptor(void)
{
	CHECK(!write_stats(0));
	return errno == EBADF ? CHILD_PASSED : CHILD_FAILED;
}

/* What cannot be emptied: nothing to empty, or a descriptor that was lost. */
static void what_is_no_file(void **state)
{
	int ends[2];

	(void)state;
	assert_true(stats_open("/dev/null", &problem));
	assert_true(stats_begin("/dev/null", &problem));
	assert_true(write_stats(0));
	close(FD_STATS);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], FD_STATS), FD_STATS);
	close(ends[1]);
	assert_true(stats_begin("a pipe", &problem));
	assert_true(write_stats(0));
	close(FD_STATS);
	ssize_t size = read(ends[0], output, sizeof(output) - 1);
	output[size > 0 ? size : 0] = '\0';
	assert_json(output);
	close(ends[0]);
	/* FD_STATS is closed. */
	in_child(on_no_descriptor);
	assert_false(stats_begin("a.json", &problem));
	assert_mends(in_words(&problem), "cannot empty a.json: Bad file descriptor");
}

static void what_cannot_be_opened(void **state)
{
	static const char *const wrong[] = {"/tmp", "/nonexistent/file", "/dev/null/x"};

	(void)state;
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		assert_false(stats_open(wrong[i], &problem));
		assert_mends(in_words(&problem), wrong[i]);
		assert_says(in_words(&problem), "(give --stats a file that can be written)");
	}
}

/* The disk's own file, or another VM's: its content is worth more than counters. */
static void a_file_that_is_a_disk(void **state)
{
	struct stat stat;

	(void)state;
	for (unsigned read_only = 0; read_only < 2; read_only++) {
		options.disks = 0;
		add_option(1)->read_only = read_only;
		memset(&devices, 0, sizeof(devices));
		open_devices();
		assert_false(stats_open(disk_name, &problem));
		assert_mends(in_words(&problem), disk_name);
		assert_says(in_words(&problem), "in use");
		assert_int_equal(fcntl(FD_STATS, F_GETFD), -1);
		assert_int_equal(fstat(FD_DISK, &stat), 0);
		assert_int_equal(stat.st_size, 65536);
		close(FD_DISK);
	}
}

/* Nobody waits for the other end; alarm(2) would tell. */
static void a_fifo(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "%s.fifo", stats_name);
	assert_int_equal(mkfifo(name, 0600), 0);
	alarm(20);
	assert_false(stats_open(name, &problem));
	assert_mends(in_words(&problem), name);
	assert_says(in_words(&problem), strerror(ENXIO));
	int reader = open(name, O_RDONLY | O_NONBLOCK);
	bool opened = stats_open(name, &problem) && stats_begin(name, &problem);
	unlink(name);
	assert_true(opened);
	assert_true(write_stats(0));
	alarm(0);
	ssize_t size = read(reader, output, sizeof(output) - 1);
	output[size > 0 ? size : 0] = '\0';
	assert_json(output);
	close(reader);
}

/* Nothing is emptied, or asked of the kernel by another call, when the VM has ended. */
static void what_is_allowed(void **state)
{
	static const struct rule rules[] = {{SYS_write, FD_STATS, ANY}, {SYS_read, FD_PEAK, ANY}};

	(void)state;
	stats_allow(list_anew());
	assert_rules(&listed, rules, COUNT(rules));
}

static unsigned long long peak_written(void)
{
	const char *peak = strstr(output, "\"peak_rss_kib\": ");

	assert_non_null(peak);
	return strtoull(peak + 16, NULL, 10);
}

/* What FD_PEAK says when all is over, and nothing else. */
static void the_peak(void **state)
{
	static const struct {
		const char *status;
		unsigned long long peak;
	} cases[] = {
		{"Name:\tx\nVmPeak:\t    9 kB\nVmHWM:\t  123456 kB\nVmRSS:\t 7 kB\n", 123456},
		{"VmHWM:\t       0 kB\n", 0},
		{"Name:\tx\n", 0},
		{"", 0},
	};
	unsigned long long peak = 0;
	char line[256];

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		int fd = memfd_create("status", MFD_CLOEXEC);

		assert_true(stats_open(stats_name, &problem) && stats_begin(stats_name, &problem));
		assert_true(write(fd, cases[i].status, strlen(cases[i].status)) >= 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(dup2(fd, FD_PEAK), FD_PEAK);
		close(fd);
		assert_true(write_stats(0));
		close(FD_STATS);
		fd = open(stats_name, O_RDONLY);
		ssize_t size = read(fd, output, sizeof(output) - 1);
		output[size > 0 ? size : 0] = '\0';
		close(fd);
		assert_json(output);
		assert_each(peak_written() == cases[i].peak, "case", i);
	}
	/* Our own, which can only have grown since. */
	written(stats_name, 0);
	FILE *status = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof(line), status))
		sscanf(line, "VmHWM: %llu kB", &peak);
	fclose(status);
	assert_in_range(peak_written(), peak / 2, peak);
}

/* An independent reader's opinion, where there is one. */
static void python_reads_it(void **state)
{
	char command[128];

	(void)state;
	if (system("python3 -c pass >/dev/null 2>&1")) {
		print_message("skipped: no python3\n");
		skip();
	}
	add_option(1);
	open_devices();
	devices.slot[0].virtio->label = "a\"b\\c\nd\x01 \xe2\x82\xac";
	written(stats_name, 7);
	snprintf(command, sizeof(command), "python3 -m json.tool %s >/dev/null", stats_name);
	assert_int_equal(system(command), 0);
}

static int make_file(void **state)
{
	int fd = mkstemp(stats_name);

	(void)state;
	close(fd);
	return fd < 0 ? -1 : 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(stats_name);
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

/* "Takes no more writes, and none is under way": a worker holds its queue's lock while it serves. */
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

#define DEVICES_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEVICES_TEST(disks_in_their_slots),
		DEVICES_TEST(disks_on_the_bus),
		DEVICES_TEST(a_failure_is_passed_on),
		DEVICES_TEST(a_frozen_disk),
		DEVICES_TEST(a_worker_for_each_queue),
		DEVICES_TEST(nics_in_their_slots),
		DEVICES_TEST(no_devices),
		DEVICES_TEST(a_whole_life),
		DEVICES_TEST(a_descriptor_of_the_users),
		DEVICES_TEST(every_counter),
		DEVICES_TEST(odd_names),
		DEVICES_TEST(long_names),
		DEVICES_TEST(old_content_is_replaced),
		DEVICES_TEST(a_full_disk),
		DEVICES_TEST(what_is_no_file),
		DEVICES_TEST(what_cannot_be_opened),
		DEVICES_TEST(a_file_that_is_a_disk),
		DEVICES_TEST(a_fifo),
		DEVICES_TEST(what_is_allowed),
		DEVICES_TEST(the_peak),
		DEVICES_TEST(python_reads_it),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
