/* measure: how long programs take to say something and to end, and what CPU time that costs.
 *
 *   measure ROUNDS -- NAME PROGRAM [ARGUMENT...] [-- NAME PROGRAM [ARGUMENT...]]...
 *
 * Runs each program in turn, ROUNDS times, so that what else the machine does meets all of them.
 * Prints for each run, apart by tabs: NAME, microseconds from before exec to the first byte on the
 * program's stdout, to its end as its parent sees it, CPU microseconds to the first byte, to the
 * end, KiB at most in memory. A program that says nothing, or whose exit status is not that of its
 * first run, is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAMS_MAX 64

extern char **environ;

struct program {
	char **words; /* NAME, then the command */
	int status;   /* of the first run */
};

static double now(clockid_t clock)
{
	struct timespec time;

	if (clock_gettime(clock, &time) < 0)
		return 0; /* of a process that has ended meanwhile */
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static double microseconds(struct timeval time)
{
	return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

static void fail(const char *name, const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", name, what);
	exit(1);
}

static pid_t start(char **words, int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	int error = posix_spawn(&pid, words[1], &actions, NULL, words + 1, environ);
	if (error)
		fail(words[0], strerror(error));
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static void run(struct program *program, int is_first)
{
	char **words = program->words;
	struct rusage usage;
	clockid_t its_cpu;
	int ends[2], status;
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0)
		fail(words[0], strerror(errno));
	double begin = now(CLOCK_MONOTONIC);
	pid_t pid = start(words, ends[1]);
	close(ends[1]);
	clock_getcpuclockid(pid, &its_cpu);
	if (read(ends[0], &byte, 1) != 1)
		fail(words[0], "said nothing");
	double first = now(CLOCK_MONOTONIC), cpu_first = now(its_cpu);
	if (wait4(pid, &status, 0, &usage) < 0)
		fail(words[0], strerror(errno));
	double end = now(CLOCK_MONOTONIC);
	close(ends[0]);
	if (is_first)
		program->status = status;
	if (status != program->status || !WIFEXITED(status))
		fail(words[0], "ended in another way than before");
	printf("%s\t%.1f\t%.1f\t%.1f\t%.1f\t%ld\n", words[0], first - begin, end - begin, cpu_first,
	       microseconds(usage.ru_utime) + microseconds(usage.ru_stime), usage.ru_maxrss);
}

int main(int argc, char **argv)
{
	static struct program program[PROGRAMS_MAX];
	int programs = 0, rounds = argc > 1 ? atoi(argv[1]) : 0;

	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], "--") && programs < PROGRAMS_MAX) {
			argv[i] = NULL;
			program[programs++].words = argv + i + 1;
		}
	if (rounds < 1 || !programs) {
		fputs("usage: measure ROUNDS -- NAME PROGRAM [ARGUMENT...] [-- ...]\n", stderr);
		return 1;
	}
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < programs; i++)
			run(&program[i], round == 0);
	return 0;
}
