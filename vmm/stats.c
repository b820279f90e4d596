#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fdplan.h"
#include "file.h"
#include "json.h"

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

static void put_number(struct writer *text, const char *name, unsigned long long value)
{
	struct problem number;

	problem_set(&number, ", \"%s\": %llu", name, value);
	writer_put(text, number.text);
}

static void put_device(struct writer *text, const struct virtio *virtio)
{
	writer_put(text, "{\"kind\": ");
	json_put_string(text, virtio->class->name);
	writer_put(text, ", \"name\": ");
	json_put_string(text, virtio->label);
	for (unsigned i = 0; i < STATS; i++)
		put_number(text, virtio->class->stat_name[i],
			   atomic_load_explicit(&virtio->stat[i], memory_order_relaxed));
	writer_put(text, "}");
}

bool stats_write(const struct devices *devices, int code)
{
	static struct writer text;

	/* What is no regular file cannot be emptied, and need not be. */
	if (ftruncate(FD_STATS, 0) < 0 && errno != EINVAL)
		return false;
	text.fd = FD_STATS;
	writer_put(&text, "{\"version\": \"" MAYFLY_VERSION "\"");
	put_number(&text, "exit_code", (unsigned long long)code);
	writer_put(&text, ",\n \"devices\": [");
	for (unsigned i = 0; i < devices->count; i++) {
		writer_put(&text, i ? ",\n  " : "\n  ");
		put_device(&text, devices->slot[i].virtio);
	}
	writer_put(&text, "]}\n");
	return writer_flush(&text);
}

void stats_allow(struct sysfilter *filter)
{
	sysfilter_allow_fd(filter, SYS_ftruncate, FD_STATS); /* what was there before goes … */
	sysfilter_allow_fd(filter, SYS_write, FD_STATS);     /* … when the new is written */
}
