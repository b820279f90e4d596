/* How a VM ended. The first thread that sees the end says so. The main thread turns the cause into
 * an exit code and a line for the user (verdict.h). */
#ifndef MAYFLY_ENDING_H
#define MAYFLY_ENDING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/report.h"

enum end_cause {
	END_NONE,
	END_POWER_OFF,    /* ACPI S5 */
	END_RESET,        /* the guest asked for a reboot */
	END_PANIC,        /* the guest's kernel panicked */
	END_CRASH,        /* triple fault, emulation failure, unknown exit: see PROBLEM */
	END_WORKLOAD,     /* the workload's result has arrived */
	END_SIGNAL,       /* a signal asked mayfly to end: see NUMBER */
	END_ESCAPE,       /* the user typed Ctrl-A x */
	END_TIMEOUT,      /* --timeout is over */
	END_CPU_TIME,     /* --cpu-time is used up */
	END_IDLE,         /* --idle-timeout is over */
	END_HOST_FAILURE, /* our own plumbing failed: see PROBLEM */
};

struct ending {
	atomic_flag taken;
	atomic_int cause; /* enum end_cause; set after all other members */
	int number;
	struct problem problem;
};

/* Says that the VM ends, and wakes the main loop. Only the first call counts. PROBLEM may be
 * NULL. */
void ending_set(struct ending *ending, enum end_cause cause, int number,
		const struct problem *problem);

enum end_cause ending_cause(struct ending *ending);

/* The cause in one or two words, for programs. */
const char *ending_name(enum end_cause cause);

#endif
