/* A 16750-class UART: 16550A registers and a 64-byte FIFO (TI TL16C750 data sheet; Linux finds it
 * by bit 5 of IIR). The guest's side is the register file; the host's side is two byte queues.
 * Its only outside effects are two eventfds, so a test drives it without KVM.
 *
 * Threads: vCPUs call uart_read and uart_write, the main loop everything else. */
#ifndef MAYFLY_UART16550_H
#define MAYFLY_UART16550_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sysfilter.h"

#define UART_FIFO_SIZE 64
#define UART_TX_SIZE 8192 /* bytes on their way to the host; a power of two */
#define UART_REGISTERS 8

struct uart {
	pthread_mutex_t lock;
	pthread_cond_t tx_has_room;
	int irq_fd;  /* eventfd: an edge for the interrupt controller */
	int kick_fd; /* eventfd: the main loop has something to do here */

	uint8_t ier, iir_fifo, lcr, mcr, scr, divisor[2];
	bool thre_pending; /* "transmitter empty" not yet seen by the guest */
	bool irq_high;     /* level of the interrupt line */
	bool closed;       /* the host takes no more output */
	bool rx_wanted;    /* the host has more input than there was room for */
	uint8_t rx[UART_FIFO_SIZE];
	unsigned rx_head, rx_count;
	uint8_t tx[UART_TX_SIZE];
	unsigned tx_head, tx_count;
};

/* The eventfds stay the caller's; both are non-blocking. */
void uart_init(struct uart *uart, int irq_fd, int kick_fd);

/* A register access by the guest, OFFSET 0–7. A write to a full transmitter waits until the
 * main loop has taken some: the guest is held back and nothing is lost. */
uint8_t uart_read(struct uart *uart, unsigned offset);
void uart_write(struct uart *uart, unsigned offset, uint8_t value);

/* Gives up to SIZE bytes to the guest and returns how many it took: as many as its FIFO has room for,
 * none while RTS is off. If that was not all, the kick eventfd says when to try again. */
size_t uart_give(struct uart *uart, const uint8_t *data, size_t size);

/* True if uart_give would take a byte now; if not, a kick follows when that changes. */
bool uart_has_room(struct uart *uart);

/* Takes up to SIZE bytes of the guest's output and returns how many there were. If some remain, another
 * kick follows at once. */
size_t uart_take(struct uart *uart, uint8_t *data, size_t size);

/* From now on the guest's output is thrown away and holds nobody back: the VM has ended. */
void uart_close(struct uart *uart);

/* The system calls that a UART in operation needs. */
void uart_allow(const struct uart *uart, struct sysfilter *filter);

#endif
