/* What an architecture provides. Implemented once in each of vmm/x86_64 and vmm/aarch64; the Makefile
 * chooses. Called in this order. */
#ifndef MAYFLY_ARCH_H
#define MAYFLY_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "arch_layout.h" /* ARCH_… constants: the memory map, found by the include path */
#include "bus.h"
#include "bytes.h"
#include "cmdline.h"
#include "ending.h"
#include "job.h"
#include "kvm.h"
#include "ram.h"
#include "report.h"
#include "uart16550.h"
#include "vcpu.h"

struct kvm_run;

/* What the guest starts with. */
struct boot_request {
	const char *kernel_name, *initrd_name; /* for messages */
	struct bytes kernel, initrd;           /* initrd.size 0: none */
	const struct job *job;                 /* NULL: a plain boot */
	struct cmdline *cmdline;               /* the architecture adds what it needs */
	const char *append;                    /* the user's words, which come last; NULL: none */
	const uint8_t *seed;                   /* SEED_SIZE random bytes for the kernel */
	unsigned cpus;
	unsigned devices; /* virtio devices, at ARCH_VIRTIO and on */
};

#define SEED_SIZE 32

/* How a vCPU enters the kernel. */
struct boot_entry {
	uint64_t entry;    /* address of the first instruction */
	uint64_t argument; /* what the protocol passes in a register */
	unsigned mode;     /* enum image_format */
};

/* State of the architecture's own devices. */
struct machine {
	struct ending *ending;
	const struct ram *ram;
};

/* Makes the interrupt controller. After kvm_set_memory. */
bool arch_create_irqchip(const struct kvm *kvm, struct problem *problem);

/* Puts kernel, initrd and boot data into guest memory and says how to enter. */
bool arch_load(const struct boot_request *request, const struct ram *ram, struct boot_entry *entry,
	       struct problem *problem);

/* Sets up the registers of VCPU, one of CPUS; vCPU 0 enters the kernel, the others wait for it. */
bool arch_init_vcpu(const struct kvm *kvm, const struct vcpu *vcpu, unsigned cpus,
		    const struct boot_entry *entry, struct problem *problem);

/* Puts the UARTs and the architecture's power and reset registers on the bus. (The virtio devices are
 * everybody's: see devices.h.) */
void arch_add_devices(struct bus *bus, struct machine *machine, struct uart *console,
		      struct uart *channel);

/* Says in one line why the guest cannot go on: SEEN is the exit, REGISTERS holds what
 * ARCH_SYNC_REGISTERS asked for. */
void arch_describe_crash(const struct kvm_run *seen, const struct kvm_run *registers,
			 struct problem *text);

#endif
