#include "sandbox/outer.h"

#include <linux/filter.h>
#include <string.h>

#include "sandbox/seccomp.h"

static const struct sock_filter code[] = {
#include "outer.inc"
};

struct sock_fprog outer_program(void)
{
	/* The kernel only reads the program. */
	return (struct sock_fprog){sizeof(code) / sizeof(code[0]),
				   (struct sock_filter *)(uintptr_t)code};
}

bool outer_is_libseccomps(struct problem *problem)
{
	static struct sysfilter list;
	struct sock_fprog made;

	list.count = 0;
	outer_allow(&list);
	if (!sysfilter_compile(&list, &made, problem))
		return false;
	return (made.len == sizeof(code) / sizeof(code[0]) &&
		!memcmp(made.filter, code, sizeof(code))) ||
	       problem_set(problem, "the seccomp filter in this program is not the one that "
				    "libseccomp makes (this is a bug in mayfly: please report it)");
}
