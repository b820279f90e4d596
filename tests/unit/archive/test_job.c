/* The job's segment: build it, unpack it as the kernel does, read it as init does. */
#define _GNU_SOURCE
#include "archive/job.h"

#include <stdlib.h>

#include "archive.h"
#include "archive/cpio.h"
#include "unit.h"

static uint8_t init_file[1234];
static uint8_t *segment;
static size_t segment_size;

struct member {
	const char *name;
	uint32_t inode, mode, links, size;
	const uint8_t *data;
};

static uint32_t hex(const uint8_t *digits)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 8; i++) {
		const char *all = "0123456789abcdef", *digit = strchr(all, digits[i]);

		assert_true(digits[i] && digit);
		value = value << 4 | (uint32_t)(digit - all);
	}
	return value;
}

/* The member at *AT, which moves on to the next; every size must lie in the segment. */
static struct member next_member(size_t *at)
{
	const uint8_t *header = segment + *at;

	assert_true(*at % 4 == 0 && *at + 110 <= segment_size);
	assert_memory_equal(header, "070701", 6);
	uint32_t name_size = hex(header + 94);
	size_t data = (*at + 110 + name_size + 3) & ~(size_t)3;
	struct member member = {
		.name = (const char *)header + 110,
		.inode = hex(header + 6),
		.mode = hex(header + 14),
		.links = hex(header + 38),
		.size = hex(header + 54),
		.data = segment + data,
	};
	*at = (data + member.size + 3) & ~(size_t)3;
	assert_true(*at <= segment_size);
	assert_int_equal(strnlen(member.name, name_size), name_size - 1);
	assert_int_equal(hex(header + 22) | hex(header + 30), 0); /* root's */
	assert_int_equal(hex(header + 46), 0);                    /* time */
	return member;
}

static struct job job_of(char *const *arguments)
{
	struct job job = {
		.init = {init_file, sizeof(init_file)},
		.arguments = arguments,
	};

	for (unsigned i = 0; i < sizeof(job.seed); i++)
		job.seed[i] = (uint8_t)(i * 9 + 1);
	for (unsigned i = 0; i < sizeof(init_file); i++)
		init_file[i] = (uint8_t)i;
	return job;
}

/* Builds into an allocation of just the size that was asked for. */
static void build(const struct job *job)
{
	free(segment);
	struct cpio measured = {0};

	job_write_init(&measured, job);
	job_write_file(&measured, job);
	cpio_finish(&measured);
	segment_size = measured.size;
	segment = malloc(segment_size);
	assert_non_null(segment);
	memset(segment, 0xee, segment_size);
	assert_int_equal(archive_job(job, segment, segment_size), segment_size);
}

/* The job file, the third member. */
static struct member job_file(void)
{
	size_t at = 0;

	next_member(&at);
	next_member(&at);
	return next_member(&at);
}

/* strsep-like: the string at *TEXT, which moves on behind its NUL. */
static const char *next_string(const char **text, const char *end)
{
	const char *string = *text;

	assert_true(string < end);
	assert_non_null(memchr(string, '\0', (size_t)(end - string)));
	*text += strlen(string) + 1;
	return string;
}

static void the_archive(void **state)
{
	char *arguments[] = {(char[]){"/bin/true"}, NULL};
	struct job job = job_of(arguments);
	struct problem problem;
	struct member member;
	size_t at = 0;

	(void)state;
	build(&job);
	assert_true(cpio_check((struct bytes){segment, segment_size}, &problem));
	/* The directory comes first: the kernel makes no parents. */
	member = next_member(&at);
	assert_string_equal(member.name, ".mayfly");
	assert_int_equal(member.mode, 0040700);
	assert_int_equal(member.size, 0);
	assert_int_equal(member.inode, 1);
	member = next_member(&at);
	assert_string_equal(member.name, &JOB_INIT_PATH[1]);
	assert_int_equal(member.mode, 0100700);
	assert_int_equal(member.size, sizeof(init_file));
	assert_memory_equal(member.data, init_file, sizeof(init_file));
	assert_int_equal(member.links, 1); /* more would be hard links */
	member = next_member(&at);
	assert_string_equal(member.name, &JOB_FILE_PATH[1]);
	assert_int_equal(member.mode, 0100600); /* the seed is a secret */
	member = next_member(&at);
	assert_string_equal(member.name, "TRAILER!!!");
	/* The kernel skips zeros, and nothing else, up to the next archive. */
	for (; at < segment_size; at++)
		assert_each(segment[at] == 0, "rubbish behind the trailer at", at);
}

static void the_job_file(void **state)
{
	char *arguments[] = {(char[]){"/bin/prog"}, (char[]){""},          (char[]){"a b"},
			     (char[]){"--"},        (char[]){"w\xff\x01"}, NULL};
	struct job job = job_of(arguments);

	(void)state;
	build(&job);
	struct member file = job_file();
	const char *text = (const char *)file.data, *end = text + file.size;

	assert_string_equal(next_string(&text, end), "s010a131c252e374049525b646d767f88"
						     "919aa3acb5bec7d0d9e2ebf4fd060f18");
	for (unsigned i = 0; arguments[i]; i++) {
		const char *argument = next_string(&text, end);

		assert_int_equal(argument[0], JOB_ARGUMENT);
		assert_string_equal(argument + 1, arguments[i]);
	}
	assert_ptr_equal(text, end);
}

/* "So a command line of any length reaches the guest." */
static void a_long_command(void **state)
{
	enum { ARGUMENTS = 3000, LENGTH = 64 };
	static char words[ARGUMENTS][LENGTH + 1];
	static char *arguments[ARGUMENTS + 1];
	struct job job = job_of(arguments);

	(void)state;
	for (unsigned i = 0; i < ARGUMENTS; i++) {
		memset(words[i], 'a' + (int)(i % 26), i % LENGTH);
		arguments[i] = words[i];
	}
	build(&job);
	struct member file = job_file();
	const char *text = (const char *)file.data, *end = text + file.size;

	next_string(&text, end);
	for (unsigned i = 0; i < ARGUMENTS; i++)
		assert_string_equal(next_string(&text, end) + 1, words[i]);
	assert_ptr_equal(text, end);
}

/* Every length modulo 4 of init and text; the buffer is an allocation of just that size. */
static void sizes_are_exact(void **state)
{
	char word[] = "12345678";
	char *arguments[] = {word, NULL};
	struct problem problem;

	(void)state;
	for (size_t init = 0; init < 6; init++)
		for (size_t length = 0; length < 6; length++) {
			struct job job = job_of(arguments);

			job.init.size = init;
			memset(word, 'x', 8);
			word[length] = '\0';
			build(&job);
			assert_true(cpio_check((struct bytes){segment, segment_size}, &problem));
			struct member file = job_file();
			assert_int_equal(file.size, 66 + 2 + length);
			assert_string_equal((const char *)file.data + 66 + 1, word);
		}
}

static void a_command_of_no_words(void **state)
{
	char *arguments[] = {NULL};
	struct job job = job_of(arguments);

	(void)state;
	build(&job);
	assert_int_equal(job_file().size, 66);
}

/* What init reads between the seed and the arguments: the addresses, each family's own together. */
static void check_addresses(const struct job *given, const char *expected)
{
	build(given);
	struct member file = job_file();
	const char *text = (const char *)file.data, *end = text + file.size;

	next_string(&text, end);
	for (; *expected; expected += strlen(expected) + 1)
		assert_string_equal(next_string(&text, end), expected);
	assert_string_equal(next_string(&text, end), "a/bin/prog");
	assert_ptr_equal(text, end);
}

static void addresses(void **state)
{
	char *arguments[] = {(char[]){"/bin/prog"}, NULL};
	struct job job = job_of(arguments);

	(void)state;
	check_addresses(&job, "");
	job.ip[0] = (struct job_ip){.address = "10.0.0.2/24"};
	check_addresses(&job, "i10.0.0.2/24\0");
	job.ip[0].dns = "9.9.9.9";
	check_addresses(&job, "i10.0.0.2/24\0n9.9.9.9\0");
	job.ip[0].gateway = "10.0.0.1";
	check_addresses(&job, "i10.0.0.2/24\0g10.0.0.1\0n9.9.9.9\0");
	job.ip[1] = (struct job_ip){"fd00::2/64", "fd00::1", "fd00::3"};
	check_addresses(&job, "i10.0.0.2/24\0g10.0.0.1\0n9.9.9.9\0"
			      "ifd00::2/64\0gfd00::1\0nfd00::3\0");
	job.ip[0] = (struct job_ip){0};
	check_addresses(&job, "ifd00::2/64\0gfd00::1\0nfd00::3\0");
}

static void everything_else(void **state)
{
	char *arguments[] = {(char[]){"/bin/prog"}, NULL};
	char *environment[] = {(char[]){"A=1"}, (char[]){"B="}, NULL};
	static const char *const outs[] = {"/one", "/two", NULL};
	static const char expected[] = "rro\0hname\0u1:2\0w/tmp\0t24:80\0dvdb\0o/one\0o/two\0eA=1\0eB=\0"
				       "a/bin/prog";
	struct job job = job_of(arguments);

	(void)state;
	job.environment = environment;
	job.root = "ro";
	job.hostname = "name";
	job.user = "1:2";
	job.workdir = "/tmp";
	job.terminal = "24:80";
	job.out_disk = "vdb";
	job.outs = outs;
	build(&job);
	assert_int_equal(job_file().size, 66 + sizeof(expected));
	assert_memory_equal(job_file().data + 66, expected, sizeof(expected));
}

/* The tags are told apart by their letters. */
static void tags_are_letters_of_their_own(void **state)
{
	static const char tags[] = {
		JOB_SEED,     JOB_ARGUMENT, JOB_ENVIRONMENT, JOB_WORKDIR, JOB_USER, JOB_HOSTNAME,
		JOB_TERMINAL, JOB_ROOT,     JOB_ADDRESS,     JOB_GATEWAY, JOB_DNS,  JOB_OUT_DISK,
		JOB_OUT,
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(tags); i++)
		assert_ptr_equal(memchr(tags, tags[i], COUNT(tags)), &tags[i]);
}

static int tear_down(void **state)
{
	(void)state;
	free(segment);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_archive),
		cmocka_unit_test(the_job_file),
		cmocka_unit_test(a_long_command),
		cmocka_unit_test(sizes_are_exact),
		cmocka_unit_test(a_command_of_no_words),
		cmocka_unit_test(addresses),
		cmocka_unit_test(everything_else),
		cmocka_unit_test(tags_are_letters_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, tear_down);
}
