/* The point of no return: the jail and the seccomp filters over every thread, and the proof that
 * they are in force. */
#ifndef MAYFLY_LOCKDOWN_H
#define MAYFLY_LOCKDOWN_H

#include <stdbool.h>

#include "base/report.h"
#include "sandbox/gate.h"

/* Opens the directory that the proof needs, while names can be opened. */
bool lockdown_begin(struct problem *problem);

/* All threads wait at GATE. The calling thread enters the rest of JAIL. The outer filter is
 * installed over every thread; then each thread narrows it to its own filter, the caller to
 * PROGRAM. Reads back each thread's status: Seccomp must be 2, NoNewPrivs 1, and our threads must
 * have as many filters as the caller. */
bool lockdown_install(struct gate *gate, struct jail *jail, const struct sock_fprog *program,
		      lockdown_t *lockdown, struct problem *problem);

#endif
