/* The job of the guest's init: what to run, and how. It travels as a file in mayfly's own initramfs
 * segment, which the kernel unpacks over the user's. So a command line can have any length. */
#ifndef MAYFLY_JOB_H
#define MAYFLY_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct cpio;

#define JOB_DIRECTORY "/.mayfly"
#define JOB_INIT_PATH JOB_DIRECTORY "/init" /* for rdinit=; the user's /init stays */
#define JOB_FILE_PATH JOB_DIRECTORY "/job"
#define JOB_FILES_PATH JOB_DIRECTORY "/files" /* files that init moves to the guest's root */

/* The job file is a sequence of NUL-terminated strings. The first character of each is its tag. */
enum job_tag {
	JOB_SEED = 's',        /* random bytes, hexadecimal */
	JOB_ARGUMENT = 'a',    /* one word of argv, in order */
	JOB_ENVIRONMENT = 'e', /* one variable: NAME=VALUE */
	JOB_WORKDIR = 'w',     /* the working directory */
	JOB_USER = 'u',        /* the workload's user: UID:GID */
	JOB_HOSTNAME = 'h',    /* the guest's host name */
	JOB_TERMINAL = 't',    /* the workload gets a terminal: ROWS:COLUMNS */
	JOB_ROOT = 'r',        /* the first disk is the root: "rw", or "ro" for one below a tmpfs */
	JOB_ADDRESS = 'i',     /* of eth0: ADDRESS/PREFIX, IPv4 or IPv6 */
	JOB_GATEWAY = 'g',     /* an address */
	JOB_DNS = 'n',         /* an address */
	JOB_OUT_DISK = 'd',    /* the block device for the files to take out, … */
	JOB_OUT = 'o',         /* … and one path for each of them */
};

/* The addresses of eth0; NULL: none. */
struct job_ip {
	const char *address, *gateway, *dns;
};

#define JOB_IPS 2

/* Texts may be NULL: none. */
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

/* Adds init to an archive, in its own directory. */
void job_write_init(struct cpio *cpio, const struct job *job);

/* Adds the job file, the last member. If the guest's memory is too small for the members before,
 * the kernel reports no error; but the job file is missing, and init notices. */
void job_write_file(struct cpio *cpio, const struct job *job);

#endif
