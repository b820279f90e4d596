/* Reads directories with getdents64(2): opendir would need a heap. */
#ifndef MAYFLY_DIRECTORY_H
#define MAYFLY_DIRECTORY_H

#include <stdbool.h>

/* Calls VISIT with each name in the directory FD, except "." and "..". False if the read or a VISIT
 * fails. */
bool directory_each(int fd, bool (*visit)(void *context, int fd, const char *name), void *context);

#endif
