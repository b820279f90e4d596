/* Files out of the guest (-o): init writes them as an archive to a disk of our own making, and
 * when the VM has ended a child process, which was shut in before it began, unpacks them. */
#ifndef MAYFLY_OUTBOX_H
#define MAYFLY_OUTBOX_H

#include <stdbool.h>

#include "loop/ioloop.h"
#include "base/config.h"
#include "base/report.h"
#include "base/sysfilter.h"

/* Checks where the files are to go and starts the child. ARCHIVE is the disk's descriptor. While
 * there is one thread. */
bool outbox_open(const struct options *options, int archive, struct problem *problem);

enum { OUTBOX_DONE = 0, OUTBOX_LIMIT = -1, OUTBOX_FAILED = -2, OUTBOX_DIED = -3 };

/* Has the files unpacked: nobody writes to the disk any more. OUTBOX_FAILED: not all came, and
 * the child has told why; OUTBOX_DIED: it has not, as it is gone; OUTBOX_LIMIT: a limit ended
 * first; else the signal that came first. */
int outbox_unpack(const struct ioloop *loop);

void outbox_allow(struct sysfilter *filter);

#endif
