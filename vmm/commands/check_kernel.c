#include "commands/check_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "arch_layout.h"
#include "base/exitcode.h"
#include "base/file.h"
#include "base/keep.h"
#include "base/text.h"
#include "cli/cli.h"
#include "kernel/kernel_config.h"
#include "kernel/kernel_facts.h"

#define CONFIG_SIZE_MAX ((size_t)4 << 20) /* ten times a distribution kernel's */

enum { CODE_UNFIT = 1 };

struct question {
	const char *config;
	bool help;
};

static const struct cli_option table[] = {
	{0, "config", "FILE", cli_set_text, offsetof(struct question, config),
	 "the kernel's .config, to check for missing options"},
	{'h', "help", NULL, NULL, offsetof(struct question, help), "show this help"},
};

static const struct cli cli = {
	.command = "check-kernel",
	.before =
		"Usage: mayfly check-kernel KERNEL [--config FILE]\n"
		"Describes KERNEL: its kind, whether mayfly boots KERNEL, and what its configuration lacks.\n\n",
	.after =
		"\nExit codes: 0 mayfly boots KERNEL, and no option that guests or commands need is missing;\n"
		"1 not so; 125 mayfly failed.\n",
	.options = table,
	.count = sizeof(table) / sizeof(table[0]),
	.operands = 1,
};

/* --- output --- */

/* False after a failed write, whose error is kept. */
static bool whole;
static int write_error;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	char line[sizeof(struct problem) + 40];
	va_list args;

	va_start(args, format);
	text_format(line, sizeof(line) - 1, format, format + strlen(format), &args);
	va_end(args);
	strcat(line, "\n");
	errno = ENOSPC; /* for a line that was written in part */
	if (whole && !print(line)) {
		whole = false;
		write_error = errno;
	}
}

/* Returns CODE if everything was written. */
static int said(int code)
{
	if (whole)
		return code;
	report("cannot write standard output: %s (send it elsewhere)", strerror(write_error));
	return CODE_MAYFLY_FAILED;
}

static int fail(const struct problem *problem)
{
	problem_report(problem);
	return CODE_MAYFLY_FAILED;
}

/* --- the file --- */

static void say_elf(const struct kernel_facts *facts)
{
	say("format: ELF");
	if (!facts->has_machine)
		say("architecture: another (ELF machine %u)", facts->elf_machine);
	if (facts->has_machine && facts->machine == IMAGE_FOR_X86_64)
		say(facts->pvh ? "PVH note: yes" : "PVH note: no (CONFIG_PVH=y makes it)");
}

static void say_bzimage(const struct kernel_facts *facts)
{
	say("format: bzImage, boot protocol %u.%02u", facts->protocol >> 8, facts->protocol & 0xff);
	say("64-bit entry: %s", facts->entry_64 ? "yes" : "no (CONFIG_64BIT=y makes it)");
	say("relocatable: %s", facts->relocatable ? "yes" : "no");
}

static void say_facts(const struct kernel_facts *facts)
{
	if (facts->format == KERNEL_STRANGE)
		say("format: none that mayfly knows");
	if (facts->format == KERNEL_ELF)
		say_elf(facts);
	if (facts->format == KERNEL_BZIMAGE)
		say_bzimage(facts);
	if (facts->format == KERNEL_IMAGE)
		say("format: Image");
	if (facts->architecture)
		say("architecture: %s", facts->architecture);
	if (facts->version[0])
		say("version: %s", facts->version);
}

/* Says whether MACHINE's mayfly boots FILE. True if it does. */
static bool say_whether(struct bytes file, enum image_machine machine)
{
	const char *name = kernel_machine_name(machine);
	struct image image;
	struct problem problem;
	unsigned mib;

	if (!kernel_fits(file, machine, &image, &mib, &problem)) {
		say("boots on %s: no, it %s%s%s%s", name, problem.what, problem.fix[0] ? " (" : "",
		    problem.fix, problem.fix[0] ? ")" : "");
		return false;
	}
	say("entry: 0x%llx", (unsigned long long)image.entry);
	if (image.page_size)
		say("page size: %u KiB", image.page_size >> 10);
	say("memory: %u MiB at least (-m), and the initrd's", mib);
	say("boots on %s: yes", name);
	return true;
}

/* --- the configuration --- */

/* Reads the file instead of mapping it: files in /proc cannot be mapped, and PATH may be a pipe. */
static bool read_config(const char *path, struct bytes *text, struct problem *problem)
{
	uint8_t *room = keep(CONFIG_SIZE_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t count = fd < 0 ? -1 : 1;

	while (count > 0) {
		count = read(fd, room + size, CONFIG_SIZE_MAX - size);
		size += count > 0 ? (size_t)count : 0;
	}
	if (count < 0)
		return problem_set(problem, "cannot read %s: %s (give the kernel's .config)", path,
				   strerror(errno));
	close(fd);
	*text = (struct bytes){room, size};
	if (text->size >= 2 && !memcmp(text->data, "\x1f\x8b", 2))
		return problem_set(problem,
				   "%s is compressed with gzip (unpack it first: zcat %s >config)",
				   path, path);
	return (size < CONFIG_SIZE_MAX && config_is(*text)) ||
	       problem_set(problem, "%s is no configuration (give the kernel's .config)", path);
}

/* Says what is missing. True if nothing is missing that every guest or a command needs. */
static bool say_gaps(struct bytes text, enum image_machine machine)
{
	bool complete = true, any = false;
	struct text line;
	struct gap gap;

	for (size_t at = 0; config_next_gap(text, machine, &at, &gap);) {
		config_describe(&gap, &line);
		say("%s %s", gap.weight == NEED_ADVICE ? "note: no" : "missing:", line.text);
		complete = complete && gap.weight != NEED_ALWAYS;
		any = any || gap.weight != NEED_ADVICE;
	}
	if (!any)
		say("missing: nothing");
	return complete;
}

static void say_where_config_is(const struct kernel_facts *facts)
{
	say("configuration: %s",
	    facts->has_config
		    ? "inside, compressed (scripts/extract-ikconfig KERNEL >config, from the "
		      "kernel's source)"
		    : "not known (give it with --config; a distribution's is /boot/config-VERSION)");
}

/* --- the command --- */

static int answer(struct bytes file, const char *path)
{
	struct kernel_facts facts;
	struct bytes text = {0};
	struct problem problem;

	if (path && !read_config(path, &text, &problem))
		return fail(&problem);
	kernel_facts_read(file, &facts);
	say_facts(&facts);
	/* A kernel for the other architecture is described as the other mayfly would do it. */
	bool foreign = facts.has_machine && facts.machine != ARCH_KERNELS;
	if (foreign)
		say_whether(file, facts.machine);
	bool fit = say_whether(file, ARCH_KERNELS);
	if (!path)
		say_where_config_is(&facts);
	else if (!say_gaps(text, foreign ? facts.machine : ARCH_KERNELS))
		fit = false;
	return said(fit ? CODE_OK : CODE_UNFIT);
}

int check_kernel(char **arguments)
{
	struct question question = {0};
	struct cli_words words = {0};
	struct problem problem;
	struct bytes file;

	whole = true;
	if (!cli_parse(&cli, arguments, &question, &words, &problem))
		return fail(&problem);
	if (question.help) {
		whole = cli_help(&cli);
		write_error = errno;
		return said(CODE_OK);
	}
	if (words.command) {
		problem_set(&problem, "check-kernel runs no command (leave out '--')");
		return fail(&problem);
	}
	if (words.operands.count == 0) {
		problem_set(&problem, "no kernel is given (write mayfly check-kernel KERNEL)");
		return fail(&problem);
	}
	if (!file_map(words.operands.word[0], &file, &problem))
		return fail(&problem);
	return answer(file, question.config);
}
