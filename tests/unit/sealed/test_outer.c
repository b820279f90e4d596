/* The outer filter's program, which was made when mayfly was built. */
#define _GNU_SOURCE
#include <linux/filter.h>

#include "bpf.h"
#include "sandbox/outer.h"
#include "rules.h"

static void it_is_libseccomps(void **state)
{
	struct problem problem = {"", ""};

	(void)state;
	if (!outer_is_libseccomps(&problem))
		fail_msg("%s", in_words(&problem));
}

static void it_decides_as_its_list(void **state)
{
	struct sock_fprog program = outer_program();

	(void)state;
	outer_allow(list_anew());
	assert_true(bpf_is_sound(&program));
	bpf_compare(&listed, &program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_decides_as_its_list),
		cmocka_unit_test(it_is_libseccomps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
