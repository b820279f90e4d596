/* The list of the outer filter. */
#include <linux/falloc.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "sandbox/outer.h"

/* The ranges of numbers for each kind of descriptor, in the groups of fdplan.h. */
enum {
	STREAMS = FD_SIGNALS,
	STREAMS_COUNT = FD_VCPU - FD_SIGNALS,
	FILES = FD_DISK,
	FILES_COUNT = FD_VIRTIO_IRQ - FD_DISK,
	DISKS_COUNT = FD_SCRATCH - FD_DISK,
	IRQS_COUNT = FD_STATUS - FD_VIRTIO_IRQ,
	KICKS_COUNT = FD_TAP - FD_KICK,
	TAPS_COUNT = FD_END - FD_TAP,
};

/* The condition of sysfilter_allow_fds. */
#define IS_GROUP(first, count) (!((count) & (-1 + (count))) && (first) % (count) == 0)
_Static_assert(IS_GROUP(STREAMS, STREAMS_COUNT), "streams");
_Static_assert(IS_GROUP(FILES, FILES_COUNT) && IS_GROUP(FD_DISK, DISKS_COUNT), "files");
_Static_assert(IS_GROUP(FD_VIRTIO_IRQ, IRQS_COUNT), "interrupts");
_Static_assert(IS_GROUP(FD_KICK, KICKS_COUNT) && IS_GROUP(FD_TAP, TAPS_COUNT), "queues");
_Static_assert(IS_GROUP(FD_STATUS, FD_STATUS_COUNT), "status files");
_Static_assert(IS_GROUP(FD_VCPU, VCPUS_MAX), "vCPUs");

static const struct {
	int nr, first;
	unsigned count;
} descriptors[] = {
	{SYS_read, STREAMS, STREAMS_COUNT},     {SYS_read, FD_STATUS, FD_STATUS_COUNT},
	{SYS_read, FD_KICK, KICKS_COUNT},       {SYS_write, STDERR_FILENO, 1},
	{SYS_write, STREAMS, STREAMS_COUNT},    {SYS_write, FD_VIRTIO_IRQ, IRQS_COUNT},
	{SYS_write, FD_KICK, KICKS_COUNT},      {SYS_preadv, FILES, FILES_COUNT},
	{SYS_pwritev, FILES, FILES_COUNT},      {SYS_fdatasync, FD_DISK, DISKS_COUNT},
	{SYS_readv, FD_TAP, TAPS_COUNT},        {SYS_writev, FD_TAP, TAPS_COUNT},
	{SYS_clock_gettime, CLOCK_REALTIME, 1}, {SYS_clock_gettime, CLOCK_MONOTONIC, 1},
};

static const struct {
	int first;
	unsigned count;
	uint32_t request;
} requests[] = {
	{FD_VCPU, VCPUS_MAX, KVM_RUN},     {FD_VCPU, VCPUS_MAX, KVM_GET_ONE_REG},
	{FD_TERMINAL, 1, TCSETS},          {FD_TERMINAL, 1, TIOCGWINSZ},
	{FD_TAP, TAPS_COUNT, TUNSETQUEUE}, {FD_TAP, TAPS_COUNT, TUNSETOFFLOAD},
};

void outer_allow(struct sysfilter *filter)
{
	for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++)
		sysfilter_allow_fds(filter, descriptors[i].nr, descriptors[i].first,
				    descriptors[i].count);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		sysfilter_allow_ioctl(filter, requests[i].first, requests[i].count,
				      requests[i].request);
	sysfilter_allow_fds_with(filter, SYS_fallocate, FILES, FILES_COUNT,
				 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	sysfilter_allow_fds_with(filter, SYS_fallocate, FILES, FILES_COUNT,
				 FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
	sysfilter_allow_wait(filter, WAIT_MAX);
	sysfilter_allow_wait(filter, 2);
	sysfilter_allow_locks(filter);
	sysfilter_allow_narrowing(filter); /* the narrow filters forbid it */
	sysfilter_allow(filter, SYS_exit_group);
}
