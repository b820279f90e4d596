/* A list of the system calls that stay allowed, with the arguments that they may have. Each
 * owner of a descriptor adds its own rules, with the reason beside them; roles.c makes a list
 * for each kind of thread, outer_list.c one over all of them, lockdown.c installs them. */
#ifndef MAYFLY_SYSFILTER_H
#define MAYFLY_SYSFILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/report.h"

enum {
	SYSFILTER_CONDITIONS = 3,
	SYSFILTER_RULES = 512, /* a vCPU with eight NICs of eight queues needs 200 */
};

/* Argument number ARGUMENT, but for the bits that are not in MASK, is VALUE. */
struct sysfilter_condition {
	unsigned argument;
	uint64_t mask, value;
};

/* System call NR is allowed if all of its CONDITIONS are true. */
struct sysfilter_rule {
	int nr;
	unsigned conditions;
	struct sysfilter_condition condition[SYSFILTER_CONDITIONS];
};

struct sysfilter {
	bool full; /* a rule is missing: it cannot be installed */
	unsigned count;
	struct sysfilter_rule rule[SYSFILTER_RULES];
};

struct sock_fprog;

/* --- lists --- */

/* Allows system call NR whatever its arguments. */
void sysfilter_allow(struct sysfilter *filter, int nr);

/* Allows NR on descriptor FD only, or on whatever else its first argument is: a clock. */
void sysfilter_allow_fd(struct sysfilter *filter, int nr, int fd);

/* Allows NR on the COUNT descriptors from FIRST on; COUNT is a power of two and divides FIRST. */
void sysfilter_allow_fds(struct sysfilter *filter, int nr, int first, unsigned count);

/* Both, if the second argument is VALUE. */
void sysfilter_allow_fd_with(struct sysfilter *filter, int nr, int fd, uint32_t value);
void sysfilter_allow_fds_with(struct sysfilter *filter, int nr, int first, unsigned count,
			      uint32_t value);

/* Allows NR if its second argument is NULL: on a descriptor, and on no path. */
void sysfilter_allow_pathless(struct sysfilter *filter, int nr);

/* Allows ioctl REQUEST on the COUNT descriptors from FIRST on (both as above). Compared in 32
 * bits: musl passes requests sign-extended. */
void sysfilter_allow_ioctl(struct sysfilter *filter, int first, unsigned count, uint32_t request);

/* Allows to wait on COUNT descriptors (ppoll), with the signal mask as it is. */
void sysfilter_allow_wait(struct sysfilter *filter, unsigned count);

/* Allows what musl's locks and conditions need of futex, and nothing else of it. */
void sysfilter_allow_locks(struct sysfilter *filter);

/* Allows seccomp, but only to add a filter to the calling thread. */
void sysfilter_allow_narrowing(struct sysfilter *filter);

/* The list allows system call NR with ARGUMENT, six of them. */
bool sysfilter_allows(const struct sysfilter *filter, int nr, const uint64_t *argument);

/* Translates the list into a program for the kernel that kills the process for everything else,
 * in PROGRAM->filter, where there is room for PROGRAM->len instructions; sets ->len. False if
 * the room is too small, or a rule is missing. */
bool sysfilter_translate(const struct sysfilter *filter, struct sock_fprog *program);

/* --- putting them in force --- */

/* Makes PROGRAM of the list by libseccomp, in memory that stays. Once. */
bool sysfilter_compile(const struct sysfilter *filter, struct sock_fprog *program,
		       struct problem *problem);

/* Puts PROGRAM in force over every thread of the process (TSYNC). */
bool sysfilter_install(const struct sock_fprog *program, struct problem *problem);

/* Puts PROGRAM in force over the calling thread, beside what is: only what both allow stays
 * allowed. False: errno. */
bool sysfilter_narrow(const struct sock_fprog *program);

/* Both for a process that does one thing alone. */
bool sysfilter_seal(const struct sysfilter *filter, struct problem *problem);

#endif
