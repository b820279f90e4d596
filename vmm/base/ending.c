#include "base/ending.h"

#include <stdint.h>
#include <unistd.h>

#include "base/fdplan.h"

void ending_set(struct ending *ending, enum end_cause cause, int number,
		const struct problem *problem)
{
	uint64_t one = 1;

	if (atomic_flag_test_and_set(&ending->taken))
		return;
	ending->number = number;
	if (problem)
		ending->problem = *problem;
	atomic_store_explicit(&ending->cause, cause, memory_order_release);
	/* The counter is never full: this is its only write. */
	if (write(FD_ENDING, &one, sizeof(one)) < 0)
		return;
}

enum end_cause ending_cause(struct ending *ending)
{
	return (enum end_cause)atomic_load_explicit(&ending->cause, memory_order_acquire);
}

const char *ending_name(enum end_cause cause)
{
	static const char *const names[] = {
		[END_NONE] = "none",         [END_POWER_OFF] = "power-off",
		[END_RESET] = "reset",       [END_PANIC] = "panic",
		[END_CRASH] = "crash",       [END_WORKLOAD] = "workload",
		[END_SIGNAL] = "signal",     [END_ESCAPE] = "escape",
		[END_TIMEOUT] = "timeout",   [END_CPU_TIME] = "cpu-time",
		[END_IDLE] = "idle-timeout", [END_HOST_FAILURE] = "host-failure",
	};

	return names[cause];
}
