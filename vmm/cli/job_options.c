#include "cli/job_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/keep.h"
#include "base/number.h"
#include "base/path.h"
#include "cli/cli.h"
#include "cli/optionfile.h"

/* --- files in --- */

static struct file_option *new_file(struct file_options *files)
{
	if (files->count == files->room) {
		size_t room = files->room ? 2 * files->room : 16;
		struct file_option *larger = keep(room * sizeof(*larger));

		if (files->count)
			memcpy(larger, files->item, files->count * sizeof(*larger));
		files->item = larger;
		files->room = room;
	}
	return &files->item[files->count++];
}

/* The default for GUEST: HOST's own name, in the root. NULL for "", ".", ".." and "/", which have
 * no name. */
static const char *default_guest(const char *host)
{
	size_t length;
	const char *name = path_last(host, &length);

	if (length == 0 || (length <= 2 && !strncmp(name, "..", length)))
		return NULL;
	return keep_format("/%s", keep_text(name, length));
}

/* True if PATH has no "." and "..": these could lead out of a directory that we make. */
static bool is_plain(const char *path)
{
	for (; *path; path += strcspn(path, "/")) {
		path += strspn(path, "/");
		size_t length = strcspn(path, "/");
		if (length && length <= 2 && !strncmp(path, "..", length))
			return false;
	}
	return true;
}

static bool take_mode(char *value, int *mode, struct problem *problem)
{
	char *setting = strstr(value, ",mode="), *end;

	*mode = -1;
	if (!setting)
		return true;
	*setting = '\0';
	unsigned long number = strtoul(setting + 6, &end, 8);
	if (setting[6] < '0' || setting[6] > '7' || *end || number > 07777)
		return problem_set(problem, "'%s' is no mode (write it in octal: mode=755)",
				   setting + 6);
	*mode = (int)number;
	return true;
}

/* The colon between a HOST path and an absolute GUEST path; NULL if there is none. */
static char *find_parting(char *value)
{
	char *parting = NULL;

	for (char *colon = strstr(value, ":/"); colon; colon = strstr(colon + 1, ":/"))
		parting = colon;
	return parting;
}

bool job_add_file(void *job, char *value, struct problem *problem)
{
	struct file_option file = {.path = value};
	char *parting;

	if (!take_mode(value, &file.mode, problem))
		return false;
	parting = find_parting(value);
	if (parting) {
		*parting = '\0';
		file.guest = parting + 1;
	} else {
		file.guest = default_guest(value);
	}
	if (!*value || !file.guest)
		return problem_set(problem, "'%s' has no name for the guest (write %s:/PATH)",
				   value, value);
	if (!is_plain(file.guest))
		return problem_set(problem,
				   "'%s' has . or .. in it (write the guest's path without)",
				   file.guest);
	*new_file(&((struct job_options *)job)->files) = file;
	return true;
}

bool job_add_rootdir(void *job, char *value, struct problem *problem)
{
	/* "/.": nothing but a directory. */
	const char *host = keep_format("%s/.", value);

	(void)problem;
	*new_file(&((struct job_options *)job)->files) =
		(struct file_option){.path = host, .guest = "/", .mode = -1};
	return true;
}

bool job_add_tar(void *job, char *value, struct problem *problem)
{
	struct file_options *files = &((struct job_options *)job)->files;

	for (size_t i = 0; i < files->count; i++)
		if (files->item[i].tar)
			return problem_set(problem,
					   "'%s' is a second archive (give --rootfs-tar once)",
					   value);
	*new_file(files) =
		(struct file_option){.path = value, .guest = "/", .mode = -1, .tar = true};
	return true;
}

/* --- environment --- */

/* LENGTH: the name with its '='. */
static void set_variable(struct words *environment, char *variable, size_t length)
{
	for (size_t i = 0; i < environment->count; i++)
		if (!strncmp(environment->word[i], variable, length)) {
			environment->word[i] = variable;
			return;
		}
	words_add(environment, variable);
}

/* NAME alone takes the host's value. If the host has no value, NAME is left out. */
bool job_add_environment(void *job, char *value, struct problem *problem)
{
	struct job_options *options = job;
	size_t name = strcspn(value, "=");
	const char *host;

	if (name == 0)
		return problem_set(problem, "'%s' names no variable (write NAME=VALUE)", value);
	if (!value[name]) {
		host = getenv(value);
		if (!host)
			return true;
		value = keep_format("%s=%s", value, host);
	}
	set_variable(&options->environment, value, name + 1);
	return true;
}

bool job_add_environment_file(void *job, char *value, struct problem *problem)
{
	return optionfile_read(value, job_add_environment, job, problem);
}

/* --- the rest --- */

bool job_set_directory(void *job, char *value, struct problem *problem)
{
	((struct job_options *)job)->directory = value;
	return *value == '/' ||
	       problem_set(problem, "'%s' is no absolute path (-w takes /PATH)", value);
}

bool job_set_hostname(void *job, char *value, struct problem *problem)
{
	enum { HOSTNAME_MAX = 64 }; /* Linux: __NEW_UTS_LEN */

	((struct job_options *)job)->hostname = value;
	return strlen(value) <= HOSTNAME_MAX ||
	       problem_set(problem, "'%s' is too long for a host name (at most %d characters)",
			   value, HOSTNAME_MAX);
}

/* A user or group id. The kernel takes 2³² - 1 as "leave it unchanged". */
static bool take_id(const char **text, uint32_t *id)
{
	uint64_t value;

	if (!number_take(text, &value) || value >= UINT32_MAX)
		return false;
	*id = (uint32_t)value;
	return true;
}

bool job_set_user(void *job, char *value, struct problem *problem)
{
	struct job_options *options = job;
	const char *text = value;

	options->has_user = true;
	if (take_id(&text, &options->uid)) {
		options->gid = options->uid;
		if (!*text || (*text++ == ':' && take_id(&text, &options->gid) && !*text))
			return true;
	}
	return problem_set(problem, "'%s' is no user (--user takes UID or UID:GID, as numbers)",
			   value);
}

bool job_set_out_limit(void *job, char *value, struct problem *problem)
{
	enum { UNIT = 4096 };
	const uint64_t most = UINT64_C(1) << 40;
	uint64_t size;

	if (!cli_size(value, &size) || size < UNIT || size > most)
		return problem_set(problem, "'%s' is no limit for -o (write 4K to 1T)", value);
	((struct job_options *)job)->out_limit = size & -(uint64_t)UNIT;
	return true;
}

bool job_add_out(void *job, char *value, struct problem *problem)
{
	struct job_options *options = job;
	char *parting = strchr(value, ':');

	if (value[0] != '/' || !parting || !parting[1])
		return problem_set(problem, "'%s' is no pair of paths (-o takes /GUEST:HOST)",
				   value);
	*parting = '\0';
	if (!is_plain(value))
		return problem_set(
			problem, "'%s' has . or .. in it (write the guest's path without)", value);
	if (options->outs == OUTS_MAX)
		return problem_set(problem,
				   "-o '%s' is one too many (at most %d; a directory is one)",
				   value, OUTS_MAX);
	options->out[options->outs++] = (struct out_option){value, parting + 1};
	return true;
}
