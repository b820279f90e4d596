/* The workload, started with three pipes or on its own terminal. */
#ifndef MAYFLY_WORKLOAD_H
#define MAYFLY_WORKLOAD_H

#include <stdbool.h>
#include <sys/types.h>

#include "devices/channel_wire.h"
#include "rootfs/job_file.h"

struct workload {
	pid_t pid;
	bool ended;
	int status;       /* by wait(2) */
	int in, out, err; /* our ends; -1: closed */
	int terminal;     /* the terminal's master; -1: none */
};

/* A failure: its kind and errno. */
struct failure {
	enum channel_exit kind;
	int error;
};

/* Starts the workload. False with FAILURE set if that fails. */
bool workload_start(struct workload *workload, const struct job_file *job, struct failure *failure);

/* Ends the workload's stdin. */
void workload_end_input(struct workload *workload);

/* Closes our end of the workload's stdout (STANDARD) or stderr. The workload gets SIGPIPE, as from
 * any pipe; a terminal hangs up. */
void workload_close_output(struct workload *workload, bool standard);

/* Sends a signal to the workload's process group, as a terminal does. */
void workload_signal(const struct workload *workload, int number);

void workload_resize(const struct workload *workload, unsigned short rows, unsigned short columns);

#endif
