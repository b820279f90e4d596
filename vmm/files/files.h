/* The list of files for the guest, from the host's directories (gather.h) or a tar archive
 * (tarball.h). */
#ifndef MAYFLY_FILES_H
#define MAYFLY_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/cpio.h"
#include "base/report.h"

struct files_entry {
	struct cpio_member member;
	const char *path;  /* the content: a file of the host, … */
	struct bytes data; /* … or this memory; also a symbolic link's target */
};

struct files {
	struct files_entry *entry;
	size_t count, room;
	uint32_t *slot;       /* hash table: the index of a name's entry, plus one */
	size_t slots;         /* a power of two */
	uint32_t uid, gid;    /* in the guest, for our own files; other owners stay */
	struct bytes archive; /* the archive that entries point into */
};

/* Adds all files to an archive. */
bool files_write(const struct files *files, struct cpio *cpio, struct problem *problem);

/* Frees the list's memory. */
void files_release(struct files *files);

/* For the gathering files. The caller keeps NAME as long as the list. A new entry replaces one of
 * the same name. NULL (errno) if there is no memory. */
struct files_entry *files_add(struct files *files, const char *name, uint32_t mode);
struct files_entry *files_find(const struct files *files, const char *name);

/* Adds the missing directories on the way to NAME, because the kernel must make them first. */
bool files_add_way(struct files *files, const char *name, struct problem *problem);

/* Says in PROBLEM why PATH cannot be read (errno), with the fix. Returns false. */
bool files_cannot_read(const char *path, struct problem *problem);

#endif
