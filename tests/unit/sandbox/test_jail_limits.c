/* The jail's limits on processes, files and descriptors. */
#define _GNU_SOURCE
#include "jail_child.h"

enum { LENGTH = 8192 };

/* A jail that has a user namespace or not; files of LENGTH and less for a disk and its scratch;
 * nothing else is a file. */
static bool prepare(bool user)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	signal(SIGXFSZ, SIG_IGN);
	jail = (struct jail){.options = automatic, .companions = 1};
	for (unsigned i = 0; i < JAIL_LAYERS; i++)
		jail.missing[i] = -1;
	jail.missing[JAIL_USER] = user ? 0 : EPERM;
	return null >= 0 && dup2(memfd_create("disk", 0), FD_DISK + 1) == FD_DISK + 1 &&
	       ftruncate(FD_DISK + 1, LENGTH) == 0 &&
	       dup2(memfd_create("scratch", 0), FD_SCRATCH + 2) == FD_SCRATCH + 2 &&
	       ftruncate(FD_SCRATCH + 2, LENGTH / 2) == 0;
}

static rlim_t limit_of(int resource)
{
	struct rlimit limit;

	return getrlimit(resource, &limit) == 0 && limit.rlim_cur == limit.rlim_max ? limit.rlim_cur
										    : 12345;
}

static int limited_child(void)
{
	struct pollfd polls[WAIT_MAX + 1];
	struct timespec now = {0, 0};

	CHECK(prepare(true) && jail_limit(&jail, 5, &problem));
	CHECK(jail_has(&jail, JAIL_LIMITS));
	/* Our threads, who was forked, and one of KVM's. */
	CHECK(limit_of(RLIMIT_NPROC) == 5 + 1 + 1);
	CHECK(limit_of(RLIMIT_NOFILE) == WAIT_MAX);
	CHECK(limit_of(RLIMIT_FSIZE) == LENGTH);
	CHECK(pwrite(FD_DISK + 1, "xx", 2, LENGTH - 2) == 2);
	CHECK(pwrite(FD_DISK + 1, "x", 1, LENGTH) < 0 && errno == EFBIG);
	CHECK(ftruncate(FD_DISK + 1, LENGTH + 1) < 0 && errno == EFBIG);
	CHECK(pwrite(FD_DISK + 1, "xx", 2, LENGTH - 1) == 1);
	CHECK(pwrite(FD_SCRATCH + 2, "x", 1, LENGTH) < 0 && errno == EFBIG);
	/* No descriptor; and just as many can be waited for as are. */
	for (unsigned i = 0; i < COUNT(polls); i++)
		polls[i] = (struct pollfd){-1, POLLIN, 0};
	CHECK(ppoll(polls, WAIT_MAX, &now, NULL) == 0);
	CHECK(ppoll(polls, WAIT_MAX + 1, &now, NULL) < 0 && errno == EINVAL);
	for (int fd = 3; fd < WAIT_MAX; fd++)
		close(fd), dup2(0, fd);
	CHECK(dup(0) < 0 && errno == EMFILE);
	return CHILD_PASSED;
}

static void three_limits(void **state)
{
	(void)state;
	run(limited_child);
}

/* What else this user runs is not counted against us. */
static int without_namespace_child(void)
{
	struct rlimit before, now;

	CHECK(prepare(false) && getrlimit(RLIMIT_NPROC, &before) == 0);
	CHECK(jail_limit(&jail, 5, &problem) && getrlimit(RLIMIT_NPROC, &now) == 0);
	CHECK(!memcmp(&before, &now, sizeof(now)) && limit_of(RLIMIT_NOFILE) == WAIT_MAX);
	CHECK(jail_has(&jail, JAIL_LIMITS));
	return CHILD_PASSED;
}

static void processes_in_a_namespace_of_ones_own(void **state)
{
	(void)state;
	run(without_namespace_child);
}

static int output;

static int output_child(void)
{
	struct rlimit before, now;

	CHECK(prepare(true) && getrlimit(RLIMIT_FSIZE, &before) == 0);
	CHECK(dup2(memfd_create("output", 0), output) == output);
	CHECK(jail_limit(&jail, 1, &problem) && jail_has(&jail, JAIL_LIMITS));
	CHECK(getrlimit(RLIMIT_FSIZE, &now) == 0 && now.rlim_max == before.rlim_max);
	CHECK(pwrite(output, "x", 1, 2 * LENGTH) == 1);
	return CHILD_PASSED;
}

static void output_to_a_file_may_grow(void **state)
{
	static const int outputs[] = {STDERR_FILENO, FD_OUT, FD_ERR, FD_LOG, FD_STATS};

	(void)state;
	for (unsigned i = 0; i < COUNT(outputs); i++) {
		output = outputs[i];
		run(output_child);
	}
}

/* Nothing that was open is a file: no file at all can be written. */
static int no_files_child(void)
{
	CHECK(prepare(true) && close(FD_DISK + 1) == 0 && close(FD_SCRATCH + 2) == 0);
	int file = memfd_create("other", 0);
	CHECK(jail_limit(&jail, 1, &problem) && limit_of(RLIMIT_FSIZE) == 0);
	CHECK(write(file, "x", 1) < 0 && errno == EFBIG);
	return CHILD_PASSED;
}

static void without_files(void **state)
{
	(void)state;
	run(no_files_child);
}

/* Ours must not lift what the user has set. */
static int lower_already_child(void)
{
	const struct rlimit few = {4, 4}, little = {100, 100};

	CHECK(prepare(true));
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0 && setrlimit(RLIMIT_FSIZE, &little) == 0);
	CHECK(jail_limit(&jail, 1, &problem) && jail_has(&jail, JAIL_LIMITS));
	CHECK(limit_of(RLIMIT_NOFILE) == 4 && limit_of(RLIMIT_FSIZE) == 100);
	return CHILD_PASSED;
}

static void lower_limits_stay(void **state)
{
	(void)state;
	run(lower_already_child);
}

static int no_limits_child(void)
{
	/* How either C library sets one. */
	CHECK(prepare(true) && forbid(SYS_prlimit64, ANY_ARGUMENT, EPERM) &&
	      forbid(SYS_setrlimit, ANY_ARGUMENT, EPERM));
	CHECK(jail_limit(&jail, 1, &problem) && jail.missing[JAIL_LIMITS] == EPERM);
	jail.options.mode = JAIL_STRICT;
	CHECK(!jail_limit(&jail, 1, &problem));
	CHECK_SAYS(in_words(&problem), "--jail=strict: limits cannot be had: Operation not permitted "
				 "(allow setrlimit(2) here, or use --jail=auto)");
	return CHILD_PASSED;
}

static void limits_that_cannot_be_set(void **state)
{
	(void)state;
	run(no_limits_child);
}

/* It is of no use any more, and names nothing. */
static int ruleset_child(void)
{
	CHECK(prepare(true));
	jail.landlock = landlock_version();
	if (!jail.landlock)
		return CHILD_PASSED;
	CHECK(fd_place(landlock_deny_all(jail.landlock), FD_RULESET, "a ruleset", &problem));
	CHECK(jail_limit(&jail, 1, &problem) && fcntl(FD_RULESET, F_GETFD) < 0);
	return CHILD_PASSED;
}

static void the_ruleset_is_closed(void **state)
{
	(void)state;
	if (!landlock_version())
		skip_without("this host has no Landlock");
	run(ruleset_child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_limits),
		cmocka_unit_test(processes_in_a_namespace_of_ones_own),
		cmocka_unit_test(output_to_a_file_may_grow),
		cmocka_unit_test(without_files),
		cmocka_unit_test(lower_limits_stay),
		cmocka_unit_test(limits_that_cannot_be_set),
		cmocka_unit_test(the_ruleset_is_closed),
	};

	return cmocka_run_group_tests(tests, share, NULL);
}
