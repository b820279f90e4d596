#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

/* The descriptor is the user's: its content stays. */
static bool taken;

/* Also opens the file with the peak of memory: getrusage would need one more system call in the
 * filter. */
static bool place(int fd, const char *what, struct problem *problem)
{
	return fd_place(open("/proc/self/status", O_RDONLY | O_CLOEXEC), FD_PEAK,
			"/proc/self/status", problem) &&
	       fd_place(fd, FD_STATS, what, problem);
}

bool stats_open(const char *path, struct problem *problem)
{
	/* O_NONBLOCK: a FIFO needs its reader first. */
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);

	if (fd < 0)
		return problem_set(problem,
				   "cannot write %s: %s (give --stats a file that can be written)",
				   path, strerror(errno));
	if (!file_is_free(fd, path, problem)) {
		close(fd);
		return false;
	}
	return place(fd, path, problem);
}

bool stats_take(int fd, struct problem *problem)
{
	taken = true;
	return place(fd, "the descriptor for --stats", problem);
}

bool stats_begin(const char *path, struct problem *problem)
{
	/* Only a regular file can be emptied, or needs to be. */
	return taken || ftruncate(FD_STATS, 0) == 0 || errno == EINVAL ||
	       problem_set(problem, "cannot empty %s: %s (give --stats another file)", path,
			   strerror(errno));
}

static void put_first(struct writer *text, const char *name, unsigned long long value)
{
	struct text number;

	text_set(&number, "\"%s\": %llu", name, value);
	writer_put(text, number.text);
}

static void put_number(struct writer *text, const char *name, unsigned long long value)
{
	writer_put(text, ", ");
	put_first(text, name, value);
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

static void put_devices(struct writer *text, const struct devices *devices)
{
	writer_put(text, ",\n \"devices\": [");
	for (unsigned i = 0; i < devices->count; i++) {
		writer_put(text, i ? ",\n  " : "\n  ");
		put_device(text, devices->slot[i].virtio);
	}
	writer_put(text, "]");
}

/* Microseconds since the process began. */
static void put_phases(struct writer *text, const uint64_t at[PHASES])
{
	static const char *const names[PHASES] = {
		"begin",        "kvm_ready",        "loaded",         "locked_down",
		"init_reached", "workload_started", "workload_ended", "exit",
	};

	writer_put(text, ",\n \"phases_us\": {\"begin\": 0");
	for (unsigned i = PHASE_KVM; i < PHASES; i++)
		if (at[i])
			put_number(text, names[i], at[i] - at[PHASE_BEGIN]);
	writer_put(text, "}");
}

static void put_exits(struct writer *text, const uint64_t exits[EXIT_KINDS])
{
	uint64_t all = 0;

	for (unsigned i = 0; i < EXIT_KINDS; i++)
		all += exits[i];
	writer_put(text, ",\n \"exits\": {");
	put_first(text, "all", all);
	put_number(text, "io", exits[EXIT_IO]);
	put_number(text, "mmio", exits[EXIT_MMIO]);
	put_number(text, "interrupted", exits[EXIT_INTERRUPTED]);
	put_number(text, "last", exits[EXIT_LAST]);
	writer_put(text, "}");
}

/* Leaves out the environment, which may have secrets. */
static void put_options(struct writer *text, char *const *options)
{
	bool first = true;

	writer_put(text, ",\n \"options\": [");
	for (; options && *options; options++) {
		if (!strncmp(*options, "--env=", 6))
			continue;
		writer_put(text, first ? "" : ", ");
		json_put_string(text, *options);
		first = false;
	}
	writer_put(text, "]");
}

static void put_end(struct writer *text, const struct stats *stats)
{
	static const char *const name = "\nVmHWM:\t";
	uint64_t peak = 0;

	file_read_numbers(FD_PEAK, 1, &name, &peak);
	writer_put(text, ",\n \"end\": ");
	json_put_string(text, stats->ending);
	put_number(text, "peak_rss_kib", peak);
}

static void put_jail(struct writer *text, const struct jail *jail)
{
	bool first = true;

	writer_put(text, ",\n \"jail\": [");
	for (unsigned i = 0; i < JAIL_LAYERS; i++) {
		if (!jail_has(jail, i))
			continue;
		writer_put(text, first ? "" : ", ");
		json_put_string(text, jail_layer_name(i));
		first = false;
	}
	writer_put(text, "]");
}

bool stats_write(const struct stats *stats)
{
	static struct writer text;

	text.fd = FD_STATS;
	writer_put(&text, "{\"schema\": 1, \"version\": \"" MAYFLY_VERSION "\"");
	put_number(&text, "exit_code", (unsigned long long)stats->code);
	put_end(&text, stats);
	put_phases(&text, stats->at);
	put_exits(&text, stats->exits);
	put_jail(&text, stats->jail);
	put_options(&text, stats->options);
	put_devices(&text, stats->devices);
	writer_put(&text, "}\n");
	return writer_flush(&text);
}

void stats_allow(struct sysfilter *filter)
{
	sysfilter_allow_fd(filter, SYS_write, FD_STATS); /* the statistics … */
	sysfilter_allow_fd(filter, SYS_read, FD_PEAK);   /* … and the peak of memory */
}
