/* The values of -d, -n and --ip: words with commas between them. */
#ifndef MAYFLY_DEVICE_OPTIONS_H
#define MAYFLY_DEVICE_OPTIONS_H

#include "base/config.h"
#include "base/report.h"

/* Each parses TEXT, which is cut up in place and outlives the result. */
bool disk_options_parse(char *text, struct disk_options *disk, struct problem *problem);
bool net_options_parse(char *text, struct net_options *net, struct problem *problem);
bool ip_options_parse(char *text, struct ip_options *ip, struct problem *problem);

#endif
