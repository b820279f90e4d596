/* Guest memory: its two ranges, and the one bounds check that everybody relies on. */
#define _GNU_SOURCE
#include "base/ram.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "forbid.h"
#include "unit.h"

#define HOLE_START (3 * GIB)
#define HOLE_END (4 * GIB)

static struct ram reserve(uint64_t size)
{
	struct ram ram;
	struct problem problem = {"", ""};

	if (!ram_reserve(&ram, size, 0, HOLE_START, HOLE_END, &problem))
		fail_msg("%s", in_words(&problem));
	return ram;
}

static bool can_access(const struct ram *ram, uint64_t address, size_t length)
{
	uint8_t *buffer = calloc(1, length + 1); /* never NULL, never too long for the sanitizer */

	assert_non_null(buffer);
	bool can = ram_read(ram, GPA(address), buffer, length);
	assert_each(ram_write(ram, GPA(address), buffer, length) == can,
		    "ram_read and ram_write disagree at", address);
	free(buffer);
	return can;
}

static void small_memory_has_one_range(void **state)
{
	struct ram ram = reserve(16 * MIB);

	(void)state;
	assert_true(ram.range[0].base == 0);
	assert_true(ram.range[0].size == 16 * MIB);
	assert_true(ram.range[1].size == 0);
	ram_release(&ram);
}

static void memory_up_to_the_hole_has_one_range(void **state)
{
	struct ram ram = reserve(HOLE_START);

	(void)state;
	assert_true(ram.range[0].size == HOLE_START);
	assert_true(ram.range[1].size == 0);
	ram_release(&ram);
}

static void memory_goes_on_above_the_hole(void **state)
{
	struct ram ram = reserve(HOLE_START + PAGE);

	(void)state;
	assert_true(ram.range[0].base == 0);
	assert_true(ram.range[0].size == HOLE_START);
	assert_true(ram.range[1].base == HOLE_END);
	assert_true(ram.range[1].size == PAGE);
	ram_release(&ram);
}

static void memory_is_zero_at_first(void **state)
{
	struct ram ram = reserve(16 * MIB);
	uint8_t page[PAGE], zero[PAGE] = {0};

	(void)state;
	memset(page, 0xff, sizeof(page));
	assert_true(ram_read(&ram, GPA(16 * MIB - PAGE), page, PAGE));
	assert_memory_equal(page, zero, PAGE);
	ram_release(&ram);
}

static void what_is_written_is_read(void **state)
{
	struct ram ram = reserve(HOLE_START + PAGE);
	const uint8_t low[4] = "low", high[5] = "high";
	uint8_t out[5];

	(void)state;
	assert_true(ram_write(&ram, GPA(HOLE_START - 4), low, 4));
	assert_true(ram_write(&ram, GPA(HOLE_END + PAGE - 5), high, 5));
	assert_true(ram_read(&ram, GPA(HOLE_START - 4), out, 4));
	assert_memory_equal(out, low, 4);
	assert_true(ram_read(&ram, GPA(HOLE_END + PAGE - 5), out, 5));
	assert_memory_equal(out, high, 5);
	ram_release(&ram);
}

static void host_addresses_are_where_the_bytes_are(void **state)
{
	struct ram ram = reserve(HOLE_START + PAGE);
	const uint8_t byte = 0x5a;

	(void)state;
	assert_true(ram_write(&ram, GPA(7), &byte, 1));
	assert_true(ram_write(&ram, GPA(HOLE_END + 9), &byte, 1));
	assert_int_equal(((uint8_t *)(uintptr_t)ram_host(&ram, 0))[7], byte);
	assert_int_equal(((uint8_t *)(uintptr_t)ram_host(&ram, 1))[9], byte);
	ram_release(&ram);
}

/* CVE class "addr + len wrapping; rings that cross the end of RAM or the hole". */
static void accesses_end_at_the_end(void **state)
{
	static const struct {
		uint64_t address;
		size_t length;
		bool inside;
	} cases[] = {
		{0, 1, true},
		{0, PAGE, true},
		{HOLE_START - 8, 8, true}, /* ends exactly at the end */
		{HOLE_START - 8, 9, false},
		{HOLE_START - 1, 2, false},
		{HOLE_START, 1, false},
		{HOLE_END - 1, 1, false},
		{HOLE_END - 1, 2, false}, /* from the hole into the second range */
		{HOLE_END, 2 * PAGE, true},
		{HOLE_END, 2 * PAGE + 1, false},
		{HOLE_END + 2 * PAGE - 1, 1, true},
		{HOLE_END + 2 * PAGE - 1, 2, false},
		{HOLE_END + 2 * PAGE, 1, false},
		{UINT64_MAX, 1, false},
		{UINT64_MAX, 2, false}, /* wraps to 0 */
		{UINT64_MAX - 7, 16, false},
		{(uint64_t)1 << 63, 1, false},
	};
	struct ram ram = reserve(HOLE_START + 2 * PAGE);

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++)
		assert_each(can_access(&ram, cases[i].address, cases[i].length) == cases[i].inside,
			    "wrong answer at", cases[i].address);
	ram_release(&ram);
}

/* Lengths that no buffer can have: the check must refuse them before it copies. */
static void lengths_near_the_limit_are_refused(void **state)
{
	struct ram ram = reserve(HOLE_START + PAGE);
	const size_t lengths[] = {SIZE_MAX,
				  SIZE_MAX - 1,
				  SIZE_MAX - PAGE,
				  (size_t)1 << 63,
				  (size_t)HOLE_START + 1,
				  (size_t)(HOLE_START + PAGE),
				  (size_t)(HOLE_END + PAGE)};
	const uint64_t addresses[] = {0, 1, PAGE, HOLE_START, HOLE_END, UINT64_MAX};
	uint8_t byte = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(lengths); i++)
		for (unsigned j = 0; j < COUNT(addresses); j++) {
			/* Volatile: the compiler knows how large BYTE is and would complain. */
			volatile size_t length = lengths[i];

			assert_each(!ram_read(&ram, GPA(addresses[j]), &byte, length),
				    "reads length", length);
			assert_each(!ram_write(&ram, GPA(addresses[j]), &byte, length),
				    "writes length", length);
		}
	ram_release(&ram);
}

static void nothing_is_copied_when_refused(void **state)
{
	struct ram ram = reserve(16 * MIB);
	uint8_t buffer[16], before[16];

	(void)state;
	memset(buffer, 0x77, sizeof(buffer));
	memcpy(before, buffer, sizeof(before));
	assert_false(ram_write(&ram, GPA(16 * MIB - 8), buffer, 16));
	assert_false(ram_read(&ram, GPA(16 * MIB - 8), buffer, 16));
	assert_memory_equal(buffer, before, 16);
	assert_true(ram_read(&ram, GPA(16 * MIB - 8), buffer, 8));
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(buffer[i], 0);
	ram_release(&ram);
}

/* Of no bytes, all lie in a range if the address does, its end included. */
static void nothing_can_be_copied_everywhere_in_a_range(void **state)
{
	struct ram ram = reserve(HOLE_START + PAGE);

	(void)state;
	assert_true(can_access(&ram, 0, 0));
	assert_true(can_access(&ram, HOLE_START, 0));
	assert_true(can_access(&ram, HOLE_END, 0));
	assert_true(can_access(&ram, HOLE_END + PAGE, 0));
	assert_false(can_access(&ram, HOLE_START + 1, 0));
	assert_false(can_access(&ram, HOLE_END - 1, 0));
	assert_false(can_access(&ram, UINT64_MAX, 0));
	ram_release(&ram);
}

/* A segment without bytes and an initrd that is absent come as {NULL, 0}; memcpy(…, NULL, 0) is
 * undefined (C11 7.24.1p2). */
static void no_bytes_need_no_buffer(void **state)
{
	struct ram ram = reserve(16 * MIB);

	(void)state;
	assert_true(ram_write(&ram, GPA(PAGE), NULL, 0));
	assert_true(ram_read(&ram, GPA(PAGE), NULL, 0));
	ram_release(&ram);
}

static void an_absent_range_takes_nothing(void **state)
{
	struct ram ram = reserve(16 * MIB);

	(void)state;
	assert_false(can_access(&ram, HOLE_END, 1));
	assert_false(can_access(&ram, HOLE_END, 0));
	ram_release(&ram);
}

static void the_host_may_refuse(void **state)
{
	struct problem problem = {"", ""};
	struct ram ram;

	(void)state;
	assert_false(
		ram_reserve(&ram, (uint64_t)1 << 62, 0, (uint64_t)1 << 62, UINT64_MAX, &problem));
	assert_mends(in_words(&problem), "4398046511104 MiB of guest memory");
	assert_says(in_words(&problem), "-m");
	/* The second range is refused: the first is given back. */
	assert_false(ram_reserve(&ram, (uint64_t)1 << 62, 0, PAGE, HOLE_END, &problem));
	assert_mends(in_words(&problem), "guest memory");
	for (unsigned i = 0; i < RAM_RANGES_MAX; i++)
		assert_true(ram.range[i].size == 0);
}

static void releasing_twice_is_harmless(void **state)
{
	struct ram ram = reserve(16 * MIB);
	uint64_t host = ram_host(&ram, 0);
	unsigned char resident;

	(void)state;
	ram_release(&ram);
	assert_true(ram.range[0].size == 0);
	ram_release(&ram);
	/* Not mapped any more: mincore says ENOMEM. */
	assert_int_equal(mincore((void *)(uintptr_t)host, PAGE, &resident), -1);
}

/* "The memory is left out of core dumps and children." */
static void children_do_not_see_it(void **state)
{
	struct ram ram = reserve(16 * MIB);
	unsigned char resident;
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(mincore((void *)(uintptr_t)ram_host(&ram, 0), PAGE, &resident) == -1 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ram_release(&ram);
}

/* The signal that a read of the byte at ADDRESS of ours ends a child with, or 0. */
static int touch(uint64_t address)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		signal(SIGSEGV, SIG_DFL); /* and not the sanitizer's report */
		*(volatile uint8_t *)(uintptr_t)address;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* A large page of the host's is one of the guest's. */
static void large_pages_serve_both(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct ram ram = reserve(HOLE_START + (i + 1) * PAGE);

		for (unsigned j = 0; j < RAM_RANGES_MAX; j++)
			assert_each((ram_host(&ram, j) - ram.range[j].base) % (2 * MIB) == 0,
				    "not alike, in round", i);
		ram_release(&ram);
	}
}

static void pages_around_it_are_nobodys(void **state)
{
	struct ram ram = reserve(HOLE_START + PAGE);

	(void)state;
	for (unsigned i = 0; i < RAM_RANGES_MAX; i++) {
		uint64_t begin = ram_host(&ram, i), end = begin + ram.range[i].size;
		const uint64_t forbidden[] = {begin - 65536, begin - 1, end, end + 65535};

		for (unsigned j = 0; j < sizeof(forbidden) / sizeof(forbidden[0]); j++)
			assert_each(touch(forbidden[j]) == SIGSEGV, "can be read", forbidden[j]);
	}
	ram_release(&ram);
}

/* --- pages of files --- */

enum { FILE_SIZE = 300 * 1024 + 77 };

static int file_fd;
static const uint8_t *file;

/* A file whose bytes tell where they are from, mapped as files are that mayfly is given. */
static int open_file(void **state)
{
	static uint8_t bytes[FILE_SIZE];

	(void)state;
	for (size_t i = 0; i < FILE_SIZE; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	file_fd = memfd_create("file", MFD_CLOEXEC);
	if (file_fd < 0 || pwrite(file_fd, bytes, FILE_SIZE, 0) != FILE_SIZE)
		return -1;
	file = mmap(NULL, FILE_SIZE, PROT_READ, MAP_PRIVATE, file_fd, 0);
	return file == MAP_FAILED ? -1 : 0;
}

static int close_file(void **state)
{
	(void)state;
	munmap((void *)(uintptr_t)file, FILE_SIZE);
	return close(file_fd);
}

/* From OFFSET of the file to ADDRESS, with what lies around it. */
static void place(const struct ram *ram, uint64_t address, size_t offset, size_t length)
{
	static uint8_t seen[FILE_SIZE + 2];

	assert_true(ram_place(ram, GPA(address), file + offset, length));
	assert_true(ram_read(ram, GPA(address - 1), seen, length + 2));
	assert_memory_equal(seen + 1, file + offset, length);
	assert_int_equal(seen[0], 0);
	assert_int_equal(seen[length + 1], 0);
}

/* VmFlags of the mapping that has guest memory at ADDRESS. */
static bool has_flag(const struct ram *ram, uint64_t address, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned long begin, end;
	char line[1024];
	bool here = false, found = false;

	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			here = begin <= ram_host(ram, 0) + address &&
			       ram_host(ram, 0) + address < end;
		else if (here && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag);
	}
	fclose(smaps);
	return found;
}

static void a_file_is_placed_anywhere(void **state)
{
	struct ram ram = reserve(16 * MIB);

	(void)state;
	place(&ram, MIB, 0, FILE_SIZE);             /* whole pages and a rest */
	place(&ram, 2 * MIB + 5, PAGE + 5, 200000); /* parts of pages before and behind */
	place(&ram, 3 * MIB + 8, PAGE + 9, 200000); /* no page is a page there */
	place(&ram, 4 * MIB, 2 * PAGE, 3);
	place(&ram, 5 * MIB, 0, FILE_SIZE); /* once more: the file is still there */
	place(&ram, 16 * MIB - 300 * 1024 - PAGE, 0, 300 * 1024);
	assert_false(ram_place(&ram, GPA(16 * MIB - FILE_SIZE + 1), file, FILE_SIZE));
	assert_true(ram_place(&ram, GPA(MIB), NULL, 0));
	ram_release(&ram);
}

/* As all of guest memory. */
static void what_is_placed_is_in_no_dump_and_no_child(void **state)
{
	struct ram ram = reserve(16 * MIB);

	(void)state;
	place(&ram, MIB, 0, FILE_SIZE);
	for (uint64_t address = 0; address < 2 * MIB; address += PAGE) {
		assert_each(has_flag(&ram, address, " dd"), "in core dumps", address);
		assert_each(has_flag(&ram, address, " dc"), "in children", address);
	}
	ram_release(&ram);
}

/* Linux 5.12 and older: what was there is unmapped, and mremap fails. */
static void where_nothing_can_be_shared(void **state)
{
	struct ram ram = reserve(16 * MIB);
	int status;

	(void)state;
	pid_t child = fork();
	if (child == 0) {
		ram = reserve(16 * MIB);
		munmap((void *)(uintptr_t)(ram_host(&ram, 0) + MIB), FILE_SIZE / PAGE * PAGE);
		if (!forbid(SYS_mremap, ANY_ARGUMENT, EINVAL))
			_exit(2);
		place(&ram, MIB, 0, FILE_SIZE);
		_exit(has_flag(&ram, MIB, " dd") && has_flag(&ram, MIB, " dc") ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	ram_release(&ram);
}

/* What a guest writes does not reach the file, or another guest. */
static void a_placed_file_is_the_guests_own(void **state)
{
	struct ram ram = reserve(16 * MIB), other = reserve(16 * MIB);
	uint8_t byte, mine = (uint8_t)~file[2 * PAGE + 1];

	(void)state;
	place(&ram, MIB, 0, FILE_SIZE);
	place(&other, MIB, 0, FILE_SIZE);
	assert_true(ram_write(&ram, GPA(MIB + 2 * PAGE + 1), &mine, 1));
	assert_true(ram_read(&ram, GPA(MIB + 2 * PAGE + 1), &byte, 1));
	assert_int_equal(byte, mine);
	assert_true(ram_read(&other, GPA(MIB + 2 * PAGE + 1), &byte, 1));
	assert_int_equal(byte, (uint8_t)~mine);
	assert_int_equal(pread(file_fd, &byte, 1, 2 * PAGE + 1), 1);
	assert_int_equal(byte, (uint8_t)~mine);
	ram_release(&ram);
	ram_release(&other);
}

static bool kernel_shares(void)
{
	void *at = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *moved = mremap((void *)(uintptr_t)file, PAGE, PAGE,
			     MREMAP_MAYMOVE | MREMAP_FIXED | 4 /* MREMAP_DONTUNMAP */, at);

	munmap(at, PAGE);
	return moved == at;
}

/* Pages of the page cache: where the file is changed, all see it. */
static void a_placed_file_is_shared(void **state)
{
	struct ram ram = reserve(16 * MIB);
	uint8_t byte, changed = (uint8_t)~file[PAGE];

	(void)state;
	if (!kernel_shares()) {
		ram_release(&ram);
		print_message(
			"skipped: this kernel (Linux 5.12 and older) cannot map pages twice\n");
		skip();
	}
	assert_true(ram_place(&ram, GPA(MIB), file, FILE_SIZE));
	assert_int_equal(pwrite(file_fd, &changed, 1, PAGE), 1);
	assert_true(ram_read(&ram, GPA(MIB + PAGE), &byte, 1));
	assert_int_equal(byte, changed);
	ram_release(&ram);
}

/* What is written to the file afterwards, and seen in guest memory, was not copied. */
static bool shares(enum hugepages wanted, const char *setting)
{
	struct ram ram = reserve(16 * MIB);
	struct problem problem = {"", ""};
	uint8_t byte, changed = (uint8_t)~file[PAGE];

	if (!ram_choose_pages(&ram, wanted, setting, &problem))
		fail_msg("%s", in_words(&problem));
	assert_true(ram_place(&ram, GPA(MIB), file, FILE_SIZE));
	assert_int_equal(pwrite(file_fd, &changed, 1, PAGE), 1);
	assert_true(ram_read(&ram, GPA(MIB + PAGE), &byte, 1));
	ram_release(&ram);
	return byte == changed;
}

static void large_pages_are_filled(void **state)
{
	static const char always[] = "[always] madvise never\n",
			  some[] = "always [madvise] never\n", never[] = "always madvise [never]\n";
	bool can = kernel_shares();

	(void)state;
	assert_false(shares(HUGEPAGES_AUTO, always));
	assert_false(shares(HUGEPAGES_ON, always));
	assert_false(shares(HUGEPAGES_ON, some));
	assert_int_equal(shares(HUGEPAGES_AUTO, some), can);
	assert_int_equal(shares(HUGEPAGES_AUTO, never), can);
	assert_int_equal(shares(HUGEPAGES_AUTO, NULL), can);
	assert_int_equal(shares(HUGEPAGES_OFF, always), can);
}

static void the_kernel_is_asked_for_them(void **state)
{
	static const struct {
		enum hugepages wanted;
		bool huge, none;
	} cases[] = {
		{HUGEPAGES_AUTO, false, false},
		{HUGEPAGES_ON, true, false},
		{HUGEPAGES_OFF, false, true},
	};
	struct problem problem = {"", ""};

	(void)state;
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK) < 0) {
		print_message("skipped: this kernel has no huge pages to ask for\n");
		skip();
	}
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct ram ram = reserve(16 * MIB);

		assert_true(ram_choose_pages(&ram, cases[i].wanted, "[madvise]", &problem));
		assert_each(has_flag(&ram, 0, " hg") == cases[i].huge, "MADV_HUGEPAGE, case", i);
		assert_each(has_flag(&ram, 0, " nh") == cases[i].none, "MADV_NOHUGEPAGE, case", i);
		ram_release(&ram);
	}
}

static void there_may_be_none(void **state)
{
	struct ram ram = reserve(16 * MIB);
	struct problem problem = {"", ""};

	(void)state;
	assert_false(ram_choose_pages(&ram, HUGEPAGES_ON, NULL, &problem));
	assert_mends(in_words(&problem), "--hugepages=on");
	assert_says(in_words(&problem), "CONFIG_TRANSPARENT_HUGEPAGE");
	assert_false(ram_choose_pages(&ram, HUGEPAGES_ON, "always madvise [never]\n", &problem));
	assert_mends(in_words(&problem), "--hugepages=on");
	assert_says(in_words(&problem), "/sys/kernel/mm/transparent_hugepage/enabled");
	ram_release(&ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_memory_has_one_range),
		cmocka_unit_test(memory_up_to_the_hole_has_one_range),
		cmocka_unit_test(memory_goes_on_above_the_hole),
		cmocka_unit_test(memory_is_zero_at_first),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(host_addresses_are_where_the_bytes_are),
		cmocka_unit_test(accesses_end_at_the_end),
		cmocka_unit_test(lengths_near_the_limit_are_refused),
		cmocka_unit_test(nothing_is_copied_when_refused),
		cmocka_unit_test(nothing_can_be_copied_everywhere_in_a_range),
		cmocka_unit_test(an_absent_range_takes_nothing),
		cmocka_unit_test(the_host_may_refuse),
		cmocka_unit_test(releasing_twice_is_harmless),
		cmocka_unit_test(children_do_not_see_it),
		cmocka_unit_test(pages_around_it_are_nobodys),
		cmocka_unit_test(large_pages_serve_both),
		cmocka_unit_test(no_bytes_need_no_buffer),
		cmocka_unit_test_setup_teardown(a_file_is_placed_anywhere, open_file, close_file),
		cmocka_unit_test_setup_teardown(a_placed_file_is_the_guests_own, open_file,
						close_file),
		cmocka_unit_test_setup_teardown(a_placed_file_is_shared, open_file, close_file),
		cmocka_unit_test_setup_teardown(what_is_placed_is_in_no_dump_and_no_child,
						open_file, close_file),
		cmocka_unit_test_setup_teardown(where_nothing_can_be_shared, open_file, close_file),
		cmocka_unit_test_setup_teardown(large_pages_are_filled, open_file, close_file),
		cmocka_unit_test(the_kernel_is_asked_for_them),
		cmocka_unit_test(there_may_be_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
