/* Files that users write: one setting a line. */
#ifndef MAYFLY_OPTIONFILE_H
#define MAYFLY_OPTIONFILE_H

#include <stdbool.h>

#include "base/report.h"

/* Calls TAKE with each line of PATH that is not empty and does not begin with '#'; blanks around
 * it are cut off. The lines are kept for the process's life. False at the first that is refused:
 * PROBLEM names file and line. */
bool optionfile_read(const char *path,
		     bool (*take)(void *context, char *line, struct problem *problem),
		     void *context, struct problem *problem);

#endif
