/* The ways in which an x86-64 guest turns itself off. */
#include "tables/acpi.h"
#include "base/ending.h"
#include "base/ram.h"
#include "machine/arch.h"
#include "machine/bus.h"
#include "machine/serial.h"

enum {
	KEYBOARD_COMMAND_RESET = 0xfe, /* pulse the CPU's reset line */
	BIOS_RESET_FLAG = 0x472,
	SLEEP_TYPE_SHIFT = 2,
	SLEEP_TYPE_MASK = 7,
};
#define BIOS_RESET_WARM 0x1234

static uint32_t read_nothing(void *device, unsigned offset, unsigned size)
{
	(void)device;
	(void)offset;
	(void)size;
	return 0;
}

/* With reboot=panic_warm Linux asks for a warm boot in the BIOS reset flag if it panicked, and
 * for a cold one if somebody rebooted it. */
static void reset(struct machine *machine)
{
	uint8_t flag[2];
	bool panicked = ram_read(machine->ram, GPA(BIOS_RESET_FLAG), flag, sizeof(flag)) &&
			get_le16(flag) == BIOS_RESET_WARM;

	ending_set(machine->ending, panicked ? END_PANIC : END_RESET, 0, NULL);
}

static void write_keyboard(void *device, unsigned offset, unsigned size, uint32_t value)
{
	(void)offset;
	(void)size;
	if (value == KEYBOARD_COMMAND_RESET)
		reset(device);
}

static void write_power(void *device, unsigned offset, unsigned size, uint32_t value)
{
	struct machine *machine = device;
	bool off = (value >> SLEEP_TYPE_SHIFT & SLEEP_TYPE_MASK) == ACPI_S5_TYPE;

	(void)size;
	if (offset == POWER_RESET && value == POWER_RESET_VALUE)
		reset(machine);
	if (offset == POWER_SLEEP_CONTROL && (value & ACPI_SLEEP_ENABLE) && off)
		ending_set(machine->ending, END_POWER_OFF, 0, NULL);
}

void arch_add_devices(struct bus *bus, struct machine *machine, struct uart *console,
		      struct uart *channel)
{
	const struct bus_device devices[] = {
		{BUS_PORT, LAYOUT_KEYBOARD, LAYOUT_KEYBOARD_SIZE, 1, machine, read_nothing,
		 write_keyboard},
		{BUS_PORT, LAYOUT_POWER, LAYOUT_POWER_SIZE, 1, machine, read_nothing, write_power},
	};

	serial_add(bus, BUS_PORT, LAYOUT_COM1, console);
	serial_add(bus, BUS_PORT, LAYOUT_COM2, channel);
	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		bus_add(bus, &devices[i]);
}
