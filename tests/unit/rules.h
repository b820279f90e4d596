/* What the owners of descriptors ask for (their *_allow functions), compared with what a test
 * says that they need. */
#ifndef MAYFLY_RULES_H
#define MAYFLY_RULES_H

#include <sys/syscall.h>

#include "base/sysfilter.h"
#include "unit.h"

enum { ANY = -1 };

/* A rule as a person would say it. */
struct rule {
	int nr;
	int fd;         /* the first argument, or the first of a SPAN of them, or ANY */
	int64_t second; /* the second, in 32 bits, or ANY */
};

#define SPAN(first, count) ((first) | (count) << 16)

/* futex(2) of <linux/futex.h>: WAIT, WAKE and REQUEUE, each private. */
#define LOCKS {SYS_futex, ANY, 0x80}, {SYS_futex, ANY, 0x81}, {SYS_futex, ANY, 0x83}

/* The list of the running test. */
static struct sysfilter listed;

static inline struct sysfilter *list_anew(void)
{
	listed = (struct sysfilter){0};
	return &listed;
}

static inline bool has_condition(const struct sysfilter_rule *rule, unsigned argument,
				 uint64_t mask, uint64_t value)
{
	for (unsigned i = 0; i < rule->conditions; i++)
		if (rule->condition[i].argument == argument && rule->condition[i].mask == mask &&
		    rule->condition[i].value == value)
			return true;
	return false;
}

/* RULE says neither less nor more than WANTED. Nobody waits with another signal mask. */
static inline bool is_rule(const struct sysfilter_rule *rule, const struct rule *wanted)
{
	unsigned span = wanted->fd >> 16 ? (unsigned)wanted->fd >> 16 : 1, conditions = 0;
	bool same = rule->nr == wanted->nr;

	if (wanted->fd != ANY) {
		same &= has_condition(rule, 0, UINT32_MAX - (span - 1), wanted->fd & 0xffff);
		conditions++;
	}
	if (wanted->second != ANY) {
		same &= has_condition(rule, 1, UINT32_MAX, (uint64_t)wanted->second);
		conditions++;
	}
	if (wanted->nr == SYS_ppoll) {
		same &= has_condition(rule, 3, UINT64_MAX, 0);
		conditions++;
	}
	return same && rule->conditions == conditions;
}

/* FILTER has a rule for NR on FD, alone or in a span; FD may be ANY: one for whatever arguments. */
static inline bool has_rule(const struct sysfilter *filter, int nr, int fd)
{
	for (unsigned i = 0; i < filter->count; i++) {
		const struct sysfilter_rule *rule = &filter->rule[i];
		bool of_fd = rule->conditions && rule->condition[0].argument == 0;

		if (rule->nr != nr || of_fd != (fd != ANY))
			continue;
		if (!of_fd || ((uint32_t)fd & rule->condition[0].mask) == rule->condition[0].value)
			return true;
	}
	return false;
}

static inline unsigned rules_of(const struct sysfilter *filter, int nr)
{
	unsigned count = 0;

	for (unsigned i = 0; i < filter->count; i++)
		count += filter->rule[i].nr == nr;
	return count;
}

#define assert_rules(filter, wanted, count) rules_compare(filter, wanted, count, __FILE__, __LINE__)

/* FILTER is just WANTED, in any order. */
static inline void rules_compare(const struct sysfilter *filter, const struct rule *wanted,
				 unsigned count, const char *file, int line)
{
	bool same = !filter->full && filter->count == count;

	for (unsigned i = 0; i < count; i++) {
		bool there = false;

		for (unsigned j = 0; j < filter->count; j++)
			there |= is_rule(&filter->rule[j], &wanted[i]);
		if (!there)
			print_error("no rule for call %d on %d, second %lld\n", wanted[i].nr,
				    wanted[i].fd, (long long)wanted[i].second);
		same &= there;
	}
	for (unsigned i = 0; i < filter->count; i++) {
		bool asked = false;

		for (unsigned j = 0; j < count; j++)
			asked |= is_rule(&filter->rule[i], &wanted[j]);
		if (!asked)
			print_error("rule %u, for call %d, is one too many\n", i,
				    filter->rule[i].nr);
		same &= asked;
	}
	if (!same) {
		print_error("%u rules, %u wanted\n", filter->count, count);
		_fail(file, line);
	}
}

#endif
