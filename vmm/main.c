/* The program: a command, or the workload of a packed program. */
#include <string.h>
#include <unistd.h>

#include "commands/check_kernel.h"
#include "base/exitcode.h"
#include "base/report.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "commands/doctor.h"
#include "commands/pack.h"
#include "commands/selftest.h"
#include "files/payload.h"
#include "start.h"
#include "vm.h"

static int run_payload(char **arguments, const struct payload *payload)
{
	struct options options;
	struct problem problem;

	if (!options_parse(arguments, payload, &options, &problem)) {
		problem_report(&problem);
		return CODE_MAYFLY_FAILED;
	}
	if (options.help)
		return cli_said(options_help());
	return vm_run(&options);
}

static int run(char **arguments)
{
	return run_payload(arguments, NULL);
}

static int say_version(char **arguments)
{
	(void)arguments;
	return cli_said(print("mayfly " MAYFLY_VERSION "\n"));
}

static int say_usage(char **arguments);

static const struct command {
	const char *name;
	int (*run)(char **arguments); /* the words after the name; returns the exit code */
	const char *usage;            /* NULL: another name for the command before */
} commands[] = {
	{"run", run, "  mayfly run -k KERNEL [OPTION...] [-- COMMAND [ARG...]]\n"},
	{"pack", pack, "  mayfly pack -o FILE -k KERNEL [OPTION...] [-- COMMAND [ARG...]]\n"},
	{"doctor", doctor_run, "  mayfly doctor [--json]\n"},
	{"check-kernel", check_kernel, "  mayfly check-kernel KERNEL [--config FILE]\n"},
	{"selftest", selftest_run, "  mayfly selftest [--list]\n"},
	{"--version", say_version, "  mayfly --version\n"},
	{"--help", say_usage, "  mayfly [COMMAND] --help\n"},
	{"-h", say_usage, NULL},
	{"help", say_usage, NULL},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int say_usage(char **arguments)
{
	bool said = print("mayfly boots a microVM on KVM, runs one command in it and returns its "
			  "output and exit code.\n\n");

	(void)arguments;
	for (size_t i = 0; i < COMMANDS; i++)
		said = said && (!commands[i].usage || print(commands[i].usage));
	return cli_said(said);
}

static int dispatch(char **words)
{
	if (!words[0] || !words[1]) {
		report("no command (try 'mayfly run -k KERNEL', or 'mayfly --help')");
		return CODE_MAYFLY_FAILED;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(words[1], commands[i].name))
			return commands[i].run(words + 2);
	report("unknown command '%s' (try 'mayfly --help')", words[1]);
	return CODE_MAYFLY_FAILED;
}

/* A packed program takes no command: all its words are the workload's. */
static int begin(char **words)
{
	struct payload payload;
	struct problem problem;
	char **arguments = words[0] ? words + 1 : words;

	switch (payload_open("/proc/self/exe", words[0] ? words[0] : "mayfly", &payload,
			     &problem)) {
	case PAYLOAD_FOUND:
		return run_payload(payload_words(&payload, arguments), &payload);
	case PAYLOAD_DAMAGED:
		problem_report(&problem);
		return CODE_MAYFLY_FAILED;
	default:
		return dispatch(words);
	}
}

int main(int argc, char **argv)
{
	(void)argc;
	if (!start_protect()) {
		report("cannot make constants read-only (allow mprotect(2))");
		_exit(CODE_MAYFLY_FAILED);
	}
	/* _exit: atexit handlers and stdio would make system calls that the filter forbids. */
	_exit(begin(argv));
}
