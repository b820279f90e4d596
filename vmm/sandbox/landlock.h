/* Landlock denies a thread files, TCP, signals and abstract sockets
 * (Documentation/userspace-api/landlock.rst). */
#ifndef MAYFLY_LANDLOCK_H
#define MAYFLY_LANDLOCK_H

#include <stdbool.h>

/* The newest ABI version that the kernel offers, or 0 if there is none: Linux 5.12 and older, not
 * in the kernel, or forbidden by a container. */
unsigned landlock_version(void);

/* Makes a ruleset that denies everything that ABI VERSION knows. Returns its descriptor, or -1
 * (errno). */
int landlock_deny_all(unsigned version);

/* Puts RULESET in force over the calling thread and the threads that it makes. The caller must have
 * no_new_privs. False: errno. */
bool landlock_enter(int ruleset);

#endif
