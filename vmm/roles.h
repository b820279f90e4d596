/* Which kind of thread makes which system calls: one list per kind. */
#ifndef MAYFLY_ROLES_H
#define MAYFLY_ROLES_H

#include "vm_state.h"

unsigned roles_count(const struct vm *vm);

/* Adds the calls of ROLE's threads in VM, whose devices exist already. */
void role_allow(const struct vm *vm, unsigned role, struct sysfilter *filter);

/* Compiles the program of every role. */
bool roles_prepare(const struct vm *vm, struct roles *roles, struct problem *problem);

#endif
