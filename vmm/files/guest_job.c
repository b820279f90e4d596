#include "files/guest_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/keep.h"
#include "base/words.h"
#include "files/guest_init.h"

_Static_assert(ADDRESSES_MAX == JOB_IPS, "every address has a place in the job");

static const char *pair(unsigned first, unsigned second)
{
	return keep_format("%u:%u", first, second);
}

/* Passes TERM on if the user has set it. */
static void set_terminal(const struct options *options, struct job *job, struct words *environment)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	const char *kind = getenv("TERM");

	if (!options->tty)
		return;
	ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
	job->terminal = pair(size.ws_row, size.ws_col);
	if (kind)
		words_add(environment, keep_format("TERM=%s", kind));
}

/* NULL-terminated. */
static const char *const *out_paths(const struct job_options *wanted)
{
	const char **paths = keep((wanted->outs + 1) * sizeof(*paths));

	for (unsigned i = 0; i < wanted->outs; i++)
		paths[i] = wanted->out[i].guest;
	return paths;
}

static const char *disk_name(unsigned index)
{
	return keep_format("/dev/vd%c", 'a' + (int)index);
}

/* The first value of a name counts: the user's values come first. */
bool guest_job_make(const struct options *options, struct job *job, struct problem *problem)
{
	const struct job_options *wanted = &options->job;
	struct words environment = {0};

	*job = (struct job){
		.init = guest_init(),
		.arguments = options->command,
		.workdir = wanted->directory,
		.hostname = wanted->hostname,
		.user = wanted->has_user ? pair(wanted->uid, wanted->gid) : NULL,
	};
	for (unsigned i = 0; i < options->ips; i++)
		job->ip[i] = (struct job_ip){options->ip[i].address, options->ip[i].gateway,
					     options->ip[i].dns};
	if (options->root)
		job->root = options->disk[0].read_only ? "ro" : "rw";
	if (wanted->outs) {
		job->outs = out_paths(wanted);
		job->out_disk = disk_name(options->disks - 1);
	}
	for (size_t i = 0; i < wanted->environment.count; i++)
		words_add(&environment, wanted->environment.word[i]);
	set_terminal(options, job, &environment);
	job->environment = environment.word;
	if (getrandom(job->seed, sizeof(job->seed), 0) != sizeof(job->seed))
		return problem_set(problem, "cannot get random bytes: %s (allow getrandom(2))",
				   strerror(errno));
	return true;
}
