#include "cli/options.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "base/number.h"
#include "cli/device_options.h"
#include "cli/job_options.h"
#include "cli/options_check.h"

#define MIB (1ull << 20)
#define PAGE_SIZE_MAX 65536 /* the largest, on arm64 hosts */
#define MEMORY_MIN (16 * MIB)
#define MEMORY_MAX (64 * 1024 * MIB)
#define MEMORY_DEFAULT (256 * MIB)
#define GRACE_DEFAULT 10000
#define OUT_LIMIT_DEFAULT (1024 * MIB)

static bool set_cpus(void *cpus, char *text, struct problem *problem)
{
	uint64_t value;

	if (!number_parse(text, 1, VCPUS_MAX, &value))
		return problem_set(problem, "cannot give the guest '%s' CPUs (-c takes 1 to %d)",
				   text, VCPUS_MAX);
	*(unsigned long *)cpus = (unsigned long)value;
	return true;
}

static bool set_memory(void *memory, char *text, struct problem *problem)
{
	uint64_t value;

	if (!cli_size(text, &value) || value < MEMORY_MIN || value > MEMORY_MAX)
		return problem_set(problem,
				   "cannot give the guest '%s' of memory (-m takes 16M to 64G)",
				   text);
	*(uint64_t *)memory = value & -(uint64_t)PAGE_SIZE_MAX;
	return true;
}

/* Unlike a limit, the time of grace can be 0. */
static bool set_grace(void *grace, char *text, struct problem *problem)
{
	*(uint64_t *)grace = 0;
	return !strcmp(text, "0") || cli_set_milliseconds(grace, text, problem);
}

/* The index of VALUE in the COUNT names; COUNT: not found. */
static unsigned find_name(const char *const *names, unsigned count, const char *value)
{
	unsigned i = 0;

	while (i < count && strcmp(value, names[i]))
		i++;
	return i;
}

static bool set_jail(void *target, char *value, struct problem *problem)
{
	static const char *const names[] = {"auto", "strict", "off"};
	unsigned mode = find_name(names, 3, value);

	((struct jail_options *)target)->mode = mode;
	return mode < 3 ||
	       problem_set(problem, "'%s' is no kind of jail (--jail takes auto, strict or off)",
			   value);
}

static bool set_hugepages(void *hugepages, char *value, struct problem *problem)
{
	static const char *const names[] = {"auto", "on", "off"};
	unsigned wanted = find_name(names, 3, value);

	*(enum hugepages *)hugepages = wanted;
	return wanted < 3 ||
	       problem_set(problem, "--hugepages does not know '%s' (it takes auto, on or off)",
			   value);
}

static bool set_id(uint32_t *id, const char *text, const char *what, struct problem *problem)
{
	uint64_t value;

	/* The kernel takes -1 as "no id". */
	if (!number_parse(text, 1, UINT32_MAX - 1, &value))
		return problem_set(problem, "mayfly cannot be %s '%s' (give a number from 1 on)",
				   what, text);
	*id = (uint32_t)value;
	return true;
}

static bool set_uid(void *target, char *value, struct problem *problem)
{
	struct jail_options *jail = target;

	jail->other_user = true;
	return set_id(&jail->uid, value, "user", problem);
}

static bool set_gid(void *target, char *value, struct problem *problem)
{
	struct jail_options *jail = target;

	jail->other_user = true;
	return set_id(&jail->gid, value, "group", problem);
}

static bool has_room(const struct options *options, const char *value, struct problem *problem)
{
	if (options->disks + options->nets < DEVICES_MAX)
		return true;
	return problem_set(problem, "'%s' is one device too many (at most %d disks and NICs)",
			   value, DEVICES_MAX);
}

static bool add_disk(void *target, char *value, struct problem *problem)
{
	struct options *options = target;

	return has_room(options, value, problem) &&
	       disk_options_parse(value, &options->disk[options->disks++], problem);
}

/* The root is the first disk, wherever --root stands. */
static bool add_root(void *target, char *value, struct problem *problem)
{
	struct options *options = target;
	struct disk_options root = {0};

	if (options->root)
		return problem_set(problem, "'%s' is a second root (give --root once)", value);
	if (!has_room(options, value, problem) || !disk_options_parse(value, &root, problem))
		return false;
	memmove(&options->disk[1], &options->disk[0], options->disks++ * sizeof(root));
	options->disk[0] = root;
	options->root = true;
	return true;
}

static bool add_net(void *target, char *value, struct problem *problem)
{
	struct options *options = target;

	return has_room(options, value, problem) &&
	       net_options_parse(value, &options->net[options->nets++], problem);
}

static bool add_ip(void *target, char *value, struct problem *problem)
{
	struct options *options = target;
	struct ip_options ip;

	if (!ip_options_parse(value, &ip, problem))
		return false;
	if (options->ips == ADDRESSES_MAX || (options->ips && options->ip[0].family == ip.family))
		return problem_set(problem,
				   "'%s' is one address too many (one IPv4 and one IPv6 --ip)",
				   ip.address);
	options->ip[options->ips++] = ip;
	return true;
}

/* A file, or fd:N. */
static bool set_stats(void *target, char *value, struct problem *problem)
{
	struct options *options = target;
	uint64_t number = 0;
	bool is_fd = !strncmp(value, "fd:", 3);

	if (is_fd && !number_parse(value + 3, 0, INT_MAX, &number))
		return problem_set(problem,
				   "--stats cannot use '%s' (write fd:N, or ./%s for a file)",
				   value, value);
	options->stats = value;
	options->stats_fd = is_fd ? (int)number : -1;
	return true;
}

#define MEMBER(name) offsetof(struct options, name)
#define TEXT(name) cli_set_text, MEMBER(name)
#define TIME(name) cli_set_milliseconds, MEMBER(limits.name)
#define FLAG(name) NULL, NULL, MEMBER(name)
#define JOB MEMBER(job)

static const struct cli_option table[] = {
	{'k', "kernel", "FILE", TEXT(kernel),
	 "kernel: a PVH vmlinux or a bzImage; on arm64 an Image (needed)"},
	{'i', "initrd", "FILE", TEXT(initrd),
	 "initial file system: a cpio archive, compressed or not"},
	{'c', "cpus", "N", set_cpus, MEMBER(cpus), "number of CPUs, 1 to 32 (1)"},
	{'m', "memory", "SIZE", set_memory, MEMBER(memory),
	 "memory, 16M to 64G; a plain number is in MiB (256M)"},
	{'f', "file", "HOST[:GUEST]", job_add_file, JOB,
	 "a file or directory for the guest; mode=OCTAL; repeatable"},
	{0, "rootdir", "DIR", job_add_rootdir, JOB,
	 "a directory whose content is put into the guest's /"},
	{0, "rootfs-tar", "FILE", job_add_tar, JOB,
	 "a tar archive whose content is put into the guest's /"},
	{'e', "env", "NAME[=VALUE]", job_add_environment, JOB,
	 "a variable for COMMAND; NAME alone: its value here; repeatable"},
	{0, "env-file", "FILE", job_add_environment_file, JOB,
	 "variables for COMMAND, one per line"},
	{'w', "workdir", "PATH", job_set_directory, JOB, "COMMAND's working directory (/)"},
	{0, "user", "UID[:GID]", job_set_user, JOB, "COMMAND's user (0)"},
	{0, "hostname", "NAME", job_set_hostname, JOB, "the guest's host name (mayfly)"},
	{'t', "tty", FLAG(tty), "COMMAND gets your terminal"},
	{'o', "out", "GUEST:HOST", job_add_out, JOB,
	 "copy a file or directory out after COMMAND; repeatable"},
	{0, "out-limit", "SIZE", job_set_out_limit, JOB, "limit for all that -o copies (1G)"},
	{'d', "disk", "FILE[,KEY...]", add_disk, 0,
	 "a disk: ro, ephemeral, direct, serial=ID, queues=N; repeatable"},
	{0, "root", "FILE[,KEY...]", add_root, 0,
	 "a disk that is the guest's /; with ro, writes stay in memory"},
	{'n', "net", "tap=NAME[,KEY...]", add_net, 0,
	 "a NIC: tap=NAME or fd=N, mac=ADDR, mtu=N, queues=N; repeatable"},
	{0, "ip", "ADDR/LEN[,KEY...]", add_ip, 0, "address of the guest's eth0: gw=ADDR, dns=ADDR"},
	{0, "timeout", "TIME", TIME(wall), "end the VM after TIME: seconds, or 500ms, 2m, 1h"},
	{0, "cpu-time", "TIME", TIME(cpu), "end the VM when the guest's CPUs have worked for TIME"},
	{0, "idle-timeout", "TIME", TIME(idle), "end the VM after TIME without input or output"},
	{0, "grace", "TIME", set_grace, MEMBER(limits.grace),
	 "end the VM TIME after a signal, if COMMAND still runs (10)"},
	{'a', "append", "WORDS", TEXT(append), "words for the kernel's command line"},
	{0, "console", "FILE", TEXT(console),
	 "write the guest's console (the kernel's log) to FILE"},
	{0, "hugepages", "WHEN", set_hugepages, MEMBER(hugepages),
	 "huge pages for the guest: on, off, or the host's choice (auto)"},
	{0, "stats", "FILE", set_stats, 0, "write counters to FILE (or fd:N), as JSON, at the end"},
	{0, "jail", "MODE", set_jail, MEMBER(jail),
	 "auto: all that the host offers; strict: all, or fail; off (auto)"},
	{0, "uid", "UID", set_uid, MEMBER(jail),
	 "the user that mayfly becomes if root starts it (65534)"},
	{0, "gid", "GID", set_gid, MEMBER(jail),
	 "the group that mayfly becomes if root starts it (65534)"},
	{'v', "verbose", FLAG(verbose), "show the kernel's log, and the jail, on standard error"},
	{'h', "help", FLAG(help), "show this help"},
};

const struct cli options_cli = {
	.command = "run",
	.before =
		"Usage: mayfly run -k KERNEL [OPTION...] [-- COMMAND [ARG...]]\n"
		"Boots KERNEL in a microVM and runs COMMAND there. COMMAND's standard streams and exit code\n"
		"are mayfly's. Without COMMAND, you get the guest's console (Ctrl-A x ends the VM).\n\n",
	.after =
		"  @FILE                       options from FILE, one a line\n"
		"\nExit codes: the command's own (128+N: killed by signal N); 122 the guest crashed or\n"
		"ended without a result; 124 timed out; 125 mayfly or the host failed; 126 COMMAND\n"
		"cannot be executed; 127 COMMAND was not found.\n",
	.options = table,
	.count = sizeof(table) / sizeof(table[0]),
};

/* The disk for -o's files is the last disk. */
static bool add_outbox(struct options *options, struct problem *problem)
{
	const struct disk_options outbox = {
		.path = "the files for -o", .queues = 1, .scratch = options->job.out_limit};

	if (!options->job.outs)
		return true;
	if (!has_room(options, "-o", problem))
		return false;
	options->disk[options->disks++] = outbox;
	return true;
}

void options_begin(struct options *options)
{
	*options = (struct options){
		.cpus = 1,
		.memory = MEMORY_DEFAULT,
		.stats_fd = -1,
		.limits.grace = GRACE_DEFAULT,
		.jail = {.uid = JAIL_NOBODY, .gid = JAIL_NOBODY},
		.job.out_limit = OUT_LIMIT_DEFAULT,
	};
}

bool options_finish(struct options *options, const struct cli_words *words, struct problem *problem)
{
	options->command = words->command;
	options->words = words->options.word;
	return options_check(options, problem) && add_outbox(options, problem);
}

bool options_parse(char **arguments, const struct payload *payload, struct options *options,
		   struct problem *problem)
{
	struct cli_words words;

	options_begin(options);
	options->payload = payload;
	if (!cli_parse(&options_cli, arguments, options, &words, problem))
		return false;
	if (payload && options->kernel)
		return problem_set(
			problem,
			"this program has no command that takes arguments (leave them out)");
	return options_finish(options, &words, problem);
}

bool options_help(void)
{
	return cli_help(&options_cli);
}
