/* A UART's registers and their bits (TI TL16C750 data sheet). For the UART's own files: the
 * names are short. */
#ifndef MAYFLY_UART_BITS_H
#define MAYFLY_UART_BITS_H

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

#endif
