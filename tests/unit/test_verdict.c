/* How a VM ended: the first word counts, the exit code never lies, and the user is told why. */
#define _GNU_SOURCE
#include "verdict.h"

#include <errno.h>
#include <signal.h>

#include "devices/channel.h"
#include "base/exitcode.h"
#include "base/fdplan.h"
#include "unit.h"

static struct capture capture;

static struct ending *new_ending(void)
{
	static struct ending ending;

	memset(&ending, 0, sizeof(ending));
	return &ending;
}

/* The code for CAUSE; what was said is in CAPTURE. */
static int code_of(enum end_cause cause, int number, const char *words, bool workload)
{
	struct ending *ending = new_ending();
	struct problem text;

	problem_set(&text, "%s", words ? words : "");
	ending_set(ending, cause, number, words ? &text : NULL);
	capture_begin(&capture, STDERR_FILENO);
	struct problem line;
	int code = verdict_of_end(ending, workload, &line);
	if (line.what[0])
		problem_report(&line);
	capture_end(&capture);
	return code;
}

static int workload_code(unsigned kind, unsigned value)
{
	capture_begin(&capture, STDERR_FILENO);
	struct problem line;
	int code = verdict_of_workload(kind, value, "/bin/prog", &line);
	if (line.what[0])
		problem_report(&line);
	capture_end(&capture);
	return code;
}

/* What was said, without the newline. */
static const char *said(void)
{
	capture.text[strcspn(capture.text, "\n")] = '\0';
	return capture.text;
}

static void assert_silent(void)
{
	assert_string_equal(capture.text, "");
}

static void the_first_word_counts(void **state)
{
	struct ending *ending = new_ending();
	struct problem first, second;

	(void)state;
	problem_set(&first, "first");
	problem_set(&second, "second");
	assert_int_equal(ending_cause(ending), END_NONE);
	ending_set(ending, END_CRASH, 0, &first);
	ending_set(ending, END_POWER_OFF, 7, &second);
	assert_int_equal(ending_cause(ending), END_CRASH);
	assert_int_equal(ending->number, 0);
	assert_string_equal(ending->problem.what, "first");
}

static void an_ending_wakes_the_main_loop(void **state)
{
	struct ending *ending = new_ending();
	struct problem problem;

	(void)state;
	assert_true(fd_event(FD_ENDING, &problem));
	ending_set(ending, END_RESET, 0, NULL);
	assert_int_equal(take_event(FD_ENDING), 1);
	ending_set(ending, END_RESET, 0, NULL);
	assert_int_equal(take_event(FD_ENDING), 0);
	close(FD_ENDING);
}

static void a_plain_boot_ends_well(void **state)
{
	(void)state;
	assert_int_equal(code_of(END_POWER_OFF, 0, NULL, false), 0);
	assert_silent();
	assert_int_equal(code_of(END_RESET, 0, NULL, false), 0);
	assert_silent();
	assert_int_equal(code_of(END_ESCAPE, 0, NULL, false), 0);
	assert_silent();
}

/* README, "Exit codes": 122, "the guest crashed or ended without saying how its workload ended". */
static void a_workload_without_a_result_is_a_failure(void **state)
{
	(void)state;
	assert_int_equal(code_of(END_POWER_OFF, 0, NULL, true), 122);
	assert_mends(said(), "powered off");
	assert_int_equal(code_of(END_RESET, 0, NULL, true), 122);
	assert_mends(said(), "reset");
}

static void a_panic_is_a_failure(void **state)
{
	(void)state;
	for (int workload = 0; workload < 2; workload++) {
		assert_int_equal(code_of(END_PANIC, 0, NULL, workload), 122);
		assert_int_equal(capture.writes, 1);
		assert_mends(said(), "panicked");
	}
}

static void a_crash_says_its_text(void **state)
{
	(void)state;
	for (int workload = 0; workload < 2; workload++) {
		assert_int_equal(code_of(END_CRASH, 0, "triple fault at pc 0x123", workload), 122);
		assert_string_equal(capture.text, "mayfly: triple fault at pc 0x123\n");
	}
}

static void a_host_failure_says_its_text(void **state)
{
	(void)state;
	for (int workload = 0; workload < 2; workload++) {
		assert_int_equal(
			code_of(END_HOST_FAILURE, 0, "cannot write %s (make room)", workload), 125);
		assert_string_equal(capture.text, "mayfly: cannot write %s (make room)\n");
	}
}

static void a_signal_is_told_as_shells_do(void **state)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

	(void)state;
	for (unsigned i = 0; i < COUNT(signals); i++)
		for (int workload = 0; workload < 2; workload++) {
			assert_int_equal(code_of(END_SIGNAL, signals[i], NULL, workload),
					 128 + signals[i]);
			assert_silent();
		}
}

/* "WORKLOAD: … an end without its result is a failure", whatever ended it. */
static void no_end_of_a_workload_is_success(void **state)
{
	(void)state;
	for (int cause = END_NONE; cause <= END_HOST_FAILURE; cause++) {
		int code = code_of((enum end_cause)cause, SIGTERM, "text", true);

		assert_each(code > 0 && code < 256, "success is told for cause", cause);
	}
}

static void a_result_is_passed_on(void **state)
{
	(void)state;
	for (unsigned status = 0; status < 256; status++) {
		assert_int_equal(workload_code(CHANNEL_EXITED, status), status);
		assert_silent();
	}
	for (unsigned number = 1; number <= 64; number++) {
		assert_int_equal(workload_code(CHANNEL_KILLED, number), 128 + number);
		assert_silent();
	}
}

static void a_workload_that_did_not_start(void **state)
{
	(void)state;
	assert_int_equal(workload_code(CHANNEL_NOT_STARTED, ENOENT), 127);
	assert_int_equal(capture.writes, 1);
	assert_mends(said(), "'/bin/prog'");
	assert_int_equal(workload_code(CHANNEL_NOT_STARTED, EACCES), 126);
	assert_says(capture.text, "Permission denied");
	assert_mends(said(), "'/bin/prog'");
	assert_int_equal(workload_code(CHANNEL_NOT_STARTED, ENOEXEC), 126);
	assert_int_equal(workload_code(CHANNEL_SETUP_FAILED, ENOMEM), 122);
	assert_mends(said(), "init");
}

/* A guest that could not be given its address: the guest's failure, and the kernel is suspected. */
static void a_network_that_was_not_set_up(void **state)
{
	static const int errors[] = {ENODEV, EAFNOSUPPORT, ENETUNREACH, 0, 255};

	(void)state;
	for (unsigned i = 0; i < COUNT(errors); i++) {
		assert_int_equal(workload_code(CHANNEL_NET_FAILED, (unsigned)errors[i]), 122);
		assert_int_equal(capture.writes, 1);
		assert_says(capture.text, strerror(errors[i]));
		assert_says(capture.text, "virtio_net");
		assert_mends(said(), "eth0");
	}
	/* It is not said of other failures. */
	workload_code(CHANNEL_SETUP_FAILED, ENODEV);
	assert_null(strstr(capture.text, "eth0"));
}

/* timeout(1)'s code, and which option it was. */
static void limits_on_time(void **state)
{
	static const struct {
		enum end_cause cause;
		const char *says;
	} limits[] = {
		{END_TIMEOUT, "--timeout is over"},
		{END_CPU_TIME, "has used up its --cpu-time"},
		{END_IDLE, "as long as --idle-timeout says"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(limits); i++)
		for (int workload = 0; workload < 2; workload++) {
			assert_int_equal(code_of(limits[i].cause, 0, NULL, workload), 124);
			assert_int_equal(capture.writes, 1);
			assert_mends(said(), "timed out: ");
			assert_says(capture.text, limits[i].says);
			assert_says(capture.text, "(raise it if this is not enough)");
		}
}

/* What init could not do before the workload: whose fault it may be, and the reason. */
static void what_was_not_set_up(void **state)
{
	static const struct {
		enum channel_exit kind;
		int value, code;
		const char *object, *fix;
	} cases[] = {
		{CHANNEL_WORKDIR_FAILED, ENOENT, 126, "enter the working directory", "with -w"},
		{CHANNEL_WORKDIR_FAILED, EACCES, 126, "enter the working directory", "with -w"},
		{CHANNEL_ROOT_FAILED, ENODEV, 122, "mount its root disk",
		 "ext4, squashfs or erofs"},
		{CHANNEL_ROOT_FAILED, EINVAL, 122, "mount its root disk", "without partitions"},
		{CHANNEL_FILES_FAILED, ENOSPC, 122, "files in their places", "more memory with -m"},
		{CHANNEL_FILES_FAILED, EROFS, 122, "files in their places", "(-v shows its log)"},
		{CHANNEL_SETUP_FAILED, EIO, 122, "set up the workload", "(-v shows its log)"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_int_equal(workload_code(cases[i].kind, (unsigned)cases[i].value),
				 cases[i].code);
		assert_int_equal(capture.writes, 1);
		assert_mends(said(), cases[i].object);
		assert_says(capture.text, cases[i].fix);
		assert_says(capture.text, strerror(cases[i].value));
	}
}

/* execve's reasons, each with its own fix. */
static void why_it_did_not_start(void **state)
{
	static const struct {
		int error;
		const char *fix;
	} cases[] = {
		{E2BIG, "(make its arguments shorter)"},
		{ENOMEM, "(give the guest more memory with -m)"},
		{EACCES, "(it must be an executable file for the guest's architecture)"},
		{ENOEXEC, "(it must be an executable file for the guest's architecture)"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_int_equal(workload_code(CHANNEL_NOT_STARTED, (unsigned)cases[i].error), 126);
		assert_mends(said(), "'/bin/prog'");
		assert_says(capture.text, cases[i].fix);
		assert_says(capture.text, strerror(cases[i].error));
	}
}

/* Every result that the channel lets through is an exit code, and 0 is said by EXITED 0 alone: a
 * shell sees a code modulo 256, so "killed by signal 128" would look like success. */
static void no_result_of_the_guest_lies(void **state)
{
	struct channel channel;
	struct problem problem;

	(void)state;
	for (unsigned kind = 0; kind < 256; kind++)
		for (unsigned value = 0; value < 256; value++) {
			const uint8_t frame[] = {CHANNEL_EXIT, 2, 0, (uint8_t)kind, (uint8_t)value};

			memset(&channel, 0, sizeof(channel));
			if (!channel_receive(&channel, frame, sizeof(frame), &problem))
				continue;
			int code = workload_code(channel.state.exit_kind, channel.state.exit_value);
			assert_each(code >= 0 && code < 256, "no exit code", kind << 8 | value);
			assert_each(code || (kind == CHANNEL_EXITED && value == 0),
				    "success is told for", kind << 8 | value);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_word_counts),
		cmocka_unit_test(an_ending_wakes_the_main_loop),
		cmocka_unit_test(a_plain_boot_ends_well),
		cmocka_unit_test(a_workload_without_a_result_is_a_failure),
		cmocka_unit_test(a_panic_is_a_failure),
		cmocka_unit_test(a_crash_says_its_text),
		cmocka_unit_test(a_host_failure_says_its_text),
		cmocka_unit_test(a_signal_is_told_as_shells_do),
		cmocka_unit_test(no_end_of_a_workload_is_success),
		cmocka_unit_test(a_result_is_passed_on),
		cmocka_unit_test(a_workload_that_did_not_start),
		cmocka_unit_test(a_network_that_was_not_set_up),
		cmocka_unit_test(limits_on_time),
		cmocka_unit_test(what_was_not_set_up),
		cmocka_unit_test(why_it_did_not_start),
		cmocka_unit_test(no_result_of_the_guest_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
