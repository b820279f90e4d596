#include "cli/optionfile.h"

#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "base/keep.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts blanks off both ends. */
static char *trim(char *line)
{
	char *end = line + strlen(line);

	while (end > line && is_blank(end[-1]))
		*--end = '\0';
	return line + strspn(line, " \t\r");
}

static char *read_text(const char *path, struct problem *problem)
{
	struct bytes file;
	char *text;

	if (!file_map(path, &file, problem))
		return NULL;
	text = file.size ? keep_text((const char *)file.data, file.size) : keep_text("", 0);
	if (strlen(text) != file.size) {
		problem_set(problem, "%s is no text (give a file of lines)", path);
		text = NULL;
	}
	file_unmap(&file);
	return text;
}

bool optionfile_read(const char *path,
		     bool (*take)(void *context, char *line, struct problem *problem),
		     void *context, struct problem *problem)
{
	char *text = read_text(path, problem);

	if (!text)
		return false;
	for (unsigned number = 1; text; number++) {
		char *line = text, *end = strchr(text, '\n');

		text = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		line = trim(line);
		if (*line && *line != '#' && !take(context, line, problem))
			return problem_prefix(problem, "%s, line %u: ", path, number);
	}
	return true;
}
