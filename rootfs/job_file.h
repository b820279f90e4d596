/* The job that the host packed beside us (boot/job.h). */
#ifndef MAYFLY_JOB_FILE_H
#define MAYFLY_JOB_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "job.h"

struct job_file {
	const char *seed; /* hexadecimal, or NULL */
	char **arguments; /* NULL-terminated */
	unsigned ips;     /* addresses of eth0 */
	struct {
		char *address;
		const char *gateway, *dns; /* or NULL */
	} ip[JOB_IPS];
};

/* Reads the job and removes our files, so that the workload sees the user's root alone. */
void job_file_read(struct job_file *job);

#endif
