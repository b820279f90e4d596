/* Limits on time: how long a VM may run, use the CPU, be idle, or go on after a signal. */
#ifndef MAYFLY_DEADLINES_H
#define MAYFLY_DEADLINES_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/config.h"
#include "base/ending.h"
#include "base/report.h"
#include "base/sysfilter.h"

/* The times at which the VM must end, in milliseconds of CLOCK_MONOTONIC; 0: never. */
struct deadlines {
	struct limits limits;
	uint64_t wall, idle, grace;
	int signal; /* the signal that started GRACE */
};

/* Starts the clocks. A timer measures the CPU time of this process and sends SIGXCPU. */
bool deadlines_begin(struct deadlines *deadlines, const struct limits *limits,
		     struct problem *problem);

/* Says that the VM is not idle: there was input or output. */
void deadlines_touch(struct deadlines *deadlines);

/* Says that the workload was sent signal NUMBER. The first one starts the time of grace. */
void deadlines_signal(struct deadlines *deadlines, int number);

/* How long the main loop may wait: LEFT, or NULL for no limit. */
const struct timespec *deadlines_left(const struct deadlines *deadlines, struct timespec *left);

/* Ends the VM if a limit is reached. True if one is. */
bool deadlines_check(const struct deadlines *deadlines, struct ending *ending);

void deadlines_allow(struct sysfilter *filter);

#endif
