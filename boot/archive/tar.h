/* Reads tar archives: ustar, V7 and pax (POSIX.1-2017, utility pax, "ustar Interchange Format" and
 * "pax Extended Header"), and GNU tar's format (GNU tar manual, "Basic Tar Format" and "Storing
 * Sparse Files"). */
#ifndef MAYFLY_TAR_H
#define MAYFLY_TAR_H

#include "archive/tar_format.h"
#include "base/bytes.h"
#include "base/report.h"

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

/* A member. A name is relative. One slash separates its components, and no component is empty, "."
 * or "..", or longer than TAR_COMPONENT_MAX. The root is a directory with an empty name. If a name
 * comes twice, the last one counts. A member's parents may be missing, or come later. */
struct tar_member {
	enum tar_kind kind;
	char name[TAR_NAME_SIZE];
	/* Hard link: the other name, which may not exist. Symbolic link: its text, not empty, which
	 * may lead anywhere. Others: empty. */
	char target[TAR_NAME_SIZE];
	uint32_t mode; /* permission bits: 07777 */
	uint32_t uid, gid;
	uint32_t major, minor; /* of devices; Linux has 12 and 20 bits */
	uint64_t mtime;        /* whole seconds since 1970; 0: earlier or unknown */
	struct bytes data;     /* of files; points into the archive */
};

/* An archive that is being read. Begin with {.file = …}. Other members belong to the reader. */
struct tar {
	struct bytes file;
	uint64_t offset; /* offset of the next header */
	bool described;  /* an extension header for the next member has been read */
	struct bytes global[TAR_KEYS],
		local[TAR_KEYS]; /* values from extended headers, for all and for the next */
};

enum tar_answer { TAR_MEMBER, TAR_END, TAR_DAMAGED };

/* Reads the next member. Trusts nothing in the archive; each call that gives a member moves at
 * least one block forward. Ignores everything after the archive's end mark, and extended attributes
 * (file capabilities too). After TAR_DAMAGED the archive is unusable and MEMBER undefined; PROBLEM
 * says why ("is …"), for the caller to put the file's name before. Compressed archives, sparse
 * members and parts of an archive also give TAR_DAMAGED. */
enum tar_answer tar_next(struct tar *tar, struct tar_member *member, struct problem *problem);

#endif
