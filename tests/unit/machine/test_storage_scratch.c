/* What is behind a disk: where scratch files go, those of ephemeral disks and those that are disks
 * themselves. */
#include "storage_disks.h"

#include <signal.h>
#include <sys/resource.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(an_ephemeral_disk),
		STORAGE_TEST(scratch_files_have_their_directory),
		STORAGE_TEST(a_tmpdir_that_may_not_be_written),
		STORAGE_TEST(no_directory_for_scratch_files),
		STORAGE_TEST(a_scratch_file_that_is_too_large),
		STORAGE_TEST(file_systems_without_nameless_files),
		STORAGE_TEST(a_disk_of_our_own),
		STORAGE_TEST(each_is_its_own),
		STORAGE_TEST(our_own_that_is_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
