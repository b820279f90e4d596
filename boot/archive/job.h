/* The job of the guest's init: what to run, and how. It travels as a file of an initramfs
 * segment of our own that the kernel unpacks over the user's. So a command line of any length
 * reaches the guest. */
#ifndef MAYFLY_JOB_H
#define MAYFLY_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct cpio;

#define JOB_DIRECTORY "/.mayfly"
#define JOB_INIT_PATH \
	JOB_DIRECTORY "/init" /* rdinit=, so that the user's /init is not in the way */
#define JOB_FILE_PATH JOB_DIRECTORY "/job"
#define JOB_FILES_PATH \
	JOB_DIRECTORY "/files" /* what belongs into the guest's root, which init puts there */

/* The job file is a row of NUL-terminated strings, the first character of each says what it is. */
enum job_tag {
	JOB_SEED = 's',        /* random bytes, hexadecimal */
	JOB_ARGUMENT = 'a',    /* one of argv, in order */
	JOB_ENVIRONMENT = 'e', /* one of the environment: NAME=VALUE */
	JOB_WORKDIR = 'w',     /* where the workload starts */
	JOB_USER = 'u',        /* whom it runs as: UID:GID */
	JOB_HOSTNAME = 'h',    /* the guest's */
	JOB_TERMINAL = 't',    /* it gets a terminal: ROWS:COLUMNS */
	JOB_ROOT = 'r',        /* the first disk is the root: "rw", or "ro" for one below a tmpfs */
	JOB_ADDRESS = 'i',     /* of eth0: ADDRESS/PREFIX, IPv4 or IPv6 */
	JOB_GATEWAY = 'g',     /* an address */
	JOB_DNS = 'n',         /* an address */
	JOB_OUT_DISK = 'd',    /* the block device that takes what is to be brought out … */
	JOB_OUT = 'o',         /* … which is this; one path each */
};

/* What eth0 gets; NULL: nothing. */
struct job_ip {
	const char *address, *gateway, *dns;
};

#define JOB_IPS 2

/* Text members may be NULL: there is none. */
struct job {
	struct bytes init;        /* the ELF file of init */
	uint8_t seed[32];         /* for the guest's random number generator */
	char *const *arguments;   /* NULL-terminated */
	char *const *environment; /* NULL-terminated, or NULL */
	const char *workdir, *user, *hostname, *terminal, *root;
	struct job_ip ip[JOB_IPS];
	const char *out_disk;
	const char *const *outs; /* NULL-terminated, or NULL */
};

/* Adds init, in a directory of its own, to an archive. */
void job_write_init(struct cpio *cpio, const struct job *job);

/* Adds the job file. It comes last: where memory did not suffice for what came before, which the
 * kernel tells nobody, there is none for it, and init knows. */
void job_write_file(struct cpio *cpio, const struct job *job);

#endif
