/* Reading, writing and punching one of a disk's files; disk.c decides which. */
#ifndef MAYFLY_DISK_IO_H
#define MAYFLY_DISK_IO_H

#include <sys/types.h>

#include "devices/disk.h"

enum disk_direction { DISK_READ, DISK_WRITE };

/* Tells the host, once a disk, that it cannot do WHAT (errno). Returns false. */
bool disk_io_complain(struct disk *disk, const char *what);

/* One preadv or pwritev at POSITION. */
ssize_t disk_io_once(int fd, enum disk_direction direction, const struct iovec *iov, unsigned count,
		     uint64_t position);

/* Moves LENGTH bytes between FD at POSITION and our own memory, all of them. False: errno says why. */
bool disk_io_all(int fd, enum disk_direction direction, uint8_t *data, uint64_t length,
		 uint64_t position);

/* Moves LENGTH bytes between FD at POSITION and the chain's bytes at OFFSET, however few the kernel takes at
 * a time. False after a complaint. */
bool disk_io_move(struct disk *disk, int fd, enum disk_direction direction, uint64_t position,
		  const struct chain *chain, uint32_t offset, uint32_t length);

/* fallocate with MODE and without a change of the file's size; errno says why not. */
bool disk_io_allocate(int fd, int mode, uint64_t position, uint64_t length);

/* Makes a range of FD (LENGTH is not 0) read as zeros, by writing them if the file system knows no better. MAY_UNMAP: as a
 * hole, if it can be. False after a complaint. */
bool disk_io_zero(struct disk *disk, int fd, uint64_t position, uint64_t length, bool may_unmap);

#endif
