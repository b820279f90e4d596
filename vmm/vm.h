/* A virtual machine's life, from options to exit code. */
#ifndef MAYFLY_VM_H
#define MAYFLY_VM_H

#include "base/config.h"
#include "base/report.h"

/* Runs one VM and reports its problems. The process is sealed then and of no other use: the caller
 * must _exit with the code returned. */
int vm_run(const struct options *options);

#endif
