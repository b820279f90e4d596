/* Turning itself off is the guest's call to PSCI: see end.c. */
#include "machine/arch.h"
#include "base/ending.h"
#include "devices/pl031.h"
#include "machine/bus.h"
#include "machine/serial.h"

static uint32_t read_clock(void *device, unsigned offset, unsigned size)
{
	(void)device;
	return pl031_read(offset, size);
}

static void write_nothing(void *device, unsigned offset, unsigned size, uint32_t value)
{
	(void)device;
	(void)offset;
	(void)size;
	(void)value;
}

void arch_add_devices(struct bus *bus, struct machine *machine, struct uart *console,
		      struct uart *channel)
{
	const struct bus_device clock = {BUS_MMIO, LAYOUT_CLOCK, PL031_SIZE,   4,
					 machine,  read_clock,   write_nothing};

	bus_add(bus, &clock);
	serial_add(bus, BUS_MMIO, LAYOUT_CONSOLE, console);
	serial_add(bus, BUS_MMIO, LAYOUT_CHANNEL, channel);
}
