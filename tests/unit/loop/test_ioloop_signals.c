/* The main loop and signals: what ends a VM from outside, and what is passed on to a workload. */
#define _GNU_SOURCE
#include "ioloop_vm.h"

/* --- ends from outside --- */

static void a_signal_ends_it(void **state)
{
	struct result result = run(PLAN(.guest = be_terminated));

	(void)state;
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGTERM);
}

static int ready; /* takes a byte when the loop has opened its descriptors */

static void say_ready(void)
{
	if (write(ready, "r", 1) < 0)
		return;
}

/* The VM's parent leaves as soon as it is watched. */
static void a_parent_who_dies_ends_it(void **state)
{
	struct plan plan = PLAN(.guest = say_ready);
	struct result result = {0};
	int ends[2], readiness[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipe2(readiness, O_CLOEXEC), 0);
	ready = readiness[1];
	pid_t parent = fork();
	if (parent == 0) {
		if (fork() == 0)
			live(&plan, -1, ends[1]);
		_exit(read(readiness[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(readiness[0]);
	close(readiness[1]);
	close(ends[1]);
	waitpid(parent, NULL, 0);
	if (read(ends[0], &result, sizeof(result)) != sizeof(result))
		result.ran = false;
	close(ends[0]);
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGHUP);
}

/* --- signals for the workload --- */

/* Until the loop knows that the workload runs. */
static void guest_is_seen_to_start(void)
{
	guest_starts();
	while (!*(volatile bool *)&vm.channel.state.ready)
		usleep(200);
}

/* Reads one frame, whatever it is; returns its type. */
static unsigned guest_reads_frame(uint8_t payload[CHANNEL_INLINE_MAX])
{
	unsigned type = guest_reads(&vm.channel_uart);
	size_t size = guest_reads(&vm.channel_uart);

	size |= (size_t)guest_reads(&vm.channel_uart) << 8;
	for (size_t i = 0; i < size; i++)
		payload[i] = guest_reads(&vm.channel_uart);
	return type;
}

static uint8_t guest_awaits_signal(void)
{
	uint8_t payload[CHANNEL_INLINE_MAX];
	size_t size;

	guest_awaits(CHANNEL_SIGNAL, payload, &size);
	return size == 1 ? payload[0] : 0;
}

static int the_signal; /* that a guest's life has to do with */

static void get_a_signal(void)
{
	guest_is_seen_to_start();
	kill(getpid(), the_signal);
	guest_exits(guest_awaits_signal());
}

static void signals_are_the_workloads(void **state)
{
	static const int all[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

	(void)state;
	for (unsigned i = 0; i < COUNT(all); i++) {
		the_signal = all[i];
		struct result result = run(PLAN(.guest = get_a_signal, WORKLOAD, GRACE));

		assert_ended(result, END_WORKLOAD);
		assert_int_equal(result.exit_value, all[i]);
	}
}

/* SIGUSR1 asks nobody to end: it waits for the workload. */
static void be_told_before_the_start(void)
{
	kill(getpid(), SIGUSR1);
	guest_starts();
	guest_exits(guest_awaits_signal());
}

static void a_word_waits_for_the_workload(void **state)
{
	struct result result = run(PLAN(.guest = be_told_before_the_start, WORKLOAD, GRACE));

	(void)state;
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, SIGUSR1);
}

static void before_the_workload_runs_a_signal_ends_it(void **state)
{
	struct result result = run(PLAN(.guest = be_terminated, WORKLOAD, GRACE));

	(void)state;
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGTERM);
}

/* In a plain boot SIGUSR1 has its usual meaning. */
static void be_told_in_a_plain_boot(void)
{
	kill(getpid(), SIGUSR1);
	guest_powers_off();
}

static void a_plain_boot_knows_no_words(void **state)
{
	(void)state;
	assert_false(run(PLAN(.guest = be_told_in_a_plain_boot)).ran);
}

/* Twice it is the workload's; what asks for no end does not count. */
static void be_asked_three_times(void)
{
	guest_is_seen_to_start();
	for (unsigned i = 0; i < 5; i++) {
		kill(getpid(), SIGUSR2);
		guest_awaits_signal();
	}
	kill(getpid(), SIGTERM);
	guest_awaits_signal();
	kill(getpid(), SIGINT);
	guest_awaits_signal();
	guest_sends(CHANNEL_STDOUT, "twice", 5);
	guest_awaits_taken();
	kill(getpid(), SIGHUP);
}

static void the_third_signal_ends_it(void **state)
{
	struct result result = run(PLAN(.guest = be_asked_three_times, WORKLOAD, GRACE));

	(void)state;
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGHUP);
	assert_string_equal(out_text, "twice");
}

static void be_deaf(void)
{
	guest_is_seen_to_start();
	kill(getpid(), the_signal);
}

/* It ends by the signal that came first. */
static void be_deaf_twice(void)
{
	guest_is_seen_to_start();
	kill(getpid(), SIGINT);
	guest_awaits_signal();
	kill(getpid(), SIGTERM);
}

static void grace_has_an_end(void **state)
{
	struct result result;

	(void)state;
	the_signal = SIGTERM;
	result = run(PLAN(.guest = be_deaf, WORKLOAD, .deadlines.limits.grace = 1));
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGTERM);
	result = run(PLAN(.guest = be_deaf_twice, WORKLOAD, .deadlines.limits.grace = 30));
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGINT);
}

static void no_grace_is_no_delay(void **state)
{
	struct result result;

	(void)state;
	the_signal = SIGQUIT;
	result = run(PLAN(.guest = be_deaf, WORKLOAD));
	assert_ended(result, END_SIGNAL);
	assert_int_equal(result.number, SIGQUIT);
}

/* The exit status: 1 for the size, 2 for a signal that came first, 3 for anything else. */
static void be_resized(void)
{
	uint8_t payload[CHANNEL_INLINE_MAX];

	guest_is_seen_to_start();
	kill(getpid(), SIGWINCH);
	usleep(5000); /* or both would be read at once, and the other sent first */
	kill(getpid(), SIGUSR1);
	unsigned type = guest_reads_frame(payload);
	while (type == CHANNEL_STDIN_END)
		type = guest_reads_frame(payload);
	if (type == CHANNEL_WINSIZE)
		guest_exits(memcmp(payload, "\2\1\3\0", 4) ? 3 : 1);
	else
		guest_exits(type == CHANNEL_SIGNAL ? 2 : 3);
}

static void a_size_is_told_for_a_terminal(void **state)
{
	struct result result = run(PLAN(.guest = be_resized, WORKLOAD, .raw = true));

	(void)state;
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 1);
	result = run(PLAN(.guest = be_resized, WORKLOAD));
	assert_ended(result, END_WORKLOAD);
	assert_int_equal(result.exit_value, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signal_ends_it),
		cmocka_unit_test(a_parent_who_dies_ends_it),
		cmocka_unit_test(signals_are_the_workloads),
		cmocka_unit_test(a_word_waits_for_the_workload),
		cmocka_unit_test(before_the_workload_runs_a_signal_ends_it),
		cmocka_unit_test(a_plain_boot_knows_no_words),
		cmocka_unit_test(the_third_signal_ends_it),
		cmocka_unit_test(grace_has_an_end),
		cmocka_unit_test(no_grace_is_no_delay),
		cmocka_unit_test(a_size_is_told_for_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
