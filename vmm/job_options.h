/* What the workload gets: the values of -f, -e, --env-file, --user, --hostname and -o. */
#ifndef MAYFLY_JOB_OPTIONS_H
#define MAYFLY_JOB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"
#include "words.h"

#define OUTS_MAX 16 /* of -o */

/* A file or directory of the host's for the guest. */
struct file_option {
	const char *path;
	const char *guest; /* absolute; "/" at its end: into that directory */
	int mode;          /* permission bits of a file; -1: the host's */
	bool tar;          /* what is in it, for the root */
};

struct file_options {
	struct file_option *item;
	size_t count, room;
};

struct out_option {
	const char *guest, *path;
};

struct job_options {
	struct words environment; /* NAME=VALUE; the last of a NAME counts */
	const char *directory;    /* NULL: / */
	const char *hostname;     /* NULL: mayfly */
	bool has_user;
	uint32_t uid, gid;
	struct file_options files;
	struct out_option out[OUTS_MAX];
	unsigned outs;
	uint64_t out_limit; /* bytes */
};

/* Each takes the VALUE of an option, which is cut up where it stands and outlives the JOB. */
bool job_add_file(void *job, char *value, struct problem *problem);
bool job_add_rootdir(void *job, char *value, struct problem *problem);
bool job_add_tar(void *job, char *value, struct problem *problem);
bool job_add_environment(void *job, char *value, struct problem *problem);
bool job_add_environment_file(void *job, char *value, struct problem *problem);
bool job_set_directory(void *job, char *value, struct problem *problem);
bool job_set_hostname(void *job, char *value, struct problem *problem);
bool job_set_user(void *job, char *value, struct problem *problem);
bool job_add_out(void *job, char *value, struct problem *problem);
bool job_set_out_limit(void *job, char *value, struct problem *problem);

#endif
