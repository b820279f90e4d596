/* The workload's root: the initramfs, or a disk. */
#ifndef MAYFLY_ROOT_H
#define MAYFLY_ROOT_H

#include "rootfs/job_file.h"
#include "rootfs/workload.h"

/* Makes the first disk the root, if the job wants that, and puts the host's files into the root.
 * FAILURE says what could not be done. */
void root_set_up(const struct job_file *job, struct failure *failure);

/* Brings what was written to disk, and leaves a file system that needs no repair. */
void root_leave(const struct job_file *job);

#endif
