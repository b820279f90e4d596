#include "rootfs/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "rootfs/directory.h"
#include "rootfs/system.h"

#define DISK "/dev/vda"
#define LOWER JOB_DIRECTORY "/lower" /* the disk's file system */
#define UPPER JOB_DIRECTORY "/upper" /* a tmpfs for changes to a read-only disk */
#define MERGED JOB_DIRECTORY "/root"

/* --- the disk --- */

/* Tries the file systems. The error is that of the file system found. */
static bool mount_disk(unsigned long flags)
{
	static const char *const types[] = {"ext4", "squashfs", "erofs"};
	int error = ENODEV;

	mkdir(LOWER, 0755);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (mount(DISK, LOWER, types[i], flags, "") == 0)
			return true;
		if (errno != EINVAL && errno != ENODEV)
			error = errno;
	}
	errno = error;
	return false;
}

static bool mount_overlay(void)
{
	mkdir(UPPER, 0755);
	mkdir(MERGED, 0755);
	return mount("tmpfs", UPPER, "tmpfs", 0, "mode=0755") == 0 &&
	       mkdir(UPPER "/data", 0755) == 0 && mkdir(UPPER "/work", 0755) == 0 &&
	       mount("overlay", MERGED, "overlay", 0,
		     "lowerdir=" LOWER ",upperdir=" UPPER "/data,workdir=" UPPER "/work") == 0;
}

static bool enter(const char *root)
{
	return chdir(root) == 0 && mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0 &&
	       chdir("/") == 0;
}

static bool switch_root(const struct job_file *job)
{
	bool read_only = !strcmp(job->root, "ro");
	struct statfs found;

	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "");
	if (!mount_disk(read_only ? MS_RDONLY : 0))
		return false;
	/* squashfs and erofs are always read-only. */
	return read_only || (statfs(LOWER, &found) == 0 && found.f_flags & ST_RDONLY)
		       ? mount_overlay() && enter(MERGED)
		       : enter(LOWER);
}

/* --- the host's files --- */

static bool place(int from, const char *name, int to);

static bool place_one(void *to, int from, const char *name)
{
	return place(from, name, *(const int *)to);
}

/* Moves the content of directory FROM to directory TO. */
static bool place_all(int from, int to)
{
	return directory_each(from, place_one, &to);
}

/* Moves the content of directory NAME in FROM to NAME in TO. An existing NAME keeps its owner and
 * mode. */
static bool place_children(int from, const char *name, int to)
{
	int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int target = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool placed = source >= 0 && target >= 0 && place_all(source, target);
	int error = errno;

	if (source >= 0)
		close(source);
	if (target >= 0)
		close(target);
	errno = error;
	return placed;
}

static bool copy_content(int from, const char *name, int to, const struct stat *stat)
{
	int source = openat(from, name, O_RDONLY | O_CLOEXEC);
	int target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	off_t left = stat->st_size;
	bool copied = source >= 0 && target >= 0;

	while (copied && left > 0) {
		ssize_t count = sendfile(target, source, NULL, (size_t)left);

		copied = count > 0;
		left -= count;
	}
	copied = copied && fchown(target, stat->st_uid, stat->st_gid) == 0 &&
		 fchmod(target, stat->st_mode & 07777) == 0;
	if (source >= 0)
		close(source);
	if (target >= 0)
		close(target);
	return copied;
}

static bool copy_link(int from, const char *name, int to, const struct stat *stat)
{
	char target[4096];
	ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);

	if (length < 0)
		return false;
	target[length] = '\0';
	return symlinkat(target, to, name) == 0 &&
	       fchownat(to, name, stat->st_uid, stat->st_gid, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Moves a file to another file system, and frees its memory. */
static bool copy(int from, const char *name, int to, const struct stat *stat)
{
	bool copied;

	if (S_ISREG(stat->st_mode))
		copied = copy_content(from, name, to, stat);
	else if (S_ISLNK(stat->st_mode))
		copied = copy_link(from, name, to, stat);
	else
		copied = mknodat(to, name, stat->st_mode, stat->st_rdev) == 0 &&
			 fchownat(to, name, stat->st_uid, stat->st_gid, 0) == 0;
	return copied && unlinkat(from, name, 0) == 0;
}

/* Replaces an existing NAME, unless both are directories. */
static bool place(int from, const char *name, int to)
{
	struct stat stat, old;
	bool there = fstatat(to, name, &old, 0) == 0;

	if (fstatat(from, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (there && S_ISDIR(stat.st_mode) && S_ISDIR(old.st_mode))
		return place_children(from, name, to);
	if (!there || !S_ISDIR(old.st_mode))
		unlinkat(to, name, 0);
	if (renameat(from, name, to, name) == 0)
		return true;
	if (errno != EXDEV)
		return false;
	if (!S_ISDIR(stat.st_mode))
		return copy(from, name, to, &stat);
	return mkdirat(to, name, 0700) == 0 &&
	       fchownat(to, name, stat.st_uid, stat.st_gid, 0) == 0 &&
	       fchmodat(to, name, stat.st_mode & 07777, 0) == 0 && place_children(from, name, to);
}

/* FILES was opened before the root changed. */
static bool place_files(int files)
{
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return root >= 0 && place_all(files, root);
}

/* --- both --- */

void root_set_up(const struct job_file *job, struct failure *failure)
{
	int files = open(JOB_FILES_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (job->root && !switch_root(job))
		*failure = (struct failure){CHANNEL_ROOT_FAILED, errno};
	system_make_directories(); /* with their own modes: a file's parents get others */
	if (!failure->error && files >= 0 && !place_files(files))
		*failure = (struct failure){CHANNEL_FILES_FAILED, errno};
	/* Removes our directories, unless a new root hides them. */
	rmdir(JOB_FILES_PATH);
	rmdir(JOB_DIRECTORY);
}

void root_leave(const struct job_file *job)
{
	sync();
	if (job->root)
		mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
}
