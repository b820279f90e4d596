/* Whether selftest sees what it should: each try, with an expectation that is true and one that
 * is not. */
#define _GNU_SOURCE
#include "commands/selftest.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include "child.h"
#include "unit.h"
#include "sandbox/seccomp.h"

static struct sysfilter list;
static struct selftest test;

static int set_up(void **state)
{
	struct problem problem = {"", ""};

	(void)state;
	if (test.all.len)
		return 0;
	prctl(PR_SET_DUMPABLE, 0); /* selftest does so, too */
	sysfilter_allow(&list, SYS_exit_group);
	sysfilter_allow(&list, SYS_getppid);
	sysfilter_allow_fd(&list, SYS_close, 77);
	sysfilter_allow_narrowing(&list);
	if (!sysfilter_compile(&list, &test.all, &problem))
		fail_msg("%s", in_words(&problem));
	return 0;
}

static const struct {
	struct attempt attempt;
	bool passes;
} cases[] = {
	{{SYS_getppid, {0}}, true}, {{SYS_close, {77}}, true},  {{SYS_exit_group, {0}}, true},
	{{SYS_getpid, {0}}, false}, {{SYS_close, {78}}, false}, {{SYS_exit, {0}}, false},
	{{1000, {0}}, false},
};

static void what_is_expected_is_right(void **state)
{
	struct selftest part = {.all = test.all};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++)
		selftest_try(&part, NULL, "all", &cases[i].attempt, cases[i].passes);
	assert_int_equal(part.tried, COUNT(cases));
	assert_int_equal(part.denied, 4);
	assert_int_equal(part.wrong, 0);
}

static void what_is_not_is_wrong(void **state)
{
	struct selftest part = {.all = test.all};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		selftest_try(&part, NULL, "all", &cases[i].attempt, !cases[i].passes);
		assert_each(part.wrong == i + 1, "not seen", i);
	}
}

/* The narrow filter denies what that for all allows, and the other way round. */
static void both_filters_count(void **state)
{
	static struct sock_filter code[64];
	struct sock_fprog own = {COUNT(code), code};
	struct selftest part = {.all = test.all};
	struct sysfilter narrow = {0};

	(void)state;
	sysfilter_allow(&narrow, SYS_getpid);
	sysfilter_allow(&narrow, SYS_getppid);
	assert_true(sysfilter_translate(&narrow, &own));
	selftest_try(&part, &own, "narrow", &(struct attempt){SYS_getppid, {0}}, true);
	selftest_try(&part, &own, "narrow", &(struct attempt){SYS_getpid, {0}}, false);
	selftest_try(&part, &own, "narrow", &(struct attempt){SYS_close, {77}}, false);
	assert_int_equal(part.wrong, 0);
	assert_int_equal(part.denied, 2);
}

/* A filter that does not go in is not taken for one that denies. */
static void what_cannot_be_tried_is_wrong(void **state)
{
	static struct sock_filter broken = {.code = 0xffff};
	struct selftest part = {.all = {1, &broken}};

	(void)state;
	selftest_try(&part, NULL, "all", &cases[3].attempt, false);
	selftest_try(&part, NULL, "all", &cases[0].attempt, true);
	assert_int_equal(part.wrong, 2);
	assert_int_equal(part.denied, 0);
}

static void pass(void)
{
}

static void an_open_door_is_wrong(void **state)
{
	struct selftest part = {.all = test.all};

	(void)state;
	selftest_enter(&part, &(struct entry){"a door", pass});
	assert_int_equal(part.wrong, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_expected_is_right, set_up),
		cmocka_unit_test_setup(what_is_not_is_wrong, set_up),
		cmocka_unit_test_setup(both_filters_count, set_up),
		cmocka_unit_test_setup(what_cannot_be_tried_is_wrong, set_up),
		cmocka_unit_test_setup(an_open_door_is_wrong, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
