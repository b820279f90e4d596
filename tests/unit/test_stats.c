/* What --stats says of a VM, where it says it, and what is done when it cannot. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/stat.h>

/* With what it keeps to itself, and before the names that it has, too. */
#include "stats.c"

#include "guest_devices.h"
#include "rules.h"

static char output[65536];

/* Of no layer, unless a test says so. */
static struct jail walls;

static void without_walls(void)
{
	for (unsigned i = 0; i < JAIL_LAYERS; i++)
		walls.missing[i] = -1;
}

static int set_up(void **state)
{
	(void)state;
	without_walls();
	return set_up_devices();
}

static struct stats stats;

static bool write_stats(int code)
{
	stats.jail = &walls;
	stats.devices = &devices;
	stats.ending = "workload";
	stats.code = code;
	return stats_write(&stats);
}

/* The part of the output behind what differs from run to run. */
static const char *from_phases(const char *text)
{
	const char *phases = strstr(text, " \"phases_us\"");

	assert_non_null(phases);
	return phases;
}

/* Opens PATH, writes and gives what the file has then. */
static const char *written(const char *path, int code)
{
	int fd;
	ssize_t size;

	if (!stats_open(path, &problem))
		fail_msg("%s", in_words(&problem));
	assert_int_equal(fcntl(FD_STATS, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(FD_PEAK, F_GETFD), FD_CLOEXEC);
	assert_true(stats_begin(path, &problem));
	assert_true(write_stats(code));
	close(FD_STATS);
	fd = open(path, O_RDONLY);
	size = read(fd, output, sizeof(output) - 1);
	close(fd);
	assert_true(size >= 0);
	output[size] = '\0';
	return output;
}

/* Four hexadecimal digits. */
static const char *skip_escape(const char *text)
{
	assert_int_equal(*text, 'u');
	assert_true(strspn(text + 1, "0123456789abcdef") >= 4);
	return text + 5;
}

/* RFC 8259, as far as --stats needs it: the end of the value at TEXT, or the test fails. */
static const char *skip_json(const char *text)
{
	static const char blanks[] = " \n\r\t";
	char close = *text == '{' ? '}' : ']';

	if (*text == '"') {
		for (text++; *text != '"';) {
			assert_true((unsigned char)*text >= ' ');
			text = *text == '\\' ? skip_escape(text + 1) : text + 1;
		}
		return text + 1;
	}
	if (*text != '{' && *text != '[') {
		assert_true(*text >= '0' && *text <= '9');
		assert_true(text[0] != '0' || text[1] < '0' || text[1] > '9');
		return text + strspn(text, "0123456789");
	}
	text += 1 + strspn(text + 1, blanks);
	while (*text != close) {
		if (close == '}') {
			assert_int_equal(*text, '"');
			text = skip_json(text);
			assert_int_equal(*text, ':');
			text += 1 + strspn(text + 1, blanks);
		}
		text = skip_json(text);
		text += strspn(text, blanks);
		assert_true(*text == ',' || *text == close);
		if (*text == ',') {
			text += 1 + strspn(text + 1, blanks);
			assert_true(*text != close);
		}
	}
	return text + 1;
}

static const char *assert_json(const char *text)
{
	assert_string_equal(skip_json(text), "\n");
	return text;
}

static char stats_name[] = "/tmp/mayfly-test-XXXXXX";

static void no_devices(void **state)
{
	(void)state;
	assert_string_equal(from_phases(written(stats_name, 0)),
			    " \"phases_us\": {\"begin\": 0},\n \"exits\": {\"all\": 0, \"io\": 0, "
			    "\"mmio\": 0, \"interrupted\": 0, \"last\": 0},\n \"jail\": [],\n "
			    "\"options\": [],\n "
			    "\"devices\": []}\n");
	assert_json(output);
	assert_says(output, "{\"schema\": 1, \"version\": \"1.2.3\", \"exit_code\": 0,\n \"end\": "
			    "\"workload\", \"peak_rss_kib\": ");
	assert_says(written(stats_name, 255), "\"exit_code\": 255,");
}

static void a_whole_life(void **state)
{
	char *const options_given[] = {(char[]){"--kernel=a\"b"}, (char[]){"--env=KEY=secret"},
				       (char[]){"--verbose"}, NULL};

	(void)state;
	for (unsigned i = 0; i < PHASES; i++)
		stats.at[i] = i == PHASE_STARTED ? 0 : 1000 + 10 * i;
	for (unsigned i = 0; i < EXIT_KINDS; i++)
		stats.exits[i] = i + 1;
	stats.options = options_given;
	/* One that was not asked for, and others that the host lacks, are not there. */
	walls.missing[JAIL_ROOT] = EPERM;
	walls.missing[JAIL_LIMITS] = EINVAL;
	walls.missing[JAIL_USER] = walls.missing[JAIL_LANDLOCK] = 0;
	assert_string_equal(from_phases(written(stats_name, 0)),
			    " \"phases_us\": {\"begin\": 0, \"kvm_ready\": 10, \"loaded\": 20, "
			    "\"locked_down\": 30, \"init_reached\": 40, \"workload_ended\": 60, "
			    "\"exit\": 70},\n \"exits\": {\"all\": 10, \"io\": 1, \"mmio\": 2, "
			    "\"interrupted\": 3, \"last\": 4},\n "
			    "\"jail\": [\"user-ns\", \"landlock\"],\n \"options\": "
			    "[\"--kernel=a\\u0022b\", \"--verbose\"],\n \"devices\": []}\n");
	assert_json(output);
	stats = (struct stats){0};
}

/* It keeps what is in it, and its place. */
static void a_descriptor_of_the_users(void **state)
{
	int fd = memfd_create("stats", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, "before\n", 7), 7);
	assert_true(stats_take(dup(fd), &problem));
	assert_true(stats_begin("fd:9", &problem));
	assert_true(write_stats(0));
	close(FD_STATS);
	taken = false;
	ssize_t size = pread(fd, output, sizeof(output) - 1, 0);
	output[size > 0 ? size : 0] = '\0';
	close(fd);
	assert_memory_equal(output, "before\n", 7);
	assert_json(output + 7);
}

static void every_counter(void **state)
{
	(void)state;
	add_option(1);
	add_option(1);
	open_devices();
	for (unsigned i = 0; i < STATS; i++)
		atomic_store(&devices.slot[0].virtio->stat[i], i + 100);
	devices.slot[0].virtio->label = "a.img";
	devices.slot[1].virtio->label = "b.img";
	atomic_store(&devices.slot[1].virtio->stat[STAT_OUT_BYTES], UINT64_MAX);
	assert_string_equal(
		strstr(written(stats_name, 3), " \"devices\""),
		" \"devices\": [\n"
		"  {\"kind\": \"disk\", \"name\": \"a.img\", \"reads\": 100, \"read_bytes\": 101, "
		"\"writes\": 102, \"written_bytes\": 103, \"others\": 104, \"errors\": 105, "
		"\"kicks\": 106, \"interrupts\": 107, \"interrupts_suppressed\": 108},\n"
		"  {\"kind\": \"disk\", \"name\": \"b.img\", \"reads\": 0, \"read_bytes\": 0, "
		"\"writes\": 0, \"written_bytes\": 18446744073709551615, \"others\": 0, "
		"\"errors\": 0, \"kicks\": 0, \"interrupts\": 0, \"interrupts_suppressed\": 0}]}\n");
	assert_json(output);
}

static void odd_names(void **state)
{
	static const struct {
		const char *name, *quoted;
	} names[] = {
		{"", "\"\""},
		{"a b/c.img", "\"a b/c.img\""},
		{"say \"hi\"", "\"say \\u0022hi\\u0022\""},
		{"back\\slash", "\"back\\u005cslash\""},
		{"a\nb\tc\x01\x1f", "\"a\\u000ab\\u0009c\\u0001\\u001f\""},
		{"\x7f", "\"\x7f\""},
		{"%s%n", "\"%s%n\""},
		{"M\xc3\xbcll \xe2\x82\xac", "\"M\xc3\xbcll \xe2\x82\xac\""},
	};

	(void)state;
	add_option(1);
	open_devices();
	for (unsigned i = 0; i < COUNT(names); i++) {
		devices.slot[0].virtio->label = names[i].name;
		assert_says(assert_json(written(stats_name, 0)), names[i].quoted);
	}
}

/* More than fits into one piece, cut at every place. */
static void long_names(void **state)
{
	static char name[4200];

	(void)state;
	for (unsigned i = 0; i < DEVICES_MAX; i++)
		add_option(1);
	open_devices();
	for (unsigned length = 0; length < sizeof(name); length += length < 3990 ? 190 : 3) {
		memset(name, 'n', length);
		name[length] = '\0';
		for (unsigned i = 0; i < DEVICES_MAX; i++)
			devices.slot[i].virtio->label = name;
		assert_json(written(stats_name, 0));
		unsigned count = 0;
		for (const char *at = output; (at = strstr(at, "\"name\": \"")); count++) {
			at += 9;
			assert_int_equal(strspn(at, "n"), length);
			assert_int_equal(at[length], '"');
		}
		assert_int_equal(count, DEVICES_MAX);
	}
}

static void old_content_is_replaced(void **state)
{
	FILE *file = fopen(stats_name, "w");

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		fputs("old content\n", file);
	fclose(file);
	/* Until the guest is about to run it stays, … */
	assert_true(stats_open(stats_name, &problem));
	assert_int_equal(lseek(FD_STATS, 0, SEEK_END), 12000);
	/* … and no longer. */
	assert_true(stats_begin(stats_name, &problem));
	assert_int_equal(lseek(FD_STATS, 0, SEEK_END), 0);
	close(FD_STATS);
	assert_json(written(stats_name, 0));
	/* Twice, in one process, is once. */
	size_t length = strlen(output);
	assert_int_equal(strlen(assert_json(written(stats_name, 0))), length);
}

/* A full disk is no regular end: the caller says it (errno). In a child: it is final. */
static int on_a_full_disk(void)
{
	CHECK(stats_open("/dev/full", &problem) && stats_begin("/dev/full", &problem));
	CHECK(!write_stats(0));
	return errno == ENOSPC ? CHILD_PASSED : CHILD_FAILED;
}

static int on_a_full_disk_late(void)
{
	static char name[4096];

	memset(name, 'n', sizeof(name) - 1);
	add_option(1);
	add_option(1);
	CHECK(devices_open(&devices, &options, NULL, &ram, &problem));
	devices.slot[0].virtio->label = devices.slot[1].virtio->label = name;
	CHECK(stats_open("/dev/full", &problem) && stats_begin("/dev/full", &problem));
	CHECK(!write_stats(0));
	return errno == ENOSPC ? CHILD_PASSED : CHILD_FAILED;
}

static void a_full_disk(void **state)
{
	(void)state;
	in_child(on_a_full_disk);
	in_child(on_a_full_disk_late);
}

static int on_no_descriptor(void)
{
	CHECK(!write_stats(0));
	return errno == EBADF ? CHILD_PASSED : CHILD_FAILED;
}

/* What cannot be emptied: nothing to empty, or a descriptor that was lost. */
static void what_is_no_file(void **state)
{
	int ends[2];

	(void)state;
	assert_true(stats_open("/dev/null", &problem));
	assert_true(stats_begin("/dev/null", &problem));
	assert_true(write_stats(0));
	close(FD_STATS);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], FD_STATS), FD_STATS);
	close(ends[1]);
	assert_true(stats_begin("a pipe", &problem));
	assert_true(write_stats(0));
	close(FD_STATS);
	ssize_t size = read(ends[0], output, sizeof(output) - 1);
	output[size > 0 ? size : 0] = '\0';
	assert_json(output);
	close(ends[0]);
	/* FD_STATS is closed. */
	in_child(on_no_descriptor);
	assert_false(stats_begin("a.json", &problem));
	assert_mends(in_words(&problem), "cannot empty a.json: Bad file descriptor");
}

static void what_cannot_be_opened(void **state)
{
	static const char *const wrong[] = {"/tmp", "/nonexistent/file", "/dev/null/x"};

	(void)state;
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		assert_false(stats_open(wrong[i], &problem));
		assert_mends(in_words(&problem), wrong[i]);
		assert_says(in_words(&problem), "(give --stats a file that can be written)");
	}
}

/* The disk's own file, or another VM's: its content is worth more than counters. */
static void a_file_that_is_a_disk(void **state)
{
	struct stat stat;

	(void)state;
	for (unsigned read_only = 0; read_only < 2; read_only++) {
		options.disks = 0;
		add_option(1)->read_only = read_only;
		memset(&devices, 0, sizeof(devices));
		open_devices();
		assert_false(stats_open(disk_name, &problem));
		assert_mends(in_words(&problem), disk_name);
		assert_says(in_words(&problem), "in use");
		assert_int_equal(fcntl(FD_STATS, F_GETFD), -1);
		assert_int_equal(fstat(FD_DISK, &stat), 0);
		assert_int_equal(stat.st_size, 65536);
		close(FD_DISK);
	}
}

/* Nobody waits for the other end; alarm(2) would tell. */
static void a_fifo(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "%s.fifo", stats_name);
	assert_int_equal(mkfifo(name, 0600), 0);
	alarm(20);
	assert_false(stats_open(name, &problem));
	assert_mends(in_words(&problem), name);
	assert_says(in_words(&problem), strerror(ENXIO));
	int reader = open(name, O_RDONLY | O_NONBLOCK);
	bool opened = stats_open(name, &problem) && stats_begin(name, &problem);
	unlink(name);
	assert_true(opened);
	assert_true(write_stats(0));
	alarm(0);
	ssize_t size = read(reader, output, sizeof(output) - 1);
	output[size > 0 ? size : 0] = '\0';
	assert_json(output);
	close(reader);
}

/* Nothing is emptied, or asked of the kernel by another call, when the VM has ended. */
static void what_is_allowed(void **state)
{
	static const struct rule rules[] = {{SYS_write, FD_STATS, ANY}, {SYS_read, FD_PEAK, ANY}};

	(void)state;
	stats_allow(list_anew());
	assert_rules(&listed, rules, COUNT(rules));
}

static unsigned long long peak_written(void)
{
	const char *peak = strstr(output, "\"peak_rss_kib\": ");

	assert_non_null(peak);
	return strtoull(peak + 16, NULL, 10);
}

/* What FD_PEAK says when all is over, and nothing else. */
static void the_peak(void **state)
{
	static const struct {
		const char *status;
		unsigned long long peak;
	} cases[] = {
		{"Name:\tx\nVmPeak:\t    9 kB\nVmHWM:\t  123456 kB\nVmRSS:\t 7 kB\n", 123456},
		{"VmHWM:\t       0 kB\n", 0},
		{"Name:\tx\n", 0},
		{"", 0},
	};
	unsigned long long peak = 0;
	char line[256];

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		int fd = memfd_create("status", MFD_CLOEXEC);

		assert_true(stats_open(stats_name, &problem) && stats_begin(stats_name, &problem));
		assert_true(write(fd, cases[i].status, strlen(cases[i].status)) >= 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(dup2(fd, FD_PEAK), FD_PEAK);
		close(fd);
		assert_true(write_stats(0));
		close(FD_STATS);
		fd = open(stats_name, O_RDONLY);
		ssize_t size = read(fd, output, sizeof(output) - 1);
		output[size > 0 ? size : 0] = '\0';
		close(fd);
		assert_json(output);
		assert_each(peak_written() == cases[i].peak, "case", i);
	}
	/* Our own, which can only have grown since. */
	written(stats_name, 0);
	FILE *status = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof(line), status))
		sscanf(line, "VmHWM: %llu kB", &peak);
	fclose(status);
	assert_in_range(peak_written(), peak / 2, peak);
}

/* An independent reader's opinion, where there is one. */
static void python_reads_it(void **state)
{
	char command[128];

	(void)state;
	if (system("python3 -c pass >/dev/null 2>&1")) {
		print_message("skipped: no python3\n");
		skip();
	}
	add_option(1);
	open_devices();
	devices.slot[0].virtio->label = "a\"b\\c\nd\x01 \xe2\x82\xac";
	written(stats_name, 7);
	snprintf(command, sizeof(command), "python3 -m json.tool %s >/dev/null", stats_name);
	assert_int_equal(system(command), 0);
}

static int make_file(void **state)
{
	int fd = mkstemp(stats_name);

	(void)state;
	close(fd);
	return fd < 0 ? -1 : 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(stats_name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEVICES_TEST(no_devices),
		DEVICES_TEST(a_whole_life),
		DEVICES_TEST(a_descriptor_of_the_users),
		DEVICES_TEST(every_counter),
		DEVICES_TEST(odd_names),
		DEVICES_TEST(long_names),
		DEVICES_TEST(old_content_is_replaced),
		DEVICES_TEST(a_full_disk),
		DEVICES_TEST(what_is_no_file),
		DEVICES_TEST(what_cannot_be_opened),
		DEVICES_TEST(a_file_that_is_a_disk),
		DEVICES_TEST(a_fifo),
		DEVICES_TEST(what_is_allowed),
		DEVICES_TEST(the_peak),
		DEVICES_TEST(python_reads_it),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
