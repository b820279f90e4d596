/* Threads, and the gate at which all of them wait until the process is sealed. */
#ifndef MAYFLY_GATE_H
#define MAYFLY_GATE_H

#include <pthread.h>
#include <stdbool.h>

#include "lockdown.h"
#include "report.h"
#include "sysfilter.h"

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t arrived, opened;
	unsigned started, waiting; /* threads that were started, and that are here */
	bool open;
	lockdown_t lockdown;
};

void gate_init(struct gate *gate);

/* Starts a thread that calls MAIN with ARGUMENT; it has the caller's signal mask and must call gate_wait
 * first. WHAT names it. */
bool gate_start_thread(struct gate *gate, void *(*main)(void *), void *argument, const char *what,
		       struct problem *problem);

/* Returns when all threads are at the gate: a thread that is still on its way there makes system calls of its
 * own, which the filter forbids. */
void gate_await(struct gate *gate);

/* Opens the gate: the guest runs. */
void gate_open(struct gate *gate, lockdown_t lockdown);

/* A thread's side: returns when the gate is open, with the proof that the process is sealed. */
lockdown_t gate_wait(struct gate *gate);

/* For a thread that has nothing more to do: it must not return, as its exit would need system calls that
 * nothing else needs. */
_Noreturn void gate_park(struct gate *gate);

void gate_allow(struct sysfilter *filter);

#endif
