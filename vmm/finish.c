/* The end of a VM's life: the exit code, the files of -o, the statistics. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/exitcode.h"
#include "base/moment.h"
#include "outbox/outbox.h"
#include "verdict.h"
#include "vm_state.h"

/* The exit code, and the line that explains it. Failures of our own streams come first: lost output
 * must not look like success. */
static int verdict(struct vm *vm, struct problem *line)
{
	const struct channel *channel = &vm->channel;
	enum end_cause cause = ending_cause(&vm->ending);
	bool said = channel->state.exited &&
		    (cause == END_WORKLOAD || cause == END_POWER_OFF || cause == END_RESET);

	problem_clear(line);
	if (vm->loop.interrupted)
		return CODE_SIGNAL + vm->loop.interrupted;
	/* In a plain boot, the guest's own end is success. */
	bool ended = said ||
		     (!vm->options->command && verdict_of_end(&vm->ending, false, line) == CODE_OK);
	if (vm->loop.timed_out && ended) {
		problem_set(
			line,
			"timed out: the %s has ended, but its output was not read (read it, or raise the limit)",
			said ? "command" : "guest");
		return CODE_TIMEOUT;
	}
	if (vm->loop.failed && cause != END_SIGNAL) {
		*line = vm->loop.failure;
		return CODE_MAYFLY_FAILED;
	}
	if (said)
		return verdict_of_workload(channel->state.exit_kind, channel->state.exit_value,
					   vm->options->command[0], line);
	return verdict_of_end(&vm->ending, vm->options->command != NULL, line);
}

/* Takes the files out, whatever the command's exit code. Lost files must not look like success. */
static int take_files_out(struct vm *vm, int code, struct problem *line)
{
	bool ran = vm->channel.state.exited && (vm->channel.state.exit_kind == CHANNEL_EXITED ||
						vm->channel.state.exit_kind == CHANNEL_KILLED);

	if (!vm->options->job.outs || !ran)
		return code;
	devices_freeze(&vm->devices, vm->options->disks - 1);
	vm->loop.deadlines.idle = 0; /* the limit on idle time no longer counts */
	int result = outbox_unpack(&vm->loop);
	if (result > 0)
		return CODE_SIGNAL + result;
	if (result == OUTBOX_DIED)
		problem_set(line,
			    "the process that takes files out was killed (see the host's kernel "
			    "log: dmesg)");
	if ((result == OUTBOX_FAILED || result == OUTBOX_DIED) && code == CODE_OK)
		return CODE_MAYFLY_FAILED;
	if (result != OUTBOX_LIMIT)
		return code;
	problem_set(line, "timed out: not all files of -o were taken out (raise the limit)");
	return CODE_TIMEOUT;
}

static bool write_stats(struct vm *vm, int code)
{
	struct stats *stats = &vm->stats;

	stats->at[PHASE_INIT] = vm->loop.ready_at;
	stats->at[PHASE_STARTED] = vm->loop.started_at;
	stats->at[PHASE_ENDED] = vm->loop.exited_at;
	stats->at[PHASE_EXIT] = moment();
	for (unsigned i = 0; i < vm->options->cpus; i++)
		for (unsigned kind = 0; kind < EXIT_KINDS; kind++)
			stats->exits[kind] += atomic_load_explicit(&vm->vcpu[i].exits[kind],
								   memory_order_relaxed);
	stats->devices = &vm->devices;
	stats->jail = &vm->jail;
	stats->options = vm->options->words;
	stats->ending = ending_name(ending_cause(&vm->ending));
	stats->code = code;
	return stats_write(stats);
}

int vm_finish(struct vm *vm)
{
	struct problem line;
	int code = verdict(vm, &line);

	terminal_restore(&vm->terminal);
	code = take_files_out(vm, code, &line);
	if (!devices_sync(&vm->devices, &line))
		code = CODE_MAYFLY_FAILED;
	if (vm->options->stats && !write_stats(vm, code) && !line.what[0])
		problem_set(&line, "cannot write %s: %s (give --stats another file)",
			    vm->options->stats, strerror(errno));
	if (!line.what[0])
		return code;
	int signal = ioloop_await(&vm->loop, STDERR_FILENO, POLLOUT);
	if (signal > 0)
		return CODE_SIGNAL + signal;
	if (signal == 0)
		problem_report(&line);
	return code;
}
