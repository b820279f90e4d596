/* `mayfly selftest`: proves on this host, without KVM, that the filters deny what they should. */
#ifndef MAYFLY_SELFTEST_H
#define MAYFLY_SELFTEST_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/sysfilter.h"

/* A system call to try. */
struct attempt {
	int nr;
	uint64_t argument[6];
};

/* A real attack, with arguments that would do it. */
struct attack {
	const char *what;
	struct attempt attempt;
};

extern const struct attack attacks[];

/* Another door of the architecture's into the kernel, with a table of system calls of its own;
 * the last has no name. */
struct entry {
	const char *name;
	void (*enter)(void);
};

extern const struct entry arch_entries[];

/* System calls that newer kernels let through every filter; the last has no name. */
struct exemption {
	const char *name;
	int nr;
};

extern const struct exemption arch_exemptions[];

/* The filters that are tried: one for everybody, and that of a role beside it. */
struct selftest {
	struct sock_fprog all;
	unsigned tried, denied;
	unsigned exempt; /* of arch_exemptions, what passed */
	unsigned wrong;  /* what passed, or was denied, though the list says otherwise */
};

/* Tries ATTEMPT in a child under both filters, of which OWN (or NULL) is the role's, and counts;
 * EXPECTED: it passes. ROLE and WHAT are for the line that says what is wrong. */
void selftest_try(struct selftest *test, const struct sock_fprog *own, const char *role,
		  const struct attempt *attempt, bool expected);

/* The same for a door, which must be shut. */
void selftest_enter(struct selftest *test, const struct entry *entry);

/* A filter's list, and what is tried under it. */
struct trial {
	struct selftest *test;
	const struct sysfilter *list;
	const struct sock_fprog *own;
	const char *role;
};

/* Tries each system call, each rule with its conditions broken in turn, each request of KVM and
 * TUN, and the attacks. */
void trial_everything(const struct trial *trial);

/* Tries what ALL allows, which is not denied before it comes to the role's own list, and each
 * rule of that on other descriptors. */
void trial_role(const struct trial *trial, const struct sysfilter *all);

/* Tries the system calls from number FROM on. */
void trial_numbers(const struct trial *trial, int from);

/* The command. Returns 0 if exactly what the lists allow passes, 1 if not, 125 for bad usage, or
 * if it could not be tried. */
int selftest_run(char **arguments);

#endif
