/* The state of a VM, for vm.c and finish.c, which lead it through its life. */
#ifndef MAYFLY_VM_STATE_H
#define MAYFLY_VM_STATE_H

#include <linux/filter.h>

#include "base/config.h"
#include "base/ending.h"
#include "base/ram.h"
#include "devices/channel.h"
#include "devices/uart16550.h"
#include "loop/ioloop.h"
#include "loop/terminal.h"
#include "machine/arch.h"
#include "machine/bus.h"
#include "machine/devices.h"
#include "machine/kvm.h"
#include "machine/vcpu.h"
#include "sandbox/gate.h"
#include "sandbox/jail.h"
#include "stats.h"

/* A kind of thread (roles.h). */
enum role {
	ROLE_MAIN,
	ROLE_VCPU,
	ROLE_DEVICE, /* the workers of device 0; the next devices follow */
	ROLES = ROLE_DEVICE + DEVICES_MAX,
};

/* A filter for each role that VM has. */
struct roles {
	struct sock_fprog program[ROLES];
};

/* Everything that a VM needs, in one place without a heap. */
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

/* To be called after the VM's end: takes out what the VM left and reports problems. Returns the
 * exit code. */
int vm_finish(struct vm *vm);

#endif
