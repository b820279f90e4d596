/* Opens the file or block device behind a disk. */
#ifndef MAYFLY_STORAGE_H
#define MAYFLY_STORAGE_H

#include "base/config.h"
#include "base/report.h"
#include "devices/disk.h"

/* Fills DISK (for device INDEX, whose descriptors get their places) from OPTIONS, which it names
 * and which outlive it. The file is locked: against everybody if it is written to, else against
 * writers. An ephemeral disk gets a scratch file without a name in $TMPDIR, /var/tmp or /tmp. */
bool storage_open(struct disk *disk, const struct disk_options *options, unsigned index,
		  struct problem *problem);

#endif
