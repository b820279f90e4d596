/* Turns the options into the job of the guest's init. */
#ifndef MAYFLY_GUEST_JOB_H
#define MAYFLY_GUEST_JOB_H

#include "archive/job.h"
#include "base/config.h"
#include "base/report.h"

/* Fills JOB, which refers to OPTIONS and to texts that live as long as the process. Asks for the
 * size of the user's terminal. */
bool guest_job_make(const struct options *options, struct job *job, struct problem *problem);

#endif
