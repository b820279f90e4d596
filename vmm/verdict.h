/* Turns a VM's end into mayfly's exit code and a line for the user (README, "Exit codes"). */
#ifndef MAYFLY_VERDICT_H
#define MAYFLY_VERDICT_H

#include "base/ending.h"

/* The exit code of a VM that ended as ENDING says, and LINE for the user ("": nothing to say).
 * WORKLOAD: the guest was given a command, so an end without its result is a failure. */
int verdict_of_end(struct ending *ending, bool workload, struct problem *line);

/* The same for the result of the workload COMMAND. KIND is an enum channel_exit, VALUE its
 * value. */
int verdict_of_workload(unsigned kind, unsigned value, const char *command, struct problem *line);

#endif
