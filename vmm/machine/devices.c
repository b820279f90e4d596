#include "machine/devices.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch_layout.h"
#include "base/fdplan.h"
#include "base/keep.h"
#include "base/text.h"

_Static_assert(DEVICES_MAX == ARCH_VIRTIO_DEVICES, "a slot for each device");
_Static_assert(DEVICE_QUEUES_MAX == VIRTIO_WORKERS_MAX, "a worker for each queue");

static int kick_place(unsigned slot, unsigned worker)
{
	return FD_KICK + (int)(slot * DEVICE_QUEUES_MAX + worker);
}

/* The next slot, for VIRTIO, one of the two in it, of QUEUES queues. What both kinds need. */
static unsigned begin(struct devices *devices, struct virtio *virtio, const char *label,
		      const struct ram *ram)
{
	unsigned number = devices->count++;

	devices->slot[number].virtio = virtio;
	virtio->ram = ram;
	virtio->label = label;
	virtio->irq_fd = FD_VIRTIO_IRQ + (int)number;
	return number;
}

/* Printable ASCII, NUL-padded; without the user's, one that tells the disks of this guest apart. */
static void set_serial(struct virtio_blk *blk, const char *serial, unsigned number)
{
	struct text text;

	text_set(&text, "mayfly-%u", number);
	if (!serial)
		serial = text.text;
	memcpy(blk->serial, serial, strnlen(serial, sizeof(blk->serial)));
}

/* A worker a queue, each with an eventfd. */
static void number_disk(struct slot *slot, unsigned number, unsigned queues)
{
	slot->blk.virtio.queues = queues;
	for (unsigned i = 0; i < queues; i++)
		slot->blk.virtio.queue[i].kick_fd = kick_place(number, i);
}

static bool open_disk(struct devices *devices, const struct disk_options *options,
		      const struct ram *ram, struct problem *problem)
{
	struct slot *slot = &devices->slot[devices->count];
	unsigned number = begin(devices, &slot->blk.virtio, options->path, ram);

	if (!fd_event(slot->virtio->irq_fd, problem) ||
	    !storage_open(&slot->disk, options, number, problem))
		return false;
	number_disk(slot, number, options->queues);
	for (unsigned i = 0; i < options->queues; i++)
		if (!fd_blocking_event(kick_place(number, i), problem))
			return false;
	set_serial(&slot->blk, options->serial, number);
	virtio_blk_init(&slot->blk, &slot->disk);
	return true;
}

/* A worker, and an eventfd, a pair of queues. */
static bool make_pairs(struct slot *slot, unsigned number, unsigned pairs, struct problem *problem)
{
	slot->net.pair = keep_pages(pairs * sizeof(*slot->net.pair), problem);
	for (unsigned i = 0; slot->net.pair && i < pairs; i++)
		slot->net.pair[i].kick_fd = kick_place(number, i);
	return slot->net.pair;
}

static bool open_net(struct devices *devices, const struct net_options *options,
		     const int *inherited, const struct ram *ram, struct problem *problem)
{
	struct slot *slot = &devices->slot[devices->count];
	unsigned number = begin(devices, &slot->net.virtio, slot->tap, ram);

	if (!make_pairs(slot, number, options->queues, problem) ||
	    !fd_event(slot->virtio->irq_fd, problem) ||
	    !tap_open(&slot->nic, options, inherited, number, slot->tap, problem))
		return false;
	for (unsigned i = 0; i < options->queues; i++)
		if (!fd_event(kick_place(number, i), problem))
			return false;
	virtio_net_init(&slot->net, &slot->nic);
	return true;
}

bool devices_open(struct devices *devices, const struct options *options, const int *inherited,
		  const struct ram *ram, struct problem *problem)
{
	for (unsigned i = 0; i < options->disks; i++)
		if (!open_disk(devices, &options->disk[i], ram, problem))
			return false;
	for (unsigned i = 0; i < options->nets; i++) {
		if (!open_net(devices, &options->net[i], inherited, ram, problem))
			return false;
		inherited += options->net[i].fds;
	}
	return true;
}

static void pretend_disk(struct devices *devices, bool ephemeral)
{
	struct slot *slot = &devices->slot[devices->count];
	int number = (int)begin(devices, &slot->blk.virtio, "", NULL);

	slot->disk = (struct disk){
		.file.fd = FD_DISK + number,
		.scratch_fd = ephemeral ? FD_SCRATCH + number : -1,
		.block = DISK_SECTOR,
		.physical = DISK_SECTOR,
	};
	number_disk(slot, (unsigned)number, 1);
	virtio_blk_init(&slot->blk, &slot->disk);
}

bool devices_pretend(struct devices *devices, struct problem *problem)
{
	enum { PAIRS = 2 };

	pretend_disk(devices, false);
	pretend_disk(devices, true);
	struct slot *slot = &devices->slot[devices->count];
	unsigned number = begin(devices, &slot->net.virtio, "", NULL);
	if (!make_pairs(slot, number, PAIRS, problem))
		return false;
	tap_number(&slot->nic, PAIRS, number);
	slot->nic.attach = true;
	virtio_net_init(&slot->net, &slot->nic);
	return true;
}

static uint32_t read_mmio(void *device, unsigned offset, unsigned size)
{
	return virtio_mmio_read(device, offset, size);
}

static void write_mmio(void *device, unsigned offset, unsigned size, uint32_t value)
{
	virtio_mmio_write(device, offset, size, value);
}

static bool connect_slot(struct slot *slot, unsigned number, struct bus *bus, const struct kvm *kvm,
			 struct problem *problem)
{
	uint64_t address = ARCH_VIRTIO + number * ARCH_VIRTIO_SIZE;
	const struct virtio *virtio = slot->virtio;
	const struct bus_device device = {
		.space = BUS_MMIO,
		.base = address,
		.size = ARCH_VIRTIO_SIZE,
		.width = 4,
		.device = &slot->mmio,
		.read = read_mmio,
		.write = write_mmio,
	};

	virtio_mmio_init(&slot->mmio, slot->virtio);
	bus_add(bus, &device);
	if (!kvm_add_irqfd(kvm, virtio->irq_fd, ARCH_GSI_VIRTIO + number, problem))
		return false;
	for (unsigned i = 0; i < virtio->queues; i++)
		if (!kvm_add_ioeventfd(kvm, virtio->queue[i].kick_fd,
				       address + VIRTIO_MMIO_QUEUE_NOTIFY, i, problem))
			return false;
	return true;
}

bool devices_connect(struct devices *devices, struct bus *bus, const struct kvm *kvm,
		     struct problem *problem)
{
	for (unsigned i = 0; i < devices->count; i++)
		if (!connect_slot(&devices->slot[i], i, bus, kvm, problem))
			return false;
	return true;
}

/* Where a worker shares its CPU with the vCPU that kicks it, it would take that over for each
 * request: the queue never holds more than one. So it waits until that has no more to do, or its
 * turn comes. (musl's own function does nothing.) */
static void let_others_finish(void)
{
	const struct sched_param none = {0};

	if (syscall(SYS_sched_getscheduler, 0) == SCHED_OTHER)
		syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &none);
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	let_others_finish();
	gate_wait(worker->gate, worker->program);
	virtio_work(worker->slot->virtio, worker->index);
	return NULL;
}

bool devices_start(struct devices *devices, struct gate *gate, const struct sock_fprog *program,
		   struct problem *problem)
{
	for (unsigned i = 0; i < devices->count; i++) {
		struct slot *slot = &devices->slot[i];

		for (unsigned j = 0; j < slot->virtio->workers; j++) {
			struct worker *worker = &devices->worker[devices->workers++];

			*worker = (struct worker){gate, &program[i], slot, j};
			if (!gate_start_thread(gate, work, worker, "a device's thread", problem))
				return false;
		}
	}
	return true;
}

void devices_allow_registers(const struct devices *devices, struct sysfilter *filter)
{
	for (unsigned i = 0; i < devices->count; i++)
		virtio_allow_registers(devices->slot[i].virtio, filter);
}

void devices_allow_work(const struct devices *devices, unsigned index, struct sysfilter *filter)
{
	virtio_allow_work(devices->slot[index].virtio, filter);
}

void devices_allow_sync(const struct devices *devices, struct sysfilter *filter)
{
	for (unsigned i = 0; i < devices->count; i++)
		virtio_allow_flush(devices->slot[i].virtio, filter);
}

void devices_freeze(struct devices *devices, unsigned index)
{
	virtio_freeze(devices->slot[index].virtio);
}

bool devices_sync(struct devices *devices, struct problem *problem)
{
	bool synced = true;

	for (unsigned i = 0; i < devices->count; i++) {
		struct virtio *virtio = devices->slot[i].virtio;

		if (!virtio_flush(virtio))
			synced = problem_set(
				problem,
				"what the guest wrote to %s may not be on disk: %s (look "
				"at the host's kernel log, and check the file)",
				virtio->label, strerror(errno));
	}
	return synced;
}
