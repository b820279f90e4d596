#include "devices/uart_state.h"

#include <stdbool.h>
#include <stddef.h>

#include "devices/uart_bits.h"

uint8_t uart_state_cause(const struct uart_state *state)
{
	if ((state->ier & IER_RX) && state->rx_count)
		return IIR_RX;
	if ((state->ier & IER_THRE) && state->thre_pending)
		return IIR_THRE;
	return IIR_NONE;
}

/* What IIR shows of the FIFO: off, of 16 bytes, of 64. */
static bool is_fifo(uint8_t shown)
{
	return shown == 0 || shown == IIR_FIFO_ON || shown == (IIR_FIFO_ON | IIR_FIFO_64);
}

/* LCR, SCR, the divisor and the rings' bytes may be anything. */
const char *uart_state_flaw(const struct uart_state *state)
{
	if (state->rx_head >= UART_FIFO_SIZE || state->rx_count > UART_FIFO_SIZE)
		return "receive FIFO";
	if (state->tx_head >= UART_TX_SIZE || state->tx_count > UART_TX_SIZE)
		return "transmit FIFO";
	if (state->ier & ~IER_MASK)
		return "IER";
	if (!is_fifo(state->iir_fifo))
		return "IIR";
	if (state->mcr & ~MCR_MASK)
		return "MCR";
	if (state->thre_pending > 1 || state->rx_wanted > 1)
		return "flag";
	if (state->irq_high != (uart_state_cause(state) != IIR_NONE))
		return "interrupt line";
	return NULL;
}
