/* The command line of "mayfly run": what a workload gets, the jail, and limits on time. */
#include <stdio.h>

#include "option_words.h"

/* --- the workload's --- */

static void the_workloads_in_every_spelling(void **state)
{
	(void)state;
	assert_parses("-kx", "-fa", "-f", "b:/c,mode=700", "--file=d", "--file", "e", "--rootdir=f",
		      "--rootdir", "g", "--", "x");
	assert_int_equal(options.job.files.count, 6);
	assert_string_equal(options.job.files.item[1].guest, "/c");
	assert_int_equal(options.job.files.item[1].mode, 0700);
	assert_string_equal(options.job.files.item[3].path, "e");
	assert_string_equal(options.job.files.item[5].path, "g/.");
	assert_parses("-kx", "-eA=1", "-e", "B=2", "--env=C=3", "--env", "A=4", "--", "x");
	assert_int_equal(options.job.environment.count, 3);
	assert_string_equal(options.job.environment.word[0], "A=4");
	assert_string_equal(options.job.environment.word[2], "C=3");
	assert_parses("-kx", "-w/a", "--user=1:2", "--hostname", "h", "-t", "--", "x");
	assert_string_equal(options.job.directory, "/a");
	assert_string_equal(options.job.hostname, "h");
	assert_true(options.job.has_user && options.tty);
	assert_int_equal(options.job.uid, 1);
	assert_int_equal(options.job.gid, 2);
	assert_parses("-kx", "--workdir=/a", "-w", "/b", "--user", "3", "--tty", "--", "x");
	assert_string_equal(options.job.directory, "/b");
	assert_int_equal(options.job.gid, 3);
	assert_true(options.tty);
	assert_parses("-kx", "-o/a:b", "-o", "/c:d", "--out=/e:f", "--out", "/g:h",
		      "--out-limit=8K", "--", "x");
	assert_int_equal(options.job.outs, 4);
	assert_string_equal(options.job.out[3].path, "h");
	assert_true(options.job.out_limit == 8 * KIB);
}

/* That each row has its own setter; what these take is tested with them. */
static void the_workloads_that_are_wrong(void **state)
{
	(void)state;
	assert_refused("'..'", "no name for the guest", "-kx", "-f..", "--", "x");
	assert_refused("'=1'", "names no variable", "-kx", "-e=1", "--", "x");
	assert_refused("/nowhere/env", "check the path", "-kx", "--env-file=/nowhere/env", "--",
		       "x");
	assert_refused("'a'", "-w takes /PATH", "-kx", "-wa", "--", "x");
	assert_refused("'root'", "--user takes", "-kx", "--user=root", "--", "x");
	assert_refused("'/a'", "-o takes /GUEST:HOST", "-kx", "-o/a", "--", "x");
	assert_refused("'1K'", "4K to 1T", "-kx", "--out-limit=1K", "--", "x");
}

static void values_of_the_workloads_are_required(void **state)
{
	static const struct {
		const char *option, *argument;
	} all[] = {
		{"-f", "(HOST[:GUEST])"},
		{"--file", "(HOST[:GUEST])"},
		{"--rootdir", "(DIR)"},
		{"-e", "(NAME[=VALUE])"},
		{"--env", "(NAME[=VALUE])"},
		{"--env-file", "(FILE)"},
		{"-w", "(PATH)"},
		{"--workdir", "(PATH)"},
		{"--user", "(UID[:GID])"},
		{"--hostname", "(NAME)"},
		{"-o", "(GUEST:HOST)"},
		{"--out", "(GUEST:HOST)"},
		{"--out-limit", "(SIZE)"},
		{"--root", "(FILE[,KEY...])"},
		{"--timeout", "(TIME)"},
		{"--cpu-time", "(TIME)"},
		{"--idle-timeout", "(TIME)"},
		{"--grace", "(TIME)"},
		{"--jail", "(MODE)"},
		{"--uid", "(UID)"},
		{"--gid", "(GID)"},
		{"--hugepages", "(WHEN)"},
	};
	char object[32];

	(void)state;
	for (unsigned i = 0; i < COUNT(all); i++) {
		snprintf(object, sizeof(object), "'%s'", all[i].option);
		assert_refused(object, "needs a value", "-kx", all[i].option);
		assert_says(in_words(&problem), all[i].argument);
		assert_refused(object, "not empty", "-kx", all[i].option, "");
	}
	assert_refused("'-tx'", "leave out 'x'", "-kx", "-tx");
	assert_refused("'--tty=1'", "leave out '1'", "-kx", "--tty=1");
	/* No letters. */
	assert_refused("'--rootdi=x'", "unknown", "-kx", "--rootdi=x");
	assert_refused("'-u1'", "unknown", "-kx", "-u1");
}

static void what_needs_a_command(void **state)
{
	static const struct {
		const char *word, *says;
	} all[] = {
		{"-fa", "--rootfs-tar are for a command"},
		{"--rootdir=a", "--rootfs-tar are for a command"},
		{"-eA=1", "-e is for a command"},
		{"-w/", "-w is for a command"},
		{"--user=0", "--user is for a command"},
		{"--hostname=a", "--hostname is for a command"},
		{"--root=a", "--root is for a command"},
		{"-t", "-t is for a command"},
		{"-o/a:b", "-o is for a command"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(all); i++) {
		assert_refused(all[i].says, "(give one after '--')", "-kx", all[i].word);
		assert_parses("-kx", all[i].word, "--", "x");
		assert_parses(all[i].word, "-h"); /* help needs none */
		assert_refused("no command after '--'", "name one", "-kx", all[i].word, "--");
	}
	/* What makes sense without one. */
	assert_parses("-kx", "--timeout=1", "--cpu-time=1", "--idle-timeout=1", "--grace=1",
		      "--out-limit=4K");
}

/* --- the jail --- */

static void the_jail_in_every_spelling(void **state)
{
	static const struct {
		const char *word;
		enum jail_mode mode;
	} modes[] = {{"auto", JAIL_AUTO}, {"strict", JAIL_STRICT}, {"off", JAIL_OFF}};

	(void)state;
	for (unsigned i = 0; i < COUNT(modes); i++) {
		assert_parses("-kx", "--jail", modes[i].word);
		assert_int_equal(options.jail.mode, modes[i].mode);
		assert_false(options.jail.other_user);
	}
	assert_parses("-kx", "--jail=off", "--jail=strict"); /* the last one counts */
	assert_int_equal(options.jail.mode, JAIL_STRICT);
	assert_parses("-kx", "--uid", "1", "--gid=4294967294");
	assert_true(options.jail.other_user);
	assert_int_equal(options.jail.uid, 1);
	assert_true(options.jail.gid == 4294967294);
	/* One of them is enough to ask for another user; the other number stays. */
	assert_parses("-kx", "--uid=1000", "--jail=strict");
	assert_true(options.jail.other_user);
	assert_int_equal(options.jail.uid, 1000);
	assert_int_equal(options.jail.gid, 65534);
	assert_parses("-kx", "--gid=1000");
	assert_true(options.jail.other_user);
	assert_int_equal(options.jail.uid, 65534);
	assert_int_equal(options.jail.gid, 1000);
}

static void huge_pages(void **state)
{
	(void)state;
	assert_parses("-kx");
	assert_int_equal(options.hugepages, HUGEPAGES_AUTO);
	assert_parses("-kx", "--hugepages=on");
	assert_int_equal(options.hugepages, HUGEPAGES_ON);
	assert_parses("-kx", "--hugepages=on", "--hugepages", "off");
	assert_int_equal(options.hugepages, HUGEPAGES_OFF);
	assert_parses("-kx", "--hugepages=off", "--hugepages=auto");
	assert_int_equal(options.hugepages, HUGEPAGES_AUTO);
	assert_refused("'always'", "auto, on or off", "-kx", "--hugepages=always");
}

static void no_such_jail(void **state)
{
	static const char *const modes[] = {"no",    "none",        "on", "Auto",
					    "auto ", "strict,auto", "0"};
	static const char *const numbers[] = {
		"0",  "-1",   "4294967295", "4294967296",          "1 ", " 1", "0x10",
		"1K", "root", "1:1",        "18446744073709551616"};
	char word[64], object[64];

	(void)state;
	for (unsigned i = 0; i < COUNT(modes); i++) {
		snprintf(word, sizeof(word), "--jail=%s", modes[i]);
		snprintf(object, sizeof(object), "'%s' is no kind of jail", modes[i]);
		assert_refused(object, "takes auto, strict or off", "-kx", word);
	}
	for (unsigned i = 0; i < COUNT(numbers); i++) {
		snprintf(word, sizeof(word), "--uid=%s", numbers[i]);
		snprintf(object, sizeof(object), "user '%s'", numbers[i]);
		assert_refused(object, "give a number from 1 on", "-kx", word);
		snprintf(word, sizeof(word), "--gid=%s", numbers[i]);
		snprintf(object, sizeof(object), "group '%s'", numbers[i]);
		assert_refused(object, "give a number from 1 on", "-kx", word);
	}
	/* Who asks for a user must get that one. */
	assert_refused("--uid and --gid", "leave out --jail=off", "-kx", "--jail=off", "--uid=1");
	assert_refused("--uid and --gid", "leave out --jail=off", "-kx", "--gid=1", "--jail=off");
	assert_parses("-h", "--gid=1", "--jail=off");
}

/* --- time --- */

static void times_in_every_spelling(void **state)
{
	(void)state;
	assert_parses("-kx", "--timeout=1", "--cpu-time", "2m", "--idle-timeout=500ms", "--grace",
		      "0.5");
	assert_int_equal(options.limits.wall, 1000);
	assert_int_equal(options.limits.cpu, 120000);
	assert_int_equal(options.limits.idle, 500);
	assert_int_equal(options.limits.grace, 500);
	assert_refused("'0'", "is no duration", "-kx", "--timeout=0");
	assert_refused("'1x'", "is no duration", "-kx", "--cpu-time=1x");
	assert_refused("'-1'", "is no duration", "-kx", "--idle-timeout", "-1");
	assert_refused("'--grace='", "not empty", "-kx", "--grace=");
}

/* "0: at once": the only time of nothing that has a meaning. */
static void no_grace(void **state)
{
	(void)state;
	assert_parses("-kx", "--grace=0");
	assert_int_equal(options.limits.grace, 0);
	assert_parses("-kx", "--grace", "3s");
	assert_int_equal(options.limits.grace, 3000);
	assert_refused("'0s0'", "is no duration", "-kx", "--grace=0s0");
	assert_refused("'00'", "is no duration", "-kx", "--grace=00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_workloads_in_every_spelling),
		cmocka_unit_test(the_workloads_that_are_wrong),
		cmocka_unit_test(values_of_the_workloads_are_required),
		cmocka_unit_test(what_needs_a_command),
		cmocka_unit_test(the_jail_in_every_spelling),
		cmocka_unit_test(no_such_jail),
		cmocka_unit_test(huge_pages),
		cmocka_unit_test(times_in_every_spelling),
		cmocka_unit_test(no_grace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
