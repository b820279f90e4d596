/* Paths as text. */
#ifndef MAYFLY_PATH_H
#define MAYFLY_PATH_H

#include <stddef.h>

/* Where the last component of PATH begins, and its LENGTH in bytes. Slashes at the end of PATH do
 * not count. LENGTH is 0 for paths that have none: "" and "/". */
const char *path_last(const char *path, size_t *length);

#endif
