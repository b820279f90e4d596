#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "check_kernel.h"
#include "exitcode.h"
#include "options.h"
#include "report.h"
#include "vm.h"

static const char usage[] =
	"mayfly boots a microVM on KVM, runs one command in it and returns its output and exit code.\n\n"
	"  mayfly run -k KERNEL [OPTION...] [-- COMMAND [ARG...]]\n"
	"  mayfly run --help\n"
	"  mayfly check-kernel KERNEL [--config FILE]\n"
	"  mayfly --version\n";

static int said(bool whole)
{
	if (whole)
		return CODE_OK;
	report("cannot write standard output: %s (send it elsewhere)", strerror(errno));
	return CODE_MAYFLY_FAILED;
}

static int run(char **arguments)
{
	struct options options;
	struct problem problem;

	if (!options_parse(arguments, &options, &problem)) {
		report("%s", problem.text);
		return CODE_MAYFLY_FAILED;
	}
	if (options.help)
		return said(options_help());
	return vm_run(&options);
}

static int dispatch(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "run"))
		return run(argv + 2);
	if (!strcmp(command, "check-kernel"))
		return check_kernel(argv + 2);
	if (!strcmp(command, "--version"))
		return said(print("mayfly " MAYFLY_VERSION "\n"));
	if (!strcmp(command, "--help") || !strcmp(command, "-h") || !strcmp(command, "help"))
		return said(print(usage));
	if (argc < 2)
		report("no command (try 'mayfly run -k KERNEL', or 'mayfly --help')");
	else
		report("unknown command '%s' (try 'mayfly --help')", command);
	return CODE_MAYFLY_FAILED;
}

int main(int argc, char **argv)
{
	/* _exit: atexit handlers and stdio would make system calls that the filter forbids. */
	_exit(dispatch(argc, argv));
}
