/* Signals, and the death of our parent: the end of the VM, or a word for its workload. */
#ifndef MAYFLY_SIGNALS_H
#define MAYFLY_SIGNALS_H

#include <stdbool.h>

#include "base/ending.h"
#include "devices/channel.h"
#include "loop/deadlines.h"
#include "loop/terminal.h"

/* The owner sets the pointers; the rest is false in the beginning. */
struct signals {
	struct channel *channel; /* to the workload; NULL: a plain boot */
	struct ending *ending;
	struct deadlines *deadlines;
	const struct terminal *terminal;
	bool has_parent;  /* that is watched */
	unsigned count;   /* of signals that asked for the end */
	bool cpu_time_up; /* SIGXCPU came */
};

/* Opens the signalfd and the parent's pidfd. The signals are blocked from here on, in the
 * threads made later, too. */
bool signals_open(struct signals *signals, struct problem *problem);

/* Takes what came (SIGNALLED, ORPHANED: what poll said). Returns the signal that ends the VM, or
 * 0: there was none, or it went to the workload. */
int signals_take(struct signals *signals, bool signalled, bool orphaned);

/* The same when there is no workload any more: one signal is read. Returns it if it asks for the
 * end, -1 if the CPU time is used up, or 0. */
int signals_take_end(void);

#endif
