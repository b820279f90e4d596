#include "job.h"

#include <string.h>

#include "cpio.h"

enum { DIRECTORY = 0040700, PROGRAM = 0100700, SECRET = 0100600 };

/* Text that is measured first (buffer NULL) and written then. */
struct text {
	uint8_t *buffer;
	size_t size;
};

static void put(struct text *text, const void *data, size_t size)
{
	if (text->buffer)
		memcpy(text->buffer + text->size, data, size);
	text->size += size;
}

static void put_string(struct text *text, enum job_tag tag, const char *value)
{
	char character = (char)tag;

	put(text, &character, 1);
	put(text, value, strlen(value) + 1);
}

static void put_optional(struct text *text, enum job_tag tag, const char *value)
{
	if (value)
		put_string(text, tag, value);
}

/* OUT has room for two digits a byte and a NUL. */
static void to_hex(char *out, const uint8_t *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

static void put_job(struct text *text, const struct job *job)
{
	char hex[2 * sizeof(job->seed) + 1];

	to_hex(hex, job->seed, sizeof(job->seed));
	put_string(text, JOB_SEED, hex);
	for (unsigned i = 0; i < JOB_IPS; i++) {
		put_optional(text, JOB_ADDRESS, job->ip[i].address);
		put_optional(text, JOB_GATEWAY, job->ip[i].gateway);
		put_optional(text, JOB_DNS, job->ip[i].dns);
	}
	for (char *const *argument = job->arguments; *argument; argument++)
		put_string(text, JOB_ARGUMENT, *argument);
}

static void put_archive(struct cpio *cpio, const struct job *job, struct bytes text)
{
	cpio_add(cpio, ".mayfly", DIRECTORY, (struct bytes){0});
	cpio_add(cpio, &JOB_INIT_PATH[1], PROGRAM, job->init);
	cpio_add(cpio, &JOB_FILE_PATH[1], SECRET, text);
	cpio_finish(cpio);
}

size_t job_size(const struct job *job)
{
	struct text text = {0};
	struct cpio cpio = {0};

	put_job(&text, job);
	put_archive(&cpio, job, (struct bytes){NULL, text.size});
	return cpio.size + text.size; /* room to write the text in before it is copied */
}

void job_build(const struct job *job, uint8_t *buffer, size_t size)
{
	struct text text = {0};
	struct cpio cpio = {.buffer = buffer, .capacity = size};

	put_job(&text, job);
	/* The text is made at the buffer's end; the archive never reaches it (job_size). */
	text = (struct text){.buffer = buffer + size - text.size};
	put_job(&text, job);
	put_archive(&cpio, job, (struct bytes){text.buffer, text.size});
	memset(buffer + cpio.size, 0, size - cpio.size);
}
