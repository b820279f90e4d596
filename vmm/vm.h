/* A virtual machine's life, from options to exit code. */
#ifndef MAYFLY_VM_H
#define MAYFLY_VM_H

#include "base/config.h"
#include "base/report.h"

/* Runs one VM; the process is of no other use afterwards: it is sealed, and the caller must
 * _exit with the code that is returned. What is to be said has been said. */
int vm_run(const struct options *options);

#endif
