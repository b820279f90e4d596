/* Children that enter a jail. What the host does not offer is skipped, and named. */
#ifndef MAYFLY_JAIL_CHILD_H
#define MAYFLY_JAIL_CHILD_H

#include "sandbox/jail.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "child.h"
#include "base/fdplan.h"
#include "forbid.h"
#include "sandbox/landlock.h"

static struct jail jail;
static struct problem problem;

/* What a child says to its parent. */
static struct {
	char what[1024];
	int missing[JAIL_LAYERS]; /* of probe() */
} * said;

#define CHECK(condition)                                                                     \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			snprintf(said->what, sizeof(said->what), "line %d: %s (%s; \"%s\")", \
				 __LINE__, #condition, strerror(errno), in_words(&problem));       \
			return CHILD_FAILED;                                                 \
		}                                                                            \
	} while (0)

#define CHECK_SAYS(text, words) CHECK(!strcmp(text, words))

static inline void skip_without(const char *what)
{
	print_message("skipped: %s\n", what);
	skip();
}

/* As in_child does, with the child's own words. */
static inline void run(int (*checks)(void))
{
	int status = -1;

	said->what[0] = '\0';
	pid_t child = fork();
	if (child == 0) {
		alarm(30);
		_exit(checks());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_REFUSED)
		skip_without(said->what);
	if (status)
		print_error("%s, status %#x\n", said->what, (unsigned)status);
	assert_int_equal(status, 0);
}

static const struct jail_options automatic = {JAIL_AUTO, false, JAIL_NOBODY, JAIL_NOBODY};
static const struct jail_options strict = {JAIL_STRICT, false, JAIL_NOBODY, JAIL_NOBODY};

/* --- what the host offers --- */

static inline int probe(void)
{
	CHECK(jail_enter(&jail, &automatic, &problem));
	memcpy(said->missing, jail.missing, sizeof(jail.missing));
	return CHILD_PASSED;
}

/* Skips, unless the host has the layers from the first to LAYER, as they are entered (Landlock
 * is the first of all). */
static inline void need_up_to(enum jail_layer layer)
{
	char text[128];

	run(probe);
	for (unsigned i = 0; i <= layer; i++)
		if (said->missing[i] > 0) {
			snprintf(text, sizeof(text), "this host has no %s: %s", jail_layer_name(i),
				 strerror(said->missing[i]));
			skip_without(text);
		}
}

static inline int share(void **state)
{
	(void)state;
	said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return said == MAP_FAILED ? -1 : 0;
}

#endif
