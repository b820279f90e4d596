/* The calls that are tried under a filter: all of them, close to allowed ones and far from them. */
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sys/syscall.h>

#include "base/config.h"
#include "base/fdplan.h"
#include "commands/selftest.h"

#define NUMBERS 512 /* system calls; Linux has 470 */

/* All requests of KVM and TUN. */
static const uint32_t requests[] = {
#include "ioctls.inc"
};

static void try(const struct trial *trial, const struct attempt *attempt)
{
	selftest_try(trial->test, trial->own, trial->role, attempt,
		     sysfilter_allows(trial->list, attempt->nr, attempt->argument));
}

void trial_numbers(const struct trial *trial, int from)
{
	for (int nr = 0; nr < NUMBERS; nr++)
		try(trial, &(struct attempt){.nr = from + nr});
}

/* Numbers around those of our descriptors, and far from them. */
static const int foreign[] = {
	-1,
	0,
	1,
	2,
	3,
	FD_SIGNALS,
	FD_PARENT,
	FD_ENDING,
	FD_IN,
	FD_LOG,
	FD_TERMINAL,
	FD_GUARDIAN,
	FD_VM,
	FD_STATS,
	FD_OUTBOX,
	FD_PEAK,
	FD_TASKS,
	FD_VCPU - 1,
	FD_VCPU,
	FD_DISK - 1,
	FD_DISK,
	FD_DISK + 1,
	FD_SCRATCH,
	FD_SCRATCH + 1,
	FD_VIRTIO_IRQ,
	FD_STATUS,
	FD_KICK,
	FD_TAP,
	FD_TAP + 16,
	FD_END,
};

/* Flips the bits of ARGUMENT, one by one. For a descriptor some bits are enough, because of the
 * list above. */
static void flip_bits(const struct trial *trial, const struct attempt *base, unsigned argument)
{
	for (unsigned bit = 0; bit < 64; bit += argument ? 1 : 7) {
		struct attempt other = *base;

		other.argument[argument] ^= 1ull << bit;
		try(trial, &other);
	}
}

static void try_foreign(const struct trial *trial, const struct attempt *base)
{
	for (unsigned i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		struct attempt other = *base;

		other.argument[0] = (uint64_t)foreign[i];
		try(trial, &other);
	}
}

static struct attempt exactly(const struct sysfilter_rule *rule)
{
	struct attempt attempt = {.nr = rule->nr};

	for (unsigned i = 0; i < rule->conditions; i++)
		attempt.argument[rule->condition[i].argument] = rule->condition[i].value;
	return attempt;
}

/* Tries what RULE allows; the same on other descriptors; and, if ALL, with each argument broken in
 * turn. */
static void try_rule(const struct trial *trial, const struct sysfilter_rule *rule, bool all)
{
	struct attempt base = exactly(rule);

	try(trial, &base);
	for (unsigned i = 0; i < rule->conditions; i++) {
		if (rule->condition[i].argument == 0)
			try_foreign(trial, &base);
		if (all)
			flip_bits(trial, &base, rule->condition[i].argument);
	}
}

static void try_requests(const struct trial *trial)
{
	static const int fds[] = {FD_VM, FD_VCPU, FD_TAP + 2 * DEVICE_QUEUES_MAX, FD_TERMINAL};

	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		for (unsigned j = 0; j < sizeof(requests) / sizeof(requests[0]); j++)
			try(trial, &(struct attempt){SYS_ioctl, {(uint64_t)fds[i], requests[j]}});
}

static void try_attacks(const struct trial *trial)
{
	for (const struct attack *attack = attacks; attack->what; attack++)
		selftest_try(trial->test, trial->own, attack->what, &attack->attempt, false);
}

void trial_everything(const struct trial *trial)
{
	trial_numbers(trial, 0);
	for (unsigned i = 0; i < trial->list->count; i++)
		try_rule(trial, &trial->list->rule[i], true);
	try_requests(trial);
	try_attacks(trial);
}

void trial_role(const struct trial *trial, const struct sysfilter *all)
{
	for (unsigned i = 0; i < all->count; i++) {
		struct attempt attempt = exactly(&all->rule[i]);

		try(trial, &attempt);
	}
	for (unsigned i = 0; i < trial->list->count; i++)
		try_rule(trial, &trial->list->rule[i], false);
}
