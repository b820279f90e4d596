#include "machine/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "base/keep.h"
#include "base/number.h"
#include "base/text.h"

#define BLOCK_LARGE 4096 /* of drives with 4 KiB sectors, and what all of today's like best */

static bool is_written(const struct disk_options *options)
{
	return !options->read_only && !options->ephemeral;
}

static const char *mend_for(int error, const struct disk_options *options)
{
	switch (error) {
	case ENOENT:
		return "check the path; 'truncate -s 1G FILE' makes an empty disk";
	case EACCES:
	case EPERM:
	case EROFS:
		return is_written(options)
			       ? "make it writable for this user, or add ,ro or ,ephemeral"
			       : "make it readable for this user";
	case EBUSY:
		return "it is mounted or in use: unmount it, or add ,ro or ,ephemeral";
	case EINVAL:
		if (options->direct)
			return "its file system has no direct I/O: leave out 'direct'";
		/* fall through */
	default:
		return "give a regular file or a block device";
	}
}

static bool open_file(const struct disk_options *options, int place, struct stat *stat,
		      struct problem *problem)
{
	const char *path = options->path;
	/* O_NONBLOCK: a FIFO given by mistake must not make us wait. */
	int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (is_written(options) ? O_RDWR : O_RDONLY);
	struct stat before;

	if (options->direct)
		flags |= O_DIRECT;
	/* The kernel knows who has a block device mounted, and then refuses O_EXCL. */
	if (is_written(options) && fstatat(AT_FDCWD, path, &before, 0) == 0 &&
	    S_ISBLK(before.st_mode))
		flags |= O_EXCL;
	int fd = open(path, flags);
	if (fd < 0)
		return problem_set(problem, "cannot open %s: %s (%s)", path, strerror(errno),
				   mend_for(errno, options));
	if (fstat(fd, stat) < 0 || (!S_ISREG(stat->st_mode) && !S_ISBLK(stat->st_mode))) {
		close(fd);
		return problem_set(problem,
				   "cannot use %s: it is neither a regular file nor a block device "
				   "(give one of these)",
				   path);
	}
	return fd_place(fd, place, path, problem);
}

/* Who writes wants nobody beside it, who reads wants no writer. The lock ends with our
 * descriptor. Where a file system knows no locks, only reading is safe. */
static bool lock_file(const struct disk_options *options, int fd, struct problem *problem)
{
	struct flock lock = {.l_type = is_written(options) ? F_WRLCK : F_RDLCK};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return true;
	if (errno != EAGAIN && errno != EACCES)
		return !is_written(options) ||
		       problem_set(problem, "cannot lock %s: %s (add ,ro or ,ephemeral)",
				   options->path, strerror(errno));
	struct text holder;

	text_set(&holder, "another VM or program");
	if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
		text_set(&holder, "process %d", (int)lock.l_pid);
	return problem_set(
		problem, "cannot use %s: %s %s (one writer, or any number of ,ro and ,ephemeral)",
		options->path, holder.text, is_written(options) ? "uses it" : "writes to it");
}

/* Can 512 bytes be read directly, into memory that is aligned to no more? */
static bool takes_small_direct(int fd)
{
	static uint8_t memory[2 * BLOCK_LARGE] __attribute__((aligned(BLOCK_LARGE)));

	return pread(fd, memory + DISK_SECTOR, DISK_SECTOR, DISK_SECTOR) >= 0;
}

/* The number in a file of /sys about the device; 0 if there is none. A partition's is its
 * parent's. */
static uint64_t device_number(dev_t device, const char *name)
{
	static const char *const formats[] = {"/sys/dev/block/%u:%u/queue/%s",
					      "/sys/dev/block/%u:%u/../queue/%s"};
	struct text path;
	char text[24] = "";
	const char *digits = text;
	uint64_t number = 0;

	for (unsigned i = 0; i < 2; i++) {
		text_set(&path, formats[i], major(device), minor(device), name);
		int fd = open(path.text, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		ssize_t size = read(fd, text, sizeof(text) - 1);
		close(fd);
		if (size > 0)
			number_take(&digits, &number);
		return number;
	}
	return 0;
}

/* Sizes, and whether holes can be punched. */
static void measure(struct disk *disk, const struct stat *stat, const struct disk_options *options)
{
	int block = DISK_SECTOR;
	unsigned physical = BLOCK_LARGE;

	disk->size = (uint64_t)stat->st_size;
	if (S_ISBLK(stat->st_mode)) {
		/* musl and glibc disagree on the type of ioctl's request. */
		syscall(SYS_ioctl, disk->file.fd, BLKGETSIZE64, &disk->size);
		ioctl(disk->file.fd, BLKSSZGET, &block);
		ioctl(disk->file.fd, BLKPBSZGET, &physical);
		disk->discard = device_number(stat->st_rdev, "write_zeroes_max_bytes");
	}
	if (options->direct) {
		if (!takes_small_direct(disk->file.fd))
			block = BLOCK_LARGE;
		disk->file.direct = (uint32_t)block;
	}
	disk->block = block > DISK_SECTOR ? BLOCK_LARGE : DISK_SECTOR;
	disk->physical = physical < disk->block ? disk->block : physical;
}

static bool check_size(const struct disk *disk, struct problem *problem)
{
	if (disk->size && disk->size % disk->block == 0)
		return true;
	return problem_set(
		problem,
		"cannot use %s as a disk: it has %llu bytes, not whole blocks of %u (make "
		"it larger: truncate -s %%%u FILE, or truncate -s 1G FILE)",
		disk->file.name, (unsigned long long)disk->size, disk->block, disk->block);
}

/* A file without a name in DIRECTORY, even where the file system does not know such a thing. */
static int open_nameless(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	struct text path;
	uint64_t random;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -1;
	text_set(&path, "%s/mayfly-%016llx", directory, (unsigned long long)random);
	fd = open(path.text, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		unlink(path.text);
	return fd;
}

/* A file of SIZE zeros that is gone with us. WHAT it is for is said to the user. */
static bool open_scratch(uint64_t size, const char *what, int place, struct problem *problem)
{
	const char *const directories[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
	int fd = -1;

	for (unsigned i = 0; i < 3 && fd < 0; i++)
		if (directories[i] && directories[i][0])
			fd = open_nameless(directories[i]);
	if (fd < 0)
		return problem_set(
			problem,
			"cannot make a scratch file for %s: %s (set TMPDIR to a directory "
			"that can be written)",
			what, strerror(errno));
	if (!fd_place(fd, place, "a scratch file", problem))
		return false;
	return ftruncate(place, (off_t)size) == 0 ||
	       problem_set(problem,
			   "cannot make a scratch file of %llu MiB for %s: %s (set TMPDIR to "
			   "a directory on another file system)",
			   (unsigned long long)size >> 20, what, strerror(errno));
}

static bool open_layer(struct disk *disk, int place, struct problem *problem)
{
	if (!open_scratch(disk->size, disk->file.name, place, problem))
		return false;
	disk->scratch_fd = place;
	disk->dirty = keep_pages(disk_dirty_bytes(disk->size), problem);
	return disk->dirty;
}

/* Beyond the end there is nothing to punch: the answer costs nothing. */
static bool can_punch(int fd, uint64_t size)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)size,
			 BLOCK_LARGE) == 0;
}

/* Nobody else knows it: it needs no lock. */
static bool open_own(const struct disk_options *options, int place, struct stat *stat,
		     struct problem *problem)
{
	return open_scratch(options->scratch, options->path, place, problem) &&
	       fstat(place, stat) == 0;
}

bool storage_open(struct disk *disk, const struct disk_options *options, unsigned index,
		  struct problem *problem)
{
	struct stat stat;

	*disk = (struct disk){
		.file.name = options->path,
		.file.fd = FD_DISK + (int)index,
		.scratch_fd = -1,
		.read_only = options->read_only,
	};
	if (!(options->scratch ? open_own(options, disk->file.fd, &stat, problem)
			       : open_file(options, disk->file.fd, &stat, problem) &&
					 lock_file(options, disk->file.fd, problem)))
		return false;
	measure(disk, &stat, options);
	if (!check_size(disk, problem))
		return false;
	if (options->ephemeral && !open_layer(disk, FD_SCRATCH + (int)index, problem))
		return false;
	if (options->ephemeral)
		disk->discard = can_punch(disk->scratch_fd, disk->size);
	else if (is_written(options) && S_ISREG(stat.st_mode))
		disk->discard = can_punch(disk->file.fd, disk->size);
	if (disk->file.direct && !(disk->file.bounce = keep_pages(DISK_BOUNCE_SIZE, problem)))
		return false;
	disk_init(disk);
	return true;
}
