#include "base/sysfilter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

/* --- the list --- */

/* Member by member, because padding may be anything. */
static bool is_same(const struct sysfilter_rule *one, const struct sysfilter_rule *other)
{
	if (one->nr != other->nr || one->conditions != other->conditions)
		return false;
	for (unsigned i = 0; i < one->conditions; i++) {
		const struct sysfilter_condition *a = &one->condition[i];
		const struct sysfilter_condition *b = &other->condition[i];

		if (a->argument != b->argument || a->mask != b->mask || a->value != b->value)
			return false;
	}
	return true;
}

static void add(struct sysfilter *filter, const struct sysfilter_rule *rule)
{
	for (unsigned i = 0; i < filter->count; i++)
		if (is_same(&filter->rule[i], rule))
			return;
	if (filter->count == SYSFILTER_RULES)
		filter->full = true;
	else
		filter->rule[filter->count++] = *rule;
}

/* Descriptors are ints: the upper half of the register is ignored. */
static struct sysfilter_condition fd_is(int first, unsigned count)
{
	return (struct sysfilter_condition){0, UINT32_MAX & ~(uint64_t)(count - 1),
					    (uint32_t)first};
}

static struct sysfilter_condition argument_is(unsigned argument, uint32_t value)
{
	return (struct sysfilter_condition){argument, UINT32_MAX, value};
}

static struct sysfilter_condition is_null(unsigned argument)
{
	return (struct sysfilter_condition){argument, UINT64_MAX, 0};
}

void sysfilter_allow(struct sysfilter *filter, int nr)
{
	add(filter, &(struct sysfilter_rule){.nr = nr});
}

void sysfilter_allow_fd(struct sysfilter *filter, int nr, int fd)
{
	sysfilter_allow_fds(filter, nr, fd, 1);
}

void sysfilter_allow_fds(struct sysfilter *filter, int nr, int first, unsigned count)
{
	add(filter, &(struct sysfilter_rule){nr, 1, {fd_is(first, count)}});
}

void sysfilter_allow_fd_with(struct sysfilter *filter, int nr, int fd, uint32_t value)
{
	sysfilter_allow_fds_with(filter, nr, fd, 1, value);
}

void sysfilter_allow_fds_with(struct sysfilter *filter, int nr, int first, unsigned count,
			      uint32_t value)
{
	add(filter, &(struct sysfilter_rule){nr, 2, {fd_is(first, count), argument_is(1, value)}});
}

void sysfilter_allow_pathless(struct sysfilter *filter, int nr)
{
	add(filter, &(struct sysfilter_rule){nr, 1, {is_null(1)}});
}

void sysfilter_allow_ioctl(struct sysfilter *filter, int first, unsigned count, uint32_t request)
{
	sysfilter_allow_fds_with(filter, SYS_ioctl, first, count, request);
}

void sysfilter_allow_wait(struct sysfilter *filter, unsigned count)
{
	add(filter, &(struct sysfilter_rule){SYS_ppoll, 2, {argument_is(1, count), is_null(3)}});
}

void sysfilter_allow_locks(struct sysfilter *filter)
{
	/* FUTEX_REQUEUE moves threads from a condition to its lock. */
	static const uint32_t operations[] = {FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE};

	for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		add(filter,
		    &(struct sysfilter_rule){
			    SYS_futex, 1, {argument_is(1, operations[i] | FUTEX_PRIVATE_FLAG)}});
}

void sysfilter_allow_narrowing(struct sysfilter *filter)
{
	add(filter,
	    &(struct sysfilter_rule){
		    SYS_seccomp, 2, {argument_is(0, SECCOMP_SET_MODE_FILTER), argument_is(1, 0)}});
}

static bool is_true(const struct sysfilter_rule *rule, const uint64_t *argument)
{
	for (unsigned i = 0; i < rule->conditions; i++) {
		const struct sysfilter_condition *is = &rule->condition[i];

		if ((argument[is->argument] & is->mask) != is->value)
			return false;
	}
	return true;
}

bool sysfilter_allows(const struct sysfilter *filter, int nr, const uint64_t *argument)
{
	for (unsigned i = 0; i < filter->count; i++)
		if (filter->rule[i].nr == nr && is_true(&filter->rule[i], argument))
			return true;
	return false;
}

/* --- the translation --- */

struct output {
	struct sock_filter *code;
	unsigned size, length; /* LENGTH grows even without room */
};

static unsigned emit(struct output *out, struct sock_filter instruction)
{
	if (out->length < out->size)
		out->code[out->length] = instruction;
	return out->length++;
}

static void load(struct output *out, size_t offset)
{
	emit(out, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct output *out, uint32_t action)
{
	emit(out, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Compares half a register. If it differs, jumps over the rest of the rule, which has LEFT more
 * halves. */
static void compare(struct output *out, size_t offset, uint32_t mask, uint32_t value, unsigned left)
{
	enum { HALF = 3, RETURN = 1 };

	load(out, offset);
	emit(out, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
	emit(out, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0,
					       (uint8_t)(HALF * left + RETURN)));
}

static unsigned halves(const struct sysfilter_rule *rule)
{
	unsigned count = 0;

	for (unsigned i = 0; i < rule->conditions; i++)
		count += rule->condition[i].mask > UINT32_MAX ? 2 : 1;
	return count;
}

/* Little-endian: the lower half of a register comes first. */
static void translate_rule(struct output *out, const struct sysfilter_rule *rule)
{
	unsigned left = halves(rule);

	for (unsigned i = 0; i < rule->conditions; i++) {
		const struct sysfilter_condition *is = &rule->condition[i];
		size_t offset = offsetof(struct seccomp_data, args) + is->argument * 8;

		compare(out, offset, (uint32_t)is->mask, (uint32_t)is->value, --left);
		if (is->mask > UINT32_MAX)
			compare(out, offset + 4, (uint32_t)(is->mask >> 32),
				(uint32_t)(is->value >> 32), --left);
	}
	answer(out, SECCOMP_RET_ALLOW);
}

static bool is_first_of_call(const struct sysfilter *filter, unsigned index)
{
	for (unsigned i = 0; i < index; i++)
		if (filter->rule[i].nr == filter->rule[index].nr)
			return false;
	return true;
}

/* All the rules of one system call. */
static void translate_call(struct output *out, const struct sysfilter *filter, unsigned first)
{
	int nr = filter->rule[first].nr;

	emit(out, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 1, 0));
	unsigned leap = emit(out, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
	for (unsigned i = first; i < filter->count; i++)
		if (filter->rule[i].nr == nr)
			translate_rule(out, &filter->rule[i]);
	answer(out, SECCOMP_RET_KILL_PROCESS);
	if (leap < out->size)
		out->code[leap].k = out->length - leap - 1;
}

bool sysfilter_translate(const struct sysfilter *filter, struct sock_fprog *program)
{
	struct output out = {.code = program->filter, .size = program->len};

	load(&out, offsetof(struct seccomp_data, arch));
	emit(&out, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH_AUDIT, 1, 0));
	answer(&out, SECCOMP_RET_KILL_PROCESS);
	load(&out, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < filter->count; i++)
		if (is_first_of_call(filter, i))
			translate_call(&out, filter, i);
	answer(&out, SECCOMP_RET_KILL_PROCESS);
	program->len = (unsigned short)out.length;
	return !filter->full && out.length <= out.size;
}
