/* Little-endian fields and the bounds check of files. */
#include "base/bytes.h"

#include "tables/checksum.h"
#include "unit.h"

static void fields_are_little_endian(void **state)
{
	const uint8_t in[8] = {0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0xf1};
	uint8_t out[8];

	(void)state;
	assert_int_equal(get_le16(in), 0x7788);
	assert_int_equal(get_le32(in), 0x55667788);
	assert_true(get_le64(in) == 0xf122334455667788);
	put_le64(out, 0xf122334455667788);
	assert_memory_equal(out, in, 8);
	put_le32(out, 0x80000001);
	assert_int_equal(get_le32(out), 0x80000001);
	put_le16(out, 0xfffe);
	assert_int_equal(get_le16(out), 0xfffe);
}

static void the_check_does_not_wrap(void **state)
{
	static const uint8_t data[16];
	const struct bytes file = {data, sizeof(data)}, none = {NULL, 0};

	(void)state;
	assert_true(bytes_have(file, 0, 16));
	assert_true(bytes_have(file, 16, 0));
	assert_true(bytes_have(file, 15, 1));
	assert_true(bytes_have(none, 0, 0));
	assert_false(bytes_have(file, 0, 17));
	assert_false(bytes_have(file, 16, 1));
	assert_false(bytes_have(file, 17, 0));
	assert_false(bytes_have(none, 0, 1));
	assert_false(bytes_have(file, UINT64_MAX, 1));
	assert_false(bytes_have(file, UINT64_MAX - 7, 16));
	assert_false(bytes_have(file, 1, UINT64_MAX));
	assert_false(bytes_have(file, UINT64_MAX, UINT64_MAX));
}

static void alignment_rounds_up(void **state)
{
	(void)state;
	assert_true(align_up(0, 4) == 0);
	assert_true(align_up(1, 4) == 4);
	assert_true(align_up(4, 4) == 4);
	assert_true(align_up(0xffffffff, 4096) == 0x100000000);
}

static void a_table_adds_up_to_zero(void **state)
{
	uint8_t table[300], sum = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(table); i++)
		table[i] = (uint8_t)(i * 7);
	table[9] = 0;
	table[9] = checksum(table, sizeof(table));
	for (unsigned i = 0; i < sizeof(table); i++)
		sum = (uint8_t)(sum + table[i]);
	assert_int_equal(sum, 0);
	assert_int_equal(checksum(table, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_little_endian),
		cmocka_unit_test(the_check_does_not_wrap),
		cmocka_unit_test(alignment_rounds_up),
		cmocka_unit_test(a_table_adds_up_to_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
