/* Files for the host (-o). */
#ifndef MAYFLY_OUT_H
#define MAYFLY_OUT_H

#include "rootfs/job_file.h"

/* Writes an archive of what the job names to its disk. What is not there, or cannot be read, is
 * not in it: the host says so. */
void out_write(const struct job_file *job);

#endif
