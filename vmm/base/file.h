/* Input files: kernels and initrds. */
#ifndef MAYFLY_FILE_H
#define MAYFLY_FILE_H

#include "base/bytes.h"
#include "base/report.h"

/* Maps the regular file PATH, read-only and private; an empty file gives size 0. */
bool file_map(const char *path, struct bytes *file, struct problem *problem);

/* The same; CONSTANT: nobody may write to the file (its mode, or the mount), so that its pages
 * may be a guest's memory. Who shortens a file takes away its pages, and what was written to
 * those. */
bool file_map_and_look(const char *path, struct bytes *file, bool *constant,
		       struct problem *problem);

/* Gives the mapping back. */
void file_unmap(struct bytes *file);

/* False if somebody holds a lock on FD's file, as a VM does on its disk: to overwrite it would
 * be the end of that. */
bool file_is_free(int fd, const char *path, struct problem *problem);

/* Reads FD, a status file of /proc's, and takes the numbers that the COUNT fields NAMES have:
 * "\nName:\t". One that is not there stays as it is. Calls read(2) alone. */
void file_read_numbers(int fd, unsigned count, const char *const *names, uint64_t *numbers);

#endif
