/* A UART in a test, driven from both sides with real eventfds: registers by TI's TL16C750 data
 * sheet. */
#ifndef MAYFLY_UART_PORT_H
#define MAYFLY_UART_PORT_H

#include "devices/uart16550.h"

#include "rules.h"
#include "unit.h"

/* Registers and bits, once more and not from the code under test. */
enum { RBR = 0, THR = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };
enum { IER_RDI = 0x01, IER_THRI = 0x02 };
enum { IIR_NO_INT = 0x01, IIR_THRI = 0x02, IIR_RDI = 0x04, IIR_ID = 0x0f };
enum { FCR_ENABLE = 0x01, FCR_CLEAR_RX = 0x02, FCR_CLEAR_TX = 0x04, FCR_64 = 0x20 };
enum { MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT1 = 0x04, MCR_OUT2 = 0x08, MCR_LOOP = 0x10 };
enum { LCR_8N1 = 0x03, LCR_DLAB = 0x80 };
enum { LSR_DR = 0x01, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };

static struct uart uart;
static int irq, kick;

static inline int set_up(void **state)
{
	(void)state;
	irq = make_event();
	kick = make_event();
	uart_init(&uart, irq, kick);
	alarm(20); /* nothing here may hang */
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	alarm(0);
	close(irq);
	close(kick);
	return 0;
}

static inline uint8_t in(unsigned offset)
{
	return uart_read(&uart, offset);
}

static inline void out(unsigned offset, unsigned value)
{
	uart_write(&uart, offset, (uint8_t)value);
}

/* As a driver leaves it: FIFO, 8N1, DTR, RTS and OUT2. */
static inline void open_port(unsigned ier)
{
	out(LCR, LCR_8N1);
	out(FCR, FCR_ENABLE);
	out(MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	out(IER, ier);
	take_event(irq);
	take_event(kick);
}

static inline void send_bytes(unsigned count, unsigned first)
{
	for (unsigned i = 0; i < count; i++)
		out(THR, first + i);
}

/* Takes everything; how much there was. */
static inline size_t take_all(void)
{
	static uint8_t bytes[UART_TX_SIZE];
	size_t total = 0, count;

	while ((count = uart_take(&uart, bytes, sizeof(bytes))))
		total += count;
	return total;
}

static inline size_t give(size_t count)
{
	static const uint8_t bytes[4 * UART_FIFO_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};

	return uart_give(&uart, bytes, count);
}

#define UART_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
