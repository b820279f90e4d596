/* The ring walker and a driver that is mostly sane: whatever stands in the rings, a chain that
 * is taken lies in RAM, is as long as it says, and is one that was offered. */
#include "fuzz.h"

#include <linux/virtio_ring.h>

#include "devices/virtq.h"

enum {
	LOW_END = 0x8000, /* RAM ends here, … */
	HIGH = 0x100000,  /* … and goes on from here … */
	HIGH_END = HIGH + 0x8000,
	DESC = 0x1000,
	AVAIL = 0x3000,
	USED = 0x4000,
	DATA = 0x6000,
};

static const uint64_t addresses[] = {DATA,     DATA, DATA,       DATA,       0,    LOW_END,   HIGH,
				     HIGH_END, DESC, UINT64_MAX, 1ull << 32, USED, 0xe0000000};
static const uint64_t lengths[] = {1,      16,      512,        4096,       0,
				   0x8000, 0xf8000, UINT32_MAX, 0x80000000, 0x7fffffff};
static const uint8_t size_shifts[] = {3, 0, 8, 1, 5};

static struct ram ram;
static struct virtq queue;
static struct chain chain;
static uint16_t avail_index;
static unsigned taken; /* chains that were popped and not given back */

static void put(uint64_t address, const void *data, size_t size)
{
	REQUIRE(ram_write(&ram, GPA(address), data, size));
}

static void put_desc(struct input *input)
{
	unsigned number = take8(input) % queue.size, flags = take8(input);
	struct vring_desc desc = {
		.addr = take_near(input, addresses, COUNT(addresses)),
		.len = (uint32_t)take_near(input, lengths, COUNT(lengths)),
		.flags = (uint16_t)(flags < 0xf8 ? flags & 3 : flags),
		.next = (uint16_t)((number + 1 + (flags >> 2) % 3) % queue.size),
	};

	if (flags == 0xf7)
		desc.next = take16(input);
	put(DESC + sizeof(desc) * number, &desc, sizeof(desc));
}

static void offer(struct input *input)
{
	unsigned what = take8(input);
	uint16_t head = (uint16_t)(what < 0xf0 ? what % queue.size : take16(input));

	put(AVAIL + 4 + 2 * (avail_index % queue.size), &head, sizeof(head));
	avail_index = (uint16_t)(avail_index + (what == 0xff ? take16(input) : 1));
	put(AVAIL + 2, &avail_index, sizeof(avail_index));
}

static void require_sound(void)
{
	uint64_t sums[2] = {0, 0};

	REQUIRE(chain.head < queue.size);
	REQUIRE(chain.readable + chain.writable <= queue.size);
	for (unsigned i = 0; i < chain.readable + chain.writable; i++) {
		uint64_t start = chain.part[i].address.v, length = chain.part[i].length;

		REQUIRE(length);
		REQUIRE(start < LOW_END
				? length <= LOW_END - start
				: start >= HIGH && start < HIGH_END && length <= HIGH_END - start);
		sums[i >= chain.readable] += length;
	}
	REQUIRE(sums[0] == chain.read_size && sums[1] == chain.write_size);
}

/* All bytes of both kinds, and none beyond. */
static void use_chain(struct input *input)
{
	static uint8_t data[0x10000];
	static struct iovec iov[VIRTQ_SIZE_MAX];
	uint32_t offset = take16(input), length = take16(input);

	if (length <= sizeof(data)) {
		REQUIRE(chain_read(&chain, offset, data, length) ==
			((uint64_t)offset + length <= chain.read_size));
		REQUIRE(chain_write(&chain, offset, data, length) ==
			((uint64_t)offset + length <= chain.write_size));
	}
	REQUIRE(chain_readable_iov(&chain, 0, chain.read_size, iov) == chain.readable);
	unsigned count = chain_writable_iov(&chain, offset, length, iov);
	uint64_t sum = 0;
	for (unsigned i = 0; i < count; i++)
		sum += iov[i].iov_len;
	REQUIRE(sum == 0 || sum == length);
	/* It may have been the ring that was written to. */
	REQUIRE(ram_read(&ram, GPA(AVAIL + 2), &avail_index, sizeof(avail_index)));
}

static void pop(struct input *input)
{
	uint16_t before = queue.next_avail, waiting = (uint16_t)(avail_index - before);
	enum virtq_answer answer = virtq_pop(&queue, &ram, &chain);

	REQUIRE((answer == VIRTQ_EMPTY) == (waiting == 0));
	REQUIRE(waiting <= queue.size || answer == VIRTQ_BROKEN);
	REQUIRE(queue.next_avail == (uint16_t)(before + (answer == VIRTQ_OK)));
	if (answer != VIRTQ_OK)
		return;
	require_sound();
	use_chain(input);
	virtq_push(&queue, &ram, chain.head, chain.write_size);
	taken++;
}

static void give_back(void)
{
	uint16_t before = queue.next_avail;

	if (!taken || queue.published == queue.next_used)
		return;
	virtq_rewind(&queue, 1, 1);
	REQUIRE(queue.next_avail == (uint16_t)(before - 1));
	taken--;
}

static void publish(void)
{
	uint16_t index;

	virtq_publish(&queue, &ram);
	REQUIRE(ram_read(&ram, GPA(USED + 2), &index, sizeof(index)));
	REQUIRE(index == queue.next_used);
	taken = 0;
}

static void set_up(struct input *input)
{
	static const uint8_t zeros[LOW_END];
	unsigned what = take8(input);

	put(0, zeros, sizeof(zeros));
	queue = (struct virtq){
		.size = 1u << size_shifts[what % COUNT(size_shifts)],
		.desc = GPA(DESC),
		.avail = GPA(AVAIL),
		.used = GPA(USED),
		.event_idx = what >> 7,
	};
	avail_index = queue.next_avail = (uint16_t)(what & 0x40 ? 0xfff8 : 0);
	put(AVAIL + 2, &avail_index, sizeof(avail_index));
	taken = 0;
	REQUIRE(virtq_enable(&queue, &ram));
}

/* §2.7: a ring lies in memory as a whole, and where its kind may begin. */
static bool may_lie(uint64_t start, uint64_t length, unsigned alignment)
{
	uint64_t end = start < HIGH ? LOW_END : HIGH_END;

	return start % alignment == 0 && (start < LOW_END || start >= HIGH) && start < end &&
	       length <= end - start;
}

/* Another queue, of any size and anywhere: it is taken if it makes sense, and is empty at first;
 * if not, it is no queue. */
static void enable_another(struct input *input)
{
	static const uint64_t shapes[] = {1, 2, 8, 256, 512, 0x80000000, 0};
	uint32_t size = (uint32_t)take_near(input, shapes, COUNT(shapes));
	struct virtq other = {
		.size = take8(input) & 1 ? 16 : size,
		.desc = GPA(take_near(input, addresses, COUNT(addresses)) &
			    ~(uint64_t)(take8(input) & 15)),
		.avail = GPA(take_near(input, addresses, COUNT(addresses)) &
			     ~(uint64_t)(take8(input) & 1)),
		.used = GPA(take_near(input, addresses, COUNT(addresses)) &
			    ~(uint64_t)(take8(input) & 3)),
	};
	bool sound = other.size && other.size <= VIRTQ_SIZE_MAX &&
		     !(other.size & (other.size - 1)) &&
		     may_lie(other.desc.v, 16ull * other.size, 16) &&
		     may_lie(other.avail.v, 6 + 2ull * other.size, 2) &&
		     may_lie(other.used.v, 6 + 8ull * other.size, 4);

	REQUIRE(virtq_enable(&other, &ram) == sound && other.ready == sound);
	if (sound)
		return;
	REQUIRE(virtq_pop(&other, &ram, &chain) == VIRTQ_EMPTY);
	REQUIRE(virtq_await_kick(&other, &ram));
}

static void put_back(struct input *input)
{
	unsigned what = take8(input);

	if (what == 0xfc)
		enable_another(input);
	else if (what % 2)
		give_back();
	else
		virtq_await_kick(&queue, &ram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct problem problem;

	if (!ram.range[0].size)
		REQUIRE(ram_reserve(&ram, LOW_END + 0x8000, 0, LOW_END, HIGH, &problem));
	set_up(&input);
	while (input.size)
		switch (take8(&input) % 8) {
		case 0:
		case 1:
		case 2:
			put_desc(&input);
			break;
		case 3:
			offer(&input);
			break;
		case 4:
		case 5:
			pop(&input);
			break;
		case 6:
			publish();
			break;
		default:
			put_back(&input);
		}
	return 0;
}
