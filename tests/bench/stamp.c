// stamp COMMAND...: runs it with its standard output in a pipe and says, as one JSON object, when
// the first byte came and when it ended, in nanoseconds since just before the exec; elapsed, and of
// CPU time. In a lab that counts instructions (tests/lab/lab.sh -i) these are instructions; where
// elapsed is more than CPU time, the CPU was idle, in the kernel's own threads, or here.
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		err(1, "clock_gettime");
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static pid_t start(char **command, int out[2])
{
	pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (child > 0)
		return child;
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out[1], 1);
	close(out[0]);
	close(out[1]);
	execvp(command[0], command);
	err(127, "%s", command[0]);
}

static int64_t cpu_time(const struct rusage *used)
{
	return (used->ru_utime.tv_sec + used->ru_stime.tv_sec) * 1000000000LL +
	       (used->ru_utime.tv_usec + used->ru_stime.tv_usec) * 1000LL;
}

int main(int argc, char **argv)
{
	struct sched_param first = {.sched_priority = 1};
	char buffer[65536];
	int out[2], status;
	struct rusage used;
	clockid_t cpu;

	if (argc < 2)
		errx(2, "usage: stamp COMMAND...");
	// The byte is to be seen when it comes, not when a virtual CPU's time slice ends; the child
	// is an ordinary process. (musl's sched_setscheduler is a stub.)
	if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) < 0)
		err(1, "cannot be first in line (it takes root)");
	if (pipe(out) < 0)
		err(1, "pipe");
	int64_t begin = now(CLOCK_MONOTONIC), byte = -1, byte_cpu = -1;
	pid_t child = start(argv + 1, out);

	close(out[1]);
	if (clock_getcpuclockid(child, &cpu))
		errx(1, "no CPU clock");
	while (read(out[0], buffer, sizeof(buffer)) > 0) {
		if (byte >= 0)
			continue;
		byte = now(CLOCK_MONOTONIC) - begin;
		byte_cpu = now(cpu);
	}
	if (wait4(child, &status, 0, &used) < 0)
		err(1, "wait4");
	printf("{\"byte_ns\":%lld,\"byte_cpu_ns\":%lld,\"exit_ns\":%lld,\"exit_cpu_ns\":%lld,\"code\":%d}\n",
	       (long long)byte, (long long)byte_cpu, (long long)(now(CLOCK_MONOTONIC) - begin),
	       (long long)cpu_time(&used),
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
