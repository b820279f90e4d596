/* "mayfly pack": launcher, kernel, files and options in one program. */
#ifndef MAYFLY_PACK_H
#define MAYFLY_PACK_H

#include <stdbool.h>

#include "base/report.h"

/* Lists on standard output what the packed program PATH has. */
bool pack_list(const char *path, struct problem *problem);

/* Takes the words after "mayfly pack", NULL-terminated. Returns the exit code. */
int pack(char **arguments);

#endif
