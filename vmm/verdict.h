/* What becomes of a VM's end: the exit code of mayfly, and a line for the user (README, "Exit
 * codes"). */
#ifndef MAYFLY_VERDICT_H
#define MAYFLY_VERDICT_H

#include "base/ending.h"

/* The exit code of a VM that ended as ENDING says, and in LINE what is to be said to the user
 * ("": nothing). WORKLOAD: the guest was given a command, so that an end without its result is a
 * failure. */
int verdict_of_end(struct ending *ending, bool workload, struct problem *line);

/* The same for the result of the workload, which was COMMAND. KIND is an enum channel_exit,
 * VALUE what goes with it. */
int verdict_of_workload(unsigned kind, unsigned value, const char *command, struct problem *line);

#endif
