/* Limits on time: how long a VM may run, compute, be silent, or linger after a signal. */
#ifndef MAYFLY_DEADLINES_H
#define MAYFLY_DEADLINES_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/config.h"
#include "base/ending.h"
#include "base/report.h"
#include "base/sysfilter.h"

/* When a VM is to be ended, in milliseconds of CLOCK_MONOTONIC; 0: never. */
struct deadlines {
	struct limits limits;
	uint64_t wall, idle, grace;
	int signal; /* that GRACE began with */
};

/* Time begins. The CPU time of this process is measured by a timer that sends SIGXCPU. */
bool deadlines_begin(struct deadlines *deadlines, const struct limits *limits,
		     struct problem *problem);

/* Something came or went: the VM is not idle. */
void deadlines_touch(struct deadlines *deadlines);

/* The workload was sent signal NUMBER: from the first on, it has its time of grace. */
void deadlines_signal(struct deadlines *deadlines, int number);

/* How long to wait for anything else: LEFT, or NULL for as long as it takes. */
const struct timespec *deadlines_left(const struct deadlines *deadlines, struct timespec *left);

/* Ends the VM if time is up. True if it is. */
bool deadlines_check(const struct deadlines *deadlines, struct ending *ending);

void deadlines_allow(struct sysfilter *filter);

#endif
