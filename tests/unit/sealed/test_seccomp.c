/* Filters in force: libseccomp's program decides as our own translation, and the kernel as both. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "bpf.h"
#include "child.h"
#include "forbid.h"
#include "rules.h"
#include "sandbox/seccomp.h"

static struct sysfilter all, own;
static struct sock_fprog all_program, own_program;
static struct sock_filter own_code[16384];
static struct problem problem;

static void make_programs(void)
{
	own_program = (struct sock_fprog){COUNT(own_code), own_code};
	assert_true(sysfilter_translate(&own, &own_program));
	if (!sysfilter_compile(&all, &all_program, &problem))
		fail_msg("%s", in_words(&problem));
}

static void join(struct sysfilter *list, const struct sysfilter *other)
{
	for (unsigned i = 0; i < other->count; i++)
		list->rule[list->count++] = other->rule[i];
}

/* --- two translations --- */

static void both_decide_alike(void)
{
	own = all;
	make_programs();
	bpf_compare(&all, &all_program);
	bpf_compare(&all, &own_program);
}

static void a_list_of_all_kinds(void **state)
{
	(void)state;
	all = (struct sysfilter){0};
	bpf_list_of_all_kinds(&all);
	both_decide_alike();
}

static void each_rule_alone(void **state)
{
	(void)state;
	list_anew();
	bpf_list_of_all_kinds(&listed);
	for (unsigned i = 0; i < listed.count; i++) {
		all = (struct sysfilter){.count = 1, .rule = {listed.rule[i]}};
		both_decide_alike();
	}
}

static void an_empty_list(void **state)
{
	(void)state;
	all = (struct sysfilter){0};
	both_decide_alike();
}

/* As many descriptors as the largest VM has. */
static void a_long_list(void **state)
{
	(void)state;
	all = (struct sysfilter){0};
	for (int fd = 256; fd < 320; fd++) {
		sysfilter_allow_fd(&all, SYS_read, fd);
		sysfilter_allow_fd(&all, SYS_write, fd);
		sysfilter_allow_fd(&all, SYS_readv, fd + 64);
		sysfilter_allow_fd(&all, SYS_writev, fd + 64);
		sysfilter_allow_ioctl(&all, fd + 64, 1, 0x400454d9);
	}
	both_decide_alike();
}

static void lists_by_chance(void **state)
{
	uint32_t seed = 4;

	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		list_anew();
		for (unsigned i = 0; i < 12; i++) {
			int nr = (int)(next_random(&seed) % 4), fd = (int)(next_random(&seed) % 8);
			uint32_t value = next_random(&seed) % 4;

			switch (next_random(&seed) % 6) {
			case 0:
				sysfilter_allow_fd(&listed, nr, fd);
				break;
			case 1:
				sysfilter_allow_fds(&listed, nr, fd & ~3, 4);
				break;
			case 2:
				sysfilter_allow_fd_with(&listed, nr, fd, value);
				break;
			case 3:
				sysfilter_allow_ioctl(&listed, fd, 1, value);
				break;
			case 4:
				sysfilter_allow_wait(&listed, value);
				break;
			default:
				sysfilter_allow_pathless(&listed, nr);
			}
		}
		all = listed;
		both_decide_alike();
	}
}

static void a_list_with_a_gap(void **state)
{
	(void)state;
	all = (struct sysfilter){.full = true};
	assert_false(sysfilter_compile(&all, &all_program, &problem));
	assert_mends(in_words(&problem), "cannot make the seccomp filter");
	all = (struct sysfilter){0};
}

/* --- in force --- */

enum { UNSEALED = 2 };

/* How a child ends that does ACT under both filters: 0, or the signal that killed it, or,
 * negative, its exit code. */
static int end_of(void (*act)(void))
{
	int status = 0;

	make_programs();
	pid_t child = fork();
	if (child == 0) {
		alarm(30);
		if (sysfilter_install(&all_program, &problem) &&
		    (!own.count || sysfilter_narrow(&own_program)))
			act();
		syscall(SYS_exit_group, UNSEALED);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static int ends[2];

static void leave(void)
{
	syscall(SYS_exit_group, 0);
}

static void ask(void)
{
	syscall(SYS_getppid);
	leave();
}

static void write_there(void)
{
	syscall(SYS_write, ends[1], "x", 1);
	leave();
}

static void write_elsewhere(void)
{
	syscall(SYS_write, ends[0], "x", 1);
	leave();
}

static void write_by_a_long_number(void)
{
	syscall(SYS_write, UINT64_C(0x100000000) | (unsigned)ends[1], "x", 1);
	leave();
}

static void what_is_allowed_passes(void **state)
{
	(void)state;
	assert_int_equal(pipe(ends), 0);
	all = own = (struct sysfilter){0};
	sysfilter_allow(&all, SYS_exit_group);
	sysfilter_allow_fd(&all, SYS_write, ends[1]);
	sysfilter_allow_narrowing(&all);
	assert_int_equal(end_of(leave), 0);
	assert_int_equal(end_of(write_there), 0);
	assert_int_equal(end_of(write_by_a_long_number), 0);
	assert_int_equal(end_of(write_elsewhere), SIGSYS);
	assert_int_equal(end_of(ask), SIGSYS);
	/* The same by our own translation, under a filter for all that is wider. */
	join(&own, &all);
	sysfilter_allow(&all, SYS_write);
	sysfilter_allow(&all, SYS_getppid);
	assert_int_equal(end_of(leave), 0);
	assert_int_equal(end_of(write_there), 0);
	assert_int_equal(end_of(write_by_a_long_number), 0);
	assert_int_equal(end_of(write_elsewhere), SIGSYS);
	assert_int_equal(end_of(ask), SIGSYS);
	own = (struct sysfilter){0};
	assert_int_equal(end_of(write_elsewhere), 0);
	assert_int_equal(end_of(ask), 0);
	close(ends[0]);
	close(ends[1]);
}

static void narrow_again(void)
{
	sysfilter_narrow(&own_program);
	leave();
}

static void a_narrow_filter_only_takes_away(void **state)
{
	(void)state;
	all = own = (struct sysfilter){0};
	sysfilter_allow(&all, SYS_exit_group);
	sysfilter_allow_narrowing(&all);
	sysfilter_allow(&own, SYS_exit_group);
	sysfilter_allow(&own, SYS_getppid); /* in its own list, and not in that of all */
	assert_int_equal(end_of(leave), 0);
	assert_int_equal(end_of(ask), SIGSYS);
	/* And it is the last one. */
	assert_int_equal(end_of(narrow_again), SIGSYS);
	sysfilter_allow_narrowing(&own);
	assert_int_equal(end_of(narrow_again), 0);
}

/* --- threads --- */

static atomic_int stage;

static void await(int value)
{
	while (atomic_load(&stage) < value)
		;
}

/* A thread that ended would make system calls. */
_Noreturn static void spin(void)
{
	for (;;)
		;
}

/* As long as nobody says otherwise it needs no system call at all. */
static void *ask_later(void *argument)
{
	(void)argument;
	atomic_store(&stage, 1);
	await(2);
	syscall(SYS_getppid);
	atomic_store(&stage, 3);
	spin();
}

static int child_with_thread(bool narrow)
{
	pthread_t thread;
	int status = 0;

	make_programs();
	atomic_store(&stage, 0);
	pid_t child = fork();
	if (child == 0) {
		alarm(30);
		if (pthread_create(&thread, NULL, ask_later, NULL))
			_exit(CHILD_FAILED);
		await(1);
		if (!sysfilter_install(&all_program, &problem) ||
		    (narrow && !sysfilter_narrow(&own_program)))
			_exit(CHILD_FAILED);
		atomic_store(&stage, 2);
		await(3);
		leave();
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void threads_that_run_already(void **state)
{
	(void)state;
	all = own = (struct sysfilter){0};
	sysfilter_allow(&all, SYS_exit_group);
	sysfilter_allow_narrowing(&all);
	join(&own, &all);
	/* Everybody is under the one for all, … */
	assert_int_equal(child_with_thread(false), SIGSYS);
	sysfilter_allow(&all, SYS_getppid);
	assert_int_equal(child_with_thread(false), 0);
	/* … and nobody else under one's own. */
	assert_int_equal(child_with_thread(true), 0);
}

static void *narrow_alone(void *argument)
{
	(void)argument;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	atomic_store(&stage, sysfilter_narrow(&own_program) ? 1 : 3);
	spin();
}

static int a_thread_refuses_child(void)
{
	pthread_t thread;

	atomic_store(&stage, 0);
	if (pthread_create(&thread, NULL, narrow_alone, NULL))
		return CHILD_FAILED;
	await(1);
	return stage == 1 && !sysfilter_install(&all_program, &problem) &&
			       strstr(in_words(&problem), "a thread refused it (")
		       ? CHILD_PASSED
		       : CHILD_FAILED;
}

/* One that has another filter: TSYNC cannot bring it under ours. */
static void a_thread_that_refuses(void **state)
{
	(void)state;
	all = own = (struct sysfilter){0};
	sysfilter_allow(&own, SYS_exit_group);
	join(&all, &own);
	make_programs();
	in_child(a_thread_refuses_child);
}

/* --- where it cannot be --- */

static int without_seccomp(void)
{
	if (!forbid(SYS_seccomp, ANY_ARGUMENT, EPERM))
		return CHILD_FAILED;
	if (sysfilter_install(&all_program, &problem) ||
	    strcmp(in_words(&problem), "cannot install the seccomp filter: Operation not permitted (a "
				 "container's own filter may forbid it: allow seccomp(2) there)"))
		return CHILD_FAILED;
	errno = 0;
	if (sysfilter_narrow(&own_program) || errno != EPERM)
		return CHILD_FAILED;
	return sysfilter_seal(&all, &problem) ? CHILD_FAILED : CHILD_PASSED;
}

static int without_prctl(void)
{
	return forbid(SYS_prctl, ANY_ARGUMENT, EACCES) &&
			       !sysfilter_install(&all_program, &problem) &&
			       !strcmp(in_words(&problem), "cannot set no_new_privs: Permission denied "
						     "(allow prctl(2))")
		       ? CHILD_PASSED
		       : CHILD_FAILED;
}

static int without_memfd(void)
{
	return forbid(SYS_memfd_create, ANY_ARGUMENT, ENOSYS) &&
			       !sysfilter_compile(&all, &all_program, &problem) &&
			       strstr(in_words(&problem), "Function not implemented")
		       ? CHILD_PASSED
		       : CHILD_FAILED;
}

static void a_host_that_forbids_it(void **state)
{
	(void)state;
	all = own = (struct sysfilter){0};
	sysfilter_allow(&all, SYS_exit_group);
	join(&own, &all);
	make_programs();
	in_child(without_seccomp);
	in_child(without_prctl);
	in_child(without_memfd);
}

static int seal_and_ask(void)
{
	if (sysfilter_seal(&all, &problem))
		ask();
	return CHILD_FAILED;
}

static void a_process_that_does_one_thing(void **state)
{
	int status = 0;

	(void)state;
	all = (struct sysfilter){0};
	sysfilter_allow(&all, SYS_exit_group);
	for (unsigned allowed = 0; allowed < 2; allowed++) {
		pid_t child = fork();

		if (child == 0) {
			alarm(30);
			_exit(seal_and_ask());
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(allowed ? status == 0
				    : WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
		sysfilter_allow(&all, SYS_getppid);
	}
}

static int no_core(void **state)
{
	const struct rlimit none = {0, 0};

	(void)state;
	return setrlimit(RLIMIT_CORE, &none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_all_kinds),
		cmocka_unit_test(each_rule_alone),
		cmocka_unit_test(an_empty_list),
		cmocka_unit_test(a_long_list),
		cmocka_unit_test(lists_by_chance),
		cmocka_unit_test(a_list_with_a_gap),
		cmocka_unit_test(what_is_allowed_passes),
		cmocka_unit_test(a_narrow_filter_only_takes_away),
		cmocka_unit_test(threads_that_run_already),
		cmocka_unit_test(a_thread_that_refuses),
		cmocka_unit_test(a_host_that_forbids_it),
		cmocka_unit_test(a_process_that_does_one_thing),
	};

	return cmocka_run_group_tests(tests, no_core, NULL);
}
