/* Signals, and the death of our parent: they end the VM, or go to its workload. */
#ifndef MAYFLY_SIGNALS_H
#define MAYFLY_SIGNALS_H

#include <stdbool.h>

#include "base/ending.h"
#include "devices/channel.h"
#include "loop/deadlines.h"
#include "loop/terminal.h"

/* The owner sets the pointers. All other members begin as zero. */
struct signals {
	struct channel *channel; /* to the workload; NULL: a plain boot */
	struct ending *ending;
	struct deadlines *deadlines;
	const struct terminal *terminal;
	bool has_parent;  /* the parent is watched */
	unsigned count;   /* how many signals asked for the end */
	bool cpu_time_up; /* SIGXCPU came */
};

/* Opens the signalfd and the parent's pidfd. The signals are blocked from here on, also in threads
 * made later. */
bool signals_open(struct signals *signals, struct problem *problem);

/* Handles a signal (SIGNALLED) and the parent's death (ORPHANED), as poll told. Returns the signal
 * that ends the VM, or 0 if there was none or the workload got it. */
int signals_take(struct signals *signals, bool signalled, bool orphaned);

/* The same after the workload's end: reads one signal. Returns the signal if it asks for the end,
 * -1 if the CPU time is used up, otherwise 0. */
int signals_take_end(void);

#endif
