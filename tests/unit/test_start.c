/* Packed relative relocations (the generic ABI's DT_RELR), applied to tables made by hand, and
 * by a plain loop beside. */
#define _GNU_SOURCE
#include "start.c"

#include "unit.h"

enum { WORDS = 1024, TABLE = 512, ENTRIES = 64 };

/* A program: words, some of which are to be relocated, and the table. */
static struct image {
	uint64_t word[WORDS];
} image, model;

static uint64_t *table(void)
{
	return &image.word[TABLE];
}

static void fill(void)
{
	for (unsigned i = 0; i < WORDS; i++)
		image.word[i] = 0x1000 + i;
}

/* As <https://sourceware.org/pipermail/libc-alpha/2022-March/136855.html> decodes it, an offset
 * a step. */
static void relocate_model(const uint64_t *entries, unsigned count)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < count; i++) {
		if (entries[i] % 2 == 0) {
			model.word[entries[i] / 8] += (uintptr_t)&image;
			next = entries[i] + 8;
			continue;
		}
		for (uint64_t bits = entries[i] >> 1, at = next; bits; bits >>= 1, at += 8)
			if (bits & 1)
				model.word[at / 8] += (uintptr_t)&image;
		next += 63 * 8;
	}
}

/* Relocates by COUNT ENTRIES, with other tags of the dynamic section around. */
static void relocate(const uint64_t *entries, unsigned count)
{
	Elf64_Dyn dynamic[] = {
		{DT_FLAGS_1, {DF_1_PIE}},  {DT_RELRSZ, {count * 8}}, {37 /* DT_RELRENT */, {8}},
		{DT_RELR, {TABLE * 8}},    {DT_RELASZ, {999}},       {DT_NULL, {0}},
		{DT_RELRSZ, {UINT32_MAX}}, /* beyond the end */
	};

	fill();
	memcpy(table(), entries, count * 8);
	model = image;
	relocate_model(entries, count);
	start_relocate((char *)&image, dynamic);
}

static void assert_relocated(unsigned number)
{
	for (unsigned i = 0; i < WORDS; i++)
		assert_each(image.word[i] == model.word[i], "word", number * 10000ul + i);
}

static unsigned moved(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < TABLE; i++)
		count += image.word[i] >= (uintptr_t)&image;
	return count;
}

static void tables_by_hand(void **state)
{
	static const struct {
		unsigned count, moved;
		uint64_t entry[5];
	} cases[] = {
		{0, 0, {0}},
		{1, 1, {0}},                              /* the first word */
		{2, 2, {0, 0x3}},                         /* … and the one after it */
		{2, 64, {8, UINT64_MAX}},                 /* 63 after one */
		{2, 2, {8, UINT64_C(1) << 63 | 1}},       /* the last of a bitmap */
		{2, 1, {8, 1}},                           /* an empty bitmap */
		{3, 2, {8, 1, 3}},                        /* … moves on */
		{3, 127, {16, UINT64_MAX, UINT64_MAX}},   /* two in a row */
		{5, 5, {16, 5, 800, 0x10001, 2400}},      /* an address ends a row */
		{4, 4, {8, 1, 1, UINT64_C(7) << 61 | 1}}, /* far */
		{2,
		 2,
		 {(TABLE - 64) * 8, UINT64_C(1) << 63 | 1}}, /* the last word before the table */
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		relocate(cases[i].entry, cases[i].count);
		assert_relocated(i);
		assert_each(moved() == cases[i].moved, "case", i);
	}
}

static void tables_by_chance(void **state)
{
	uint32_t seed = 99;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		uint64_t entries[ENTRIES], at = next_random(&seed) % 8;
		unsigned count = 0;

		while (at < TABLE - 64 && count + 1 < ENTRIES) {
			entries[count++] = at++ * 8;
			for (; next_random(&seed) % 3 && at < TABLE - 64 && count < ENTRIES;
			     at += 63)
				entries[count++] = (uint64_t)next_random(&seed) << 33 |
						   (uint64_t)next_random(&seed) << 1 | 1;
			at += next_random(&seed) % 40;
		}
		relocate(entries, count);
		assert_relocated(round);
	}
}

/* A program without a table is left alone. */
static void no_table(void **state)
{
	static Elf64_Dyn none[] = {{DT_RELASZ, {24}}, {DT_NULL, {0}}};
	static Elf64_Dyn empty[] = {{DT_RELR, {TABLE * 8}}, {DT_RELRSZ, {0}}, {DT_NULL, {0}}};

	(void)state;
	fill();
	model = image;
	start_relocate((char *)&image, none);
	start_relocate((char *)&image, empty);
	assert_relocated(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_by_hand),
		cmocka_unit_test(tables_by_chance),
		cmocka_unit_test(no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
