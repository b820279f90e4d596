/* Archives in memory, for tests. */
#ifndef MAYFLY_ARCHIVE_H
#define MAYFLY_ARCHIVE_H

#include "archive/cpio.h"
#include "archive/job.h"
#include "unit.h"

struct archive {
	uint8_t *buffer;
	size_t capacity;
};

static inline bool archive_take(void *context, uint64_t offset, const void *data, size_t size)
{
	const struct archive *archive = context;

	if (size > archive->capacity || offset > archive->capacity - size)
		return false;
	memcpy(archive->buffer + offset, data, size);
	return true;
}

/* An archive that goes to a buffer. */
#define ARCHIVE_IN(memory, size) \
	((struct cpio){.write = archive_take, .context = &(struct archive){memory, size}})

/* Builds a job's segment; how large it is. */
static inline size_t archive_job(const struct job *job, uint8_t *buffer, size_t capacity)
{
	struct cpio cpio = ARCHIVE_IN(buffer, capacity);

	job_write_init(&cpio, job);
	job_write_file(&cpio, job);
	assert_true(cpio_finish(&cpio));
	return cpio.size;
}

#endif
