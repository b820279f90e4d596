/* The list of system calls, and its translation, which is run here as the kernel would. */
#define _GNU_SOURCE
#include "bpf.h"
#include "rules.h"

#include <linux/futex.h>

static struct sysfilter other;
static struct sock_filter code[16384];

/* As long as it likes. */
static struct sock_fprog translate(const struct sysfilter *list)
{
	struct sock_fprog program = {COUNT(code), code};

	memset(code, 0xff, sizeof(code));
	assert_true(sysfilter_translate(list, &program));
	return program;
}

/* --- lists --- */

static void a_rule_is_there_once(void **state)
{
	(void)state;
	list_anew();
	for (unsigned i = 0; i < 3; i++)
		bpf_list_of_all_kinds(&listed);
	assert_int_equal(listed.count, 16);
	assert_false(listed.full);
	/* Another call, descriptor, value or span is another rule. */
	sysfilter_allow(&listed, 230);
	sysfilter_allow_fd(&listed, 0, 33);
	sysfilter_allow_fds(&listed, 0, 128, 64);
	sysfilter_allow_fd_with(&listed, 285, 96, 0);
	sysfilter_allow_fd_with(&listed, 285, 97, 3);
	sysfilter_allow_fd(&listed, 285, 96);
	sysfilter_allow_wait(&listed, 3);
	assert_int_equal(listed.count, 23);
}

/* What is between a rule's members, by chance, does not make another one of it. */
static void a_rule_is_what_it_says(void **state)
{
	(void)state;
	list_anew();
	other = (struct sysfilter){0};
	bpf_list_of_all_kinds(&other);
	memset(listed.rule, 0xa5, sizeof(listed.rule));
	for (unsigned i = 0; i < other.count; i++) {
		struct sysfilter_rule *copy = &listed.rule[listed.count++];

		copy->nr = other.rule[i].nr;
		copy->conditions = other.rule[i].conditions;
		for (unsigned j = 0; j < copy->conditions; j++) {
			copy->condition[j].argument = other.rule[i].condition[j].argument;
			copy->condition[j].mask = other.rule[i].condition[j].mask;
			copy->condition[j].value = other.rule[i].condition[j].value;
		}
	}
	bpf_list_of_all_kinds(&listed);
	assert_int_equal(listed.count, other.count);
}

static void what_a_rule_says(void **state)
{
	static const struct rule rules[] = {
		{SYS_exit_group, ANY, ANY},
		{SYS_read, 7, ANY},
		{SYS_read, SPAN(128, 16), ANY},
		{SYS_fallocate, 8, 3},
		{SYS_ioctl, SPAN(64, 32), 0xae80},
		{SYS_ioctl, 39, 0x80045432},
		{SYS_ppoll, ANY, 2},
		LOCKS,
	};
	static const uint64_t narrowing[6] = {SECCOMP_SET_MODE_FILTER, 0, 0x1000};

	(void)state;
	list_anew();
	sysfilter_allow(&listed, SYS_exit_group);
	sysfilter_allow_fd(&listed, SYS_read, 7);
	sysfilter_allow_fds(&listed, SYS_read, 128, 16);
	sysfilter_allow_fd_with(&listed, SYS_fallocate, 8, 3);
	sysfilter_allow_ioctl(&listed, 64, 32, 0xae80);
	sysfilter_allow_ioctl(&listed, 39, 1, 0x80045432);
	sysfilter_allow_wait(&listed, 2);
	sysfilter_allow_locks(&listed);
	assert_rules(&listed, rules, COUNT(rules));
	assert_false(sysfilter_allows(&listed, SYS_seccomp, narrowing));
	sysfilter_allow_narrowing(&listed);
	assert_true(sysfilter_allows(&listed, SYS_seccomp, narrowing));
}

static void a_list_has_an_end(void **state)
{
	static const uint64_t arguments[6];
	struct sock_fprog program = {COUNT(code), code};

	(void)state;
	list_anew();
	for (int i = 0; i < SYSFILTER_RULES; i++) {
		assert_each(!listed.full, "full after", i);
		sysfilter_allow(&listed, i);
	}
	assert_int_equal(listed.count, SYSFILTER_RULES);
	sysfilter_allow(&listed, 5); /* is there already */
	assert_false(listed.full);
	assert_true(sysfilter_translate(&listed, &program));
	/* One more is forgotten, and the list worthless. */
	sysfilter_allow(&listed, SYSFILTER_RULES);
	assert_true(listed.full);
	assert_int_equal(listed.count, SYSFILTER_RULES);
	assert_false(sysfilter_allows(&listed, SYSFILTER_RULES, arguments));
	program.len = COUNT(code);
	assert_false(sysfilter_translate(&listed, &program));
}

/* --- what is allowed --- */

static void by_arguments(void **state)
{
	static const uint64_t high = UINT64_C(0xdeadbeef) << 32;
	static const struct {
		int nr;
		uint64_t argument[6];
		bool allowed;
	} cases[] = {
		{231, {1, 2, 3, 4, 5, 6}, true},
		{230, {1, 2, 3, 4, 5, 6}, false},
		{0, {32}, true},
		{0, {33}, false},
		{0, {high | 32}, true}, /* an int's upper half is nothing */
		{0, {127}, false},
		{0, {128}, true},
		{0, {255}, true},
		{0, {256}, false},
		{0, {UINT64_MAX}, false},
		{1, {INT32_MAX}, true},
		{285, {96, 3}, true},
		{285, {96, 0x11}, true},
		{285, {96, 0}, false},
		{285, {97, 3}, false},
		{280, {5, 0, 6, 7}, true},
		{280, {5, 1, 6, 7}, false},
		{280, {5, high, 6, 7}, false}, /* a pointer has no upper half to spare */
		{SYS_ioctl, {64, 0xae80}, true},
		{SYS_ioctl, {95, 0xae80}, true},
		{SYS_ioctl, {96, 0xae80}, false},
		{SYS_ioctl, {39, 0xae80}, false},
		{SYS_ioctl, {39, 0x80045432}, true},
		{SYS_ioctl, {39, 0xffffffff80045432}, true}, /* as musl passes it */
		{SYS_ppoll, {1, 9, 2, 0, 3}, true},
		{SYS_ppoll, {1, 10, 2, 0, 3}, false},
		{SYS_ppoll, {1, 9, 2, 1, 3}, false},
		{SYS_ppoll, {1, 2, 2, high, 3}, false},
		{SYS_futex, {0x1000, FUTEX_WAIT_PRIVATE}, true},
		{SYS_futex, {0x1000, FUTEX_WAKE_PRIVATE}, true},
		{SYS_futex, {0x1000, FUTEX_REQUEUE_PRIVATE}, true},
		{SYS_futex, {0x1000, FUTEX_WAIT}, false},
		{SYS_futex, {0x1000, FUTEX_CMP_REQUEUE_PI_PRIVATE}, false},
		{SYS_futex, {0x1000, FUTEX_WAIT_PRIVATE | FUTEX_CLOCK_REALTIME}, false},
		{SYS_seccomp, {SECCOMP_SET_MODE_FILTER, 0}, true},
		{SYS_seccomp, {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC}, false},
		{SYS_seccomp, {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER}, false},
		{SYS_seccomp, {SECCOMP_GET_ACTION_AVAIL, 0}, false},
	};

	(void)state;
	list_anew();
	bpf_list_of_all_kinds(&listed);
	struct sock_fprog program = translate(&listed);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct seccomp_data data = {.nr = cases[i].nr, .arch = ARCH_AUDIT};

		memcpy(data.args, cases[i].argument, sizeof(data.args));
		assert_each(sysfilter_allows(&listed, cases[i].nr, cases[i].argument) ==
				    cases[i].allowed,
			    "list, case", i);
		assert_each(
			bpf_run(&program, &data) ==
				(cases[i].allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS),
			"program, case", i);
	}
}

/* --- the translation --- */

static void an_empty_list_denies_all(void **state)
{
	(void)state;
	struct sock_fprog program = translate(list_anew());
	bpf_compare(&listed, &program);
}

static void each_kind_of_rule(void **state)
{
	(void)state;
	list_anew();
	bpf_list_of_all_kinds(&listed);
	struct sock_fprog program = translate(&listed);
	bpf_compare(&listed, &program);
	/* And each of them alone. */
	for (unsigned i = 0; i < listed.count; i++) {
		other = (struct sysfilter){.count = 1, .rule = {listed.rule[i]}};
		program = translate(&other);
		bpf_compare(&other, &program);
	}
}

static void lists_by_chance(void **state)
{
	uint32_t seed = 20261;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		bpf_random_list(&listed, &seed, round % 2);
		struct sock_fprog program = translate(&listed);
		bpf_compare(&listed, &program);
	}
}

/* The longest jump of all: over a call's rules, where 255 instructions are not enough for a
 * conditional one. */
static void as_many_rules_as_there_can_be(void **state)
{
	static const struct sysfilter_condition whole = {0, UINT64_MAX, 0};

	(void)state;
	list_anew();
	listed.count = SYSFILTER_RULES;
	for (unsigned i = 0; i < SYSFILTER_RULES; i++) {
		struct sysfilter_rule *rule = &listed.rule[i];

		*rule = (struct sysfilter_rule){(int)(i % 2), 3, {whole, whole, whole}};
		for (unsigned j = 0; j < 3; j++) {
			rule->condition[j].argument = 2 - j;
			rule->condition[j].value = UINT64_C(0x0101010101010101) * (i / 2);
		}
	}
	struct sock_fprog program = translate(&listed);
	assert_true(program.len > 512 * 18 && program.len < COUNT(code));
	struct bpf_trial trial = {.list = &listed, .program = &program};
	uint32_t seed = 7;
	assert_true(bpf_is_sound(&program));
	for (unsigned i = 0; i < SYSFILTER_RULES; i += 37)
		bpf_try_rule(&trial, &listed.rule[i], &seed);
}

static void no_room(void **state)
{
	struct sock_fprog program;

	(void)state;
	list_anew();
	bpf_list_of_all_kinds(&listed);
	unsigned short needed = translate(&listed).len;
	for (unsigned short room = 0; room < needed; room++) {
		program = (struct sock_fprog){room, code};
		memset(code, 0xee, sizeof(code));
		assert_each(!sysfilter_translate(&listed, &program), "room", room);
		for (unsigned i = 0; i < (needed + 8u - room) * sizeof(*code); i++)
			assert_each(((uint8_t *)&code[room])[i] == 0xee, "written beyond", room);
	}
	program = (struct sock_fprog){needed, code};
	assert_true(sysfilter_translate(&listed, &program));
	assert_int_equal(program.len, needed);
	assert_int_equal(((uint8_t *)&code[needed])[0], 0xee);
	bpf_compare(&listed, &program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_is_there_once),
		cmocka_unit_test(a_rule_is_what_it_says),
		cmocka_unit_test(what_a_rule_says),
		cmocka_unit_test(a_list_has_an_end),
		cmocka_unit_test(by_arguments),
		cmocka_unit_test(an_empty_list_denies_all),
		cmocka_unit_test(each_kind_of_rule),
		cmocka_unit_test(lists_by_chance),
		cmocka_unit_test(as_many_rules_as_there_can_be),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
