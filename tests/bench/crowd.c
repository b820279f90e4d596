/* crowd: starts many of a program as fast as it can, looks at them, and ends them all.
 *
 *   crowd COUNT AT_ONCE LOOK PROGRAM [ARGUMENT...]
 *
 * Each is to write one byte to its standard output when it is up, and to stay. No more than
 * AT_ONCE are on their way up at a time. When all are up, LOOK is run with their process ids as
 * arguments; its output is passed on, a JSON object. Then all get SIGTERM. Prints a JSON object:
 * how long all that took, and how many processes are left.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT_MAX 10000

extern char **environ;

static pid_t pids[COUNT_MAX];
static int started;

static void fail(const char *what)
{
	fprintf(stderr, "crowd: %s\n", what);
	for (int i = 0; i < started; i++)
		kill(pids[i], SIGTERM);
	exit(1);
}

static double seconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static pid_t start(char **words, int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	int error = posix_spawn(&pid, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		fail(strerror(error));
	return pid;
}

static double start_all(char **words, int count, int at_once)
{
	char bytes[256];
	int ends[2], up = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		fail(strerror(errno));
	double begin = seconds();
	while (up < count) {
		if (started < count && started - up < at_once) {
			pids[started] = start(words, ends[1]);
			if (++started == count)
				close(ends[1]);
			continue;
		}
		ssize_t size = read(ends[0], bytes, sizeof(bytes));
		if (size <= 0)
			fail("some ended, and should not");
		up += (int)size;
	}
	close(ends[0]);
	return seconds() - begin;
}

static void look(char *program, int count)
{
	static char text[COUNT_MAX][12], *words[COUNT_MAX + 2];

	words[0] = program;
	for (int i = 0; i < count; i++) {
		snprintf(text[i], sizeof(text[i]), "%d", pids[i]);
		words[i + 1] = text[i];
	}
	if (waitpid(start(words, -1), NULL, 0) < 0)
		fail(strerror(errno));
}

static double end_all(int count)
{
	double begin = seconds();

	for (int i = 0; i < count; i++)
		kill(pids[i], SIGTERM);
	for (int i = 0; i < count; i++)
		waitpid(pids[i], NULL, 0);
	return seconds() - begin;
}

/* Processes that those made and left behind: they are ours now. */
static int left_over(void)
{
	int left = 0;

	usleep(100000);
	while (waitpid(-1, NULL, WNOHANG) != -1 && left < COUNT_MAX)
		left++;
	return left;
}

int main(int argc, char **argv)
{
	int count = argc > 4 ? atoi(argv[1]) : 0, at_once = argc > 4 ? atoi(argv[2]) : 0;

	if (count < 1 || count > COUNT_MAX || at_once < 1) {
		fputs("usage: crowd COUNT AT_ONCE LOOK PROGRAM [ARGUMENT...]\n", stderr);
		return 1;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	double up = start_all(argv + 4, count, at_once);
	usleep(300000); /* what they do when nothing happens is done */
	printf("{\"count\": %d, \"up_s\": %.3f, \"per_s\": %.1f, \"look\": ", count, up, count / up);
	fflush(stdout);
	look(argv[3], count);
	double down = end_all(count);
	printf(", \"down_s\": %.3f, \"left\": %d}\n", down, left_over());
	return 0;
}
