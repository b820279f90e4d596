/* Descriptors at their fixed places. */
#define _GNU_SOURCE
#include "base/fdplan.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <sys/wait.h>

#include "base/config.h"
#include "unit.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void a_descriptor_is_moved(void **state)
{
	struct problem problem = {"", ""};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd_place(fd, FD_LOG, "the log", &problem));
	assert_false(is_open(fd));
	assert_int_equal(fcntl(FD_LOG, F_GETFD), FD_CLOEXEC);
	close(FD_LOG);
}

static void a_failure_is_passed_on(void **state)
{
	struct problem problem = {"", ""};

	(void)state;
	errno = EMFILE;
	assert_false(fd_place(-1, FD_LOG, "the log", &problem));
	assert_mends(in_words(&problem), "the log");
	assert_says(in_words(&problem), strerror(EMFILE));
	assert_false(is_open(FD_LOG));
}

static unsigned table_size(void)
{
	char text[4096];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof(text) - 1);

	close(fd);
	assert_true(length > 0);
	text[length] = '\0';
	return (unsigned)atoi(strstr(text, "\nFDSize:") + 8);
}

/* By a child, whose table is as long as its descriptors need. */
static void there_is_room(void **state)
{
	int status;

	(void)state;
	pid_t child = fork();
	if (child == 0) {
		bool was_short = table_size() < FD_END;

		fd_make_room();
		_exit(was_short && table_size() >= FD_END && !is_open(FD_END - 1) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ulimit -n 40: the vCPUs' places are out of reach. */
static void a_low_limit_is_said(void **state)
{
	struct rlimit old, low;
	struct problem problem = {"", ""};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){40, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	bool placed = fd_place(fd, FD_VCPU, "a vCPU", &problem);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_false(placed);
	assert_mends(in_words(&problem), "a vCPU");
	assert_says(in_words(&problem), "ulimit -n");
	assert_false(is_open(fd));
}

static void an_event_does_not_block(void **state)
{
	struct problem problem = {"", ""};

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
		FD_SIGNALS,     FD_PARENT,       FD_ENDING,      FD_IN,       FD_OUT,
		FD_ERR,         FD_LOG,          FD_TERMINAL,    FD_GUARDIAN, FD_CONSOLE_KICK,
		FD_CONSOLE_IRQ, FD_CHANNEL_KICK, FD_CHANNEL_IRQ, FD_VM,       FD_STATS};
	static const struct {
		int first, count;
	} ranges[] = {
		{FD_VCPU, VCPUS_MAX},
		{FD_DISK, DEVICES_MAX},
		{FD_SCRATCH, DEVICES_MAX},
		{FD_VIRTIO_IRQ, DEVICES_MAX},
		{FD_STATUS, FD_STATUS_COUNT},
		{FD_KICK, DEVICES_MAX * DEVICE_QUEUES_MAX},
		{FD_TAP, DEVICES_MAX * DEVICE_QUEUES_MAX},
		{FD_END, 0},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(places); i++) {
		assert_true(places[i] > STDERR_FILENO && places[i] < ranges[0].first);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(places[i], places[j]);
	}
	for (unsigned i = 0; i + 1 < COUNT(ranges); i++)
		assert_true(ranges[i].first + ranges[i].count <= ranges[i + 1].first);
	assert_int_equal(VCPUS_MAX & (VCPUS_MAX - 1), 0);
	assert_int_equal(FD_VCPU % VCPUS_MAX, 0);
	assert_int_equal(FD_STATUS % FD_STATUS_COUNT, 0);
	/* One status file a thread: the vCPUs, the workers, the main thread and some of KVM's
	 * own. */
	assert_true(FD_STATUS_COUNT >= VCPUS_MAX + DEVICES_MAX * DEVICE_QUEUES_MAX + 8);
	assert_true(FD_END <= 512); /* what the message asks for */
}

static void a_blocking_event_blocks(void **state)
{
	struct problem problem = {"", ""};

	(void)state;
	assert_true(fd_blocking_event(FD_KICK, &problem));
	assert_int_equal(fcntl(FD_KICK, F_GETFD), FD_CLOEXEC);
	assert_false(fcntl(FD_KICK, F_GETFL) & O_NONBLOCK);
	close(FD_KICK);
}

/* In a child: it closes everything. Exits with the number of the first check that failed. */
static int close_others_in_child(void)
{
	struct problem problem = {"", ""};
	int tap = open("/dev/null", O_RDONLY), other = open("/dev/null", O_RDONLY);
	int keep[] = {dup2(tap, 70), dup2(tap, FD_TAP), tap};
	int high = dup2(other, 600);

	if (!fd_close_others(keep, COUNT(keep), &problem))
		return 1;
	for (unsigned i = 0; i < COUNT(keep); i++)
		if (keep[i] < FD_END || fcntl(keep[i], F_GETFD) != FD_CLOEXEC)
			return 2;
	if (is_open(other) || is_open(high) || is_open(70) || is_open(FD_TAP) || is_open(tap))
		return 3;
	if (!is_open(STDERR_FILENO))
		return 4;
	if (fd_close_others((int[]){500}, 1, &problem))
		return 5;
	return strstr(in_words(&problem), "descriptor 500: Bad file descriptor (") ? 0 : 6;
}

static void all_but_the_kept_are_closed(void **state)
{
	int status = -1;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(close_others_in_child());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_is_moved),
		cmocka_unit_test(a_failure_is_passed_on),
		cmocka_unit_test(there_is_room),
		cmocka_unit_test(a_low_limit_is_said),
		cmocka_unit_test(an_event_does_not_block),
		cmocka_unit_test(a_blocking_event_blocks),
		cmocka_unit_test(all_but_the_kept_are_closed),
		cmocka_unit_test(places_do_not_collide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
