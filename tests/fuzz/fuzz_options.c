/* The command line: words from a vocabulary, glued and mixed with rubbish. */
#include "fuzz.h"

#include "cli/options.h"
#include "base/keep.h"
#include "base/words.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORDS_MAX = 12, WORD_MAX = 40, FILE_FD = 200 };

/* A file of options, whose content is the fuzzer's, and the word that names it. */
#define AT_FILE "@/proc/self/fd/200"

static const char *const vocabulary[] = {
	"-k",
	"-i",
	"-c",
	"-m",
	"-a",
	"-v",
	"-h",
	"--",
	"--kernel",
	"--initrd",
	"--cpus",
	"--memory",
	"--append",
	"--console",
	"--verbose",
	"--help",
	"=",
	"-",
	"",
	"1",
	"32",
	"33",
	"16",
	"64G",
	"65536",
	"16M",
	"17179869184G",
	"18446744073709551615",
	"99999999999999999999",
	"K",
	"T",
	"iB",
	" ",
	"vmlinux",
	"0",
	"4096",
	"-d",
	"-n",
	"--disk=",
	"--net=",
	"--ip=",
	"--stats",
	",",
	":",
	"/",
	"ro",
	"ephemeral",
	"direct",
	"serial=",
	"queues=",
	"tap=",
	"fd=",
	"mac=",
	"mtu=",
	"gw=",
	"dns=",
	"02:00:00:00:00:01",
	"10.0.0.2",
	"/24",
	"fd00::2",
	"/64",
	"8",
	"9",
	"3",
	"1048576",
	"65535",
	"tap0",
	"-dx",
	"-ntap=a",
	"--ip=10.0.0.2/24",
	"--ip=fd00::2/64",
	"-nfd=3:4",
	",ro",
	",queues=",
	"-f",
	"-e",
	"-w",
	"-o",
	"-t",
	"-h",
	"--file=",
	"--rootdir=",
	"--env=",
	"--env-file=",
	"--workdir=",
	"--user=",
	"--hostname=",
	"--out=",
	"--out-limit=",
	"--root=",
	"--timeout=",
	"--cpu-time=",
	"--idle-timeout=",
	"--grace=",
	"-f/a:/b",
	"-o/a:b",
	"--rootx",
	"--root=r",
	",mode=",
	"755",
	":/",
	"..",
	"/..",
	".",
	"NAME",
	"A=",
	"PATH",
	"4294967295",
	"1:2",
	"ms",
	"m",
	"h",
	"d",
	"4K",
	"100000000",
	"0.5",
	"@",
	"@/dev/null",
	AT_FILE,
};

/* One argument: up to five pieces of vocabulary or rubbish, in an allocation of its size. */
static char *take_word(struct input *input)
{
	char word[5 * WORD_MAX + 1] = "";
	unsigned pieces = 1 + take8(input) % 5;

	while (pieces--) {
		unsigned which = take8(input);

		if (which >= 0xf0)
			strncat(word, (const char[]){(char)(which & 0xf ? which : take8(input)), 0},
				1);
		else
			strcat(word, vocabulary[which % COUNT(vocabulary)]);
	}
	return (char *)exact_copy((const uint8_t *)word, strlen(word) + 1);
}

static void require_disk(const struct disk_options *disk)
{
	REQUIRE(disk->path && disk->path[0] && !strchr(disk->path, ','));
	REQUIRE(disk->queues >= 1 && disk->queues <= DEVICE_QUEUES_MAX);
	REQUIRE(!disk->serial || (disk->serial[0] && strlen(disk->serial) <= 20));
	REQUIRE(!(disk->read_only && disk->ephemeral));
}

static void require_net(const struct net_options *net)
{
	REQUIRE(!net->tap != !net->fds);
	REQUIRE(!net->tap || (net->tap[0] && strlen(net->tap) < 16 && !strchr(net->tap, '/')));
	REQUIRE(net->queues >= 1 && net->queues <= DEVICE_QUEUES_MAX);
	REQUIRE(!net->fds || net->fds == net->queues);
	for (unsigned i = 0; i < net->fds; i++)
		REQUIRE(net->fd_number[i] >= 3);
	REQUIRE(!net->mtu || (net->mtu >= 68 && net->mtu <= 65535));
	REQUIRE(!(net->mac[0] & 1));
}

static void require_address(const struct ip_options *ip)
{
	REQUIRE(ip->address && strchr(ip->address, '/'));
	REQUIRE(!ip->gateway || !strchr(ip->gateway, ':') == !strchr(ip->address, ':'));
	REQUIRE(!ip->dns || ip->dns[0]);
}

static void require_devices(const struct options *options)
{
	REQUIRE(options->disks + options->nets <= DEVICES_MAX);
	REQUIRE(options->ips <= ADDRESSES_MAX);
	for (unsigned i = 0; i < options->disks; i++)
		require_disk(&options->disk[i]);
	for (unsigned i = 0; i < options->nets; i++)
		require_net(&options->net[i]);
	for (unsigned i = 0; i < options->ips; i++)
		require_address(&options->ip[i]);
	REQUIRE(options->ips < 2 || options->ip[0].family != options->ip[1].family);
}

/* No way up is left in what becomes a path of the guest's. */
static bool leads_up(const char *path)
{
	for (const char *at = strstr(path, ".."); at; at = strstr(at + 1, ".."))
		if ((at == path || at[-1] == '/') && (!at[2] || at[2] == '/'))
			return true;
	return false;
}

static void require_files(const struct file_options *files)
{
	REQUIRE(files->count <= files->room);
	for (size_t i = 0; i < files->count; i++) {
		const struct file_option *file = &files->item[i];

		REQUIRE(file->path && file->path[0]);
		REQUIRE(file->guest && file->guest[0] == '/' && !leads_up(file->guest));
		REQUIRE(file->mode >= -1 && file->mode <= 07777);
	}
}

static void require_environment(const struct words *environment)
{
	for (size_t i = 0; i < environment->count; i++) {
		const char *word = environment->word[i];
		size_t name = strcspn(word, "=");

		REQUIRE(name && word[name]);
		for (size_t j = 0; j < i; j++)
			REQUIRE(strncmp(word, environment->word[j], name + 1));
	}
	REQUIRE(!environment->count || !environment->word[environment->count]);
}

static void require_outs(const struct options *options)
{
	const struct job_options *job = &options->job;

	REQUIRE(job->outs <= OUTS_MAX);
	REQUIRE(job->out_limit >= 4096 && job->out_limit % 4096 == 0);
	REQUIRE(job->out_limit <= (uint64_t)1 << 40);
	for (unsigned i = 0; i < job->outs; i++) {
		REQUIRE(job->out[i].guest[0] == '/' && !leads_up(job->out[i].guest));
		REQUIRE(!strchr(job->out[i].guest, ':') && job->out[i].path[0]);
	}
	for (unsigned i = 0; i < options->disks; i++)
		REQUIRE(options->disk[i].scratch ==
			(job->outs && i == options->disks - 1 ? job->out_limit : 0));
}

static void require_job(const struct options *options)
{
	const struct job_options *job = &options->job;

	require_files(&job->files);
	require_environment(&job->environment);
	require_outs(options);
	REQUIRE(!job->directory || job->directory[0] == '/');
	REQUIRE(!job->hostname || (job->hostname[0] && strlen(job->hostname) <= 64));
	REQUIRE(job->uid != UINT32_MAX && job->gid != UINT32_MAX);
	REQUIRE(job->has_user || (!job->uid && !job->gid));
	REQUIRE(!options->root || options->disks);
	if (!options->help && !options->command)
		REQUIRE(!job->files.count && !job->environment.count && !job->directory &&
			!job->hostname && !job->has_user && !job->outs && !options->root &&
			!options->tty);
}

/* A sum with the time of day never wraps. */
static void require_limits(const struct limits *limits)
{
	const uint64_t longest = 100000000ull * 86400000;

	REQUIRE(limits->wall <= longest && limits->cpu <= longest);
	REQUIRE(limits->idle <= longest && limits->grace <= longest);
}

/* Everything that the rest of mayfly relies on. */
static void require_valid(const struct options *options, char *const *arguments)
{
	REQUIRE(options->cpus >= 1 && options->cpus <= 32);
	REQUIRE(options->memory >= (uint64_t)16 << 20 && options->memory <= (uint64_t)64 << 30);
	REQUIRE(options->memory % 4096 == 0);
	require_devices(options);
	require_job(options);
	require_limits(&options->limits);
	if (options->help)
		return;
	REQUIRE(options->kernel && options->kernel[0]);
	REQUIRE(!options->initrd || options->initrd[0]);
	REQUIRE(!options->append || options->append[0]);
	REQUIRE(!options->console || options->console[0]);
	REQUIRE(!(options->verbose && options->console));
	REQUIRE(!options->stats || options->stats[0]);
	REQUIRE(!options->ips || (options->command && options->nets));
	if (!options->command)
		return;
	REQUIRE(options->command[0] && options->command[0][0]);
	/* It ends with the rest of the arguments, behind a "--"; a file may have begun it. */
	bool from_file = false;
	for (; *arguments && arguments + 1 != options->command; arguments++)
		from_file |= !strcmp(*arguments, AT_FILE);
	REQUIRE(*arguments ? !strcmp(*arguments, "--") : from_file);
}

/* Lines, each an option or rubbish. */
static void write_file(struct input *input)
{
	char text[8 * (5 * WORD_MAX + 1)] = "";
	unsigned lines = take8(input) % 8;

	while (lines--) {
		char *word = take_word(input);

		strcat(text, word);
		strcat(text, take8(input) % 16 == 15 ? "" : "\n");
		free(word);
	}
	if (fcntl(FILE_FD, F_GETFD) < 0)
		REQUIRE(dup2(memfd_create("options", 0), FILE_FD) == FILE_FD);
	REQUIRE(ftruncate(FILE_FD, 0) == 0);
	REQUIRE(pwrite(FILE_FD, text, strlen(text), 0) == (ssize_t)strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	char *arguments[WORDS_MAX + 1] = {NULL};
	struct options options;
	struct problem problem = {"", ""};
	unsigned count = 0;

	unsigned how = take8(&input);
	if (how & 4)
		write_file(&input);
	if (how % 4)
		arguments[count++] = (char *)exact_copy((const uint8_t *)"-kx", 4);
	if (how & 8)
		arguments[count++] = (char *)exact_copy((const uint8_t *)AT_FILE, sizeof(AT_FILE));
	while (count < WORDS_MAX && input.size)
		arguments[count++] = take_word(&input);

	if (options_parse(arguments, NULL, &options, &problem))
		require_valid(&options, arguments);
	else
		require_refusal(&problem);
	while (count)
		free(arguments[--count]);
	keep_release();
	return 0;
}
