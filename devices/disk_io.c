#include "devices/disk_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

void disk_io_init(struct disk_file *file)
{
	pthread_mutex_init(&file->bounce_lock, NULL);
	atomic_flag_clear(&file->complained);
}

bool disk_io_complain(struct disk_file *file, const char *what)
{
	if (!atomic_flag_test_and_set(&file->complained))
		report("warning: cannot %s %s: %s (the guest gets an I/O error; this is said once)",
		       what, file->name, strerror(errno));
	return false;
}

ssize_t disk_io_once(int fd, enum disk_direction direction, const struct iovec *iov, unsigned count,
		     uint64_t position)
{
	return direction == DISK_WRITE ? pwritev(fd, iov, (int)count, (off_t)position)
				       : preadv(fd, iov, (int)count, (off_t)position);
}

bool disk_io_all(int fd, enum disk_direction direction, uint8_t *data, uint64_t length,
		 uint64_t position)
{
	for (uint64_t moved = 0; moved < length;) {
		struct iovec iov = {data + moved, length - moved};
		ssize_t done = disk_io_once(fd, direction, &iov, 1, position + moved);

		if (done < 0 && errno == EINTR)
			continue;
		if (done == 0)
			errno = ENODATA;
		if (done <= 0)
			return false;
		moved += (uint64_t)done;
	}
	return true;
}

static bool is_aligned(const struct iovec *iov, unsigned count, uint32_t alignment)
{
	uintptr_t all = 0;

	for (unsigned i = 0; i < count; i++)
		all |= (uintptr_t)iov[i].iov_base | iov[i].iov_len;
	return all % alignment == 0;
}

/* O_DIRECT takes memory of its own alignment only, and the guest's need not have it. */
static ssize_t transfer_bounced(struct disk_file *file, enum disk_direction direction,
				uint64_t position, const struct chain *chain, uint32_t offset,
				uint32_t length)
{
	struct iovec iov = {file->bounce, length < DISK_BOUNCE_SIZE ? length : DISK_BOUNCE_SIZE};
	ssize_t done;

	pthread_mutex_lock(&file->bounce_lock);
	if (direction == DISK_WRITE)
		chain_read(chain, offset, file->bounce, (uint32_t)iov.iov_len);
	done = disk_io_once(file->fd, direction, &iov, 1, position);
	if (direction == DISK_READ && done > 0)
		chain_write(chain, offset, file->bounce, (uint32_t)done);
	pthread_mutex_unlock(&file->bounce_lock);
	return done;
}

static ssize_t transfer_chain(struct disk_file *file, int fd, enum disk_direction direction,
			      uint64_t position, const struct chain *chain, uint32_t offset,
			      uint32_t length)
{
	struct iovec iov[VIRTQ_SIZE_MAX];
	unsigned count = direction == DISK_WRITE ? chain_readable_iov(chain, offset, length, iov)
						 : chain_writable_iov(chain, offset, length, iov);

	if (file->direct && fd == file->fd && !is_aligned(iov, count, file->direct))
		return transfer_bounced(file, direction, position, chain, offset, length);
	return disk_io_once(fd, direction, iov, count, position);
}

bool disk_io_move(struct disk_file *file, int fd, enum disk_direction direction, uint64_t position,
		  const struct chain *chain, uint32_t offset, uint32_t length)
{
	while (length) {
		ssize_t done = transfer_chain(file, fd, direction, position, chain, offset, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done == 0)
			errno = ENODATA; /* the file has become shorter */
		if (done <= 0)
			return disk_io_complain(file, direction == DISK_WRITE ? "write" : "read");
		position += (uint64_t)done;
		offset += (uint32_t)done;
		length -= (uint32_t)done;
	}
	return true;
}

bool disk_io_allocate(int fd, int mode, uint64_t position, uint64_t length)
{
	while (fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)position, (off_t)length) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

static bool write_zeros(struct disk_file *file, int fd, uint64_t position, uint64_t length)
{
	/* Not const: as such it would lie in the binary, page aligned. */
	static uint8_t zeros[4096] __attribute__((aligned(4096)));

	while (length) {
		struct iovec iov[16];
		unsigned count = 0;

		for (uint64_t left = length; left && count < 16; count++) {
			uint64_t piece = left < sizeof(zeros) ? left : sizeof(zeros);

			iov[count] = (struct iovec){zeros, piece};
			left -= piece;
		}
		ssize_t done = disk_io_once(fd, DISK_WRITE, iov, count, position);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return disk_io_complain(file, "write");
		position += (uint64_t)done;
		length -= (uint64_t)done;
	}
	return true;
}

bool disk_io_zero(struct disk_file *file, int fd, uint64_t position, uint64_t length,
		  bool may_unmap)
{
	int mode = may_unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;

	if (disk_io_allocate(fd, mode, position, length))
		return true;
	if (errno == EOPNOTSUPP)
		return write_zeros(file, fd, position, length);
	return disk_io_complain(file, "write zeros to");
}
