/* Descriptors at their fixed places. */
#define _GNU_SOURCE
#include "fdplan.h"

#include <errno.h>
#include <sys/resource.h>

#include "unit.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void a_descriptor_is_moved(void **state)
{
	struct problem problem = {""};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd_place(fd, FD_LOG, "the log", &problem));
	assert_false(is_open(fd));
	assert_int_equal(fcntl(FD_LOG, F_GETFD), FD_CLOEXEC);
	close(FD_LOG);
}

static void a_failure_is_passed_on(void **state)
{
	struct problem problem = {""};

	(void)state;
	errno = EMFILE;
	assert_false(fd_place(-1, FD_LOG, "the log", &problem));
	assert_mends(problem.text, "the log");
	assert_says(problem.text, strerror(EMFILE));
	assert_false(is_open(FD_LOG));
}

/* ulimit -n 40: the vCPUs' places are out of reach. */
static void a_low_limit_is_said(void **state)
{
	struct rlimit old, low;
	struct problem problem = {""};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){40, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	bool placed = fd_place(fd, FD_VCPU, "a vCPU", &problem);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_false(placed);
	assert_mends(problem.text, "a vCPU");
	assert_says(problem.text, "ulimit -n");
	assert_false(is_open(fd));
}

static void an_event_does_not_block(void **state)
{
	struct problem problem = {""};

	(void)state;
	assert_true(fd_event(FD_ENDING, &problem));
	assert_int_equal(fcntl(FD_ENDING, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(FD_ENDING, F_GETFL) & O_NONBLOCK);
	assert_int_equal(take_event(FD_ENDING), 0);
	close(FD_ENDING);
}

/* The filter's ranges (sysfilter_allow_fds): a power of two that divides its first number. */
static void places_do_not_collide(void **state)
{
	static const int places[] = {
		FD_SIGNALS,     FD_PARENT,       FD_ENDING,     FD_IN,       FD_OUT,
		FD_ERR,         FD_LOG,          FD_TERMINAL,   FD_GUARDIAN, FD_CONSOLE_KICK,
		FD_CONSOLE_IRQ, FD_CHANNEL_KICK, FD_CHANNEL_IRQ};

	(void)state;
	for (unsigned i = 0; i < COUNT(places); i++) {
		assert_true(places[i] > STDERR_FILENO && places[i] < FD_STATUS);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(places[i], places[j]);
	}
	assert_int_equal(VCPUS_MAX & (VCPUS_MAX - 1), 0);
	assert_int_equal(FD_VCPU % VCPUS_MAX, 0);
	assert_true(FD_STATUS + FD_STATUS_COUNT <= FD_VCPU);
	/* One status file a thread: the vCPUs and the main thread. */
	assert_true(FD_STATUS_COUNT >= VCPUS_MAX + 1);
	assert_true(FD_VCPU + VCPUS_MAX <= 256); /* what the message asks for */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_is_moved),
		cmocka_unit_test(a_failure_is_passed_on),
		cmocka_unit_test(a_low_limit_is_said),
		cmocka_unit_test(an_event_does_not_block),
		cmocka_unit_test(places_do_not_collide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
