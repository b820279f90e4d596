/* Who makes which system calls: a list for each kind of thread. */
#ifndef MAYFLY_ROLES_H
#define MAYFLY_ROLES_H

#include "vm_state.h"

unsigned roles_count(const struct vm *vm);

/* Adds what threads of ROLE may do in VM, whose devices are made. */
void role_allow(const struct vm *vm, unsigned role, struct sysfilter *filter);

/* Makes the program of every role. */
bool roles_prepare(const struct vm *vm, struct roles *roles, struct problem *problem);

#endif
