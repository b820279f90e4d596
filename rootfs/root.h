/* The workload's root: the initramfs, or a disk. */
#ifndef MAYFLY_ROOT_H
#define MAYFLY_ROOT_H

#include "rootfs/job_file.h"
#include "rootfs/workload.h"

/* Makes the first disk the root, if the job says so, and puts the host's files into the root.
 * FAILURE says what failed. */
void root_set_up(const struct job_file *job, struct failure *failure);

/* Writes everything to disk, and leaves a file system that needs no repair. */
void root_leave(const struct job_file *job);

#endif
