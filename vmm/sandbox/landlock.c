#include "sandbox/landlock.h"

#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct landlock_ruleset_attr; the headers may be older than the kernel. */
struct attributes {
	uint64_t files, network, scopes;
};

/* How many rights of each kind an ABI version can deny. The structure's size follows from that. */
static const struct {
	uint8_t files, network, scopes;
} versions[] = {
	{13, 0, 0}, /* Linux 5.13 */
	{14, 0, 0}, /* REFER */
	{15, 0, 0}, /* TRUNCATE */
	{15, 2, 0}, /* TCP: bind, connect */
	{16, 2, 0}, /* IOCTL_DEV */
	{16, 2, 2}, /* Linux 6.12: abstract sockets, signals */
};

enum { KNOWN = sizeof(versions) / sizeof(versions[0]) };

unsigned landlock_version(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? (unsigned)version : 0;
}

static uint64_t all(unsigned count)
{
	return (UINT64_C(1) << count) - 1;
}

int landlock_deny_all(unsigned version)
{
	unsigned known = (version < KNOWN ? version : KNOWN) - (version != 0);
	struct attributes denied = {
		.files = all(versions[known].files),
		.network = all(versions[known].network),
		.scopes = all(versions[known].scopes),
	};
	size_t size = denied.scopes    ? sizeof(denied)
		      : denied.network ? offsetof(struct attributes, scopes)
				       : offsetof(struct attributes, network);

	return (int)syscall(SYS_landlock_create_ruleset, &denied, size, 0);
}

bool landlock_enter(int ruleset)
{
	return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}
