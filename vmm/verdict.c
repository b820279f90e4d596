#include "verdict.h"

#include <errno.h>
#include <string.h>

#include "base/exitcode.h"
#include "devices/channel_wire.h"

/* The exit codes of each end, in a plain boot and with a workload; and the line unless the code is
 * CODE_OK. */
static const struct {
	int plain, workload;
	const char *what, *fix; /* NULL: the ending's own problem */
} meanings[] = {
	[END_NONE] = {CODE_MAYFLY_FAILED, CODE_MAYFLY_FAILED, "the VM ended without a cause",
		      "this is a bug in mayfly: please report it"},
	[END_POWER_OFF] = {CODE_OK, CODE_GUEST_FAILED,
			   "the guest powered off without saying how its workload ended",
			   "-v shows its log"},
	[END_RESET] = {CODE_OK, CODE_GUEST_FAILED,
		       "the guest reset itself without saying how its workload ended",
		       "-v shows its log"},
	[END_PANIC] = {CODE_GUEST_FAILED, CODE_GUEST_FAILED, "the guest's kernel panicked",
		       "-v shows its log"},
	[END_CRASH] = {CODE_GUEST_FAILED, CODE_GUEST_FAILED, NULL, NULL},
	[END_WORKLOAD] = {CODE_GUEST_FAILED, CODE_GUEST_FAILED, "the workload's result is lost",
			  NULL},
	[END_ESCAPE] = {CODE_OK, CODE_GUEST_FAILED, "ended by Ctrl-A x", NULL},
	[END_TIMEOUT] = {CODE_TIMEOUT, CODE_TIMEOUT, "timed out: --timeout is over",
			 "raise it if this is not enough"},
	[END_CPU_TIME] = {CODE_TIMEOUT, CODE_TIMEOUT,
			  "timed out: the guest has used up its --cpu-time",
			  "raise it if this is not enough"},
	[END_IDLE] = {CODE_TIMEOUT, CODE_TIMEOUT,
		      "timed out: no input or output for as long as --idle-timeout says",
		      "raise it if this is not enough"},
	[END_HOST_FAILURE] = {CODE_MAYFLY_FAILED, CODE_MAYFLY_FAILED, NULL, NULL},
};

int verdict_of_end(struct ending *ending, bool workload, struct problem *line)
{
	enum end_cause cause = ending_cause(ending);

	problem_clear(line);
	if (cause == END_SIGNAL)
		return CODE_SIGNAL + ending->number;
	int code = workload ? meanings[cause].workload : meanings[cause].plain;
	if (code == CODE_OK)
		return code;
	if (!meanings[cause].what)
		*line = ending->problem;
	else if (!meanings[cause].fix)
		problem_set(line, "%s", meanings[cause].what);
	else
		problem_set(line, "%s (%s)", meanings[cause].what, meanings[cause].fix);
	return code;
}

static int not_started(int error, const char *command, struct problem *line)
{
	const char *mend = "it must be an executable file for the guest's architecture";

	if (error == ENOENT) {
		problem_set(line,
			    "cannot run '%.100s': not found in the guest (bring it along with -f, "
			    "-i or --root; a dynamically linked program needs its loader there, "
			    "too)",
			    command);
		return CODE_NOT_FOUND;
	}
	if (error == E2BIG)
		mend = "make its arguments shorter";
	if (error == ENOMEM)
		mend = "give the guest more memory with -m";
	problem_set(line, "cannot run '%.100s': %s (%s)", command, strerror(error), mend);
	return CODE_NOT_EXECUTABLE;
}

int verdict_of_workload(unsigned kind, unsigned value, const char *command, struct problem *line)
{
	problem_clear(line);
	switch (kind) {
	case CHANNEL_EXITED:
		return (int)value;
	case CHANNEL_KILLED:
		return CODE_SIGNAL + (int)value;
	case CHANNEL_NOT_STARTED:
		return not_started((int)value, command, line);
	case CHANNEL_WORKDIR_FAILED:
		problem_set(line,
			    "cannot enter the working directory: %s (give another one with -w)",
			    strerror((int)value));
		return CODE_NOT_EXECUTABLE;
	case CHANNEL_ROOT_FAILED:
		problem_set(
			line,
			"the guest could not mount its root disk: %s (it must be ext4, squashfs or "
			"erofs, without partitions; -v shows the guest's log)",
			strerror((int)value));
		return CODE_GUEST_FAILED;
	case CHANNEL_FILES_FAILED:
		problem_set(line, "the guest could not put the files in their places: %s (%s)",
			    strerror((int)value),
			    value == ENOSPC ? "give it more memory with -m, or a larger disk"
					    : "-v shows its log");
		return CODE_GUEST_FAILED;
	case CHANNEL_NET_FAILED:
		problem_set(
			line,
			"the guest's init could not set up eth0: %s (its kernel needs virtio_net and "
			"the address's protocol built in; -v shows its log)",
			strerror((int)value));
		return CODE_GUEST_FAILED;
	default:
		problem_set(line,
			    "the guest's init could not set up the workload: %s (-v shows its log)",
			    strerror((int)value));
		return CODE_GUEST_FAILED;
	}
}
