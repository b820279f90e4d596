/* filter: prints the program of the outer seccomp filter, as libseccomp makes it for the
 * architecture that ARCH_AUDIT names. Runs on the machine that builds, which need not be of that
 * architecture: libseccomp translates the numbers of system calls. */
#include <linux/filter.h>
#include <stdio.h>

#include "sandbox/outer.h"
#include "sandbox/seccomp.h"

int main(void)
{
	static struct sysfilter list;
	struct sock_fprog program;
	struct problem problem;

	outer_allow(&list);
	if (!sysfilter_compile(&list, &program, &problem)) {
		problem_report(&problem);
		return 1;
	}
	for (unsigned i = 0; i < program.len; i++) {
		const struct sock_filter *is = &program.filter[i];

		printf("{%#x, %u, %u, %#x},\n", is->code, is->jt, is->jf, is->k);
	}
	return 0;
}
