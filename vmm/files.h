/* Files and directories of the host's, gathered for the guest. */
#ifndef MAYFLY_FILES_H
#define MAYFLY_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpio.h"
#include "job_options.h"
#include "report.h"

struct files_entry {
	const char *path; /* NULL: a directory that is only on the way */
	struct cpio_member member;
	const char *target; /* of a symbolic link */
};

struct files {
	struct files_entry *entry;
	size_t count, room;
	uint32_t uid, gid; /* in the guest, of what belongs to us here; other owners are kept */
};

/* Lists what OPTIONS name, directories with all that is in them, under JOB_FILES_PATH. Symbolic links are kept, but
 * for those that the user names. UID and GID are the workload's. */
bool files_gather(const struct file_options *options, uint32_t uid, uint32_t gid,
		  struct files *files, struct problem *problem);

/* Adds all of them to an archive. */
bool files_write(const struct files *files, struct cpio *cpio, struct problem *problem);

#endif
