/* An arm64 guest's devices are where its tree says, and none of them ends it. */
#define _GNU_SOURCE
#include "machine/arch.h"

#include <time.h>

#include "unit.h"

/* Not in the set of code that every test links. */
#include "machine.c"
#include "base/ram.h"

static struct bus bus;
static struct machine machine;
static struct ending ending;
static struct ram ram;
static struct uart console, channel;

static int set_up(void **state)
{
	struct problem problem;
	int event = make_event();

	(void)state;
	memset(&bus, 0, sizeof(bus));
	memset(&ending, 0, sizeof(ending));
	machine = (struct machine){&ending, &ram};
	uart_init(&console, event, event);
	uart_init(&channel, event, event);
	arch_add_devices(&bus, &machine, &console, &channel);
	return ram_reserve(&ram, MIB, ARCH_RAM, ARCH_HOLE_START, ARCH_HOLE_END, &problem) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	close(console.irq_fd);
	ram_release(&ram);
	return 0;
}

static void out(uint64_t address, unsigned size, uint64_t value)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	bus_access(&bus, BUS_MMIO, address, true, bytes, size);
}

static uint64_t in(uint64_t address, unsigned size)
{
	uint8_t bytes[8] = {0};
	uint64_t value = 0;

	memset(bytes, 0xee, size);
	bus_access(&bus, BUS_MMIO, address, false, bytes, size);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

static void each_uart_at_its_address(void **state)
{
	(void)state;
	out(0x09000007, 1, 0x11); /* scratch registers */
	out(0x09001007, 1, 0x22);
	assert_int_equal(console.state.scr, 0x11);
	assert_int_equal(channel.state.scr, 0x22);
	assert_int_equal(in(0x09000007, 1), 0x11);
	assert_int_equal(in(0x09001007, 1), 0x22);
	out(0x09000000, 1, 'x');
	assert_int_equal(console.state.tx_count, 1);
	assert_int_equal(channel.state.tx_count, 0);
	out(0x09001000, 1, 'y');
	assert_int_equal(console.state.tx_count, 1);
	assert_int_equal(channel.state.tx_count, 1);
	assert_int_equal(console.state.tx[0], 'x');
	assert_int_equal(channel.state.tx[0], 'y');
}

/* Behind the eight registers nothing answers; in particular, they do not repeat. */
static void uarts_end_after_their_registers(void **state)
{
	(void)state;
	for (uint64_t at = 8; at < 0x1000; at++) {
		out(0x09000000 + at, 1, 0x33);
		out(0x09001000 + at, 1, 0x33);
		assert_each(in(0x09000000 + at, 1) == 0, "answers", at);
		assert_each(in(0x09001000 + at, 1) == 0, "answers", at);
	}
	assert_int_equal(console.state.tx_count + channel.state.tx_count, 0);
	assert_int_equal(console.state.scr | channel.state.scr, 0);
}

/* The data register, in whatever piece: seconds since 1970. */
static void the_clock(void **state)
{
	uint64_t before = (uint64_t)time(NULL);
	uint64_t whole = in(0x09002000, 4);
	uint64_t with_match = in(0x09002000, 8); /* and the match register, which is 0 */

	(void)state;
	assert_true(whole >= before && whole <= (uint64_t)time(NULL));
	assert_true(with_match >= whole && with_match <= (uint64_t)time(NULL));
	assert_int_equal(in(0x09002002, 2), whole >> 16);
	assert_int_equal(in(0x09002003, 1), whole >> 24);
}

/* Registers have 32 bits: in pieces, the time might change from one to the next. */
static void the_clocks_registers_are_read_whole(void **state)
{
	unsigned found = 0;

	(void)state;
	for (unsigned i = 0; i < bus.count; i++)
		if (bus.device[i].base == 0x09002000) {
			assert_int_equal(bus.device[i].size, 0x1000);
			assert_int_equal(bus.device[i].width, 4);
			found++;
		}
	assert_int_equal(found, 1);
}

/* RTCPeriphID and RTCPCellID, as Linux reads them: a byte of each word (drivers/amba/bus.c). */
static void the_clocks_name(void **state)
{
	static const uint8_t golden[] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

	(void)state;
	for (unsigned i = 0; i < COUNT(golden); i++) {
		assert_int_equal(in(0x09002fe0 + 4 * i, 4), golden[i]);
		assert_int_equal(in(0x09002fe0 + 4 * i, 1), golden[i]);
	}
	assert_true(in(0x09002ff8, 8) == 0xb100000005);
	/* The last word, and what is behind the device. */
	assert_true(in(0x09002ffc, 8) == 0xb1);
	assert_int_equal(in(0x09003000, 4), 0);
}

static void the_clock_cannot_be_set(void **state)
{
	uint64_t before = (uint64_t)time(NULL);

	(void)state;
	for (unsigned at = 0; at < 0x1000; at += 4) {
		out(0x09002000 + at, 4, 0);
		out(0x09002000 + at, 8, UINT64_MAX);
	}
	assert_true(in(0x09002000, 4) >= before && in(0x09002000, 4) <= (uint64_t)time(NULL));
	assert_int_equal(in(0x0900200c, 4), 1); /* RTCCR: it still runs */
	assert_int_equal(in(0x09002004, 4), 0); /* RTCMR */
	assert_int_equal(in(0x09002010, 4), 0); /* RTCIMSC */
}

/* There are no ports on arm64, and nothing has an address that was not asked for. */
static void devices_are_in_memory_space_only(void **state)
{
	uint8_t byte = 0x44;

	(void)state;
	assert_int_equal(bus.count, 3);
	for (unsigned i = 0; i < bus.count; i++) {
		bus_access(&bus, BUS_PORT, bus.device[i].base + 7, true, &byte, 1);
		assert_int_equal(bus.device[i].space, BUS_MMIO);
	}
	assert_int_equal(console.state.scr | channel.state.scr, 0);
	out(ARCH_RAM, 8, UINT64_MAX);
	assert_true(in(ARCH_RAM, 8) == 0);
}

/* What ends a guest is PSCI, which is no access to a device. */
static void no_access_ends_it(void **state)
{
	(void)state;
	for (uint64_t address = 0x08ffff00; address < 0x09004000; address++)
		if (address % 0x1000 || address == 0x09002000) /* else the transmitters fill up */
			out(address, 1, 0xfe);
	for (uint64_t address = 0; address < 0x40000000; address += 0x10001)
		out(address, 8, UINT64_MAX);
	assert_int_equal(ending_cause(&ending), END_NONE);
}

#define MACHINE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(each_uart_at_its_address),
		MACHINE_TEST(uarts_end_after_their_registers),
		MACHINE_TEST(the_clock),
		MACHINE_TEST(the_clocks_registers_are_read_whole),
		MACHINE_TEST(the_clocks_name),
		MACHINE_TEST(the_clock_cannot_be_set),
		MACHINE_TEST(devices_are_in_memory_space_only),
		MACHINE_TEST(no_access_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
