/* "mayfly check-kernel": what a kernel file is, whether mayfly boots it, and what its configuration
 * lacks. */
#ifndef MAYFLY_CHECK_KERNEL_H
#define MAYFLY_CHECK_KERNEL_H

/* Takes the words after "mayfly check-kernel", NULL-terminated. Returns the exit code: 0 if mayfly
 * boots the kernel and nothing is missing that every guest or a command needs; 1 if not; 125 if
 * mayfly could not find out. */
int check_kernel(char **arguments);

#endif
