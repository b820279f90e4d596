/* The job that the host packed beside us (boot/job.h). */
#ifndef MAYFLY_JOB_FILE_H
#define MAYFLY_JOB_FILE_H

#include <stddef.h>
#include <stdint.h>

struct job_file {
	uint64_t window;  /* physical address of the channel's window */
	const char *seed; /* hexadecimal, or NULL */
	char **arguments; /* NULL-terminated */
};

/* Reads the job and removes our files, so that the workload sees the user's root alone. */
void job_file_read(struct job_file *job);

#endif
