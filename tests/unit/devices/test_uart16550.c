/* The UART's registers, by TI's TL16C750 data sheet; the sequences are those of Linux's
 * drivers/tty/serial/8250. */
#define _GNU_SOURCE
#include "uart_port.h"

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
	assert_int_equal(in(MCR)&0xc0, 0);
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
	assert_int_equal(in(IER)&0x0f, 0);
	out(IER, 0x0f);
	assert_int_equal(in(IER)&0x0f, 0x0f);
	out(IER, 0);
	/* "LOOP test": OUT2 and RTS come back as DCD and CTS. */
	out(MCR, MCR_LOOP | MCR_OUT2 | MCR_RTS);
	assert_int_equal(in(MSR)&0xf0, MSR_DCD | MSR_CTS);
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
	assert_int_equal(in(IIR)&IIR_ID, IIR_THRI);
	out(IER, 0);
	out(IER, IER_THRI);
	assert_int_equal(in(IIR)&IIR_ID, IIR_THRI);
	out(IER, 0);
	/* … and it is raised when the transmitter is empty, or it is UART_BUG_TXEN. */
	out(IER, IER_THRI);
	assert_true(in(LSR)&LSR_TEMT);
	assert_int_equal(in(IIR)&IIR_NO_INT, 0);
}

static void fifo_control(void **state)
{
	(void)state;
	assert_int_equal(in(IIR)&0xe0, 0);
	out(FCR, FCR_ENABLE);
	assert_int_equal(in(IIR)&0xe0, 0xc0);
	/* serial8250_do_set_termios() sets a 16750's 64 bytes behind DLAB; then it stays. */
	out(LCR, LCR_DLAB);
	out(FCR, FCR_ENABLE | FCR_64);
	out(LCR, LCR_8N1);
	assert_int_equal(in(IIR)&0xe0, 0xe0);
	out(FCR, FCR_ENABLE);
	assert_int_equal(in(IIR)&0xe0, 0xe0);
	out(FCR, 0);
	assert_int_equal(in(IIR)&0xe0, 0);
	/* Without the enabling bit the others are not looked at. */
	out(LCR, LCR_DLAB);
	out(FCR, FCR_64);
	assert_int_equal(in(IIR)&0xe0, 0);
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
	assert_int_equal(in(MSR)&0xf0, 0);
	for (unsigned i = 0; i < COUNT(lines); i++) {
		out(MCR, MCR_LOOP | lines[i].mcr);
		assert_int_equal(in(MSR)&0xf0, lines[i].msr);
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
	assert_int_equal(in(IIR)&IIR_ID, IIR_RDI);
	assert_int_equal(in(RBR), 0x55);
	assert_int_equal(in(RBR), 0xaa);
	assert_false(in(LSR)&LSR_DR);
	/* Nothing goes out, and nothing comes in. */
	assert_int_equal(take_all(), 0);
	assert_int_equal(take_event(kick), 0);
	assert_false(uart_has_room(&uart));
	assert_int_equal(give(1), 0);
	assert_false(in(LSR)&LSR_DR);
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
	while (in(LSR)&LSR_DR)
		assert_int_equal(in(RBR), count++);
	assert_int_equal(count, UART_FIFO_SIZE);
}

/* --- the filter --- */

static void what_a_uart_needs(void **state)
{
	const struct rule rules[] = {{SYS_write, irq, ANY}, {SYS_write, kick, ANY}, LOCKS};

	(void)state;
	uart_allow(&uart, list_anew());
	assert_rules(&listed, rules, COUNT(rules));
}

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
		UART_TEST(what_a_uart_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
