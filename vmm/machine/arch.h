/* What an architecture provides. Implemented once in each of machine/x86_64 and machine/aarch64;
 * the Makefile chooses. Called in this order. */
#ifndef MAYFLY_ARCH_H
#define MAYFLY_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "arch_layout.h" /* ARCH_… constants: the memory map, found by the include path */
#include "base/bytes.h"
#include "sandbox/gate.h"

struct bus;
struct cmdline;
struct ending;
struct files;
struct job;
struct kvm;
struct problem;
struct ram;
struct sysfilter;
struct uart;
struct vcpu;

/* What the guest starts with. */
struct boot_request {
	const char *kernel_name, *initrd_name; /* for messages */
	struct bytes kernel, initrd;           /* initrd.size 0: none */
	const struct job *job;                 /* NULL: a plain boot */
	const struct files *files;             /* that go with the job */
	bool kernel_stays, initrd_stays;       /* their pages may become the guest's (ram_place) */
	struct bytes packed;                   /* an archive of such files; size 0: none */
	struct cmdline *cmdline;               /* the architecture adds what it needs */
	const char *append;                    /* the user's words, which come last; NULL: none */
	const uint8_t *seed;                   /* SEED_SIZE random bytes for the kernel */
	unsigned cpus;
	unsigned devices; /* virtio devices, at ARCH_VIRTIO and on */
};

#define SEED_SIZE 32

/* How a vCPU enters the kernel. */
struct boot_entry {
	uint64_t entry;     /* address of the first instruction */
	uint64_t argument;  /* what the protocol passes in a register */
	unsigned mode;      /* enum image_format */
	uint32_t page_size; /* of struct image */
};

struct placed_initrd {
	uint64_t address, size; /* size 0: there is none */
};

/* The interrupt controller. */
struct irqchip {
	int fd;           /* arm64, until it is started */
	unsigned version; /* arm64: of the GIC, 2 or 3 */
};

/* State of the architecture's own devices. */
struct machine {
	struct ending *ending;
	const struct ram *ram;
};

/* Puts kernel, initrd and what the boot protocol wants into guest memory, and says where the
 * INITRD is and how to enter. The request's files are not needed any more. */
bool arch_load(const struct boot_request *request, const struct ram *ram,
	       struct placed_initrd *initrd, struct boot_entry *entry, struct problem *problem);

/* Makes the interrupt controller, for CPUS vCPUs. After kvm_set_memory. */
bool arch_create_irqchip(const struct kvm *kvm, unsigned cpus, struct irqchip *irqchip,
			 struct problem *problem);

/* Puts beside that what tells the guest of its machine. */
bool arch_describe(const struct boot_request *request, const struct placed_initrd *initrd,
		   const struct irqchip *irqchip, const struct ram *ram, struct problem *problem);

/* Sets up the registers of all CPUS vCPUs; the first enters the kernel, the others wait for it. */
bool arch_init_vcpus(const struct kvm *kvm, const struct vcpu *vcpus, unsigned cpus,
		     const struct boot_entry *entry, struct problem *problem);

/* Completes the interrupt controller when all vCPUs are there. Only then it takes irqfds. */
bool arch_start_irqchip(struct irqchip *irqchip, struct problem *problem);

/* Puts the UARTs and the architecture's power and reset registers on the bus. (The virtio
 * devices are everybody's: see devices.h.) */
void arch_add_devices(struct bus *bus, struct machine *machine, struct uart *console,
		      struct uart *channel);

/* VCPU stopped with an exit that is none of the bus's: ends the VM, and says in one line why if
 * the guest did not mean to. The vCPU may be entered once more, for its registers alone. */
void arch_end(const struct vcpu *vcpu, lockdown_t lockdown);

/* The system calls that arch_end needs. */
void arch_allow(struct sysfilter *filter);

#endif
