/* Reading tar archives: ustar, V7 and pax (POSIX.1-2017, utility pax, "ustar Interchange Format"
 * and "pax Extended Header"), and GNU tar's own (GNU tar manual, "Basic Tar Format" and "Storing
 * Sparse Files"). */
#ifndef MAYFLY_TAR_H
#define MAYFLY_TAR_H

#include "base/bytes.h"
#include "base/report.h"
#include "archive/tar_format.h"

/* In the order of POSIX's typeflags '0' to '6'. */
enum tar_kind {
	TAR_FILE,
	TAR_HARD_LINK,
	TAR_SYMBOLIC_LINK,
	TAR_CHARACTER_DEVICE,
	TAR_BLOCK_DEVICE,
	TAR_DIRECTORY,
	TAR_FIFO,
};

enum { TAR_NAME_SIZE = 4096 }; /* PATH_MAX: with the NUL */

/* A name is relative, its components are parted by one slash, and none is empty, "." or "..", or
 * longer than TAR_COMPONENT_MAX. The root is a directory with an empty name. A name may come
 * twice: the last counts. Its parents may be missing, or come later. */
struct tar_member {
	enum tar_kind kind;
	char name[TAR_NAME_SIZE];
	/* Of a hard link: the other name, which may not exist; of a symbolic link: its text, not
	 * empty, which may lead anywhere; of others: empty. */
	char target[TAR_NAME_SIZE];
	uint32_t mode; /* permission bits: 07777 */
	uint32_t uid, gid;
	uint32_t major, minor; /* of devices; Linux has 12 and 20 bits for them */
	uint64_t mtime;        /* whole seconds since 1970; 0: earlier, or not told */
	struct bytes data;     /* of files; inside the archive */
};

/* An archive that is being read. Begin with {.file = …}; the rest is the reader's. */
struct tar {
	struct bytes file;
	uint64_t offset; /* of the next header */
	bool described;  /* a header for the next member has been read */
	struct bytes global[TAR_KEYS],
		local[TAR_KEYS]; /* what extended headers say of all members, of the next */
};

enum tar_answer { TAR_MEMBER, TAR_END, TAR_DAMAGED };

/* Reads the next member. The archive is somebody else's: all in it is checked, and every call
 * that gives a member goes at least one block on. What follows the archive's end mark is not
 * looked at. Extended attributes (file capabilities too) are not read. After TAR_DAMAGED the
 * archive is of no use: PROBLEM says what it is ("is …"), for the caller to put the file's name
 * before, and MEMBER is undefined. Compressed archives, sparse members and parts of an archive
 * are refused so, too. */
enum tar_answer tar_next(struct tar *tar, struct tar_member *member, struct problem *problem);

#endif
