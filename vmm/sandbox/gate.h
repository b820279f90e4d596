/* Threads, and the gate where they wait until the process is sealed. */
#ifndef MAYFLY_GATE_H
#define MAYFLY_GATE_H

#include <linux/filter.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/report.h"
#include "base/sysfilter.h"
#include "sandbox/jail.h"

/* Proof that the filters are in force. Only lockdown_install makes one. vcpu_enter, the only caller
 * of KVM_RUN, needs one. So the compiler checks the order of the two. */
typedef struct {
	bool in_force;
} lockdown_t;

enum gate_state { GATE_SHUT, GATE_SEALING, GATE_OPEN };

struct gate {
	struct jail *jail; /* each thread enters it */
	pthread_mutex_t lock;
	pthread_cond_t arrived, opened;
	unsigned started, waiting,
		sealed;        /* threads started, waiting here, with a narrowed filter */
	int jail_error, error; /* a thread's errno: it could not enter the jail, or narrow */
	enum gate_state state;
	lockdown_t lockdown;
};

void gate_init(struct gate *gate, struct jail *jail);

/* Starts a thread that calls MAIN with ARGUMENT. The thread has the caller's signal mask and must
 * call gate_wait first. WHAT names the thread in PROBLEM. */
bool gate_start_thread(struct gate *gate, void *(*main)(void *), void *argument, const char *what,
		       struct problem *problem);

/* Returns when all threads are at the gate, in the jail. A thread on its way to the gate makes
 * system calls that the filter forbids. */
bool gate_await(struct gate *gate, struct problem *problem);

/* Lets every thread narrow its filter, and returns when all have done so. */
bool gate_seal(struct gate *gate, struct problem *problem);

/* Opens the gate: the guest runs. */
void gate_open(struct gate *gate, lockdown_t lockdown);

/* For a thread: enters the jail, narrows the filter to PROGRAM (to be ready before gate_seal) and
 * waits until the gate opens. Returns the proof that the process is sealed. */
lockdown_t gate_wait(struct gate *gate, const struct sock_fprog *program);

/* For a thread that has nothing left to do. A thread must not return, because its exit needs system
 * calls that nothing else needs. */
_Noreturn void gate_park(struct gate *gate);

void gate_allow(struct sysfilter *filter);

#endif
