/* Limits on time. What is looked at is set by the tests, in the past or far away: nobody waits. */
#define _GNU_SOURCE
#include "loop/deadlines.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/fdplan.h"
#include "rules.h"
#include "child.h"

#define HOUR 3600000u

static struct deadlines deadlines;
static struct problem problem;

static uint64_t milliseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* TIME is HOURS from a moment between BEFORE and now. */
static bool is_away(uint64_t time, uint64_t before, unsigned hours)
{
	return time >= before + hours * HOUR && time <= milliseconds() + hours * HOUR;
}

/* Milliseconds left, rounded down; -1: for ever. */
static int64_t left(void)
{
	struct timespec time = {-1, -1};
	const struct timespec *result = deadlines_left(&deadlines, &time);

	if (!result)
		return -1;
	assert_ptr_equal(result, &time);
	assert_true(time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* How the VM ends when time is looked at; END_NONE: it does not. */
static enum end_cause check(int *number)
{
	static struct ending ending;

	memset(&ending, 0, sizeof(ending));
	bool over = deadlines_check(&deadlines, &ending);
	assert_int_equal(over, ending_cause(&ending) != END_NONE);
	if (number)
		*number = ending.number;
	return ending_cause(&ending);
}

static bool begin(struct limits limits)
{
	memset(&deadlines, 0xee, sizeof(deadlines));
	return deadlines_begin(&deadlines, &limits, &problem);
}

static void no_limits(void **state)
{
	(void)state;
	assert_true(begin((struct limits){.grace = HOUR}));
	assert_int_equal(deadlines.wall | deadlines.idle | deadlines.grace, 0);
	assert_int_equal(deadlines.signal, 0);
	assert_int_equal(left(), -1);
	assert_int_equal(check(NULL), END_NONE);
	deadlines_touch(&deadlines);
	assert_int_equal(left(), -1);
}

static void limits_count_from_the_beginning(void **state)
{
	uint64_t before = milliseconds();

	(void)state;
	assert_true(begin((struct limits){.wall = 2 * HOUR}));
	assert_true(is_away(deadlines.wall, before, 2));
	assert_int_equal(deadlines.idle | deadlines.grace, 0);
	assert_true(begin((struct limits){.idle = 3 * HOUR}));
	assert_true(is_away(deadlines.idle, before, 3));
	assert_int_equal(deadlines.wall | deadlines.grace, 0);
	assert_int_equal(check(NULL), END_NONE);
}

static void the_earliest_is_waited_for(void **state)
{
	uint64_t time = milliseconds();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		deadlines = (struct deadlines){
			.wall = time + (1 + i) * HOUR,
			.idle = time + (1 + (i + 1) % 3) * HOUR,
			.grace = time + (1 + (i + 2) % 3) * HOUR,
		};
		assert_true(left() > HOUR / 2 && left() <= HOUR);
		assert_int_equal(check(NULL), END_NONE);
	}
	/* One that is none does not count. */
	deadlines = (struct deadlines){.grace = time + 2 * HOUR};
	assert_true(left() > HOUR && left() <= 2 * HOUR);
	/* What is over is not waited for, and not for a negative time. */
	deadlines = (struct deadlines){.wall = 1, .idle = time + HOUR};
	assert_int_equal(left(), 0);
	deadlines = (struct deadlines){.wall = time};
	assert_int_equal(left(), 0);
}

/* The largest that the command line takes: the sum does not wrap, and ppoll takes it. */
static void the_longest_limit(void **state)
{
	const uint64_t longest = 100000000ull * 86400000;
	struct pollfd poll = {.fd = make_event(), .events = POLLOUT};
	struct timespec time;

	(void)state;
	assert_true(begin((struct limits){longest, 0, longest, longest}));
	deadlines_signal(&deadlines, SIGTERM);
	assert_true(left() > (int64_t)(longest - HOUR));
	assert_int_equal(check(NULL), END_NONE);
	assert_int_equal(ppoll(&poll, 1, deadlines_left(&deadlines, &time), NULL), 1);
	close(poll.fd);
}

static void time_is_up(void **state)
{
	const uint64_t later = milliseconds() + HOUR;
	int number;

	(void)state;
	deadlines = (struct deadlines){.wall = 1};
	assert_int_equal(check(NULL), END_TIMEOUT);
	deadlines = (struct deadlines){.idle = 1};
	assert_int_equal(check(NULL), END_IDLE);
	deadlines = (struct deadlines){.grace = 1, .signal = SIGHUP};
	assert_int_equal(check(&number), END_SIGNAL);
	assert_int_equal(number, SIGHUP);
	/* Each on its own, whatever the others are. */
	deadlines = (struct deadlines){.wall = 1, .idle = later, .grace = later};
	assert_int_equal(check(NULL), END_TIMEOUT);
	deadlines = (struct deadlines){.wall = later, .idle = 1, .grace = later};
	assert_int_equal(check(NULL), END_IDLE);
	deadlines = (struct deadlines){.wall = later, .idle = later, .grace = 1, .signal = 2};
	assert_int_equal(check(NULL), END_SIGNAL);
	/* To the millisecond: now is up. */
	deadlines = (struct deadlines){.wall = milliseconds()};
	assert_int_equal(check(NULL), END_TIMEOUT);
	deadlines = (struct deadlines){.idle = milliseconds()};
	assert_int_equal(check(NULL), END_IDLE);
	deadlines = (struct deadlines){.grace = milliseconds(), .signal = 2};
	assert_int_equal(check(NULL), END_SIGNAL);
}

static void activity(void **state)
{
	uint64_t before = milliseconds();

	(void)state;
	assert_true(begin((struct limits){.idle = HOUR, .wall = 5 * HOUR}));
	deadlines.idle = 1;
	deadlines_touch(&deadlines);
	assert_true(is_away(deadlines.idle, before, 1));
	assert_true(is_away(deadlines.wall, before, 5));
	/* Without a limit it makes none. */
	assert_true(begin((struct limits){.wall = HOUR}));
	deadlines_touch(&deadlines);
	assert_int_equal(deadlines.idle, 0);
}

static void grace_begins_once(void **state)
{
	uint64_t before = milliseconds();

	(void)state;
	assert_true(begin((struct limits){.grace = HOUR}));
	deadlines_signal(&deadlines, SIGINT);
	assert_true(is_away(deadlines.grace, before, 1));
	assert_int_equal(deadlines.signal, SIGINT);
	deadlines.grace = 1;
	deadlines_signal(&deadlines, SIGTERM);
	assert_int_equal(deadlines.grace, 1);
	assert_int_equal(deadlines.signal, SIGINT);
}

/* --- CPU time: children, for a timer is the process's --- */

/* Works, for at most five seconds, until SIGXCPU is there; how many milliseconds of CPU time
 * that took. */
static int64_t work_until_stopped(void)
{
	struct timespec used = {0};
	sigset_t pending;

	do {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
		sigpending(&pending);
	} while (!sigismember(&pending, SIGXCPU) && used.tv_sec < 5);
	return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

static int measure_cpu_time(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGXCPU);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (!begin((struct limits){.cpu = 30}))
		return CHILD_FAILED;
	if (deadlines.wall || deadlines.idle || deadlines.grace)
		return CHILD_FAILED;
	/* A tick or two early or late; a sanitizer's own start is not counted. */
	int64_t used = work_until_stopped();
	return used >= 20 && used < 5000 ? CHILD_PASSED : CHILD_FAILED;
}

static void cpu_time(void **state)
{
	(void)state;
	in_child(measure_cpu_time);
}

/* Whole seconds are seconds: a limit far away does not come. */
static int measure_much_cpu_time(void)
{
	sigset_t set, pending;
	struct timespec used, end;

	sigemptyset(&set);
	sigaddset(&set, SIGXCPU);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (!begin((struct limits){.cpu = 100000000ull * 86400000}) ||
	    !begin((struct limits){.cpu = 3600001}))
		return CHILD_FAILED;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	while ((used.tv_sec - end.tv_sec) * 1000 + (used.tv_nsec - end.tv_nsec) / 1000000 < 20);
	sigpending(&pending);
	return sigismember(&pending, SIGXCPU) ? CHILD_FAILED : CHILD_PASSED;
}

static void much_cpu_time(void **state)
{
	(void)state;
	in_child(measure_much_cpu_time);
}

/* Timers are counted as queued signals. */
static int without_timers(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_SIGPENDING, &none) < 0)
		return CHILD_REFUSED;
	return !begin((struct limits){.cpu = 1000}) &&
			       !strcmp(in_words(&problem), "cannot measure CPU time: Resource "
						     "temporarily unavailable (leave out "
						     "--cpu-time)")
		       ? CHILD_PASSED
		       : CHILD_FAILED;
}

static void cpu_time_that_cannot_be_measured(void **state)
{
	(void)state;
	in_child(without_timers);
}

static void what_limits_need(void **state)
{
	static const struct rule rules[] = {{SYS_clock_gettime, CLOCK_MONOTONIC, ANY}};

	(void)state;
	deadlines_allow(list_anew());
	assert_rules(&listed, rules, COUNT(rules));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limits),
		cmocka_unit_test(limits_count_from_the_beginning),
		cmocka_unit_test(the_earliest_is_waited_for),
		cmocka_unit_test(the_longest_limit),
		cmocka_unit_test(time_is_up),
		cmocka_unit_test(activity),
		cmocka_unit_test(grace_begins_once),
		cmocka_unit_test(cpu_time),
		cmocka_unit_test(much_cpu_time),
		cmocka_unit_test(cpu_time_that_cannot_be_measured),
		cmocka_unit_test(what_limits_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
