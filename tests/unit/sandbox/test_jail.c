/* The jail, in children that enter it: its layers, those that a host lacks, and what is reported.
 * test_jail_limits.c has its limits. */
#define _GNU_SOURCE
#include "jail_child.h"

/* --- names and the report --- */

static void names(void **state)
{
	static const char *const all[JAIL_LAYERS] = {"user-ns",         "empty-root", "ipc-ns",
						     "net-ns",          "uts-ns",     "nobody",
						     "no-capabilities", "landlock",   "limits"};

	(void)state;
	for (unsigned i = 0; i < JAIL_LAYERS; i++)
		assert_string_equal(jail_layer_name(i), all[i]);
}

static void one_line(void **state)
{
	static const struct {
		int missing[JAIL_LAYERS];
		const char *line;
	} cases[] = {
		{{-1, -1, -1, -1, -1, -1, -1, -1, -1}, "mayfly: jail: none\n"},
		{{0, 0, 0, 0, 0, 0, 0, 0, 0},
		 "mayfly: jail: user-ns, empty-root, ipc-ns, net-ns, uts-ns, nobody, "
		 "no-capabilities, landlock, limits\n"},
		{{-1, -1, -1, 0, -1, -1, -1, -1, -1}, "mayfly: jail: net-ns\n"},
		{{EPERM, -1, -1, 0, -1, -1, -1, ENOSYS, 0},
		 "mayfly: jail: net-ns, limits; missing: user-ns (Operation not permitted), "
		 "landlock (Function not implemented)\n"},
		{{-1, -1, ENOSPC, -1, -1, -1, -1, -1, -1},
		 "mayfly: jail: none; missing: ipc-ns (No space left on device)\n"},
	};
	struct capture capture;

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		memcpy(jail.missing, cases[i].missing, sizeof(jail.missing));
		capture_begin(&capture, STDERR_FILENO);
		jail_report(&jail);
		capture_end(&capture);
		assert_string_equal(capture.text, cases[i].line);
		assert_int_equal(capture.writes, 1);
		for (unsigned j = 0; j < JAIL_LAYERS; j++)
			assert_int_equal(jail_has(&jail, j), cases[i].missing[j] == 0);
	}
}

/* The worst that can be: all of them, with the longest word of each. */
static void a_long_line(void **state)
{
	struct capture capture;

	(void)state;
	for (unsigned i = 0; i < JAIL_LAYERS; i++)
		jail.missing[i] = EOVERFLOW;
	capture_begin(&capture, STDERR_FILENO);
	jail_report(&jail);
	capture_end(&capture);
	assert_says(capture.text, "missing: user-ns (");
	assert_says(capture.text, "no-capabilities (Value too large");
	assert_int_equal(capture.text[strlen(capture.text) - 1], '\n');
}

/* --- off --- */

static int off_child(void)
{
	static const int resources[] = {RLIMIT_NPROC, RLIMIT_FSIZE, RLIMIT_NOFILE};
	const struct jail_options off = {JAIL_OFF, false, JAIL_NOBODY, JAIL_NOBODY};
	struct rlimit before[COUNT(resources)], now;
	uid_t uid = geteuid();

	for (unsigned i = 0; i < COUNT(resources); i++)
		CHECK(getrlimit(resources[i], &before[i]) == 0);
	CHECK(jail_enter(&jail, &off, &problem) && jail_enter_thread(&jail));
	CHECK(jail_limit(&jail, 1, &problem));
	for (unsigned i = 0; i < JAIL_LAYERS; i++)
		CHECK(jail.missing[i] == -1 && !jail_has(&jail, i));
	for (unsigned i = 0; i < COUNT(resources); i++)
		CHECK(getrlimit(resources[i], &now) == 0 && !memcmp(&now, &before[i], sizeof(now)));
	CHECK(geteuid() == uid && access("/proc/self", F_OK) == 0);
	CHECK(fcntl(FD_RULESET, F_GETFD) < 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	return CHILD_PASSED;
}

static void off_is_nothing(void **state)
{
	(void)state;
	run(off_child);
}

/* --- entered --- */

static bool get_capabilities(struct __user_cap_data_struct *data)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &header, data) == 0;
}

static bool has_no_capabilities(void)
{
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return get_capabilities(data) && !memcmp(data, none, sizeof(none));
}

/* What the layers that are there change, as the kernel tells it. */
static int entered_child(void)
{
	static const struct {
		enum jail_layer layer;
		const char *name;
	} spaces[] = {{JAIL_USER, "user"}, {JAIL_IPC, "ipc"}, {JAIL_NET, "net"}, {JAIL_UTS, "uts"}};
	char before[COUNT(spaces)][64] = {""}, now[64];
	int directory = open("/proc/self/ns", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (unsigned i = 0; i < COUNT(spaces); i++)
		CHECK(readlinkat(directory, spaces[i].name, before[i], 63) > 0);
	CHECK(jail_enter(&jail, &automatic, &problem));
	for (unsigned i = 0; i < COUNT(spaces); i++) {
		memset(now, 0, sizeof(now));
		CHECK(readlinkat(directory, spaces[i].name, now, 63) > 0);
		/* One that was made and then could not be furnished is there all the same. */
		CHECK(!jail_has(&jail, spaces[i].layer) || strcmp(now, before[i]) != 0);
	}
	if (jail_has(&jail, JAIL_ROOT))
		CHECK(access("/proc/self", F_OK) < 0 && open("/new", O_CREAT | O_RDWR, 0600) < 0 &&
		      access("/..", F_OK) == 0 && access("/../etc", F_OK) < 0);
	if (jail_has(&jail, JAIL_CAPABILITIES))
		CHECK(has_no_capabilities() && prctl(PR_GET_DUMPABLE) == 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(jail.missing[JAIL_LIMITS] == -1);
	CHECK(jail_has(&jail, JAIL_LANDLOCK) == (jail.landlock != 0));
	CHECK(jail_has(&jail, JAIL_LANDLOCK) == (fcntl(FD_RULESET, F_GETFD) == FD_CLOEXEC));
	/* Landlock is each thread's own: until then, what is open still leads somewhere. */
	int file = openat(root, "etc/passwd", O_RDONLY | O_CLOEXEC);
	CHECK(file >= 0 && jail_enter_thread(&jail));
	if (jail_has(&jail, JAIL_LANDLOCK))
		CHECK(openat(root, "etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
	CHECK(read(file, now, 1) == 1); /* open files stay */
	return CHILD_PASSED;
}

static void what_is_there_works(void **state)
{
	(void)state;
	if (access("/etc/passwd", R_OK) < 0)
		skip_without("there is no /etc/passwd to read");
	run(entered_child);
}

static int without_ruleset(void)
{
	/* Entered only where there is one. */
	jail.landlock = 0;
	CHECK(jail_enter_thread(&jail));
	jail.landlock = 1;
	close(FD_RULESET);
	errno = 0;
	CHECK(!jail_enter_thread(&jail) && errno != 0);
	return CHILD_PASSED;
}

static void a_thread_that_cannot_enter(void **state)
{
	(void)state;
	run(without_ruleset);
}

/* Waits, in the jail, to be looked at: from in there every user is nobody. */
static void look_at_user(uint32_t uid, uint32_t gid)
{
	const struct jail_options other = {JAIL_AUTO, true, uid, gid};
	char path[64], text[8192] = "", line[64];
	int up[2], down[2];

	assert_true(pipe(up) == 0 && pipe(down) == 0);
	pid_t child = fork();
	if (child == 0) {
		alarm(30);
		const gid_t groups[] = {3, 4}; /* which are to go, too */
		char result = setgroups(COUNT(groups), groups) == 0 &&
			      jail_enter(&jail, &other, &problem) && jail_has(&jail, JAIL_UID);
		close(down[1]);
		_exit(write(up[1], &result, 1) != 1 || read(down[0], &result, 1) != 0);
	}
	char result = 0;
	assert_int_equal(read(up[0], &result, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/status", child);
	int fd = open(path, O_RDONLY);
	ssize_t size = read(fd, text, sizeof(text) - 1);
	for (unsigned i = 0; i < 2; i++)
		close(up[i]), close(down[i]);
	close(fd);
	waitpid(child, NULL, 0);
	assert_true(result && size > 0);
	snprintf(line, sizeof(line), "\nUid:\t%u\t%u\t%u\t%u\n", uid, uid, uid, uid);
	assert_says(text, line);
	snprintf(line, sizeof(line), "\nGid:\t%u\t%u\t%u\t%u\n", gid, gid, gid, gid);
	assert_says(text, line);
	assert_says(text, "\nGroups:\t \n");
}

static void root_becomes_somebody_else(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip_without("only root becomes another user");
	run(probe);
	if (said->missing[JAIL_UID] > 0)
		skip_without("this root may not become another user");
	look_at_user(JAIL_NOBODY, JAIL_NOBODY);
	look_at_user(12345, 6789);
}

static int user_who_is_no_root(void)
{
	const struct jail_options other = {JAIL_AUTO, true, 5, 6};

	if (geteuid() == 0 && setresuid(12345, 12345, 12345) < 0) {
		strcpy(said->what, "this root knows no other user");
		return CHILD_REFUSED;
	}
	CHECK(!jail_enter(&jail, &other, &problem));
	CHECK_SAYS(in_words(&problem), "only root can become another user (leave out --uid and --gid)");
	/* Without these options nobody asks. */
	CHECK(jail_enter(&jail, &automatic, &problem) && jail.missing[JAIL_UID] == -1);
	return CHILD_PASSED;
}

static void only_root_becomes_another(void **state)
{
	(void)state;
	run(user_who_is_no_root);
}

/* Who has nothing, and gets no namespace either: capabilities are gone, and the memory is nobody
 * else's to look at. */
static int nothing_to_give_up(void)
{
	CHECK(setresuid(12345, 12345, 12345) == 0 || geteuid() != 0);
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0 && forbid(SYS_unshare, ANY_ARGUMENT, EPERM));
	CHECK(jail_enter(&jail, &automatic, &problem));
	for (unsigned i = JAIL_USER; i <= JAIL_UTS; i++)
		CHECK(jail.missing[i] == EPERM);
	CHECK(jail.missing[JAIL_UID] == -1 && jail_has(&jail, JAIL_CAPABILITIES));
	CHECK(has_no_capabilities() && prctl(PR_GET_DUMPABLE) == 0);
	return CHILD_PASSED;
}

static void a_user_without_namespaces(void **state)
{
	(void)state;
	run(probe);
	if (geteuid() == 0 && said->missing[JAIL_UID] > 0)
		skip_without("this root knows no other user");
	run(nothing_to_give_up);
}

static int user_that_cannot_be(void)
{
	const struct jail_options other = {JAIL_AUTO, true, 5, 6};

	CHECK(forbid(SYS_setresuid, ANY_ARGUMENT, EINVAL));
	CHECK(!jail_enter(&jail, &other, &problem));
	CHECK_SAYS(in_words(&problem),
		   "cannot become user 5 of group 6: Invalid argument (choose another "
		   "with --uid and --gid, or use --jail=auto)");
	/* Any other will do, if none was named. */
	CHECK(jail_enter(&jail, &automatic, &problem) && jail.missing[JAIL_UID] == EINVAL);
	return CHILD_PASSED;
}

static int user_that_strict_needs(void)
{
	CHECK(forbid(SYS_setresuid, ANY_ARGUMENT, EINVAL));
	CHECK(!jail_enter(&jail, &strict, &problem));
	CHECK_SAYS(in_words(&problem), "--jail=strict: nobody cannot be had: Invalid argument (choose "
				 "another with --uid and --gid, or use --jail=auto)");
	return CHILD_PASSED;
}

static void a_user_who_was_named(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip_without("only root becomes another user");
	need_up_to(JAIL_LANDLOCK);
	run(user_that_cannot_be);
	run(user_that_strict_needs);
}

/* --- layers that a host lacks --- */

static const struct lack {
	enum jail_layer layer; /* which is missing then */
	int nr;
	uint32_t first;
	int error;
	const char *says;
} lacks[] = {
	{JAIL_LANDLOCK, SYS_landlock_create_ruleset, ANY_ARGUMENT, ENOSYS,
	 "landlock cannot be had: Function not implemented (enable it with lsm=landlock,… here, "
	 "or use --jail=auto)"},
	{JAIL_USER, SYS_unshare, CLONE_NEWUSER, ENOSPC,
	 "user-ns cannot be had: No space left on device (allow user namespaces here, or use "
	 "--jail=auto)"},
	{JAIL_ROOT, SYS_chroot, ANY_ARGUMENT, EPERM,
	 "empty-root cannot be had: Operation not permitted (allow user namespaces, mount all "
	 "of /proc here, or use --jail=auto)"},
	{JAIL_IPC, SYS_unshare, CLONE_NEWIPC, EPERM,
	 "ipc-ns cannot be had: Operation not permitted (allow it here, or use --jail=auto)"},
	{JAIL_NET, SYS_unshare, CLONE_NEWNET, EPERM,
	 "net-ns cannot be had: Operation not permitted (allow it here, or use --jail=auto)"},
	{JAIL_UTS, SYS_unshare, CLONE_NEWUTS, EPERM,
	 "uts-ns cannot be had: Operation not permitted (allow it here, or use --jail=auto)"},
	{JAIL_CAPABILITIES, SYS_capset, ANY_ARGUMENT, EPERM,
	 "no-capabilities cannot be had: Operation not permitted (allow capset(2) here, or use "
	 "--jail=auto)"},
};

static const struct lack *lack;

static int strict_child(void)
{
	char line[512];

	CHECK(forbid(lack->nr, lack->first, (unsigned)lack->error));
	CHECK(!jail_enter(&jail, &strict, &problem));
	snprintf(line, sizeof(line), "--jail=strict: %s", lack->says);
	CHECK_SAYS(in_words(&problem), line);
	return CHILD_PASSED;
}

/* Missing, and why; all that does not need it is there as it would be. Without a user namespace,
 * the others take what root has. */
static int automatic_child(void)
{
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	CHECK(get_capabilities(data));
	bool alike = lack->layer != JAIL_USER || data[0].effective >> CAP_SYS_ADMIN & 1;
	CHECK(forbid(lack->nr, lack->first, (unsigned)lack->error));
	CHECK(jail_enter(&jail, &automatic, &problem));
	CHECK(jail.missing[lack->layer] == lack->error);
	for (unsigned i = 0; i < JAIL_LAYERS; i++)
		if (alike && i != (unsigned)lack->layer)
			CHECK(jail.missing[i] == said->missing[i]);
	CHECK((jail.landlock != 0) == (jail.missing[JAIL_LANDLOCK] == 0));
	CHECK(jail_enter_thread(&jail));
	return CHILD_PASSED;
}

static void strict_takes_all_or_nothing(void **state)
{
	(void)state;
	need_up_to(JAIL_LANDLOCK);
	for (lack = lacks; lack < lacks + COUNT(lacks); lack++)
		run(strict_child);
}

static void auto_takes_what_there_is(void **state)
{
	(void)state;
	need_up_to(JAIL_LANDLOCK);
	for (lack = lacks; lack < lacks + COUNT(lacks); lack++)
		run(automatic_child);
}

static int strict_has_all_child(void)
{
	CHECK(jail_enter(&jail, &strict, &problem) && jail_enter_thread(&jail));
	CHECK(jail_limit(&jail, 3, &problem));
	for (unsigned i = 0; i < JAIL_LAYERS; i++)
		CHECK(jail_has(&jail, i) || (i == JAIL_UID && jail.missing[i] == -1));
	return CHILD_PASSED;
}

static void strict_has_all(void **state)
{
	(void)state;
	need_up_to(JAIL_LANDLOCK);
	run(strict_has_all_child);
}

/* Somebody has mounted something else where the kernel's empty directory is. */
static int another_root_child(void)
{
	CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("none", "/proc/tty", "tmpfs", 0, NULL) == 0);
	CHECK(mkdir("/proc/tty/ldisc", 0755) == 0 && mkdir("/proc/tty/ldisc/full", 0755) == 0);
	CHECK(jail_enter(&jail, &automatic, &problem));
	CHECK(jail.missing[JAIL_ROOT] == ENOTDIR);
	return CHILD_PASSED;
}

static void another_root(void **state)
{
	(void)state;
	need_up_to(JAIL_LANDLOCK);
	if (geteuid() != 0)
		skip_without("only root mounts");
	run(another_root_child);
}

static int without_prctl(void)
{
	CHECK(forbid(SYS_prctl, PR_SET_NO_NEW_PRIVS, EPERM));
	CHECK(!jail_enter(&jail, &automatic, &problem));
	CHECK_SAYS(in_words(&problem),
		   "cannot set no_new_privs: Operation not permitted (allow prctl(2))");
	return CHILD_PASSED;
}

static void privileges_must_go(void **state)
{
	(void)state;
	run(without_prctl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(one_line),
		cmocka_unit_test(a_long_line),
		cmocka_unit_test(off_is_nothing),
		cmocka_unit_test(what_is_there_works),
		cmocka_unit_test(a_thread_that_cannot_enter),
		cmocka_unit_test(root_becomes_somebody_else),
		cmocka_unit_test(only_root_becomes_another),
		cmocka_unit_test(a_user_without_namespaces),
		cmocka_unit_test(a_user_who_was_named),
		cmocka_unit_test(strict_takes_all_or_nothing),
		cmocka_unit_test(auto_takes_what_there_is),
		cmocka_unit_test(another_root),
		cmocka_unit_test(strict_has_all),
		cmocka_unit_test(privileges_must_go),
	};

	return cmocka_run_group_tests(tests, share, NULL);
}
