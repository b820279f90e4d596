/* What is behind a disk: I/O past the host's cache, holes in files, and block devices. */
#include "storage_disks.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

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

/* A block device over a new file of SIZE bytes, which goes when the descriptor is closed; -1 if
 * this user may not make one. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(direct_where_it_can_be_had),
		STORAGE_TEST(direct_where_it_cannot_be_had),
		STORAGE_TEST(direct_with_large_sectors),
		STORAGE_TEST(holes_are_probed),
		STORAGE_TEST(a_file_system_without_holes),
		STORAGE_TEST(ephemeral_holes),
	};
	/* Loop devices need rights that a user has seldom. tests/e2e/disk.bats has one in the
	 * lab in any case. */
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
