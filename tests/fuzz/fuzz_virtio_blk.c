/* The transport's registers and the block device behind them, over memfds: a driver that is
 * mostly right, with odd accesses, flipped descriptors and resets in between. No base of an
 * ephemeral disk and no read-only disk ever changes, each chain comes back once, what a good
 * request asked for is what it gets; where the host's files fail, it gets that or an I/O error. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/virtio_blk.h"
#include "devices/virtio_mmio.h"

enum {
	SECTORS = 40,
	DISK_SIZE = SECTORS *
		    DISK_SECTOR, /* not whole clusters, so that there is an end to get wrong */
	RAM_SIZE = 0x20000,
	RINGS = 0x1000,
	SIZE = 16, /* of the queue */
	AVAIL = RINGS + 0x400,
	USED = RINGS + 0x800,
	REQUEST = 0x2000, /* header, status, data of request N at REQUEST + N * 0x1800 */
	REQUEST_SIZE = 0x1800,
	DATA_MAX = 8 * DISK_SECTOR + 256,
};

enum kind { PLAIN, READ_ONLY, EPHEMERAL, DIRECT, KINDS };

static const uint64_t registers[] = {0x00, 0x10, 0x14, 0x20,  0x24,  0x30,  0x34,
				     0x38, 0x44, 0x50, 0x60,  0x64,  0x70,  0x80,
				     0x90, 0xa0, 0xfc, 0x100, 0x122, 0x13c, 0x1000};
static const uint64_t values[] = {0, 1, 2, 3, 7, 11, 15, 16, 128, 256, RINGS, 0xffff, UINT32_MAX};
static const uint64_t sectors[] = {0, 7, 8, SECTORS - 1, SECTORS, 1ull << 55, UINT64_MAX};
static const uint32_t types[] = {VIRTIO_BLK_T_IN,
				 VIRTIO_BLK_T_OUT,
				 VIRTIO_BLK_T_DISCARD,
				 VIRTIO_BLK_T_WRITE_ZEROES,
				 VIRTIO_BLK_T_FLUSH,
				 VIRTIO_BLK_T_GET_ID,
				 99};

static struct ram ram;
static struct disk disk;
static struct virtio_blk blk;
static struct virtio_mmio mmio;
static int files[2];     /* the disk, and the scratch file */
static int sealed, deaf; /* files that take no writes, and no I/O at all */
static uint8_t base[DISK_SIZE], dirty[4];
static uint8_t bounce[DISK_BOUNCE_SIZE] __attribute__((aligned(4096)));

/* A request as the model carries it out, and what it expects of the device. */
struct request {
	uint8_t out[16 + DATA_MAX]; /* the readable bytes */
	uint32_t out_size, in_size; /* in_size: writable bytes, status included */
	uint64_t in;                /* where those are */
	uint8_t status;
	uint32_t filled;
	uint8_t data[DATA_MAX];                 /* what is filled in … */
	bool known[DATA_MAX / DISK_SECTOR + 1]; /* … sector by sector, as far as one can know */
	bool has_status, under_way;
};

static struct {
	uint16_t avail, used;
	unsigned requests;
	bool confused; /* somebody wrote where it should not: only the device's own safety counts */
	struct request slot[3];
} model;

/* What is on the disk; it outlives a reset. */
static struct {
	uint8_t data[DISK_SIZE];
	bool known[SECTORS];
	bool read_only;
	bool failing; /* the host does: nothing is known */
} shadow;

static void confuse(void)
{
	model.confused = true;
	memset(shadow.known, 0, sizeof(shadow.known));
}

static uint8_t *at(uint64_t address)
{
	return (uint8_t *)(uintptr_t)ram_host(&ram, 0) + address;
}

static void write32(unsigned offset, uint32_t value)
{
	virtio_mmio_write(&mmio, offset, 4, value);
}

static void once(void)
{
	struct problem problem;

	REQUIRE(ram_reserve(&ram, RAM_SIZE, 0, 0xc0000000, 1ull << 32, &problem));
	for (unsigned i = 0; i < 2; i++) {
		files[i] = memfd_create("disk", MFD_CLOEXEC);
		REQUIRE(files[i] >= 0 && ftruncate(files[i], DISK_SIZE) == 0);
	}
	sealed = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	REQUIRE(sealed >= 0 && ftruncate(sealed, DISK_SIZE) == 0);
	REQUIRE(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE) == 0);
	deaf = open("/", O_PATH | O_CLOEXEC);
	REQUIRE(deaf >= 0);
	for (unsigned i = 0; i < DISK_SIZE; i++)
		base[i] = (uint8_t)(i / DISK_SECTOR * 5 + i);
	memcpy(blk.serial, "ABCDEFGHIJKLMNOPQRST", VIRTIO_BLK_ID_BYTES);
	blk.virtio.ram = &ram;
	blk.virtio.label = "disk";
	/* Nobody reads it, so it is full from the start. */
	blk.virtio.irq_fd = eventfd(0, EFD_NONBLOCK);
	REQUIRE(write(blk.virtio.irq_fd, &(uint64_t){UINT64_MAX - 1}, 8) == 8);
	for (unsigned i = 0; i < 2; i++)
		blk.virtio.queue[i].kick_fd = eventfd(0, EFD_NONBLOCK);
}

/* What the user was told already; once is enough for the log. */
static struct {
	bool failing, broken;
} said;

static void make_disk(enum kind kind, unsigned queues)
{
	disk = (struct disk){
		.file.name = "disk",
		.file.fd = files[0],
		.scratch_fd = kind == EPHEMERAL ? files[1] : -1,
		.size = DISK_SIZE,
		.block = 512,
		.physical = 4096,
		.discard = true,
		.read_only = kind == READ_ONLY,
		.file.direct = kind == DIRECT ? 512 : 0,
		.file.bounce = bounce,
		.dirty = dirty,
	};
	memset(dirty, 0, sizeof(dirty));
	memcpy(shadow.data, base, sizeof(base));
	memset(shadow.known, true, sizeof(shadow.known));
	shadow.read_only = kind == READ_ONLY;
	shadow.failing = false;
	model.confused = false;
	REQUIRE(pwrite(files[0], base, DISK_SIZE, 0) == DISK_SIZE);
	REQUIRE(ftruncate(files[0], DISK_SIZE) == 0 && ftruncate(files[1], DISK_SIZE) == 0);
	disk_init(&disk);
	blk.virtio.queues = queues;
	virtio_blk_init(&blk, &disk);
	if (said.failing)
		atomic_flag_test_and_set(&disk.file.complained);
	if (said.broken)
		atomic_flag_test_and_set(&blk.virtio.complained);
	virtio_mmio_init(&mmio, &blk.virtio);
}

static void set_up_queue(void)
{
	memset(at(RINGS), 0, 0x1000);
	write32(VIRTIO_MMIO_QUEUE_SEL, 0);
	write32(VIRTIO_MMIO_QUEUE_NUM, SIZE);
	write32(VIRTIO_MMIO_QUEUE_DESC_LOW, RINGS);
	write32(VIRTIO_MMIO_QUEUE_DESC_HIGH, 0);
	write32(VIRTIO_MMIO_QUEUE_AVAIL_LOW, AVAIL);
	write32(VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0);
	write32(VIRTIO_MMIO_QUEUE_USED_LOW, USED);
	write32(VIRTIO_MMIO_QUEUE_USED_HIGH, 0);
	write32(VIRTIO_MMIO_QUEUE_READY, 1);
}

static uint32_t read32(unsigned offset)
{
	return virtio_mmio_read(&mmio, offset, 4);
}

/* §4.2.2 */
static void require_identity(void)
{
	REQUIRE(read32(VIRTIO_MMIO_MAGIC_VALUE) == 0x74726976);
	REQUIRE(read32(VIRTIO_MMIO_VERSION) == 2 && read32(VIRTIO_MMIO_DEVICE_ID) == 2);
	REQUIRE(read32(VIRTIO_MMIO_VENDOR_ID) && !read32(VIRTIO_MMIO_INTERRUPT_STATUS));
	REQUIRE(read32(VIRTIO_MMIO_QUEUE_NUM_MAX) == VIRTQ_SIZE_MAX);
	REQUIRE(read32(VIRTIO_MMIO_CONFIG) == SECTORS);
	write32(VIRTIO_MMIO_QUEUE_SEL, blk.virtio.queues);
	REQUIRE(!read32(VIRTIO_MMIO_QUEUE_NUM_MAX) && !read32(VIRTIO_MMIO_QUEUE_READY));
}

/* §3.1.1: a driver that takes what is not offered is told so, by a bit that does not stay. */
static void want_too_much(void)
{
	write32(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write32(VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	write32(VIRTIO_MMIO_STATUS, 11);
	REQUIRE(read32(VIRTIO_MMIO_STATUS) == 3);
	write32(VIRTIO_MMIO_STATUS, 15);
	REQUIRE(read32(VIRTIO_MMIO_STATUS) == 3);
}

/* Before DRIVER_OK a queue may be taken back, and is set up anew. */
static void take_back_queue(void)
{
	REQUIRE(read32(VIRTIO_MMIO_QUEUE_READY) == 1);
	write32(VIRTIO_MMIO_QUEUE_NUM, 3); /* without effect */
	write32(VIRTIO_MMIO_QUEUE_READY, 0);
	REQUIRE(read32(VIRTIO_MMIO_QUEUE_READY) == 0);
	set_up_queue();
}

static void start_driver(struct input *input)
{
	unsigned what = take8(input);

	if (model.confused)
		confuse(); /* who knows what became of the requests since then */
	model.avail = model.used = 0;
	model.requests = 0;
	model.confused = false;
	for (unsigned i = 0; i < 3; i++)
		model.slot[i].under_way = false;
	write32(VIRTIO_MMIO_STATUS, 0);
	write32(VIRTIO_MMIO_STATUS, 1);
	write32(VIRTIO_MMIO_STATUS, 3);
	if (what & 4)
		require_identity();
	if (what & 8)
		want_too_much();
	for (unsigned half = 0; half < 2; half++) {
		write32(VIRTIO_MMIO_DEVICE_FEATURES_SEL, half);
		write32(VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		uint32_t offered = virtio_mmio_read(&mmio, VIRTIO_MMIO_DEVICE_FEATURES, 4);
		/* Sometimes without EVENT_IDX (29), sometimes without FLUSH (9). */
		if (half == 0)
			offered &= ~((what & 1u) << 29 | (what >> 1 & 1u) << 9);
		write32(VIRTIO_MMIO_DRIVER_FEATURES, offered);
	}
	write32(VIRTIO_MMIO_STATUS, 11);
	set_up_queue();
	if (what & 16)
		take_back_queue();
	write32(VIRTIO_MMIO_STATUS, 15);
	REQUIRE(read32(VIRTIO_MMIO_STATUS) == 15);
}

static void put_desc(unsigned number, uint64_t address, uint32_t length, unsigned flags)
{
	struct vring_desc desc = {address, length, (uint16_t)flags, (uint16_t)(number + 1)};

	memcpy(at(RINGS + sizeof(desc) * number), &desc, sizeof(desc));
}

/* --- what §5.2.6 says of a request --- */

static bool is_on_disk(uint64_t sector, uint64_t bytes)
{
	return bytes % DISK_SECTOR == 0 && bytes <= DISK_SIZE && sector <= SECTORS &&
	       bytes <= DISK_SIZE - sector * DISK_SECTOR;
}

static void expect_read(struct request *request, uint64_t sector, uint32_t bytes)
{
	request->filled = bytes;
	memcpy(request->data, shadow.data + sector * DISK_SECTOR, bytes);
	memcpy(request->known, shadow.known + sector, bytes / DISK_SECTOR);
}

static void expect_write(const struct request *request, uint64_t sector, uint32_t bytes)
{
	memcpy(shadow.data + sector * DISK_SECTOR, request->out + 16, bytes);
	memset(shadow.known + sector, true, bytes / DISK_SECTOR);
}

static uint8_t expect_range(uint32_t type, const struct virtio_blk_discard_write_zeroes *range)
{
	bool zeroes = type == VIRTIO_BLK_T_WRITE_ZEROES;

	if (range->flags > zeroes)
		return VIRTIO_BLK_S_UNSUPP;
	if (!is_on_disk(range->sector, (uint64_t)range->num_sectors * DISK_SECTOR))
		return VIRTIO_BLK_S_IOERR;
	memset(shadow.known + range->sector, zeroes, range->num_sectors);
	memset(shadow.data + range->sector * DISK_SECTOR, 0, range->num_sectors * DISK_SECTOR);
	return VIRTIO_BLK_S_OK;
}

static uint8_t expect_ranges(const struct request *request, uint32_t type, uint32_t bytes)
{
	struct virtio_blk_discard_write_zeroes range;
	uint8_t status = VIRTIO_BLK_S_OK;

	if (shadow.read_only || bytes % sizeof(range) || bytes / sizeof(range) > 64)
		return VIRTIO_BLK_S_IOERR;
	for (uint32_t i = 0; i < bytes && status == VIRTIO_BLK_S_OK; i += 16) {
		memcpy(&range, request->out + 16 + i, sizeof(range));
		status = expect_range(type, &range);
	}
	return status;
}

static uint8_t expect(struct request *request)
{
	struct virtio_blk_outhdr header;
	uint32_t out = request->out_size - 16, in = request->in_size - 1;

	memset(request->known, true, sizeof(request->known));
	request->filled = 0;
	if (request->in_size == 0 || request->out_size < sizeof(header))
		return VIRTIO_BLK_S_IOERR;
	memcpy(&header, request->out, sizeof(header));
	switch (header.type) {
	case VIRTIO_BLK_T_IN:
		if (!is_on_disk(header.sector, in))
			return VIRTIO_BLK_S_IOERR;
		expect_read(request, header.sector, in);
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_OUT:
		if (shadow.read_only || !is_on_disk(header.sector, out))
			return VIRTIO_BLK_S_IOERR;
		expect_write(request, header.sector, out);
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_FLUSH:
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_GET_ID:
		request->filled = in < VIRTIO_BLK_ID_BYTES ? in : VIRTIO_BLK_ID_BYTES;
		memcpy(request->data, blk.serial, request->filled);
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return expect_ranges(request, header.type, out);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/* The request in slot NUMBER, whose header has HEADER bytes and whose data has LENGTH; carried
 * out on the shadow. */
static void note(unsigned number, uint32_t header, uint32_t length, bool write, bool has_status)
{
	struct request *request = &model.slot[number];
	uint64_t place = REQUEST + number * REQUEST_SIZE, data = place + 0x400;

	memcpy(request->out, at(place), header);
	memcpy(request->out + header, at(data), write ? 0 : length);
	request->out_size = header + (write ? 0 : length);
	request->in_size = (write ? length : 0) + has_status;
	/* The status is apart: filled bytes lie before it, so they are in one piece. */
	request->in = write ? data : place + 0x200;
	request->status = expect(request);
	request->has_status = has_status;
	request->under_way = true;
}

static void require_answer(struct request *request, uint64_t status, uint32_t length)
{
	REQUIRE(request->under_way); /* and does not come back twice */
	request->under_way = false;
	if (request->in_size == 0) {
		REQUIRE(length == 0);
		return;
	}
	if (shadow.failing && *at(status) == VIRTIO_BLK_S_IOERR) {
		REQUIRE(length == 1);
		return;
	}
	REQUIRE(*at(status) == request->status);
	REQUIRE(length == request->filled + 1);
	for (uint32_t i = 0; i < request->filled; i += DISK_SECTOR) {
		uint32_t left = request->filled - i;

		REQUIRE(!request->known[i / DISK_SECTOR] || shadow.failing ||
			memcmp(at(request->in + i), request->data + i,
			       left < DISK_SECTOR ? left : DISK_SECTOR) == 0);
	}
}

/* --- the driver --- */

static void add_data(struct input *input, uint64_t data, uint32_t type, uint64_t sector)
{
	struct virtio_blk_discard_write_zeroes range = {sector, take8(input) % 24,
							take8(input) & 0x83};

	if (type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES)
		memcpy(at(data), &range, sizeof(range));
	else if (type == VIRTIO_BLK_T_OUT)
		memset(at(data), take8(input), 0x1000);
}

/* Header, data in two pieces, status: five descriptors, so three requests fit the table. */
static void add_request(struct input *input)
{
	unsigned number = model.requests++ % 3, first = number * 5, what = take8(input);
	uint64_t place = REQUEST + number * REQUEST_SIZE, data = place + 0x400;
	uint32_t type = types[take8(input) % COUNT(types)];
	struct virtio_blk_outhdr header = {.type = type,
					   .sector = take_near(input, sectors, COUNT(sectors))};
	uint32_t length = type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES
				  ? 16
				  : (1 + what % 8) * DISK_SECTOR;
	unsigned write =
		type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID ? VRING_DESC_F_WRITE : 0u;
	uint32_t cut = 1 + take8(input) % (length - 1);

	if (what >= 0xf0)
		length += take8(input);
	memcpy(at(place), &header, sizeof(header));
	add_data(input, data, type, header.sector);
	put_desc(first, place, what >= 0xe8 ? what & 15 : 16, VRING_DESC_F_NEXT);
	put_desc(first + 1, data, cut, VRING_DESC_F_NEXT | write);
	put_desc(first + 2, data + cut, length - cut,
		 write | (what == 0xe7 ? 0 : VRING_DESC_F_NEXT));
	put_desc(first + 3, place + 0x200, 1, VRING_DESC_F_WRITE);
	if (what == 0xe6) { /* no data at all */
		struct vring_desc desc = {place, 16, VRING_DESC_F_NEXT, (uint16_t)(first + 3)};

		memcpy(at(RINGS + sizeof(desc) * first), &desc, sizeof(desc));
		length = 0;
	}
	*at(place + 0x200) = 0xee;
	note(number, what >= 0xe8 ? what & 15 : 16, length, write, what != 0xe7);
	uint16_t head = (uint16_t)first;
	memcpy(at(AVAIL + 4 + 2 * (model.avail % SIZE)), &head, sizeof(head));
	model.avail++;
	memcpy(at(AVAIL + 2), &model.avail, sizeof(model.avail));
}

static void serve(void)
{
	uint16_t used;

	virtio_blk_serve(&blk, 0);
	if (model.confused)
		return;
	memcpy(&used, at(USED + 2), sizeof(used));
	REQUIRE(used == model.avail); /* each came back */
	for (; model.used != used; model.used++) {
		struct vring_used_elem element;

		memcpy(&element, at(USED + 4 + 8 * (model.used % SIZE)), sizeof(element));
		REQUIRE(element.id % 5 == 0 && element.id < 15);
		struct request *request = &model.slot[element.id / 5];
		uint64_t status = REQUEST + element.id / 5 * REQUEST_SIZE + 0x200;

		if (!request->has_status)
			status = request->in + request->in_size - 1;
		require_answer(request, status, element.len);
	}
}

/* Up to three under way: their descriptors are used again. */
static void request(struct input *input)
{
	unsigned count = 1 + take8(input) % 3;

	while (count--)
		add_request(input);
	/* As a worker hears of it. */
	uint64_t kicks = atomic_load(&blk.virtio.stat[STAT_KICKS]);
	write32(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	virtio_await(&blk.virtio, blk.virtio.queue[0].kick_fd);
	REQUIRE(atomic_load(&blk.virtio.stat[STAT_KICKS]) > kicks);
	serve();
}

static void access_register(struct input *input)
{
	unsigned offset = (unsigned)take_near(input, registers, COUNT(registers));
	unsigned size = take8(input);
	uint32_t value = (uint32_t)take_near(input, values, COUNT(values));

	if (size & 0x80) {
		virtio_mmio_read(&mmio, offset, 1 + size % 4);
		return;
	}
	confuse();
	virtio_mmio_write(&mmio, offset, size & 0x40 ? 1 + size % 4 : 4, value);
}

static void flip(struct input *input)
{
	confuse();
	*at(RINGS + take16(input) % 0xc00) ^= take8(input);
}

/* A file becomes shorter, or takes no writes any more, or nothing. */
static void fail_host(struct input *input)
{
	unsigned what = take8(input);
	int *fd = what & 1 && disk.scratch_fd >= 0 ? &disk.scratch_fd : &disk.file.fd;

	shadow.failing = true;
	if (what & 2)
		*fd = what & 4 ? sealed : deaf;
	else
		REQUIRE(ftruncate(files[fd == &disk.scratch_fd], (what >> 2) * DISK_SECTOR / 2) ==
			0);
}

static void require_untouched(enum kind kind)
{
	static uint8_t now[DISK_SIZE];

	if (shadow.failing)
		return;
	if (kind != READ_ONLY && kind != EPHEMERAL)
		return;
	REQUIRE(pread(files[0], now, DISK_SIZE, 0) == DISK_SIZE);
	REQUIRE(memcmp(now, base, DISK_SIZE) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	unsigned shape = take8(&input);
	enum kind kind = shape % KINDS;

	if (!ram.range[0].size)
		once();
	make_disk(kind, shape & 0x40 ? 2 : 1);
	start_driver(&input);
	while (input.size) {
		unsigned what = take8(&input);

		if (what < 0xb0)
			request(&input);
		else if (what < 0xd0)
			access_register(&input);
		else if (what < 0xe8)
			flip(&input);
		else if (what < 0xf8 || shape < 0x80)
			start_driver(&input);
		else
			fail_host(&input);
		if (model.confused)
			serve();
	}
	require_untouched(kind);
	said.failing |= shadow.failing;
	said.broken |= read32(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
	return 0;
}
