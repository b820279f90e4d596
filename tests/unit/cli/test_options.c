/* The command line of "mayfly run": every spelling, every limit, every error text.
 * test_options_devices.c has disks and NICs, test_options_workload.c what is for a command. */
#include "option_words.h"
#include "tmpdir.h"

static void defaults(void **state)
{
	(void)state;
	assert_parses("-k", "vmlinux");
	assert_string_equal(options.kernel, "vmlinux");
	assert_null(options.initrd);
	assert_null(options.append);
	assert_null(options.console);
	assert_null(options.stats);
	assert_int_equal(options.disks + options.nets + options.ips, 0);
	assert_int_equal(options.cpus, 1);
	assert_true(options.memory == 256 * MIB);
	assert_false(options.verbose);
	assert_false(options.help);
	assert_null(options.command);
	assert_false(options.tty || options.root);
	assert_int_equal(options.jail.mode, JAIL_AUTO);
	assert_false(options.jail.other_user);
	assert_int_equal(options.jail.uid, 65534);
	assert_int_equal(options.jail.gid, 65534);
	assert_true(options.limits.wall == 0 && options.limits.cpu == 0 &&
		    options.limits.idle == 0);
	assert_int_equal(options.limits.grace, 10000);
	assert_true(options.job.out_limit == GIB);
	assert_int_equal(options.job.outs + options.job.files.count, 0);
	assert_int_equal(options.job.environment.count, 0);
	assert_null(options.job.directory);
	assert_null(options.job.hostname);
	assert_false(options.job.has_user);
}

/* "-kFILE", "-k FILE", "--kernel=FILE", "--kernel FILE" for every option that takes a text. */
static void texts_in_every_spelling(void **state)
{
	static const struct {
		const char *letter, *name;
		size_t offset;
	} texts[] = {
		{"-k", "--kernel", offsetof(struct options, kernel)},
		{"-i", "--initrd", offsetof(struct options, initrd)},
		{"-a", "--append", offsetof(struct options, append)},
		{NULL, "--console", offsetof(struct options, console)},
		{NULL, "--stats", offsetof(struct options, stats)},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(texts); i++) {
		char joined[64], equal[64];
		const char *const spellings[][2] = {{joined, "--"},
						    {texts[i].letter, "a file"},
						    {equal, "--"},
						    {texts[i].name, "a file"}};

		snprintf(joined, sizeof(joined), "%sa file",
			 texts[i].letter ? texts[i].letter : "");
		snprintf(equal, sizeof(equal), "%s=a file", texts[i].name);
		for (unsigned j = texts[i].letter ? 0 : 2; j < COUNT(spellings); j++) {
			const char *value;

			if (j % 2)
				assert_parses("-kx", spellings[j][0], spellings[j][1]);
			else
				assert_parses("-kx", spellings[j][0]);
			memcpy(&value, (char *)&options + texts[i].offset, sizeof(value));
			assert_string_equal(value, "a file");
		}
	}
}

static void numbers_in_every_spelling(void **state)
{
	(void)state;
	assert_parses("-kx", "-c3");
	assert_int_equal(options.cpus, 3);
	assert_parses("-kx", "-c", "3");
	assert_int_equal(options.cpus, 3);
	assert_parses("-kx", "--cpus=3");
	assert_int_equal(options.cpus, 3);
	assert_parses("-kx", "--cpus", "3");
	assert_int_equal(options.cpus, 3);
	assert_parses("-kx", "-m64");
	assert_true(options.memory == 64 * MIB);
	assert_parses("-kx", "-m", "64");
	assert_true(options.memory == 64 * MIB);
	assert_parses("-kx", "--memory=64");
	assert_true(options.memory == 64 * MIB);
	assert_parses("-kx", "--memory", "64");
	assert_true(options.memory == 64 * MIB);
}

static void flags_in_every_spelling(void **state)
{
	(void)state;
	assert_parses("-v", "-kx");
	assert_true(options.verbose);
	assert_parses("--verbose", "-kx");
	assert_true(options.verbose);
	/* Help needs no kernel. */
	assert_parses("-h");
	assert_true(options.help);
	assert_parses("--help");
	assert_true(options.help);
}

static void the_last_word_counts(void **state)
{
	(void)state;
	assert_parses("-kx", "-c2", "--kernel", "y", "--cpus=4");
	assert_string_equal(options.kernel, "y");
	assert_int_equal(options.cpus, 4);
}

static void a_value_may_look_like_anything(void **state)
{
	(void)state;
	assert_parses("-k", "-v");
	assert_string_equal(options.kernel, "-v");
	assert_false(options.verbose);
	assert_parses("--kernel=a=b");
	assert_string_equal(options.kernel, "a=b");
	assert_parses("-k=x");
	assert_string_equal(options.kernel, "=x");
	assert_parses("-kx", "--append", "--");
	assert_string_equal(options.append, "--");
	assert_null(options.command);
}

static void a_command_follows_two_hyphens(void **state)
{
	(void)state;
	assert_parses("-kx", "--", "/bin/echo", "-k", "--", "");
	/* Not a copy: the caller's own array, to its NULL. */
	assert_ptr_equal(options.command, words + 2);
	assert_string_equal(options.command[0], "/bin/echo");
	assert_string_equal(options.command[1], "-k");
	assert_string_equal(options.command[2], "--");
	assert_string_equal(options.command[3], "");
	assert_null(options.command[4]);
	assert_string_equal(options.kernel, "x");
}

static void cpus_have_limits(void **state)
{
	static const char *const wrong[] = {
		"0",
		"33",
		"-1",
		"+1",
		"",
		" 1",
		"1 ",
		"1x",
		"0x1",
		"1.5",
		"one",
		"4294967297",
		"18446744073709551617",
		"99999999999999999999",
	};

	(void)state;
	assert_parses("-kx", "-c1");
	assert_int_equal(options.cpus, 1);
	assert_parses("-kx", "-c32");
	assert_int_equal(options.cpus, 32);
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		assert_each(!PARSE("-kx", "--cpus", wrong[i]), wrong[i], 0);
		if (*wrong[i])
			assert_refused(wrong[i], "-c takes 1 to 32", "-kx", "-c", wrong[i]);
	}
}

static void memory_has_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"16", 16 * MIB},
		{"0016", 16 * MIB},
		{"16M", 16 * MIB},
		{"16m", 16 * MIB},
		{"16MiB", 16 * MIB},
		{"16MB", 16 * MIB},
		{"16384K", 16 * MIB},
		{"16384k", 16 * MIB},
		{"16384KiB", 16 * MIB},
		{"1G", GIB},
		{"1g", GIB},
		{"1GiB", GIB},
		{"64G", 64 * GIB},
		{"65536", 64 * GIB},
		{"65536M", 64 * GIB},
		{"67108864K", 64 * GIB},
		{"17000", 17000 * MIB},
		/* What is no whole page is left out. */
		{"16385K", 16 * MIB},
		{"16447K", 16 * MIB},
		{"16448K", 16 * MIB + 16 * PAGE},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_parses("-kx", "-m", cases[i].text);
		assert_each(options.memory == cases[i].bytes, cases[i].text, options.memory);
		assert_int_equal(options.memory % (16 * PAGE), 0); /* a host's page at most */
	}
}

static void memory_has_limits(void **state)
{
	static const char *const wrong[] = {
		"0", "1M", "10T", "15M", "15", "16383K", "65G", "65537", "65537M", "67108865K",
		"1T",
		/* Overflows: of the number, of the product, and to a valid size. */
		"99999999999999999999", "99999999999999999999T", "18446744073709551615",
		"18446744073709551615T", "16777216T", "16777217T", "17592186044416M",
		"17592186044672M", "18014398509498368K", "17179869185G",
		/* Not numbers, not units. */
		"-1", "-16M", "+64", " 64", "64 M", "64X", "64Mi", "64MM", "64MiBs", "64.5G", "G",
		"0x40", "1e3", "64,", "M64", "64M "};

	(void)state;
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		assert_each(!PARSE("-kx", "-m", wrong[i]), wrong[i], options.memory);
		assert_refused(wrong[i], "-m takes 16M to 64G", "-kx", "-m", wrong[i]);
	}
}

static void only_grace_may_be_none(void **state)
{
	(void)state;
	assert_parses("-kx");
	assert_true(options.limits.grace == 10000);
	assert_parses("-kx", "--grace", "0");
	assert_true(options.limits.grace == 0);
	assert_parses("-kx", "--grace", "1.5s");
	assert_true(options.limits.grace == 1500);
	assert_refused("'-1'", "no duration", "-kx", "--grace", "-1");
	assert_refused("'0s'", "no duration", "-kx", "--grace", "0s");
	assert_refused("'0'", "no duration", "-kx", "--timeout", "0");
}

/* ' ' differs from '\0' in bit 5 only, as letters do from their capitals. */
static void a_blank_is_no_unit(void **state)
{
	(void)state;
	assert_refused("'64 '", "-m takes", "-kx", "-m", "64 ");
	assert_refused("'64 B'", "-m takes", "-kx", "-m", "64 B");
	assert_refused("'64 iB'", "-m takes", "-kx", "-m", "64 iB");
	assert_refused("'64B'", "-m takes", "-kx", "-m", "64B");
}

static void unknown_options_are_named(void **state)
{
	(void)state;
	assert_refused("'-x'", "mayfly run --help", "-kx", "-x");
	assert_refused("'--frob'", "mayfly run --help", "-kx", "--frob");
	assert_refused("'--frob=1'", "mayfly run --help", "-kx", "--frob=1");
	assert_refused("'--=1'", "unknown", "-kx", "--=1");
	/* No abbreviations, no longer words, no single hyphen before a name. */
	assert_refused("'--kern=x'", "unknown", "--kern=x");
	assert_refused("'--kernels=x'", "unknown", "--kernels=x");
	assert_refused("'onsole'", "-c takes", "-kx", "-console"); /* -c with a value */
	assert_refused("'-=x'", "unknown", "-kx", "-=x");
	assert_refused("'--K'", "unknown", "--K");
	assert_refused("'-K'", "unknown", "-K");
}

static void values_are_required(void **state)
{
	(void)state;
	assert_refused("'-k'", "needs a value", "-k");
	assert_refused("'--kernel'", "needs a value (FILE)", "--kernel");
	assert_refused("'-c'", "needs a value (N)", "-kx", "-c");
	assert_refused("'-m'", "needs a value (SIZE)", "-kx", "-m");
	assert_refused("'--append'", "needs a value (WORDS)", "-kx", "--append");
	assert_refused("'--console'", "needs a value (FILE)", "-kx", "--console");
	assert_refused("'--initrd'", "needs a value (FILE)", "-kx", "--initrd");
	assert_refused("'--stats'", "needs a value (FILE)", "-kx", "--stats");
	assert_refused("'fd:x'", "(write fd:N", "-kx", "--stats=fd:x");
	assert_refused("'fd:2147483648'", "./fd:2147483648 for a file", "-kx", "--stats=fd:2147483648");
	assert_refused("'-d'", "needs a value (FILE[,KEY...])", "-kx", "-d");
	assert_refused("'--disk='", "not empty", "-kx", "--disk=");
	assert_refused("'-n'", "needs a value (tap=NAME[,KEY...])", "-kx", "-n");
	assert_refused("'--net'", "not empty", "-kx", "--net", "");
	assert_refused("'--ip'", "needs a value (ADDR/LEN[,KEY...])", "-kx", "--ip");
	assert_refused("'--ip='", "not empty", "-kx", "--ip=");
	assert_refused("'--kernel='", "not empty", "--kernel=");
	assert_refused("'-k'", "not empty", "-k", "");
	assert_refused("'--memory='", "not empty", "-kx", "--memory=");
	assert_refused("'-c'", "not empty", "-kx", "-c", "");
}

static void flags_take_no_value(void **state)
{
	(void)state;
	assert_refused("'-vh'", "leave out 'h'", "-kx", "-vh");
	assert_refused("'--verbose=yes'", "leave out 'yes'", "-kx", "--verbose=yes");
	assert_refused("'--verbose='", "takes no value", "-kx", "--verbose=");
	assert_refused("'--help=x'", "takes no value", "--help=x");
}

static void stray_words_are_refused(void **state)
{
	(void)state;
	assert_refused("'vmlinux'", "after '--'", "vmlinux");
	assert_refused("'-'", "unexpected", "-kx", "-");
	assert_refused("''", "unexpected", "-kx", "");
	assert_refused("'/bin/sh'", "after '--'", "-kx", "/bin/sh", "-c", "true");
}

static void what_is_missing_is_said(void **state)
{
	(void)state;
	assert_false(parse((const char *const[]){NULL}));
	assert_mends(in_words(&problem), "kernel");
	assert_says(in_words(&problem), "-k FILE");
	assert_refused("kernel", "-k FILE", "-v");
	assert_refused("kernel", "-k FILE", "--", "/bin/true");
	assert_refused("command", "'--'", "-kx", "--");
	assert_refused("command after '--' is empty", "name a program", "-kx", "--", "");
	assert_refused("command after '--' is empty", "name a program", "-kx", "--", "", "x");
}

static void the_log_goes_to_one_place(void **state)
{
	(void)state;
	assert_refused("--console", "-v", "-kx", "-v", "--console=log");
	assert_parses("-kx", "-v");
	assert_parses("-kx", "--console=log");
	assert_string_equal(options.console, "log");
}

/* --- files of options --- */

static char *at_file(const char *name, const char *content)
{
	static char at[256];

	snprintf(at, sizeof(at), "@%s", make_text(name, content));
	return at;
}

static void options_in_files(void **state)
{
	char *file = at_file("vm", "# a machine\n"
				   "-k vmlinux\r\n"
				   "--memory=64\n"
				   "-f  a b:/c d,mode=600\n"
				   "-e NAME=a b=c\n"
				   "-t\n"
				   "--timeout 2m\n"
				   "--\n"
				   "/bin/echo\n"
				   "-n\n");

	(void)state;
	assert_parses(file, "-m", "32", "--", "one");
	assert_string_equal(options.kernel, "vmlinux");
	assert_true(options.memory == 32 * MIB); /* the last counts */
	assert_string_equal(options.job.files.item[0].path, "a b");
	assert_string_equal(options.job.files.item[0].guest, "/c d");
	assert_string_equal(options.job.environment.word[0], "NAME=a b=c");
	assert_true(options.tty);
	assert_int_equal(options.limits.wall, 120000);
	assert_string_equal(options.command[0], "/bin/echo");
	assert_string_equal(options.command[1], "-n");
	assert_string_equal(options.command[2], "one");
	assert_null(options.command[3]);
	assert_refused("line 2: cannot give the guest '1' of memory", "16M to 64G",
		       at_file("vm", "-kx\n-m 1\n"));
	assert_refused("no command after '--'", "name one", at_file("vm", "-kx\n--\n"));
	assert_refused("no kernel", "-k FILE", at_file("vm", "-m 64\n"));
	assert_refused("the command after '--' is empty", "name a program",
		       at_file("vm", "-kx\n--\n"), "--", "");
}

static void help_fits_a_terminal(void **state)
{
	static const char *const names[] = {
		"-f, --file HOST[:GUEST]",
		"    --rootdir DIR",
		"-e, --env NAME[=VALUE]",
		"    --env-file FILE",
		"-w, --workdir PATH",
		"    --user UID[:GID]",
		"    --hostname NAME",
		"-t, --tty ",
		"-o, --out GUEST:HOST",
		"    --out-limit SIZE",
		"    --root FILE[,KEY...]",
		"    --timeout TIME",
		"    --cpu-time TIME",
		"    --idle-timeout TIME",
		"    --grace TIME",
		"  @FILE  ",
		"124 timed out",
		"-k, --kernel FILE",
		"-i, --initrd FILE",
		"-c, --cpus N",
		"-m, --memory SIZE",
		"-a, --append WORDS",
		"--console FILE",
		"-v, --verbose",
		"-h, --help",
		"Usage: mayfly run",
		"-d, --disk FILE[,",
		"ro, ephemeral, direct, serial=ID, queues=N",
		"-n, --net tap=NAME",
		"fd=N, mac=ADDR, mtu=N, queues=N",
		"    --ip ADDR/LEN[,",
		"gw=ADDR, dns=ADDR",
		"    --stats FILE",
		"122",
		"125",
		"126",
		"127",
	};
	static struct capture capture;

	(void)state;
	capture_begin(&capture, STDOUT_FILENO);
	options_help();
	capture_end(&capture);
	for (unsigned i = 0; i < COUNT(names); i++)
		assert_says(capture.text, names[i]);
	for (const char *line = capture.text; *line; line += strcspn(line, "\n") + 1)
		assert_each(strcspn(line, "\n") < 100, line, strcspn(line, "\n"));
	assert_int_equal(capture.text[strlen(capture.text) - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(texts_in_every_spelling),
		cmocka_unit_test(numbers_in_every_spelling),
		cmocka_unit_test(flags_in_every_spelling),
		cmocka_unit_test(the_last_word_counts),
		cmocka_unit_test(a_value_may_look_like_anything),
		cmocka_unit_test(a_command_follows_two_hyphens),
		cmocka_unit_test(cpus_have_limits),
		cmocka_unit_test(memory_has_units),
		cmocka_unit_test(memory_has_limits),
		cmocka_unit_test(only_grace_may_be_none),
		cmocka_unit_test(a_blank_is_no_unit),
		cmocka_unit_test(unknown_options_are_named),
		cmocka_unit_test(values_are_required),
		cmocka_unit_test(flags_take_no_value),
		cmocka_unit_test(stray_words_are_refused),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(the_log_goes_to_one_place),
		cmocka_unit_test(options_in_files),
		cmocka_unit_test(help_fits_a_terminal),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
