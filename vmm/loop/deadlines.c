#include "loop/deadlines.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/moment.h"

static uint64_t now(void)
{
	return moment() / 1000;
}

/* The vCPUs' time counts, because vCPUs are threads. */
static bool limit_cpu(uint64_t milliseconds, struct problem *problem)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGXCPU};
	struct itimerspec time = {
		.it_value = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000}};
	timer_t timer;

	if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) == 0 &&
	    timer_settime(timer, 0, &time, NULL) == 0)
		return true;
	return problem_set(problem, "cannot measure CPU time: %s (leave out --cpu-time)",
			   strerror(errno));
}

bool deadlines_begin(struct deadlines *deadlines, const struct limits *limits,
		     struct problem *problem)
{
	uint64_t begin = now();

	*deadlines = (struct deadlines){
		.limits = *limits,
		.wall = limits->wall ? begin + limits->wall : 0,
		.idle = limits->idle ? begin + limits->idle : 0,
	};
	return !limits->cpu || limit_cpu(limits->cpu, problem);
}

void deadlines_touch(struct deadlines *deadlines)
{
	if (deadlines->idle)
		deadlines->idle = now() + deadlines->limits.idle;
}

void deadlines_signal(struct deadlines *deadlines, int number)
{
	if (deadlines->signal)
		return;
	deadlines->signal = number;
	deadlines->grace = now() + deadlines->limits.grace;
}

static uint64_t first(const struct deadlines *deadlines)
{
	const uint64_t all[] = {deadlines->wall, deadlines->idle, deadlines->grace};
	uint64_t earliest = 0;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] && (!earliest || all[i] < earliest))
			earliest = all[i];
	return earliest;
}

const struct timespec *deadlines_left(const struct deadlines *deadlines, struct timespec *left)
{
	uint64_t end = first(deadlines), begin;

	if (!end)
		return NULL;
	begin = now();
	end = end > begin ? end - begin : 0;
	*left = (struct timespec){(time_t)(end / 1000), (long)(end % 1000) * 1000000};
	return left;
}

bool deadlines_check(const struct deadlines *deadlines, struct ending *ending)
{
	uint64_t time;

	if (!first(deadlines))
		return false;
	time = now();
	if (deadlines->wall && time >= deadlines->wall)
		ending_set(ending, END_TIMEOUT, 0, NULL);
	else if (deadlines->idle && time >= deadlines->idle)
		ending_set(ending, END_IDLE, 0, NULL);
	else if (deadlines->grace && time >= deadlines->grace)
		ending_set(ending, END_SIGNAL, deadlines->signal, NULL);
	else
		return false;
	return true;
}

void deadlines_allow(struct sysfilter *filter)
{
	sysfilter_allow_fd(filter, SYS_clock_gettime, CLOCK_MONOTONIC); /* the time left */
}
