#include "sandbox/capabilities.h"

#include <linux/capability.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct sets {
	struct __user_cap_data_struct half[_LINUX_CAPABILITY_U32S_3];
};

static bool transfer(long nr, struct sets *sets)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(nr, &header, sets->half) == 0;
}

void capabilities_raise(void)
{
	struct sets sets;

	if (!transfer(SYS_capget, &sets))
		return;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		sets.half[i].effective = sets.half[i].permitted;
	transfer(SYS_capset, &sets); /* on failure, the calls that need them fail */
}

bool capabilities_keep(uint64_t keep)
{
	struct sets sets;

	/* A process that may not drop the bounding set cannot gain from it either: no_new_privs. */
	for (unsigned number = 0; number < 64; number++)
		if (!(keep >> number & 1) && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0)
			break;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (!transfer(SYS_capget, &sets))
		return false;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		uint32_t kept = (uint32_t)(keep >> 32 * i);

		sets.half[i].effective &= kept;
		sets.half[i].permitted &= kept;
		sets.half[i].inheritable = 0;
	}
	return transfer(SYS_capset, &sets);
}
