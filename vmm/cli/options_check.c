#include "cli/options_check.h"

/* The option that needs a workload in the guest, or NULL. */
static const char *needs_command(const struct options *options)
{
	const struct job_options *job = &options->job;

	if (job->files.count)
		return "-f, --rootdir and --rootfs-tar are";
	if (job->environment.count)
		return "-e is";
	if (job->directory)
		return "-w is";
	if (job->has_user)
		return "--user is";
	if (job->hostname)
		return "--hostname is";
	if (options->root)
		return "--root is";
	if (options->tty)
		return "-t is";
	if (job->outs)
		return "-o is";
	return NULL;
}

static bool check_command(const struct options *options, struct problem *problem)
{
	const char *what = needs_command(options);

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
	if (what && !options->command)
		return problem_set(problem, "%s for a command (give one after '--')", what);
	return true;
}

bool options_check(const struct options *options, struct problem *problem)
{
	if (options->help)
		return true;
	if (!options->kernel && !options->payload)
		return problem_set(problem, "no kernel is given (say which with -k FILE)");
	if (options->verbose && options->console)
		return problem_set(problem,
				   "--console and -v both say where the log goes (give one)");
	if (options->jail.mode == JAIL_OFF && options->jail.other_user)
		return problem_set(problem,
				   "--uid and --gid are part of the jail (leave out --jail=off)");
	return check_command(options, problem);
}
