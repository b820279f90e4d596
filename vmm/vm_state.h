/* A VM, for the two files that lead it through its life. */
#ifndef MAYFLY_VM_STATE_H
#define MAYFLY_VM_STATE_H

#include "machine/arch.h"
#include "devices/channel.h"
#include "machine/devices.h"
#include "loop/ioloop.h"
#include "sandbox/jail.h"
#include "base/config.h"
#include "roles.h"
#include "stats.h"
#include "loop/terminal.h"

/* Everything that a VM needs, in one place and without a heap. */
struct vm {
	const struct options *options;
	struct kvm kvm;
	struct ram ram;
	struct irqchip irqchip;
	struct boot_entry entry;
	struct bus bus;
	struct machine machine;
	struct uart console, channel_uart;
	struct channel channel;
	struct devices devices;
	struct ending ending;
	struct terminal terminal;
	struct jail jail;
	struct gate gate;
	struct roles roles;
	struct ioloop loop;
	struct stats stats;
	struct vcpu vcpu[VCPUS_MAX];
	uint8_t seed[SEED_SIZE];
};

/* The VM has ended: brings home what it left, says what is to be said. Returns the exit code. */
int vm_finish(struct vm *vm);

#endif
