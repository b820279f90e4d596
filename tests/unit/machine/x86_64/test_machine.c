/* How an x86-64 guest turns itself off, and that its devices are where its tables say. */
#define _GNU_SOURCE
#include "machine/arch.h"

#include "tables/acpi.h"
#include "unit.h"

/* Not in the set of code that every test links. */
#include "machine.c"

static struct bus bus;
static struct machine machine;
static struct ending ending;
static struct ram ram;
static struct uart com1, com2;

static int set_up(void **state)
{
	struct problem problem;
	int event = make_event();

	(void)state;
	memset(&bus, 0, sizeof(bus));
	memset(&ending, 0, sizeof(ending));
	machine = (struct machine){&ending, &ram};
	uart_init(&com1, event, event);
	uart_init(&com2, event, event);
	arch_add_devices(&bus, &machine, &com1, &com2);
	return ram_reserve(&ram, MIB, 0, 3 * GIB, 4 * GIB, &problem) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	close(com1.irq_fd);
	ram_release(&ram);
	return 0;
}

static void out8(uint16_t port, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	bus_access(&bus, BUS_PORT, port, true, &byte, 1);
}

static uint8_t in8(uint16_t port)
{
	uint8_t byte = 0xff;

	bus_access(&bus, BUS_PORT, port, false, &byte, 1);
	return byte;
}

/* Every value but one is ignored at PORT. */
static void assert_only(uint16_t port, unsigned right, enum end_cause cause)
{
	for (unsigned value = 0; value < 256; value++)
		if (value != right) {
			out8(port, value);
			assert_each(ending_cause(&ending) == END_NONE, "ended by", value);
		}
	out8(port, right);
	assert_int_equal(ending_cause(&ending), cause);
}

/* The keyboard controller's pulse of the reset line: Linux's reboot=k. */
static void reset_by_the_keyboard_controller(void **state)
{
	(void)state;
	assert_only(0x64, 0xfe, END_RESET);
}

static void reset_by_acpi(void **state)
{
	(void)state;
	assert_only(0x600, 0x01, END_RESET);
}

/* ACPI 6.4 §4.8.3.7: SLP_TYPx is bits 4–2, SLP_EN bit 5; the other bits are reserved. */
static void off_by_acpi(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		bool off = (value & 0x20) && (value >> 2 & 7) == ACPI_S5_TYPE;

		memset(&ending, 0, sizeof(ending));
		out8(0x601, value);
		assert_each((ending_cause(&ending) == END_POWER_OFF) == off, "wrong answer to",
			    value);
		assert_each(off || ending_cause(&ending) == END_NONE, "ended by", value);
	}
}

/* reboot=panic_warm: a kernel that panicked asks for a warm boot, 0x1234 at 0x472. */
static void a_reset_after_a_panic(void **state)
{
	static const struct {
		uint8_t flag[2];
		enum end_cause cause;
	} cases[] = {{{0x34, 0x12}, END_PANIC}, {{0, 0}, END_RESET}, {{0x12, 0x34}, END_RESET},
		     {{0x34, 0}, END_RESET}, {{0, 0x12}, END_RESET}};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_true(ram_write(&ram, GPA(0x472), cases[i].flag, 2));
		memset(&ending, 0, sizeof(ending));
		out8(0x64, 0xfe);
		assert_int_equal(ending_cause(&ending), cases[i].cause);
		memset(&ending, 0, sizeof(ending));
		out8(0x600, 0x01);
		assert_int_equal(ending_cause(&ending), cases[i].cause);
	}
}

static void nothing_else_ends_it(void **state)
{
	(void)state;
	for (unsigned port = 0; port < 0x10000; port++)
		if (port != 0x64 && port != 0x600 && port != 0x601)
			out8((uint16_t)port, 0xfe);
	out8(0x602, 0x34); /* the sleep status register */
	out8(0x60, 0xfe);  /* the keyboard's data register */
	assert_int_equal(ending_cause(&ending), END_NONE);
}

/* A status register that reads 0: the controller takes commands, nothing is pressed, no sleep. */
static void registers_read_as_zero(void **state)
{
	static const uint16_t ports[] = {0x60, 0x61, 0x64, 0x600, 0x601, 0x602, 0x603, 0xcf8, 0x80};

	(void)state;
	for (unsigned i = 0; i < COUNT(ports); i++)
		assert_int_equal(in8(ports[i]), 0);
}

static void each_uart_at_its_ports(void **state)
{
	(void)state;
	out8(0x3f8 + 7, 0x11); /* scratch registers */
	out8(0x2f8 + 7, 0x22);
	assert_int_equal(com1.state.scr, 0x11);
	assert_int_equal(com2.state.scr, 0x22);
	assert_int_equal(in8(0x3f8 + 7), 0x11);
	assert_int_equal(in8(0x2f8 + 7), 0x22);
	out8(0x3f8, 'x');
	assert_int_equal(com1.state.tx_count, 1);
	assert_int_equal(com2.state.tx_count, 0);
	/* COM3 and COM4 are not there: Linux's probe must not find them. */
	out8(0x3e8 + 7, 0x33);
	out8(0x2e8 + 7, 0x33);
	assert_int_equal(in8(0x3e8 + 7), 0);
	assert_int_equal(in8(0x2e8 + 7), 0);
}

#define MACHINE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(reset_by_the_keyboard_controller),
		MACHINE_TEST(reset_by_acpi),
		MACHINE_TEST(off_by_acpi),
		MACHINE_TEST(a_reset_after_a_panic),
		MACHINE_TEST(nothing_else_ends_it),
		MACHINE_TEST(registers_read_as_zero),
		MACHINE_TEST(each_uart_at_its_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
