/* Who makes which system calls: a list for each kind of thread. */
#ifndef MAYFLY_ROLES_H
#define MAYFLY_ROLES_H

#include <linux/filter.h>

#include "base/config.h"
#include "base/report.h"
#include "base/sysfilter.h"

struct vm;

enum role {
	ROLE_MAIN,
	ROLE_VCPU,
	ROLE_DEVICE, /* the workers of device 0, and so on */
	ROLES = ROLE_DEVICE + DEVICES_MAX,
};

/* A filter for each role that VM has. */
struct roles {
	struct sock_fprog program[ROLES];
};

unsigned roles_count(const struct vm *vm);

/* Adds what threads of ROLE may do in VM, whose devices are made. */
void role_allow(const struct vm *vm, unsigned role, struct sysfilter *filter);

/* Makes the program of every role. */
bool roles_prepare(const struct vm *vm, struct roles *roles, struct problem *problem);

#endif
