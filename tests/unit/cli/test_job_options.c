/* The values of -f, --rootdir, -e, --env-file, -w, --user, --hostname, -o and --out-limit. */
#define _GNU_SOURCE
#include "cli/job_options.h"

#include "base/config.h"
#include "base/keep.h"
#include "tmpdir.h"

static struct job_options job;
static struct problem problem;

typedef bool take(void *job, char *value, struct problem *problem);

/* Takes copies of the values, each in an allocation of its size that stays. */
static bool take_all(take *add, const char *const *values)
{
	problem_clear(&problem);
	for (; *values; values++)
		if (!add(&job, keep_text(*values, strlen(*values)), &problem))
			return false;
	return true;
}

#define TAKE(add, ...) take_all(add, (const char *const[]){__VA_ARGS__, NULL})

static int set_up(void **state)
{
	(void)state;
	job = (struct job_options){0};
	return 0;
}

#define assert_taken(add, ...)                        \
	do {                                          \
		if (!TAKE(add, __VA_ARGS__))          \
			fail_msg("%s", in_words(&problem)); \
	} while (0)

#define assert_refused(add, value, object, says)    \
	do {                                        \
		assert_false(TAKE(add, value));     \
		assert_mends(in_words(&problem), object); \
		assert_says(in_words(&problem), says);    \
	} while (0)

/* --- files in --- */

static void files_and_where_they_go(void **state)
{
	static const struct {
		const char *value, *path, *guest;
		int mode;
	} cases[] = {
		{"a", "a", "/a", -1},
		{"/x/y/a", "/x/y/a", "/a", -1},
		{"x/a/", "x/a/", "/a", -1},
		{"x/a///", "x/a///", "/a", -1},
		{"../a", "../a", "/a", -1},
		{".a", ".a", "/.a", -1},
		{"..a", "..a", "/..a", -1},
		{"...", "...", "/...", -1},
		{"a:/b", "a", "/b", -1},
		{"a:/b/", "a", "/b/", -1},
		{"a:/", "a", "/", -1},
		{"a://", "a", "//", -1},
		{".:/srv", ".", "/srv", -1},
		{"..:/srv", "..", "/srv", -1},
		{"/:/srv", "/", "/srv", -1},
		{"a:/..b/c..", "a", "/..b/c..", -1},
		{"a:/.../x", "a", "/.../x", -1},
		/* Colons: the last that an absolute path follows parts; none is none. */
		{"a:b", "a:b", "/a:b", -1},
		{"a:b:/c", "a:b", "/c", -1},
		{"a:/b:/c", "a:/b", "/c", -1},
		{"a:/b:c", "a", "/b:c", -1},
		{"a:", "a:", "/a:", -1},
		{"x:y/a:", "x:y/a:", "/a:", -1},
		/* Commas. */
		{"a,b", "a,b", "/a,b", -1},
		{"a:/b,c", "a", "/b,c", -1},
		{"a,ro:/b", "a,ro", "/b", -1},
		{"a,mode", "a,mode", "/a,mode", -1},
		{"a,", "a,", "/a,", -1},
		/* Modes. */
		{"a,mode=755", "a", "/a", 0755},
		{"a:/b,mode=0", "a", "/b", 0},
		{"a:/b,mode=0000644", "a", "/b", 0644},
		{"a:/b/,mode=7777", "a", "/b/", 07777},
		{"a,b:/c,d,mode=4755", "a,b", "/c,d", 04755},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		const struct file_option *item;

		assert_taken(job_add_file, cases[i].value);
		assert_int_equal(job.files.count, i + 1);
		item = &job.files.item[i];
		assert_string_equal(item->path, cases[i].path);
		assert_string_equal(item->guest, cases[i].guest);
		assert_each(item->mode == cases[i].mode, cases[i].value, item->mode);
	}
	/* The list has grown meanwhile: the first is still there. */
	assert_string_equal(job.files.item[0].path, "a");
	assert_string_equal(job.files.item[1].guest, "/a");
}

static void files_without_a_name(void **state)
{
	static const char *const values[] = {".", "..", "/", "//", "a/..", "a/.", "./", "../", "../.."};

	(void)state;
	for (unsigned i = 0; i < COUNT(values); i++)
		assert_refused(job_add_file, values[i], values[i],
			       "has no name for the guest (write ");
	assert_refused(job_add_file, "a/..", "'a/..'", "(write a/..:/PATH)");
	assert_refused(job_add_file, ":/b", "''", "has no name");
	assert_refused(job_add_file, ",mode=755", "''", "has no name");
	assert_int_equal(job.files.count, 0);
}

static void files_do_not_lead_upwards(void **state)
{
	static const char *const guests[] = {"/..", "/../a", "/a/..", "/a/../b", "//..//", "/a/b/../"};
	char value[32];

	(void)state;
	for (unsigned i = 0; i < COUNT(guests); i++) {
		snprintf(value, sizeof(value), "a:%s", guests[i]);
		assert_refused(job_add_file, value, guests[i], "write the guest's path without");
	}
	assert_int_equal(job.files.count, 0);
}

static void modes_are_octal(void **state)
{
	static const char *const modes[] = {
		"",    "8",    "10000", "755x", "755 ",  " 755", "-1", "+755", "0x1ff", "rwx",
		"u+x", "7,ro", "77777777777777777777777", "755,mode=644",
	};
	char value[64], says[64];

	(void)state;
	for (unsigned i = 0; i < COUNT(modes); i++) {
		snprintf(value, sizeof(value), "a:/b,mode=%s", modes[i]);
		snprintf(says, sizeof(says), "'%s' is no mode", modes[i]);
		assert_refused(job_add_file, value, says, "(write it in octal: mode=755)");
	}
	assert_int_equal(job.files.count, 0);
}

static void root_directories(void **state)
{
	(void)state;
	assert_taken(job_add_rootdir, "tree", "/a:/b,mode=755", "..", "x/");
	assert_int_equal(job.files.count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_string_equal(job.files.item[i].guest, "/");
		assert_int_equal(job.files.item[i].mode, -1);
	}
	assert_string_equal(job.files.item[0].path, "tree/.");
	assert_string_equal(job.files.item[1].path, "/a:/b,mode=755/.");
	assert_string_equal(job.files.item[2].path, "../.");
	assert_string_equal(job.files.item[3].path, "x//.");
}

/* --- environment --- */

#define assert_environment(...) check_environment((const char *const[]){__VA_ARGS__, NULL})

static void check_environment(const char *const *expected)
{
	size_t count = 0;

	for (; expected[count]; count++) {
		assert_true(count < job.environment.count);
		assert_string_equal(job.environment.word[count], expected[count]);
	}
	assert_int_equal(job.environment.count, count);
}

static void variables(void **state)
{
	(void)state;
	assert_taken(job_add_environment, "A=1", "B=", "C==", "D=a b=c", "a=2", "AA=3");
	assert_environment("A=1", "B=", "C==", "D=a b=c", "a=2", "AA=3");
	/* The last of a name counts, in the first's place. */
	assert_taken(job_add_environment, "A=4", "AA=", "D=5");
	assert_environment("A=4", "B=", "C==", "D=5", "a=2", "AA=");
	/* A name's beginning is another name. */
	assert_taken(job_add_environment, "ABC=1", "AB=2");
	assert_environment("A=4", "B=", "C==", "D=5", "a=2", "AA=", "ABC=1", "AB=2");
}

static void variables_of_the_host(void **state)
{
	(void)state;
	setenv("MAYFLY_A", "here = there", 1);
	setenv("MAYFLY_B", "", 1);
	unsetenv("MAYFLY_C");
	assert_taken(job_add_environment, "MAYFLY_A", "MAYFLY_B", "MAYFLY_C");
	assert_environment("MAYFLY_A=here = there", "MAYFLY_B=");
	setenv("MAYFLY_A", "changed", 1); /* it is a copy */
	assert_environment("MAYFLY_A=here = there", "MAYFLY_B=");
	assert_taken(job_add_environment, "MAYFLY_B=mine", "MAYFLY_A");
	assert_environment("MAYFLY_A=changed", "MAYFLY_B=mine");
	/* What the host does not have takes nothing away. */
	assert_taken(job_add_environment, "MAYFLY_C=1", "MAYFLY_C");
	assert_environment("MAYFLY_A=changed", "MAYFLY_B=mine", "MAYFLY_C=1");
}

static void variables_without_a_name(void **state)
{
	(void)state;
	assert_refused(job_add_environment, "=1", "'=1'", "names no variable (write NAME=VALUE)");
	assert_refused(job_add_environment, "=", "'='", "names no variable");
	assert_refused(job_add_environment, "", "''", "names no variable");
	assert_int_equal(job.environment.count, 0);
}

static void variables_in_a_file(void **state)
{
	char *path = make_text("env", "# mine\nA=1\r\n\n  B = 2 \nMAYFLY_D\nA=3\nE='q'\n");

	(void)state;
	setenv("MAYFLY_D", "4", 1);
	assert_taken(job_add_environment, "A=0", "F=5");
	assert_taken(job_add_environment_file, path);
	assert_environment("A=3", "F=5", "B = 2", "MAYFLY_D=4", "E='q'");
	make_text("env", "A=1\n\n=2\n");
	assert_refused(job_add_environment_file, path, path, "line 3: '=2' names no variable");
	assert_refused(job_add_environment_file, in_directory("none"), "none", "check the path");
}

/* --- the rest --- */

static void directories(void **state)
{
	(void)state;
	assert_taken(job_set_directory, "/tmp");
	assert_string_equal(job.directory, "/tmp");
	assert_taken(job_set_directory, "/");
	assert_string_equal(job.directory, "/");
	assert_refused(job_set_directory, "tmp", "'tmp'", "(-w takes /PATH)");
	assert_refused(job_set_directory, "./", "'./'", "(-w takes /PATH)");
	assert_refused(job_set_directory, "", "''", "(-w takes /PATH)");
}

static void host_names(void **state)
{
	char name[66];

	(void)state;
	memset(name, 'n', 64);
	name[64] = '\0';
	assert_taken(job_set_hostname, name);
	assert_string_equal(job.hostname, name);
	name[64] = 'n';
	name[65] = '\0';
	assert_refused(job_set_hostname, name, name, "at most 64 characters");
}

static void users(void **state)
{
	static const struct {
		const char *text;
		uint32_t uid, gid;
	} right[] = {
		{"0", 0, 0},       {"1000", 1000, 1000}, {"1000:100", 1000, 100},
		{"0:5", 0, 5},     {"007:010", 7, 10},   {"4294967294", 4294967294u, 4294967294u},
		{"1:4294967294", 1, 4294967294u},
	};
	static const char *const wrong[] = {
		"root", "",   ":",    ":1",   "1:",  "1:2:", "1:2:3", "-1", "1:-1", "+1", " 1", "1 ",
		"1: 2", "1.", "0x10", "1:x",  "1,2", "4294967295", "1:4294967295", "4294967296",
		"18446744073709551616", "1:99999999999999999999",
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(right); i++) {
		set_up(state);
		assert_taken(job_set_user, right[i].text);
		assert_true(job.has_user);
		assert_each(job.uid == right[i].uid && job.gid == right[i].gid, right[i].text,
			    job.gid);
	}
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		assert_each(!TAKE(job_set_user, wrong[i]), wrong[i], job.uid);
		assert_refused(job_set_user, wrong[i], wrong[i],
			       "is no user (--user takes UID or UID:GID, as numbers)");
	}
}

static void limits_for_what_goes_out(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
	} right[] = {
		{"4K", 4 * KIB}, {"5K", 4 * KIB},   {"7KiB", 4 * KIB},      {"8K", 8 * KIB},
		{"1", MIB},      {"1G", GIB},       {"1T", 1024 * GIB}, {"1048576", 1024 * GIB},
	};
	static const char *const wrong[] = {"0", "3K", "4095B", "1025G", "2T", "x", "", "-1", "4 K",
					    "1048577", "16777216T", "1P"};

	(void)state;
	for (unsigned i = 0; i < COUNT(right); i++) {
		assert_taken(job_set_out_limit, right[i].text);
		assert_each(job.out_limit == right[i].size, right[i].text, job.out_limit);
	}
	for (unsigned i = 0; i < COUNT(wrong); i++)
			assert_refused(job_set_out_limit, wrong[i], wrong[i],
				       "is no limit for -o (write 4K to 1T)");
}

/* --- files out --- */

static void pairs_of_paths(void **state)
{
	static const struct {
		const char *value, *guest, *path;
	} cases[] = {
		{"/a:b", "/a", "b"},         {"/a/b/:c/d/", "/a/b/", "c/d/"},
		{"/a:/b", "/a", "/b"},       {"/a:..", "/a", ".."},
		{"/a:../b", "/a", "../b"},   {"/a:b:c", "/a", "b:c"},
		{"/a::", "/a", ":"},         {"/a,b:c,d", "/a,b", "c,d"},
		{"/..a/b..:c", "/..a/b..", "c"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_taken(job_add_out, cases[i].value);
		assert_int_equal(job.outs, i + 1);
		assert_string_equal(job.out[i].guest, cases[i].guest);
		assert_string_equal(job.out[i].path, cases[i].path);
	}
}

static void what_is_no_pair(void **state)
{
	static const char *const values[] = {"", "/a", "/a:", "a:b", "a", ":b", "./a:b", ":"};
	static const char *const upwards[] = {"/..", "/a/..", "/a/../b", "//../"};
	char value[32];

	(void)state;
	for (unsigned i = 0; i < COUNT(values); i++)
		assert_refused(job_add_out, values[i], values[i],
			       "is no pair of paths (-o takes /GUEST:HOST)");
	for (unsigned i = 0; i < COUNT(upwards); i++) {
		snprintf(value, sizeof(value), "%s:b", upwards[i]);
		assert_refused(job_add_out, value, upwards[i], "write the guest's path without");
	}
	assert_int_equal(job.outs, 0);
}

static void pairs_have_a_limit(void **state)
{
	char value[16];

	(void)state;
	for (unsigned i = 0; i < OUTS_MAX; i++) {
		snprintf(value, sizeof(value), "/%u:x", i);
		assert_taken(job_add_out, value);
	}
	assert_string_equal(job.out[15].guest, "/15");
	assert_refused(job_add_out, "/more:x", "'/more'", "one too many (at most 16");
	assert_int_equal(job.outs, 16);
}

#define JOB_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOB_TEST(files_and_where_they_go),
		JOB_TEST(files_without_a_name),
		JOB_TEST(files_do_not_lead_upwards),
		JOB_TEST(modes_are_octal),
		JOB_TEST(root_directories),
		JOB_TEST(variables),
		JOB_TEST(variables_of_the_host),
		JOB_TEST(variables_without_a_name),
		JOB_TEST(variables_in_a_file),
		JOB_TEST(directories),
		JOB_TEST(host_names),
		JOB_TEST(users),
		JOB_TEST(limits_for_what_goes_out),
		JOB_TEST(pairs_of_paths),
		JOB_TEST(what_is_no_pair),
		JOB_TEST(pairs_have_a_limit),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
