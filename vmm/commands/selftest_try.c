/* One try: a child process makes one call under the filters. */
#include "commands/selftest.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "roles.h"
#include "sandbox/seccomp.h"

enum { PATIENCE = 10 /* seconds, for a call that passes and then waits */ };

/* The child's result, in shared memory, because the child may not write. */
struct trace {
	volatile bool sealed, passed;
};

static struct trace *trace(void)
{
	static struct trace *shared;

	if (!shared)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED ? NULL : shared;
}

static void call(const struct attempt *attempt)
{
	const uint64_t *a = attempt->argument;

	syscall(attempt->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

_Noreturn static void make(const struct selftest *test, const struct sock_fprog *own,
			   const struct attempt *attempt, const struct entry *entry)
{
	struct problem problem;

	alarm(PATIENCE);
	if (sysfilter_install(&test->all, &problem) && (!own || sysfilter_narrow(own))) {
		trace()->sealed = true;
		if (entry)
			entry->enter();
		else
			call(attempt);
		trace()->passed = true;
	}
	_exit(0);
}

enum outcome { DENIED, PASSED, UNCLEAR };

static enum outcome examine(const struct selftest *test, const struct sock_fprog *own,
			    const struct attempt *attempt, const struct entry *entry)
{
	int status = 0;

	if (!trace())
		return UNCLEAR;
	*trace() = (struct trace){0};
	pid_t child = vfork(); /* shares our memory, so there is no copy */
	if (child == 0)
		make(test, own, attempt, entry);
	if (child < 0 || waitpid(child, &status, 0) != child || !trace()->sealed)
		return UNCLEAR;
	if (trace()->passed || WIFEXITED(status)) /* the call itself exited */
		return PASSED;
	if (!WIFSIGNALED(status))
		return UNCLEAR;
	/* A kernel without that entry kills with SIGSEGV. */
	return WTERMSIG(status) == SIGSYS || (entry && WTERMSIG(status) == SIGSEGV) ? DENIED
										    : UNCLEAR;
}

static bool is_exempt(int nr)
{
	for (const struct exemption *exemption = arch_exemptions; exemption->name; exemption++)
		if (exemption->nr == nr)
			return true;
	return false;
}

void selftest_try(struct selftest *test, const struct sock_fprog *own, const char *role,
		  const struct attempt *attempt, bool expected)
{
	enum outcome outcome = examine(test, own, attempt, NULL);

	test->tried++;
	test->denied += outcome == DENIED;
	if (!expected && outcome != DENIED && is_exempt(attempt->nr)) {
		test->exempt++;
		return;
	}
	if (outcome == (expected ? PASSED : DENIED))
		return;
	test->wrong++;
	report("selftest: %s: system call %d (0x%llx, 0x%llx, 0x%llx, …) %s, but should %s (do not "
	       "trust this mayfly on this host, and report it)",
	       role, attempt->nr, (unsigned long long)attempt->argument[0],
	       (unsigned long long)attempt->argument[1], (unsigned long long)attempt->argument[2],
	       outcome == PASSED   ? "passes"
	       : outcome == DENIED ? "is denied"
				   : "could not be tried",
	       expected ? "pass" : "be denied");
}

void selftest_enter(struct selftest *test, const struct entry *entry)
{
	enum outcome outcome = examine(test, NULL, NULL, entry);

	test->tried++;
	if (outcome != DENIED) {
		test->wrong++;
		report("selftest: %s is open, or could not be tried (do not trust this mayfly on this host, and report it)",
		       entry->name);
	} else {
		test->denied++;
	}
}
