#include "commands/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/exitcode.h"
#include "base/text.h"
#include "cli/cli.h"

static const struct {
	const char *name;
	void (*examine)(struct doctor *doctor);
} checks[] = {
	{"kernel", doctor_check_kernel},     {"/proc", doctor_check_proc},
	{"seccomp", doctor_check_seccomp},   {"/dev/kvm", doctor_check_device},
	{"KVM", doctor_check_kvm},           {"VM", doctor_check_vm},
	{"guests", doctor_check_guests},     {"limits", doctor_check_limits},
	{"memory", doctor_check_memory},     {"huge pages", doctor_check_pages},
	{"/dev/net/tun", doctor_check_tun},  {"taps", doctor_check_taps},
	{"Landlock", doctor_check_landlock}, {"user namespaces", doctor_check_namespaces},
};

struct doctor_options {
	bool json, help;
};

static const struct cli_option table[] = {
	{0, "json", NULL, NULL, offsetof(struct doctor_options, json),
	 "an array of objects: check, status, text, fix"},
	{'h', "help", NULL, NULL, offsetof(struct doctor_options, help), "show this help"},
};

static const struct cli cli = {
	.command = "doctor",
	.before = "Usage: mayfly doctor [--json]\n"
		  "Checks whether this host can run guests. Names each problem, and the fix.\n\n",
	.after = "\nExit codes: 0 Linux guests can run (there may be warnings); 1 they cannot;\n"
		 "125 bad usage, or standard output failed.\n",
	.options = table,
	.count = sizeof(table) / sizeof(table[0]),
	.operands = 1, /* so that cli_options_only() refuses it */
};

bool doctor_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t count = fd < 0 ? -1 : 1;

	/* /proc/cpuinfo comes in pieces. */
	while (count > 0 && done < size - 1) {
		count = read(fd, text + done, size - 1 - done);
		done += count > 0 ? (size_t)count : 0;
	}
	text[done] = '\0';
	if (fd >= 0)
		close(fd);
	return count >= 0;
}

/* --- output --- */

static const char *const names[] = {"ok", "info", "warn", "fail"};

static void put_json(struct doctor *doctor, enum finding finding, const char *text, const char *fix)
{
	struct writer *out = &doctor->out;

	writer_put(out, doctor->begun ? ",\n {\"check\": " : "[\n {\"check\": ");
	json_put_string(out, doctor->check);
	writer_put(out, ", \"status\": ");
	json_put_string(out, names[finding]);
	writer_put(out, ", \"text\": ");
	json_put_string(out, text);
	writer_put(out, ", \"fix\": ");
	if (fix)
		json_put_string(out, fix);
	else
		writer_put(out, "null");
	writer_put(out, "}");
}

static void put_line(struct doctor *doctor, enum finding finding, const char *text, const char *fix)
{
	struct writer *out = &doctor->out;

	writer_put(out, names[finding]);
	writer_put(out, &"        "[strlen(names[finding])]);
	writer_put(out, doctor->check);
	writer_put(out, ": ");
	writer_put(out, text);
	writer_put(out, fix ? " (" : "");
	writer_put(out, fix ? fix : "");
	writer_put(out, fix ? ")\n" : "\n");
}

static void put(struct doctor *doctor, enum finding finding, const char *text, const char *fix)
{
	(doctor->json ? put_json : put_line)(doctor, finding, text, fix);
	doctor->begun = true;
	doctor->failed |= finding == FINDING_FAIL;
	/* Flushed at once: if the next check hangs, the user sees which. */
	writer_flush(&doctor->out);
}

void doctor_find(struct doctor *doctor, enum finding finding, const char *fix, const char *format,
		 ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	text_format(text, sizeof(text), format, format + strlen(format), &args);
	va_end(args);
	put(doctor, finding, text, fix);
}

void doctor_find_problem(struct doctor *doctor, enum finding finding, const struct problem *problem)
{
	put(doctor, finding, problem->what, problem->fix[0] ? problem->fix : NULL);
}

/* --- the command --- */

static bool parse(char **arguments, struct doctor_options *options)
{
	struct cli_words words;
	struct problem problem;
	bool parsed = cli_parse(&cli, arguments, options, &words, &problem) &&
		      cli_options_only(&cli, &words, &problem);

	if (!parsed)
		problem_report(&problem);
	return parsed;
}

static void examine(struct doctor *doctor)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		doctor->check = checks[i].name;
		checks[i].examine(doctor);
	}
	if (doctor->kvm.vm >= 0)
		close(doctor->kvm.vm);
	if (doctor->kvm.system >= 0)
		close(doctor->kvm.system);
}

int doctor_run(char **arguments)
{
	struct doctor_options options = {false, false};
	static struct doctor doctor;
	int code;

	if (!parse(arguments, &options))
		return CODE_MAYFLY_FAILED;
	if (options.help)
		return cli_said(cli_help(&cli));
	doctor.json = options.json;
	doctor.kvm.system = doctor.kvm.vm = -1;
	doctor.out.fd = STDOUT_FILENO;
	examine(&doctor);
	if (options.json)
		writer_put(&doctor.out, doctor.begun ? "\n]\n" : "[]\n");
	code = cli_said(writer_flush(&doctor.out));
	return code == CODE_OK && doctor.failed ? 1 : code;
}
