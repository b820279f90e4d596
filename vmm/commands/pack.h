/* "mayfly pack": launcher, kernel, files and options in one program. */
#ifndef MAYFLY_PACK_H
#define MAYFLY_PACK_H

#include <stdbool.h>

#include "base/report.h"

/* Lists the content of the packed program PATH on standard output. */
bool pack_list(const char *path, struct problem *problem);

/* Takes the words after "mayfly pack", NULL-terminated. Returns the exit code. */
int pack(char **arguments);

#endif
