/* What the user asked for, as plain values. vmm/cli/ fills them in; all other rooms read them.
 * Texts live as long as the process. */
#ifndef MAYFLY_CONFIG_H
#define MAYFLY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/words.h"

#define VCPUS_MAX 32
#define DEVICES_MAX 8       /* disks and NICs together */
#define DEVICE_QUEUES_MAX 8 /* queues of a disk, queue pairs of a NIC */
#define ADDRESSES_MAX 2     /* --ip: one address of each family */
#define OUTS_MAX 16         /* -o */

/* --hugepages. AUTO: as the host's setting says. ON: wherever possible. OFF: none. */
enum hugepages { HUGEPAGES_AUTO, HUGEPAGES_ON, HUGEPAGES_OFF };

/* --disk, --root */
struct disk_options {
	const char *path;
	const char *serial; /* NULL: mayfly makes one up */
	unsigned queues;
	bool read_only, ephemeral, direct;
	uint64_t scratch; /* bytes of a disk without PATH; 0: PATH counts */
};

/* --net */
struct net_options {
	const char *tap; /* name; NULL: fd_number counts */
	unsigned fds;
	int fd_number[DEVICE_QUEUES_MAX]; /* the user's numbers */
	unsigned queues;                  /* pairs */
	unsigned mtu;                     /* 0: the interface's MTU */
	uint8_t mac[6];                   /* all zero: mayfly makes one up */
};

/* --ip */
struct ip_options {
	const char *address;       /* with its prefix length */
	const char *gateway, *dns; /* or NULL */
	int family;                /* AF_INET or AF_INET6 */
};

/* --file, --rootdir, --rootfs-tar: a file or directory of the host that the guest gets. */
struct file_option {
	const char *path;
	const char *guest; /* absolute; with "/" at its end: a directory to put PATH into */
	int mode;          /* permission bits of a file; -1: the host's bits */
	bool tar;          /* PATH is an archive; its members go into the root */
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
	struct words environment; /* NAME=VALUE; the last value of a NAME counts */
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
	uint64_t grace; /* from a signal for the workload to the end; 0: at once */
};

#define JAIL_NOBODY 65534

enum jail_mode { JAIL_AUTO, JAIL_STRICT, JAIL_OFF };

/* --jail, --uid, --gid */
struct jail_options {
	enum jail_mode mode;
	bool other_user; /* the user named one: no other will do */
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
	bool root;         /* the first disk is the workload's root */
	const char *stats; /* file for the statistics; NULL: none */
	int stats_fd;      /* the open file of --stats fd:N; -1: the path counts */
	unsigned disks, nets, ips;
	struct disk_options disk[DEVICES_MAX];
	struct net_options net[DEVICES_MAX];
	struct ip_options ip[ADDRESSES_MAX];
	struct job_options job;
	struct limits limits;
	struct jail_options jail;
	char **words; /* the options as given, for --stats; NULL-terminated, or NULL */
	const struct payload *payload; /* the payload of a packed program; NULL: not packed */
	char **command;                /* NULL-terminated; NULL: a plain boot */
};

#endif
