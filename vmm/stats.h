/* --stats: what the devices counted, as JSON, written when the VM has ended. */
#ifndef MAYFLY_STATS_H
#define MAYFLY_STATS_H

#include "devices.h"
#include "report.h"
#include "sysfilter.h"

/* Opens PATH, so that an error is told before the guest runs; it is emptied when it is written. */
bool stats_open(const char *path, struct problem *problem);

/* Writes the counters and the exit CODE. False (errno) if the file did not take them all. */
bool stats_write(const struct devices *devices, int code);

void stats_allow(struct sysfilter *filter);

#endif
