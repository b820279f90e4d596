/* Threads and their gate. */
#define _GNU_SOURCE
#include "sandbox/gate.h"
#include "sandbox/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "child.h"
#include "rules.h"

/* Each thread's own walls, which fail when a test says so. */
static atomic_uint jailed, narrowed;
static unsigned fails; /* the thread whose number this is cannot; from 1 on */
static int jail_error, narrow_error;
static _Thread_local unsigned self;

static bool enter(const struct jail *jail)
{
	errno = fails && self == fails ? jail_error : 0;
	atomic_fetch_add(&jailed, 1);
	return jail && !errno;
}

bool sysfilter_narrow(const struct sock_fprog *program)
{
	errno = fails && self == fails ? narrow_error : 0;
	atomic_fetch_add(&narrowed, 1);
	return program && !errno;
}

/* Not in the set of code that every test links. */
#define jail_enter_thread enter
#include "sandbox/gate.c"
#undef jail_enter_thread

enum { THREADS = 96 }; /* 32 CPUs and the queues of eight disks */

static struct jail jail;
static const struct sock_fprog program;
static struct gate gate;
static struct problem problem;
static atomic_uint arrived, passed, proven;
static unsigned numbers[THREADS];

/* Some come late. */
static void *walk(void *argument)
{
	unsigned number = *(unsigned *)argument;

	self = number + 1;
	if (number % 8 == 0)
		usleep(1000 * (number % 5));
	atomic_fetch_add(&arrived, 1);
	if (gate_wait(&gate, &program).in_force)
		atomic_fetch_add(&proven, 1);
	atomic_fetch_add(&passed, 1);
	return NULL;
}

static void start(unsigned count)
{
	arrived = passed = proven = jailed = narrowed = 0;
	gate_init(&gate, &jail);
	for (unsigned i = 0; i < count; i++) {
		numbers[i] = i;
		assert_true(gate_start_thread(&gate, walk, &numbers[i], "a thread", &problem));
	}
}

static void until(const atomic_uint *counter, unsigned value)
{
	while (atomic_load(counter) < value)
		sched_yield();
}

static int set_up(void **state)
{
	(void)state;
	alarm(30); /* who waits for ever fails */
	return 0;
}

static void all_are_at_the_gate(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		start(THREADS);
		assert_int_equal(gate.started, THREADS);
		assert_true(gate_await(&gate, &problem));
		assert_int_equal(arrived, THREADS);
		assert_int_equal(gate.waiting, THREADS);
		assert_int_equal(jailed, THREADS);
		assert_int_equal(narrowed, 0);
		assert_int_equal(passed, 0);
		assert_true(gate_await(&gate, &problem)); /* they still are */
		assert_true(gate_seal(&gate, &problem));
		assert_int_equal(narrowed, THREADS);
		assert_int_equal(passed, 0);
		gate_open(&gate, (lockdown_t){true});
		until(&passed, THREADS);
		assert_int_equal(proven, THREADS);
	}
}

static void nobody_passes_a_closed_gate(void **state)
{
	(void)state;
	start(8);
	assert_true(gate_await(&gate, &problem));
	/* Nor is anybody fooled by being woken, before the sealing … */
	for (unsigned i = 0; i < 20; i++) {
		pthread_cond_broadcast(&gate.opened);
		usleep(500);
	}
	assert_int_equal(narrowed, 0);
	assert_int_equal(passed, 0);
	assert_true(gate_seal(&gate, &problem));
	/* … or after it. */
	for (unsigned i = 0; i < 20; i++) {
		pthread_cond_broadcast(&gate.opened);
		usleep(500);
	}
	assert_int_equal(narrowed, 8);
	assert_int_equal(passed, 0);
	gate_open(&gate, (lockdown_t){false});
	until(&passed, 8);
	assert_int_equal(proven, 0); /* the proof is what it was opened with */
}

static void nobody_is_waited_for(void **state)
{
	(void)state;
	start(0);
	assert_true(gate_await(&gate, &problem));
	assert_true(gate_seal(&gate, &problem));
	gate_open(&gate, (lockdown_t){true});
	/* Whoever comes later finds it open. */
	assert_true(gate_wait(&gate, &program).in_force);
}

/* What the host offers is asked for, and no more. */
static void landlock_may_be_missing(void **state)
{
	(void)state;
	jail = (struct jail){.options = {.mode = JAIL_AUTO}};
	jail_error = E2BIG;
	narrow_error = 0;
	for (fails = 1; fails <= 12; fails++) {
		start(12);
		assert_true(gate_await(&gate, &problem));
		assert_int_equal(jail.missing[JAIL_LANDLOCK], E2BIG);
		assert_true(gate_seal(&gate, &problem));
		gate_open(&gate, (lockdown_t){true});
		until(&proven, 12);
	}
	fails = 0;
}

/* Whoever is the one, first, last or between, and however long ago the others came. */
static void a_thread_that_cannot_be_sealed(void **state)
{
	static const struct {
		int jail, narrow;
		const char *says;
	} cases[] = {
		{EPERM, 0, "--jail=strict: landlock cannot be had: Operation not permitted ("},
		{EBADF, 0, "--jail=strict: landlock cannot be had: Bad file descriptor ("},
		{0, EINVAL, "a thread cannot narrow the seccomp filter: Invalid argument ("},
		{0, EFAULT, "a thread cannot narrow the seccomp filter: Bad address ("},
		{0, EACCES, "a thread cannot narrow the seccomp filter: Permission denied ("},
	};

	struct problem later;

	(void)state;
	jail.options.mode = JAIL_STRICT;
	for (unsigned i = 0; i < COUNT(cases) * 12; i++) {
		jail.missing[JAIL_LANDLOCK] = 0;
		jail_error = cases[i / 12].jail;
		narrow_error = cases[i / 12].narrow;
		fails = i % 12 + 1;
		start(12);
		bool entered = gate_await(&gate, &problem);
		assert_each(entered == (jail_error == 0), "entered, in round", i);
		/* Who lost one wall is not let through by the next. */
		assert_int_equal(jail.missing[JAIL_LANDLOCK], jail_error);
		assert_each(gate_seal(&gate, entered ? &problem : &later) == !entered,
			    "sealed, in round", i);
		assert_says(in_words(&problem), cases[i / 12].says);
		assert_mends(in_words(&problem),
			     entered ? "allow seccomp(2) there" : "or use --jail=auto");
		assert_int_equal(passed, 0);
		fails = 0;
		gate_open(&gate, (lockdown_t){false}); /* so that they end */
		until(&passed, 12);
		assert_int_equal(proven, 0);
	}
}

static void *look_at_signals(void *argument)
{
	pthread_sigmask(SIG_BLOCK, NULL, argument);
	gate_wait(&gate, &program);
	atomic_fetch_add(&passed, 1);
	return NULL;
}

static void threads_have_the_callers_signals(void **state)
{
	sigset_t set, old, seen;

	(void)state;
	start(0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	assert_true(gate_start_thread(&gate, look_at_signals, &seen, "a thread", &problem));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	assert_true(gate_await(&gate, &problem));
	assert_true(sigismember(&seen, SIGUSR1));
	assert_false(sigismember(&seen, SIGUSR2));
	gate_open(&gate, (lockdown_t){true});
	until(&passed, 1);
}

static void *park(void *argument)
{
	(void)argument;
	gate_wait(&gate, &program);
	atomic_fetch_add(&arrived, 1);
	gate_park(&gate);
}

/* A parked thread is in nobody's way, and never comes back. In a child, as it stays. */
static int parked(void)
{
	start(0);
	for (unsigned i = 0; i < 4; i++)
		if (!gate_start_thread(&gate, park, NULL, "a thread", &problem))
			return 1;
	if (!gate_await(&gate, &problem) || !gate_seal(&gate, &problem))
		return 3;
	gate_open(&gate, (lockdown_t){true});
	until(&arrived, 4);
	for (unsigned i = 0; i < 20; i++) {
		gate_open(&gate, (lockdown_t){true});
		usleep(500);
	}
	return gate_wait(&gate, &program).in_force ? 0 : 2;
}

/* clone(2) fails as it does at the limit, which root does not have. */
static int without_threads(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 435 /* clone3 */, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {COUNT(code), code};

	start(0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0)
		return 3;
	if (gate_start_thread(&gate, walk, &numbers[0], "vCPU 7", &problem))
		return 1;
	if (strncmp(in_words(&problem), "cannot start vCPU 7: Resource temporarily unavailable (", 55) ||
	    !strstr(in_words(&problem), "(raise the limit on processes: ulimit -u)"))
		return 2;
	/* It is not waited for. */
	return gate_await(&gate, &problem) && gate_seal(&gate, &problem) ? 0 : 4;
}

static void who_is_parked_stays(void **state)
{
	(void)state;
	in_child(parked);
}

static void a_thread_that_cannot_be_started(void **state)
{
	(void)state;
	in_child(without_threads);
}

static void the_gate_needs_futexes(void **state)
{
	static const struct rule rules[] = {LOCKS};

	(void)state;
	gate_allow(list_anew());
	assert_rules(&listed, rules, COUNT(rules));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_at_the_gate),
		cmocka_unit_test(nobody_passes_a_closed_gate),
		cmocka_unit_test(nobody_is_waited_for),
		cmocka_unit_test(a_thread_that_cannot_be_sealed),
		cmocka_unit_test(landlock_may_be_missing),
		cmocka_unit_test(threads_have_the_callers_signals),
		cmocka_unit_test(who_is_parked_stays),
		cmocka_unit_test(a_thread_that_cannot_be_started),
		cmocka_unit_test(the_gate_needs_futexes),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
