/* What the workload gets: the values of -f, -e, --env-file, --user, --hostname and -o. */
#ifndef MAYFLY_JOB_OPTIONS_H
#define MAYFLY_JOB_OPTIONS_H

#include <stdbool.h>

#include "base/report.h"

/* Each takes the VALUE of an option, which is cut up in place and outlives the JOB. */
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
