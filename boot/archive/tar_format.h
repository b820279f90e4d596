/* The parts of tar archives: blocks, numbers, records and names. */
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

/* Reads a field's number: octal digits between spaces and NULs (no digits: 0), or GNU's binary
 * form. False if the number is negative or needs more than 64 bits, or if the field is not a
 * number. */
bool tar_get_field(const char *field, size_t size, uint64_t *value);

/* Takes the decimal digits at the start of TEXT; no digits are 0. False if the number needs more
 * than 64 bits. */
bool tar_take_decimal(struct bytes *text, uint64_t *value);

/* True if HEADER's checksum is right. */
bool tar_is_intact(const struct tar_header *header);

/* True if the whole block is zeros. */
bool tar_is_zero(const struct tar_header *header);

/* The reason for a refusal: "is a tar archive with WHAT at byte N: NAME (fix)". */
struct tar_fault {
	const char *what, *mend;
};

extern const struct tar_fault tar_sparse;

enum tar_key { TAR_PATH, TAR_LINKPATH, TAR_SIZE, TAR_UID, TAR_GID, TAR_MTIME, TAR_KEYS };

/* Finds the values of the keys above in RECORDS (POSIX, "pax Extended Header") and stores them in
 * VALUES, which then point into RECORDS. Ignores other records (comments, other times, attributes),
 * but refuses GNU's sparse files, which need them. Returns NULL, or the fault. */
const struct tar_fault *tar_take_records(struct bytes records, struct bytes values[TAR_KEYS]);

/* Returns NULL if NAME leads only down, or the fault. */
const struct tar_fault *tar_check_name(const char *name);

/* Removes each "." and all superfluous slashes from NAME. */
void tar_squeeze(char *name);

#endif
