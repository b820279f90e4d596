/* The point of no return: the seccomp filter over every thread, and the proof that it is there. */
#ifndef MAYFLY_LOCKDOWN_H
#define MAYFLY_LOCKDOWN_H

#include <stdbool.h>

#include "report.h"
#include "sysfilter.h"

/* Proof that the filter is in force. Only lockdown_install makes one, and vcpu_run, the only caller
 * of KVM_RUN, takes one: the order of the two is a fact of compilation. */
typedef struct {
	bool in_force;
} lockdown_t;

/* Installs FILTER (sysfilter_open'ed, all rules added) over all threads, THREADS of which must exist,
 * then reads back each thread's status: Seccomp must be 2 and NoNewPrivs 1. */
bool lockdown_install(struct sysfilter *filter, unsigned threads, lockdown_t *lockdown,
		      struct problem *problem);

#endif
