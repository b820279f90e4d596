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

#include "base/report.h"
#include "base/sysfilter.h"
#include "devices/uart_state.h"

#define UART_REGISTERS 8

struct uart {
	pthread_mutex_t lock;
	pthread_cond_t tx_has_room;
	int irq_fd;  /* eventfd: an edge for the interrupt controller */
	int kick_fd; /* eventfd: the main loop has something to do here */
	bool closed; /* the host takes no more output */
	struct uart_state state;
};

/* The eventfds stay the caller's; both are non-blocking. */
void uart_init(struct uart *uart, int irq_fd, int kick_fd);

/* A register access by the guest, OFFSET 0–7. A write to a full transmitter waits until the
 * main loop has taken some: the guest is held back and nothing is lost. */
uint8_t uart_read(struct uart *uart, unsigned offset);
void uart_write(struct uart *uart, unsigned offset, uint8_t value);

/* Gives up to SIZE bytes to the guest and returns how many it took: as many as its FIFO has room
 * for, none while RTS is off. If that was not all, the kick eventfd says when to try again. */
size_t uart_give(struct uart *uart, const uint8_t *data, size_t size);

/* True if uart_give would take a byte now; if not, a kick follows when that changes. */
bool uart_has_room(struct uart *uart);

/* Takes up to SIZE bytes of the guest's output and returns how many there were. If some remain,
 * another kick follows at once. */
size_t uart_take(struct uart *uart, uint8_t *data, size_t size);

/* From now on the guest's output is thrown away and holds nobody back: the VM has ended. */
void uart_close(struct uart *uart);

/* Copies the state. No vCPU is in uart_write: one that waits for room has a byte which is in no
 * state yet. */
void uart_save(struct uart *uart, struct uart_state *state);

/* Gives STATE to a UART that was just made. Every field is checked as if a guest had written it;
 * false, with PROBLEM set and the UART as it was, if no UART can be in such a state. An
 * interrupt line that is high speaks again, because the edge may have been lost; a spurious one
 * does no harm. The main loop is kicked if there is output to take. */
bool uart_load(struct uart *uart, const struct uart_state *state, struct problem *problem);

/* The system calls that a UART in operation needs. */
void uart_allow(const struct uart *uart, struct sysfilter *filter);

#endif
