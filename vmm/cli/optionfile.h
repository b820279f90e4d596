/* Files that users write: one setting per line. */
#ifndef MAYFLY_OPTIONFILE_H
#define MAYFLY_OPTIONFILE_H

#include <stdbool.h>

#include "base/report.h"

/* Calls TAKE with each line of PATH that is not empty and does not begin with '#'. Blanks around a
 * line are cut off. The lines live as long as the process. False at the first line that TAKE
 * refuses; PROBLEM names file and line. */
bool optionfile_read(const char *path,
		     bool (*take)(void *context, char *line, struct problem *problem),
		     void *context, struct problem *problem);

#endif
