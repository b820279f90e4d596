/* Landlock: files, TCP, signals and abstract sockets that a thread has no right to
 * (Documentation/userspace-api/landlock.rst). */
#ifndef MAYFLY_LANDLOCK_H
#define MAYFLY_LANDLOCK_H

#include <stdbool.h>

/* The newest version that this kernel offers, or 0: there is none (Linux 5.12 and older, or left
 * out of the kernel, or forbidden by a container). */
unsigned landlock_version(void);

/* A ruleset that denies everything that VERSION, as above, knows. Returns its descriptor, or -1
 * (errno). */
int landlock_deny_all(unsigned version);

/* Puts RULESET in force over the calling thread, and those that it makes. It must have
 * no_new_privs. False: errno. */
bool landlock_enter(int ruleset);

#endif
