/* Input files: kernels and initrds. */
#ifndef MAYFLY_FILE_H
#define MAYFLY_FILE_H

#include "base/bytes.h"
#include "base/report.h"

/* Maps the regular file PATH, read-only and private; an empty file gives size 0. */
bool file_map(const char *path, struct bytes *file, struct problem *problem);

/* The same. CONSTANT: nobody may write to the file, because of its mode or its mount, so its pages
 * may serve as guest memory. Truncation of a file takes its pages away, with all that was written
 * to them. */
bool file_map_and_look(const char *path, struct bytes *file, bool *constant,
		       struct problem *problem);

/* Unmaps FILE. */
void file_unmap(struct bytes *file);

/* False if another process holds a lock on FD's file, as a VM does on its disk: to overwrite the
 * disk would destroy that VM's data. */
bool file_is_free(int fd, const char *path, struct problem *problem);

/* Reads FD, a status file in /proc, and stores the numbers of the COUNT fields NAMES ("\nName:\t").
 * The number of a missing field does not change. Makes no system call but read(2). */
void file_read_numbers(int fd, unsigned count, const char *const *names, uint64_t *numbers);

#endif
