#include "devices/uart16550.h"

#include <string.h>
#include <sys/syscall.h>

#include "devices/event.h"
#include "devices/uart_bits.h"

void uart_init(struct uart *uart, int irq_fd, int kick_fd)
{
	memset(uart, 0, sizeof(*uart));
	pthread_mutex_init(&uart->lock, NULL);
	pthread_cond_init(&uart->tx_has_room, NULL);
	uart->irq_fd = irq_fd;
	uart->kick_fd = kick_fd;
	uart->state.divisor[0] = 12; /* 9600 baud, what a BIOS leaves */
}

static bool tx_is_ready(const struct uart *uart)
{
	/* Ready means: room for a whole FIFO, as the guest writes that many without asking. */
	return uart->closed || UART_TX_SIZE - uart->state.tx_count >= UART_FIFO_SIZE;
}

/* The line is edge-triggered: it speaks when it rises. */
static void update_irq(struct uart *uart)
{
	bool high = uart_state_cause(&uart->state) != IIR_NONE;

	if (high && !uart->state.irq_high)
		event_signal(uart->irq_fd);
	uart->state.irq_high = high;
}

static bool rx_is_open(const struct uart *uart)
{
	return uart->state.rx_count < UART_FIFO_SIZE &&
	       (uart->state.mcr & (MCR_RTS | MCR_LOOP)) == MCR_RTS;
}

/* Tells the main loop that it may give again, if it is waiting for that. Not byte by byte: a
 * kick costs a system call, so the FIFO is first drained. */
static void update_rx_wanted(struct uart *uart)
{
	if (!uart->state.rx_wanted || !rx_is_open(uart) || uart->state.rx_count)
		return;
	uart->state.rx_wanted = false;
	event_signal(uart->kick_fd);
}

static void push_rx(struct uart *uart, uint8_t byte)
{
	uart->state.rx[(uart->state.rx_head + uart->state.rx_count++) % UART_FIFO_SIZE] = byte;
}

static uint8_t pop_rx(struct uart *uart)
{
	if (uart->state.rx_count == 0)
		return 0;
	uint8_t byte = uart->state.rx[uart->state.rx_head];
	uart->state.rx_head = (uart->state.rx_head + 1) % UART_FIFO_SIZE;
	uart->state.rx_count--;
	return byte;
}

static void transmit(struct uart *uart, uint8_t byte)
{
	uart->state.thre_pending = true;
	if (uart->state.mcr & MCR_LOOP) {
		if (uart->state.rx_count < UART_FIFO_SIZE)
			push_rx(uart, byte);
		return;
	}
	while (uart->state.tx_count == UART_TX_SIZE && !uart->closed)
		pthread_cond_wait(&uart->tx_has_room, &uart->lock);
	if (uart->closed)
		return;
	uart->state.tx[(uart->state.tx_head + uart->state.tx_count++) % UART_TX_SIZE] = byte;
	if (uart->state.tx_count == 1)
		event_signal(uart->kick_fd);
	uart->state.thre_pending = tx_is_ready(uart);
}

static void write_fcr(struct uart *uart, uint8_t value)
{
	if (!(value & FCR_ENABLE)) {
		uart->state.iir_fifo = 0;
		return;
	}
	/* The 64-byte bit is latched with DLAB only; this is how drivers know a 16750. */
	if (uart->state.lcr & LCR_DLAB)
		uart->state.iir_fifo = value & FCR_64_BYTES ? IIR_FIFO_64 : 0;
	uart->state.iir_fifo |= IIR_FIFO_ON;
	if (value & FCR_CLEAR_RX)
		uart->state.rx_count = 0;
}

static void write_ier(struct uart *uart, uint8_t value)
{
	bool thre_enabled = (value & IER_THRE) && !(uart->state.ier & IER_THRE);

	uart->state.ier = value & IER_MASK;
	if (thre_enabled)
		uart->state.thre_pending = tx_is_ready(uart);
}

void uart_write(struct uart *uart, unsigned offset, uint8_t value)
{
	pthread_mutex_lock(&uart->lock);
	bool dlab = uart->state.lcr & LCR_DLAB;
	if (dlab && offset <= REG_IER)
		uart->state.divisor[offset] = value;
	else if (offset == REG_DATA)
		transmit(uart, value);
	else if (offset == REG_IER)
		write_ier(uart, value);
	else if (offset == REG_IIR)
		write_fcr(uart, value);
	else if (offset == REG_LCR)
		uart->state.lcr = value;
	else if (offset == REG_MCR)
		uart->state.mcr = value & MCR_MASK;
	else if (offset == REG_SCR)
		uart->state.scr = value;
	update_irq(uart);
	update_rx_wanted(uart);
	pthread_mutex_unlock(&uart->lock);
}

static uint8_t read_iir(struct uart *uart)
{
	uint8_t cause = uart_state_cause(&uart->state);

	if (cause == IIR_THRE)
		uart->state.thre_pending = false;
	return cause | uart->state.iir_fifo;
}

static uint8_t read_lsr(const struct uart *uart)
{
	uint8_t lsr = uart->state.rx_count ? LSR_DATA_READY : 0;

	/* "All empty" follows "ready": to the guest, what it wrote has left. */
	return tx_is_ready(uart) ? lsr | LSR_THR_EMPTY | LSR_ALL_EMPTY : lsr;
}

/* In loop-back the modem's outputs are its inputs; else the other side is always there. */
static uint8_t read_msr(const struct uart *uart)
{
	if (!(uart->state.mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (uint8_t)((uart->state.mcr & MCR_RTS ? MSR_CTS : 0) |
			 (uart->state.mcr & MCR_DTR ? MSR_DSR : 0) |
			 (uart->state.mcr & MCR_OUT1 ? MSR_RI : 0) |
			 (uart->state.mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static uint8_t read_register(struct uart *uart, unsigned offset)
{
	bool dlab = uart->state.lcr & LCR_DLAB;

	switch (offset) {
	case REG_DATA:
		return dlab ? uart->state.divisor[0] : pop_rx(uart);
	case REG_IER:
		return dlab ? uart->state.divisor[1] : uart->state.ier;
	case REG_IIR:
		return read_iir(uart);
	case REG_LCR:
		return uart->state.lcr;
	case REG_MCR:
		return uart->state.mcr;
	case REG_LSR:
		return read_lsr(uart);
	case REG_MSR:
		return read_msr(uart);
	case REG_SCR:
		return uart->state.scr;
	default:
		return 0;
	}
}

uint8_t uart_read(struct uart *uart, unsigned offset)
{
	pthread_mutex_lock(&uart->lock);
	uint8_t value = read_register(uart, offset);
	update_irq(uart);
	update_rx_wanted(uart);
	pthread_mutex_unlock(&uart->lock);
	return value;
}

size_t uart_give(struct uart *uart, const uint8_t *data, size_t size)
{
	size_t given = 0;

	pthread_mutex_lock(&uart->lock);
	while (given < size && rx_is_open(uart))
		push_rx(uart, data[given++]);
	if (given < size)
		uart->state.rx_wanted = true;
	update_irq(uart);
	pthread_mutex_unlock(&uart->lock);
	return given;
}

bool uart_has_room(struct uart *uart)
{
	pthread_mutex_lock(&uart->lock);
	bool room = rx_is_open(uart);
	if (!room)
		uart->state.rx_wanted = true;
	pthread_mutex_unlock(&uart->lock);
	return room;
}

size_t uart_take(struct uart *uart, uint8_t *data, size_t size)
{
	size_t taken = 0;

	pthread_mutex_lock(&uart->lock);
	bool was_ready = tx_is_ready(uart);
	while (taken < size && uart->state.tx_count) {
		data[taken++] = uart->state.tx[uart->state.tx_head];
		uart->state.tx_head = (uart->state.tx_head + 1) % UART_TX_SIZE;
		uart->state.tx_count--;
	}
	if (!was_ready && tx_is_ready(uart))
		uart->state.thre_pending = true;
	if (uart->state.tx_count)
		event_signal(uart->kick_fd);
	if (taken)
		pthread_cond_broadcast(&uart->tx_has_room);
	update_irq(uart);
	pthread_mutex_unlock(&uart->lock);
	return taken;
}

void uart_close(struct uart *uart)
{
	pthread_mutex_lock(&uart->lock);
	uart->closed = true;
	uart->state.thre_pending = true;
	pthread_cond_broadcast(&uart->tx_has_room);
	update_irq(uart);
	pthread_mutex_unlock(&uart->lock);
}

/* --- save and load --- */

void uart_save(struct uart *uart, struct uart_state *state)
{
	pthread_mutex_lock(&uart->lock);
	*state = uart->state;
	pthread_mutex_unlock(&uart->lock);
}

bool uart_load(struct uart *uart, const struct uart_state *state, struct problem *problem)
{
	const char *flaw = uart_state_flaw(state);

	if (flaw)
		return problem_set(problem, "the saved UART has an impossible %s (save it anew)",
				   flaw);
	pthread_mutex_lock(&uart->lock);
	uart->state = *state;
	if (state->irq_high)
		event_signal(uart->irq_fd);
	if (state->tx_count)
		event_signal(uart->kick_fd);
	update_rx_wanted(uart);
	pthread_mutex_unlock(&uart->lock);
	return true;
}

void uart_allow(const struct uart *uart, struct sysfilter *filter)
{
	sysfilter_allow_fd(filter, SYS_write, uart->irq_fd);  /* raise the interrupt */
	sysfilter_allow_fd(filter, SYS_write, uart->kick_fd); /* wake the main loop */
	sysfilter_allow_locks(filter);                        /* the lock, and waiting for room */
}
