/* The bytes of a virtqueue's chains, and a driver on another CPU. */
#include "virtq_ring.h"

#include <pthread.h>
#include <stdatomic.h>

/* --- bytes of a chain --- */

static void split_chain(void)
{
	desc(0, DATA, 1, VRING_DESC_F_NEXT, 1);
	desc(1, DATA + 0x100, 15, VRING_DESC_F_NEXT, 2);
	desc(2, DATA + 0x200, 3, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 3);
	desc(3, DATA + 0x300, 5, VRING_DESC_F_WRITE, 0);
	offer(0);
	assert_int_equal(pop(), VIRTQ_OK);
}

static void bytes_are_read_across_parts(void **state)
{
	uint8_t text[16], all[16];

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		all[i] = (uint8_t)('a' + i);
	put(DATA, all, 1);
	put(DATA + 0x100, all + 1, 15);
	split_chain();
	for (uint32_t offset = 0; offset <= 17; offset++)
		for (uint32_t length = 0; length <= 17; length++) {
			memset(text, 0, sizeof(text));
			bool fine = chain_read(&chain, offset, text, length);

			assert_each(fine == (offset + length <= 16), "offset", offset);
			if (fine)
				assert_memory_equal(text, all + offset, length);
		}
	assert_false(chain_read(&chain, UINT32_MAX, text, 2));
	assert_false(chain_read(&chain, 2, text, UINT32_MAX));
}

static void bytes_are_written_across_parts(void **state)
{
	char text[9] = "";

	(void)state;
	split_chain();
	assert_true(chain_write(&chain, 0, "12345678", 8));
	assert_false(chain_write(&chain, 1, "xxxxxxxx", 8));
	assert_false(chain_write(&chain, 9, "", 0));
	assert_true(chain_write(&chain, 2, "ABC", 3));
	assert_true(ram_read(&ram, GPA(DATA + 0x200), text, 3));
	assert_true(ram_read(&ram, GPA(DATA + 0x300), text + 3, 5));
	assert_string_equal(text, "12ABC678");
}

static void iovecs_cover_the_same_bytes(void **state)
{
	struct iovec iov[VIRTQ_SIZE_MAX];
	uint8_t *base = (uint8_t *)(uintptr_t)ram_host(&ram, 0);

	(void)state;
	split_chain();
	assert_int_equal(chain_readable_iov(&chain, 0, 16, iov), 2);
	assert_ptr_equal(iov[0].iov_base, base + DATA);
	assert_int_equal(iov[0].iov_len, 1);
	assert_ptr_equal(iov[1].iov_base, base + DATA + 0x100);
	assert_int_equal(iov[1].iov_len, 15);
	assert_int_equal(chain_readable_iov(&chain, 1, 15, iov), 1);
	assert_int_equal(chain_readable_iov(&chain, 4, 2, iov), 1);
	assert_ptr_equal(iov[0].iov_base, base + DATA + 0x103);
	assert_int_equal(iov[0].iov_len, 2);
	assert_int_equal(chain_readable_iov(&chain, 0, 17, iov), 0);
	assert_int_equal(chain_writable_iov(&chain, 2, 2, iov), 2);
	assert_ptr_equal(iov[1].iov_base, base + DATA + 0x300);
	assert_int_equal(iov[1].iov_len, 1);
	assert_int_equal(chain_writable_iov(&chain, 0, 9, iov), 0);
}

/* --- a driver on another CPU --- */

static atomic_bool stop;

/* Guest memory has no rules: the sanitizer must not apply its own. */
__attribute__((no_sanitize("thread"))) static void *scribble(void *argument)
{
	volatile uint8_t *base = (uint8_t *)(uintptr_t)ram_host(&ram, 0);
	uint32_t random = 1;

	(void)argument;
	while (!atomic_load(&stop)) {
		base[DESC + next_random(&random) % (16 * SIZE)] = (uint8_t)next_random(&random);
		base[AVAIL + next_random(&random) % 22] = (uint8_t)next_random(&random);
	}
	return NULL;
}

static void assert_chain_is_sound(void)
{
	uint64_t sums[2] = {0, 0};

	assert_true(chain.readable + chain.writable <= SIZE);
	for (unsigned i = 0; i < chain.readable + chain.writable; i++) {
		assert_true(chain.part[i].length);
		assert_true(ram_holds(&ram, chain.part[i].address, chain.part[i].length));
		sums[i >= chain.readable] += chain.part[i].length;
	}
	assert_int_equal(sums[0], chain.read_size);
	assert_int_equal(sums[1], chain.write_size);
}

/* Double fetches: what is checked is what is used. */
static void descriptors_that_change_while_they_are_read(void **state)
{
	pthread_t thread;
	unsigned taken = 0;

	(void)state;
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, scribble, NULL), 0);
	for (unsigned i = 0; i < 200000; i++) {
		if (pop() == VIRTQ_OK) {
			assert_chain_is_sound();
			taken++;
			virtq_push(&queue, &ram, chain.head, 0);
			virtq_publish(&queue, &ram);
		}
		/* Where the index stands now, one chain waits. */
		queue.next_avail = (uint16_t)(get16(AVAIL + 2) - 1);
		virtq_await_kick(&queue, &ram);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	print_message("%u chains\n", taken);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(bytes_are_read_across_parts),
		TEST(bytes_are_written_across_parts),
		TEST(iovecs_cover_the_same_bytes),
		TEST(descriptors_that_change_while_they_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
