#include "devices/virtio_blk.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <string.h>

/* The largest discard or write-zeroes range: 128 MiB, so that no request takes very long. */
#define RANGE_SECTORS_MAX (1u << 18)

static const struct virtio_class class;

static uint64_t features(const struct virtio_blk *blk)
{
	const struct disk *disk = blk->disk;
	uint64_t set =
		VIRTIO_FEATURE(VIRTIO_F_VERSION_1) | VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX) |
		VIRTIO_FEATURE(VIRTIO_BLK_F_SIZE_MAX) | VIRTIO_FEATURE(VIRTIO_BLK_F_SEG_MAX) |
		VIRTIO_FEATURE(VIRTIO_BLK_F_BLK_SIZE) | VIRTIO_FEATURE(VIRTIO_BLK_F_TOPOLOGY);

	if (blk->virtio.queues > 1)
		set |= VIRTIO_FEATURE(VIRTIO_BLK_F_MQ);
	if (disk->read_only)
		return set | VIRTIO_FEATURE(VIRTIO_BLK_F_RO);
	if (disk->discard)
		set |= VIRTIO_FEATURE(VIRTIO_BLK_F_DISCARD);
	return set | VIRTIO_FEATURE(VIRTIO_BLK_F_FLUSH) | VIRTIO_FEATURE(VIRTIO_BLK_F_WRITE_ZEROES);
}

static void fill_config(struct virtio_blk *blk)
{
	const struct disk *disk = blk->disk;
	uint32_t per_physical = disk->physical / disk->block;

	blk->config = (struct virtio_blk_config){
		.capacity = disk->size / DISK_SECTOR,
		.size_max = VIRTIO_BLK_SIZE_MAX,
		.seg_max = VIRTIO_BLK_SEG_MAX,
		.blk_size = disk->block,
		.physical_block_exp = (uint8_t)__builtin_ctz(per_physical),
		.min_io_size = (uint16_t)per_physical,
		.num_queues = (uint16_t)blk->virtio.queues,
		.max_discard_sectors = RANGE_SECTORS_MAX,
		.max_discard_seg = VIRTIO_BLK_RANGES_MAX,
		.discard_sector_alignment = disk->physical / DISK_SECTOR,
		.max_write_zeroes_sectors = RANGE_SECTORS_MAX,
		.max_write_zeroes_seg = VIRTIO_BLK_RANGES_MAX,
		.write_zeroes_may_unmap = disk->discard,
	};
}

void virtio_blk_init(struct virtio_blk *blk, struct disk *disk)
{
	blk->disk = disk;
	fill_config(blk);
	blk->virtio.class = &class;
	blk->virtio.offered = features(blk);
	blk->virtio.config = (const uint8_t *)&blk->config;
	blk->virtio.config_size = sizeof(blk->config);
	blk->virtio.workers = blk->virtio.queues;
	virtio_init(&blk->virtio);
}

/* --- requests: header, data, one byte of status (§5.2.6) --- */

/* What a request comes to: its status, and how many bytes of data were filled. */
struct outcome {
	uint8_t status;
	uint32_t filled;
};

static const struct outcome failed = {.status = VIRTIO_BLK_S_IOERR};
static const struct outcome unsupported = {.status = VIRTIO_BLK_S_UNSUPP};

static struct outcome outcome_of(bool fine)
{
	return (struct outcome){.status = fine ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR};
}

/* Whole sectors that lie on the disk. Written so that nothing can wrap. */
static bool is_on_disk(const struct virtio_blk *blk, uint64_t sector, uint64_t bytes)
{
	uint64_t capacity = blk->config.capacity;

	return bytes % DISK_SECTOR == 0 && bytes / DISK_SECTOR <= capacity &&
	       sector <= capacity - bytes / DISK_SECTOR;
}

/* A driver may ask for less than a block (§5.2.4), but direct I/O has no smaller pieces. */
static bool is_possible(const struct virtio_blk *blk, uint64_t sector, uint64_t bytes)
{
	uint32_t sectors = blk->disk->block / DISK_SECTOR;

	return is_on_disk(blk, sector, bytes) &&
	       (!blk->disk->file.direct ||
		(sector % sectors == 0 && bytes % blk->disk->block == 0));
}

static struct outcome read_data(struct virtio_blk *blk, uint64_t sector, const struct chain *chain)
{
	uint32_t bytes = chain->write_size - 1; /* the last one is the status */

	if (!is_possible(blk, sector, bytes) ||
	    !disk_read(blk->disk, sector * DISK_SECTOR, chain, 0, bytes))
		return failed;
	virtio_count(&blk->virtio, STAT_IN, 1);
	virtio_count(&blk->virtio, STAT_IN_BYTES, bytes);
	return (struct outcome){.status = VIRTIO_BLK_S_OK, .filled = bytes};
}

/* Without FLUSH the driver knows of no cache, so there is none (§5.2.6.2). */
static bool is_write_through(const struct virtio_blk *blk)
{
	return !(blk->virtio.state.accepted & VIRTIO_FEATURE(VIRTIO_BLK_F_FLUSH));
}

static struct outcome write_data(struct virtio_blk *blk, uint64_t sector, const struct chain *chain)
{
	uint32_t header = sizeof(struct virtio_blk_outhdr);
	uint32_t bytes = chain->read_size - header;

	if (!is_possible(blk, sector, bytes) ||
	    !disk_write(blk->disk, sector * DISK_SECTOR, chain, header, bytes))
		return failed;
	virtio_count(&blk->virtio, STAT_OUT, 1);
	virtio_count(&blk->virtio, STAT_OUT_BYTES, bytes);
	return outcome_of(!is_write_through(blk) || disk_flush(blk->disk));
}

static struct outcome get_id(const struct virtio_blk *blk, const struct chain *chain)
{
	uint32_t bytes = chain->write_size - 1;

	if (bytes > sizeof(blk->serial))
		bytes = sizeof(blk->serial);
	chain_write(chain, 0, blk->serial, bytes);
	return (struct outcome){.status = VIRTIO_BLK_S_OK, .filled = bytes};
}

static struct outcome change_range(struct virtio_blk *blk, uint32_t type,
				   const struct virtio_blk_discard_write_zeroes *range)
{
	uint64_t position = range->sector * DISK_SECTOR;
	uint64_t bytes = (uint64_t)range->num_sectors * DISK_SECTOR;
	uint32_t unmap = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;

	if (range->flags & ~(type == VIRTIO_BLK_T_WRITE_ZEROES ? unmap : 0))
		return unsupported;
	if (range->num_sectors > RANGE_SECTORS_MAX || !is_on_disk(blk, range->sector, bytes))
		return failed;
	if (type == VIRTIO_BLK_T_WRITE_ZEROES)
		return outcome_of(disk_zero(blk->disk, position, bytes, range->flags & unmap));
	return outcome_of(disk_discard(blk->disk, position, bytes));
}

static struct outcome change_ranges(struct virtio_blk *blk, uint32_t type,
				    const struct chain *chain)
{
	struct virtio_blk_discard_write_zeroes range;
	uint32_t offset = sizeof(struct virtio_blk_outhdr);
	uint32_t bytes = chain->read_size - offset;
	struct outcome outcome = {.status = VIRTIO_BLK_S_OK};
	unsigned feature =
		type == VIRTIO_BLK_T_DISCARD ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES;

	if (!(blk->virtio.offered & VIRTIO_FEATURE(feature)))
		return blk->disk->read_only ? failed : unsupported;
	if (bytes % sizeof(range) || bytes / sizeof(range) > VIRTIO_BLK_RANGES_MAX)
		return failed;
	for (; offset < chain->read_size && outcome.status == VIRTIO_BLK_S_OK;
	     offset += (uint32_t)sizeof(range)) {
		chain_read(chain, offset, &range, sizeof(range));
		outcome = change_range(blk, type, &range);
	}
	if (outcome.status == VIRTIO_BLK_S_OK && is_write_through(blk))
		return outcome_of(disk_flush(blk->disk));
	return outcome;
}

static struct outcome execute(struct virtio_blk *blk, const struct chain *chain)
{
	struct virtio_blk_outhdr header;

	if (!chain_read(chain, 0, &header, sizeof(header)))
		return failed;
	switch (header.type) {
	case VIRTIO_BLK_T_IN:
		return read_data(blk, header.sector, chain);
	case VIRTIO_BLK_T_OUT:
		return write_data(blk, header.sector, chain);
	case VIRTIO_BLK_T_FLUSH:
		virtio_count(&blk->virtio, STAT_OTHER, 1);
		return outcome_of(disk_flush(blk->disk));
	case VIRTIO_BLK_T_GET_ID:
		virtio_count(&blk->virtio, STAT_OTHER, 1);
		return get_id(blk, chain);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		virtio_count(&blk->virtio, STAT_OTHER, 1);
		return change_ranges(blk, header.type, chain);
	default:
		return unsupported;
	}
}

/* A request without room for its status cannot be answered: it comes back with nothing written. */
static uint32_t answer(struct virtio_blk *blk, const struct chain *chain)
{
	struct outcome outcome = chain->write_size ? execute(blk, chain) : failed;

	if (outcome.status != VIRTIO_BLK_S_OK)
		virtio_count(&blk->virtio, STAT_ERRORS, 1);
	if (!chain->write_size)
		return 0;
	chain_write(chain, chain->write_size - 1, &outcome.status, 1);
	return outcome.filled + 1;
}

void virtio_blk_serve(struct virtio_blk *blk, unsigned index)
{
	struct chain chain;
	bool more = true;

	/* The lock is let go after each request, so that a reset waits for one at most. */
	while (more && virtio_begin(&blk->virtio, index)) {
		more = virtio_next(&blk->virtio, index, &chain);
		if (more)
			virtio_complete(&blk->virtio, index, chain.head, answer(blk, &chain));
		virtio_end(&blk->virtio, index);
	}
}

static void work(struct virtio *virtio, unsigned index)
{
	for (;;) {
		virtio_await(virtio, virtio->queue[index].kick_fd);
		virtio_blk_serve((struct virtio_blk *)virtio, index);
	}
}

static struct disk *disk_of(const struct virtio *virtio)
{
	return ((const struct virtio_blk *)virtio)->disk;
}

static void freeze(struct virtio *virtio)
{
	pthread_mutex_lock(&virtio->queue[0].lock);
	disk_of(virtio)->read_only = true;
	pthread_mutex_unlock(&virtio->queue[0].lock);
}

static bool flush(struct virtio *virtio)
{
	return disk_flush(disk_of(virtio));
}

static void allow_work(const struct virtio *virtio, struct sysfilter *filter)
{
	disk_allow(disk_of(virtio), filter);
}

static void allow_flush(const struct virtio *virtio, struct sysfilter *filter)
{
	disk_allow_flush(disk_of(virtio), filter);
}

static const struct virtio_class class = {
	.device_id = VIRTIO_ID_BLOCK,
	.name = "disk",
	.stat_name = {"reads", "read_bytes", "writes", "written_bytes", "others", "errors", "kicks",
		      "interrupts", "interrupts_suppressed"},
	.work = work,
	.freeze = freeze,
	.flush = flush,
	.allow_work = allow_work,
	.allow_flush = allow_flush,
};
