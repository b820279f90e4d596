/* What the user asked for, as plain values. vmm/cli/ makes them of words; everybody else reads
 * them. Texts live as long as the process. */
#ifndef MAYFLY_CONFIG_H
#define MAYFLY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/words.h"

#define VCPUS_MAX 32
#define DEVICES_MAX 8       /* disks and NICs together */
#define DEVICE_QUEUES_MAX 8 /* of a disk; pairs of a NIC */
#define ADDRESSES_MAX 2     /* --ip: one of each family */
#define OUTS_MAX 16         /* -o */

/* --hugepages: the host's large pages as it gives them to everybody, or wherever it can, or
 * none. */
enum hugepages { HUGEPAGES_AUTO, HUGEPAGES_ON, HUGEPAGES_OFF };

/* --disk, --root */
struct disk_options {
	const char *path;
	const char *serial; /* NULL: made up */
	unsigned queues;
	bool read_only, ephemeral, direct;
	uint64_t scratch; /* bytes of a disk of our own making, which has no PATH; 0: it is not */
};

/* --net */
struct net_options {
	const char *tap; /* name; NULL: fd says it */
	unsigned fds;
	int fd_number[DEVICE_QUEUES_MAX]; /* as the user says it */
	unsigned queues;                  /* pairs */
	unsigned mtu;                     /* 0: the interface's own */
	uint8_t mac[6];                   /* all zero: made up */
};

/* --ip */
struct ip_options {
	const char *address;       /* with its prefix length */
	const char *gateway, *dns; /* or NULL */
	int family;                /* AF_INET or AF_INET6 */
};

/* --file, --rootdir, --rootfs-tar: a file or directory of the host for the guest. */
struct file_option {
	const char *path;
	const char *guest; /* absolute; "/" at its end: into that directory */
	int mode;          /* permission bits of a file; -1: the host's */
	bool tar;          /* what is in it, for the root */
};

struct file_options {
	struct file_option *item;
	size_t count, room;
};

/* --out */
struct out_option {
	const char *guest, *path;
};

/* What the workload gets. */
struct job_options {
	struct words environment; /* NAME=VALUE; the last of a NAME counts */
	const char *directory;    /* NULL: / */
	const char *hostname;     /* NULL: mayfly */
	bool has_user;
	uint32_t uid, gid;
	struct file_options files;
	struct out_option out[OUTS_MAX];
	unsigned outs;
	uint64_t out_limit; /* bytes */
};

/* --timeout, --cpu-time, --idle-timeout, --grace: in milliseconds; 0: none. */
struct limits {
	uint64_t wall, cpu, idle;
	uint64_t grace; /* between a signal for the workload and the end; 0: at once */
};

#define JAIL_NOBODY 65534

enum jail_mode { JAIL_AUTO, JAIL_STRICT, JAIL_OFF };

/* --jail, --uid, --gid */
struct jail_options {
	enum jail_mode mode;
	bool other_user; /* the user said which: it must be that one */
	uint32_t uid, gid;
};

struct payload;

struct options {
	const char *kernel, *initrd;
	const char *append;  /* for the kernel's command line */
	const char *console; /* file for the console's output */
	unsigned long cpus;
	uint64_t memory; /* bytes */
	enum hugepages hugepages;
	bool verbose;
	bool help;
	bool tty;          /* the workload gets a terminal */
	bool root;         /* the first disk is its root */
	const char *stats; /* file for the counters; NULL: nobody wants them */
	int stats_fd;      /* … which is open: fd:N; -1: the path counts */
	unsigned disks, nets, ips;
	struct disk_options disk[DEVICES_MAX];
	struct net_options net[DEVICES_MAX];
	struct ip_options ip[ADDRESSES_MAX];
	struct job_options job;
	struct limits limits;
	struct jail_options jail;
	char **words; /* the options as they were given, for a report; NULL-terminated, or NULL */
	const struct payload *payload; /* of a packed program; NULL: it is none */
	char **command;                /* NULL-terminated; NULL: a plain boot */
};

#endif
