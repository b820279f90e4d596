/* The job that the host packed with init (boot/archive/job.h). */
#ifndef MAYFLY_JOB_FILE_H
#define MAYFLY_JOB_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "archive/job.h"

/* Texts are NULL if the job has none. */
struct job_file {
	const char *seed;                /* hexadecimal */
	char **arguments, **environment; /* NULL-terminated */
	const char *workdir, *hostname, *root;
	const char *out_disk;
	char **outs; /* NULL-terminated */
	uid_t uid;
	gid_t gid;
	bool terminal; /* the workload gets a terminal of this size */
	unsigned short rows, columns;
	unsigned ips; /* addresses of eth0 */
	struct {
		char *address;
		const char *gateway, *dns;
	} ip[JOB_IPS];
};

/* Reads the job and removes its file. False (errno) if the file is missing or incomplete, because
 * the memory was too small. */
bool job_file_read(struct job_file *job);

#endif
