/* All that a UART remembers, as plain values that can be saved. */
#ifndef MAYFLY_UART_STATE_H
#define MAYFLY_UART_STATE_H

#include <stdint.h>

#define UART_FIFO_SIZE 64
#define UART_TX_SIZE 8192 /* bytes on their way to the host; a power of two */

/* Registers by their names in the data sheet, and two rings of bytes. Flags are 0 or 1. */
struct uart_state {
	uint32_t rx_head, rx_count; /* of rx: where the oldest byte is, and how many there are */
	uint32_t tx_head, tx_count; /* of tx */
	uint8_t ier, iir_fifo, lcr, mcr, scr, divisor[2];
	uint8_t thre_pending; /* "transmitter empty" not yet seen by the guest */
	uint8_t irq_high;     /* level of the interrupt line */
	uint8_t rx_wanted;    /* the host has more input than there was room for */
	uint8_t rx[UART_FIFO_SIZE];
	uint8_t tx[UART_TX_SIZE];
};

/* What IIR says of STATE: the cause of the interrupt with the highest priority, or that there is
 * none. */
uint8_t uart_state_cause(const struct uart_state *state);

/* What no UART can have as it is in STATE, whoever wrote STATE: a name for messages. NULL:
 * nothing. */
const char *uart_state_flaw(const struct uart_state *state);

#endif
