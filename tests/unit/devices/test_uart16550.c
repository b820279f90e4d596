/* The UART, driven from both sides with real eventfds: registers by TI's TL16C750 data sheet, the
 * sequences by Linux's drivers/tty/serial/8250. */
#define _GNU_SOURCE
#include "devices/uart16550.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

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

static int set_up(void **state)
{
	(void)state;
	irq = make_event();
	kick = make_event();
	uart_init(&uart, irq, kick);
	alarm(20); /* nothing here may hang */
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	close(irq);
	close(kick);
	return 0;
}

static uint8_t in(unsigned offset)
{
	return uart_read(&uart, offset);
}

static void out(unsigned offset, unsigned value)
{
	uart_write(&uart, offset, (uint8_t)value);
}

/* As a driver leaves it: FIFO, 8N1, DTR, RTS and OUT2. */
static void open_port(unsigned ier)
{
	out(LCR, LCR_8N1);
	out(FCR, FCR_ENABLE);
	out(MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	out(IER, ier);
	take_event(irq);
	take_event(kick);
}

static void send_bytes(unsigned count, unsigned first)
{
	for (unsigned i = 0; i < count; i++)
		out(THR, first + i);
}

/* Takes everything; how much there was. */
static size_t take_all(void)
{
	static uint8_t bytes[UART_TX_SIZE];
	size_t total = 0, count;

	while ((count = uart_take(&uart, bytes, sizeof(bytes))))
		total += count;
	return total;
}

static size_t give(size_t count)
{
	static const uint8_t bytes[4 * UART_FIFO_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};

	return uart_give(&uart, bytes, count);
}

/* --- registers --- */

static void after_reset(void **state)
{
	(void)state;
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(IIR), IIR_NO_INT);
	assert_int_equal(in(LCR), 0);
	assert_int_equal(in(MCR), 0);
	assert_int_equal(in(LSR), LSR_THRE | LSR_TEMT);
	assert_int_equal(in(MSR), MSR_CTS | MSR_DSR | MSR_DCD);
	assert_int_equal(in(RBR), 0);
	assert_int_equal(take_event(irq), 0);
	assert_int_equal(take_event(kick), 0);
}

static void the_scratch_register_keeps_a_byte(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		out(SCR, value);
		assert_int_equal(in(SCR), value);
	}
}

static void the_divisor_hides_behind_dlab(void **state)
{
	(void)state;
	out(IER, IER_RDI);
	out(LCR, LCR_DLAB | LCR_8N1);
	out(0, 0x01);
	out(1, 0xc2);
	assert_int_equal(in(0), 0x01);
	assert_int_equal(in(1), 0xc2);
	out(LCR, LCR_8N1);
	assert_int_equal(in(IER), IER_RDI);
	assert_int_equal(in(RBR), 0);
	assert_int_equal(take_all(), 0); /* DLL is no transmitter */
	out(LCR, LCR_DLAB);
	assert_int_equal(in(0), 0x01);
}

static void reserved_bits_and_registers(void **state)
{
	(void)state;
	out(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	out(MCR, 0xff);
	assert_int_equal(in(MCR) & 0xc0, 0);
	out(MCR, 0);
	out(LSR, 0xff);
	out(MSR, 0xff);
	assert_int_equal(in(LSR), LSR_THRE | LSR_TEMT);
	assert_int_equal(in(MSR), MSR_CTS | MSR_DSR | MSR_DCD);
}

static void registers_beyond_the_last(void **state)
{
	(void)state;
	for (unsigned offset = UART_REGISTERS; offset < 300; offset++) {
		out(offset, 0xff);
		assert_int_equal(in(offset), 0);
	}
	out(UINT32_MAX, 0xff);
	assert_int_equal(in(UINT32_MAX), 0);
	assert_int_equal(take_all(), 0);
}

/* --- what Linux does to find out what it has (8250_port.c) --- */

/* autoconfig(): "Do a simple existence test first". */
static void linux_finds_a_uart(void **state)
{
	(void)state;
	out(IER, 0);
	assert_int_equal(in(IER) & 0x0f, 0);
	out(IER, 0x0f);
	assert_int_equal(in(IER) & 0x0f, 0x0f);
	out(IER, 0);
	/* "LOOP test": OUT2 and RTS come back as DCD and CTS. */
	out(MCR, MCR_LOOP | MCR_OUT2 | MCR_RTS);
	assert_int_equal(in(MSR) & 0xf0, MSR_DCD | MSR_CTS);
	out(MCR, 0);
}

/* autoconfig() and autoconfig_16550a(): no EFR, no National SuperIO, but a 16750. */
static void linux_finds_a_16750(void **state)
{
	unsigned status1, status2;

	(void)state;
	out(LCR, 0xbf);
	out(FCR, 0);
	out(LCR, 0);
	out(FCR, FCR_ENABLE);
	assert_int_equal(in(IIR) >> 6, 3);
	out(LCR, LCR_DLAB);
	assert_int_not_equal(in(IIR), 0);
	out(LCR, 0xbf);
	assert_int_not_equal(in(IIR), 0);

	out(LCR, 0);
	status1 = in(MCR);
	out(LCR, 0xe0);
	assert_false((in(IIR) ^ status1) & MCR_LOOP);
	out(LCR, 0);
	out(MCR, status1 ^ MCR_LOOP);
	out(LCR, 0xe0);
	assert_false((in(IIR) ^ status1) & MCR_LOOP);
	out(LCR, 0);
	out(MCR, status1);

	out(FCR, FCR_ENABLE | FCR_64);
	status1 = in(IIR) >> 5;
	out(FCR, FCR_ENABLE);
	out(LCR, LCR_DLAB);
	out(FCR, FCR_ENABLE | FCR_64);
	status2 = in(IIR) >> 5;
	out(FCR, FCR_ENABLE);
	out(LCR, 0);
	assert_int_equal(status1, 6);
	assert_int_equal(status2, 7);
}

/* serial8250_do_startup(): the tests for broken transmitters. */
static void linux_finds_a_good_transmitter(void **state)
{
	(void)state;
	open_port(0);
	/* THRE is raised again when it is enabled again, or it is UART_BUG_THRE … */
	out(IER, IER_THRI);
	assert_int_equal(in(IIR) & IIR_ID, IIR_THRI);
	out(IER, 0);
	out(IER, IER_THRI);
	assert_int_equal(in(IIR) & IIR_ID, IIR_THRI);
	out(IER, 0);
	/* … and it is raised when the transmitter is empty, or it is UART_BUG_TXEN. */
	out(IER, IER_THRI);
	assert_true(in(LSR) & LSR_TEMT);
	assert_int_equal(in(IIR) & IIR_NO_INT, 0);
}

static void fifo_control(void **state)
{
	(void)state;
	assert_int_equal(in(IIR) & 0xe0, 0);
	out(FCR, FCR_ENABLE);
	assert_int_equal(in(IIR) & 0xe0, 0xc0);
	/* serial8250_do_set_termios() sets a 16750's 64 bytes behind DLAB; then it stays. */
	out(LCR, LCR_DLAB);
	out(FCR, FCR_ENABLE | FCR_64);
	out(LCR, LCR_8N1);
	assert_int_equal(in(IIR) & 0xe0, 0xe0);
	out(FCR, FCR_ENABLE);
	assert_int_equal(in(IIR) & 0xe0, 0xe0);
	out(FCR, 0);
	assert_int_equal(in(IIR) & 0xe0, 0);
	/* Without the enabling bit the others are not looked at. */
	out(LCR, LCR_DLAB);
	out(FCR, FCR_64);
	assert_int_equal(in(IIR) & 0xe0, 0);
}

/* --- loop-back --- */

static void loop_back_of_the_modem_lines(void **state)
{
	static const struct {
		uint8_t mcr, msr;
	} lines[] = {
		{MCR_RTS, MSR_CTS}, {MCR_DTR, MSR_DSR}, {MCR_OUT1, MSR_RI}, {MCR_OUT2, MSR_DCD}};

	(void)state;
	out(MCR, MCR_LOOP);
	assert_int_equal(in(MSR) & 0xf0, 0);
	for (unsigned i = 0; i < COUNT(lines); i++) {
		out(MCR, MCR_LOOP | lines[i].mcr);
		assert_int_equal(in(MSR) & 0xf0, lines[i].msr);
	}
}

static void loop_back_of_bytes(void **state)
{
	(void)state;
	open_port(IER_RDI);
	out(MCR, MCR_LOOP | MCR_RTS);
	out(THR, 0x55);
	out(THR, 0xaa);
	assert_int_equal(take_event(irq), 1);
	assert_int_equal(in(IIR) & IIR_ID, IIR_RDI);
	assert_int_equal(in(RBR), 0x55);
	assert_int_equal(in(RBR), 0xaa);
	assert_false(in(LSR) & LSR_DR);
	/* Nothing goes out, and nothing comes in. */
	assert_int_equal(take_all(), 0);
	assert_int_equal(take_event(kick), 0);
	assert_false(uart_has_room(&uart));
	assert_int_equal(give(1), 0);
	assert_false(in(LSR) & LSR_DR);
}

/* size_fifo() counts how many bytes come back: 64. */
static void loop_back_fills_the_fifo(void **state)
{
	unsigned count = 0;

	(void)state;
	out(LCR, LCR_DLAB);
	out(FCR, FCR_ENABLE | FCR_64);
	out(LCR, LCR_8N1);
	out(MCR, MCR_LOOP);
	send_bytes(256, 0);
	while (in(LSR) & LSR_DR)
		assert_int_equal(in(RBR), count++);
	assert_int_equal(count, UART_FIFO_SIZE);
}

/* --- input --- */

static void bytes_arrive_in_order(void **state)
{
	uint8_t bytes[3 * UART_FIFO_SIZE];
	size_t given = 0, seen = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 5 + 3);
	open_port(IER_RDI);
	while (seen < sizeof(bytes)) {
		given += uart_give(&uart, bytes + given, sizeof(bytes) - given);
		for (unsigned i = 0; i < 23 && (in(LSR) & LSR_DR); i++)
			assert_int_equal(in(RBR), bytes[seen++]);
	}
	assert_int_equal(in(RBR), 0);
}

/* "input flood into a full FIFO": what does not fit is not taken, and nothing is overwritten. */
static void a_flood_of_input(void **state)
{
	uint8_t bytes[4 * UART_FIFO_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	open_port(0);
	assert_int_equal(uart_give(&uart, bytes, sizeof(bytes)), UART_FIFO_SIZE);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(uart_give(&uart, bytes, sizeof(bytes)), 0);
	assert_false(uart_has_room(&uart));
	for (unsigned i = 0; i < UART_FIFO_SIZE; i++) {
		assert_true(in(LSR) & LSR_DR);
		assert_int_equal(in(RBR), i);
	}
	assert_false(in(LSR) & LSR_DR);
	assert_true(uart_has_room(&uart));
}

static void no_input_while_rts_is_off(void **state)
{
	(void)state;
	assert_false(uart_has_room(&uart));
	assert_int_equal(give(1), 0);
	open_port(0);
	assert_int_equal(give(1), 1);
	out(MCR, MCR_DTR | MCR_OUT2);
	assert_false(uart_has_room(&uart));
	assert_int_equal(give(1), 0);
	assert_int_equal(in(RBR), 1);
	out(MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	assert_true(uart_has_room(&uart));
	assert_int_equal(give(1), 1);
}

static void clearing_the_fifo(void **state)
{
	(void)state;
	open_port(IER_RDI);
	assert_int_equal(give(UART_FIFO_SIZE), UART_FIFO_SIZE);
	out(FCR, FCR_ENABLE | FCR_CLEAR_TX);
	assert_true(in(LSR) & LSR_DR);
	out(FCR, FCR_ENABLE | FCR_CLEAR_RX);
	assert_false(in(LSR) & LSR_DR);
	assert_int_equal(in(RBR), 0);
	assert_int_equal(in(IIR) & IIR_ID, IIR_NO_INT);
	assert_int_equal(give(4 * UART_FIFO_SIZE), UART_FIFO_SIZE);
}

/* --- kicks --- */

static void no_kick_unless_somebody_waits(void **state)
{
	(void)state;
	open_port(0);
	assert_int_equal(give(10), 10);
	while (in(LSR) & LSR_DR)
		in(RBR);
	out(MCR, 0);
	out(MCR, MCR_RTS);
	assert_int_equal(take_event(kick), 0);
	/* An offer of nothing waits for nothing. */
	out(MCR, 0);
	assert_int_equal(give(0), 0);
	out(MCR, MCR_RTS);
	assert_int_equal(take_event(kick), 0);
}

static void a_drained_fifo_kicks_once(void **state)
{
	(void)state;
	open_port(0);
	assert_int_equal(give(UART_FIFO_SIZE + 1), UART_FIFO_SIZE);
	/* Not at the first free place: a kick costs a system call. */
	for (unsigned i = 0; i < UART_FIFO_SIZE - 1; i++)
		in(RBR);
	assert_int_equal(take_event(kick), 0);
	in(RBR);
	assert_int_equal(take_event(kick), 1);
	in(RBR);
	assert_int_equal(take_event(kick), 0);
}

static void asking_for_room_is_waiting_too(void **state)
{
	(void)state;
	open_port(0);
	assert_int_equal(give(UART_FIFO_SIZE), UART_FIFO_SIZE);
	assert_false(uart_has_room(&uart));
	for (unsigned i = 0; i < UART_FIFO_SIZE; i++)
		in(RBR);
	assert_int_equal(take_event(kick), 1);
	assert_true(uart_has_room(&uart));
}

static void rts_kicks(void **state)
{
	(void)state;
	assert_int_equal(give(1), 0);
	assert_int_equal(take_event(kick), 0);
	out(MCR, MCR_RTS);
	assert_int_equal(take_event(kick), 1);
	out(MCR, MCR_LOOP | MCR_RTS);
	assert_false(uart_has_room(&uart));
	out(MCR, MCR_RTS); /* the end of loop-back */
	assert_int_equal(take_event(kick), 1);
}

static void a_cleared_fifo_kicks(void **state)
{
	(void)state;
	open_port(0);
	assert_int_equal(give(UART_FIFO_SIZE + 1), UART_FIFO_SIZE);
	out(FCR, FCR_ENABLE | FCR_CLEAR_RX);
	assert_int_equal(take_event(kick), 1);
}

/* "No byte may wait in the coalescing ring while the guest sleeps": the first byte into an empty
 * ring kicks; those behind it cost nothing. */
static void output_kicks_once(void **state)
{
	(void)state;
	open_port(0);
	out(THR, 'a');
	assert_int_equal(take_event(kick), 1);
	send_bytes(100, 'b');
	assert_int_equal(take_event(kick), 0);
	assert_int_equal(take_all(), 101);
	out(THR, 'c');
	assert_int_equal(take_event(kick), 1);
}

/* "If some remain, another kick follows at once." */
static void what_remains_is_announced(void **state)
{
	uint8_t bytes[10];

	(void)state;
	open_port(0);
	send_bytes(30, 0);
	assert_int_equal(take_event(kick), 1);
	assert_int_equal(uart_take(&uart, bytes, 10), 10);
	assert_int_equal(take_event(kick), 1);
	assert_int_equal(uart_take(&uart, bytes, 10), 10);
	assert_int_equal(take_event(kick), 1);
	assert_int_equal(uart_take(&uart, bytes, 10), 10);
	assert_int_equal(take_event(kick), 0);
}

/* --- output --- */

static void bytes_leave_in_order(void **state)
{
	uint8_t bytes[100];

	(void)state;
	open_port(0);
	/* Around the ring's end several times. */
	for (unsigned round = 0; round < 300; round++) {
		send_bytes(sizeof(bytes), (uint8_t)round);
		assert_int_equal(uart_take(&uart, bytes, 60), 60);
		assert_int_equal(uart_take(&uart, bytes + 60, sizeof(bytes) - 60), 40);
		for (unsigned i = 0; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i], (uint8_t)(round + i));
	}
	assert_int_equal(uart_take(&uart, bytes, sizeof(bytes)), 0);
	assert_int_equal(uart_take(&uart, bytes, 0), 0);
}

/* THRE promises that a whole FIFO may be written without asking again. */
static void thre_means_room_for_a_fifo(void **state)
{
	size_t sent = 0;

	(void)state;
	open_port(0);
	while (in(LSR) & LSR_THRE) {
		send_bytes(UART_FIFO_SIZE, 0);
		sent += UART_FIFO_SIZE;
		assert_true(sent <= UART_TX_SIZE);
	}
	assert_false(in(LSR) & LSR_TEMT);
	assert_int_equal(take_all(), sent);
	assert_int_equal(in(LSR) & (LSR_THRE | LSR_TEMT), LSR_THRE | LSR_TEMT);
}

/* --- interrupts --- */

static void input_interrupts(void **state)
{
	(void)state;
	open_port(IER_RDI);
	assert_int_equal(give(3), 3);
	assert_int_equal(take_event(irq), 1);
	/* The line is high already: no edge. */
	assert_int_equal(give(3), 3);
	assert_int_equal(take_event(irq), 0);
	assert_int_equal(in(IIR) & IIR_ID, IIR_RDI);
	for (unsigned i = 0; i < 6; i++)
		in(RBR);
	assert_int_equal(in(IIR) & IIR_ID, IIR_NO_INT);
	assert_int_equal(give(1), 1);
	assert_int_equal(take_event(irq), 1);
}

static void masked_input_does_not_interrupt(void **state)
{
	(void)state;
	open_port(0);
	assert_int_equal(give(1), 1);
	assert_int_equal(take_event(irq), 0);
	assert_int_equal(in(IIR) & IIR_ID, IIR_NO_INT);
	/* Unmasking tells of what is there. */
	out(IER, IER_RDI);
	assert_int_equal(take_event(irq), 1);
	out(IER, 0);
	out(IER, IER_RDI);
	assert_int_equal(take_event(irq), 1);
}

static void transmitter_interrupts(void **state)
{
	(void)state;
	open_port(0);
	out(IER, IER_THRI);
	assert_int_equal(take_event(irq), 1);
	/* Reading it takes it back, once. */
	assert_int_equal(in(IIR) & IIR_ID, IIR_THRI);
	assert_int_equal(in(IIR) & IIR_ID, IIR_NO_INT);
	/* As many as written: a FIFO that is emptied at once is empty again. */
	for (unsigned i = 0; i < 10; i++) {
		out(THR, 'x');
		assert_int_equal(take_event(irq), 1);
		assert_int_equal(in(IIR) & IIR_ID, IIR_THRI);
	}
}

/* Input comes first, and reading its cause does not take the other back. */
static void input_goes_before_the_transmitter(void **state)
{
	(void)state;
	open_port(IER_RDI | IER_THRI);
	assert_int_equal(give(1), 1);
	assert_int_equal(in(IIR) & IIR_ID, IIR_RDI);
	assert_int_equal(in(IIR) & IIR_ID, IIR_RDI);
	in(RBR);
	assert_int_equal(in(IIR) & IIR_ID, IIR_THRI);
	assert_int_equal(in(IIR) & IIR_ID, IIR_NO_INT);
}

/* A full ring: no interrupt until there is room for a FIFO again, and then exactly one. */
static void a_slow_reader_delays_the_interrupt(void **state)
{
	uint8_t bytes[UART_FIFO_SIZE];

	(void)state;
	open_port(IER_THRI);
	send_bytes(UART_TX_SIZE, 0);
	in(IIR);
	take_event(irq);
	assert_int_equal(in(IIR) & IIR_ID, IIR_NO_INT);
	assert_false(in(LSR) & LSR_THRE);
	assert_int_equal(uart_take(&uart, bytes, UART_FIFO_SIZE - 1), UART_FIFO_SIZE - 1);
	assert_int_equal(take_event(irq), 0);
	assert_int_equal(uart_take(&uart, bytes, 1), 1);
	assert_int_equal(take_event(irq), 1);
	assert_int_equal(in(IIR) & IIR_ID, IIR_THRI);
	assert_true(in(LSR) & LSR_THRE);
	take_all();
	assert_int_equal(take_event(irq), 0);
}

/* --- the writer who waits --- */

struct writer {
	pthread_t thread;
	unsigned count;
	unsigned done; /* atomic */
};

static void *run_writer(void *argument)
{
	struct writer *writer = argument;

	for (unsigned i = 0; i < writer->count; i++) {
		out(THR, i & 0xff);
		__atomic_store_n(&writer->done, i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void start_writer(struct writer *writer, unsigned count)
{
	*writer = (struct writer){.count = count};
	assert_int_equal(pthread_create(&writer->thread, NULL, run_writer, writer), 0);
}

static unsigned done(struct writer *writer)
{
	return __atomic_load_n(&writer->done, __ATOMIC_ACQUIRE);
}

/* Until the ring is full, and then long enough for a writer that does not wait to go on. */
static void await_full_ring(struct writer *writer)
{
	const struct timespec moment = {0, 1000000};

	while (done(writer) < UART_TX_SIZE)
		nanosleep(&moment, NULL);
	for (unsigned i = 0; i < 20; i++)
		nanosleep(&moment, NULL);
}

static void a_writer_waits_and_loses_nothing(void **state)
{
	enum { TOTAL = 3 * UART_TX_SIZE };
	struct writer writer;
	uint8_t bytes[1000];
	size_t seen = 0, count;

	(void)state;
	open_port(0);
	start_writer(&writer, TOTAL);
	await_full_ring(&writer);
	assert_int_equal(done(&writer), UART_TX_SIZE);
	while (seen < TOTAL) {
		count = uart_take(&uart, bytes, sizeof(bytes));
		for (size_t i = 0; i < count; i++)
			assert_int_equal(bytes[i], (seen + i) & 0xff);
		seen += count;
	}
	assert_int_equal(pthread_join(writer.thread, NULL), 0);
	assert_int_equal(take_all(), 0);
}

static void closing_lets_the_writer_go(void **state)
{
	enum { TOTAL = UART_TX_SIZE + 5000 };
	struct writer writer;

	(void)state;
	open_port(0);
	start_writer(&writer, TOTAL);
	await_full_ring(&writer);
	uart_close(&uart);
	assert_int_equal(pthread_join(writer.thread, NULL), 0);
	/* What was written before is still there; what came after is not. */
	assert_int_equal(take_all(), UART_TX_SIZE);
}

static void a_closed_uart_throws_output_away(void **state)
{
	(void)state;
	open_port(IER_THRI);
	send_bytes(5, 0);
	uart_close(&uart);
	send_bytes(3 * UART_TX_SIZE, 0);
	assert_int_equal(take_all(), 5);
	assert_true(in(LSR) & LSR_THRE);
}

/* "… holds nobody back": a driver that polls LSR, or waits for the interrupt, goes on as well. */
static void a_closed_uart_is_ready(void **state)
{
	(void)state;
	open_port(IER_THRI);
	send_bytes(UART_TX_SIZE, 0);
	in(IIR);
	take_event(irq);
	uart_close(&uart);
	assert_true(in(LSR) & LSR_THRE);
	assert_int_equal(take_event(irq), 1);
	assert_int_equal(in(IIR) & IIR_ID, IIR_THRI);
}

/* --- the filter --- */

static void what_a_uart_needs(void **state)
{
	const struct rule rules[] = {{SYS_write, irq, ANY}, {SYS_write, kick, ANY}, LOCKS};

	(void)state;
	uart_allow(&uart, list_anew());
	assert_rules(&listed, rules, COUNT(rules));
}

#define UART_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UART_TEST(after_reset),
		UART_TEST(the_scratch_register_keeps_a_byte),
		UART_TEST(the_divisor_hides_behind_dlab),
		UART_TEST(reserved_bits_and_registers),
		UART_TEST(registers_beyond_the_last),
		UART_TEST(linux_finds_a_uart),
		UART_TEST(linux_finds_a_16750),
		UART_TEST(linux_finds_a_good_transmitter),
		UART_TEST(fifo_control),
		UART_TEST(loop_back_of_the_modem_lines),
		UART_TEST(loop_back_of_bytes),
		UART_TEST(loop_back_fills_the_fifo),
		UART_TEST(bytes_arrive_in_order),
		UART_TEST(a_flood_of_input),
		UART_TEST(no_input_while_rts_is_off),
		UART_TEST(clearing_the_fifo),
		UART_TEST(no_kick_unless_somebody_waits),
		UART_TEST(a_drained_fifo_kicks_once),
		UART_TEST(asking_for_room_is_waiting_too),
		UART_TEST(rts_kicks),
		UART_TEST(a_cleared_fifo_kicks),
		UART_TEST(output_kicks_once),
		UART_TEST(what_remains_is_announced),
		UART_TEST(bytes_leave_in_order),
		UART_TEST(thre_means_room_for_a_fifo),
		UART_TEST(input_interrupts),
		UART_TEST(masked_input_does_not_interrupt),
		UART_TEST(transmitter_interrupts),
		UART_TEST(input_goes_before_the_transmitter),
		UART_TEST(a_slow_reader_delays_the_interrupt),
		UART_TEST(a_writer_waits_and_loses_nothing),
		UART_TEST(closing_lets_the_writer_go),
		UART_TEST(a_closed_uart_throws_output_away),
		UART_TEST(a_closed_uart_is_ready),
		UART_TEST(what_a_uart_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
