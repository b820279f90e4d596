/* Flattened device trees: Devicetree Specification 0.4 §5. */
#include "tables/fdt.h"

#include <stdlib.h>

#include "fdt_reader.h"

static struct fdt fdt;
static uint8_t blob[8192];
static size_t size;

static void begin(void)
{
	memset(blob, 0xee, sizeof(blob));
	fdt_begin(&fdt, blob, sizeof(blob));
}

/* Ends the tree, which is right as far as its format goes. */
static void finish(void)
{
	size = fdt_finish(&fdt);
	assert_true(size > 0 && size <= sizeof(blob));
	for (size_t i = size; i < sizeof(blob); i++)
		assert_each(blob[i] == 0xee, "written at", i);
	dt_check(blob, size);
}

static void assert_blob(const uint8_t *golden, size_t golden_size)
{
	assert_int_equal(size, golden_size);
	for (size_t i = 0; i < size; i++)
		assert_each(blob[i] == golden[i], "differs at", i);
}

/* --- bytes, written by hand --- */

/* clang-format off */
static const uint8_t smallest_golden[] = {
	/* §5.2: magic, totalsize, off_dt_struct, off_dt_strings, off_mem_rsvmap, version,
	 * last_comp_version, boot_cpuid_phys, size_dt_strings, size_dt_struct */
	0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 72, 0, 0, 0, 56, 0, 0, 0, 72, 0, 0, 0, 40,
	0, 0, 0, 17, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16,
	/* §5.3: no reservation but the last */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* §5.4: FDT_BEGIN_NODE, "", FDT_END_NODE, FDT_END */
	0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 9,
};

static const uint8_t example_golden[] = {
	/* the header */
	0xd0, 0x0d, 0xfe, 0xed, 0, 0, 1, 0x10, 0, 0, 0, 0x38, 0, 0, 0, 0xf0, 0, 0, 0, 0x28,
	0, 0, 0, 0x11, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x1d, 0, 0, 0, 0xb8,
	/* no reservations */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* the root */
	0, 0, 0, 1, 0, 0, 0, 0,
	/* model = "ab" */
	0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 0, 0x61, 0x62, 0, 0,
	/* cells = <1 0x80000002> */
	0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 6, 0, 0, 0, 1,
	0x80, 0, 0, 2,
	/* dev@1f00000000 */
	0, 0, 0, 1, 0x64, 0x65, 0x76, 0x40, 0x31, 0x66, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30,
	0x30, 0x30, 0, 0,
	/* reg = <0x1f 0 1 0> */
	0, 0, 0, 3, 0, 0, 0, 0x10, 0, 0, 0, 0x0c, 0, 0, 0, 0x1f,
	0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,
	/* flag; */
	0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0x10,
	/* cells = <0xffffffff>, the name for the second time */
	0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff,
	/* its end */
	0, 0, 0, 2,
	/* n */
	0, 0, 0, 1, 0x6e, 0, 0, 0,
	/* u64 = <0x01234567 0x89abcdef> */
	0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 0x15, 1, 0x23, 0x45, 0x67,
	0x89, 0xab, 0xcd, 0xef,
	/* raw = [0102030405] */
	0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 0x19, 1, 2, 3, 4,
	5, 0, 0, 0,
	/* its end */
	0, 0, 0, 2,
	/* the root's end, the tree's */
	0, 0, 0, 2, 0, 0, 0, 9,
	/* the names: model, cells, reg, flag, u64, raw */
	'm', 'o', 'd', 'e', 'l', 0, 'c', 'e', 'l', 'l', 's', 0, 'r', 'e', 'g', 0,
	'f', 'l', 'a', 'g', 0, 'u', '6', '4', 0, 'r', 'a', 'w', 0, 0, 0, 0,
};
/* clang-format on */

static void the_smallest_tree(void **state)
{
	(void)state;
	begin();
	finish();
	assert_blob(smallest_golden, sizeof(smallest_golden));
}

/* dtc makes the same of the tree in the comments. */
static void an_example(void **state)
{
	static const uint32_t cells[] = {1, 0x80000002};
	static const struct fdt_range range = {0x1f00000000, 0x100000000};

	(void)state;
	begin();
	fdt_string(&fdt, "model", "ab");
	fdt_cells(&fdt, "cells", cells, 2);
	fdt_node_at(&fdt, "dev", 0x1f00000000);
	fdt_reg(&fdt, &range, 1);
	fdt_property(&fdt, "flag", NULL, 0);
	fdt_u32(&fdt, "cells", UINT32_MAX);
	fdt_end(&fdt);
	fdt_node(&fdt, "n");
	fdt_u64(&fdt, "u64", 0x0123456789abcdef);
	fdt_property(&fdt, "raw", "\1\2\3\4\5", 5);
	fdt_end(&fdt);
	finish();
	assert_blob(example_golden, sizeof(example_golden));
}

/* --- nodes --- */

static void nodes_in_nodes(void **state)
{
	(void)state;
	begin();
	for (unsigned i = 0; i < 50; i++) {
		fdt_node(&fdt, "node");
		fdt_u32(&fdt, "depth", i);
	}
	for (unsigned i = 0; i < 50; i++)
		fdt_end(&fdt);
	fdt_node(&fdt, "other");
	fdt_end(&fdt);
	finish();
	assert_int_equal(dt_cell(blob, "/node/node/node", "depth", 0, 1), 2);
	assert_true(dt_has_node(blob, "/other"));
	assert_int_equal(dt_count(blob, "/node"), 50);
}

/* §2.2.1.1: hexadecimal, lower case, without leading zeros or 0x. */
static void unit_addresses(void **state)
{
	static const struct {
		uint64_t address;
		const char *path;
	} cases[] = {{0, "/d@0"},
		     {9, "/d@9"},
		     {10, "/d@a"},
		     {0x9001000, "/d@9001000"},
		     {0xffffffff, "/d@ffffffff"},
		     {0x100000000, "/d@100000000"},
		     {UINT64_MAX, "/d@ffffffffffffffff"}};

	(void)state;
	begin();
	for (unsigned i = 0; i < COUNT(cases); i++) {
		fdt_node_at(&fdt, "d", cases[i].address);
		fdt_end(&fdt);
	}
	finish();
	for (unsigned i = 0; i < COUNT(cases); i++)
		assert_each(dt_has_node(blob, cases[i].path), "no node at", cases[i].address);
}

/* Names of one to five characters, whose padding is zero (dt_check). */
static void names_of_every_length(void **state)
{
	(void)state;
	begin();
	for (unsigned i = 4; i <= 4; i--) {
		fdt_node(&fdt, &"abcde"[i]);
		fdt_end(&fdt);
	}
	finish();
	for (unsigned i = 0; i < 5; i++) {
		char path[8] = "/";

		strcat(path, &"abcde"[i]);
		assert_true(dt_has_node(blob, path));
	}
}

static void a_node_that_is_open(void **state)
{
	(void)state;
	begin();
	fdt_node(&fdt, "open");
	assert_true(fdt_finish(&fdt) == 0);
	begin();
	fdt_node(&fdt, "a");
	fdt_node(&fdt, "b");
	fdt_end(&fdt);
	assert_true(fdt_finish(&fdt) == 0);
}

static void a_node_that_is_ended_twice(void **state)
{
	(void)state;
	begin();
	fdt_end(&fdt); /* the root, which fdt_finish ends */
	assert_true(fdt_finish(&fdt) == 0);
	begin();
	fdt_node(&fdt, "a");
	fdt_end(&fdt);
	fdt_end(&fdt);
	assert_true(fdt_finish(&fdt) == 0);
}

/* --- properties --- */

static const char *const names[] = {"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"};

/* The value's size is told as it is, what fills its last cell is zero (dt_check), whatever was
 * there. */
static void values_of_every_size(void **state)
{
	static const uint8_t value[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

	(void)state;
	begin();
	for (unsigned i = 0; i < COUNT(names); i++)
		fdt_property(&fdt, names[i], value, i);
	finish();
	for (unsigned i = 0; i < COUNT(names); i++) {
		struct dt_property property = dt_get(blob, "", names[i]);

		assert_int_equal(property.size, i);
		assert_memory_equal(property.value, value, i);
	}
}

static void strings(void **state)
{
	static const char two[] = "first\0second";

	(void)state;
	begin();
	fdt_string(&fdt, "empty", "");
	fdt_string(&fdt, "text", "abc");
	fdt_property(&fdt, "two", two, sizeof(two));
	finish();
	assert_int_equal(dt_get(blob, "", "empty").size, 1);
	assert_string_equal(dt_text(blob, "", "empty"), "");
	assert_int_equal(dt_get(blob, "", "text").size, 4);
	assert_string_equal(dt_text(blob, "", "text"), "abc");
	assert_int_equal(dt_get(blob, "", "two").size, 13);
	assert_memory_equal(dt_get(blob, "", "two").value, two, 13);
}

/* §2.2.4.1, Table 2.3: <u64> is "a 64-bit integer in big-endian format", <prop-encoded-array> of
 * reg is cells. */
static void numbers(void **state)
{
	static const uint64_t values[] = {0,          1,          0xffffffff,         0x100000000,
					  0x80000000, 1ull << 63, 0x0123456789abcdef, UINT64_MAX};
	static const uint32_t cells[] = {0, 1, 0x80000000, UINT32_MAX, 0x01020304};

	(void)state;
	begin();
	for (unsigned i = 0; i < COUNT(values); i++) {
		const struct fdt_range ranges[] = {{values[i], ~values[i]}, {i, values[i]}};

		fdt_node_at(&fdt, "n", i);
		fdt_u64(&fdt, "number", values[i]);
		fdt_u32(&fdt, "low", (uint32_t)values[i]);
		fdt_reg(&fdt, ranges, 2);
		fdt_end(&fdt);
	}
	fdt_node(&fdt, "cells");
	fdt_cells(&fdt, "cells", cells, COUNT(cells));
	fdt_cells(&fdt, "none", cells, 0);
	fdt_end(&fdt);
	finish();
	for (unsigned i = 0; i < COUNT(values); i++) {
		char path[] = "/n@0";

		path[3] = (char)('0' + i);
		assert_true(dt_number(blob, path, "number", 0, 1) == values[i]);
		assert_true(dt_cell(blob, path, "low", 0, 1) == (uint32_t)values[i]);
		assert_true(dt_number(blob, path, "reg", 0, 4) == values[i]);
		assert_true(dt_number(blob, path, "reg", 1, 4) == ~values[i]);
		assert_true(dt_number(blob, path, "reg", 2, 4) == i);
		assert_true(dt_number(blob, path, "reg", 3, 4) == values[i]);
	}
	for (unsigned i = 0; i < COUNT(cells); i++)
		assert_int_equal(dt_cell(blob, "/cells", "cells", i, COUNT(cells)), cells[i]);
	assert_int_equal(dt_get(blob, "/cells", "none").size, 0);
}

/* §5.5: each name once; a name that ends or begins another is one of its own. */
static void names_stand_once(void **state)
{
	static const char *const alike[] = {"reg", "reg-shift", "eg", "g", "r", "reg"};
	static const char expected[] = "reg\0reg-shift\0eg\0g\0r";

	(void)state;
	begin();
	for (unsigned n = 0; n < 3; n++) {
		fdt_node_at(&fdt, "n", n);
		for (unsigned i = 0; i < COUNT(alike) - (n == 0); i++)
			fdt_u32(&fdt, alike[(i + n) % COUNT(alike)], 10 * n + i);
		fdt_end(&fdt);
	}
	finish();
	/* §5.1: strings are last, "no alignment" needed. */
	assert_int_equal(get_be32(blob + DT_SIZE_STRINGS), sizeof(expected));
	assert_memory_equal(blob + get_be32(blob + DT_OFF_STRINGS), expected, sizeof(expected));
	assert_int_equal(dt_cell(blob, "/n@0", "reg-shift", 0, 1), 1);
	assert_int_equal(dt_cell(blob, "/n@0", "eg", 0, 1), 2);
	assert_int_equal(dt_cell(blob, "/n@1", "g", 0, 1), 12);
	assert_int_equal(dt_cell(blob, "/n@2", "r", 0, 1), 22);
}

/* --- what does not fit --- */

/* COUNT names of 31 characters and a NUL each. */
static void put_names(unsigned count)
{
	char name[] = "abcdefghijklmnopqrstuvwxyz01234";

	for (unsigned i = 0; i < count; i++) {
		name[0] = (char)('a' + i);
		fdt_u32(&fdt, name, i);
	}
}

static void names_fill_their_room(void **state)
{
	(void)state;
	begin();
	put_names(FDT_NAMES_MAX / 32);
	finish();
	assert_int_equal(get_be32(blob + DT_SIZE_STRINGS), FDT_NAMES_MAX);
	assert_int_equal(dt_cell(blob, "", "pbcdefghijklmnopqrstuvwxyz01234", 0, 1), 15);
	/* A name that is there needs no room; the shortest that is not finds none. */
	begin();
	put_names(FDT_NAMES_MAX / 32);
	put_names(FDT_NAMES_MAX / 32);
	finish();
	begin();
	put_names(FDT_NAMES_MAX / 32);
	fdt_u32(&fdt, "", 0);
	assert_true(fdt_finish(&fdt) == 0);
}

static void names_of_the_last_bytes(void **state)
{
	(void)state;
	for (unsigned length = 28; length <= 33; length++) {
		char name[40] = "";

		memset(name, 'z', length);
		begin();
		put_names(FDT_NAMES_MAX / 32 - 1);
		fdt_u32(&fdt, name, 1);
		if (length < 32)
			assert_true(fdt_finish(&fdt) > 0);
		else
			assert_true(fdt_finish(&fdt) == 0);
	}
	/* Larger than all of it. */
	char name[FDT_NAMES_MAX + 2] = "";
	memset(name, 'z', FDT_NAMES_MAX);
	begin();
	fdt_u32(&fdt, name, 1);
	assert_true(fdt_finish(&fdt) == 0);
	begin();
	fdt_u32(&fdt, name + 1, 1); /* and one that is as large */
	assert_true(fdt_finish(&fdt) > 0);
}

/* All there is, with parts of every size. */
static size_t build(uint8_t *buffer, size_t capacity)
{
	static const struct fdt_range ranges[] = {{1, 2}, {3, 4}};
	struct fdt any;

	fdt_begin(&any, buffer, capacity);
	for (unsigned i = 0; i < 8; i++)
		fdt_property(&any, names[i], "1234567", i);
	fdt_node_at(&any, "dev", 0x1234567890);
	fdt_reg(&any, ranges, 2);
	fdt_u64(&any, "u64", UINT64_MAX);
	fdt_node(&any, "inner");
	fdt_string(&any, "text", "some text");
	fdt_end(&any);
	fdt_end(&any);
	return fdt_finish(&any);
}

/* In an allocation of its size, so that the sanitizer sees a byte too far; and in one that needs
 * no sanitizer. */
static void any_capacity(void **state)
{
	static uint8_t whole[1024], guarded[1024];
	size_t full = build(whole, sizeof(whole));

	(void)state;
	assert_true(full > 0 && full < sizeof(whole) - 16);
	dt_check(whole, full);
	for (size_t capacity = 0; capacity <= full + 1; capacity++) {
		uint8_t *exact = malloc(capacity ? capacity : 1);
		size_t expected = capacity < full ? 0 : full;

		memset(guarded, 0xdd, sizeof(guarded));
		assert_each(build(exact, capacity) == expected, "capacity", capacity);
		assert_each(build(guarded, capacity) == expected, "capacity", capacity);
		if (expected)
			assert_memory_equal(exact, whole, full);
		free(exact);
		for (size_t i = capacity; i < sizeof(guarded); i++)
			assert_each(guarded[i] == 0xdd, "written behind", capacity);
	}
}

/* Of sizes that nothing has, not a byte is looked at. */
static void values_that_are_too_large(void **state)
{
	static const size_t sizes[] = {
		sizeof(blob),    sizeof(blob) + 1, (size_t)1 << 32, ((size_t)1 << 32) + 4,
		(size_t)1 << 63, SIZE_MAX - 4,     SIZE_MAX - 3,    SIZE_MAX - 2,
		SIZE_MAX - 1,    SIZE_MAX};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		begin();
		fdt_property(&fdt, "large", &sizes, sizes[i]);
		/* What would fit comes too late. */
		fdt_u32(&fdt, "small", 1);
		fdt_property(&fdt, "none", NULL, 0);
		assert_each(fdt_finish(&fdt) == 0, "finished with", sizes[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_tree),
		cmocka_unit_test(an_example),
		cmocka_unit_test(nodes_in_nodes),
		cmocka_unit_test(unit_addresses),
		cmocka_unit_test(names_of_every_length),
		cmocka_unit_test(a_node_that_is_open),
		cmocka_unit_test(a_node_that_is_ended_twice),
		cmocka_unit_test(values_of_every_size),
		cmocka_unit_test(strings),
		cmocka_unit_test(numbers),
		cmocka_unit_test(names_stand_once),
		cmocka_unit_test(names_fill_their_room),
		cmocka_unit_test(names_of_the_last_bytes),
		cmocka_unit_test(any_capacity),
		cmocka_unit_test(values_that_are_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
