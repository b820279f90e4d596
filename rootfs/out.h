/* Files for the host (-o). */
#ifndef MAYFLY_OUT_H
#define MAYFLY_OUT_H

#include "rootfs/job_file.h"

/* Writes an archive of the job's files to the job's disk. Leaves out files that are missing or
 * cannot be read: the host says so. */
void out_write(const struct job_file *job);

#endif
