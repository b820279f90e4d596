/* Files out of the guest (-o). The guest's init writes them as an archive to a disk that mayfly
 * made. After the VM's end a child process, sealed before the guest began, unpacks them. */
#ifndef MAYFLY_OUTBOX_H
#define MAYFLY_OUTBOX_H

#include <stdbool.h>

#include "base/config.h"
#include "base/report.h"
#include "base/sysfilter.h"
#include "loop/ioloop.h"

/* Checks the targets of the files and starts the child. ARCHIVE is the disk's descriptor. To be
 * called while there is one thread. */
bool outbox_open(const struct options *options, int archive, struct problem *problem);

enum { OUTBOX_DONE = 0, OUTBOX_LIMIT = -1, OUTBOX_FAILED = -2, OUTBOX_DIED = -3 };

/* Has the child unpack the files, when nobody writes to the disk any more. OUTBOX_FAILED: not all
 * files came, and the child has said why; OUTBOX_DIED: the child is gone; OUTBOX_LIMIT: a limit was
 * reached first; a positive value: the signal that came first. */
int outbox_unpack(const struct ioloop *loop);

void outbox_allow(struct sysfilter *filter);

#endif
