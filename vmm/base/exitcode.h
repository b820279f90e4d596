/* mayfly's exit codes. Every other number is the workload's exit code, or 128 + n if signal n
 * killed the workload. */
#ifndef MAYFLY_EXITCODE_H
#define MAYFLY_EXITCODE_H

enum {
	CODE_OK = 0,
	CODE_GUEST_FAILED = 122,   /* the guest crashed, or ended without a result */
	CODE_TIMEOUT = 124,        /* a limit on time is over, as in timeout(1) */
	CODE_MAYFLY_FAILED = 125,  /* mayfly or the host, bad usage included */
	CODE_NOT_EXECUTABLE = 126, /* the workload cannot be executed */
	CODE_NOT_FOUND = 127,      /* the workload was not found */
	CODE_SIGNAL = 128,         /* + the number of the signal */
};

#endif
