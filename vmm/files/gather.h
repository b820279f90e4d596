/* Files and directories of the host, gathered for the guest. */
#ifndef MAYFLY_GATHER_H
#define MAYFLY_GATHER_H

#include "base/config.h"
#include "files/files.h"

/* Lists what OPTIONS name, directories with all that is in them, under JOB_FILES_PATH. Symbolic
 * links are kept, but for those that the user names. UID and GID are the workload's. */
bool files_gather(const struct file_options *options, uint32_t uid, uint32_t gid,
		  struct files *files, struct problem *problem);

#endif
