/* Files out of the guest: a newc archive from a hostile guest becomes files on the host, only below
 * the paths that the user named. */
#ifndef MAYFLY_UNPACK_H
#define MAYFLY_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/report.h"
#include "outbox/tree.h"

enum { UNPACK_TARGETS_MAX = 64 };

/* One -o GUEST:HOST. The caller sets the paths, which outlive the target. */
struct unpack_target {
	const char *guest_path, *host_path;

	/* HOST's directory (O_PATH; -1: closed), and HOST's name in it: "." if HOST is that
	 * directory. */
	int parent_fd;
	char name[TREE_NAME_SIZE];
	char leaf[TREE_NAME_SIZE]; /* the last component of GUEST, "" if it has none */
	bool into;                 /* HOST is a directory, or ends with a slash */
	bool seen, directory;      /* what the guest sent */
};

/* Start-up: finds and opens the directory of each HOST. Refuses a HOST that cannot be written: its
 * directory is missing or read-only; it is read-only, or neither a regular file nor a directory; or
 * two are the same. Refuses a symlink too, because the guest of an earlier run may have sent it.
 * (Symlinks on the way to HOST are the user's choice.) Changes nothing on the disk. On failure,
 * nothing is left open. */
bool unpack_open(struct unpack_target *targets, unsigned count, struct problem *problem);

/* Closes what unpack_open opened, in a process that does not unpack. */
void unpack_close(struct unpack_target *targets, unsigned count);

/* Seals a child process, which has one thread and waits for unpack(), for good. It keeps standard
 * error (0 and 1 become copies), *ARCHIVE, *GO (a pipe to wait on by read; both are above 2) and
 * the targets' directories, whose numbers change; all other descriptors are closed. It gets its own
 * session, so that the terminal's signals do not reach it. Landlock, if the kernel has it, leaves
 * only files below the targets' directories, and none to read. No file that it writes may become
 * much larger than LIMIT. The seccomp filter leaves the calls of unpack(), report(), read(GO),
 * close and _exit. On failure, the process must not go on. */
bool unpack_seal(struct unpack_target *targets, unsigned count, int *archive, int *go,
		 uint64_t limit, struct problem *problem);

/* Unpacks the newc archive (Documentation/driver-api/early-userspace/buffer-format.rst) at the
 * start of file ARCHIVE, to which nobody writes any more. The trailer ends the archive, not the
 * file's end. The member "0" is GUEST of the first target, "0/sub" is a member of that directory,
 * and so on. Directories come before their content.
 *
 * A file or symlink becomes HOST; if HOST is a directory, it goes there under GUEST's last
 * component. A directory's content goes to directory HOST, which is made if it is missing. Existing
 * directories are merged. Other existing files are replaced by rename, when the new file is
 * complete. A directory replaces nothing and is not replaced. No symlink is followed. Permissions
 * are the member's under the caller's umask (the user can enter and write all directories), without
 * set-id and sticky bits. Owners are ignored; files keep their time of modification. Devices, FIFOs
 * and sockets are left out, with one warning.
 *
 * False at the first error; files complete by then stay. Errors are: an archive that breaks a rule,
 * an unsafe name, more than LIMIT bytes (each member counts its data and 4096 more), an I/O error
 * of the host, a target that did not come. No heap; not re-entrant. */
bool unpack(int archive, struct unpack_target *targets, unsigned count, uint64_t limit,
	    struct problem *problem);

/* The same, while somebody holds the other end of the socket GO. After that it stops, and PROBLEM
 * is empty. */
bool unpack_while(int go, int archive, struct unpack_target *targets, unsigned count,
		  uint64_t limit, struct problem *problem);

#endif
