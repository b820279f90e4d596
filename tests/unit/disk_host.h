/* Disks in a test, the host under them, and chains. The system calls are looked at on their way
 * to the kernel. */
#ifndef MAYFLY_DISK_HOST_H
#define MAYFLY_DISK_HOST_H

#include "devices/disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

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
static uint8_t *dirty; /* of its exact size, so that the sanitizer guards its end */
static struct capture capture;
static bool captures;

static inline void begin_warnings(void)
{
	capture_begin(&capture, STDERR_FILENO);
	captures = true;
}

static inline void end_warnings(void)
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

static inline bool goes_wrong(void)
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

static inline bool is_off(uint64_t number)
{
	return disk.file.direct && number % disk.file.direct;
}

static inline ssize_t transfer(long nr, int fd, const struct iovec *iov, int count, off_t position)
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

static inline int make_file(uint64_t size)
{
	int fd = memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* FD anew, so that it can do no more than FLAGS say. */
static inline int open_again(int fd, int flags)
{
	char path[40];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC);
	assert_true(again >= 0);
	return again;
}

static inline void close_disk(void)
{
	free(dirty);
	dirty = NULL;
	close(disk.file.fd);
	if (disk.scratch_fd >= 0)
		close(disk.scratch_fd);
}

static inline void make_disk(uint64_t size)
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

static inline void make_ephemeral(uint64_t size)
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

static inline void make_read_only(void)
{
	close(disk.file.fd);
	disk.file.fd = open_again(file, O_RDONLY);
	disk.read_only = true;
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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

static inline void assert_file(int fd, const uint8_t *expected, size_t size)
{
	static uint8_t whole[BIG];

	assert_int_equal(lseek(fd, 0, SEEK_END), size);
	assert_int_equal(pread(fd, whole, size, 0), size);
	assert_memory_equal(whole, expected, size);
}

static inline blkcnt_t blocks_of(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	return status.st_blocks;
}

/* --- chains, as virtq_pop leaves them --- */

static struct chain chain;

static inline void add_part(uint64_t address, uint32_t length, bool writable)
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

/* LENGTH bytes of a kind from offset BEFORE on, in up to nine parts, somewhere in memory, with
 * something of the other kind beside them. */
static inline void make_chain(bool writable, uint32_t before, uint32_t length)
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
static inline void exchange(bool writable, bool put, uint32_t before, uint8_t *data)
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

static inline bool write_at(uint64_t position, uint8_t *data, uint32_t length)
{
	make_chain(false, 16, length);
	exchange(false, true, 16, data);
	return disk_write(&disk, position, &chain, 16, length);
}

static inline bool read_at(uint64_t position, uint8_t *data, uint32_t length)
{
	uint32_t before = next_random(&shape) % 3;
	bool fine;

	make_chain(true, before, length);
	fine = disk_read(&disk, position, &chain, before, length);
	exchange(true, false, before, data);
	return fine;
}

static inline int open_temporary(int flags)
{
	const char *directory = getenv("TMPDIR");

	return open(directory && directory[0] ? directory : "/tmp",
		    O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);
}

#endif
