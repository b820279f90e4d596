/* What may be a disk, who may have it, and what is said if not. */
#include "storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fdplan.h"
#include "unit.h"

static char directory[] = "/tmp/mayfly-unit-XXXXXX";
static char path[64];
static struct disk disks[3];
static struct problem problem;

static const char *name(const char *file)
{
	snprintf(path, sizeof(path), "%s/%s", directory, file);
	return path;
}

static void create(const char *file, off_t size)
{
	int fd = open(name(file), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	setenv("TMPDIR", directory, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int fd = FD_DISK; fd < FD_VIRTIO_IRQ; fd++)
		close(fd);
	unlink(name("disk"));
	return 0;
}

/* Opens FILE as disk INDEX. */
static bool opens(unsigned index, const char *file, struct disk_options options)
{
	static char paths[3][64];

	strcpy(paths[index], file[0] == '/' ? file : name(file));
	options.path = paths[index];
	options.queues = 1;
	problem.text[0] = '\0';
	return storage_open(&disks[index], &options, index, &problem);
}

#define WRITER ((struct disk_options){0})
#define READER ((struct disk_options){.read_only = true})
#define EPHEMERAL ((struct disk_options){.ephemeral = true})
#define DIRECT ((struct disk_options){.direct = true})

static void a_file_is_a_disk(void **state)
{
	(void)state;
	create("disk", 10 * 512);
	assert_true(opens(1, "disk", WRITER));
	assert_int_equal(disks[1].fd, FD_DISK + 1);
	assert_int_equal(disks[1].scratch_fd, -1);
	assert_int_equal(disks[1].size, 5120);
	assert_int_equal(disks[1].block, 512);
	assert_int_equal(disks[1].physical, 4096);
	assert_int_equal(disks[1].direct, 0);
	assert_false(disks[1].read_only);
	assert_int_equal(fcntl(FD_DISK + 1, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(FD_DISK + 1, F_GETFL) & O_ACCMODE, O_RDWR);
}

static void readers_open_for_reading(void **state)
{
	(void)state;
	create("disk", 4096);
	assert_true(opens(0, "disk", READER));
	assert_int_equal(fcntl(FD_DISK, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_true(disks[0].read_only);
	assert_false(disks[0].discard);
	assert_true(opens(1, "disk", EPHEMERAL));
	assert_int_equal(fcntl(FD_DISK + 1, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_false(disks[1].read_only);
}

static void what_is_no_disk(void **state)
{
	static const char *const others[] = {"/dev/null", "/", "/proc/self/cmdline"};

	(void)state;
	for (unsigned i = 0; i < COUNT(others); i++) {
		assert_false(opens(0, others[i], READER));
		assert_mends(problem.text, others[i]);
	}
	assert_false(opens(0, "nowhere", WRITER));
	assert_mends(problem.text, "nowhere");
	assert_says(problem.text, "No such file");
	assert_int_equal(mkfifo(name("disk"), 0600), 0);
	assert_false(opens(0, "disk", READER)); /* and does not wait */
	assert_mends(problem.text, "disk");
}

static void sizes_that_are_none(void **state)
{
	static const off_t sizes[] = {0, 1, 511, 513, 4097};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		create("disk", sizes[i]);
		assert_false(opens(0, "disk", WRITER));
		assert_mends(problem.text, "disk");
		assert_says(problem.text, "truncate");
		close(FD_DISK);
	}
}

/* Root may do everything, so somebody else tries. */
static void a_file_that_may_not_be_written(void **state)
{
	int status;

	(void)state;
	create("disk", 4096);
	assert_int_equal(chmod(name("disk"), 0444), 0);
	assert_int_equal(chmod(directory, 0755), 0);
	pid_t child = fork();
	if (child == 0) {
		if (getuid() == 0 && setuid(65534) < 0)
			_exit(1);
		if (opens(0, "disk", WRITER) || !strstr(problem.text, ",ephemeral"))
			_exit(2);
		_exit(opens(0, "disk", READER) ? 0 : 3);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
}

static void one_writer_or_many_readers(void **state)
{
	static const struct {
		struct disk_options first, second;
		const char *refusal; /* NULL: both may */
	} cases[] = {
		{{0}, {0}, "uses it"},
		{{0}, {.read_only = true}, "writes to it"},
		{{0}, {.ephemeral = true}, "writes to it"},
		{{.read_only = true}, {0}, "uses it"},
		{{.ephemeral = true}, {0}, "uses it"},
		{{.read_only = true}, {.ephemeral = true}, NULL},
		{{.ephemeral = true}, {.ephemeral = true}, NULL},
	};

	(void)state;
	create("disk", 4096);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_true(opens(0, "disk", cases[i].first));
		assert_each(opens(1, "disk", cases[i].second) == !cases[i].refusal, "case", i);
		if (cases[i].refusal) {
			assert_says(problem.text, "another VM or program");
			assert_says(problem.text, cases[i].refusal);
		}
		for (int fd = FD_DISK; fd < FD_VIRTIO_IRQ; fd++)
			close(fd);
	}
}

static void the_holder_of_an_old_lock_is_named(void **state)
{
	struct flock lock = {.l_type = F_WRLCK};
	int ends[2], number = 0;
	char expected[32], byte;

	(void)state;
	create("disk", 4096);
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		int fd = open(name("disk"), O_RDWR);

		number = fcntl(fd, F_SETLK, &lock);
		if (write(ends[1], "x", 1) < 0 || number < 0)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	bool opened = opens(0, "disk", WRITER);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_false(opened);
	snprintf(expected, sizeof(expected), "process %d", (int)child);
	assert_says(problem.text, expected);
	close(ends[0]);
	close(ends[1]);
}

static void an_ephemeral_disk_has_a_file_without_a_name(void **state)
{
	struct stat file;

	(void)state;
	create("disk", 4097 * 512);
	assert_true(opens(2, "disk", EPHEMERAL));
	assert_int_equal(disks[2].scratch_fd, FD_SCRATCH + 2);
	assert_int_equal(fstat(FD_SCRATCH + 2, &file), 0);
	assert_int_equal(file.st_nlink, 0);
	assert_int_equal(file.st_size, 4097 * 512);
	assert_int_equal(file.st_mode & 0777, 0600);
	for (uint64_t i = 0; i < disk_dirty_bytes(disks[2].size); i++)
		assert_int_equal(disks[2].dirty[i], 0);
}

static void scratch_files_need_a_place(void **state)
{
	(void)state;
	create("disk", 4096);
	setenv("TMPDIR", "/proc", 1); /* then the next ones are tried */
	assert_true(opens(0, "disk", EPHEMERAL));
}

/* tmpfs and overlays of today, and all disks; what is left says so. */
static void direct_io(void **state)
{
	(void)state;
	create("disk", 8 * 4096);
	if (!opens(0, "disk", DIRECT)) {
		assert_mends(problem.text, "disk");
		assert_says(problem.text, "leave out 'direct'");
		return;
	}
	assert_true(fcntl(FD_DISK, F_GETFL) & O_DIRECT);
	assert_true(disks[0].direct == 512 || disks[0].direct == 4096);
	assert_int_equal(disks[0].block, disks[0].direct);
	assert_non_null(disks[0].bounce);
}

/* A memfd's file system can punch holes, /proc/self/fd names it. */
static void holes_are_found_out_about(void **state)
{
	char file[32];
	int fd = memfd_create("disk", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	assert_true(opens(0, file, WRITER));
	assert_true(disks[0].discard);
	assert_int_equal(lseek(fd, 0, SEEK_END), 4096);
	close(fd);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_a_disk),
		TEST(readers_open_for_reading),
		TEST(what_is_no_disk),
		TEST(sizes_that_are_none),
		TEST(a_file_that_may_not_be_written),
		TEST(one_writer_or_many_readers),
		TEST(the_holder_of_an_old_lock_is_named),
		TEST(an_ephemeral_disk_has_a_file_without_a_name),
		TEST(scratch_files_need_a_place),
		TEST(direct_io),
		TEST(holes_are_found_out_about),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
