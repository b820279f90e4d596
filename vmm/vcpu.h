/* A virtual CPU: a thread that calls KVM_RUN and serves what the guest asks for. */
#ifndef MAYFLY_VCPU_H
#define MAYFLY_VCPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus.h"
#include "ending.h"
#include "kvm.h"
#include "lockdown.h"
#include "sysfilter.h"

struct kvm_run;

/* Where the vCPU threads wait until the VM is sealed. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t arrived, opened;
	unsigned waiting; /* threads that are here */
	bool open;
	lockdown_t lockdown;
};

struct vcpu {
	unsigned index;
	int fd; /* FD_VCPU + index */
	struct kvm_run *run;
	const struct bus *bus;
	struct ending *ending;
	struct gate *gate;
	pthread_t thread;
};

/* Makes vCPU INDEX and maps what it shares with KVM. The caller sets its registers. */
bool vcpu_create(struct vcpu *vcpu, const struct kvm *kvm, unsigned index, struct problem *problem);

void gate_init(struct gate *gate);

/* Starts the vCPU's thread, which waits at its gate. It has the caller's signal mask. */
bool vcpu_start(struct vcpu *vcpu, struct problem *problem);

/* Returns when COUNT threads are at the gate: a thread that is still on its way there makes system
 * calls of its own, which the filter forbids. */
void gate_await(struct gate *gate, unsigned count);

/* Opens the gate: the guest runs. */
void gate_open(struct gate *gate, lockdown_t lockdown);

/* The system calls that vCPUs in operation need. */
void vcpu_allow(struct sysfilter *filter);

#endif
