/* What the bare guest asks of the machine it runs on: machine.h and the other files of x86_64/
 * or aarch64/.
 *
 * machine.h defines addresses:
 *   CONSOLE, CHANNEL  the UARTs, for uart_in() and uart_out()
 *   VIRTIO            the first slot; they are 4 KiB apart
 *   IRQCHIP           registers of the interrupt controller
 *   NOWHERE           neither RAM nor a device
 *   SCRATCH           1 MiB of RAM that nobody uses, in the smallest guest, too
 *   MAPPED_END        RAM from here on cannot be touched before map_high()
 *   UNTOLD_RAM        bytes of what -m says that the memory map does not tell
 *   BAD_PLACES(P)     P(name, address, bytes) for each of this machine's own places where no
 *                     buffer may be
 *
 * and what is an instruction or two:
 *   read8 … write64   one plain move each, so that no compiler changes the width, and a
 *                     hypervisor can emulate it; what comes before a write in the program, or
 *                     after a read, does so for devices, too
 *   uart_in, uart_out
 *   unaligned         the same device's registers where accesses need not be aligned
 *   ticks             a clock, of one to four ticks a nanosecond
 *   relax             in loops that wait
 *
 * Memory is shared with devices and other CPUs in C11's way: by acquire and release. */
#ifndef GUEST_ARCH_H
#define GUEST_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "machine.h"

/* From what start.S was given; returns the command line. */
const char *machine_begin(uint64_t argument);

struct range {
	uint64_t address, size;
};

/* The RAM as the firmware's tables tell it, ascending; returns how many ranges there are. */
#define RAM_MAP_MAX 8
unsigned ram_map(struct range map[RAM_MAP_MAX]);

/* Lets RAM from 4 GiB to 5 GiB be touched. */
void map_high(void);

void fill(volatile void *to, uint8_t byte, uint64_t size);

_Noreturn void halt(void);
void power_off(void);
void panic_reset(void); /* as Linux does after a panic */

/* Lets every other CPU do WORK, each on a stack of its own, once; they sleep when that returns. */
#define CPUS_MAX 32
void start_other_cpus(void (*work)(void));

/* For CPU 0: the first slot's interrupt may come; it comes only in sleep_until_interrupt(). */
void open_interrupt(void);
void sleep_until_interrupt(void);

/* Whatever else there is not, beside addresses, is read as zero, and may be written. */
bool is_nothing_else(void);

struct test {
	const char *name;
	void (*run)(void);
};

/* Tests that only this machine can have; ends with a name that is NULL. */
extern const struct test arch_tests[];

#endif
