/* The host's side of a disk against its contract: files that take little at a time, fail now and
 * then, are full, have become shorter; ephemeral layers. */
#include "disk_host.h"

#include <linux/falloc.h>
#include <signal.h>
#include <sys/resource.h>

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
		TEST(copy_up_says_why),
		TEST(copy_up_is_interrupted),
		TEST(copy_up_gets_little),
		TEST(full_scratch_says_why),
		TEST(what_it_may_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
