#include "devices/uart16550.h"

#include <string.h>
#include <sys/syscall.h>

#include "devices/event.h"

/* Registers by offset; some change their meaning with DLAB or with the direction. */
enum {
	REG_DATA = 0, /* RBR when read, THR when written; DLL with DLAB */
	REG_IER = 1,  /* DLM with DLAB */
	REG_IIR = 2,  /* FCR when written */
	REG_LCR = 3,
	REG_MCR = 4,
	REG_LSR = 5,
	REG_MSR = 6,
	REG_SCR = 7,
};

enum {
	IER_RX = 1 << 0,
	IER_THRE = 1 << 1,
	IER_MASK = 0x0f,

	IIR_NONE = 0x01,
	IIR_THRE = 0x02,
	IIR_RX = 0x04,
	IIR_FIFO_64 = 0x20,
	IIR_FIFO_ON = 0xc0,

	FCR_ENABLE = 1 << 0,
	FCR_CLEAR_RX = 1 << 1,
	FCR_64_BYTES = 1 << 5,

	LCR_DLAB = 1 << 7,

	MCR_DTR = 1 << 0,
	MCR_RTS = 1 << 1,
	MCR_OUT1 = 1 << 2,
	MCR_OUT2 = 1 << 3,
	MCR_LOOP = 1 << 4,
	MCR_MASK = 0x1f,

	LSR_DATA_READY = 1 << 0,
	LSR_THR_EMPTY = 1 << 5,
	LSR_ALL_EMPTY = 1 << 6,

	MSR_CTS = 1 << 4,
	MSR_DSR = 1 << 5,
	MSR_RI = 1 << 6,
	MSR_DCD = 1 << 7,
};

void uart_init(struct uart *uart, int irq_fd, int kick_fd)
{
	memset(uart, 0, sizeof(*uart));
	pthread_mutex_init(&uart->lock, NULL);
	pthread_cond_init(&uart->tx_has_room, NULL);
	uart->irq_fd = irq_fd;
	uart->kick_fd = kick_fd;
	uart->divisor[0] = 12; /* 9600 baud, what a BIOS leaves */
}

static bool tx_is_ready(const struct uart *uart)
{
	/* Ready means: room for a whole FIFO, as the guest writes that many without asking. */
	return uart->closed || UART_TX_SIZE - uart->tx_count >= UART_FIFO_SIZE;
}

static uint8_t pending_cause(const struct uart *uart)
{
	if ((uart->ier & IER_RX) && uart->rx_count)
		return IIR_RX;
	if ((uart->ier & IER_THRE) && uart->thre_pending)
		return IIR_THRE;
	return IIR_NONE;
}

/* The line is edge-triggered: it speaks when it rises. */
static void update_irq(struct uart *uart)
{
	bool high = pending_cause(uart) != IIR_NONE;

	if (high && !uart->irq_high)
		event_signal(uart->irq_fd);
	uart->irq_high = high;
}

static bool rx_is_open(const struct uart *uart)
{
	return uart->rx_count < UART_FIFO_SIZE && (uart->mcr & (MCR_RTS | MCR_LOOP)) == MCR_RTS;
}

/* Tells the main loop that it may give again, if it is waiting for that. Not byte by byte: a
 * kick costs a system call, so the FIFO is first drained. */
static void update_rx_wanted(struct uart *uart)
{
	if (!uart->rx_wanted || !rx_is_open(uart) || uart->rx_count)
		return;
	uart->rx_wanted = false;
	event_signal(uart->kick_fd);
}

static void push_rx(struct uart *uart, uint8_t byte)
{
	uart->rx[(uart->rx_head + uart->rx_count++) % UART_FIFO_SIZE] = byte;
}

static uint8_t pop_rx(struct uart *uart)
{
	if (uart->rx_count == 0)
		return 0;
	uint8_t byte = uart->rx[uart->rx_head];
	uart->rx_head = (uart->rx_head + 1) % UART_FIFO_SIZE;
	uart->rx_count--;
	return byte;
}

static void transmit(struct uart *uart, uint8_t byte)
{
	uart->thre_pending = true;
	if (uart->mcr & MCR_LOOP) {
		if (uart->rx_count < UART_FIFO_SIZE)
			push_rx(uart, byte);
		return;
	}
	while (uart->tx_count == UART_TX_SIZE && !uart->closed)
		pthread_cond_wait(&uart->tx_has_room, &uart->lock);
	if (uart->closed)
		return;
	uart->tx[(uart->tx_head + uart->tx_count++) % UART_TX_SIZE] = byte;
	if (uart->tx_count == 1)
		event_signal(uart->kick_fd);
	uart->thre_pending = tx_is_ready(uart);
}

static void write_fcr(struct uart *uart, uint8_t value)
{
	if (!(value & FCR_ENABLE)) {
		uart->iir_fifo = 0;
		return;
	}
	/* The 64-byte bit is latched with DLAB only; this is how drivers know a 16750. */
	if (uart->lcr & LCR_DLAB)
		uart->iir_fifo = value & FCR_64_BYTES ? IIR_FIFO_64 : 0;
	uart->iir_fifo |= IIR_FIFO_ON;
	if (value & FCR_CLEAR_RX)
		uart->rx_count = 0;
}

static void write_ier(struct uart *uart, uint8_t value)
{
	bool thre_enabled = (value & IER_THRE) && !(uart->ier & IER_THRE);

	uart->ier = value & IER_MASK;
	if (thre_enabled)
		uart->thre_pending = tx_is_ready(uart);
}

void uart_write(struct uart *uart, unsigned offset, uint8_t value)
{
	pthread_mutex_lock(&uart->lock);
	bool dlab = uart->lcr & LCR_DLAB;
	if (dlab && offset <= REG_IER)
		uart->divisor[offset] = value;
	else if (offset == REG_DATA)
		transmit(uart, value);
	else if (offset == REG_IER)
		write_ier(uart, value);
	else if (offset == REG_IIR)
		write_fcr(uart, value);
	else if (offset == REG_LCR)
		uart->lcr = value;
	else if (offset == REG_MCR)
		uart->mcr = value & MCR_MASK;
	else if (offset == REG_SCR)
		uart->scr = value;
	update_irq(uart);
	update_rx_wanted(uart);
	pthread_mutex_unlock(&uart->lock);
}

static uint8_t read_iir(struct uart *uart)
{
	uint8_t cause = pending_cause(uart);

	if (cause == IIR_THRE)
		uart->thre_pending = false;
	return cause | uart->iir_fifo;
}

static uint8_t read_lsr(const struct uart *uart)
{
	uint8_t lsr = uart->rx_count ? LSR_DATA_READY : 0;

	/* "All empty" follows "ready": to the guest, what it wrote has left. */
	return tx_is_ready(uart) ? lsr | LSR_THR_EMPTY | LSR_ALL_EMPTY : lsr;
}

/* In loop-back the modem's outputs are its inputs; else the other side is always there. */
static uint8_t read_msr(const struct uart *uart)
{
	if (!(uart->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (uint8_t)((uart->mcr & MCR_RTS ? MSR_CTS : 0) | (uart->mcr & MCR_DTR ? MSR_DSR : 0) |
			 (uart->mcr & MCR_OUT1 ? MSR_RI : 0) |
			 (uart->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static uint8_t read_register(struct uart *uart, unsigned offset)
{
	bool dlab = uart->lcr & LCR_DLAB;

	switch (offset) {
	case REG_DATA:
		return dlab ? uart->divisor[0] : pop_rx(uart);
	case REG_IER:
		return dlab ? uart->divisor[1] : uart->ier;
	case REG_IIR:
		return read_iir(uart);
	case REG_LCR:
		return uart->lcr;
	case REG_MCR:
		return uart->mcr;
	case REG_LSR:
		return read_lsr(uart);
	case REG_MSR:
		return read_msr(uart);
	case REG_SCR:
		return uart->scr;
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
		uart->rx_wanted = true;
	update_irq(uart);
	pthread_mutex_unlock(&uart->lock);
	return given;
}

bool uart_has_room(struct uart *uart)
{
	pthread_mutex_lock(&uart->lock);
	bool room = rx_is_open(uart);
	if (!room)
		uart->rx_wanted = true;
	pthread_mutex_unlock(&uart->lock);
	return room;
}

size_t uart_take(struct uart *uart, uint8_t *data, size_t size)
{
	size_t taken = 0;

	pthread_mutex_lock(&uart->lock);
	bool was_ready = tx_is_ready(uart);
	while (taken < size && uart->tx_count) {
		data[taken++] = uart->tx[uart->tx_head];
		uart->tx_head = (uart->tx_head + 1) % UART_TX_SIZE;
		uart->tx_count--;
	}
	if (!was_ready && tx_is_ready(uart))
		uart->thre_pending = true;
	if (uart->tx_count)
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
	uart->thre_pending = true;
	pthread_cond_broadcast(&uart->tx_has_room);
	update_irq(uart);
	pthread_mutex_unlock(&uart->lock);
}

void uart_allow(const struct uart *uart, struct sysfilter *filter)
{
	sysfilter_allow_fd(filter, SYS_write, uart->irq_fd);  /* raise the interrupt */
	sysfilter_allow_fd(filter, SYS_write, uart->kick_fd); /* wake the main loop */
	sysfilter_allow_locks(filter);                        /* the lock, and waiting for room */
}
