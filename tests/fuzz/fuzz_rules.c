/* What devices of any shape ask of the filter: system calls of the kinds they document, on
 * descriptors of their own and on no others; and no write to what is read-only. */
#include "fuzz.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "devices/pl031.h"
#include "base/sysfilter.h"
#include "devices/uart16550.h"
#include "devices/virtio_blk.h"
#include "devices/virtio_net.h"

/* Descriptors by what they are for; the numbers are apart, so that none is taken for another. */
enum { IRQ = 100, DISK = 200, SCRATCH = 300, KICK = 400, TAP = 500 };

static struct virtio_net_pair pairs[NIC_QUEUES_MAX];

static struct sysfilter allowed;

/* The descriptor, or other first argument, that RULE is about; -1: none. */
static int64_t fd_of(const struct sysfilter_rule *rule)
{
	bool has = rule->conditions && rule->condition[0].argument == 0;

	return has ? (int64_t)rule->condition[0].value : -1;
}

static bool has(int nr, int fd)
{
	for (unsigned i = 0; i < allowed.count; i++)
		if (allowed.rule[i].nr == nr && fd_of(&allowed.rule[i]) == fd)
			return true;
	return false;
}

/* One descriptor each; calls on any are those that can do no harm. */
static void require_rules(unsigned kicks, unsigned taps, bool disk)
{
	for (unsigned i = 0; i < allowed.count; i++) {
		const struct sysfilter_rule *rule = &allowed.rule[i];
		int64_t fd = fd_of(rule);
		bool ours = fd == IRQ || (fd >= KICK && fd < KICK + (int)kicks) ||
			    (fd >= TAP && fd < TAP + (int)taps) || (disk && fd == DISK) ||
			    (disk && fd == SCRATCH) ||
			    (fd == STDERR_FILENO && rule->nr == SYS_write);

		if (fd < 0)
			REQUIRE((rule->nr == SYS_futex || (taps && rule->nr == SYS_ppoll)) &&
				rule->condition[0].argument == 1);
		else
			REQUIRE(ours && rule->condition[0].mask == UINT32_MAX);
		/* Which request or mode, too. */
		REQUIRE((rule->nr == SYS_ioctl || rule->nr == SYS_fallocate) ==
			(fd >= 0 && rule->conditions == 2));
	}
}

static void wire(struct input *input, struct virtio *virtio, unsigned queues)
{
	bool shared = take8(input) & 1;

	virtio->irq_fd = IRQ;
	virtio->queues = queues;
	for (unsigned i = 0; i < queues; i++)
		virtio->queue[i].kick_fd = KICK + (int)(shared ? 0 : i);
}

static void fuzz_disk(struct input *input)
{
	unsigned what = take8(input);
	bool ephemeral = what & 1, read_only = !ephemeral && what & 2;
	struct disk disk = {.file.fd = DISK,
			    .scratch_fd = ephemeral ? SCRATCH : -1,
			    .read_only = read_only,
			    .block = DISK_SECTOR,
			    .physical = DISK_SECTOR};
	static struct virtio_blk blk;

	wire(input, &blk.virtio, 1 + take8(input) % VIRTIO_WORKERS_MAX);
	virtio_blk_init(&blk, &disk);
	virtio_allow_work(&blk.virtio, &allowed);
	require_rules(blk.virtio.queues, 0, true);
	REQUIRE(has(SYS_preadv, DISK) && has(SYS_preadv, SCRATCH) == ephemeral);
	for (unsigned i = 0; i < 2; i++) {
		bool writable = i ? ephemeral : !ephemeral && !read_only;
		int fd = i ? SCRATCH : DISK;

		REQUIRE(has(SYS_pwritev, fd) == writable && has(SYS_fallocate, fd) == writable);
		REQUIRE(has(SYS_fdatasync, fd) == (writable && fd == DISK));
		REQUIRE(!has(SYS_write, fd) && !has(SYS_ioctl, fd));
	}
	/* What one disk of any size needs to remember: a bit a cluster. */
	uint64_t size = take64(input) >> 8, bytes = disk_dirty_bytes(size);
	REQUIRE(bytes * 8 * DISK_CLUSTER >= size);
	REQUIRE(!bytes || (bytes - 1) * 8 * DISK_CLUSTER < size);
}

static void fuzz_net(struct input *input)
{
	static struct virtio_net net;
	struct nic nic = {.queues = 1 + take8(input) % NIC_QUEUES_MAX};
	nic.attach = take8(input) & 1;
	bool shared = take8(input) & 1;

	net.pair = pairs;
	net.virtio.irq_fd = IRQ;
	for (unsigned i = 0; i < nic.queues; i++) {
		nic.queue[i].fd = TAP + (int)i;
		pairs[i] = (struct virtio_net_pair){.kick_fd = KICK + (int)(shared ? 0 : i)};
	}
	virtio_net_init(&net, &nic);
	virtio_allow_registers(&net.virtio, &allowed);
	require_rules(net.virtio.queues, nic.queues, false);
	virtio_allow_work(&net.virtio, &allowed);
	require_rules(net.virtio.queues, nic.queues, false);
	for (unsigned i = 0; i < allowed.count; i++) {
		const struct sysfilter_rule *rule = &allowed.rule[i];
		uint64_t request = rule->condition[1].value;

		if (rule->nr == SYS_ioctl)
			REQUIRE(request == TUNSETQUEUE
					? nic.attach
					: request == TUNSETOFFLOAD && fd_of(rule) == TAP);
	}
	for (unsigned i = 0; i < nic.queues; i++)
		REQUIRE(has(SYS_readv, TAP + (int)i) && has(SYS_writev, TAP + (int)i));
}

static void fuzz_uart(void)
{
	struct uart uart = {.irq_fd = IRQ, .kick_fd = KICK};

	uart_allow(&uart, &allowed);
	require_rules(1, 0, false);
	REQUIRE(has(SYS_write, IRQ) && has(SYS_write, KICK));
}

/* The clock's registers: any bytes of a register are those of the whole of it. */
static void fuzz_clock(struct input *input)
{
	static const uint8_t identification[] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
	unsigned size = 1u << take8(input) % 3, where = take16(input);
	unsigned offset = (where & 0x8000 ? 0xfe0 + where % 32 : where % PL031_SIZE) & ~(size - 1);
	uint32_t value = pl031_read(offset, size), whole = pl031_read(offset & ~3u, 4);
	time_t now = time(NULL);

	if (offset < 4) {
		REQUIRE(whole + 1 >= (uint32_t)now && whole <= (uint32_t)now + 1);
		return; /* it moves on */
	}
	REQUIRE(size == 4 || !(value >> 8 * size));
	for (unsigned i = 0; i < size; i++)
		REQUIRE((uint8_t)(value >> 8 * i) == (uint8_t)(whole >> 8 * (offset % 4 + i)));
	if (offset >= 0xfe0)
		REQUIRE(whole == identification[(offset - 0xfe0) / 4]);
	else
		REQUIRE(whole == (offset / 4 == 3)); /* it runs; all else is 0 */
	pl031_allow(&allowed);
	REQUIRE(allowed.count == 1 && has(SYS_clock_gettime, CLOCK_REALTIME));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	unsigned what = take8(&input) % 8;

	allowed.count = 0;
	if (what == 0)
		fuzz_uart();
	else if (what < 3)
		fuzz_clock(&input);
	else if (what < 6)
		fuzz_disk(&input);
	else
		fuzz_net(&input);
	return 0;
}
