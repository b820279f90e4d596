/* A UART's state, saved and loaded: in the middle of activity, and with every field as no UART
 * can have it. */
#include "uart_port.h"

static struct uart_state saved;
static struct problem problem;

/* Into a UART that was just made, as a restored VM has it. */
static bool load(void)
{
	take_event(irq);
	take_event(kick);
	uart_init(&uart, irq, kick);
	problem_clear(&problem);
	return uart_load(&uart, &saved, &problem);
}

static void save_and_load(void)
{
	uart_save(&uart, &saved);
	assert_true(load());
}

/* --- round trips --- */

static void a_new_uart(void **state)
{
	(void)state;
	save_and_load();
	assert_int_equal(take_event(irq), 0);
	assert_int_equal(take_event(kick), 0);
	assert_int_equal(in(LSR), LSR_THRE | LSR_TEMT);
	assert_int_equal(in(IIR), IIR_NO_INT);
	out(LCR, LCR_DLAB);
	assert_int_equal(in(0), 12);
}

static void every_register(void **state)
{
	(void)state;
	out(LCR, LCR_DLAB);
	out(FCR, FCR_ENABLE | FCR_64);
	out(0, 0x34);
	out(1, 0x12);
	out(LCR, LCR_8N1);
	out(IER, 0x0f);
	out(MCR, MCR_LOOP | MCR_DTR | MCR_OUT2);
	out(SCR, 0xa5);
	save_and_load();
	assert_int_equal(in(IER), 0x0f);
	assert_int_equal(in(IIR), 0xe0 | IIR_THRI);
	assert_int_equal(in(MCR), MCR_LOOP | MCR_DTR | MCR_OUT2);
	assert_int_equal(in(MSR), MSR_DSR | MSR_DCD);
	assert_int_equal(in(SCR), 0xa5);
	assert_int_equal(in(LCR), LCR_8N1);
	out(LCR, LCR_DLAB);
	assert_int_equal(in(0), 0x34);
	assert_int_equal(in(1), 0x12);
}

/* Both rings wrap; half of what came has gone. */
static void bytes_under_way(void **state)
{
	static uint8_t bytes[UART_TX_SIZE];

	(void)state;
	open_port(0);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(give(1), 1);
		assert_int_equal(in(RBR), 1);
	}
	send_bytes(6000, 0);
	assert_int_equal(take_all(), 6000);
	assert_int_equal(give(50), 50);
	send_bytes(7000, 3);
	assert_int_equal(uart_take(&uart, bytes, 100), 100);
	save_and_load();
	assert_int_equal(take_event(kick), 1);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(in(LSR)&LSR_DR, LSR_DR);
		assert_int_equal(in(RBR), i < 8 ? i + 1 : 0);
	}
	assert_int_equal(in(LSR)&LSR_DR, 0);
	assert_int_equal(uart_take(&uart, bytes, sizeof(bytes)), 6900);
	for (unsigned i = 0; i < 6900; i++)
		assert_each(bytes[i] == (uint8_t)(3 + 100 + i), "byte", i);
	/* And it goes on. */
	send_bytes(5, 7);
	assert_int_equal(take_all(), 5);
	assert_int_equal(give(UART_FIFO_SIZE + 1), UART_FIFO_SIZE);
}

static void full_rings(void **state)
{
	(void)state;
	open_port(0);
	assert_int_equal(give(100), UART_FIFO_SIZE);
	send_bytes(UART_TX_SIZE, 0);
	save_and_load();
	assert_int_equal(in(LSR), LSR_DR);
	assert_int_equal(take_all(), UART_TX_SIZE);
	assert_int_equal(in(LSR), LSR_DR | LSR_THRE | LSR_TEMT);
	/* The host had more than there was room for: it is told when there is room. */
	take_event(kick);
	for (unsigned i = 0; i < UART_FIFO_SIZE; i++) {
		assert_int_equal(take_event(kick), 0);
		in(RBR);
	}
	assert_int_equal(take_event(kick), 1);
}

/* The edge may have been lost: it comes once more, and not for a line that is low. */
static void a_high_line_speaks_again(void **state)
{
	(void)state;
	open_port(IER_RDI);
	assert_int_equal(give(1), 1);
	save_and_load();
	assert_int_equal(take_event(irq), 1);
	assert_int_equal(in(IIR)&IIR_ID, IIR_RDI);
	in(RBR);
	save_and_load();
	assert_int_equal(take_event(irq), 0);
	assert_int_equal(give(1), 1);
	assert_int_equal(take_event(irq), 1);
}

static void an_empty_transmitter_is_remembered(void **state)
{
	(void)state;
	open_port(IER_THRI);
	save_and_load();
	assert_int_equal(take_event(irq), 1);
	assert_int_equal(in(IIR)&IIR_ID, IIR_THRI);
	save_and_load();
	assert_int_equal(take_event(irq), 0);
	assert_int_equal(in(IIR), 0xc0 | IIR_NO_INT);
}

/* The state has no descriptors, and nothing of the host's end. */
static void a_closed_uart(void **state)
{
	(void)state;
	open_port(0);
	send_bytes(3, 0);
	uart_close(&uart);
	save_and_load();
	send_bytes(2, 0);
	assert_int_equal(take_all(), 5);
}

/* --- states that no UART can be in --- */

static void assert_refused(const char *what, uint64_t value)
{
	static struct uart_state before;

	take_event(irq);
	take_event(kick);
	uart_init(&uart, irq, kick);
	memcpy(&before, &uart.state, sizeof(before));
	problem_clear(&problem);
	assert_each(!uart_load(&uart, &saved, &problem), what, value);
	assert_mends(in_words(&problem), "UART");
	assert_memory_equal(&uart.state, &before, sizeof(before));
	assert_int_equal(take_event(irq) + take_event(kick), 0);
}

/* A field of one byte has these values, and no others. */
static void assert_only(const char *what, uint8_t *field, bool (*may_be)(unsigned value))
{
	uint8_t good = *field;

	for (unsigned value = 0; value < 256; value++) {
		*field = (uint8_t)value;
		if (may_be(value))
			assert_each(load(), what, value);
		else
			assert_refused(what, value);
	}
	*field = good;
}

static bool any(unsigned value)
{
	(void)value;
	return true;
}

static bool is_flag(unsigned value)
{
	return value <= 1;
}

static bool is_ier(unsigned value)
{
	return !(value & 0xf0);
}

static bool is_mcr(unsigned value)
{
	return !(value & 0xe0);
}

static bool is_fifo(unsigned value)
{
	return value == 0 || value == 0xc0 || value == 0xe0;
}

static bool is_zero(unsigned value)
{
	return value == 0;
}

static void every_field_of_a_byte(void **state)
{
	(void)state;
	uart_save(&uart, &saved);
	assert_only("ier", &saved.ier, is_ier);
	assert_only("iir", &saved.iir_fifo, is_fifo);
	assert_only("lcr", &saved.lcr, any);
	assert_only("mcr", &saved.mcr, is_mcr);
	assert_only("scr", &saved.scr, any);
	assert_only("divisor", &saved.divisor[0], any);
	assert_only("divisor", &saved.divisor[1], any);
	assert_only("thre_pending", &saved.thre_pending, is_flag);
	assert_only("rx_wanted", &saved.rx_wanted, is_flag);
	assert_only("irq_high", &saved.irq_high, is_zero);
}

/* The line is high if, and only if, there is a cause. */
static void the_line_and_its_cause(void **state)
{
	(void)state;
	uart_save(&uart, &saved);
	saved.ier = IER_RDI;
	saved.rx_count = 1;
	assert_refused("line", 0);
	saved.irq_high = 1;
	assert_true(load());
	saved.rx_count = 0;
	assert_refused("line", 1);
	saved.ier = IER_THRI;
	saved.thre_pending = 1;
	assert_true(load());
	saved.irq_high = 2;
	assert_refused("line", 2);
}

static void assert_bounded(const char *what, uint32_t *field, uint32_t most)
{
	const uint32_t beyond[] = {most + 1, 2 * most, 0x10000, INT32_MAX, 0x80000000, UINT32_MAX};
	uint32_t good = *field;

	*field = most;
	assert_each(load(), what, most);
	for (unsigned i = 0; i < COUNT(beyond); i++) {
		*field = beyond[i];
		assert_refused(what, beyond[i]);
	}
	*field = good;
}

static void positions_in_the_rings(void **state)
{
	(void)state;
	uart_save(&uart, &saved);
	assert_bounded("rx_head", &saved.rx_head, UART_FIFO_SIZE - 1);
	assert_bounded("rx_count", &saved.rx_count, UART_FIFO_SIZE);
	assert_bounded("tx_head", &saved.tx_head, UART_TX_SIZE - 1);
	assert_bounded("tx_count", &saved.tx_count, UART_TX_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UART_TEST(a_new_uart),
		UART_TEST(every_register),
		UART_TEST(bytes_under_way),
		UART_TEST(full_rings),
		UART_TEST(a_high_line_speaks_again),
		UART_TEST(an_empty_transmitter_is_remembered),
		UART_TEST(a_closed_uart),
		UART_TEST(every_field_of_a_byte),
		UART_TEST(the_line_and_its_cause),
		UART_TEST(positions_in_the_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
