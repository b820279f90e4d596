#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fdplan.h"
#include "file.h"

/* Text that is put together without stdio, and written in pieces. */
struct text {
	char buffer[4096];
	size_t size;
	bool failed;
};

bool stats_open(const char *path, struct problem *problem)
{
	/* O_NONBLOCK: a FIFO must have its reader already. */
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);

	if (fd < 0)
		return problem_set(problem,
				   "cannot write %s: %s (give --stats a file that can be written)",
				   path, strerror(errno));
	if (!file_is_free(fd, path, problem)) {
		close(fd);
		return false;
	}
	return fd_place(fd, FD_STATS, path, problem);
}

static void flush(struct text *text)
{
	size_t done = 0;

	while (done < text->size && !text->failed) {
		ssize_t count = write(FD_STATS, text->buffer + done, text->size - done);

		if (count < 0 && errno == EINTR)
			continue;
		text->failed = count <= 0;
		done += count > 0 ? (size_t)count : 0;
	}
	text->size = 0;
}

static void put(struct text *text, const char *word)
{
	for (; *word; word++) {
		if (text->size == sizeof(text->buffer))
			flush(text);
		text->buffer[text->size++] = *word;
	}
}

static void put_string(struct text *text, const char *value)
{
	struct problem escape;

	put(text, "\"");
	for (; *value; value++) {
		char character[2] = {*value, '\0'};

		if ((unsigned char)*value < ' ' || *value == '"' || *value == '\\')
			problem_set(&escape, "\\u%04x", (unsigned char)*value);
		else
			problem_set(&escape, "%s", character);
		put(text, escape.text);
	}
	put(text, "\"");
}

static void put_number(struct text *text, const char *name, unsigned long long value)
{
	struct problem number;

	problem_set(&number, ", \"%s\": %llu", name, value);
	put(text, number.text);
}

static void put_device(struct text *text, const struct virtio *virtio)
{
	put(text, "{\"kind\": ");
	put_string(text, virtio->class->name);
	put(text, ", \"name\": ");
	put_string(text, virtio->label);
	for (unsigned i = 0; i < STATS; i++)
		put_number(text, virtio->class->stat_name[i],
			   atomic_load_explicit(&virtio->stat[i], memory_order_relaxed));
	put(text, "}");
}

bool stats_write(const struct devices *devices, int code)
{
	static struct text text;

	/* What is no regular file cannot be emptied, and need not be. */
	if (ftruncate(FD_STATS, 0) < 0 && errno != EINVAL)
		return false;
	put(&text, "{\"version\": \"" MAYFLY_VERSION "\"");
	put_number(&text, "exit_code", (unsigned long long)code);
	put(&text, ",\n \"devices\": [");
	for (unsigned i = 0; i < devices->count; i++) {
		put(&text, i ? ",\n  " : "\n  ");
		put_device(&text, devices->slot[i].virtio);
	}
	put(&text, "]}\n");
	flush(&text);
	return !text.failed;
}

void stats_allow(struct sysfilter *filter)
{
	sysfilter_allow_fd(filter, SYS_ftruncate, FD_STATS); /* what was there before goes … */
	sysfilter_allow_fd(filter, SYS_write, FD_STATS);     /* … when the new is written */
}
