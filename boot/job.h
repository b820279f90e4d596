/* The job of the guest's init: what to run, as an initramfs segment of its own that the kernel
 * unpacks over the user's. So a command line of any length reaches the guest. */
#ifndef MAYFLY_JOB_H
#define MAYFLY_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

#define JOB_INIT_PATH "/.mayfly/init" /* rdinit=, so that the user's /init is not in the way */
#define JOB_FILE_PATH "/.mayfly/job"

/* The job file is a row of NUL-terminated strings, the first character of each says what it is. */
enum job_tag {
	JOB_SEED = 's',     /* random bytes, hexadecimal */
	JOB_ARGUMENT = 'a', /* one of argv, in order */
	JOB_ADDRESS = 'i',  /* of eth0: ADDRESS/PREFIX, IPv4 or IPv6 */
	JOB_GATEWAY = 'g',  /* an address */
	JOB_DNS = 'n',      /* an address */
};

/* What eth0 gets; NULL: nothing. */
struct job_ip {
	const char *address, *gateway, *dns;
};

#define JOB_IPS 2

struct job {
	struct bytes init;      /* the ELF file of init */
	uint8_t seed[32];       /* for the guest's random number generator */
	char *const *arguments; /* NULL-terminated */
	struct job_ip ip[JOB_IPS];
};

/* Size of the segment that job_build makes. */
size_t job_size(const struct job *job);

/* Fills BUFFER, of job_size() bytes. */
void job_build(const struct job *job, uint8_t *buffer, size_t size);

#endif
