/* The things that programs expect of a running Linux: mounts, devices, a loopback interface,
 * entropy. */
#ifndef MAYFLY_SYSTEM_H
#define MAYFLY_SYSTEM_H

#include "rootfs/job_file.h"

/* Makes the missing directories that every program expects, in the current root. */
void system_make_directories(void);

/* Sets everything up as far as the kernel lets us. */
void system_set_up(const struct job_file *job);

#endif
