#include "base/report.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

/* The bracket in FORMAT that opens the fix and is closed at FORMAT's end; NULL if there is none. */
static const char *find_fix(const char *format)
{
	const char *at = format + strlen(format);
	unsigned depth = 0;

	if (at == format || at[-1] != ')')
		return NULL;
	while (at-- > format) {
		depth += *at == ')';
		depth -= *at == '(';
		if (!depth)
			return at > format && at[-1] == ' ' ? at : NULL;
	}
	return NULL;
}

bool problem_set(struct problem *problem, const char *format, ...)
{
	const char *end = format + strlen(format), *fix = find_fix(format);
	va_list args;

	problem_clear(problem);
	va_start(args, format);
	text_format(problem->what, sizeof(problem->what), format, fix ? fix - 1 : end, &args);
	if (fix)
		text_format(problem->fix, sizeof(problem->fix), fix + 1, end - 1, &args);
	va_end(args);
	return false;
}

bool problem_prefix(struct problem *problem, const char *format, ...)
{
	char what[sizeof(problem->what)];
	va_list args;

	memcpy(what, problem->what, sizeof(what));
	va_start(args, format);
	size_t length =
		text_format(problem->what, sizeof(what), format, format + strlen(format), &args);
	va_end(args);
	if (length < sizeof(what))
		memcpy(problem->what + length, what, sizeof(what) - length);
	problem->what[sizeof(what) - 1] = '\0';
	return false;
}

void problem_clear(struct problem *problem)
{
	problem->what[0] = problem->fix[0] = '\0';
}

void problem_report(const struct problem *problem)
{
	if (problem->fix[0])
		report("%s (%s)", problem->what, problem->fix);
	else
		report("%s", problem->what);
}

/* U+0080 to U+009F in UTF-8. To terminals, U+009B begins an escape sequence. */
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
	char line[sizeof(name) + sizeof(struct problem) + 4];
	size_t prefix = sizeof(name) - 1;
	va_list args;

	memcpy(line, name, prefix);
	va_start(args, format);
	text_format(line + prefix, sizeof(line) - prefix - 1, format, format + strlen(format),
		    &args);
	va_end(args);
	report_tame(line + prefix);

	size_t length = strlen(line);
	line[length++] = '\n';
	/* When standard error fails, there is nobody left to tell. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

bool print(const char *text)
{
	size_t length = strlen(text);

	return write(STDOUT_FILENO, text, length) == (ssize_t)length;
}
