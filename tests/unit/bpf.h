/* Programs of seccomp(2), read as the kernel reads them (Documentation/networking/filter.rst),
 * and compared with the list that they were made of. */
#ifndef MAYFLY_BPF_H
#define MAYFLY_BPF_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "base/sysfilter.h"
#include "unit.h"

enum { X32 = 0x40000000, NUMBERS = 1024 };

static inline bool bpf_is_jump(const struct sock_filter *at)
{
	return BPF_CLASS(at->code) == BPF_JMP;
}

/* What the kernel would refuse, and less: only what a filter of ours may need. */
static inline bool bpf_is_sound(const struct sock_fprog *program)
{
	for (unsigned i = 0; i < program->len; i++) {
		const struct sock_filter *at = &program->filter[i];
		unsigned left = program->len - i - 1;

		switch (at->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (at->k % 4 || at->k >= sizeof(struct seccomp_data))
				return false;
			break;
		case BPF_JMP | BPF_JA:
			if (at->k >= left)
				return false;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			if (at->jt >= left || at->jf >= left)
				return false;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
		case BPF_RET | BPF_K:
			break;
		default:
			return false;
		}
	}
	/* All jumps lead forward, so every path comes to the last one, if not to another RET
	 * before. */
	return program->len && program->filter[program->len - 1].code == (BPF_RET | BPF_K);
}

static inline bool bpf_is_taken(const struct sock_filter *at, uint32_t a)
{
	switch (BPF_OP(at->code)) {
	case BPF_JEQ:
		return a == at->k;
	case BPF_JGT:
		return a > at->k;
	case BPF_JGE:
		return a >= at->k;
	default:
		return a & at->k;
	}
}

/* The verdict of PROGRAM, which is sound. */
static inline uint32_t bpf_run(const struct sock_fprog *program, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (const struct sock_filter *at = program->filter;; at++) {
		if (at->code == (BPF_LD | BPF_W | BPF_ABS))
			memcpy(&a, (const char *)data + at->k, sizeof(a));
		else if (at->code == (BPF_ALU | BPF_AND | BPF_K))
			a &= at->k;
		else if (at->code == (BPF_JMP | BPF_JA))
			at += at->k;
		else if (bpf_is_jump(at))
			at += bpf_is_taken(at, a) ? at->jt : at->jf;
		else
			return at->k;
	}
}

/* --- against its list --- */

struct bpf_trial {
	const struct sysfilter *list;
	const struct sock_fprog *program;
	unsigned tried, passed;
};

/* PROGRAM lets DATA pass if the list does, and otherwise kills the whole process. */
static inline void bpf_try(struct bpf_trial *trial, const struct seccomp_data *data)
{
	uint64_t argument[6];

	memcpy(argument, data->args, sizeof(argument));
	bool passes = data->arch == ARCH_AUDIT && sysfilter_allows(trial->list, data->nr, argument);
	uint32_t verdict = bpf_run(trial->program, data);

	trial->tried++;
	trial->passed += passes;
	if (verdict == (passes ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS))
		return;
	print_error("call %d of %#x (%#llx, %#llx, %#llx, %#llx) %s, but the program says %#x\n",
		    data->nr, data->arch, data->args[0], data->args[1], data->args[2],
		    data->args[3], passes ? "passes" : "is denied", verdict);
	fail();
}

/* The same in the guise of other architectures, and by numbers of x32's. */
static inline void bpf_try_guises(struct bpf_trial *trial, const struct seccomp_data *data)
{
	static const uint32_t arches[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, AUDIT_ARCH_I386,
					  AUDIT_ARCH_ARM, 0};
	struct seccomp_data other = *data;

	for (unsigned i = 0; i < COUNT(arches); i++) {
		other.arch = arches[i];
		bpf_try(trial, &other);
	}
	other.arch = ARCH_AUDIT;
	other.nr |= X32;
	bpf_try(trial, &other);
	other.nr = (int)(0x80000000u | (unsigned)data->nr);
	bpf_try(trial, &other);
}

/* What RULE allows, anything in the other arguments. */
static inline struct seccomp_data bpf_allowed(const struct sysfilter_rule *rule, uint32_t *seed)
{
	struct seccomp_data data = {.nr = rule->nr, .arch = ARCH_AUDIT};

	for (unsigned i = 0; i < 6; i++)
		data.args[i] = (uint64_t)next_random(seed) << 32 | next_random(seed);
	for (unsigned i = 0; i < rule->conditions; i++) {
		const struct sysfilter_condition *is = &rule->condition[i];
		__u64 *argument = &data.args[is->argument];

		*argument = (*argument & ~is->mask) | is->value;
	}
	return data;
}

static inline void bpf_try_rule(struct bpf_trial *trial, const struct sysfilter_rule *rule,
				uint32_t *seed)
{
	struct seccomp_data base = bpf_allowed(rule, seed);
	unsigned before = trial->passed;

	bpf_try(trial, &base);
	assert_int_equal(trial->passed, before + 1);
	bpf_try_guises(trial, &base);
	for (unsigned i = 0; i < rule->conditions; i++)
		for (unsigned bit = 0; bit < 64; bit++) {
			struct seccomp_data other = base;

			other.args[rule->condition[i].argument] ^= UINT64_C(1) << bit;
			bpf_try(trial, &other);
		}
	for (unsigned bit = 0; bit < 31; bit++) {
		struct seccomp_data other = base;

		other.nr ^= 1 << bit;
		bpf_try(trial, &other);
	}
}

/* What each pair of rules would allow, if their conditions were mixed up. */
static inline void bpf_try_pairs(struct bpf_trial *trial, uint32_t *seed)
{
	for (unsigned i = 0; i < trial->list->count; i++)
		for (unsigned j = 0; j < trial->list->count; j++) {
			const struct sysfilter_rule *rule = &trial->list->rule[i];
			struct seccomp_data one = bpf_allowed(rule, seed);
			struct seccomp_data other = bpf_allowed(&trial->list->rule[j], seed);

			for (unsigned k = 0; k < 4; k++) {
				struct seccomp_data mixed = one;

				mixed.args[k] = other.args[k];
				bpf_try(trial, &mixed);
			}
		}
}

static inline void bpf_try_numbers(struct bpf_trial *trial, uint32_t *seed)
{
	static const struct sysfilter_rule any;

	for (int nr = -1; nr < NUMBERS; nr++) {
		struct seccomp_data zeros = {.nr = nr, .arch = ARCH_AUDIT};
		struct seccomp_data data = bpf_allowed(&any, seed);

		bpf_try(trial, &zeros);
		bpf_try_guises(trial, &zeros);
		data.nr = nr;
		bpf_try(trial, &data);
		memset(data.args, 0xff, sizeof(data.args));
		bpf_try(trial, &data);
	}
}

/* PROGRAM decides as LIST does, near what passes and far from it. */
static inline void bpf_compare(const struct sysfilter *list, const struct sock_fprog *program)
{
	struct bpf_trial trial = {.list = list, .program = program};
	uint32_t seed = 1;

	assert_true(bpf_is_sound(program));
	bpf_try_numbers(&trial, &seed);
	for (unsigned i = 0; i < list->count; i++)
		bpf_try_rule(&trial, &list->rule[i], &seed);
	bpf_try_pairs(&trial, &seed);
	assert_true(trial.tried > NUMBERS);
}

/* --- lists --- */

/* One of each kind, as owners of descriptors make them. */
static inline void bpf_list_of_all_kinds(struct sysfilter *list)
{
	sysfilter_allow(list, 231);
	sysfilter_allow_fd(list, 0, 32);
	sysfilter_allow_fd(list, 0, 2);
	sysfilter_allow_fd(list, 1, INT32_MAX);
	sysfilter_allow_fds(list, 0, 128, 128);
	sysfilter_allow_fd_with(list, 285, 96, 3);
	sysfilter_allow_fd_with(list, 285, 96, 0x11);
	sysfilter_allow_pathless(list, 280);
	sysfilter_allow_ioctl(list, 64, 32, 0xae80);
	sysfilter_allow_ioctl(list, 39, 1, 0x80045432);
	sysfilter_allow_wait(list, 9);
	sysfilter_allow_wait(list, 2);
	sysfilter_allow_locks(list);
	sysfilter_allow_narrowing(list);
}

/* SIMPLE: nothing that no owner would ask for. */
static inline void bpf_random_list(struct sysfilter *list, uint32_t *seed, bool simple)
{
	static const uint64_t masks[] = {UINT32_MAX, UINT64_MAX, 0xfffffffc, 0xffffff80};
	unsigned count = 1 + next_random(seed) % 24;

	*list = (struct sysfilter){.count = count};
	for (unsigned i = 0; i < count; i++) {
		struct sysfilter_rule *rule = &list->rule[i];
		unsigned argument = next_random(seed) % 2;

		rule->nr = (int)(next_random(seed) % (simple ? 12 : 6));
		rule->conditions = next_random(seed) % (SYSFILTER_CONDITIONS + 1);
		for (unsigned j = 0; j < rule->conditions; j++, argument++) {
			uint64_t mask = masks[next_random(seed) % COUNT(masks)];
			uint64_t value = next_random(seed) % 16;

			if (!simple && next_random(seed) % 2) {
				mask = (uint64_t)next_random(seed) << 32 | next_random(seed);
				value = (uint64_t)next_random(seed) << 32 | next_random(seed);
			}
			rule->condition[j] =
				(struct sysfilter_condition){argument, mask, value & mask};
		}
	}
}

#endif
