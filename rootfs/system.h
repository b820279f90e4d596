/* What a program expects of a running Linux: mounts, devices, a loopback, entropy. */
#ifndef MAYFLY_SYSTEM_H
#define MAYFLY_SYSTEM_H

#include "rootfs/job_file.h"

/* Makes the directories that every program expects, where they are not there, in the root that
 * is. */
void system_make_directories(void);

/* Sets everything up as far as the kernel lets us. */
void system_set_up(const struct job_file *job);

#endif
