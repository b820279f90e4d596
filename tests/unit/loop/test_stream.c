/* Standard streams of every kind: nothing blocks, nothing leaks into the descriptions that other
 * processes share with us. Every test is under an alarm: to block is to fail. */
#define _GNU_SOURCE
#include "loop/stream.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fdplan.h"
#include "unit.h"

static struct stream stream;
static struct problem problem;
static uint8_t data[65536];

static int begin(void **state)
{
	(void)state;
	alarm(10);
	return 0;
}

static int end(void **state)
{
	(void)state;
	alarm(0);
	close(FD_IN);
	close(FD_OUT);
	return 0;
}

static void open_in(int fd)
{
	if (!stream_open(&stream, fd, FD_IN, false, &problem))
		fail_msg("%s", in_words(&problem));
	assert_int_equal(stream.fd, FD_IN);
	assert_false(stream.ended);
	assert_int_equal(fcntl(FD_IN, F_GETFD), FD_CLOEXEC);
}

static void open_out(int fd)
{
	if (!stream_open(&stream, fd, FD_OUT, true, &problem))
		fail_msg("%s", in_words(&problem));
	assert_int_equal(stream.fd, FD_OUT);
	assert_false(stream.ended);
	assert_int_equal(fcntl(FD_OUT, F_GETFD), FD_CLOEXEC);
}

static ssize_t read_ready(size_t size)
{
	stream.ready = true;
	return stream_read(&stream, data, size);
}

static ssize_t write_ready(size_t size)
{
	stream.ready = true;
	return stream_write(&stream, data, size);
}

/* FD is as it was: open, and blocking. */
static void assert_untouched(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	assert_true(flags >= 0);
	assert_false(flags & O_NONBLOCK);
}

static void input_from_a_pipe(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	open_in(ends[0]);
	assert_untouched(ends[0]);
	assert_false(stream.may_block);
	/* Nothing there yet: not an end, and not a wait. */
	assert_int_equal(read_ready(sizeof(data)), 0);
	assert_false(stream.ended);
	assert_int_equal(write(ends[1], "hello", 5), 5);
	/* Only after poll has spoken. */
	assert_int_equal(stream_read(&stream, data, sizeof(data)), 0);
	assert_int_equal(read_ready(3), 3);
	assert_false(stream.ready);
	assert_int_equal(read_ready(sizeof(data)), 2);
	assert_memory_equal(data, "lo", 2);
	close(ends[1]);
	assert_int_equal(read_ready(sizeof(data)), 0);
	assert_true(stream.ended);
	assert_int_equal(read_ready(sizeof(data)), 0);
	assert_untouched(ends[0]);
	close(ends[0]);
}

static void output_to_a_pipe(void **state)
{
	size_t total = 0, seen = 0;
	ssize_t count;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	open_out(ends[1]);
	assert_untouched(ends[1]);
	assert_false(stream.may_block);
	memset(data, 'x', sizeof(data));
	/* Until it is full; then nothing is written and nobody waits. */
	while ((count = write_ready(1000)) > 0)
		total += (size_t)count;
	assert_int_equal(count, 0);
	assert_false(stream.ended);
	assert_true(total >= PAGE);
	while (seen < total) {
		count = read(ends[0], data, sizeof(data));
		assert_true(count > 0);
		seen += (size_t)count;
	}
	assert_int_equal(seen, total);
	assert_int_equal(write_ready(10), 10);
	assert_untouched(ends[1]);
	close(ends[0]);
	close(ends[1]);
}

static void a_reader_who_left_ends_the_output(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	open_out(ends[1]);
	close(ends[0]);
	assert_int_equal(write_ready(5), -1);
	assert_int_equal(errno, EPIPE);
	assert_true(stream.ended);
	assert_int_equal(write_ready(5), 0);
	close(ends[1]);
}

/* A pipe that nobody reads even before we start cannot be opened anew (ENXIO): the same end. */
static void a_reader_who_never_came(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	open_out(ends[1]);
	assert_int_equal(write_ready(5), -1);
	assert_int_equal(errno, EPIPE);
	assert_true(stream.ended);
	close(ends[1]);
}

/* "FD, which stays as it is", whatever its number. */
static void a_pipe_with_a_large_number(void **state)
{
	enum { LARGE = 60 };
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], LARGE), LARGE);
	open_in(LARGE);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(read_ready(sizeof(data)), 1);
	assert_untouched(LARGE);
	close(LARGE);
	close(ends[0]);
	close(ends[1]);
}

static void output_to_a_regular_file(void **state)
{
	struct stat stat;
	int fd = memfd_create("out", MFD_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "first ", 6), 6);
	open_out(fd);
	assert_false(stream.may_block);
	/* It needs no poll, and goes on where others who share it have written. */
	assert_int_equal(stream_write(&stream, (const uint8_t *)"second", 6), 6);
	assert_int_equal(write(fd, " third", 6), 6);
	assert_int_equal(pread(fd, data, sizeof(data), 0), 18);
	assert_memory_equal(data, "first second third", 18);
	assert_int_equal(stream_write(&stream, data, sizeof(data)), sizeof(data));
	assert_int_equal(fstat(fd, &stat), 0);
	assert_int_equal(stat.st_size, 18 + sizeof(data));
	assert_untouched(fd);
	close(fd);
}

static void input_from_a_regular_file(void **state)
{
	int fd = memfd_create("in", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(lseek(fd, 4, SEEK_SET), 4);
	open_in(fd);
	assert_int_equal(read_ready(sizeof(data)), 6);
	assert_memory_equal(data, "456789", 6);
	assert_int_equal(read_ready(sizeof(data)), 0);
	assert_true(stream.ended);
	assert_untouched(fd);
	close(fd);
}

static void the_null_device(void **state)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	open_in(fd);
	assert_int_equal(read_ready(sizeof(data)), 0);
	assert_true(stream.ended);
	open_out(fd);
	assert_true(write_ready(10) == 10);
	assert_untouched(fd);
	close(fd);
}

static void a_full_device_is_an_error(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	if (fd < 0)
		skip();
	open_out(fd);
	assert_int_equal(write_ready(10), -1);
	assert_int_equal(errno, ENOSPC);
	assert_true(stream.ended);
	close(fd);
}

static void a_directory_has_no_input(void **state)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	open_in(fd);
	assert_int_equal(read_ready(sizeof(data)), -1);
	assert_int_equal(errno, EISDIR);
	assert_true(stream.ended);
	close(fd);
}

/* A socket cannot be opened anew and stays blocking: it is used in small pieces, and only after
 * poll has spoken. */
static void a_socket_waits_for_poll(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	open_out(ends[0]);
	assert_true(stream.may_block);
	assert_int_equal(stream_write(&stream, data, sizeof(data)), 0);
	ssize_t count = write_ready(sizeof(data));
	assert_true(count > 0 && count <= 4096);
	assert_false(stream.ready);
	assert_int_equal(stream_write(&stream, data, sizeof(data)), 0);
	assert_untouched(ends[0]);
	open_in(ends[0]);
	assert_int_equal(stream_read(&stream, data, sizeof(data)), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(read_ready(sizeof(data)), 1);
	close(ends[0]);
	close(ends[1]);
}

static void a_terminal_is_opened_anew(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

	(void)state;
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		skip(); /* no /dev/pts here */
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		skip();
	open_in(slave);
	assert_false(stream.may_block);
	assert_int_equal(read_ready(sizeof(data)), 0);
	assert_false(stream.ended);
	assert_int_equal(write(master, "line\n", 5), 5);
	assert_int_equal(read_ready(sizeof(data)), 5);
	assert_untouched(slave);
	open_out(slave);
	assert_int_equal(write_ready(3), 3);
	assert_untouched(slave);
	close(slave);
	close(master);
}

static void a_closed_descriptor_is_said(void **state)
{
	(void)state;
	assert_false(stream_open(&stream, 200, FD_IN, false, &problem));
	assert_mends(in_words(&problem), "standard stream");
}

/* The exit code tells how many of 0–2 are /dev/null afterwards, 100 what went wrong. */
static int fill_in_a_child(bool close_in, bool close_out)
{
	struct stat null, stat;
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		int filled = 0;

		close(0);
		close(1);
		if (open("/", O_RDONLY) != 0 || dup(0) != 1)
			_exit(100);
		if (close_in)
			close(0);
		if (close_out)
			close(1);
		if (!streams_fill(&problem) || lstat("/dev/null", &null) < 0)
			_exit(101);
		for (int fd = 0; fd <= 2; fd++) {
			if (fstat(fd, &stat) < 0)
				_exit(102);
			filled += stat.st_rdev == null.st_rdev && S_ISCHR(stat.st_mode) && fd < 2;
		}
		_exit(filled);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void closed_streams_are_filled(void **state)
{
	(void)state;
	assert_int_equal(fill_in_a_child(false, false), 0);
	assert_int_equal(fill_in_a_child(true, false), 1);
	assert_int_equal(fill_in_a_child(false, true), 1);
	assert_int_equal(fill_in_a_child(true, true), 2);
}

#define STREAM_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STREAM_TEST(input_from_a_pipe),
		STREAM_TEST(output_to_a_pipe),
		STREAM_TEST(a_reader_who_left_ends_the_output),
		STREAM_TEST(a_reader_who_never_came),
		STREAM_TEST(a_pipe_with_a_large_number),
		STREAM_TEST(output_to_a_regular_file),
		STREAM_TEST(input_from_a_regular_file),
		STREAM_TEST(the_null_device),
		STREAM_TEST(a_full_device_is_an_error),
		STREAM_TEST(a_directory_has_no_input),
		STREAM_TEST(a_socket_waits_for_poll),
		STREAM_TEST(a_terminal_is_opened_anew),
		STREAM_TEST(a_closed_descriptor_is_said),
		STREAM_TEST(closed_streams_are_filled),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
