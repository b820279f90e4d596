/* The workload: started with three pipes, or on a terminal of its own. */
#ifndef MAYFLY_WORKLOAD_H
#define MAYFLY_WORKLOAD_H

#include <stdbool.h>
#include <sys/types.h>

#include "devices/channel_wire.h"
#include "rootfs/job_file.h"

struct workload {
	pid_t pid;
	bool ended;
	int status;       /* as of wait(2) */
	int in, out, err; /* our ends; -1: closed */
	int terminal;     /* its master; -1: there is none */
};

/* What went wrong, and errno. */
struct failure {
	enum channel_exit kind;
	int error;
};

/* Starts it. False with FAILURE set if that could not be done. */
bool workload_start(struct workload *workload, const struct job_file *job, struct failure *failure);

/* Its stdin ends. */
void workload_end_input(struct workload *workload);

/* Nobody reads its stdout (STANDARD) or stderr: it gets a SIGPIPE, as from any pipe; a terminal
 * hangs up. */
void workload_close_output(struct workload *workload, bool standard);

/* Sends it, and all in its process group, a signal, as a terminal does. */
void workload_signal(const struct workload *workload, int number);

void workload_resize(const struct workload *workload, unsigned short rows, unsigned short columns);

#endif
