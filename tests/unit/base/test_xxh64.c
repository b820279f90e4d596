/* XXH64: the values that xxHash's own self-test has for inputs of every path through the
 * algorithm, and some of xxhsum's. */
#include "base/xxh64.h"

#include <stdlib.h>

#include "unit.h"

static uint64_t hash(const char *text)
{
	return xxh64((struct bytes){(const uint8_t *)text, strlen(text)}, 0);
}

static void texts(void **state)
{
	static const struct {
		const char *text;
		uint64_t hash;
	} known[] = {
		/* published widely */
		{"", 0xef46db3751d8e999},
		{"a", 0xd24ec4f1a98c6e5b},
		{"abc", 0x44bc2cf5ad770999},
		/* xxhsum -H64, 0.8.1 */
		{"message digest", 0x066ed728fceeb3be},
		{"abcdefghijklmnopqrstuvwxyz", 0xcfe1f278fa89835c},
		{"The quick brown fox jumps over the lazy dog", 0x0b242d361fda71bc},
		{"Call me Ishmael. Some years ago--never mind how long precisely-",
		 0x02a2e85470d6fd96},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(known); i++)
		assert_each(hash(known[i].text) == known[i].hash, "wrong hash of text", i);
}

/* xxHash, cli/xsum_sanity_check.c: the buffer, the lengths and both seeds. */
static void self_test(void **state)
{
	static const uint32_t prime = 2654435761;
	static const struct {
		size_t size;
		uint64_t plain, seeded;
	} known[] = {
		{0, 0xef46db3751d8e999, 0xac75fda2929b17ef},
		{1, 0xe934a84adb052768, 0x5014607643a9b4c3},
		{4, 0x9136a0dca57457ee, 0xcaab286bd8e9fdb5},
		{14, 0x8282dcc4994e35c8, 0xc3bd6bf63deb6df0},
		{222, 0xb641ae8cb691c174, 0x20cb8ab7ae10c14a},
	};
	uint64_t number = prime;
	uint8_t buffer[222];

	(void)state;
	for (unsigned i = 0; i < COUNT(buffer); i++, number *= 11400714785074694797u)
		buffer[i] = (uint8_t)(number >> 56);
	for (unsigned i = 0; i < COUNT(known); i++) {
		struct bytes data = {buffer, known[i].size};

		assert_each(xxh64(data, 0) == known[i].plain, "wrong hash of size", data.size);
		assert_each(xxh64(data, prime) == known[i].seeded, "wrong seeded hash of size",
			    data.size);
	}
}

/* Of the bytes 0, 1, 2 …: the hash of all hashes of the first N, by xxhsum -H64 0.8.1, so every
 * length modulo 32. */
static void every_length(void **state)
{
	uint8_t bytes[256], hashes[256][8];

	(void)state;
	for (unsigned i = 0; i < COUNT(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t size = 0; size < COUNT(bytes); size++) {
		/* Not aligned, and with the sanitizer at its end. */
		uint8_t *exact = malloc(size + 1);

		memcpy(exact + 1, bytes, size);
		put_le64(hashes[size], xxh64((struct bytes){exact + 1, size}, 0));
		free(exact);
	}
	assert_int_equal(xxh64((struct bytes){hashes[0], sizeof(hashes)}, 0), 0x49ce7dd0c55c42f0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(self_test),
		cmocka_unit_test(every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
