/* "mayfly check-kernel": what a kernel file is, whether mayfly boots it, what its configuration
 * lacks. */
#ifndef MAYFLY_CHECK_KERNEL_H
#define MAYFLY_CHECK_KERNEL_H

/* Takes what follows "mayfly check-kernel", NULL-terminated, and returns the exit code: 0:
 * mayfly boots it, and nothing is missing that every guest or a command needs; 1: not so; 125:
 * nothing was found out. */
int check_kernel(char **arguments);

#endif
