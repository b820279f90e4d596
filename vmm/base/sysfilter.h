/* A list of allowed system calls, with the arguments that they may have. Each owner of a descriptor
 * adds its own rules, with the reason beside them. roles.c makes a list for each kind of thread,
 * outer_list.c one for all threads, and lockdown.c installs them. */
#ifndef MAYFLY_SYSFILTER_H
#define MAYFLY_SYSFILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/report.h"

enum {
	SYSFILTER_CONDITIONS = 3,
	SYSFILTER_RULES = 512, /* a vCPU with eight NICs of eight queues needs 200 */
};

/* Argument number ARGUMENT, masked with MASK, equals VALUE. */
struct sysfilter_condition {
	unsigned argument;
	uint64_t mask, value;
};

/* System call NR is allowed if all CONDITIONS are true. */
struct sysfilter_rule {
	int nr;
	unsigned conditions;
	struct sysfilter_condition condition[SYSFILTER_CONDITIONS];
};

struct sysfilter {
	bool full; /* a rule did not fit: the list cannot be installed */
	unsigned count;
	struct sysfilter_rule rule[SYSFILTER_RULES];
};

struct sock_fprog;

/* --- lists --- */

/* Allows system call NR with any arguments. */
void sysfilter_allow(struct sysfilter *filter, int nr);

/* Allows NR if its first argument is FD: a descriptor, or another number such as a clock's. */
void sysfilter_allow_fd(struct sysfilter *filter, int nr, int fd);

/* Allows NR on the COUNT descriptors from FIRST on. COUNT is a power of two and divides FIRST. */
void sysfilter_allow_fds(struct sysfilter *filter, int nr, int first, unsigned count);

/* The same two, if the second argument is VALUE. */
void sysfilter_allow_fd_with(struct sysfilter *filter, int nr, int fd, uint32_t value);
void sysfilter_allow_fds_with(struct sysfilter *filter, int nr, int first, unsigned count,
			      uint32_t value);

/* Allows NR if its second argument, a path, is NULL: NR then works on a descriptor. */
void sysfilter_allow_pathless(struct sysfilter *filter, int nr);

/* Allows ioctl REQUEST on COUNT descriptors from FIRST on (as above). Compares 32 bits, because
 * musl sign-extends requests. */
void sysfilter_allow_ioctl(struct sysfilter *filter, int first, unsigned count, uint32_t request);

/* Allows ppoll on COUNT descriptors, with an unchanged signal mask. */
void sysfilter_allow_wait(struct sysfilter *filter, unsigned count);

/* Allows the futex operations of musl's locks and conditions, and no others. */
void sysfilter_allow_locks(struct sysfilter *filter);

/* Allows seccomp only to add a filter to the calling thread. */
void sysfilter_allow_narrowing(struct sysfilter *filter);

/* True if the list allows system call NR with ARGUMENT, an array of six. */
bool sysfilter_allows(const struct sysfilter *filter, int nr, const uint64_t *argument);

/* Translates the list into a BPF program that kills the process for everything else. The program
 * goes to PROGRAM->filter, which has room for PROGRAM->len instructions; sets PROGRAM->len. False
 * if the room is too small or a rule is missing. */
bool sysfilter_translate(const struct sysfilter *filter, struct sock_fprog *program);

#endif
