/* The process that unpacks, shut in: it can do its work and nothing else. The filter is the real
 * one. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "child.h"
#include "base/fdplan.h"
#include "outbox.h"

enum { LIMIT = 100000 };

static int archive, go;

/* In a child, with one target that is a directory that is there, and one that is not. */
static bool seal(void)
{
	int ends[2];

	archive = make_archive();
	if (pipe2(ends, O_CLOEXEC) < 0 || write(ends[1], "x", 1) != 1)
		return false;
	go = ends[0];
	if (mkdir("there", 0755) < 0)
		return false;
	want("/srv", "there");
	want("/file", "new");
	if (unpack_open(targets, target_count, &problem) &&
	    unpack_seal(targets, target_count, &archive, &go, LIMIT, &problem))
		return true;
	problem_report(&problem);
	return false;
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
}

static int it_unpacks_child(void)
{
	char byte;

	if (!seal() || read(go, &byte, 1) != 1)
		return CHILD_FAILED;
	if (unpack(archive, targets, target_count, LIMIT, &problem))
		return CHILD_PASSED;
	problem_report(&problem);
	return CHILD_FAILED;
}

static void it_unpacks(void **state)
{
	(void)state;
	add("0", 040755, "");
	add("0/file", 0100644, "text");
	add("0/file", 0100644, "text again");
	add("0/link", 0120777, "/etc/passwd");
	add("0/link", 0120777, "file");
	add("0/sub", 040755, "");
	add("0/sub", 040700, "");
	add("0/sub/file", 0100644, "");
	add("0/node", 020644, "");
	add("1", 0100644, "new file");
	in_child(it_unpacks_child);
	assert_string_equal(what_is("there/file"), "text again");
	assert_string_equal(what_is("there/link"), "-> file");
	assert_string_equal(what_is("there/sub/file"), "");
	assert_string_equal(what_is("new"), "new file");
	assert_int_equal(entries_in("."), 2);
}

static int it_cleans_up_child(void)
{
	if (!seal())
		return CHILD_FAILED;
	if (unpack(archive, targets, target_count, LIMIT, &problem))
		return CHILD_FAILED;
	return strstr(in_words(&problem), "Is a directory") ? CHILD_PASSED : CHILD_FAILED;
}

static void it_cleans_up(void **state)
{
	(void)state;
	add("0", 040755, "");
	add("0/sub", 040755, "");
	add("0/sub", 0100644, "text");
	in_child(it_cleans_up_child);
	assert_int_equal(entries_in("there"), 1);
}

/* The archive's own limit is no larger here, but the kernel's is what counts. */
static int files_are_limited_child(void)
{
	return seal() && !unpack(archive, targets, target_count, GIB, &problem) &&
			       strstr(in_words(&problem), "File too large")
		       ? CHILD_PASSED
		       : CHILD_FAILED;
}

static void files_are_limited(void **state)
{
	static char text[3 * LIMIT];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	add("0", 040755, "");
	add("0/file", 0100644, text);
	in_child(files_are_limited_child);
	assert_int_equal(entries_in("there"), 0);
}

/* A log that is long already must not keep the last line out. */
static int it_can_still_speak_child(void)
{
	int log = open("log", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (ftruncate(log, 10 * LIMIT) < 0 || dup2(log, 2) != 2 || !seal())
		return CHILD_FAILED;
	return write(2, "last words", 10) == 10 ? CHILD_PASSED : CHILD_FAILED;
}

static void it_can_still_speak(void **state)
{
	(void)state;
	in_child(it_can_still_speak_child);
}

static bool is_denied(int directory, const char *path, int flags)
{
	return openat(directory, path, flags | O_CLOEXEC, 0600) < 0 && errno == EACCES;
}

static int nothing_else_can_be_opened_child(void)
{
	if (!has_landlock())
		return CHILD_REFUSED;
	put_text("mine", "");
	if (!seal())
		return CHILD_FAILED;
	if (!is_denied(AT_FDCWD, "/etc/passwd", O_RDONLY) ||
	    !is_denied(AT_FDCWD, "../canary/keep", O_RDONLY) ||
	    !is_denied(AT_FDCWD, "../canary/keep", O_WRONLY) ||
	    !is_denied(AT_FDCWD, "../canary/new", O_WRONLY | O_CREAT) ||
	    !is_denied(targets[0].parent_fd, "../../canary/keep", O_WRONLY) ||
	    !is_denied(AT_FDCWD, "mine", O_RDONLY) || !is_denied(AT_FDCWD, ".", O_RDONLY) ||
	    !is_denied(AT_FDCWD, "mine", O_WRONLY | O_TRUNC))
		return CHILD_FAILED;
	if (unlinkat(AT_FDCWD, "../canary/keep", 0) == 0 || errno != EACCES ||
	    mkdirat(AT_FDCWD, "../canary/new", 0700) == 0 || errno != EACCES ||
	    unlinkat(AT_FDCWD, "there", AT_REMOVEDIR) == 0 || errno != EACCES ||
	    symlinkat("x", AT_FDCWD, "../canary/link") == 0 || errno != EACCES)
		return CHILD_FAILED;
	return renameat(AT_FDCWD, "mine", AT_FDCWD, "../canary/mine") < 0 ? CHILD_PASSED
									  : CHILD_FAILED;
}

static void nothing_else_can_be_opened(void **state)
{
	(void)state;
	in_child(nothing_else_can_be_opened_child);
}

/* --- the filter --- */

static const struct {
	int nr;
	long argument;
} forbidden[] = {
	{SYS_socket, 1},           {SYS_execve, 0}, {SYS_clone, 0},  {SYS_mmap, 0},
	{SYS_mprotect, 0},         {SYS_kill, 0},   {SYS_ptrace, 0}, {SYS_ioctl, 2},
	{SYS_fchmodat, 0},         {SYS_fchmod, 0}, {SYS_linkat, 0}, {SYS_mknodat, -100},
	{SYS_fchownat, 0},         {SYS_chdir, 0},  {SYS_dup, 2},    {SYS_io_uring_setup, 1},
	{SYS_sendto, 2},           {SYS_prctl, 38}, {SYS_read, 2},   {SYS_read, -1},
	{SYS_pread64, 2},          {SYS_lseek, 2},  {SYS_readv, 2},  {SYS_setrlimit, 1},
	{SYS_process_vm_readv, 1}, {SYS_statx, 0},  {SYS_fcntl, 2},  {SYS_getdents64, 3},
};

static void other_calls_kill(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(forbidden); i++) {
		int status = 0;
		pid_t child = fork();

		if (child == 0) {
			alarm(30);
			if (seal())
				syscall(forbidden[i].nr, forbidden[i].argument, 0, 0, 0, 0, 0);
			_exit(1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(rmdir("there"), 0);
		outbox_new_archive();
		assert_each(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
			    "survived system call", forbidden[i].nr);
	}
}

/* Landlock lets anybody date any file by its path. */
static void others_keep_their_times(void **state)
{
	static const struct timespec times[2];
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		alarm(30);
		_exit(seal() && utimensat(AT_FDCWD, "../canary/keep", times, 0) == 0 ? 2 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

/* --- descriptors --- */

static int others_are_closed_child(void)
{
	int file = open("mine", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (file < 0 || dup2(file, 200) != 200 || dup2(file, 0) != 0 || dup2(file, 1) != 1 ||
	    !seal())
		return CHILD_FAILED;
	for (int fd = 3; fd < FD_END; fd++)
		if (write(fd, "x", 1) >= 0 || errno != EBADF)
			return CHILD_FAILED;
	return write(0, "\n", 1) == 1 && write(1, "\n", 1) == 1 ? CHILD_PASSED : CHILD_FAILED;
}

static void others_are_closed(void **state)
{
	(void)state;
	in_child(others_are_closed_child);
	assert_string_equal(what_is("mine"), "");
}

/* The session is its own, so that Ctrl-C is not for it. */
static int it_leaves_the_session_child(void)
{
	int ends[2];
	pid_t child, before = getsid(0), after = 0;

	if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0)
		return CHILD_FAILED;
	if (child == 0) {
		char byte;

		if (!seal())
			_exit(1);
		_exit(read(go, &byte, 1) != 1 || read(go, &byte, 1) != 0);
	}
	for (unsigned i = 0; i < 1000 && (after == 0 || after == before); i++) {
		after = getsid(child);
		usleep(1000);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return after == child ? CHILD_PASSED : CHILD_FAILED;
}

static void it_leaves_the_session(void **state)
{
	(void)state;
	in_child(it_leaves_the_session_child);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, outbox_set_up, outbox_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(it_unpacks),
		TEST(it_cleans_up),
		TEST(files_are_limited),
		TEST(it_can_still_speak),
		TEST(other_calls_kill),
		TEST(nothing_else_can_be_opened),
		TEST(others_keep_their_times),
		TEST(others_are_closed),
		TEST(it_leaves_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
