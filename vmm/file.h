/* Input files: kernels and initrds. */
#ifndef MAYFLY_FILE_H
#define MAYFLY_FILE_H

#include "bytes.h"
#include "report.h"

/* Maps the regular file PATH, read-only and private; an empty file gives size 0. */
bool file_map(const char *path, struct bytes *file, struct problem *problem);

/* Gives the mapping back. */
void file_unmap(struct bytes *file);

#endif
