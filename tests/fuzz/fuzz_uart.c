/* The UART against a model of what both sides may rely on: bytes arrive in order and none is lost,
 * edges and kicks come exactly when they must. */
#include "fuzz.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/uart16550.h"

enum { DATA = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5 };
enum { DLAB = 0x80, RTS = 0x02, LOOP = 0x10 };

static struct uart uart;
static int irq_fd, kick_fd;

static struct model {
	struct input input;
	uint8_t ier, lcr, mcr;
	uint8_t rx[UART_FIFO_SIZE], tx[UART_TX_SIZE];
	unsigned rx_count, tx_head, tx_count;
	bool host_waits; /* it was told that there is no room */
	unsigned kicks;  /* due */
} model;

static bool loops(void)
{
	return model.mcr & LOOP;
}

static bool rx_is_open(void)
{
	return (model.mcr & RTS) && !loops() && model.rx_count < UART_FIFO_SIZE;
}

static uint64_t take_event(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void model_receive(uint8_t byte)
{
	model.rx[model.rx_count++] = byte;
}

/* The oldest byte of the FIFO, or 0. */
static uint8_t model_read(void)
{
	uint8_t byte = model.rx[0];

	if (!model.rx_count)
		return 0;
	memmove(model.rx, model.rx + 1, --model.rx_count);
	return byte;
}

static void host_takes(size_t size)
{
	static uint8_t bytes[UART_TX_SIZE];
	size_t expected = size < model.tx_count ? size : model.tx_count;

	REQUIRE(uart_take(&uart, bytes, size) == expected);
	for (size_t i = 0; i < expected; i++) {
		REQUIRE(bytes[i] == model.tx[model.tx_head]);
		model.tx_head = (model.tx_head + 1) % UART_TX_SIZE;
		model.tx_count--;
	}
	/* "If some remain, another kick follows at once." */
	if (model.tx_count)
		model.kicks++;
}

static void model_transmit(uint8_t byte)
{
	if (loops()) {
		if (model.rx_count < UART_FIFO_SIZE)
			model_receive(byte);
		return;
	}
	model.tx[(model.tx_head + model.tx_count++) % UART_TX_SIZE] = byte;
	if (model.tx_count == 1)
		model.kicks++;
}

/* A drained FIFO and RTS: then the host that waits is told, once. After each access, as several
 * make one step. */
static void expect_kick(void)
{
	if (!model.host_waits || !rx_is_open() || model.rx_count)
		return;
	model.host_waits = false;
	model.kicks++;
}

static void guest_writes(unsigned offset, uint8_t value)
{
	bool dlab = model.lcr & DLAB;

	/* One thread: nobody would wake a writer who waits. */
	if (offset == DATA && model.tx_count == UART_TX_SIZE)
		host_takes(UART_TX_SIZE);
	uart_write(&uart, offset, value);
	if (offset == DATA && !dlab)
		model_transmit(value);
	else if (offset == IER && !dlab)
		model.ier = value & 0x0f;
	else if (offset == FCR && (value & 3) == 3)
		model.rx_count = 0;
	else if (offset == LCR)
		model.lcr = value;
	else if (offset == MCR)
		model.mcr = value & 0x1f;
	expect_kick();
}

static void guest_reads(unsigned offset)
{
	bool dlab = model.lcr & DLAB;
	uint8_t value = uart_read(&uart, offset);

	if (offset == DATA && !dlab)
		REQUIRE(value == model_read());
	else if (offset == IER && !dlab)
		REQUIRE(value == model.ier);
	else if (offset == LCR)
		REQUIRE(value == model.lcr);
	else if (offset == LSR)
		REQUIRE(value == ((model.rx_count ? 0x01 : 0) |
				  (UART_TX_SIZE - model.tx_count >= UART_FIFO_SIZE ? 0x60 : 0)));
	else if (offset > 7)
		REQUIRE(value == 0);
	expect_kick();
}

static void host_gives(size_t size)
{
	static uint8_t bytes[255], next;
	size_t expected = 0;

	for (size_t i = 0; i < size; i++)
		bytes[i] = next++;
	for (; expected < size && rx_is_open(); expected++)
		model_receive(bytes[expected]);
	REQUIRE(uart_give(&uart, bytes, size) == expected);
	model.host_waits |= expected < size;
}

static void host_asks(void)
{
	REQUIRE(uart_has_room(&uart) == rx_is_open());
	model.host_waits |= !rx_is_open();
}

/* Into a UART that was just made: the edge of a line that is high, and a kick for output, come
 * again. */
static void is_saved_and_loaded(void)
{
	static struct uart_state saved;
	static struct problem problem;

	uart_save(&uart, &saved);
	uart_init(&uart, irq_fd, kick_fd);
	REQUIRE(uart_load(&uart, &saved, &problem));
	model.kicks += model.tx_count != 0;
}

/* A whole FIFO at once: so the ring gets full within a short input. */
static void guest_bursts(uint8_t first)
{
	unsigned count = UART_FIFO_SIZE * (1 + first % 32);

	while (count--)
		guest_writes(DATA, first++);
}

static void act(void)
{
	unsigned what = take8(&model.input);

	switch (what % 8) {
	case 0:
	case 1:
		guest_writes(what >> 3 & 7, take8(&model.input));
		break;
	case 2:
		guest_reads(what >> 3);
		break;
	case 3:
		for (unsigned i = 0; i <= what >> 3; i++)
			guest_reads(DATA);
		break;
	case 4:
		guest_bursts((uint8_t)(what >> 3));
		break;
	case 5:
		host_gives(take8(&model.input));
		break;
	case 6:
		host_takes(take16(&model.input) % UART_TX_SIZE);
		break;
	default:
		if (what >> 3 == 31)
			is_saved_and_loaded();
		else
			host_asks();
	}
}

static void step(void)
{
	bool was_high = uart.state.irq_high;
	unsigned tx_before = model.tx_count;

	model.kicks = 0;
	act();
	REQUIRE(take_event(kick_fd) == model.kicks);
	uint64_t edges = take_event(irq_fd);
	/* A line that has risen has told so; in a burst it may rise more than once. */
	REQUIRE(edges || was_high || !uart.state.irq_high);
	if (model.ier & 1)
		REQUIRE(uart.state.irq_high || !model.rx_count);
	if (!(model.ier & 3))
		REQUIRE(!uart.state.irq_high);
	/* Room for a FIFO again: a driver that waits for it hears of it. */
	if ((model.ier & 2) && UART_TX_SIZE - tx_before < UART_FIFO_SIZE &&
	    UART_TX_SIZE - model.tx_count >= UART_FIFO_SIZE)
		REQUIRE(uart.state.irq_high);
	REQUIRE(uart.state.rx_count == model.rx_count && uart.state.tx_count == model.tx_count);
}

/* After the end nobody waits, and what was written before is still there. */
static void close_it(void)
{
	uart_close(&uart);
	for (unsigned i = 0; i < 2 * UART_FIFO_SIZE; i++)
		uart_write(&uart, DATA, (uint8_t)i);
	host_takes(UART_TX_SIZE);
	REQUIRE(model.tx_count == 0);
}

/* Whatever a file says: what is not refused is a UART, whose rings hold as much as they say, and
 * which ends. */
static void load_anything(struct input *input)
{
	static struct uart_state saved;
	static struct problem problem;
	static uint8_t bytes[UART_TX_SIZE + 1];
	size_t size = input->size < sizeof(saved) ? input->size : sizeof(saved);

	memset(&saved, 0, sizeof(saved));
	memcpy(&saved, input->data, size);
	uart_init(&uart, irq_fd, kick_fd);
	if (!uart_load(&uart, &saved, &problem))
		return;
	REQUIRE(!(take_event(irq_fd) == 0 && saved.irq_high));
	REQUIRE(uart_take(&uart, bytes, sizeof(bytes)) == saved.tx_count);
	uart_write(&uart, LCR, 0);
	for (unsigned i = 0; i < saved.rx_count; i++)
		REQUIRE(uart_read(&uart, LSR) & 1 &&
			uart_read(&uart, DATA) == saved.rx[(saved.rx_head + i) % UART_FIFO_SIZE]);
	REQUIRE(!(uart_read(&uart, LSR) & 1));
	uart_write(&uart, MCR, RTS);
	for (unsigned i = 0; i < UART_TX_SIZE; i++)
		uart_write(&uart, DATA, (uint8_t)i);
	REQUIRE(uart_take(&uart, bytes, sizeof(bytes)) == UART_TX_SIZE);
	REQUIRE(uart_give(&uart, bytes, sizeof(bytes)) == UART_FIFO_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!irq_fd) {
		irq_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		REQUIRE(irq_fd > 0 && kick_fd > 0);
	}
	take_event(irq_fd);
	take_event(kick_fd);
	model = (struct model){.input = {data, size}};
	if (size && data[0] == 0xfe) {
		load_anything(&(struct input){data + 1, size - 1});
		return 0;
	}
	uart_init(&uart, irq_fd, kick_fd);
	guest_writes(MCR, RTS);
	while (model.input.size)
		step();
	close_it();
	return 0;
}
