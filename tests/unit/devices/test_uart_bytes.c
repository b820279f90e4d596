/* The UART's bytes on their way in and out: FIFOs, kicks, interrupts, and a writer who waits. */
#define _GNU_SOURCE
#include "uart_port.h"

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
		for (unsigned i = 0; i < 23 && (in(LSR)&LSR_DR); i++)
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
		assert_true(in(LSR)&LSR_DR);
		assert_int_equal(in(RBR), i);
	}
	assert_false(in(LSR)&LSR_DR);
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
	assert_true(in(LSR)&LSR_DR);
	out(FCR, FCR_ENABLE | FCR_CLEAR_RX);
	assert_false(in(LSR)&LSR_DR);
	assert_int_equal(in(RBR), 0);
	assert_int_equal(in(IIR)&IIR_ID, IIR_NO_INT);
	assert_int_equal(give(4 * UART_FIFO_SIZE), UART_FIFO_SIZE);
}

/* --- kicks --- */

static void no_kick_unless_somebody_waits(void **state)
{
	(void)state;
	open_port(0);
	assert_int_equal(give(10), 10);
	while (in(LSR)&LSR_DR)
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
	while (in(LSR)&LSR_THRE) {
		send_bytes(UART_FIFO_SIZE, 0);
		sent += UART_FIFO_SIZE;
		assert_true(sent <= UART_TX_SIZE);
	}
	assert_false(in(LSR)&LSR_TEMT);
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
	assert_int_equal(in(IIR)&IIR_ID, IIR_RDI);
	for (unsigned i = 0; i < 6; i++)
		in(RBR);
	assert_int_equal(in(IIR)&IIR_ID, IIR_NO_INT);
	assert_int_equal(give(1), 1);
	assert_int_equal(take_event(irq), 1);
}

static void masked_input_does_not_interrupt(void **state)
{
	(void)state;
	open_port(0);
	assert_int_equal(give(1), 1);
	assert_int_equal(take_event(irq), 0);
	assert_int_equal(in(IIR)&IIR_ID, IIR_NO_INT);
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
	assert_int_equal(in(IIR)&IIR_ID, IIR_THRI);
	assert_int_equal(in(IIR)&IIR_ID, IIR_NO_INT);
	/* As many as written: a FIFO that is emptied at once is empty again. */
	for (unsigned i = 0; i < 10; i++) {
		out(THR, 'x');
		assert_int_equal(take_event(irq), 1);
		assert_int_equal(in(IIR)&IIR_ID, IIR_THRI);
	}
}

/* Input comes first, and reading its cause does not take the other back. */
static void input_goes_before_the_transmitter(void **state)
{
	(void)state;
	open_port(IER_RDI | IER_THRI);
	assert_int_equal(give(1), 1);
	assert_int_equal(in(IIR)&IIR_ID, IIR_RDI);
	assert_int_equal(in(IIR)&IIR_ID, IIR_RDI);
	in(RBR);
	assert_int_equal(in(IIR)&IIR_ID, IIR_THRI);
	assert_int_equal(in(IIR)&IIR_ID, IIR_NO_INT);
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
	assert_int_equal(in(IIR)&IIR_ID, IIR_NO_INT);
	assert_false(in(LSR)&LSR_THRE);
	assert_int_equal(uart_take(&uart, bytes, UART_FIFO_SIZE - 1), UART_FIFO_SIZE - 1);
	assert_int_equal(take_event(irq), 0);
	assert_int_equal(uart_take(&uart, bytes, 1), 1);
	assert_int_equal(take_event(irq), 1);
	assert_int_equal(in(IIR)&IIR_ID, IIR_THRI);
	assert_true(in(LSR)&LSR_THRE);
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
	assert_true(in(LSR)&LSR_THRE);
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
	assert_true(in(LSR)&LSR_THRE);
	assert_int_equal(take_event(irq), 1);
	assert_int_equal(in(IIR)&IIR_ID, IIR_THRI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
