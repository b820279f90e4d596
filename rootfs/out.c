#include "rootfs/out.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/cpio.h"
#include "rootfs/directory.h"

enum { NAME_MAX_ = 4096 };

/* The disk, through a buffer. */
static struct {
	int fd;
	bool failed;
	size_t size;
	uint8_t buffer[65536];
} disk;

/* The current member's name in the archive. */
static char name[NAME_MAX_];

static void flush(void)
{
	size_t done = 0;

	while (!disk.failed && done < disk.size) {
		ssize_t count = write(disk.fd, disk.buffer + done, disk.size - done);

		disk.failed = count <= 0;
		done += count > 0 ? (size_t)count : 0;
	}
	disk.size = 0;
}

static bool put(void *context, uint64_t offset, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	(void)context, (void)offset;
	while (size) {
		size_t room = sizeof(disk.buffer) - disk.size, part = size < room ? size : room;

		memcpy(disk.buffer + disk.size, bytes, part);
		disk.size += part;
		bytes += part;
		size -= part;
		if (disk.size == sizeof(disk.buffer))
			flush();
	}
	return !disk.failed;
}

static bool add(void *context, int directory, const char *child);

/* The header has promised SIZE bytes: missing ones become zeros. */
static void add_content(struct cpio *cpio, int fd, uint32_t size)
{
	uint8_t piece[4096];

	while (size && !disk.failed) {
		size_t part = size < sizeof(piece) ? size : sizeof(piece);
		ssize_t count = read(fd, piece, part);

		if (count <= 0) {
			memset(piece, 0, part);
			count = (ssize_t)part;
		}
		cpio_data(cpio, piece, (size_t)count);
		size -= (uint32_t)count;
	}
}

static struct cpio_member describe(const struct stat *stat)
{
	return (struct cpio_member){
		.name = name,
		.mode = stat->st_mode,
		.time = stat->st_mtime < 0 ? 0 : (uint32_t)stat->st_mtime,
	};
}

static bool add_link(struct cpio *cpio, int directory, const char *path, const struct stat *stat)
{
	struct cpio_member member = describe(stat);
	char target[4096];
	ssize_t length = readlinkat(directory, path, target, sizeof(target));

	if (length < 0)
		return false;
	member.size = (uint32_t)length;
	cpio_begin(cpio, &member);
	cpio_data(cpio, target, member.size);
	cpio_end(cpio);
	return true;
}

/* Adds an open file or directory, and the directory's content after it. */
static bool add_open(struct cpio *cpio, int fd)
{
	struct cpio_member member;
	struct stat stat;

	if (fstat(fd, &stat) < 0 || (S_ISREG(stat.st_mode) && stat.st_size > UINT32_MAX))
		return false;
	member = describe(&stat);
	if (S_ISREG(stat.st_mode))
		member.size = (uint32_t)stat.st_size;
	cpio_begin(cpio, &member);
	add_content(cpio, fd, member.size);
	cpio_end(cpio);
	return !S_ISDIR(stat.st_mode) || directory_each(fd, add, cpio);
}

/* Adds PATH, relative to DIRECTORY, under the member's name. */
static bool add_path(struct cpio *cpio, int directory, const char *path)
{
	struct cpio_member member;
	struct stat stat;
	int fd;

	if (disk.failed || fstatat(directory, path, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (S_ISLNK(stat.st_mode))
		return add_link(cpio, directory, path, &stat);
	if (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode)) {
		member = describe(&stat); /* the host reports that the file is left out */
		cpio_begin(cpio, &member);
		cpio_end(cpio);
		return true;
	}
	fd = openat(directory, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool added = add_open(cpio, fd);
	close(fd);
	return added;
}

/* Adds an entry of a directory. The member's name gets one more component meanwhile. */
static bool add(void *context, int directory, const char *child)
{
	size_t length = strlen(name);
	bool added;

	if (length + strlen(child) + 2 > sizeof(name))
		return false;
	name[length] = '/';
	strcpy(name + length + 1, child);
	added = add_path(context, directory, child);
	name[length] = '\0';
	return added;
}

/* If a file cannot be read, the archive gets no trailer, and the host reports damage. Files that do
 * not exist are only left out. */
void out_write(const struct job_file *job)
{
	struct cpio cpio = {.write = put};
	bool whole = true;

	if (!job->out_disk)
		return;
	disk.fd = open(job->out_disk, O_WRONLY | O_CLOEXEC);
	if (disk.fd < 0)
		return;
	for (unsigned i = 0; job->outs[i]; i++) {
		name[0] = (char)(i < 10 ? '0' + i : '1');
		name[1] = (char)(i < 10 ? '\0' : '0' + i % 10);
		name[2] = '\0';
		if (access(job->outs[i], F_OK) == 0 || readlink(job->outs[i], (char[1]){0}, 1) > 0)
			whole = add_path(&cpio, AT_FDCWD, job->outs[i]) && whole;
	}
	if (whole)
		cpio_finish(&cpio);
	flush();
	fsync(disk.fd);
	close(disk.fd);
}
