/* newc cpio archives (Documentation/driver-api/early-userspace/buffer-format.rst). */
#ifndef MAYFLY_CPIO_H
#define MAYFLY_CPIO_H

#include "base/bytes.h"
#include "base/report.h"

enum { CPIO_HEADER_SIZE = 110 }; /* magic of 6 characters, 13 fields of 8 hexadecimal digits */

enum cpio_field {
	CPIO_FIELD_INODE = 0,
	CPIO_FIELD_MODE = 1,
	CPIO_FIELD_UID = 2,
	CPIO_FIELD_GID = 3,
	CPIO_FIELD_LINKS = 4,
	CPIO_FIELD_TIME = 5,
	CPIO_FIELD_FILE_SIZE = 6,
	CPIO_FIELD_DEVICE_MAJOR = 9,
	CPIO_FIELD_DEVICE_MINOR = 10,
	CPIO_FIELD_NAME_SIZE = 11,
};

/* Reads a field of HEADER (CPIO_HEADER_SIZE bytes). False if the field is not a number. */
bool cpio_get(const uint8_t *header, enum cpio_field field, uint32_t *value);

/* Checks an archive member by member up to its trailer, so that a truncated initramfs is refused
 * here and not in a guest's log. Reads headers only. FILE starts with a newc magic. */
bool cpio_check(struct bytes file, struct problem *problem);

/* An archive under construction. WRITE gets SIZE bytes for OFFSET. NULL: the archive is only
 * measured. */
struct cpio {
	bool (*write)(void *context, uint64_t offset, const void *data, size_t size);
	void *context;
	uint64_t size; /* so far */
	bool failed;   /* WRITE failed */
	uint32_t inode;
};

struct cpio_member {
	const char *name;
	uint32_t mode; /* a st_mode: type and permission bits */
	uint32_t uid, gid;
	uint32_t size;         /* of the data: a file's content or a link's target */
	uint32_t time;         /* of the last change, in seconds since 1970 */
	uint32_t major, minor; /* of a device node */
};

/* Adds a member's header, its data in any number of pieces, and its padding. */
void cpio_begin(struct cpio *cpio, const struct cpio_member *member);
void cpio_data(struct cpio *cpio, const void *data, size_t size);
void cpio_end(struct cpio *cpio);

/* Adds a member that root owns and that is in memory. */
void cpio_add(struct cpio *cpio, const char *name, uint32_t mode, struct bytes data);

/* Adds the trailer. False if a WRITE failed. */
bool cpio_finish(struct cpio *cpio);

#endif
