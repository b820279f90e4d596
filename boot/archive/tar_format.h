/* What tar archives are made of: blocks, numbers, records and names. */
#ifndef MAYFLY_TAR_FORMAT_H
#define MAYFLY_TAR_FORMAT_H

#include "base/bytes.h"

enum {
	TAR_BLOCK = 512,
	TAR_COMPONENT_MAX = 255, /* NAME_MAX: bytes between two slashes */
};

/* POSIX.1-2017, utility pax, "ustar Interchange Format", table "ustar Header Block". */
struct tar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char typeflag;
	char linkname[100];
	char magic[6];
	char version[2];
	char uname[32];
	char gname[32];
	char devmajor[8];
	char devminor[8];
	char prefix[155];
	char unused[12];
};

_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is a block");

/* A field's number: octal digits between spaces and NULs, 0 without any; or GNU's binary. False
 * if it is negative, needs more than 64 bits, or is none. */
bool tar_get_field(const char *field, size_t size, uint64_t *value);

/* Takes the decimal digits that TEXT begins with; none are 0. False if they need more than 64
 * bits. */
bool tar_take_decimal(struct bytes *text, uint64_t *value);

/* True if HEADER's checksum is right. */
bool tar_is_intact(const struct tar_header *header);

/* True if all of a block is zeros. */
bool tar_is_zero(const struct tar_header *header);

/* What an archive is refused for, said as "is a tar archive with WHAT at byte N: NAME (MEND)". */
struct tar_fault {
	const char *what, *mend;
};

extern const struct tar_fault tar_sparse;

enum tar_key { TAR_PATH, TAR_LINKPATH, TAR_SIZE, TAR_UID, TAR_GID, TAR_MTIME, TAR_KEYS };

/* Finds in RECORDS (POSIX, "pax Extended Header") the values of those keys, and changes VALUES,
 * which then point into RECORDS. What else there is (comments, other times, attributes) is not
 * for us, but GNU's sparse files cannot be read without. NULL, or what is wrong. */
const struct tar_fault *tar_take_records(struct bytes records, struct bytes values[TAR_KEYS]);

/* NULL if NAME leads nowhere but down; or what is wrong with it. */
const struct tar_fault *tar_check_name(const char *name);

/* Leaves out of NAME each "." and the slashes that part nothing. */
void tar_squeeze(char *name);

#endif
