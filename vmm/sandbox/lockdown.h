/* The point of no return: the jail and the seccomp filters over every thread, and the proof that
 * they are there. */
#ifndef MAYFLY_LOCKDOWN_H
#define MAYFLY_LOCKDOWN_H

#include <stdbool.h>

#include "base/report.h"
#include "sandbox/gate.h"

/* Opens what the proof needs, while names can be opened. */
bool lockdown_begin(struct problem *problem);

/* All threads wait at GATE. The calling one enters the rest of JAIL; the outer filter is put in
 * force over every thread, and then each narrows it to its own, this one to PROGRAM. Reads back
 * each thread's status: Seccomp must be 2, NoNewPrivs 1, and the filters as many as here. */
bool lockdown_install(struct gate *gate, struct jail *jail, const struct sock_fprog *program,
		      lockdown_t *lockdown, struct problem *problem);

#endif
