/* "mayfly pack": launcher, kernel, files and options in one program. */
#ifndef MAYFLY_PACK_H
#define MAYFLY_PACK_H

#include <stdbool.h>

#include "base/report.h"

/* Says on standard output what is in the packed program PATH. */
bool pack_list(const char *path, struct problem *problem);

/* Takes what follows "mayfly pack", NULL-terminated, and returns the exit code. */
int pack(char **arguments);

#endif
