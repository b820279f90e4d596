/* Why a guest cannot go on, where all architectures say it alike. */
#ifndef MAYFLY_CRASH_H
#define MAYFLY_CRASH_H

#include "base/report.h"

struct kvm_run;

/* Says in TEXT what KVM's last exit, SEEN, was; WHERE has the registers. */
void crash_describe(const struct kvm_run *seen, const char *where, struct problem *text);

#endif
