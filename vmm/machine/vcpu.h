/* A virtual CPU: a thread that calls KVM_RUN and serves what the guest asks for. */
#ifndef MAYFLY_VCPU_H
#define MAYFLY_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ending.h"
#include "base/fdplan.h"
#include "base/sysfilter.h"
#include "machine/bus.h"
#include "machine/kvm.h"
#include "sandbox/gate.h"

struct kvm_run;

/* Why a vCPU came back to us. */
enum exit_kind { EXIT_IO, EXIT_MMIO, EXIT_INTERRUPTED, EXIT_LAST, EXIT_KINDS };

struct vcpu {
	unsigned index;
	int fd; /* FD_VCPU + index */
	struct kvm_run *run;
	const struct bus *bus;
	struct ending *ending;
	struct gate *gate;
	const struct sock_fprog *program;   /* its filter */
	_Atomic uint64_t exits[EXIT_KINDS]; /* its thread counts, others read */
};

/* Makes vCPU INDEX and maps what it shares with KVM. The caller sets its registers. */
bool vcpu_create(struct vcpu *vcpu, const struct kvm *kvm, unsigned index, struct problem *problem);

/* Starts the vCPU's thread, which waits at its gate. */
bool vcpu_start(struct vcpu *vcpu, struct problem *problem);

/* Runs guest code until the vCPU has something to serve: the only call of KVM_RUN. False: errno.
 * LOCKDOWN is the proof that the process is sealed; without it nothing runs (EPERM). */
bool vcpu_enter(const struct vcpu *vcpu, lockdown_t lockdown);

/* The system calls that vCPUs in operation need. */
void vcpu_allow(struct sysfilter *filter);

#endif
