/* Threads, and the gate at which all of them wait until the process is sealed. */
#ifndef MAYFLY_GATE_H
#define MAYFLY_GATE_H

#include <linux/filter.h>
#include <pthread.h>
#include <stdbool.h>

#include "sandbox/jail.h"
#include "base/report.h"
#include "base/sysfilter.h"

/* Proof that the filters are in force. Only lockdown_install makes one, and vcpu_enter, the only
 * caller of KVM_RUN, takes one: the order of the two is a fact of compilation. */
typedef struct {
	bool in_force;
} lockdown_t;

enum gate_state { GATE_SHUT, GATE_SEALING, GATE_OPEN };

struct gate {
	struct jail *jail; /* what each thread enters */
	pthread_mutex_t lock;
	pthread_cond_t arrived, opened;
	unsigned started, waiting,
		sealed;        /* threads that were started, are here, have narrowed their filter */
	int jail_error, error; /* why one of them could not enter it, or narrow: an errno, or 0 */
	enum gate_state state;
	lockdown_t lockdown;
};

void gate_init(struct gate *gate, struct jail *jail);

/* Starts a thread that calls MAIN with ARGUMENT; it has the caller's signal mask and must call
 * gate_wait first. WHAT names it. */
bool gate_start_thread(struct gate *gate, void *(*main)(void *), void *argument, const char *what,
		       struct problem *problem);

/* Returns when all threads are at the gate, in the jail: a thread that is still on its way there
 * makes system calls of its own, which the filter forbids. */
bool gate_await(struct gate *gate, struct problem *problem);

/* Lets every thread narrow the filter to its own, and returns when all have. */
bool gate_seal(struct gate *gate, struct problem *problem);

/* Opens the gate: the guest runs. */
void gate_open(struct gate *gate, lockdown_t lockdown);

/* A thread's side: enters the jail, narrows the filter to PROGRAM (which may be made until
 * gate_seal) and returns when the gate is open, with the proof that the process is sealed. */
lockdown_t gate_wait(struct gate *gate, const struct sock_fprog *program);

/* For a thread that has nothing more to do: it must not return, as its exit would need system
 * calls that nothing else needs. */
_Noreturn void gate_park(struct gate *gate);

void gate_allow(struct sysfilter *filter);

#endif
