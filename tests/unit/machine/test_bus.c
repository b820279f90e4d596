/* The bus: who gets which byte of an access. */
#define _GNU_SOURCE
#include "machine/bus.h"

#include <signal.h>
#include <sys/wait.h>

#include "unit.h"

/* A device that remembers: reading offset N gives base + N. */
struct recorder {
	uint8_t base;
	unsigned reads, writes;
	unsigned last_offset, last_size;
	uint8_t written[16];
};

static uint32_t recorder_read(void *device, unsigned offset, unsigned size)
{
	struct recorder *recorder = device;
	uint32_t value = 0;

	recorder->reads++;
	recorder->last_offset = offset;
	recorder->last_size = size;
	for (unsigned i = 0; i < 4; i++) /* more than was asked for */
		value |= (uint32_t)(uint8_t)(recorder->base + offset + i) << (8 * i);
	return value;
}

static void recorder_write(void *device, unsigned offset, unsigned size, uint32_t value)
{
	struct recorder *recorder = device;

	recorder->writes++;
	recorder->last_offset = offset;
	recorder->last_size = size;
	for (unsigned i = 0; i < size; i++)
		recorder->written[(offset + i) % 16] = (uint8_t)(value >> (8 * i));
}

struct fixture {
	struct bus bus;
	struct recorder low, high, memory, wide;
};

/* Two devices side by side at ports 0x3f8 and 0x400, one in memory, and one that takes 32 bits
 * at once. */
static struct fixture *setup(void)
{
	static struct fixture fixture;

	fixture = (struct fixture){.low = {.base = 0x10},
				   .high = {.base = 0x80},
				   .memory = {.base = 0xc0},
				   .wide = {.base = 0x20}};
	const struct bus_device devices[] = {
		{BUS_PORT, 0x3f8, 8, 1, &fixture.low, recorder_read, recorder_write},
		{BUS_PORT, 0x400, 4, 1, &fixture.high, recorder_read, recorder_write},
		{BUS_MMIO, 0xfed00000, 16, 1, &fixture.memory, recorder_read, recorder_write},
		{BUS_MMIO, 0xe0000000, 14, 4, &fixture.wide, recorder_read, recorder_write},
	};

	for (unsigned i = 0; i < COUNT(devices); i++)
		bus_add(&fixture.bus, &devices[i]);
	return &fixture;
}

static void a_byte_reaches_its_device(void **state)
{
	struct fixture *f = setup();
	uint8_t byte = 0x42;

	(void)state;
	bus_access(&f->bus, BUS_PORT, 0x3ff, true, &byte, 1);
	assert_int_equal(f->low.writes, 1);
	assert_int_equal(f->low.last_offset, 7);
	assert_int_equal(f->low.written[7], 0x42);
	bus_access(&f->bus, BUS_PORT, 0x3f8, false, &byte, 1);
	assert_int_equal(f->low.reads, 1);
	assert_int_equal(f->low.last_offset, 0);
	assert_int_equal(byte, 0x10);
	assert_int_equal(f->high.reads + f->high.writes + f->memory.reads + f->memory.writes, 0);
}

static void a_wide_access_is_split(void **state)
{
	struct fixture *f = setup();
	uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	for (unsigned size = 1; size <= 8; size *= 2) {
		f->memory = (struct recorder){.base = 0xc0};
		bus_access(&f->bus, BUS_MMIO, 0xfed00004, true, data, size);
		assert_int_equal(f->memory.writes, size);
		/* Little-endian: the first byte goes to the lowest address. */
		assert_memory_equal(f->memory.written + 4, data, size);
	}
	bus_access(&f->bus, BUS_MMIO, 0xfed00008, false, data, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(data[i], 0xc8 + i);
	assert_int_equal(f->memory.reads, 8);
}

static void a_wide_device_gets_up_to_its_width_at_once(void **state)
{
	struct fixture *f = setup();
	uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	for (unsigned size = 1; size <= 4; size *= 2) {
		f->wide = (struct recorder){.base = 0x20};
		bus_access(&f->bus, BUS_MMIO, 0xe0000004, true, data, size);
		assert_int_equal(f->wide.writes, 1);
		assert_int_equal(f->wide.last_offset, 4);
		assert_int_equal(f->wide.last_size, size);
		assert_memory_equal(f->wide.written + 4, data, size);
	}
	bus_access(&f->bus, BUS_MMIO, 0xe0000000, true, data, 8);
	assert_int_equal(f->wide.writes, 3);
	assert_memory_equal(f->wide.written, data, 8);
	bus_access(&f->bus, BUS_MMIO, 0xe0000001, false, data, 8);
	assert_int_equal(f->wide.reads, 2);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(data[i], 0x21 + i);
}

/* The device is 14 bytes long. */
static void a_wide_access_ends_with_the_device(void **state)
{
	struct fixture *f = setup();
	uint8_t data[4] = {0xaa, 0xbb, 0xcc, 0xdd};

	(void)state;
	bus_access(&f->bus, BUS_MMIO, 0xe000000b, true, data, 4);
	assert_int_equal(f->wide.writes, 1);
	assert_int_equal(f->wide.last_size, 3);
	bus_access(&f->bus, BUS_MMIO, 0xe000000b, false, data, 4);
	assert_int_equal(data[2], 0x2d);
	assert_int_equal(data[3], 0);
	bus_access(&f->bus, BUS_MMIO, 0xdffffffe, false, data, 4);
	assert_int_equal(data[0] | data[1], 0);
	assert_int_equal(data[2], 0x20);
	assert_int_equal(f->wide.last_size, 2);
}

static void an_access_may_straddle_two_devices(void **state)
{
	struct fixture *f = setup();
	uint8_t data[4] = {0xaa, 0xbb, 0xcc, 0xdd};

	(void)state;
	bus_access(&f->bus, BUS_PORT, 0x3fe, true, data, 4);
	assert_int_equal(f->low.writes, 2);
	assert_int_equal(f->low.written[6], 0xaa);
	assert_int_equal(f->low.written[7], 0xbb);
	assert_int_equal(f->high.writes, 2);
	assert_int_equal(f->high.written[0], 0xcc);
	assert_int_equal(f->high.written[1], 0xdd);
	bus_access(&f->bus, BUS_PORT, 0x3fe, false, data, 4);
	assert_int_equal(data[1], 0x17);
	assert_int_equal(data[2], 0x80);
}

static void what_nobody_claims_reads_as_zero(void **state)
{
	struct fixture *f = setup();
	uint8_t data[4];

	(void)state;
	memset(data, 0xff, sizeof(data));
	bus_access(&f->bus, BUS_PORT, 0x60, false, data, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(data[i], 0);
	/* The last two bytes lie above the device. */
	memset(data, 0xff, sizeof(data));
	bus_access(&f->bus, BUS_PORT, 0x402, false, data, 4);
	assert_int_equal(data[1], 0x83);
	assert_int_equal(data[2], 0);
	assert_int_equal(data[3], 0);
	/* And the first two below. */
	memset(data, 0xff, sizeof(data));
	bus_access(&f->bus, BUS_PORT, 0x3f6, false, data, 4);
	assert_int_equal(data[0], 0);
	assert_int_equal(data[1], 0);
	assert_int_equal(data[2], 0x10);
}

static void what_nobody_claims_takes_writes(void **state)
{
	struct fixture *f = setup();
	uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8}, before[8];

	(void)state;
	memcpy(before, data, sizeof(data));
	bus_access(&f->bus, BUS_PORT, 0x60, true, data, 8);
	bus_access(&f->bus, BUS_MMIO, 0, true, data, 8);
	bus_access(&f->bus, BUS_MMIO, UINT64_MAX - 3, true, data, 8);
	assert_int_equal(f->low.writes + f->high.writes + f->memory.writes, 0);
	assert_memory_equal(data, before, sizeof(data));
}

static void the_spaces_are_two(void **state)
{
	struct fixture *f = setup();
	uint8_t byte = 0xff;

	(void)state;
	bus_access(&f->bus, BUS_MMIO, 0x3f8, false, &byte, 1);
	assert_int_equal(byte, 0);
	bus_access(&f->bus, BUS_PORT, 0xfed00000, false, &byte, 1);
	assert_int_equal(byte, 0);
	assert_int_equal(f->low.reads + f->memory.reads, 0);
}

static void an_access_beyond_the_last_port_finds_nothing(void **state)
{
	struct fixture *f = setup();
	const struct bus_device first = {BUS_PORT, 0, 1, 1, &f->low, recorder_read, recorder_write};
	uint8_t data[4] = {1, 2, 3, 4};

	(void)state;
	bus_add(&f->bus, &first);
	bus_access(&f->bus, BUS_PORT, 0xffff, true, data, 4);
	assert_int_equal(f->low.writes, 0);
}

/* An overflow of the table is a bug of ours that start-up must not survive. */
static void a_full_table_traps(void **state)
{
	struct fixture *f = setup();
	const struct bus_device device = f->bus.device[0];
	int status = 0;

	(void)state;
	while (f->bus.count < BUS_DEVICES_MAX)
		bus_add(&f->bus, &device);
	pid_t child = fork();
	if (child == 0) {
		signal(SIGILL, SIG_DFL);
		bus_add(&f->bus, &device);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_byte_reaches_its_device),
		cmocka_unit_test(a_wide_access_is_split),
		cmocka_unit_test(a_wide_device_gets_up_to_its_width_at_once),
		cmocka_unit_test(a_wide_access_ends_with_the_device),
		cmocka_unit_test(an_access_may_straddle_two_devices),
		cmocka_unit_test(what_nobody_claims_reads_as_zero),
		cmocka_unit_test(what_nobody_claims_takes_writes),
		cmocka_unit_test(the_spaces_are_two),
		cmocka_unit_test(an_access_beyond_the_last_port_finds_nothing),
		cmocka_unit_test(a_full_table_traps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
