/* Tests that change a process for good run in a child. */
#ifndef MAYFLY_CHILD_H
#define MAYFLY_CHILD_H

#include <sys/wait.h>

#include "unit.h"

/* What the checks return; any other number is a failure, too. */
enum { CHILD_PASSED = 0, CHILD_FAILED = 1, CHILD_REFUSED = 77 };

/* Runs CHECKS in a child; skips the test if the system refuses what they need. */
static inline void in_child(int (*checks)(void))
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		alarm(30);
		_exit(checks());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHILD_REFUSED) {
		print_message("skipped: the system refuses what this test needs\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), CHILD_PASSED);
}

#endif
