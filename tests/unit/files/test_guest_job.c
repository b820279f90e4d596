/* The options as the guest's init is told them. */
#define _GNU_SOURCE
#include "files/guest_job.c"

#include <pty.h>

#include "child.h"

static const uint8_t elf[] = "an ELF file";

struct bytes guest_init(void)
{
	return (struct bytes){elf, sizeof(elf)};
}

static char *arguments[] = {(char[]){"/bin/prog"}, (char[]){"x"}, NULL};
static struct options options;
static struct job job;
static struct problem problem;

static int set_up(void **state)
{
	(void)state;
	options = (struct options){.command = arguments};
	unsetenv("TERM");
	return 0;
}

static void make(void)
{
	memset(&job, 0xee, sizeof(job)); /* all of it is filled in */
	if (!guest_job_make(&options, &job, &problem))
		fail_msg("%s", in_words(&problem));
}

static void a_command_and_nothing_else(void **state)
{
	(void)state;
	make();
	assert_ptr_equal(job.init.data, elf);
	assert_int_equal(job.init.size, sizeof(elf));
	assert_ptr_equal(job.arguments, arguments);
	assert_null(job.environment);
	assert_null(job.workdir);
	assert_null(job.user);
	assert_null(job.hostname);
	assert_null(job.terminal);
	assert_null(job.root);
	assert_null(job.out_disk);
	assert_null(job.outs);
	for (unsigned i = 0; i < JOB_IPS; i++)
		assert_true(!job.ip[i].address && !job.ip[i].gateway && !job.ip[i].dns);
}

static void seeds_differ(void **state)
{
	static const uint8_t zeros[sizeof(job.seed)];
	uint8_t first[sizeof(job.seed)];

	(void)state;
	make();
	memcpy(first, job.seed, sizeof(first));
	make();
	assert_memory_not_equal(first, job.seed, sizeof(first));
	/* To its last byte: that each of four is 0 is one chance in 2^32. */
	assert_memory_not_equal(first + sizeof(first) - 4, zeros, 4);
	assert_memory_not_equal(first, zeros, 4);
}

static void who_and_where(void **state)
{
	(void)state;
	options.job.directory = "/tmp";
	options.job.hostname = "name";
	options.job.has_user = true;
	make();
	assert_string_equal(job.workdir, "/tmp");
	assert_string_equal(job.hostname, "name");
	assert_string_equal(job.user, "0:0");
	options.job.uid = 4294967294u;
	options.job.gid = 100;
	make();
	assert_string_equal(job.user, "4294967294:100");
	options.job.has_user = false;
	make();
	assert_null(job.user);
}

static void addresses(void **state)
{
	(void)state;
	options.ips = 2;
	options.ip[0] = (struct ip_options){"10.0.0.2/24", "10.0.0.1", NULL, 0};
	options.ip[1] = (struct ip_options){"fd00::2/64", NULL, "fd00::3", 0};
	make();
	assert_string_equal(job.ip[0].address, "10.0.0.2/24");
	assert_string_equal(job.ip[0].gateway, "10.0.0.1");
	assert_null(job.ip[0].dns);
	assert_string_equal(job.ip[1].address, "fd00::2/64");
	assert_null(job.ip[1].gateway);
	assert_string_equal(job.ip[1].dns, "fd00::3");
}

static void roots(void **state)
{
	(void)state;
	options.disks = 2;
	options.disk[1].read_only = true;
	make();
	assert_null(job.root);
	options.root = true;
	make();
	assert_string_equal(job.root, "rw");
	options.disk[0].ephemeral = true; /* its writes are a disk's */
	make();
	assert_string_equal(job.root, "rw");
	options.disk[0] = (struct disk_options){.read_only = true};
	make();
	assert_string_equal(job.root, "ro");
}

/* What goes out goes to the last disk. */
static void what_goes_out(void **state)
{
	static const char *const disks[] = {"/dev/vda", "/dev/vdb", "/dev/vdc", "/dev/vdd",
					    "/dev/vde", "/dev/vdf", "/dev/vdg", "/dev/vdh"};

	(void)state;
	for (unsigned i = 0; i < DEVICES_MAX; i++) {
		options.disks = i + 1;
		options.job.outs = 1;
		options.job.out[0] = (struct out_option){"/a", "b"};
		make();
		assert_string_equal(job.out_disk, disks[i]);
		assert_string_equal(job.outs[0], "/a");
		assert_null(job.outs[1]);
	}
	for (unsigned i = 0; i < OUTS_MAX; i++)
		options.job.out[i] = (struct out_option){disks[i % 8], "b"};
	options.job.outs = OUTS_MAX;
	make();
	for (unsigned i = 0; i < OUTS_MAX; i++)
		assert_ptr_equal(job.outs[i], disks[i % 8]);
	assert_null(job.outs[OUTS_MAX]);
}

/* --- environment and terminal --- */

static void environment(void **state)
{
	char one[] = "A=1", two[] = "TERM=mine";

	(void)state;
	setenv("TERM", "xterm", 1); /* without a terminal it is not told */
	words_add(&options.job.environment, one);
	words_add(&options.job.environment, two);
	make();
	assert_ptr_equal(job.environment[0], one);
	assert_ptr_equal(job.environment[1], two);
	assert_null(job.environment[2]);
	assert_null(job.terminal);
	options.tty = true;
	make();
	/* The first counts: the user's. */
	assert_ptr_equal(job.environment[1], two);
	assert_string_equal(job.environment[2], "TERM=xterm");
	assert_null(job.environment[3]);
	assert_int_equal(options.job.environment.count, 2);
}

static int on_a_terminal(void)
{
	const struct winsize size = {.ws_row = 50, .ws_col = 132};
	int master, slave;

	if (openpty(&master, &slave, NULL, NULL, &size) < 0 || dup2(slave, STDIN_FILENO) < 0)
		return CHILD_REFUSED;
	options.tty = true;
	setenv("TERM", "vt100", 1);
	return guest_job_make(&options, &job, &problem) && !strcmp(job.terminal, "50:132") &&
			       !strcmp(job.environment[0], "TERM=vt100") && !job.environment[1]
		       ? CHILD_PASSED
		       : CHILD_FAILED;
}

static int without_a_terminal(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return CHILD_REFUSED;
	options.tty = true;
	return guest_job_make(&options, &job, &problem) && !strcmp(job.terminal, "24:80") &&
			       !job.environment
		       ? CHILD_PASSED
		       : CHILD_FAILED;
}

static void terminals(void **state)
{
	(void)state;
	in_child(on_a_terminal);
	in_child(without_a_terminal);
}

#define JOB_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOB_TEST(a_command_and_nothing_else),
		JOB_TEST(seeds_differ),
		JOB_TEST(who_and_where),
		JOB_TEST(addresses),
		JOB_TEST(roots),
		JOB_TEST(what_goes_out),
		JOB_TEST(environment),
		JOB_TEST(terminals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
