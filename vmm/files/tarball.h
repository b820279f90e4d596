/* A tar archive, listed for the guest. */
#ifndef MAYFLY_TARBALL_H
#define MAYFLY_TARBALL_H

#include "files/files.h"

/* Adds the members of the tar archive PATH, which stays mapped as long as the list. */
bool files_add_tar(struct files *files, const char *path, struct problem *problem);

#endif
