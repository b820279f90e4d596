/* Directories, read as the kernel tells them (getdents64(2)): opendir would bring a heap with
 * it. */
#ifndef MAYFLY_DIRECTORY_H
#define MAYFLY_DIRECTORY_H

#include <stdbool.h>

/* Calls VISIT with each name in the directory FD, but for "." and "..". False if that fails, or
 * VISIT does. */
bool directory_each(int fd, bool (*visit)(void *context, int fd, const char *name), void *context);

#endif
