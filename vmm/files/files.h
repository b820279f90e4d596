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
	const char *path;  /* where the content is: a file of the host's; … */
	struct bytes data; /* … or this memory, also for the target of a symbolic link */
};

struct files {
	struct files_entry *entry;
	size_t count, room;
	uint32_t *slot;       /* of a hash table: where a name's entry is, plus one */
	size_t slots;         /* a power of two */
	uint32_t uid, gid;    /* in the guest, of what belongs to us here; other owners are kept */
	struct bytes archive; /* that entries are in */
};

/* Adds all of them to an archive. */
bool files_write(const struct files *files, struct cpio *cpio, struct problem *problem);

/* Gives the list's memory back. */
void files_release(struct files *files);

/* For those who gather. NAME is kept by them, as long as the list. A name that is there gets a
 * new entry in its place; NULL (errno): there is no memory. */
struct files_entry *files_add(struct files *files, const char *name, uint32_t mode);
struct files_entry *files_find(const struct files *files, const char *name);

/* Adds the directories that lead to NAME, where they are missing: they are the kernel's to make
 * before it. */
bool files_add_way(struct files *files, const char *name, struct problem *problem);

/* Says why PATH cannot be read (errno), with the fix. Returns false. */
bool files_cannot_read(const char *path, struct problem *problem);

#endif
