/* Lists the parts and files of a packed program. */
#include <errno.h>
#include <string.h>

#include "archive/cpio.h"
#include "archive/job.h"
#include "base/text.h"
#include "commands/pack.h"
#include "files/payload.h"
#include "kernel/kernel_facts.h"

static bool say(const char *what, const char *text)
{
	struct text line;

	text_set(&line, "%s: %.300s", what, text);
	report_tame(line.text);
	return print(line.text) && print("\n");
}

static bool say_size(const char *what, struct bytes part)
{
	struct text text;

	text_set(&text, "%llu bytes", (unsigned long long)part.size);
	return say(what, text.text);
}

static bool say_kernel(struct bytes kernel)
{
	static struct kernel_facts facts;

	kernel_facts_read(kernel, &facts);
	return say_size("kernel", kernel) &&
	       (!facts.version[0] || say("kernel version", facts.version));
}

/* The hash has proved that mayfly made the archive. */
static bool say_files(struct bytes archive)
{
	size_t prefix = sizeof(JOB_FILES_PATH) - 2;
	uint64_t at = 0;
	bool said = true;

	while (said && bytes_have(archive, at, CPIO_HEADER_SIZE)) {
		const uint8_t *header = archive.data + at;
		uint32_t name_size = 0, size = 0;

		if (!cpio_get(header, CPIO_FIELD_NAME_SIZE, &name_size) ||
		    !cpio_get(header, CPIO_FIELD_FILE_SIZE, &size))
			break;
		const char *name = (const char *)header + CPIO_HEADER_SIZE;
		if (name_size > prefix + 1 && name[prefix] == '/')
			said = say("file", name + prefix);
		at = align_up(align_up(at + CPIO_HEADER_SIZE + name_size, 4) + size, 4);
	}
	return said;
}

static bool say_words(const struct payload *payload)
{
	char *none[] = {NULL};
	const char *what = "option";
	bool said = true;

	for (char **word = payload_words(payload, none); word && *word && said; word++)
		if (!strcmp(*word, "--") && !strcmp(what, "option"))
			what = "command";
		else
			said = say(what, *word);
	return said;
}

bool pack_list(const char *path, struct problem *problem)
{
	struct payload payload;
	enum payload_state state = payload_open(path, path, &payload, problem);

	if (state == PAYLOAD_DAMAGED)
		return false;
	if (state == PAYLOAD_NONE)
		return problem_set(problem, "%s is no packed program (mayfly pack makes them)",
				   path);
	if (say_kernel(payload.part[PAYLOAD_KERNEL]) &&
	    say_size("initrd", payload.part[PAYLOAD_INITRD]) &&
	    say_files(payload.part[PAYLOAD_FILES]) && say_words(&payload))
		return true;
	return problem_set(problem, "cannot write standard output: %s (send it elsewhere)",
			   strerror(errno));
}
