/* Disks under test: files in a directory of the test's own, opened as a VM would, and children
 * from which the kernel takes what a host may lack. */
#ifndef MAYFLY_STORAGE_DISKS_H
#define MAYFLY_STORAGE_DISKS_H

#include "machine/storage.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fdplan.h"
#include "child.h"

enum { READ_ONLY = 1, EPHEMERAL = 2, DIRECT = 4, NOBODY = 65534 };

static struct disk disks[DEVICES_MAX];
static struct disk *const disk = &disks[0];
static struct problem problem;
static char directory[64], path[128];

static inline struct disk_options options_of(const char *name, unsigned flags)
{
	return (struct disk_options){
		.path = name,
		.queues = 1,
		.read_only = flags & READ_ONLY,
		.ephemeral = flags & EPHEMERAL,
		.direct = flags & DIRECT,
	};
}

static inline bool open_at(unsigned index, const char *name, unsigned flags)
{
	struct disk_options options = options_of(name, flags);

	problem_clear(&problem);
	memset(&disks[index], 0xee, sizeof(disks[index])); /* all of it is filled in */
	return storage_open(&disks[index], &options, index, &problem);
}

static inline bool open_it(const char *name, unsigned flags)
{
	return open_at(0, name, flags);
}

#define assert_opens(index, name, flags)              \
	do {                                          \
		if (!open_at(index, name, flags))     \
			fail_msg("%s", in_words(&problem)); \
	} while (0)

#define assert_refused(says, name, flags)           \
	do {                                        \
		assert_false(open_it(name, flags)); \
		assert_mends(in_words(&problem), name);   \
		assert_says(in_words(&problem), says);    \
	} while (0)

static inline void close_disks(void)
{
	for (int i = 0; i < DEVICES_MAX; i++) {
		close(FD_DISK + i);
		close(FD_SCRATCH + i);
	}
}

/* Makes the file NAME in the test's directory; its path is in PATH. */
static inline bool create_file(const char *name, off_t size)
{
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool created = fd >= 0 && ftruncate(fd, size) == 0;

	close(fd);
	return created;
}

static inline const char *make_file(const char *name, off_t size)
{
	assert_true(create_file(name, size));
	return path;
}

/* A name for descriptor FD. */
static inline const char *name_of(int fd)
{
	static char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return name;
}

static inline const char *target_of(int fd)
{
	static char target[256];
	ssize_t size = readlink(name_of(fd), target, sizeof(target) - 1);

	target[size > 0 ? size : 0] = '\0';
	return target;
}

static inline bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static inline int set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/mayfly-test-XXXXXX");
	unsetenv("TMPDIR");
	return mkdtemp(directory) && chmod(directory, 0755) == 0 ? 0 : -1;
}

static inline int tear_down(void **state)
{
	char command[128];

	(void)state;
	close_disks();
	unsetenv("TMPDIR");
	chmod(directory, 0755);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

/* --- children: for what changes a process for good --- */

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			dprintf(STDERR_FILENO, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, \
				in_words(&problem));                                               \
			return CHILD_FAILED;                                                       \
		}                                                                                  \
	} while (0)

/* From now on NR fails with ERROR where argument ARGUMENT has all bits of MASK. */
static inline bool refuse(int nr, unsigned argument, uint32_t mask, unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 (uint32_t)(offsetof(struct seccomp_data, args) + 8 * argument)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mask, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {COUNT(code), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

/* open(2) of glibc is openat, of musl open. */
static inline bool refuse_open(uint32_t flags, unsigned error)
{
#ifdef SYS_open
	if (!refuse(SYS_open, 1, flags, error))
		return false;
#endif
	return refuse(SYS_openat, 2, flags, error);
}

/* Root may read and write everything: somebody else must try. */
static inline bool become_nobody(void)
{
	return geteuid() != 0 || (setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
}

static inline bool put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return done;
}

/* Root, or root of a user namespace. */
static inline bool become_root(void)
{
	char user[32], group[32];

	snprintf(user, sizeof(user), "0 %u 1", geteuid());
	snprintf(group, sizeof(group), "0 %u 1", getegid());
	return geteuid() == 0 ||
	       (unshare(CLONE_NEWUSER) == 0 && put("/proc/self/uid_map", user) &&
		put("/proc/self/setgroups", "deny") && put("/proc/self/gid_map", group));
}

#define STORAGE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
