#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdplan.h"

#define MIB (1ull << 20)
#define PAGE_SIZE_MAX 65536 /* of arm64 hosts */
#define MEMORY_MIN (16 * MIB)
#define MEMORY_MAX (64 * 1024 * MIB)
#define MEMORY_DEFAULT (256 * MIB)

enum kind { TEXT, CPUS, MEMORY, FLAG, DISK, NET, IP };

struct option {
	char letter; /* 0: none */
	const char *name;
	const char *argument; /* its name in the help; NULL: the option takes none */
	enum kind kind;
	size_t offset; /* of the member of struct options */
	const char *help;
};

#define MEMBER(name) offsetof(struct options, name)

static const struct option table[] = {
	{'k', "kernel", "FILE", TEXT, MEMBER(kernel),
	 "kernel: a PVH vmlinux or a bzImage (needed)"},
	{'i', "initrd", "FILE", TEXT, MEMBER(initrd),
	 "initial file system: a cpio archive, compressed or not"},
	{'c', "cpus", "N", CPUS, MEMBER(cpus), "number of CPUs, 1 to 32 (1)"},
	{'m', "memory", "SIZE", MEMORY, MEMBER(memory),
	 "memory, 16M to 64G; a plain number is in MiB (256M)"},
	{'d', "disk", "FILE[,KEY...]", DISK, 0,
	 "a disk: ro, ephemeral, direct, serial=ID, queues=N; repeatable"},
	{'n', "net", "tap=NAME[,KEY...]", NET, 0,
	 "a NIC: tap=NAME or fd=N, mac=ADDR, mtu=N, queues=N; repeatable"},
	{0, "ip", "ADDR/LEN[,KEY...]", IP, 0, "address of the guest's eth0: gw=ADDR, dns=ADDR"},
	{'a', "append", "WORDS", TEXT, MEMBER(append), "words to add to the kernel's command line"},
	{0, "console", "FILE", TEXT, MEMBER(console),
	 "write the guest's console, the kernel's log, to FILE"},
	{0, "stats", "FILE", TEXT, MEMBER(stats), "write counters to FILE, as JSON, at the end"},
	{'v', "verbose", NULL, FLAG, MEMBER(verbose), "show the kernel's log on standard error"},
	{'h', "help", NULL, FLAG, MEMBER(help), "show this help"},
};

#define OPTIONS (sizeof(table) / sizeof(table[0]))

/* A decimal number with nothing before it, and what follows it in *END. */
static bool parse_number(const char *text, char **end, unsigned long long *value)
{
	errno = 0;
	*value = strtoull(text, end, 10);
	return text[0] >= '0' && text[0] <= '9' && errno == 0;
}

static bool set_cpus(const char *text, unsigned long *cpus, struct problem *problem)
{
	unsigned long long value;
	char *end;

	if (!parse_number(text, &end, &value) || *end || value < 1 || value > VCPUS_MAX)
		return problem_set(problem, "cannot give the guest '%s' CPUs (-c takes 1 to %d)",
				   text, VCPUS_MAX);
	*cpus = (unsigned long)value;
	return true;
}

/* The unit's shift, or -1. */
static int unit_shift(const char *unit)
{
	static const struct {
		const char *name;
		int shift;
	} units[] = {{"", 20}, {"K", 10}, {"M", 20}, {"G", 30}, {"T", 40}};
	char upper = unit[0] >= 'a' && unit[0] <= 'z' ? (char)(unit[0] - 'a' + 'A') : unit[0];

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (upper == units[i].name[0] &&
		    (!unit[0] || !unit[1] || !strcmp(unit + 1, "iB") || !strcmp(unit + 1, "B")))
			return units[i].shift;
	return -1;
}

static bool set_memory(const char *text, uint64_t *memory, struct problem *problem)
{
	unsigned long long value;
	char *end;

	if (parse_number(text, &end, &value)) {
		int shift = unit_shift(end);

		if (shift >= 0 && value <= MEMORY_MAX >> shift && value << shift >= MEMORY_MIN) {
			*memory = (value << shift) & -(uint64_t)PAGE_SIZE_MAX;
			return true;
		}
	}
	return problem_set(problem, "cannot give the guest '%s' of memory (-m takes 16M to 64G)",
			   text);
}

static bool has_room(const struct options *options, const char *value, struct problem *problem)
{
	if (options->disks + options->nets < DEVICES_MAX)
		return true;
	return problem_set(problem, "'%s' is one device too many (at most %d disks and NICs)",
			   value, DEVICES_MAX);
}

static bool add_disk(struct options *options, char *value, struct problem *problem)
{
	return has_room(options, value, problem) &&
	       disk_options_parse(value, &options->disk[options->disks++], problem);
}

static bool add_net(struct options *options, char *value, struct problem *problem)
{
	return has_room(options, value, problem) &&
	       net_options_parse(value, &options->net[options->nets++], problem);
}

static bool add_ip(struct options *options, char *value, struct problem *problem)
{
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

static bool set_option(struct options *options, const struct option *option, char *value,
		       struct problem *problem)
{
	char *member = (char *)options + option->offset;

	switch (option->kind) {
	case TEXT:
		memcpy(member, &value, sizeof(value));
		return true;
	case CPUS:
		return set_cpus(value, &options->cpus, problem);
	case MEMORY:
		return set_memory(value, &options->memory, problem);
	case DISK:
		return add_disk(options, value, problem);
	case NET:
		return add_net(options, value, problem);
	case IP:
		return add_ip(options, value, problem);
	default:
		*(bool *)member = true;
		return true;
	}
}

static const struct option *find_letter(char letter)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (table[i].letter == letter)
			return &table[i];
	return NULL;
}

static const struct option *find_name(const char *name, size_t length)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (strlen(table[i].name) == length && !memcmp(table[i].name, name, length))
			return &table[i];
	return NULL;
}

/* Splits WORD into the option that it names and the value that is written onto it (or NULL). */
static const struct option *find_option(char *word, char **value)
{
	const struct option *option;
	size_t length;

	if (word[1] != '-') {
		option = find_letter(word[1]);
		*value = word[2] ? word + 2 : NULL;
		return option;
	}
	length = strcspn(word + 2, "=");
	*value = word[2 + length] ? word + 2 + length + 1 : NULL;
	return find_name(word + 2, length);
}

/* Takes the option at **ARGUMENTS and moves on past its value. */
static bool take_option(char ***arguments, struct options *options, struct problem *problem)
{
	char *word = **arguments, *value;
	const struct option *option = find_option(word, &value);

	if (!option)
		return problem_set(problem, "unknown option '%s' ('mayfly run --help' lists them)",
				   word);
	if (!option->argument && value)
		return problem_set(problem, "option '%s' takes no value (leave out '%s')", word,
				   value);
	if (option->argument && !value) {
		value = (*arguments)[1];
		if (!value)
			return problem_set(problem, "option '%s' needs a value (%s)", word,
					   option->argument);
		++*arguments;
	}
	if (option->argument && !*value)
		return problem_set(problem, "option '%s' needs a value that is not empty (%s)",
				   word, option->argument);
	return set_option(options, option, value, problem);
}

static bool check(const struct options *options, struct problem *problem)
{
	if (options->help)
		return true;
	if (!options->kernel)
		return problem_set(problem, "no kernel is given (say which with -k FILE)");
	if (options->command && !options->command[0])
		return problem_set(problem,
				   "no command after '--' (name one, or leave out '--' for a plain "
				   "boot)");
	if (options->command && !options->command[0][0])
		return problem_set(problem, "the command after '--' is empty (name a program)");
	if (options->ips && (!options->command || !options->nets))
		return problem_set(problem,
				   "--ip is for a command on a guest with a NIC (give --net and a "
				   "command after '--')");
	if (options->verbose && options->console)
		return problem_set(problem,
				   "--console and -v both say where the log goes (give one)");
	return true;
}

bool options_parse(char **arguments, struct options *options, struct problem *problem)
{
	*options = (struct options){.cpus = 1, .memory = MEMORY_DEFAULT};
	for (; *arguments; arguments++) {
		if (!strcmp(*arguments, "--")) {
			options->command = arguments + 1;
			break;
		}
		if (**arguments != '-' || !(*arguments)[1])
			return problem_set(problem,
					   "unexpected word '%s' (a command goes after '--')",
					   *arguments);
		if (!take_option(&arguments, options, problem))
			return false;
	}
	return check(options, problem);
}

static bool say_option(const struct option *option)
{
	char line[160] = "      ";
	size_t length;

	if (option->letter) {
		line[2] = '-';
		line[3] = option->letter;
		line[4] = ',';
	}
	strcat(line, "--");
	strcat(line, option->name);
	if (option->argument) {
		strcat(line, " ");
		strcat(line, option->argument);
	}
	length = strlen(line);
	do
		line[length++] = ' ';
	while (length < 30);
	line[length] = '\0';
	strcat(line, option->help);
	strcat(line, "\n");
	return print(line);
}

bool options_help(void)
{
	bool said = print(
		"Usage: mayfly run -k KERNEL [OPTION...] [-- COMMAND [ARG...]]\n"
		"Boots KERNEL in a microVM. With COMMAND, runs it there, with its standard streams and\n"
		"its exit code; without, the guest's console is yours (Ctrl-A x ends it).\n\n");
	for (size_t i = 0; i < OPTIONS; i++)
		said = said && say_option(&table[i]);
	return said &&
	       print("\nExit codes: the command's own (128+N: killed by signal N); 122 the guest crashed or\n"
		     "ended without a result; 125 mayfly or the host failed; 126 COMMAND cannot be executed;\n"
		     "127 COMMAND was not found.\n");
}
