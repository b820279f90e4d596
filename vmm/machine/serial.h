/* A UART on the bus. */
#ifndef MAYFLY_SERIAL_H
#define MAYFLY_SERIAL_H

#include "devices/uart16550.h"
#include "machine/bus.h"

/* Puts UART's eight registers, a byte each, at BASE. */
void serial_add(struct bus *bus, enum bus_space space, uint64_t base, struct uart *uart);

#endif
