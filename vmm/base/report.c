#include "base/report.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/format.h"

bool problem_set(struct problem *problem, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_text(problem->text, sizeof(problem->text), format, args);
	va_end(args);
	return false;
}

/* U+0080 to U+009F, in UTF-8; terminals take U+009B for the beginning of an escape sequence. */
static bool is_c1_control(const unsigned char *text)
{
	return text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f;
}

void report_tame(char *line)
{
	for (unsigned char *text = (unsigned char *)line; *text; text++) {
		if (is_c1_control(text))
			text[0] = text[1] = '?';
		if (*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

void report(const char *format, ...)
{
	static const char name[] = "mayfly: ";
	char line[sizeof(name) + sizeof(struct problem) + 1];
	size_t prefix = sizeof(name) - 1;
	va_list args;

	memcpy(line, name, prefix);
	va_start(args, format);
	format_text(line + prefix, sizeof(line) - prefix - 1, format, args);
	va_end(args);
	report_tame(line + prefix);

	size_t length = strlen(line);
	line[length++] = '\n';
	/* Nobody is left to be told when standard error itself fails. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

bool print(const char *text)
{
	size_t length = strlen(text);

	return write(STDOUT_FILENO, text, length) == (ssize_t)length;
}
