#include "archive/job.h"

#include <string.h>

#include "archive/cpio.h"

enum { DIRECTORY = 0040700, PROGRAM = 0100700, SECRET = 0100600 };

/* The destination of the job's text. CPIO is NULL: the text is only measured. */
struct text {
	struct cpio *cpio;
	size_t size;
};

static void put(struct text *text, const void *data, size_t size)
{
	if (text->cpio)
		cpio_data(text->cpio, data, size);
	text->size += size;
}

static void put_string(struct text *text, enum job_tag tag, const char *value)
{
	char character = (char)tag;

	if (!value)
		return;
	put(text, &character, 1);
	put(text, value, strlen(value) + 1);
}

static void put_strings(struct text *text, enum job_tag tag, const char *const *values)
{
	for (; values && *values; values++)
		put_string(text, tag, *values);
}

/* OUT has room for two digits per byte and a NUL. */
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
	put_string(text, JOB_ROOT, job->root);
	put_string(text, JOB_HOSTNAME, job->hostname);
	for (unsigned i = 0; i < JOB_IPS; i++) {
		put_string(text, JOB_ADDRESS, job->ip[i].address);
		put_string(text, JOB_GATEWAY, job->ip[i].gateway);
		put_string(text, JOB_DNS, job->ip[i].dns);
	}
	put_string(text, JOB_USER, job->user);
	put_string(text, JOB_WORKDIR, job->workdir);
	put_string(text, JOB_TERMINAL, job->terminal);
	put_string(text, JOB_OUT_DISK, job->out_disk);
	put_strings(text, JOB_OUT, job->outs);
	put_strings(text, JOB_ENVIRONMENT, (const char *const *)job->environment);
	put_strings(text, JOB_ARGUMENT, (const char *const *)job->arguments);
}

void job_write_init(struct cpio *cpio, const struct job *job)
{
	cpio_add(cpio, &JOB_DIRECTORY[1], DIRECTORY, (struct bytes){0});
	cpio_add(cpio, &JOB_INIT_PATH[1], PROGRAM, job->init);
}

void job_write_file(struct cpio *cpio, const struct job *job)
{
	struct text text = {0};

	put_job(&text, job);
	cpio_begin(cpio, &(struct cpio_member){.name = &JOB_FILE_PATH[1],
					       .mode = SECRET,
					       .size = (uint32_t)text.size});
	text.cpio = cpio;
	put_job(&text, job);
	cpio_end(cpio);
}
