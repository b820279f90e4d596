/* The values of -d, -n and --ip: words separated by commas. */
#ifndef MAYFLY_DEVICE_OPTIONS_H
#define MAYFLY_DEVICE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "report.h"

#define DEVICES_MAX 8       /* disks and NICs together */
#define DEVICE_QUEUES_MAX 8 /* of a disk; pairs of a NIC */
#define ADDRESSES_MAX 2     /* --ip: one of each family */

struct disk_options {
	const char *path;
	const char *serial; /* NULL: made up */
	unsigned queues;
	bool read_only, ephemeral, direct;
	uint64_t
		scratch; /* size of a disk of our own making, behind which is no PATH; 0: it is not */
};

struct net_options {
	const char *tap; /* name; NULL: fd says it */
	unsigned fds;
	int fd_number[DEVICE_QUEUES_MAX]; /* as the user says it */
	unsigned queues;                  /* pairs */
	unsigned mtu;                     /* 0: the interface's own */
	uint8_t mac[6];                   /* all zero: made up */
};

struct ip_options {
	const char *address;       /* with its prefix length */
	const char *gateway, *dns; /* or NULL */
	int family;                /* AF_INET or AF_INET6 */
};

/* Each parses TEXT, which is cut up where it stands and outlives the result. */
bool disk_options_parse(char *text, struct disk_options *disk, struct problem *problem);
bool net_options_parse(char *text, struct net_options *net, struct problem *problem);
bool ip_options_parse(char *text, struct ip_options *ip, struct problem *problem);

#endif
