/* Reading, writing and punching one of a disk's files; disk.c decides which. */
#ifndef MAYFLY_DISK_IO_H
#define MAYFLY_DISK_IO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "devices/virtq.h"

#define DISK_BOUNCE_SIZE 65536 /* for direct I/O on memory that is not aligned */

enum disk_direction { DISK_READ, DISK_WRITE };

/* The file or block device of a disk. Each call below names the descriptor that it is about:
 * this one, or a scratch file's. */
struct disk_file {
	/* Set by whoever opens it. */
	const char *name; /* the user's, for messages */
	int fd;
	uint32_t direct; /* FD has O_DIRECT: what memory must be aligned to, in bytes; else 0 */
	uint8_t *bounce; /* direct: DISK_BOUNCE_SIZE bytes, aligned; else NULL */

	pthread_mutex_t bounce_lock;
	atomic_flag complained;
};

/* Makes the lock. */
void disk_io_init(struct disk_file *file);

/* Tells the host, once a disk, that it cannot do WHAT (errno). Returns false. */
bool disk_io_complain(struct disk_file *file, const char *what);

/* One preadv or pwritev at POSITION. */
ssize_t disk_io_once(int fd, enum disk_direction direction, const struct iovec *iov, unsigned count,
		     uint64_t position);

/* Moves LENGTH bytes between FD at POSITION and our own memory, all of them. False: errno says
 * why. */
bool disk_io_all(int fd, enum disk_direction direction, uint8_t *data, uint64_t length,
		 uint64_t position);

/* Moves LENGTH bytes between FD at POSITION and the chain's bytes at OFFSET, however few the
 * kernel takes at a time. False after a complaint. */
bool disk_io_move(struct disk_file *file, int fd, enum disk_direction direction, uint64_t position,
		  const struct chain *chain, uint32_t offset, uint32_t length);

/* fallocate with MODE and without a change of the file's size; errno says why not. */
bool disk_io_allocate(int fd, int mode, uint64_t position, uint64_t length);

/* Makes a range of FD (LENGTH is not 0) read as zeros, by writing them if the file system knows
 * no better. MAY_UNMAP: as a hole, if it can be. False after a complaint. */
bool disk_io_zero(struct disk_file *file, int fd, uint64_t position, uint64_t length,
		  bool may_unmap);

#endif
