/* The main loop and time: limits on a VM's life, on the last output, and on what is done after the
 * loop. */
#define _GNU_SOURCE
#include "ioloop_vm.h"

static int the_signal; /* that a guest's life has to do with */

/* --- limits on time: what is in the past is over at once --- */

static void be_silent(void)
{
}

static void a_limit_ends_it(void **state)
{
	struct result result;
	int ends[2];

	(void)state;
	/* Input that is there, or its end, would be traffic. */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	result = run(PLAN(.guest = be_silent, .deadlines.wall = 1));
	assert_ended(result, END_TIMEOUT);
	assert_true(result.timed_out);
	result = run(PLAN(.guest = be_silent, WORKLOAD, .deadlines.wall = 1));
	assert_ended(result, END_TIMEOUT);
	result = run(PLAN(.guest = be_silent, .input_fd = ends[0], .deadlines.idle = 1));
	assert_ended(result, END_IDLE);
	close(ends[0]);
	close(ends[1]);
}

static void have_printed(void)
{
	guest_prints("x");
}

/* Both, the output and the end of the time, are there when the loop begins. */
static void traffic_is_no_idleness(void **state)
{
	struct result result;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	result = run(PLAN(.guest = be_terminated, .before = have_printed, .input_fd = ends[0],
			  .deadlines.idle = 1, .deadlines.limits.idle = HOUR));
	assert_ended(result, END_SIGNAL);
	close(ends[0]);
	close(ends[1]);
}

static void start_and_exit(void)
{
	guest_starts();
	guest_exits(4);
}

/* "A guest that boots has nothing to say to a workload yet." */
static void booting_is_no_idleness(void **state)
{
	struct result result;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	result = run(PLAN(.guest = start_and_exit, WORKLOAD, .input_fd = ends[0],
			  .deadlines.idle = 1, .deadlines.limits.idle = HOUR));
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 4);
	/* Then it counts. */
	result = run(PLAN(.guest = guest_starts, WORKLOAD, .input_fd = ends[0], .deadlines.idle = 1,
			  .deadlines.limits.idle = 20));
	assert_ended(result, END_IDLE);
	close(ends[0]);
	close(ends[1]);
}

static void use_up_the_cpu(void)
{
	kill(getpid(), SIGXCPU);
}

static void cpu_time_ends_it(void **state)
{
	struct result result = run(PLAN(.guest = use_up_the_cpu));

	(void)state;
	assert_ended(result, END_CPU_TIME);
	assert_true(result.timed_out);
	assert_ended(run(PLAN(.guest = use_up_the_cpu, WORKLOAD, GRACE)), END_CPU_TIME);
}

/* --- the last output, whose reader does not come --- */

/* A pipe that takes no more; its other end. */
static int full_pipe(int *reader)
{
	static const char zeros[65536];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(ends[1], zeros, sizeof(zeros)) > 0)
		;
	*reader = ends[0];
	return ends[1];
}

/* It is the drain that waits when the ending has been seen. */
static void write_and_exit_then_signal(void)
{
	guest_starts();
	guest_sends(CHANNEL_STDOUT, "last words", 10);
	guest_exits(3);
	while (ending_cause(&vm.ending) == END_NONE)
		usleep(200);
	if (the_signal)
		kill(getpid(), the_signal);
}

static struct result drain_to_nobody(int number, uint64_t wall)
{
	int reader, out = full_pipe(&reader);
	struct result result;
	uint64_t begin;
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	begin = (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
	the_signal = number;
	result = run(PLAN(.guest = write_and_exit_then_signal, WORKLOAD, GRACE, .out_fd = out,
			  .deadlines.wall = wall ? begin + wall : 0));
	close(out);
	close(reader);
	assert_ended(result, END_WORKLOAD); /* the first word counts */
	assert_int_equal(result.exit_value, 3);
	return result;
}

static void a_signal_cuts_the_last_output(void **state)
{
	struct result result = drain_to_nobody(SIGTERM, 0);

	(void)state;
	assert_int_equal(result.interrupted, SIGTERM);
	assert_false(result.timed_out);
}

static void a_limit_cuts_the_last_output(void **state)
{
	struct result result = drain_to_nobody(SIGXCPU, 0);

	(void)state;
	assert_true(result.timed_out);
	assert_int_equal(result.interrupted, 0);
	result = drain_to_nobody(0, 200);
	assert_true(result.timed_out);
	assert_int_equal(result.interrupted, 0);
}

/* --- what is done after the loop --- */

static int await_what_is_ready(void)
{
	int ends[2];

	kill(getpid(), SIGTERM);
	if (pipe(ends) < 0 || write(ends[1], "x", 1) != 1)
		return 99;
	/* What is ready comes first, and is said again. */
	vm.loop.deadlines.wall = 1;
	return ioloop_await(&vm.loop, ends[0], POLLIN) | ioloop_await(&vm.loop, ends[1], POLLOUT);
}

static int await_nothing(void)
{
	int ends[2];

	return pipe(ends) < 0 ? 99 : ioloop_await(&vm.loop, ends[0], POLLIN);
}

static int await_with_a_signal(void)
{
	kill(getpid(), SIGINT);
	return await_nothing();
}

static int await_with_a_limit(void)
{
	vm.loop.deadlines.wall = 1;
	return await_nothing();
}

static int await_with_used_up_cpu(void)
{
	kill(getpid(), SIGXCPU);
	return await_nothing();
}

/* What asks for no end ends nothing: a terminal may be resized meanwhile. */
static int await_with_words(void)
{
	kill(getpid(), SIGWINCH);
	kill(getpid(), SIGUSR1);
	vm.loop.deadlines.wall = 1;
	return await_nothing();
}

static int await_with_words_and_a_signal(void)
{
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGWINCH);
	kill(getpid(), SIGTERM);
	return await_nothing();
}

static void awaiting(void **state)
{
	static const struct {
		int (*after)(void);
		int result;
	} cases[] = {
		{await_what_is_ready, 0},     {await_with_a_signal, SIGINT},
		{await_with_a_limit, -1},     {await_with_used_up_cpu, -1},
		{await_with_words, -1},       {await_with_words_and_a_signal, SIGTERM},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct result result =
			run(PLAN(.guest = start_and_exit, WORKLOAD, .after = cases[i].after));

		assert_ended(result, END_WORKLOAD);
		assert_each(result.awaited == cases[i].result, "case", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_ends_it),
		cmocka_unit_test(traffic_is_no_idleness),
		cmocka_unit_test(booting_is_no_idleness),
		cmocka_unit_test(cpu_time_ends_it),
		cmocka_unit_test(a_signal_cuts_the_last_output),
		cmocka_unit_test(a_limit_cuts_the_last_output),
		cmocka_unit_test(awaiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
