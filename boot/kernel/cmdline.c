#include "kernel/cmdline.h"

#include <string.h>

static void append(struct cmdline *cmdline, const char *text, size_t length)
{
	if (cmdline->length + length < CMDLINE_CAPACITY) {
		memcpy(cmdline->text + cmdline->length, text, length);
		cmdline->text[cmdline->length + length] = '\0';
	}
	cmdline->length += length;
}

void cmdline_add(struct cmdline *cmdline, const char *words)
{
	if (!words || !*words)
		return;
	if (cmdline->length)
		append(cmdline, " ", 1);
	append(cmdline, words, strlen(words));
}

bool cmdline_fits(const struct cmdline *cmdline, size_t limit)
{
	return cmdline->length < CMDLINE_CAPACITY && cmdline->length <= limit;
}
