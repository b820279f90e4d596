/* Files out of the guest: a newc archive that a hostile guest wrote becomes files on the host,
 * below the paths that the user named and nowhere else. */
#ifndef MAYFLY_UNPACK_H
#define MAYFLY_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/report.h"
#include "outbox/tree.h"

enum { UNPACK_TARGETS_MAX = 64 };

/* One -o GUEST:HOST. The caller sets the paths, which outlive it. */
struct unpack_target {
	const char *guest_path, *host_path;

	/* Its directory (O_PATH; -1: closed), and its name there: "." if HOST is that directory. */
	int parent_fd;
	char name[TREE_NAME_SIZE];
	char leaf[TREE_NAME_SIZE]; /* the last component of GUEST, "" if it has none */
	bool into;                 /* HOST is a directory, or was written with a slash behind it */
	bool seen, directory;      /* what the guest sent */
};

/* Start-up: finds the directory of each HOST and opens it. Refuses a HOST that could not be
 * written: its directory is missing or read-only, or it is there and is neither a regular file
 * nor a directory, or is read-only, or two are the same. Refuses a symlink, too, wherever it
 * leads: the guest of an earlier run may have sent it. (The directories on the way to HOST are
 * the user's word.) Changes nothing on the disk. If it fails, nothing is left open. */
bool unpack_open(struct unpack_target *targets, unsigned count, struct problem *problem);

/* Closes what unpack_open opened: for a process that is not to unpack. */
void unpack_close(struct unpack_target *targets, unsigned count);

/* For a child process that has a single thread and waits for unpack(): shuts it in for good. It
 * keeps standard error (0 and 1 become copies of it), *ARCHIVE, *GO (a pipe to wait on, by read;
 * both are above 2) and the targets' directories, whose numbers change; all other descriptors
 * are closed. It leaves the session, so that a terminal's signals do not reach it. Landlock,
 * where the kernel has it, leaves it no files but those below the targets' directories, and none
 * to read; no file that it writes may become much larger than LIMIT; the seccomp filter leaves
 * it what unpack(), report(), read(GO), close and _exit need. If it fails, the process is in no
 * state to go on. */
bool unpack_seal(struct unpack_target *targets, unsigned count, int *archive, int *go,
		 uint64_t limit, struct problem *problem);

/* Unpacks the newc archive (Documentation/driver-api/early-userspace/buffer-format.rst) at the
 * beginning of file ARCHIVE, which nobody writes any more; it ends with its trailer, not with
 * the file. Its members are called "0" for what GUEST of the first target is, "0/sub" for what
 * is in that, if it is a directory, and so on; directories come before what is in them.
 *
 * A file or symlink is written to HOST, or, if HOST is a directory, into that under GUEST's last
 * component. What a directory contains is written into directory HOST, which is made if it is
 * missing. Existing directories are merged with; other existing files are replaced, by rename,
 * once the new one is complete; a directory replaces nothing and is not replaced. No symlink is
 * followed. Permissions are the member's under the caller's umask (directories are the user's to
 * enter and write in); set-id and sticky bits are not taken, owners neither; a file has its time
 * of modification. Devices, FIFOs and sockets are left out, with one warning.
 *
 * False at the first thing that is wrong; what was complete by then stays. Wrong is: an archive
 * that breaks a rule, a name that is not safe, more than LIMIT bytes (each member counts for its
 * data and 4096 more), an error of the host's, a target that did not come. No heap; not
 * re-entrant. */
bool unpack(int archive, struct unpack_target *targets, unsigned count, uint64_t limit,
	    struct problem *problem);

/* The same, for as long as somebody holds the other end of the socket GO; then it stops, and
 * PROBLEM is empty. */
bool unpack_while(int go, int archive, struct unpack_target *targets, unsigned count,
		  uint64_t limit, struct problem *problem);

#endif
