/* How a VM ended: said once, by whichever thread sees it first. The main thread makes an exit
 * code and a line for the user of that (verdict.h). */
#ifndef MAYFLY_ENDING_H
#define MAYFLY_ENDING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/report.h"

enum end_cause {
	END_NONE,
	END_POWER_OFF, /* ACPI S5 */
	END_RESET,     /* the guest asked for a reboot */
	END_PANIC,     /* the guest's kernel panicked */
	END_CRASH,     /* triple fault, emulation failure, an exit nobody knows: PROBLEM says it */
	END_WORKLOAD,  /* the workload's result has arrived */
	END_SIGNAL,    /* somebody wants mayfly to end: NUMBER is the signal */
	END_ESCAPE,    /* the user typed Ctrl-A x */
	END_TIMEOUT,   /* --timeout is over */
	END_CPU_TIME,  /* --cpu-time is */
	END_IDLE,      /* --idle-timeout is */
	END_HOST_FAILURE, /* our own plumbing failed: PROBLEM says it */
};

struct ending {
	atomic_flag taken;
	atomic_int cause; /* enum end_cause; set when the rest is */
	int number;
	struct problem problem;
};

/* Says that the VM ends. Only the first call counts. PROBLEM may be NULL. Wakes the main loop. */
void ending_set(struct ending *ending, enum end_cause cause, int number,
		const struct problem *problem);

enum end_cause ending_cause(struct ending *ending);

/* The cause in a word or two, for programs. */
const char *ending_name(enum end_cause cause);

#endif
