/* The host's side of a disk: a file or a block device, and for an ephemeral one a scratch file
 * over it. Positioned, vectored I/O straight between descriptors and the guest's memory. */
#ifndef MAYFLY_DISK_H
#define MAYFLY_DISK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/sysfilter.h"
#include "devices/disk_io.h"
#include "devices/virtq.h"

#define DISK_SECTOR 512
#define DISK_CLUSTER 4096 /* what an ephemeral disk copies at least */

struct disk {
	/* Set by whoever opens it. */
	struct disk_file file; /* read-only if READ_ONLY or EPHEMERAL */
	int scratch_fd;        /* ephemeral: what was written; else -1 */
	uint64_t size;         /* bytes, whole sectors */
	uint32_t block;        /* smallest piece of I/O, bytes: 512 or 4096 */
	uint32_t physical;     /* best piece of I/O, bytes: a power of two, at least BLOCK */
	bool read_only;        /* to the guest */
	bool discard;          /* holes can be punched */
	uint8_t *dirty;        /* ephemeral: a bit a cluster that is in the scratch file */

	pthread_rwlock_t lock; /* of DIRTY and the clusters it speaks of */
	pthread_mutex_t turn;  /* to take it */
};

/* Bytes of the DIRTY map of a disk of SIZE bytes. */
uint64_t disk_dirty_bytes(uint64_t size);

/* Makes the locks. */
void disk_init(struct disk *disk);

/* Moves LENGTH bytes between POSITION on the disk and the chain's bytes from OFFSET on: its
 * writable ones for a read, its readable ones for a write. The range lies within the disk.
 * False: the host failed (it has been told once), or a write met a read-only disk; part of it
 * may have been done. */
bool disk_read(struct disk *disk, uint64_t position, const struct chain *chain, uint32_t offset,
	       uint32_t length);
bool disk_write(struct disk *disk, uint64_t position, const struct chain *chain, uint32_t offset,
		uint32_t length);

/* Everything written before is on stable storage when this returns true. What is ephemeral needs
 * none. */
bool disk_flush(struct disk *disk);

/* Gives the range's storage back; what it reads as afterwards is not said. */
bool disk_discard(struct disk *disk, uint64_t position, uint64_t length);

/* The range reads as zeros afterwards. MAY_UNMAP: its storage may be given back. */
bool disk_zero(struct disk *disk, uint64_t position, uint64_t length, bool may_unmap);

/* The system calls that a disk in operation needs; and those of disk_flush alone. */
void disk_allow(const struct disk *disk, struct sysfilter *filter);
void disk_allow_flush(const struct disk *disk, struct sysfilter *filter);

#endif
