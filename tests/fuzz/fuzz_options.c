/* The command line: words from a vocabulary, glued and mixed with rubbish. */
#include "fuzz.h"

#include "options.h"

enum { WORDS_MAX = 12, WORD_MAX = 40 };

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

/* Everything that the rest of mayfly relies on. */
static void require_valid(const struct options *options, char *const *arguments)
{
	REQUIRE(options->cpus >= 1 && options->cpus <= 32);
	REQUIRE(options->memory >= (uint64_t)16 << 20 && options->memory <= (uint64_t)64 << 30);
	REQUIRE(options->memory % 4096 == 0);
	require_devices(options);
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
	/* It is the rest of the arguments, behind a "--". */
	for (; *arguments && arguments + 1 != options->command; arguments++)
		;
	REQUIRE(*arguments && !strcmp(*arguments, "--"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	char *arguments[WORDS_MAX + 1] = {NULL};
	struct options options;
	struct problem problem = {""};
	unsigned count = 0;

	if (take8(&input) % 4)
		arguments[count++] = (char *)exact_copy((const uint8_t *)"-kx", 4);
	while (count < WORDS_MAX && input.size)
		arguments[count++] = take_word(&input);

	if (options_parse(arguments, NULL, &options, &problem))
		require_valid(&options, arguments);
	else
		require_refusal(&problem);
	while (count)
		free(arguments[--count]);
	return 0;
}
