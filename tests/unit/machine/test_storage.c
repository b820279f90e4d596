/* What is behind a disk: which files are taken, how they are locked, where scratch files go. */
#include "machine/storage.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fdplan.h"
#include "child.h"

enum { READ_ONLY = 1, EPHEMERAL = 2, DIRECT = 4, NOBODY = 65534 };

static struct disk disks[DEVICES_MAX];
static struct disk *const disk = &disks[0];
static struct problem problem;
static char directory[64], path[128];

static struct disk_options options_of(const char *name, unsigned flags)
{
	return (struct disk_options){
		.path = name,
		.queues = 1,
		.read_only = flags & READ_ONLY,
		.ephemeral = flags & EPHEMERAL,
		.direct = flags & DIRECT,
	};
}

static bool open_at(unsigned index, const char *name, unsigned flags)
{
	struct disk_options options = options_of(name, flags);

	problem_clear(&problem);
	memset(&disks[index], 0xee, sizeof(disks[index])); /* all of it is filled in */
	return storage_open(&disks[index], &options, index, &problem);
}

static bool open_it(const char *name, unsigned flags)
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

static void close_disks(void)
{
	for (int i = 0; i < DEVICES_MAX; i++) {
		close(FD_DISK + i);
		close(FD_SCRATCH + i);
	}
}

/* Makes the file NAME in the test's directory; its path is in PATH. */
static bool create_file(const char *name, off_t size)
{
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool created = fd >= 0 && ftruncate(fd, size) == 0;

	close(fd);
	return created;
}

static const char *make_file(const char *name, off_t size)
{
	assert_true(create_file(name, size));
	return path;
}

/* A name for descriptor FD. */
static const char *name_of(int fd)
{
	static char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return name;
}

static const char *target_of(int fd)
{
	static char target[256];
	ssize_t size = readlink(name_of(fd), target, sizeof(target) - 1);

	target[size > 0 ? size : 0] = '\0';
	return target;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/mayfly-test-XXXXXX");
	unsetenv("TMPDIR");
	return mkdtemp(directory) && chmod(directory, 0755) == 0 ? 0 : -1;
}

static int tear_down(void **state)
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
				in_words(&problem));                                                     \
			return CHILD_FAILED;                                                       \
		}                                                                                  \
	} while (0)

/* From now on NR fails with ERROR where argument ARGUMENT has all bits of MASK. */
static bool refuse(int nr, unsigned argument, uint32_t mask, unsigned error)
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
static bool refuse_open(uint32_t flags, unsigned error)
{
#ifdef SYS_open
	if (!refuse(SYS_open, 1, flags, error))
		return false;
#endif
	return refuse(SYS_openat, 2, flags, error);
}

/* Root may read and write everything: somebody else must try. */
static bool become_nobody(void)
{
	return geteuid() != 0 || (setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
}

static bool put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return done;
}

/* Root, or root of a user namespace. */
static bool become_root(void)
{
	char user[32], group[32];

	snprintf(user, sizeof(user), "0 %u 1", geteuid());
	snprintf(group, sizeof(group), "0 %u 1", getegid());
	return geteuid() == 0 ||
	       (unshare(CLONE_NEWUSER) == 0 && put("/proc/self/uid_map", user) &&
		put("/proc/self/setgroups", "deny") && put("/proc/self/gid_map", group));
}

/* --- what is taken --- */

static void a_regular_file(void **state)
{
	const char *name = make_file("disk", 3 * 4096 + 512);

	(void)state;
	assert_opens(0, name, 0);
	assert_ptr_equal(disk->file.name, name);
	assert_int_equal(disk->file.fd, FD_DISK);
	assert_int_equal(disk->scratch_fd, -1);
	assert_int_equal(disk->size, 3 * 4096 + 512);
	assert_int_equal(disk->block, 512);
	assert_int_equal(disk->physical, 4096);
	assert_false(disk->read_only);
	assert_int_equal(disk->file.direct, 0);
	assert_null(disk->file.bounce);
	assert_null(disk->dirty);
	assert_string_equal(target_of(FD_DISK), name);
	assert_int_equal(fcntl(FD_DISK, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(FD_DISK, F_GETFL) & (O_ACCMODE | O_DIRECT | O_APPEND), O_RDWR);
	assert_false(is_open(FD_SCRATCH));
	/* The locks are made. */
	assert_int_equal(pthread_rwlock_trywrlock(&disk->lock), 0);
	assert_int_equal(pthread_mutex_trylock(&disk->file.bounce_lock), 0);
	assert_false(atomic_flag_test_and_set(&disk->file.complained));
}

static void a_file_that_is_only_read(void **state)
{
	const char *name = make_file("disk", 8192);

	(void)state;
	assert_opens(0, name, READ_ONLY);
	assert_true(disk->read_only);
	assert_false(disk->discard);
	assert_int_equal(disk->scratch_fd, -1);
	assert_int_equal(fcntl(FD_DISK, F_GETFL) & O_ACCMODE, O_RDONLY);
}

/* Device N of disks and NICs together: every slot has its own two. */
static void every_slot_has_its_places(void **state)
{
	char names[DEVICES_MAX][128];

	(void)state;
	for (unsigned i = 0; i < DEVICES_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "disk%u", i);
		strcpy(names[i], make_file(name, 4096 * (off_t)(i + 1)));
		assert_opens(i, names[i], i % 2 ? EPHEMERAL : 0);
	}
	for (int i = 0; i < DEVICES_MAX; i++) {
		assert_int_equal(disks[i].file.fd, FD_DISK + i);
		assert_string_equal(target_of(FD_DISK + i), names[i]);
		assert_int_equal(disks[i].size, 4096 * (i + 1));
		assert_int_equal(disks[i].scratch_fd, i % 2 ? FD_SCRATCH + i : -1);
		assert_int_equal(is_open(FD_SCRATCH + i), i % 2);
	}
}

static void what_is_missing(void **state)
{
	char name[128], below[160];

	(void)state;
	snprintf(name, sizeof(name), "%s/none", directory);
	for (unsigned flags = 0; flags < 3; flags++) {
		assert_refused("No such file", name, flags);
		assert_says(in_words(&problem), "truncate -s 1G");
	}
	snprintf(below, sizeof(below), "%s/x", make_file("disk", 512));
	assert_refused("Not a directory", below, 0);
	/* It was not made by looking for it. */
	assert_int_equal(access(name, F_OK), -1);
}

/* A FIFO without another end must not make us wait; alarm(2) would tell. */
static void what_is_no_disk(void **state)
{
	char fifo[128];
	int first = open("/dev/null", O_RDONLY);

	(void)state;
	close(first);
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	assert_int_equal(mkfifo(fifo, 0666), 0);
	alarm(20);
	for (unsigned flags = 0; flags < 3; flags++) {
		assert_refused("neither a regular file nor a block device", fifo, flags);
		assert_refused("neither a regular file nor a block device", "/dev/null", flags);
		assert_refused(flags ? "neither a regular file nor a block device"
				     : "Is a directory",
			       directory, flags);
		assert_says(in_words(&problem), "(give ");
		assert_false(is_open(FD_DISK));
		/* Nothing stays open. */
		int next = open("/dev/null", O_RDONLY);
		assert_int_equal(next, first);
		close(next);
	}
	alarm(0);
}

static void sizes_that_are_none(void **state)
{
	static const off_t sizes[] = {0, 1, 511, 513, 4095, 1048577};

	(void)state;
	for (unsigned i = 0; i < 3 * COUNT(sizes); i++) {
		char number[32];

		snprintf(number, sizeof(number), "it has %lld bytes", (long long)sizes[i / 3]);
		assert_refused(number, make_file("disk", sizes[i / 3]), i % 3);
		assert_says(in_words(&problem), "truncate -s %512 FILE");
		assert_false(is_open(FD_SCRATCH));
		close_disks();
	}
	assert_refused("it has 0 bytes", "/proc/version", READ_ONLY);
}

static void sizes_that_are_some(void **state)
{
	static const off_t sizes[] = {512, 4096, 1 << 20, (off_t)1 << 40};

	(void)state;
	for (unsigned i = 0; i < 3 * COUNT(sizes); i++) {
		assert_opens(0, make_file("disk", sizes[i / 3]), i % 3);
		assert_true(disk->size == (uint64_t)sizes[i / 3]);
		close_disks();
	}
}

/* --- rights --- */

static int without_rights(void)
{
	char name[128];

	strcpy(name, path);
	if (!become_nobody())
		return CHILD_REFUSED;
	for (unsigned flags = 0; flags < 3; flags++) {
		CHECK(!open_it(name, flags));
		CHECK(strstr(in_words(&problem), name) && strstr(in_words(&problem), "Permission denied"));
		CHECK(strstr(in_words(&problem), flags ? "(make it readable for this user)"
						 : "(make it writable for this user, or add ,ro or "
						   ",ephemeral)"));
	}
	return CHILD_PASSED;
}

static void a_file_that_may_not_be_read(void **state)
{
	(void)state;
	assert_int_equal(chmod(make_file("disk", 4096), 0), 0);
	in_child(without_rights);
}

static int without_the_right_to_write(void)
{
	char name[128];

	strcpy(name, path);
	if (!become_nobody())
		return CHILD_REFUSED;
	CHECK(!open_it(name, 0));
	CHECK(strstr(in_words(&problem), "or add ,ro or ,ephemeral)"));
	CHECK(open_it(name, READ_ONLY));
	CHECK(open_it(name, EPHEMERAL));
	CHECK(fcntl(disk->scratch_fd, F_GETFL) & O_RDWR);
	return CHILD_PASSED;
}

static void a_file_that_may_not_be_written(void **state)
{
	(void)state;
	assert_int_equal(chmod(make_file("disk", 4096), 0444), 0);
	in_child(without_the_right_to_write);
}

static int on_a_read_only_mount(void)
{
	if (!become_root() || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", directory, "tmpfs", 0, NULL) < 0)
		return CHILD_REFUSED;
	const char *name = path;

	CHECK(create_file("disk", 4096));
	CHECK(mount(NULL, directory, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	CHECK(!open_it(name, 0));
	CHECK(strstr(in_words(&problem), strerror(EROFS)) && strstr(in_words(&problem), "or add ,ro or"));
	CHECK(open_it(name, READ_ONLY));
	return CHILD_PASSED;
}

static void a_file_of_a_read_only_file_system(void **state)
{
	(void)state;
	in_child(on_a_read_only_mount);
}

/* --- locks --- */

/* Who has it, who wants it, who gets it. */
static const struct {
	unsigned first, second;
	bool both;
} matrix[] = {
	{0, 0, false},         {0, READ_ONLY, false},        {0, EPHEMERAL, false},
	{READ_ONLY, 0, false}, {READ_ONLY, READ_ONLY, true}, {READ_ONLY, EPHEMERAL, true},
	{EPHEMERAL, 0, false}, {EPHEMERAL, READ_ONLY, true}, {EPHEMERAL, EPHEMERAL, true},
};

static bool says_it_is_locked(unsigned wanted)
{
	return strstr(in_words(&problem), "cannot use ") && strstr(in_words(&problem), path) &&
	       strstr(in_words(&problem), wanted ? "another VM or program writes to it ("
					   : "another VM or program uses it (") &&
	       strstr(in_words(&problem), "(one writer, or any number of ,ro and ,ephemeral)");
}

/* The same file twice in one VM. */
static void locks_within_a_process(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(matrix); i++) {
		const char *name = make_file("disk", 4096);

		assert_opens(0, name, matrix[i].first);
		assert_each(open_at(1, name, matrix[i].second) == matrix[i].both, in_words(&problem), i);
		assert_each(matrix[i].both || says_it_is_locked(matrix[i].second), in_words(&problem), i);
		close_disks();
		/* It ends with the descriptor. */
		assert_opens(0, name, 0);
		close_disks();
	}
}

static unsigned row;

static int second_process(void)
{
	close_disks(); /* the parent's lock belongs to the open file, which is the parent's too */
	bool opened = open_it(path, matrix[row].second);

	CHECK(opened == matrix[row].both);
	CHECK(opened || says_it_is_locked(matrix[row].second));
	return CHILD_PASSED;
}

static void locks_between_processes(void **state)
{
	(void)state;
	for (row = 0; row < COUNT(matrix); row++) {
		assert_opens(0, make_file("disk", 4096), matrix[row].first);
		in_child(second_process);
		close_disks();
	}
}

/* A program that locks with fcntl(F_SETLK): TYPE on the byte at START, until its pipe is closed. */
static pid_t start_locker(const char *name, short type, off_t start, int *end)
{
	int ready[2], stop[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(stop), 0);
	pid_t child = fork();
	if (child == 0) {
		struct flock lock = {.l_type = type, .l_start = start, .l_len = 1};
		int fd = open(name, O_RDWR);

		close(stop[1]);
		if (fcntl(fd, F_SETLK, &lock) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		_exit((int)read(stop[0], &byte, 1));
	}
	close(ready[1]);
	close(stop[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	*end = stop[1];
	return child;
}

static void check_locker(short type, off_t start, unsigned flags, bool opens)
{
	const char *name = make_file("disk", 8192);
	char holder[64];
	int end;
	pid_t child = start_locker(name, type, start, &end);
	bool opened = open_it(name, flags);

	close(end);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close_disks();
	assert_int_equal(opened, opens);
	snprintf(holder, sizeof(holder), ": process %d %s (", (int)child,
		 flags ? "writes to it" : "uses it");
	if (!opens) {
		assert_says(in_words(&problem), holder);
		assert_mends(in_words(&problem), name);
	}
}

static void locks_of_other_programs(void **state)
{
	(void)state;
	check_locker(F_WRLCK, 0, 0, false);
	check_locker(F_WRLCK, 0, READ_ONLY, false);
	check_locker(F_WRLCK, 0, EPHEMERAL, false);
	check_locker(F_RDLCK, 0, 0, false);
	check_locker(F_RDLCK, 0, READ_ONLY, true);
	check_locker(F_RDLCK, 0, EPHEMERAL, true);
	/* Wherever in the file, and behind its end. */
	check_locker(F_WRLCK, 8191, 0, false);
	check_locker(F_RDLCK, (off_t)1 << 40, 0, false);
}

static int without_locks(void)
{
	const char *name = path;

	CHECK(create_file("disk", 4096));
	if (!refuse(SYS_fcntl, 1, F_OFD_SETLK, ENOLCK))
		return CHILD_REFUSED;
	/* Where a file system has no locks, a reader goes without. */
	CHECK(open_it(name, READ_ONLY));
	CHECK(open_it(name, EPHEMERAL));
	CHECK(!open_it(name, 0));
	CHECK(strstr(in_words(&problem), "cannot lock") && strstr(in_words(&problem), name));
	CHECK(strstr(in_words(&problem), strerror(ENOLCK)));
	CHECK(strstr(in_words(&problem), "(add ,ro or ,ephemeral)"));
	return CHILD_PASSED;
}

static void a_file_system_without_locks(void **state)
{
	(void)state;
	in_child(without_locks);
}

/* --- scratch files --- */

/* Nobody can find it, or give it a name. */
static void assert_nameless(const char *where)
{
	struct stat stat;
	char name[160];

	assert_int_equal(fstat(FD_SCRATCH, &stat), 0);
	assert_int_equal(stat.st_nlink, 0);
	assert_int_equal(stat.st_mode, S_IFREG | 0600);
	assert_int_equal(strncmp(target_of(FD_SCRATCH), where, strlen(where)), 0);
	snprintf(name, sizeof(name), "%s/found", directory);
	assert_int_equal(linkat(AT_FDCWD, name_of(FD_SCRATCH), AT_FDCWD, name, AT_SYMLINK_FOLLOW),
			 -1);
	assert_int_equal(fcntl(FD_SCRATCH, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(FD_SCRATCH, F_GETFL) & O_ACCMODE, O_RDWR);
}

static void an_ephemeral_disk(void **state)
{
	const uint64_t size = 3 * MIB + 512;
	const char *name = make_file("disk", (off_t)size);
	struct stat stat;

	(void)state;
	setenv("TMPDIR", directory, 1);
	assert_opens(0, name, EPHEMERAL);
	assert_int_equal(disk->scratch_fd, FD_SCRATCH);
	assert_false(disk->read_only);
	assert_int_equal(fcntl(FD_DISK, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_nameless(directory);
	assert_int_equal(fstat(FD_SCRATCH, &stat), 0);
	assert_int_equal(stat.st_size, size);
	assert_int_equal(stat.st_blocks, 0); /* it costs nothing */
	assert_non_null(disk->dirty);
	for (uint64_t i = 0; i < disk_dirty_bytes(size); i++)
		assert_int_equal(disk->dirty[i], 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(rmdir(directory), 0); /* nothing else is there */
	assert_int_equal(mkdir(directory, 0755), 0);
}

static void scratch_files_have_their_directory(void **state)
{
	char elsewhere[96];
	const char *name = make_file("disk", 4096);

	(void)state;
	assert_opens(0, name, EPHEMERAL);
	assert_nameless("/var/tmp/");
	close_disks();
	setenv("TMPDIR", "", 1);
	assert_opens(0, name, EPHEMERAL);
	assert_nameless("/var/tmp/");
	close_disks();
	/* What cannot be used is passed over: missing, a file, no place for files. */
	snprintf(elsewhere, sizeof(elsewhere), "%s/none", directory);
	setenv("TMPDIR", elsewhere, 1);
	assert_opens(0, name, EPHEMERAL);
	assert_nameless("/var/tmp/");
	close_disks();
	setenv("TMPDIR", name, 1);
	assert_opens(0, name, EPHEMERAL);
	assert_nameless("/var/tmp/");
	close_disks();
	setenv("TMPDIR", "/proc", 1);
	assert_opens(0, name, EPHEMERAL);
	assert_nameless("/var/tmp/");
}

static int with_a_closed_tmpdir(void)
{
	if (!become_nobody())
		return CHILD_REFUSED;
	setenv("TMPDIR", directory, 1);
	CHECK(open_it(path, EPHEMERAL));
	CHECK(!strncmp(target_of(FD_SCRATCH), "/var/tmp/", 9));
	return CHILD_PASSED;
}

static void a_tmpdir_that_may_not_be_written(void **state)
{
	(void)state;
	make_file("disk", 4096);
	assert_int_equal(chmod(directory, 0555), 0);
	in_child(with_a_closed_tmpdir);
}

static int with_no_directory(void)
{
	CHECK(create_file("disk", 4096));
	if (!become_root() || chroot(directory) < 0)
		return CHILD_REFUSED;
	CHECK(chdir("/") == 0);
	CHECK(!open_it("/disk", EPHEMERAL));
	CHECK(strstr(in_words(&problem), "cannot make a scratch file for /disk: No such file"));
	CHECK(strstr(in_words(&problem), "(set TMPDIR to a directory that can be written)"));
	/* The last of the three. */
	CHECK(mkdir("/tmp", 0755) == 0);
	CHECK(open_it("/disk", EPHEMERAL));
	CHECK(is_open(FD_SCRATCH));
	CHECK(rmdir("/tmp") == 0);
	CHECK(open_it("/disk", READ_ONLY)); /* needs none */
	return CHILD_PASSED;
}

static void no_directory_for_scratch_files(void **state)
{
	(void)state;
	in_child(with_no_directory);
}

static int with_a_full_directory(void)
{
	const struct rlimit small = {MIB, MIB};

	CHECK(create_file("disk", 3 * (off_t)MIB));
	signal(SIGXFSZ, SIG_IGN);
	setenv("TMPDIR", directory, 1);
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK(!open_it(path, EPHEMERAL));
	CHECK(strstr(in_words(&problem), "cannot make a scratch file of 3 MiB for "));
	CHECK(strstr(in_words(&problem), path) && strstr(in_words(&problem), strerror(EFBIG)));
	CHECK(strstr(in_words(&problem), "(set TMPDIR to a directory on another file system)"));
	return CHILD_PASSED;
}

static void a_scratch_file_that_is_too_large(void **state)
{
	(void)state;
	in_child(with_a_full_directory);
}

static unsigned tmpfile_error;

/* The name that it had for a moment is gone. */
static int without_nameless_files(void)
{
	struct stat stat;

	setenv("TMPDIR", directory, 1);
	if (!refuse_open(020000000 /* __O_TMPFILE */, tmpfile_error))
		return CHILD_REFUSED;
	CHECK(open_it(path, EPHEMERAL));
	CHECK(!strncmp(target_of(FD_SCRATCH), directory, strlen(directory)));
	CHECK(strstr(target_of(FD_SCRATCH), "/mayfly-"));
	CHECK(fstat(FD_SCRATCH, &stat) == 0);
	CHECK(stat.st_nlink == 0 && stat.st_mode == (S_IFREG | 0600) && stat.st_size == 4096);
	CHECK(open_at(1, path, EPHEMERAL)); /* another name for another */
	CHECK(unlink(path) == 0 && rmdir(directory) == 0);
	return CHILD_PASSED;
}

static void file_systems_without_nameless_files(void **state)
{
	static const unsigned errors[] = {EOPNOTSUPP, EISDIR};

	(void)state;
	for (unsigned i = 0; i < COUNT(errors); i++) {
		mkdir(directory, 0755);
		make_file("disk", 4096);
		tmpfile_error = errors[i];
		in_child(without_nameless_files);
	}
}

/* --- direct I/O --- */

/* Of the file system that the tests are run on. */
static int file_of_the_tree(off_t size)
{
	int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

static void check_direct(unsigned flags)
{
	assert_true(fcntl(FD_DISK, F_GETFL) & O_DIRECT);
	assert_true(disk->file.direct == 512 || disk->file.direct == 4096);
	assert_true(disk->block == disk->file.direct);
	assert_non_null(disk->file.bounce);
	assert_int_equal((uintptr_t)disk->file.bounce % 4096, 0);
	memset(disk->file.bounce, 1, DISK_BOUNCE_SIZE);
	/* What it says is so. */
	assert_int_equal(pread(FD_DISK, disk->file.bounce + disk->file.direct, disk->block, 0),
			 disk->block);
	if (flags & EPHEMERAL)
		assert_false(fcntl(FD_SCRATCH, F_GETFL) & O_DIRECT);
}

static void direct_where_it_can_be_had(void **state)
{
	int fd = file_of_the_tree(65536);
	int direct = fd < 0 ? -1 : open(name_of(fd), O_RDONLY | O_DIRECT);

	(void)state;
	/* Not every file system has it; the lab's disks have. */
	if (direct < 0) {
		assert_true(fd < 0 || errno == EINVAL);
		return;
	}
	close(direct);
	for (unsigned flags = 0; flags < 3; flags++) {
		assert_opens(0, name_of(fd), flags | DIRECT);
		check_direct(flags);
		close_disks();
	}
	close(fd);
}

static void direct_where_it_cannot_be_had(void **state)
{
	(void)state;
	assert_refused("leave out 'direct'", "/proc/version", READ_ONLY | DIRECT);
	assert_says(in_words(&problem), strerror(EINVAL));
	/* Without it the reason is another. */
	assert_refused("it has 0 bytes", "/proc/version", READ_ONLY);
}

/* A drive with sectors of 4 KiB: less cannot be read. */
static int with_large_sectors(void)
{
	CHECK(create_file("disk", 3 * 4096));
	int fd = open(path, O_RDONLY | O_DIRECT);

	if (fd < 0 || !refuse(SYS_pread64, 2, 512, EINVAL))
		return CHILD_REFUSED;
	CHECK(open_it(path, DIRECT));
	CHECK(disk->file.direct == 4096 && disk->block == 4096 && disk->physical == 4096);
	close_disks();
	CHECK(truncate(path, 3 * 4096 + 512) == 0);
	CHECK(!open_it(path, DIRECT));
	CHECK(strstr(in_words(&problem), "not whole blocks of 4096 ("));
	CHECK(strstr(in_words(&problem), "truncate -s %4096 FILE"));
	close_disks();
	CHECK(open_it(path, 0)); /* of no matter without direct */
	CHECK(disk->block == 512);
	return CHILD_PASSED;
}

static void direct_with_large_sectors(void **state)
{
	(void)state;
	in_child(with_large_sectors);
}

/* --- holes --- */

/* Both must say the same, and the file must not have changed by the question. */
static void check_discard(int fd)
{
	static uint8_t before[8192], after[sizeof(before)];
	struct stat stat;

	for (unsigned i = 0; i < sizeof(before); i++)
		before[i] = (uint8_t)(i | 1);
	assert_int_equal(pwrite(fd, before, sizeof(before), 0), sizeof(before));
	assert_opens(0, name_of(fd), 0);
	bool discard = disk->discard;
	assert_int_equal(pread(fd, after, sizeof(after), 0), sizeof(after));
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(fstat(fd, &stat), 0);
	assert_int_equal(stat.st_size, sizeof(before));
	assert_int_equal(discard,
			 fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0);
	close_disks();
	assert_opens(0, name_of(fd), READ_ONLY);
	assert_false(disk->discard);
	close_disks();
}

static void holes_are_probed(void **state)
{
	int memory = memfd_create("disk", MFD_CLOEXEC), tree = file_of_the_tree(8192);
	int shm = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	(void)state;
	assert_true(memory >= 0);
	check_discard(memory);
	close(memory);
	if (tree >= 0)
		check_discard(tree);
	close(tree);
	if (shm >= 0)
		check_discard(shm);
	close(shm);
	/* Memory has holes since Linux 3.5. */
	memory = memfd_create("disk", MFD_CLOEXEC);
	assert_int_equal(ftruncate(memory, 512), 0);
	assert_opens(0, name_of(memory), 0);
	assert_true(disk->discard);
	close(memory);
}

static int without_holes(void)
{
	CHECK(create_file("disk", 8192));
	if (!refuse(SYS_fallocate, 1, FALLOC_FL_PUNCH_HOLE, EOPNOTSUPP))
		return CHILD_REFUSED;
	CHECK(open_it(path, 0));
	CHECK(!disk->discard);
	close_disks();
	CHECK(open_it(path, EPHEMERAL)); /* that of the scratch file counts */
	CHECK(!disk->discard);
	return CHILD_PASSED;
}

static void a_file_system_without_holes(void **state)
{
	(void)state;
	in_child(without_holes);
}

/* The file itself may be on anything: the holes are in the scratch file. */
static void ephemeral_holes(void **state)
{
	int memory = memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int probe;

	(void)state;
	assert_int_equal(ftruncate(memory, 8192), 0);
	assert_int_equal(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE), 0);
	setenv("TMPDIR", "/dev/shm", 1);
	probe = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_opens(0, name_of(memory), EPHEMERAL);
	assert_true(disk->discard || probe < 0);
	close(probe);
	close(memory);
}

/* --- block devices --- */

/* A block device over a new file of SIZE bytes, which goes when the descriptor is closed; -1 if this user may not make
 * one. */
static int make_device(char name[32], off_t size, uint32_t block)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	int file = open(make_file("disk", size), O_RDWR | O_CLOEXEC);
	struct loop_config config = {
		.fd = (uint32_t)file,
		.block_size = block,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};

	close(control);
	snprintf(name, 32, "/dev/loop%d", number);
	int fd = number < 0 ? -1 : open(name, O_RDWR | O_CLOEXEC);
	int made = fd < 0 ? -1 : (int)syscall(SYS_ioctl, fd, LOOP_CONFIGURE, &config);
	close(file);
	if (made < 0 && fd >= 0)
		close(fd);
	return made < 0 ? -1 : fd;
}

/* --- disks of our own making --- */

static bool open_scratch_disk(unsigned index, uint64_t size)
{
	const struct disk_options options = {.path = "the files", .queues = 1, .scratch = size};

	problem_clear(&problem);
	memset(&disks[index], 0xee, sizeof(disks[index]));
	return storage_open(&disks[index], &options, index, &problem);
}

/* The file is the disk: there is no layer. */
static void a_disk_of_our_own(void **state)
{
	struct stat stat;
	char byte = 'x';

	(void)state;
	setenv("TMPDIR", directory, 1);
	if (!open_scratch_disk(3, 5 * MIB + 4096))
		fail_msg("%s", in_words(&problem));
	assert_string_equal(disks[3].file.name, "the files");
	assert_int_equal(disks[3].file.fd, FD_DISK + 3);
	assert_int_equal(disks[3].scratch_fd, -1);
	assert_false(is_open(FD_SCRATCH + 3));
	assert_null(disks[3].dirty);
	assert_null(disks[3].file.bounce);
	assert_int_equal(disks[3].size, 5 * MIB + 4096);
	assert_int_equal(disks[3].block, 512);
	assert_false(disks[3].read_only);
	assert_int_equal(disks[3].file.direct, 0);
	assert_int_equal(fcntl(FD_DISK + 3, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_int_equal(fcntl(FD_DISK + 3, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(FD_DISK + 3, &stat), 0);
	assert_int_equal(stat.st_nlink, 0);
	assert_int_equal(stat.st_mode, S_IFREG | 0600);
	assert_int_equal(stat.st_blocks, 0);
	assert_int_equal(pwrite(FD_DISK + 3, &byte, 1, 5 * MIB + 4095), 1);
	assert_int_equal(rmdir(directory), 0); /* nothing is there */
	assert_int_equal(mkdir(directory, 0755), 0);
}

/* Two VMs, or two disks, do not share it. */
static void each_is_its_own(void **state)
{
	struct stat one, other;

	(void)state;
	assert_true(open_scratch_disk(0, MIB));
	assert_true(open_scratch_disk(1, MIB));
	assert_int_equal(fstat(FD_DISK, &one), 0);
	assert_int_equal(fstat(FD_DISK + 1, &other), 0);
	assert_false(one.st_ino == other.st_ino);
}

static int with_no_room_for_our_own(void)
{
	const struct rlimit small = {MIB, MIB};

	signal(SIGXFSZ, SIG_IGN);
	setenv("TMPDIR", directory, 1);
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK(!open_scratch_disk(0, 4 * MIB));
	CHECK(strstr(in_words(&problem), "cannot make a scratch file of 4 MiB for the files: "));
	CHECK(strstr(in_words(&problem), "(set TMPDIR to a directory on another file system)"));
	CHECK(open_scratch_disk(0, MIB));
	return CHILD_PASSED;
}

static void our_own_that_is_too_large(void **state)
{
	(void)state;
	in_child(with_no_room_for_our_own);
}

static bool devices_can_be_made(void)
{
	char name[32];

	set_up(NULL);
	int fd = make_device(name, 1 << 20, 512);
	if (fd >= 0)
		close(fd);
	tear_down(NULL);
	return fd >= 0;
}

static void a_block_device(void **state)
{
	static const uint32_t blocks[] = {512, 4096};
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		unsigned flags = i / 2;
		int fd = make_device(name, 3 << 20, blocks[i % 2]);

		assert_opens(0, name, flags);
		assert_true(disk->size == 3 << 20);
		assert_int_equal(disk->block, blocks[i % 2]);
		unsigned physical = 0;
		assert_int_equal(ioctl(fd, BLKPBSZGET, &physical), 0);
		assert_int_equal(disk->physical, physical);
		assert_int_equal(fcntl(FD_DISK, F_GETFL) & O_ACCMODE, flags ? O_RDONLY : O_RDWR);
		/* Locks count for device nodes, too. */
		assert_int_equal(open_at(1, name, READ_ONLY), flags != 0);
		close_disks();
		close(fd);
	}
}

static void a_block_device_with_holes(void **state)
{
	char name[32], file[96];
	unsigned long long bytes = 0;
	int fd = make_device(name, 3 << 20, 512);
	FILE *property;

	(void)state;
	snprintf(file, sizeof(file), "/sys/block/%s/queue/write_zeroes_max_bytes", name + 5);
	property = fopen(file, "r");
	if (!property || fscanf(property, "%llu", &bytes) != 1)
		bytes = 0;
	if (property)
		fclose(property);
	assert_opens(0, name, 0);
	assert_int_equal(disk->discard, bytes > 0);
	close_disks();
	close(fd);
}

static void a_block_device_for_direct(void **state)
{
	static const uint32_t blocks[] = {512, 4096};
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		int fd = make_device(name, 3 << 20, blocks[i]);

		assert_opens(0, name, DIRECT);
		assert_int_equal(disk->file.direct, blocks[i]);
		check_direct(0);
		close_disks();
		close(fd);
	}
}

/* The kernel refuses O_EXCL to the second who wants it: a mount, or whoever is like us. */
static void a_block_device_in_use(void **state)
{
	char name[32];
	int fd = make_device(name, 1 << 20, 512), owner = open(name, O_RDWR | O_EXCL | O_CLOEXEC);

	(void)state;
	assert_true(owner >= 0);
	bool read = open_at(1, name, READ_ONLY), opened = open_it(name, 0);
	close(owner);
	close_disks();
	close(fd);
	assert_false(opened);
	assert_true(read);
	assert_mends(in_words(&problem), name);
	assert_says(in_words(&problem), strerror(EBUSY));
	assert_says(in_words(&problem), "it is mounted or in use: unmount it, or add ,ro");
}

#define STORAGE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(a_regular_file),
		STORAGE_TEST(a_file_that_is_only_read),
		STORAGE_TEST(every_slot_has_its_places),
		STORAGE_TEST(what_is_missing),
		STORAGE_TEST(what_is_no_disk),
		STORAGE_TEST(sizes_that_are_none),
		STORAGE_TEST(sizes_that_are_some),
		STORAGE_TEST(a_file_that_may_not_be_read),
		STORAGE_TEST(a_file_that_may_not_be_written),
		STORAGE_TEST(a_file_of_a_read_only_file_system),
		STORAGE_TEST(locks_within_a_process),
		STORAGE_TEST(locks_between_processes),
		STORAGE_TEST(locks_of_other_programs),
		STORAGE_TEST(a_file_system_without_locks),
		STORAGE_TEST(an_ephemeral_disk),
		STORAGE_TEST(scratch_files_have_their_directory),
		STORAGE_TEST(a_tmpdir_that_may_not_be_written),
		STORAGE_TEST(no_directory_for_scratch_files),
		STORAGE_TEST(a_scratch_file_that_is_too_large),
		STORAGE_TEST(file_systems_without_nameless_files),
		STORAGE_TEST(a_disk_of_our_own),
		STORAGE_TEST(each_is_its_own),
		STORAGE_TEST(our_own_that_is_too_large),
		STORAGE_TEST(direct_where_it_can_be_had),
		STORAGE_TEST(direct_where_it_cannot_be_had),
		STORAGE_TEST(direct_with_large_sectors),
		STORAGE_TEST(holes_are_probed),
		STORAGE_TEST(a_file_system_without_holes),
		STORAGE_TEST(ephemeral_holes),
	};
	/* Loop devices need rights that a user has seldom. tests/e2e/disk.bats has one in the lab in any case. */
	const struct CMUnitTest device_tests[] = {
		STORAGE_TEST(a_block_device),
		STORAGE_TEST(a_block_device_with_holes),
		STORAGE_TEST(a_block_device_for_direct),
		STORAGE_TEST(a_block_device_in_use),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (devices_can_be_made())
		failed += cmocka_run_group_tests(device_tests, NULL, NULL);
	return failed;
}
