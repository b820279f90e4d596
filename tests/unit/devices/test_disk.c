/* The host's side of a disk against its contract, and against an array as a model: files that take little at a time,
 * fail now and then, are full, have become shorter; ephemeral layers; direct I/O. The system calls are looked at on
 * their way to the kernel. */
#include "devices/disk.h"

#include <errno.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "rules.h"
#include "unit.h"

enum {
	SECTOR = 512,
	CLUSTER = 4096,
	BIG = 512 * 1024, /* the largest disk here */
	SIZE = 128 * SECTOR,
	MEMORY = 1024 * 1024,
};

static struct ram ram;
static struct disk disk;
static int file; /* the disk's, to look into; disk.file.fd cannot write where the disk must not */
static uint8_t content[BIG], found[BIG], model[BIG];
static bool known[BIG / SECTOR];
static uint8_t *dirty; /* of its exact size, so that the sanitizer guards its end */
static uint8_t bounce[DISK_BOUNCE_SIZE] __attribute__((aligned(4096)));
static struct capture capture;
static bool captures;

static void begin_warnings(void)
{
	capture_begin(&capture, STDERR_FILENO);
	captures = true;
}

static void end_warnings(void)
{
	capture_end(&capture);
	captures = false;
}

/* --- the host: what it does to our system calls --- */

static struct {
	size_t most;        /* bytes that a call moves; 0: all */
	unsigned interrupt; /* each so manieth call is interrupted; 0: none */
	unsigned fail_in;   /* the so manieth call from now fails with ERROR; 0: none */
	int error;
	int refused_mode; /* of fallocate: not supported */
	unsigned calls, syncs;
	bool misaligned, changed_size, wrote_base;
	int last_mode;
} host;

static bool goes_wrong(void)
{
	host.calls++;
	if (host.interrupt && host.calls % host.interrupt == 0) {
		errno = EINTR;
		return true;
	}
	if (host.fail_in && --host.fail_in == 0) {
		errno = host.error;
		return true;
	}
	return false;
}

static bool is_off(uint64_t number)
{
	return disk.file.direct && number % disk.file.direct;
}

static ssize_t transfer(long nr, int fd, const struct iovec *iov, int count, off_t position)
{
	struct iovec some[256];
	size_t left = host.most ? host.most : SIZE_MAX;
	int used = 0;

	assert_true(count > 0 && count <= 256);
	if (goes_wrong())
		return -1;
	for (; used < count && left; used++) {
		some[used] = iov[used];
		if (some[used].iov_len > left)
			some[used].iov_len = left;
		left -= some[used].iov_len;
		if (fd == disk.file.fd && (is_off((uintptr_t)iov[used].iov_base) ||
					   is_off(iov[used].iov_len) || is_off((uint64_t)position)))
			host.misaligned = true;
	}
	if (nr == SYS_pwritev && fd == disk.file.fd && (disk.read_only || disk.scratch_fd >= 0))
		host.wrote_base = true;
	return syscall(nr, fd, some, used, position, 0);
}

/* These stand before the C library's. */
ssize_t preadv(int fd, const struct iovec *iov, int count, off_t position)
{
	return transfer(SYS_preadv, fd, iov, count, position);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t position)
{
	return transfer(SYS_pwritev, fd, iov, count, position);
}

int fallocate(int fd, int mode, off_t position, off_t length)
{
	if (goes_wrong())
		return -1;
	host.last_mode = mode;
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		host.changed_size = true;
	if (fd == disk.file.fd && (disk.read_only || disk.scratch_fd >= 0))
		host.wrote_base = true;
	if (mode & host.refused_mode) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, position, length);
}

int fdatasync(int fd)
{
	if (goes_wrong())
		return -1;
	host.syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

/* --- disks --- */

static int make_file(uint64_t size)
{
	int fd = memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* FD anew, so that it can do no more than FLAGS say. */
static int open_again(int fd, int flags)
{
	char path[40];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC);
	assert_true(again >= 0);
	return again;
}

static void close_disk(void)
{
	free(dirty);
	dirty = NULL;
	close(disk.file.fd);
	if (disk.scratch_fd >= 0)
		close(disk.scratch_fd);
}

static void make_disk(uint64_t size)
{
	memset(&host, 0, sizeof(host));
	assert_int_equal(ftruncate(file, 0), 0);
	assert_int_equal(ftruncate(file, (off_t)size), 0);
	assert_int_equal(pwrite(file, content, size, 0), size);
	disk = (struct disk){
		.file.name = "disk.img",
		.file.fd = open_again(file, O_RDWR),
		.scratch_fd = -1,
		.size = size,
		.block = 512,
		.physical = 4096,
		.discard = true,
	};
	disk_init(&disk);
}

static void make_ephemeral(uint64_t size)
{
	close_disk();
	make_disk(size);
	close(disk.file.fd);
	disk.file.fd = open_again(file, O_RDONLY);
	disk.scratch_fd = make_file(size);
	dirty = calloc(1, disk_dirty_bytes(size));
	assert_non_null(dirty);
	disk.dirty = dirty;
}

static void make_read_only(void)
{
	close(disk.file.fd);
	disk.file.fd = open_again(file, O_RDONLY);
	disk.read_only = true;
}

static int set_up(void **state)
{
	struct problem problem;

	(void)state;
	alarm(60); /* nothing here may hang */
	if (!ram_reserve(&ram, MEMORY, 0, 3 * GIB, 4 * GIB, &problem))
		return -1;
	for (unsigned i = 0; i < BIG; i++)
		content[i] = (uint8_t)(1 + (i / SECTOR + i) % 255);
	file = make_file(SIZE);
	make_disk(SIZE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	if (captures)
		end_warnings(); /* the test has failed: its words are to be seen */
	close_disk();
	close(file);
	ram_release(&ram);
	return 0;
}

static void assert_file(int fd, const uint8_t *expected, size_t size)
{
	static uint8_t whole[BIG];

	assert_int_equal(lseek(fd, 0, SEEK_END), size);
	assert_int_equal(pread(fd, whole, size, 0), size);
	assert_memory_equal(whole, expected, size);
}

static blkcnt_t blocks_of(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	return status.st_blocks;
}

/* --- chains, as virtq_pop leaves them --- */

static struct chain chain;

static void add_part(uint64_t address, uint32_t length, bool writable)
{
	unsigned part = chain.readable + chain.writable;

	chain.part[part].address = GPA(address);
	chain.part[part].length = length;
	if (writable) {
		chain.writable++;
		chain.write_size += length;
	} else {
		chain.readable++;
		chain.read_size += length;
	}
}

static uint32_t shape = 99;

/* LENGTH bytes of a kind from offset BEFORE on, in up to nine parts, somewhere in memory, with something of the
 * other kind beside them. */
static void make_chain(bool writable, uint32_t before, uint32_t length)
{
	uint64_t address = 4096 + next_random(&shape) % 5000;
	uint32_t left = before + length;

	chain = (struct chain){.ram = &ram};
	if (writable)
		add_part(64, 16, false);
	for (unsigned i = 0; i < 8 && left > 1; i++) {
		uint32_t part = 1 + next_random(&shape) % ((left - 1) / (i % 3 + 1) + 1);

		add_part(address, part, writable);
		address += part + next_random(&shape) % 600;
		left -= part;
	}
	if (left)
		add_part(address, left, writable);
	if (!writable)
		add_part(128, 1, true);
}

/* Between the chain's data from offset BEFORE on and DATA; not by the code under test. */
static void exchange(bool writable, bool put, uint32_t before, uint8_t *data)
{
	unsigned first = writable ? chain.readable : 0;
	unsigned end = writable ? chain.readable + chain.writable : chain.readable;

	for (unsigned i = first; i < end; i++) {
		uint64_t address = chain.part[i].address.v;
		uint32_t length = chain.part[i].length;
		uint32_t skip = before < length ? before : length;

		before -= skip;
		address += skip;
		length -= skip;
		assert_true(put ? ram_write(&ram, GPA(address), data, length)
				: ram_read(&ram, GPA(address), data, length));
		data += length;
	}
}

static bool write_at(uint64_t position, uint8_t *data, uint32_t length)
{
	make_chain(false, 16, length);
	exchange(false, true, 16, data);
	return disk_write(&disk, position, &chain, 16, length);
}

static bool read_at(uint64_t position, uint8_t *data, uint32_t length)
{
	uint32_t before = next_random(&shape) % 3;
	bool fine;

	make_chain(true, before, length);
	fine = disk_read(&disk, position, &chain, before, length);
	exchange(true, false, before, data);
	return fine;
}

/* --- a disk that is a file --- */

static void the_map_has_a_bit_a_cluster(void **state)
{
	(void)state;
	assert_int_equal(disk_dirty_bytes(SECTOR), 1);
	assert_int_equal(disk_dirty_bytes(8 * CLUSTER), 1);
	assert_int_equal(disk_dirty_bytes(8 * CLUSTER + SECTOR), 2);
	assert_int_equal(disk_dirty_bytes(GIB), GIB / CLUSTER / 8);
	assert_true(disk_dirty_bytes(1ull << 62) == (1ull << 62) / CLUSTER / 8);
}

static void a_part_of_a_chain_is_moved(void **state)
{
	static uint8_t before[MEMORY], after[MEMORY];

	(void)state;
	chain = (struct chain){.ram = &ram};
	add_part(0x100, 16, false);
	add_part(0x2003, 700, true);
	add_part(0x1001, 5, true);
	add_part(0x3000, 2000, true);
	assert_true(ram_read(&ram, GPA(0), before, MEMORY));
	assert_true(disk_read(&disk, 3 * SECTOR, &chain, 600, 2 * SECTOR));
	assert_true(ram_read(&ram, GPA(0), after, MEMORY));
	memcpy(before + 0x2003 + 600, content + 3 * SECTOR, 100);
	memcpy(before + 0x1001, content + 3 * SECTOR + 100, 5);
	memcpy(before + 0x3000, content + 3 * SECTOR + 105, 2 * SECTOR - 105);
	assert_memory_equal(before, after, MEMORY);

	/* … and of its readable bytes, though there are writable ones. */
	chain = (struct chain){.ram = &ram};
	add_part(0x3000, 20, false);
	add_part(0x2003, SECTOR, false);
	add_part(0x5000, SECTOR, true);
	memcpy(content + 9 * SECTOR, before + 0x3007, 13);
	memcpy(content + 9 * SECTOR + 13, before + 0x2003, SECTOR - 13);
	assert_true(disk_write(&disk, 9 * SECTOR, &chain, 7, SECTOR));
	assert_file(file, content, SIZE);
}

static void nothing_is_moved_without_bytes(void **state)
{
	(void)state;
	assert_true(read_at(SIZE, found, 0));
	assert_true(write_at(SIZE, found, 0));
	assert_true(disk_zero(&disk, SIZE, 0, true));
	assert_true(disk_discard(&disk, SIZE, 0));
	assert_int_equal(host.calls, 0);
	make_ephemeral(SIZE);
	assert_true(read_at(SECTOR, found, 0));
	assert_true(write_at(SECTOR, found, 0));
	assert_true(disk_zero(&disk, SECTOR, 0, true));
	assert_true(disk_discard(&disk, SECTOR, 0));
	assert_int_equal(dirty[0], 0);
}

static void a_read_only_disk_is_not_written(void **state)
{
	(void)state;
	make_read_only();
	memset(&host, 0, sizeof(host));
	begin_warnings();
	assert_false(write_at(0, found, SECTOR));
	assert_false(disk_zero(&disk, 0, SECTOR, false));
	assert_false(disk_zero(&disk, 0, CLUSTER, true));
	assert_false(disk_discard(&disk, 0, CLUSTER));
	assert_true(disk_flush(&disk));
	end_warnings();
	assert_int_equal(host.calls, 0);     /* the filter would end us */
	assert_int_equal(capture.writes, 0); /* the guest's mistake is not the host's */
	assert_true(read_at(0, found, SIZE));
	assert_memory_equal(found, content, SIZE);
	assert_file(file, content, SIZE);
}

static void flushing(void **state)
{
	int real = disk.file.fd;

	(void)state;
	host.interrupt = 2;
	host.calls = 1;
	assert_true(disk_flush(&disk)); /* interrupted once */
	assert_int_equal(host.syncs, 1);
	assert_int_equal(host.calls, 3);
	host.interrupt = 0;
	disk.file.fd = make_event(); /* fdatasync fails on it */
	begin_warnings();
	assert_false(disk_flush(&disk));
	assert_false(disk_flush(&disk));
	end_warnings();
	assert_int_equal(capture.writes, 1);
	assert_says(capture.text, "cannot flush disk.img: Invalid argument");
	assert_mends(strtok(capture.text, "\n"), "disk.img");
	close(disk.file.fd);
	disk.file.fd = real;
	make_ephemeral(SIZE);
	assert_true(disk_flush(&disk));
	assert_int_equal(host.calls, 0);
}

static void storage_is_given_back(void **state)
{
	blkcnt_t full = blocks_of(file);

	(void)state;
	assert_true(disk_discard(&disk, 2 * CLUSTER, 3 * CLUSTER));
	assert_int_equal(full - blocks_of(file), 3 * 8);
	memset(content + 2 * CLUSTER, 0, 3 * CLUSTER);
	assert_file(file, content, SIZE);
	assert_true(disk_zero(&disk, 8 * CLUSTER - SECTOR, 2 * CLUSTER, true));
	memset(content + 8 * CLUSTER - SECTOR, 0, 2 * CLUSTER);
	assert_int_equal(full - blocks_of(file), 4 * 8);
	assert_file(file, content, SIZE);
	/* Not where the driver wants to keep it. */
	assert_true(disk_zero(&disk, 12 * CLUSTER, CLUSTER, false));
	memset(content + 12 * CLUSTER, 0, CLUSTER);
	assert_int_equal(full - blocks_of(file), 4 * 8);
	assert_file(file, content, SIZE);
	assert_false(host.changed_size);
}

/* As much as does not go into one call, and no multiple of anything. */
static void zeros_are_written_where_nobody_knows_better(void **state)
{
	static const size_t most[] = {0, 70000, 4096, 1000, 512};

	(void)state;
	for (unsigned i = 0; i < COUNT(most); i++) {
		close_disk();
		make_disk(BIG);
		host.most = most[i];
		host.refused_mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
		assert_true(disk_zero(&disk, 3 * SECTOR, BIG - 5 * SECTOR, i % 2));
		memcpy(model, content, BIG);
		memset(model + 3 * SECTOR, 0, BIG - 5 * SECTOR);
		assert_file(file, model, BIG);
		assert_true(disk_zero(&disk, BIG - SECTOR, SECTOR, true));
		memset(model + BIG - SECTOR, 0, SECTOR);
		assert_file(file, model, BIG);
	}
}

static int open_temporary(int flags)
{
	const char *directory = getenv("TMPDIR");

	return open(directory && directory[0] ? directory : "/tmp",
		    O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);
}

/* A file system that may know ZERO_RANGE. */
static void zeros_on_a_real_file_system(void **state)
{
	int fd = open_temporary(0);

	(void)state;
	if (fd < 0)
		return; /* there is none to try */
	assert_int_equal(pwrite(fd, content, SIZE, 0), SIZE);
	fdatasync(fd);
	close(disk.file.fd);
	disk.file.fd = fd;
	blkcnt_t before = blocks_of(fd);
	assert_true(disk_zero(&disk, SECTOR, 6 * CLUSTER, false));
	memset(content + SECTOR, 0, 6 * CLUSTER);
	assert_file(fd, content, SIZE);
	assert_true(blocks_of(fd) >= before);
	/* Nothing makes the file longer again. */
	assert_int_equal(ftruncate(fd, 10 * SECTOR), 0);
	disk_zero(&disk, 20 * SECTOR, CLUSTER, false);
	assert_true(host.last_mode & FALLOC_FL_KEEP_SIZE);
	assert_false(host.changed_size);
}

/* --- hosts that fail --- */

static bool fail_once(unsigned what)
{
	switch (what) {
	case 0:
		return read_at(0, found, SECTOR);
	case 1:
		return write_at(0, content, SECTOR);
	case 2:
		return disk_zero(&disk, 0, CLUSTER, true);
	case 3:
		return disk_discard(&disk, 0, CLUSTER);
	default:
		return disk_flush(&disk);
	}
}

static void each_failure_is_said_and_survived(void **state)
{
	static const char *const words[] = {
		"cannot read disk.img: ", "cannot write disk.img: ",
		"cannot write zeros to disk.img: ", "cannot discard from disk.img: ",
		"cannot flush disk.img: "};

	(void)state;
	for (unsigned what = 0; what < COUNT(words); what++) {
		close_disk();
		make_disk(SIZE);
		begin_warnings();
		for (unsigned again = 0; again < 3; again++) {
			host.fail_in = 1;
			host.error = EIO;
			assert_false(fail_once(what));
			assert_true(fail_once(what));
		}
		end_warnings();
		assert_int_equal(capture.writes, 1);
		assert_says(capture.text, words[what]);
		assert_says(capture.text, strerror(EIO));
		assert_mends(strtok(capture.text, "\n"), "disk.img");
	}
}

static void one_warning_a_disk(void **state)
{
	(void)state;
	begin_warnings();
	for (unsigned what = 0; what < 15; what++) {
		host.fail_in = 1;
		host.error = EIO;
		assert_false(fail_once(what % 5));
	}
	end_warnings();
	assert_int_equal(capture.writes, 1);
}

static void a_descriptor_that_is_bad(void **state)
{
	int good = disk.file.fd;

	(void)state;
	disk.file.fd = -1;
	begin_warnings();
	for (unsigned what = 0; what < 5; what++)
		assert_false(fail_once(what));
	end_warnings();
	assert_int_equal(capture.writes, 1);
	assert_says(capture.text, strerror(EBADF));
	disk.file.fd = good;
	for (unsigned what = 0; what < 5; what++)
		assert_true(fail_once(what));
}

static void a_file_that_became_shorter(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(file, 10 * SECTOR + 100), 0);
	begin_warnings();
	assert_true(read_at(9 * SECTOR, found, SECTOR));
	assert_false(read_at(9 * SECTOR, found, 2 * SECTOR));
	assert_false(read_at(20 * SECTOR, found, SECTOR));
	end_warnings();
	assert_int_equal(capture.writes, 1);
	assert_says(capture.text, strerror(ENODATA));
	/* The guest may write it whole again. */
	assert_true(write_at(0, content, SIZE));
	assert_file(file, content, SIZE);
}

/* A limit on the size of files is the disk that is full: something was taken, the rest is not. */
static void a_disk_that_is_full(void **state)
{
	struct rlimit old, limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 10 * CLUSTER + SECTOR;
	signal(SIGXFSZ, SIG_IGN);
	for (unsigned i = 0; i < 2; i++) {
		if (i)
			make_ephemeral(SIZE);
		memset(found, 'f', SIZE);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		begin_warnings();
		assert_true(write_at(2 * CLUSTER, found, 8 * CLUSTER));
		assert_false(write_at(2 * CLUSTER, found, 9 * CLUSTER));
		assert_false(write_at(11 * CLUSTER, found, CLUSTER));
		assert_true(write_at(10 * CLUSTER, found, SECTOR) || i);
		end_warnings();
		assert_int_equal(capture.writes, 1);
		assert_says(capture.text, strerror(EFBIG));
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		/* Room again: the same disk goes on. */
		memcpy(model, content, SIZE);
		memset(model + 2 * CLUSTER, 'f', 9 * CLUSTER);
		assert_true(write_at(2 * CLUSTER, model + 2 * CLUSTER, 9 * CLUSTER));
		assert_true(read_at(0, found, SIZE));
		assert_memory_equal(found, model, SIZE);
	}
	signal(SIGXFSZ, SIG_DFL);
	assert_file(file, content, SIZE);
}

/* --- ephemeral --- */

static void what_is_written_goes_to_the_scratch_file(void **state)
{
	(void)state;
	make_ephemeral(SIZE);
	memset(found, 'e', SIZE);
	assert_true(write_at(3 * SECTOR, found, SECTOR));
	assert_int_equal(dirty[0], 1);
	assert_int_equal(blocks_of(disk.scratch_fd), 8); /* its cluster and no other */
	assert_true(write_at(8 * CLUSTER, found, CLUSTER));
	assert_int_equal(dirty[1], 1);
	assert_int_equal(blocks_of(disk.scratch_fd), 16);
	assert_true(write_at(3 * CLUSTER - SECTOR, found, 2 * SECTOR));
	assert_int_equal(dirty[0], 0xd);
	memcpy(model, content, SIZE);
	memset(model + 3 * SECTOR, 'e', SECTOR);
	memset(model + 8 * CLUSTER, 'e', CLUSTER);
	memset(model + 3 * CLUSTER - SECTOR, 'e', 2 * SECTOR);
	assert_true(read_at(0, found, SIZE));
	assert_memory_equal(found, model, SIZE);
	assert_file(file, content, SIZE);
	assert_false(host.wrote_base);
}

/* Whole clusters are not read from the base before they are written. */
static void only_edges_are_copied(void **state)
{
	(void)state;
	make_ephemeral(SIZE);
	assert_true(write_at(CLUSTER, found, 4 * CLUSTER));
	assert_int_equal(host.calls, 1);
	host.calls = 0;
	assert_true(disk_zero(&disk, 6 * CLUSTER, 2 * CLUSTER, false));
	assert_int_equal(host.calls, 1);
	/* … nor what was copied already. */
	host.calls = 0;
	assert_true(write_at(CLUSTER + SECTOR, found, SECTOR));
	assert_int_equal(host.calls, 1);
	host.calls = 0;
	assert_true(write_at(9 * CLUSTER + SECTOR, found, SECTOR));
	assert_int_equal(host.calls, 3);   /* a read, a write, the write */
	make_ephemeral(SIZE - 3 * SECTOR); /* the disk's end is a cluster's */
	assert_true(write_at(SIZE - CLUSTER, found, CLUSTER - 3 * SECTOR));
	assert_int_equal(host.calls, 1);
}

static void the_base_shows_through_a_hole(void **state)
{
	(void)state;
	make_ephemeral(SIZE);
	memset(found, 'e', SIZE);
	assert_true(write_at(0, found, 8 * CLUSTER));
	assert_int_equal(blocks_of(disk.scratch_fd), 64);
	assert_true(disk_discard(&disk, CLUSTER - SECTOR, 4 * CLUSTER));
	assert_int_equal(dirty[0], 0xf1); /* 1 to 3 lie within it */
	assert_int_equal(blocks_of(disk.scratch_fd), 40);
	memcpy(model, content, SIZE);
	memset(model, 'e', CLUSTER);
	memset(model + 4 * CLUSTER, 'e', 4 * CLUSTER);
	assert_true(read_at(0, found, SIZE));
	assert_memory_equal(found, model, SIZE);
}

static void the_odd_end_is_a_cluster_too(void **state)
{
	uint64_t size = SIZE - 3 * SECTOR, last = size / CLUSTER * CLUSTER;

	(void)state;
	make_ephemeral(size);
	memset(found, 'e', SIZE);
	assert_true(write_at(last + SECTOR, found, (uint32_t)(size - last - SECTOR)));
	memcpy(model, content, size);
	memset(model + last + SECTOR, 'e', size - last - SECTOR);
	assert_true(read_at(0, found, (uint32_t)size));
	assert_memory_equal(found, model, size);
	/* Not the whole of it: it stays. */
	assert_true(disk_discard(&disk, last + SECTOR, size - last - SECTOR));
	assert_int_equal(dirty[1], 0x80);
	assert_true(disk_discard(&disk, last, SECTOR));
	assert_int_equal(dirty[1], 0x80);
	assert_true(disk_discard(&disk, last, size - last));
	assert_int_equal(dirty[1], 0);
	assert_true(disk_zero(&disk, last, size - last, false));
	assert_int_equal(dirty[1], 0x80);
	memset(model + last, 0, size - last);
	assert_true(read_at(0, found, (uint32_t)size));
	assert_memory_equal(found, model, size);
	assert_false(host.changed_size);
	assert_int_equal(lseek(disk.scratch_fd, 0, SEEK_END), size);
}

/* Zeros are zeros, where something was written and where nothing was, holes or none. */
static void zeros_over_the_base(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		make_ephemeral(SIZE);
		host.refused_mode = i & 2 ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE : 0;
		memset(found, 'e', SIZE);
		assert_true(write_at(2 * CLUSTER, found, 3 * CLUSTER));
		assert_true(disk_zero(&disk, CLUSTER - SECTOR, 3 * CLUSTER, i & 1));
		memcpy(model, content, SIZE);
		memset(model + 2 * CLUSTER, 'e', 3 * CLUSTER);
		memset(model + CLUSTER - SECTOR, 0, 3 * CLUSTER);
		assert_true(read_at(0, found, SIZE));
		assert_memory_equal(found, model, SIZE);
	}
}

static void a_scratch_file_that_fails(void **state)
{
	(void)state;
	make_ephemeral(SIZE);
	begin_warnings();
	/* A write within a cluster: the read of the base, the copy, the write itself. */
	for (unsigned call = 1; call <= 3; call++) {
		host.fail_in = call;
		host.error = ENOSPC;
		memset(found, 'e', SECTOR);
		assert_false(write_at(SECTOR, found, SECTOR));
		assert_true(read_at(0, found, SIZE));
		assert_memory_equal(found, content, SECTOR);
		assert_memory_equal(found + 2 * SECTOR, content + 2 * SECTOR, SIZE - 2 * SECTOR);
	}
	host.fail_in = 1;
	host.error = EIO;
	assert_false(disk_discard(&disk, 0, CLUSTER));
	host.fail_in = 1;
	assert_false(disk_zero(&disk, CLUSTER, CLUSTER, true));
	assert_true(read_at(0, found, SIZE));
	assert_memory_equal(found, content, SIZE);
	end_warnings();
	assert_int_equal(capture.writes, 1);
}

/* --- a model --- */

struct trial {
	uint32_t seed;
	uint64_t size;
	bool ephemeral;
	unsigned faults; /* each so manieth operation meets one; 0: none */
	size_t most;
	unsigned interrupt;
	int refused_mode;
	uint32_t direct;
};

/* What FINE, an operation that may have met a fault, left of the sectors: MADE, or nobody knows what. */
static void note(uint32_t sector, uint32_t count, bool fine, const uint8_t *made)
{
	for (uint32_t i = sector; i < sector + count; i++) {
		known[i] = fine && made;
		if (known[i])
			memcpy(model + i * SECTOR, made + (i - sector) * SECTOR, SECTOR);
	}
}

static void compare(const uint8_t *data, uint32_t sector, uint32_t count, unsigned operation)
{
	for (uint32_t i = 0; i < count; i++)
		if (known[sector + i] &&
		    memcmp(data + i * SECTOR, model + (sector + i) * SECTOR, SECTOR))
			fail_msg("operation %u: sector %u is wrong", operation, sector + i);
}

static bool operate(unsigned operation, uint32_t sector, uint32_t count, uint32_t random)
{
	uint64_t position = (uint64_t)sector * SECTOR, length = (uint64_t)count * SECTOR;
	bool fine;

	switch (random % 8) {
	case 0:
	case 1:
	case 2:
		for (uint32_t i = 0; i < length; i++)
			found[i] = (uint8_t)(operation + i / SECTOR + i);
		fine = write_at(position, found, (uint32_t)length);
		note(sector, count, fine, found);
		return fine;
	case 3:
		fine = disk_zero(&disk, position, length, random & 256);
		memset(found, 0, length);
		note(sector, count, fine, found);
		return fine;
	case 4:
		fine = disk_discard(&disk, position, length);
		note(sector, count, fine, NULL);
		return fine;
	default:
		fine = read_at(position, found, (uint32_t)length);
		if (fine)
			compare(found, sector, count, operation);
		return fine;
	}
}

static void try(const struct trial *trial)
{
	uint32_t random = trial->seed, sectors = (uint32_t)(trial->size / SECTOR), failures = 0;
	unsigned operations = trial->ephemeral && !trial->direct ? 5000 : 1500;

	close_disk();
	make_disk(trial->size);
	if (trial->ephemeral)
		make_ephemeral(trial->size);
	disk.file.direct = trial->direct;
	disk.file.bounce = trial->direct ? bounce : NULL;
	host.refused_mode = trial->refused_mode;
	host.most = trial->most;
	host.interrupt = trial->interrupt;
	host.error = EIO;
	memcpy(model, content, trial->size);
	memset(known, true, sizeof(known));
	if (trial->faults)
		atomic_flag_test_and_set(&disk.file.complained); /* we know */
	for (unsigned i = 0; i < operations; i++) {
		uint32_t unit = trial->direct > SECTOR ? trial->direct / SECTOR : 1;
		uint32_t sector = next_random(&random) % (sectors / unit) * unit;
		uint32_t count = (1 + next_random(&random) % (i % 16 ? 24 : 128)) * unit;
		bool faulty = trial->faults && i % trial->faults == 0;

		count = count < sectors - sector ? count : sectors - sector;
		host.fail_in = faulty ? 1 + next_random(&random) % 5 : 0;
		bool fine = operate(i, sector, count, next_random(&random));
		assert_each(fine || (faulty && host.fail_in == 0), "failed at operation", i);
		failures += !fine;
	}
	host.fail_in = 0;
	assert_true(read_at(0, found, (uint32_t)trial->size));
	compare(found, 0, sectors, operations);
	assert_false(host.misaligned || host.changed_size || host.wrote_base);
	assert_true(!trial->faults || failures > operations / 50);
	if (trial->ephemeral)
		assert_file(file, content, trial->size);
}

#define NO_ZERO FALLOC_FL_ZERO_RANGE

static void many_operations(void **state)
{
	static const struct trial trials[] = {
		{.seed = 1, .size = SIZE},
		{.seed = 2, .size = SIZE, .most = 300, .interrupt = 3},
		{.seed = 3, .size = SIZE, .most = 5000, .interrupt = 2, .refused_mode = NO_ZERO},
		{.seed = 4, .size = SIZE + SECTOR, .faults = 3, .refused_mode = NO_ZERO},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(trials); i++)
		try(&trials[i]);
}

static void many_operations_on_an_ephemeral_disk(void **state)
{
	static const struct trial trials[] = {
		{.seed = 11, .size = SIZE, .ephemeral = true},
		{.seed = 12, .size = SIZE - SECTOR, .ephemeral = true},
		{.seed = 13, .size = SIZE - 7 * SECTOR, .ephemeral = true, .most = 4200},
		{.seed = 14, .size = 5 * SECTOR, .ephemeral = true},
		{.seed = 15, .size = SIZE + 3 * SECTOR, .ephemeral = true, .faults = 2},
		{.seed = 16, .size = SIZE, .ephemeral = true, .faults = 3},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(trials); i++)
		try(&trials[i]);
}

/* --- direct --- */

static void many_direct_operations(void **state)
{
	static const struct trial trials[] = {
		{.seed = 21, .size = BIG, .direct = 512},
		{.seed = 22, .size = SIZE, .direct = 4096},
		{.seed = 23, .size = SIZE, .direct = 512, .faults = 3, .refused_mode = NO_ZERO},
		{.seed = 24, .size = SIZE - SECTOR, .direct = 512, .ephemeral = true},
		{.seed = 25, .size = SIZE, .direct = 4096, .ephemeral = true},
		{.seed = 26, .size = SIZE, .direct = 512, .most = 1024, .interrupt = 5},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(trials); i++)
		try(&trials[i]);
}

/* What is aligned goes straight, in one call; what is not, in pieces of the bounce buffer. */
static void only_what_is_not_aligned_takes_the_long_way(void **state)
{
	(void)state;
	close_disk();
	make_disk(BIG);
	disk.file.direct = 4096;
	disk.file.bounce = bounce;
	chain = (struct chain){.ram = &ram};
	add_part(16 * CLUSTER, 2 * CLUSTER, true);
	add_part(8 * CLUSTER, 3 * CLUSTER, true);
	assert_true(disk_read(&disk, CLUSTER, &chain, 0, 5 * CLUSTER));
	assert_int_equal(host.calls, 1);
	memset(bounce, 0, sizeof(bounce));
	host.calls = 0;
	chain = (struct chain){.ram = &ram};
	add_part(16 * CLUSTER + 512, 40 * CLUSTER, true);
	assert_true(disk_read(&disk, CLUSTER, &chain, 0, 40 * CLUSTER));
	assert_int_equal(host.calls, 3);
	assert_false(host.misaligned);
	assert_true(ram_read(&ram, GPA(16 * CLUSTER + 512), found, 40 * CLUSTER));
	assert_memory_equal(found, content + CLUSTER, 40 * CLUSTER);
	/* Pieces that begin well and end badly. */
	chain = (struct chain){.ram = &ram};
	add_part(16 * CLUSTER, 1000, true);
	add_part(20 * CLUSTER, 2 * CLUSTER - 1000, true);
	assert_true(disk_read(&disk, CLUSTER, &chain, 0, 2 * CLUSTER));
	assert_false(host.misaligned);
	assert_true(ram_read(&ram, GPA(20 * CLUSTER), found, 2 * CLUSTER - 1000));
	assert_memory_equal(found, content + CLUSTER + 1000, 2 * CLUSTER - 1000);
}

static void direct_for_real(void **state)
{
	int fd = open_temporary(O_DIRECT);

	(void)state;
	if (fd < 0)
		return; /* the file system has none */
	assert_int_equal(ftruncate(fd, BIG), 0);
	close(disk.file.fd);
	disk.file.fd = fd;
	disk.size = BIG;
	disk.block = disk.file.direct = 4096;
	disk.file.bounce = bounce;
	assert_true(write_at(0, content, BIG));
	assert_true(write_at(5 * CLUSTER, content, 20 * CLUSTER));
	memcpy(model, content, BIG);
	memcpy(model + 5 * CLUSTER, content, 20 * CLUSTER);
	assert_true(disk_zero(&disk, 3 * CLUSTER, CLUSTER, false));
	memset(model + 3 * CLUSTER, 0, CLUSTER);
	for (unsigned i = 0; i < 4; i++) {
		memset(found, 0xee, BIG);
		assert_true(read_at(0, found, BIG));
		assert_memory_equal(found, model, BIG);
	}
	assert_true(disk_flush(&disk));
}

/* --- the filter --- */

/* The modes of fallocate are those of disk_discard and disk_zero. */
static void what_it_may_do(void **state)
{
	static const struct rule plain[] = {
		{SYS_preadv, 100, ANY},
		{SYS_pwritev, 100, ANY},
		{SYS_fallocate, 100, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
		{SYS_fallocate, 100, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE},
		{SYS_fdatasync, 100, ANY},
	};
	static const struct rule ephemeral[] = {
		{SYS_preadv, 100, ANY},
		{SYS_preadv, 101, ANY},
		{SYS_pwritev, 101, ANY},
		{SYS_fallocate, 101, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
	};
	static const struct rule read_only[] = {{SYS_preadv, 100, ANY}};

	(void)state;
	disk.file.fd = dup2(disk.file.fd, 100);
	disk_allow(&disk, list_anew());
	assert_rules(&listed, plain, COUNT(plain));
	disk_allow_flush(&disk, list_anew());
	assert_rules(&listed, &plain[4], 1);
	make_ephemeral(SIZE);
	disk.file.fd = dup2(disk.file.fd, 100);
	disk.scratch_fd = dup2(disk.scratch_fd, 101);
	disk_allow(&disk, list_anew());
	assert_rules(&listed, ephemeral, COUNT(ephemeral));
	disk_allow_flush(&disk, list_anew());
	assert_rules(&listed, NULL, 0);
	disk.scratch_fd = -1;
	disk.read_only = true;
	disk_allow(&disk, list_anew());
	assert_rules(&listed, read_only, COUNT(read_only));
	disk_allow_flush(&disk, list_anew());
	assert_rules(&listed, NULL, 0);
}

static void copy_up_says_why(void **state)
{
	(void)state;
	make_ephemeral(SIZE);
	assert_int_equal(ftruncate(file, 10 * SECTOR), 0);
	begin_warnings();
	errno = EAGAIN; /* whatever was before */
	assert_false(write_at(9 * SECTOR, found, SECTOR));
	end_warnings();
	assert_says(capture.text, strerror(ENODATA));
}

static void copy_up_is_interrupted(void **state)
{
	(void)state;
	make_ephemeral(SIZE);
	host.interrupt = 2;
	host.calls = 1;
	assert_true(write_at(9 * SECTOR, found, SECTOR));
}

static void copy_up_gets_little(void **state)
{
	(void)state;
	make_ephemeral(SIZE);
	host.most = 1000;
	assert_true(write_at(9 * SECTOR, found, SECTOR));
}

static void full_scratch_says_why(void **state)
{
	struct rlimit old, limit;

	(void)state;
	make_ephemeral(SIZE);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = CLUSTER + SECTOR;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	begin_warnings();
	errno = EAGAIN;
	bool fine = write_at(10 * SECTOR, found, SECTOR);
	end_warnings();
	setrlimit(RLIMIT_FSIZE, &old);
	assert_false(fine);
	assert_says(capture.text, strerror(EFBIG));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_map_has_a_bit_a_cluster),
		TEST(a_part_of_a_chain_is_moved),
		TEST(nothing_is_moved_without_bytes),
		TEST(a_read_only_disk_is_not_written),
		TEST(flushing),
		TEST(storage_is_given_back),
		TEST(zeros_are_written_where_nobody_knows_better),
		TEST(zeros_on_a_real_file_system),
		TEST(each_failure_is_said_and_survived),
		TEST(one_warning_a_disk),
		TEST(a_descriptor_that_is_bad),
		TEST(a_file_that_became_shorter),
		TEST(a_disk_that_is_full),
		TEST(what_is_written_goes_to_the_scratch_file),
		TEST(only_edges_are_copied),
		TEST(the_base_shows_through_a_hole),
		TEST(the_odd_end_is_a_cluster_too),
		TEST(zeros_over_the_base),
		TEST(a_scratch_file_that_fails),
		TEST(many_operations),
		TEST(many_operations_on_an_ephemeral_disk),
		TEST(many_direct_operations),
		TEST(only_what_is_not_aligned_takes_the_long_way),
		TEST(direct_for_real),
		TEST(copy_up_says_why),
		TEST(copy_up_is_interrupted),
		TEST(copy_up_gets_little),
		TEST(full_scratch_says_why),
		TEST(what_it_may_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
