/* A channel in a test, the guest and the main loop on its sides. */
#ifndef MAYFLY_CHANNEL_GUEST_H
#define MAYFLY_CHANNEL_GUEST_H

#include "devices/channel.h"

#include "base/bytes.h"
#include "decoder.h"
#include "unit.h"

/* The window's pages, in no order. */
#define PAGE_AT(i) (0x80000ull + (7 * (i) % 19) * PAGE)

static struct ram ram;
static struct channel channel;
static struct problem problem;

static inline int reserve(void **state)
{
	(void)state;
	return ram_reserve(&ram, MIB, 0, 3 * GIB, 4 * GIB, &problem) ? 0 : -1;
}

static inline int release(void **state)
{
	(void)state;
	ram_release(&ram);
	return 0;
}

static inline int set_up(void **state)
{
	(void)state;
	problem_clear(&problem);
	channel_init(&channel, &ram);
	return 0;
}

/* --- what the guest does --- */

static inline bool receive(const void *data, size_t size)
{
	return channel_receive(&channel, data, size, &problem);
}

static inline bool guest_sends(unsigned type, const void *payload, size_t size)
{
	uint8_t frame[CHANNEL_HEADER + CHANNEL_INLINE_MAX] = {(uint8_t)type, (uint8_t)size,
							      (uint8_t)(size >> 8)};

	assert_true(size <= CHANNEL_INLINE_MAX);
	memcpy(frame + CHANNEL_HEADER, payload, size);
	return receive(frame, CHANNEL_HEADER + size);
}

static inline bool guest_sends_header(unsigned type, size_t size)
{
	const uint8_t header[] = {(uint8_t)type, (uint8_t)size, (uint8_t)(size >> 8)};

	return receive(header, sizeof(header));
}

#define TABLE 0x1234u

static inline void set_page(unsigned i, uint64_t address)
{
	uint8_t entry[8];

	put_le64(entry, address);
	assert_true(ram_write(&ram, GPA(TABLE + 8 * i), entry, sizeof(entry)));
}

/* The table of the window, and where it is. */
static inline void make_ready(uint8_t payload[CHANNEL_READY_WINDOWED])
{
	payload[0] = CHANNEL_VERSION;
	put_le64(payload + 1, TABLE);
	for (unsigned i = 0; i < CHANNEL_PAGES; i++)
		set_page(i, PAGE_AT(i));
}

static inline bool guest_is_ready(bool windowed)
{
	uint8_t payload[CHANNEL_READY_WINDOWED];

	make_ready(payload);
	return guest_sends(CHANNEL_READY, payload, windowed ? sizeof(payload) : 1);
}

/* Copies between DATA and the window, from page FIRST on. */
static inline void write_pages(unsigned first, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		assert_true(
			ram_write(&ram, GPA(PAGE_AT(first + i / PAGE) + i % PAGE), data + i, 1));
}

static inline void read_pages(unsigned first, uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		assert_true(ram_read(&ram, GPA(PAGE_AT(first + i / PAGE) + i % PAGE), data + i, 1));
}

/* --- what the host does --- */

static inline void assert_output(const void *expected, size_t size, enum channel_frame stream)
{
	enum channel_frame seen_stream;
	size_t seen_size;
	const uint8_t *seen = channel_output(&channel, &seen_size, &seen_stream);

	assert_int_equal(seen_size, size);
	if (!size)
		return;
	assert_int_equal(seen_stream, stream);
	assert_memory_equal(seen, expected, size);
}

static inline void assert_pending(const void *expected, size_t size)
{
	size_t pending;
	const uint8_t *bytes = channel_pending(&channel, &pending);

	assert_int_equal(pending, size);
	if (size)
		assert_memory_equal(bytes, expected, size);
}

static inline size_t pending(void)
{
	size_t size;

	channel_pending(&channel, &size);
	return size;
}

static inline void send_all(void)
{
	if (pending())
		channel_sent(&channel, pending());
}

static const uint8_t taken[] = {CHANNEL_TAKEN, 0, 0};

#define CHANNEL_TEST(test) cmocka_unit_test_setup(test, set_up)

#endif
