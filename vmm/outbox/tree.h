/* Steps in a directory tree that somebody else may have arranged: each is from an open directory
 * to a name in it, and no symlink is followed. Descriptors are O_PATH, errors are in errno. No
 * heap. */
#ifndef MAYFLY_TREE_H
#define MAYFLY_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"
#include "base/text.h"

enum { TREE_NAME_SIZE = 256, TREE_DEPTH_MAX = 128 };

/* True if PATH leads from a directory to something in it and nowhere else: up to TREE_DEPTH_MAX
 * components, none of them empty, "." or "..". */
bool tree_is_safe(const char *path);

/* Opens the directory NAME (one component) in DIRECTORY; -1 if it is none, as a symlink is,
 * wherever it leads. */
int tree_enter(int directory, const char *name);

/* Follows PATH from DIRECTORY, which is closed (-1: nothing is done), to the directory of its
 * last component, LEAF. PATH is changed meanwhile. */
int tree_descend(int directory, char *path, const char **leaf);

/* Makes a directory that its owner can use; one that is there will do. */
bool tree_make_directory(int parent, const char *name, uint32_t mode);

/* Makes a file that is open for writing, or a symlink to LINK unless that is NULL (the result is
 * 0), in DIRECTORY under a NAME that nothing had, made from *NUMBER, which counts on. */
int tree_begin(int directory, uint32_t mode, const char *link, unsigned *number, struct text *name);

/* Writes all of it. */
bool tree_write(int fd, const uint8_t *data, size_t size);

#endif
