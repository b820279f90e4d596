/* `mayfly selftest`: proves on this host, without KVM, that the filters deny what they must. */
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

/* A real attack, with arguments that would work. */
struct attack {
	const char *what;
	struct attempt attempt;
};

extern const struct attack attacks[];

/* Another system call entry of the architecture, with its own table of calls. The last one has no
 * name. */
struct entry {
	const char *name;
	void (*enter)(void);
};

extern const struct entry arch_entries[];

/* System calls that newer kernels let pass every filter. The last one has no name. */
struct exemption {
	const char *name;
	int nr;
};

extern const struct exemption arch_exemptions[];

/* The filters under test: the outer filter, and with it a role's own. */
struct selftest {
	struct sock_fprog all;
	unsigned tried, denied;
	unsigned exempt; /* arch_exemptions that passed */
	unsigned wrong;  /* results that the list contradicts */
};

/* Tries ATTEMPT in a child process under both filters and counts the result. OWN is the role's
 * filter, or NULL. EXPECTED: the call must pass. ROLE and WHAT are for the message about a wrong
 * result. */
void selftest_try(struct selftest *test, const struct sock_fprog *own, const char *role,
		  const struct attempt *attempt, bool expected);

/* The same for another entry, which must be closed. */
void selftest_enter(struct selftest *test, const struct entry *entry);

/* A filter, with its list. */
struct trial {
	struct selftest *test;
	const struct sysfilter *list;
	const struct sock_fprog *own;
	const char *role;
};

/* Tries each system call, each rule with its conditions broken in turn, each request of KVM and
 * TUN, and the attacks. */
void trial_everything(const struct trial *trial);

/* Tries the calls that ALL allows, because only these get to the role's own filter, and each of the
 * role's rules on other descriptors. */
void trial_role(const struct trial *trial, const struct sysfilter *all);

/* Tries the system calls from number FROM on. */
void trial_numbers(const struct trial *trial, int from);

/* The command. Returns 0 if exactly the allowed calls pass, 1 if not, 125 for bad usage or if the
 * test could not be made. */
int selftest_run(char **arguments);

#endif
