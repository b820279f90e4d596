/* Steps in a directory tree that may be hostile: each step goes from an open directory to a name in
 * it, and follows no symlink. Descriptors are O_PATH; errors are in errno. No heap. */
#ifndef MAYFLY_TREE_H
#define MAYFLY_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"
#include "base/text.h"

enum { TREE_NAME_SIZE = 256, TREE_DEPTH_MAX = 128 };

/* True if PATH can only lead to something below a directory: up to TREE_DEPTH_MAX components, none
 * of them empty, "." or "..". */
bool tree_is_safe(const char *path);

/* Opens the directory NAME (one component) in DIRECTORY. -1 if NAME is no directory; a symlink is
 * none, wherever it leads. */
int tree_enter(int directory, const char *name);

/* Follows PATH from DIRECTORY to the directory of its last component, LEAF. Closes DIRECTORY; if
 * DIRECTORY is -1, does nothing. Cuts PATH up. */
int tree_descend(int directory, char *path, const char **leaf);

/* Makes a directory that its owner can use. An existing directory will do. */
bool tree_make_directory(int parent, const char *name, uint32_t mode);

/* Makes a new entry in DIRECTORY: a file open for writing, or, unless LINK is NULL, a symlink to
 * LINK (the result is 0). Its NAME is unused so far, and made from *NUMBER, which counts on. */
int tree_begin(int directory, uint32_t mode, const char *link, unsigned *number, struct text *name);

/* Writes all SIZE bytes. */
bool tree_write(int fd, const uint8_t *data, size_t size);

#endif
