#include "machine/serial.h"

static uint32_t read_uart(void *device, unsigned offset, unsigned size)
{
	(void)size;
	return uart_read(device, offset);
}

static void write_uart(void *device, unsigned offset, unsigned size, uint32_t value)
{
	(void)size;
	uart_write(device, offset, (uint8_t)value);
}

void serial_add(struct bus *bus, enum bus_space space, uint64_t base, struct uart *uart)
{
	const struct bus_device device = {space, base,      UART_REGISTERS, 1,
					  uart,  read_uart, write_uart};

	bus_add(bus, &device);
}
