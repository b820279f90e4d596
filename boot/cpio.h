/* newc cpio archives (Documentation/driver-api/early-userspace/buffer-format.rst). */
#ifndef MAYFLY_CPIO_H
#define MAYFLY_CPIO_H

#include "bytes.h"
#include "report.h"

enum { CPIO_HEADER_SIZE = 110 }; /* magic of 6 characters, 13 fields of 8 hexadecimal digits */

enum cpio_field {
	CPIO_FIELD_INODE = 0,
	CPIO_FIELD_MODE = 1,
	CPIO_FIELD_LINKS = 4,
	CPIO_FIELD_TIME = 5,
	CPIO_FIELD_FILE_SIZE = 6,
	CPIO_FIELD_NAME_SIZE = 11,
};

/* A field of HEADER (CPIO_HEADER_SIZE bytes). False if that is no number. */
bool cpio_get(const uint8_t *header, enum cpio_field field, uint32_t *value);

/* Walks an archive from member to member up to its trailer, so that a truncated initramfs is
 * refused here and not lost in a guest's log. Touches the headers only. FILE starts with a newc
 * magic. */
bool cpio_check(struct bytes file, struct problem *problem);

/* An archive under construction in memory that the caller owns. */
struct cpio {
	uint8_t *buffer;
	size_t capacity;
	size_t size; /* counts on when the buffer is full: the size that would be needed */
	uint32_t inode;
};

/* Adds a member. MODE is a st_mode (type and permission bits); a directory has no data. The owner
 * is root, the time is 0. With buffer NULL and capacity 0 only the size is counted. */
void cpio_add(struct cpio *cpio, const char *name, uint32_t mode, struct bytes data);

/* Adds the trailer. True if everything fitted. */
bool cpio_finish(struct cpio *cpio);

#endif
