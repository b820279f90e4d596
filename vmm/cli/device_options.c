#include "cli/device_options.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

enum { MTU_MIN = 68, MTU_MAX = 65535, SERIAL_MAX = 20 };

/* The text between two commas: KEY, or KEY=VALUE. */
struct setting {
	const char *key;
	/* PROBLEM says what is wrong with VALUE: "is …". */
	bool (*set)(void *options, char *value, struct problem *problem);
	size_t offset; /* of a flag, if SET is NULL */
};

/* Cuts the next word off TEXT, which becomes NULL after the last. */
static char *next_word(char **text, char separator)
{
	char *word = *text, *end = strchr(word, separator);

	*text = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	return word;
}

static bool apply(const struct setting *settings, const char *option, char *word, void *options,
		  struct problem *problem)
{
	char *value = strchr(word, '=');
	size_t length = value ? (size_t)(value - word) : strlen(word);

	for (; settings->key; settings++)
		if (strlen(settings->key) == length && !memcmp(settings->key, word, length))
			break;
	if (!settings->key)
		return problem_set(problem, "%s does not know '%s' (see 'mayfly run --help')",
				   option, word);
	if (!settings->set) {
		*((bool *)options + settings->offset) = true;
		if (!value)
			return true;
		return problem_set(problem, "%s takes no value for '%s' (leave out '%s')", option,
				   settings->key, value);
	}
	if (!value || !value[1])
		return problem_set(problem, "%s: '%s' needs a value (write %s=VALUE)", option, word,
				   settings->key);
	return settings->set(options, value + 1, problem) ||
	       problem_prefix(problem, "%s: '%s' ", option, word);
}

static bool apply_all(const struct setting *settings, const char *option, char *text, void *options,
		      struct problem *problem)
{
	while (text)
		if (!apply(settings, option, next_word(&text, ','), options, problem))
			return false;
	return true;
}

static bool to_number(const char *value, unsigned minimum, unsigned maximum, unsigned *number)
{
	uint64_t parsed = 0;
	bool right = number_parse(value, minimum, maximum, &parsed);

	*number = (unsigned)parsed;
	return right;
}

static bool set_queues(unsigned *queues, const char *value, struct problem *problem)
{
	return to_number(value, 1, DEVICE_QUEUES_MAX, queues) ||
	       problem_set(problem, "is no number of queues (1 to 8)");
}

/* --- disks --- */

static bool set_serial(void *options, char *value, struct problem *problem)
{
	struct disk_options *disk = options;

	disk->serial = value;
	return strlen(value) <= SERIAL_MAX ||
	       problem_set(problem, "is too long (at most 20 characters)");
}

static bool set_disk_queues(void *options, char *value, struct problem *problem)
{
	return set_queues(&((struct disk_options *)options)->queues, value, problem);
}

bool disk_options_parse(char *text, struct disk_options *disk, struct problem *problem)
{
	static const struct setting settings[] = {
		{"ro", NULL, offsetof(struct disk_options, read_only)},
		{"ephemeral", NULL, offsetof(struct disk_options, ephemeral)},
		{"direct", NULL, offsetof(struct disk_options, direct)},
		{"serial", set_serial, 0},
		{"queues", set_disk_queues, 0},
		{NULL, NULL, 0},
	};

	*disk = (struct disk_options){.queues = 1};
	disk->path = next_word(&text, ',');
	if (!disk->path[0])
		return problem_set(problem, "--disk names no file (-d FILE[,ro]...)");
	if (!apply_all(settings, "--disk", text, disk, problem))
		return false;
	if (disk->read_only && disk->ephemeral)
		return problem_set(problem,
				   "--disk %s is both 'ro' and 'ephemeral' (give one: 'ro' refuses "
				   "writes, 'ephemeral' forgets them)",
				   disk->path);
	return true;
}

/* --- NICs --- */

static bool set_tap(void *options, char *value, struct problem *problem)
{
	struct net_options *net = options;

	net->tap = value;
	if (strlen(value) >= IFNAMSIZ || strpbrk(value, "/%: \t\n\v\f\r") || !strcmp(value, ".") ||
	    !strcmp(value, ".."))
		return problem_set(problem, "is no name of an interface (at most 15 characters, no "
					    "blank, colon, slash or %%)");
	return true;
}

static bool set_fds(void *options, char *value, struct problem *problem)
{
	struct net_options *net = options;
	uint64_t number;

	for (net->fds = 0; value; net->fds++) {
		if (net->fds == DEVICE_QUEUES_MAX ||
		    !number_parse(next_word(&value, ':'), 3, 1u << 20, &number))
			return problem_set(problem,
					   "is no list of descriptors (fd=N or fd=N:M..., each 3 "
					   "or more, at most 8)");
		net->fd_number[net->fds] = (int)number;
	}
	return true;
}

/* The lowest bit of the first byte marks a group address. */
static bool is_mac(const char *value, uint8_t mac[6])
{
	for (unsigned i = 0; i < 6; i++, value += 3) {
		char digits[3] = {value[0], value[0] ? value[1] : '\0', '\0'};

		if (strspn(digits, "0123456789abcdefABCDEF") != 2 ||
		    value[2] != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return !(mac[0] & 1) && memcmp(mac, (uint8_t[6]){0}, 6);
}

static bool set_mac(void *options, char *value, struct problem *problem)
{
	return is_mac(value, ((struct net_options *)options)->mac) ||
	       problem_set(problem, "is no MAC address of one machine (like 02:00:00:00:00:01)");
}

static bool set_mtu(void *options, char *value, struct problem *problem)
{
	struct net_options *net = options;

	return to_number(value, MTU_MIN, MTU_MAX, &net->mtu) ||
	       problem_set(problem, "is no MTU (68 to 65535)");
}

static bool set_net_queues(void *options, char *value, struct problem *problem)
{
	return set_queues(&((struct net_options *)options)->queues, value, problem);
}

bool net_options_parse(char *text, struct net_options *net, struct problem *problem)
{
	static const struct setting settings[] = {
		{"tap", set_tap, 0},           {"fd", set_fds, 0},
		{"mac", set_mac, 0},           {"mtu", set_mtu, 0},
		{"queues", set_net_queues, 0}, {NULL, NULL, 0},
	};

	*net = (struct net_options){0};
	if (!apply_all(settings, "--net", text, net, problem))
		return false;
	if (!net->tap == !net->fds)
		return problem_set(problem,
				   "--net needs one interface (say which with tap=NAME or fd=N)");
	if (net->fds && net->queues && net->queues != net->fds)
		return problem_set(problem,
				   "--net has %u descriptors for %u queue pairs (give one a pair: "
				   "fd=N:M, or leave out queues=)",
				   net->fds, net->queues);
	if (!net->queues)
		net->queues = net->fds ? net->fds : 1;
	return true;
}

/* --- addresses --- */

static int family_of(const char *address)
{
	struct in6_addr binary;

	if (inet_pton(AF_INET, address, &binary) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, address, &binary) == 1 ? AF_INET6 : AF_UNSPEC;
}

static bool set_gateway(void *options, char *value, struct problem *problem)
{
	struct ip_options *ip = options;

	ip->gateway = value;
	return family_of(value) == ip->family ||
	       problem_set(problem, "is no address of the kind that the guest has (give both as "
				    "IPv4 or as IPv6)");
}

static bool set_dns(void *options, char *value, struct problem *problem)
{
	struct ip_options *ip = options;

	ip->dns = value;
	return family_of(value) != AF_UNSPEC ||
	       problem_set(problem, "is no address (give a number, not a name)");
}

/* Checks ADDRESS/PREFIX, which does not change. */
static bool check_address(char *address, int *family)
{
	char *slash = strchr(address, '/');
	uint64_t prefix;

	if (!slash)
		return false;
	*slash = '\0';
	*family = family_of(address);
	*slash = '/';
	return *family != AF_UNSPEC &&
	       number_parse(slash + 1, 0, *family == AF_INET ? 32 : 128, &prefix);
}

bool ip_options_parse(char *text, struct ip_options *ip, struct problem *problem)
{
	static const struct setting settings[] = {
		{"gw", set_gateway, 0},
		{"dns", set_dns, 0},
		{NULL, NULL, 0},
	};
	char *address = next_word(&text, ',');

	*ip = (struct ip_options){.address = address};
	if (!check_address(address, &ip->family))
		return problem_set(problem,
				   "--ip cannot use '%s' (write ADDRESS/PREFIX, like 10.0.0.2/24)",
				   address);
	return apply_all(settings, "--ip", text, ip, problem);
}
