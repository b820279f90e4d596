/* What is behind a disk: which files are taken, with which rights, and how they are locked.
 * test_storage_scratch.c has scratch files, test_storage_direct.c direct I/O, holes and block
 * devices. */
#include "storage_disks.h"

#include <sys/mount.h>
#include <sys/wait.h>

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
		assert_each(open_at(1, name, matrix[i].second) == matrix[i].both,
			    in_words(&problem), i);
		assert_each(matrix[i].both || says_it_is_locked(matrix[i].second),
			    in_words(&problem), i);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
