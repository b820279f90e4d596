/* The child that takes files out: when it begins, how its work is told, when it goes. That it is
 * shut in is tested in sealed/. */
#define _GNU_SOURCE
#include "outbox/outbox.c"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "archive.h"
#include "rules.h"
#include "tmpdir.h"

enum { ARCHIVE = 60 };

static struct options options;
static struct problem problem;
static uint8_t content[65536];
static struct archive buffer = {content, sizeof(content)};
static struct cpio cpio;

static bool can_be_sealed;

/* A stand-in for unpack_seal.c, which needs the real filter. */
bool unpack_seal(struct unpack_target *targets, unsigned count, int *archive, int *go,
		 uint64_t limit, struct problem *why)
{
	if (!can_be_sealed)
		return problem_set(why, "there is no seal (make one)");
	return targets && count == options.job.outs && *archive == ARCHIVE && *go > 2 &&
	       limit == options.job.out_limit;
}

static int awaited; /* what comes first: 0 for the descriptor, -1 for a limit, a signal */
static const struct ioloop *asked_for;

int ioloop_await(const struct ioloop *loop, int fd, short events)
{
	struct pollfd poll_fd = {fd, events, 0};

	asked_for = loop;
	if (awaited)
		return awaited;
	return fd == FD_OUTBOX && events == POLLIN && poll(&poll_fd, 1, 10000) == 1 ? 0 : -1;
}

static int set_up(void **state)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	options = (struct options){.job.out_limit = MIB};
	memset(content, 0, sizeof(content));
	cpio = (struct cpio){.write = archive_take, .context = &buffer};
	can_be_sealed = true;
	awaited = 0;
	if (fd < 0 || dup2(fd, ARCHIVE) < 0 || ftruncate(ARCHIVE, MIB) < 0)
		return -1;
	close(fd);
	return make_directory(state);
}

static int tear_down(void **state)
{
	close(FD_OUTBOX);
	close(ARCHIVE);
	while (wait(NULL) > 0)
		;
	return remove_directory(state);
}

static void want(const char *guest, const char *name)
{
	static char paths[OUTS_MAX][256];
	unsigned which = options.job.outs++;

	strcpy(paths[which], in_directory(name));
	options.job.out[which] = (struct out_option){guest, paths[which]};
}

static void guest_sends(const char *name, const char *text)
{
	cpio_add(&cpio, name, S_IFREG | 0644, (struct bytes){(const uint8_t *)text, strlen(text)});
}

/* What the guest has written when it has ended. */
static void finish(void)
{
	assert_true(cpio_finish(&cpio));
	assert_int_equal(pwrite(ARCHIVE, content, cpio.size, 0), cpio.size);
}

static void open_it(void)
{
	if (!outbox_open(&options, ARCHIVE, &problem))
		fail_msg("%s", in_words(&problem));
}

static void assert_file(const char *name, const char *text)
{
	char found[64] = "";
	int fd = open(in_directory(name), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, found, sizeof(found) - 1) >= 0);
	close(fd);
	assert_string_equal(found, text);
}

static void assert_no_file(const char *name)
{
	assert_int_equal(access(in_directory(name), F_OK), -1);
}

/* The child's exit code. */
static int child_code(void)
{
	int status;

	assert_true(wait(&status) > 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The only one there is. */
static pid_t child_id(void)
{
	char children[64] = "";
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	bool known = fd >= 0 && read(fd, children, sizeof(children) - 1) > 0 && atoi(children) > 1;

	close(fd);
	if (!known)
		skip(); /* a kernel without them */
	return atoi(children);
}

/* What the child said, and whether all came. */
static struct capture said;

static int unpack_it(void)
{
	static const struct ioloop loop;

	int result = outbox_unpack(&loop);
	assert_ptr_equal(asked_for, &loop);
	return result;
}

static void files_come_out(void **state)
{
	(void)state;
	want("/tmp/a", "one");
	want("/b", "two");
	open_it();
	assert_int_equal(fcntl(FD_OUTBOX, F_GETFD), FD_CLOEXEC);
	guest_sends("0", "first");
	guest_sends("1", "second");
	finish();
	assert_no_file("one"); /* nothing before it is asked for */
	assert_int_equal(unpack_it(), OUTBOX_DONE);
	assert_file("one", "first");
	assert_file("two", "second");
	assert_int_equal(child_code(), 0);
	assert_int_equal(wait(NULL), -1); /* there was one */
}

/* It says itself what is wrong: the parent could not, after its lockdown. */
static void what_is_wrong_is_said(void **state)
{
	(void)state;
	want("/a", "one");
	want("/b", "two");
	capture_begin(&said, STDERR_FILENO);
	open_it();
	guest_sends("0", "first");
	finish();
	int result = unpack_it();
	int code = child_code();
	capture_end(&said);
	assert_int_equal(result, OUTBOX_FAILED);
	assert_int_equal(code, 0);
	assert_int_equal(said.writes, 1);
	said.text[strcspn(said.text, "\n")] = '\0';
	assert_mends(said.text, "/b");
	assert_file("one", "first"); /* what was complete stays */
}

static void the_limit_is_the_users(void **state)
{
	static char large[8000];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	options.job.out_limit = 8192;
	want("/a", "one");
	capture_begin(&said, STDERR_FILENO);
	open_it();
	guest_sends("0", large);
	finish();
	int result = unpack_it();
	child_code();
	capture_end(&said);
	assert_int_equal(result, OUTBOX_FAILED);
	assert_says(said.text, "mayfly: ");
	assert_no_file("one");
}

/* The VM ended without a word for it. */
static void it_goes_with_us(void **state)
{
	(void)state;
	want("/a", "one");
	open_it();
	guest_sends("0", "first");
	finish();
	assert_int_equal(close(FD_OUTBOX), 0);
	assert_int_equal(child_code(), 0);
	assert_no_file("one");
}

static void signals_do_not_reach_it(void **state)
{
	sigset_t before, after;

	(void)state;
	want("/a", "one");
	assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &before), 0);
	open_it();
	assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &after), 0);
	for (int i = 1; i <= 64; i++)
		assert_int_equal(sigismember(&before, i), sigismember(&after, i));
	guest_sends("0", "first");
	finish();
	/* As a terminal sends them to the whole process group. */
	assert_int_equal(kill(child_id(), SIGINT), 0);
	assert_int_equal(kill(child_id(), SIGTERM), 0);
	assert_int_equal(unpack_it(), OUTBOX_DONE);
	assert_file("one", "first");
}

/* All would have come. */
static void what_comes_first(void **state)
{
	static const int first[] = {OUTBOX_LIMIT, SIGTERM};

	(void)state;
	guest_sends("0", "first");
	finish();
	for (unsigned i = 0; i < COUNT(first); i++) {
		options.job.outs = 0;
		want("/a", "one");
		open_it();
		awaited = first[i];
		assert_int_equal(unpack_it(), first[i]);
		child_code();
		close(FD_OUTBOX);
	}
}

/* A limit, or a signal, came while it works: mayfly ends, and nothing is written after that. */
static void it_stops_with_us(void **state)
{
	enum { LARGE = 200 << 20 };
	struct stat left;

	(void)state;
	options.job.out_limit = 2 * LARGE;
	want("/a", "one");
	assert_int_equal(ftruncate(ARCHIVE, LARGE + 4096), 0);
	open_it();
	cpio_begin(&cpio,
		   &(struct cpio_member){.name = "0", .mode = S_IFREG | 0644, .size = LARGE});
	assert_int_equal(pwrite(ARCHIVE, content, cpio.size, 0), cpio.size);
	cpio.size = 0;
	assert_true(cpio_finish(&cpio));
	assert_int_equal(pwrite(ARCHIVE, content, cpio.size, 112 + LARGE), cpio.size);
	awaited = OUTBOX_LIMIT;
	assert_int_equal(unpack_it(), OUTBOX_LIMIT);
	assert_int_equal(close(FD_OUTBOX), 0);
	while (wait(NULL) > 0)
		;
	assert_no_file("one");
	assert_int_equal(fstatat(AT_FDCWD, in_directory(".mayfly-0"), &left, 0), -1);
}

static void a_child_that_dies(void **state)
{
	int status;

	(void)state;
	want("/a", "one");
	open_it();
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(kill(child_id(), SIGKILL), 0);
	assert_true(wait(&status) > 0);
	assert_int_equal(outbox_unpack(NULL), OUTBOX_DIED);
	signal(SIGPIPE, SIG_DFL);
}

static void what_cannot_be_opened(void **state)
{
	(void)state;
	want("/a", "none/one");
	assert_false(outbox_open(&options, ARCHIVE, &problem));
	assert_mends(in_words(&problem), in_directory("none/one"));
	assert_int_equal(wait(NULL), -1); /* no child */
	assert_int_equal(errno, ECHILD);
	assert_int_equal(fcntl(FD_OUTBOX, F_GETFD), -1);
}

/* The child says why, we say what to do. */
static void what_cannot_be_sealed(void **state)
{
	(void)state;
	can_be_sealed = false;
	want("/a", "one");
	capture_begin(&said, STDERR_FILENO);
	bool opened = outbox_open(&options, ARCHIVE, &problem);
	int code = child_code();
	capture_end(&said);
	assert_false(opened);
	assert_mends(in_words(&problem), "leave out -o");
	assert_string_equal(said.text, "mayfly: there is no seal (make one)\n");
	assert_int_equal(code, 1);
}

static void what_is_needed(void **state)
{
	static const struct rule rules[] = {{SYS_write, FD_OUTBOX, ANY},
					    {SYS_read, FD_OUTBOX, ANY}};

	(void)state;
	outbox_allow(list_anew());
	assert_rules(&listed, rules, COUNT(rules));
}

#define OUTBOX_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUTBOX_TEST(files_come_out),
		OUTBOX_TEST(what_is_wrong_is_said),
		OUTBOX_TEST(the_limit_is_the_users),
		OUTBOX_TEST(it_goes_with_us),
		OUTBOX_TEST(signals_do_not_reach_it),
		OUTBOX_TEST(what_comes_first),
		OUTBOX_TEST(it_stops_with_us),
		OUTBOX_TEST(a_child_that_dies),
		OUTBOX_TEST(what_cannot_be_opened),
		OUTBOX_TEST(what_cannot_be_sealed),
		OUTBOX_TEST(what_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
