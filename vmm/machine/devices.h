/* The guest's disks and NICs: made from the options, put on the bus, wired to KVM, served by
 * threads. Disks come first; device N of both has the registers, the interrupt and the
 * descriptors of slot N. */
#ifndef MAYFLY_DEVICES_H
#define MAYFLY_DEVICES_H

#include "base/config.h"
#include "base/ram.h"
#include "devices/virtio_blk.h"
#include "devices/virtio_mmio.h"
#include "devices/virtio_net.h"
#include "machine/bus.h"
#include "machine/kvm.h"
#include "machine/storage.h"
#include "machine/tap.h"
#include "sandbox/gate.h"

struct slot {
	struct virtio_mmio mmio;
	struct virtio *virtio; /* the one of blk or net */
	/* A disk … */
	struct virtio_blk blk;
	struct disk disk;
	/* … or a NIC. */
	struct virtio_net net;
	struct nic nic;
	char tap[TAP_NAME_SIZE];
};

/* A thread that serves a queue of a disk or a pair of a NIC. */
struct worker {
	struct gate *gate;
	const struct sock_fprog *program;
	struct slot *slot;
	unsigned index;
};

struct devices {
	unsigned count, workers;
	struct slot slot[DEVICES_MAX];
	struct worker worker[DEVICES_MAX * DEVICE_QUEUES_MAX];
};

/* Opens disks and interfaces and makes the devices. INHERITED has the descriptors that --net fd=
 * names, in the order of the options. */
bool devices_open(struct devices *devices, const struct options *options, const int *inherited,
		  const struct ram *ram, struct problem *problem);

/* Makes a disk, an ephemeral one and a NIC of two pairs with the numbers that they would have,
 * and nothing behind them: for selftest. */
bool devices_pretend(struct devices *devices, struct problem *problem);

/* Puts the devices on the bus, and their kicks and interrupts into KVM's hands. After
 * arch_create_irqchip. */
bool devices_connect(struct devices *devices, struct bus *bus, const struct kvm *kvm,
		     struct problem *problem);

/* Starts the workers, which wait at the gate; PROGRAM has each device's filter. */
bool devices_start(struct devices *devices, struct gate *gate, const struct sock_fprog *program,
		   struct problem *problem);

/* The system calls of vCPUs, whose accesses to registers these are; of device INDEX's workers;
 * and of devices_freeze and devices_sync. */
void devices_allow_registers(const struct devices *devices, struct sysfilter *filter);
void devices_allow_work(const struct devices *devices, unsigned index, struct sysfilter *filter);
void devices_allow_sync(const struct devices *devices, struct sysfilter *filter);

/* Disk INDEX takes no more writes, and none is under way. The disk has one queue. */
void devices_freeze(struct devices *devices, unsigned index);

/* Brings what the guest wrote to stable storage: the VM has ended. */
bool devices_sync(struct devices *devices, struct problem *problem);

#endif
