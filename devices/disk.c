#include "devices/disk.h"

#include <errno.h>
#include <linux/falloc.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t disk_dirty_bytes(uint64_t size)
{
	return (size + DISK_CLUSTER * 8 - 1) / (DISK_CLUSTER * 8);
}

void disk_init(struct disk *disk)
{
	pthread_rwlock_init(&disk->lock, NULL);
	pthread_mutex_init(&disk->turn, NULL);
	disk_io_init(&disk->file);
}

/* --- ephemeral: a scratch file over the base --- */

/* Who waits for the lock keeps its turn: or a stream of readers would keep a writer out for
 * ever. */
static void share(struct disk *disk)
{
	pthread_mutex_lock(&disk->turn);
	pthread_rwlock_rdlock(&disk->lock);
	pthread_mutex_unlock(&disk->turn);
}

static void be_alone(struct disk *disk)
{
	pthread_mutex_lock(&disk->turn);
	pthread_rwlock_wrlock(&disk->lock);
	pthread_mutex_unlock(&disk->turn);
}

static bool is_dirty(const struct disk *disk, uint64_t cluster)
{
	return disk->dirty[cluster / 8] >> (cluster % 8) & 1;
}

static void set_dirty(struct disk *disk, uint64_t first, uint64_t end, bool dirty)
{
	for (uint64_t i = first; i < end; i++) {
		uint8_t bit = (uint8_t)(1u << (i % 8));

		disk->dirty[i / 8] =
			dirty ? disk->dirty[i / 8] | bit : disk->dirty[i / 8] & (uint8_t)~bit;
	}
}

/* How many of the LENGTH bytes at POSITION come from the same file as the first. */
static uint32_t run_length(const struct disk *disk, uint64_t position, uint32_t length)
{
	uint64_t cluster = position / DISK_CLUSTER;
	uint64_t end = position + length;
	bool dirty = is_dirty(disk, cluster);

	do
		cluster++;
	while (cluster * DISK_CLUSTER < end && is_dirty(disk, cluster) == dirty);
	return cluster * DISK_CLUSTER < end ? (uint32_t)(cluster * DISK_CLUSTER - position)
					    : length;
}

static bool read_layers(struct disk *disk, uint64_t position, const struct chain *chain,
			uint32_t offset, uint32_t length)
{
	bool fine = true;

	share(disk);
	while (length && fine) {
		int fd = is_dirty(disk, position / DISK_CLUSTER) ? disk->scratch_fd : disk->file.fd;
		uint32_t run = run_length(disk, position, length);

		fine = disk_io_move(&disk->file, fd, DISK_READ, position, chain, offset, run);
		position += run;
		offset += run;
		length -= run;
	}
	pthread_rwlock_unlock(&disk->lock);
	return fine;
}

/* Brings the cluster at POSITION into the scratch file, if POSITION is within one that is not
 * there. */
static bool copy_up(struct disk *disk, uint64_t position)
{
	_Alignas(DISK_CLUSTER) uint8_t data[DISK_CLUSTER];
	uint64_t cluster = position / DISK_CLUSTER;
	uint64_t start = cluster * DISK_CLUSTER;
	uint64_t length = disk->size - start < sizeof(data) ? disk->size - start : sizeof(data);

	if (position == start || position >= disk->size || is_dirty(disk, cluster))
		return true;
	if (!disk_io_all(disk->file.fd, DISK_READ, data, length, start))
		return disk_io_complain(&disk->file, "read");
	if (!disk_io_all(disk->scratch_fd, DISK_WRITE, data, length, start))
		return disk_io_complain(&disk->file, "write the scratch file of");
	set_dirty(disk, cluster, cluster + 1, true);
	return true;
}

/* The first and the last cluster of a range, where the range covers only a part of them. */
static bool copy_edges_up(struct disk *disk, uint64_t position, uint64_t length)
{
	return copy_up(disk, position) && copy_up(disk, position + length);
}

static uint64_t clusters_up_to(uint64_t position)
{
	return (position + DISK_CLUSTER - 1) / DISK_CLUSTER;
}

static bool write_layers(struct disk *disk, uint64_t position, const struct chain *chain,
			 uint32_t offset, uint32_t length)
{
	be_alone(disk);
	bool fine = copy_edges_up(disk, position, length) &&
		    disk_io_move(&disk->file, disk->scratch_fd, DISK_WRITE, position, chain, offset,
				 length);

	if (fine)
		set_dirty(disk, position / DISK_CLUSTER, clusters_up_to(position + length), true);
	pthread_rwlock_unlock(&disk->lock);
	return fine;
}

bool disk_read(struct disk *disk, uint64_t position, const struct chain *chain, uint32_t offset,
	       uint32_t length)
{
	if (disk->scratch_fd >= 0)
		return read_layers(disk, position, chain, offset, length);
	return disk_io_move(&disk->file, disk->file.fd, DISK_READ, position, chain, offset, length);
}

bool disk_write(struct disk *disk, uint64_t position, const struct chain *chain, uint32_t offset,
		uint32_t length)
{
	if (disk->read_only)
		return false;
	if (length == 0)
		return true;
	if (disk->scratch_fd >= 0)
		return write_layers(disk, position, chain, offset, length);
	return disk_io_move(&disk->file, disk->file.fd, DISK_WRITE, position, chain, offset,
			    length);
}

/* --- without data --- */

static bool is_written(const struct disk *disk)
{
	return !disk->read_only && disk->scratch_fd < 0;
}

bool disk_flush(struct disk *disk)
{
	if (!is_written(disk))
		return true;
	while (fdatasync(disk->file.fd) < 0)
		if (errno != EINTR)
			return disk_io_complain(&disk->file, "flush");
	return true;
}

/* The clusters that lie wholly within a range; the disk's end ends one too. */
struct whole {
	uint64_t first, end;
};

static struct whole whole_clusters(const struct disk *disk, uint64_t position, uint64_t length)
{
	uint64_t end = position + length;
	struct whole whole = {
		.first = clusters_up_to(position),
		.end = end == disk->size ? clusters_up_to(end) : end / DISK_CLUSTER,
	};

	if (whole.end < whole.first)
		whole.end = whole.first;
	return whole;
}

/* What was written there is forgotten: the base shows through again. */
static bool discard_layer(struct disk *disk, uint64_t position, uint64_t length)
{
	struct whole whole = whole_clusters(disk, position, length);
	bool fine = true;

	if (whole.first == whole.end)
		return true;
	be_alone(disk);
	if (!disk_io_allocate(disk->scratch_fd, FALLOC_FL_PUNCH_HOLE, whole.first * DISK_CLUSTER,
			      (whole.end - whole.first) * DISK_CLUSTER))
		fine = disk_io_complain(&disk->file, "discard from the scratch file of");
	else
		set_dirty(disk, whole.first, whole.end, false);
	pthread_rwlock_unlock(&disk->lock);
	return fine;
}

static bool zero_layer(struct disk *disk, uint64_t position, uint64_t length)
{
	be_alone(disk);
	bool fine = copy_edges_up(disk, position, length) &&
		    disk_io_zero(&disk->file, disk->scratch_fd, position, length, true);

	if (fine)
		set_dirty(disk, position / DISK_CLUSTER, clusters_up_to(position + length), true);
	pthread_rwlock_unlock(&disk->lock);
	return fine;
}

bool disk_discard(struct disk *disk, uint64_t position, uint64_t length)
{
	if (disk->read_only)
		return false;
	if (disk->scratch_fd >= 0)
		return discard_layer(disk, position, length);
	return length == 0 ||
	       disk_io_allocate(disk->file.fd, FALLOC_FL_PUNCH_HOLE, position, length) ||
	       disk_io_complain(&disk->file, "discard from");
}

bool disk_zero(struct disk *disk, uint64_t position, uint64_t length, bool may_unmap)
{
	if (disk->read_only)
		return false;
	if (length == 0)
		return true;
	if (disk->scratch_fd >= 0)
		return zero_layer(disk, position, length);
	return disk_io_zero(&disk->file, disk->file.fd, position, length, may_unmap);
}

void disk_allow(const struct disk *disk, struct sysfilter *filter)
{
	int written = disk->scratch_fd >= 0 ? disk->scratch_fd : disk->file.fd;

	sysfilter_allow_fd(filter, SYS_preadv, disk->file.fd); /* the guest reads */
	if (disk->read_only)
		return;
	sysfilter_allow_fd(filter, SYS_preadv, written);  /* … what it wrote */
	sysfilter_allow_fd(filter, SYS_pwritev, written); /* it writes, … */
	/* … discards, or writes zeros that need no storage … */
	sysfilter_allow_fd_with(filter, SYS_fallocate, written,
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	/* … or do. */
	if (written == disk->file.fd)
		sysfilter_allow_fd_with(filter, SYS_fallocate, written,
					FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
	disk_allow_flush(disk, filter);
}

void disk_allow_flush(const struct disk *disk, struct sysfilter *filter)
{
	if (is_written(disk))
		sysfilter_allow_fd(filter, SYS_fdatasync, disk->file.fd);
}
