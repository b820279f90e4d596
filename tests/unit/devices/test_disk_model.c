/* The host's side of a disk against an array as a model; direct I/O. */
#include "disk_host.h"

#include <linux/falloc.h>

/* --- a model --- */

static bool known[BIG / SECTOR];
static uint8_t bounce[DISK_BOUNCE_SIZE] __attribute__((aligned(4096)));

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

/* What FINE, an operation that may have met a fault, left of the sectors: MADE, or nobody knows
 * what. */
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(many_operations),
		TEST(many_operations_on_an_ephemeral_disk),
		TEST(many_direct_operations),
		TEST(only_what_is_not_aligned_takes_the_long_way),
		TEST(direct_for_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
