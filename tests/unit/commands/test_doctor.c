/* How findings are said, and those that a test can bring about: KVM and the architecture are
 * played. */
#define _GNU_SOURCE
#include "commands/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "cli/cli.h"
#include "child.h"

/* Not in the set of code that every test links. */
#include "commands/doctor.c"
#include "commands/doctor_host.c"

static struct problem kvm_says;
static enum finding kvm_finds;

void doctor_check_device(struct doctor *doctor)
{
	(void)doctor;
}

void doctor_check_kvm(struct doctor *doctor)
{
	doctor_find_problem(doctor, kvm_finds, &kvm_says);
}

void doctor_check_vm(struct doctor *doctor)
{
	(void)doctor;
}

void doctor_check_guests(struct doctor *doctor)
{
	doctor_find(doctor, FINDING_INFO, "none \"here\"", "odd\tand %d", 5);
}

static struct capture capture;

/* What the command says with WORD behind it, or none; returns its exit code. */
static int doctor_says(const char *word)
{
	char *arguments[] = {NULL, NULL}, copy[16];
	int code;

	if (word)
		arguments[0] = strcpy(copy, word);
	capture_begin(&capture, STDOUT_FILENO);
	code = doctor_run(arguments);
	capture_end(&capture);
	return code;
}

/* The command's state is the process's. */
#define CHECK(condition)                                                             \
	do {                                                                         \
		if (!(condition)) {                                                  \
			dprintf(STDERR_FILENO, "%d: %s\n%s\n", __LINE__, #condition, \
				capture.text);                                       \
			return CHILD_FAILED;                                         \
		}                                                                    \
	} while (0)
#define SAYS(words) CHECK(strstr(capture.text, words))

static int lines(void)
{
	problem_set(&kvm_says, "it is old (a new one (6.1) is needed)");
	kvm_finds = FINDING_WARN;
	CHECK(doctor_says(NULL) == 0);
	SAYS("warn    KVM: it is old (a new one (6.1) is needed)\n");
	SAYS("info    guests: odd\tand 5 (none \"here\")\n");
	CHECK(!strncmp(capture.text, "ok      kernel: Linux ", 22));
	CHECK(capture.writes > 10); /* each at once */
	return CHILD_PASSED;
}

static int objects(void)
{
	problem_set(&kvm_says, "no fix");
	kvm_finds = FINDING_FAIL;
	CHECK(doctor_says("--json") == 1);
	CHECK(!strncmp(capture.text, "[\n {\"check\": \"kernel\", \"status\": \"ok\", ", 39));
	SAYS("\"check\": \"KVM\", \"status\": \"fail\", \"text\": \"no fix\", \"fix\": null},\n");
	SAYS("\"text\": \"odd\\u0009and 5\", \"fix\": \"none \\u0022here\\u0022\"}");
	CHECK(!strcmp(capture.text + strlen(capture.text) - 4, "}\n]\n"));
	return CHILD_PASSED;
}

static int a_fix_is_a_member(void)
{
	problem_set(&kvm_says, "it is old (a new one (6.1) is needed)");
	doctor_says("--json");
	SAYS("\"text\": \"it is old\", \"fix\": \"a new one (6.1) is needed\"");
	return CHILD_PASSED;
}

static int few_files(void)
{
	const struct rlimit few = {511, 511};

	problem_set(&kvm_says, "good");
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	CHECK(doctor_says(NULL) == 1);
	SAYS("fail    limits: open files: at most 511 (ulimit -n 512; ");
	return CHILD_PASSED;
}

static int enough_files(void)
{
	const struct rlimit enough = {512, 512};

	problem_set(&kvm_says, "good");
	CHECK(setrlimit(RLIMIT_NOFILE, &enough) == 0);
	CHECK(doctor_says(NULL) == 0);
	SAYS("ok      limits: open files: at most 512\n");
	return CHILD_PASSED;
}

static void findings(void **state)
{
	(void)state;
	in_child(lines);
	in_child(objects);
	in_child(a_fix_is_a_member);
}

static void limits_on_files(void **state)
{
	(void)state;
	in_child(few_files);
	in_child(enough_files);
}

static void files_of_any_size(void **state)
{
	char small[8], text[200000];

	(void)state;
	assert_true(doctor_read("/proc/cpuinfo", small, sizeof(small)));
	assert_int_equal(strlen(small), 7);
	assert_true(doctor_read("/proc/self/maps", text, sizeof(text)));
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_false(doctor_read("/nonexistent", small, sizeof(small)));
	assert_string_equal(small, "");
	assert_false(doctor_read("/", small, sizeof(small)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings),
		cmocka_unit_test(limits_on_files),
		cmocka_unit_test(files_of_any_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
