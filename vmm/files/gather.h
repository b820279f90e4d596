/* Files and directories of the host, gathered for the guest. */
#ifndef MAYFLY_GATHER_H
#define MAYFLY_GATHER_H

#include "base/config.h"
#include "files/files.h"

/* Lists the files that OPTIONS name, directories with all their content, under JOB_FILES_PATH.
 * Symbolic links are kept, except those that the user names. UID and GID are the workload's. */
bool files_gather(const struct file_options *options, uint32_t uid, uint32_t gid,
		  struct files *files, struct problem *problem);

#endif
