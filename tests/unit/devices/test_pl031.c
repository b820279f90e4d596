/* The real-time clock: PrimeCell PL031 Technical Reference Manual, Arm DDI 0224. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>

#include "rules.h"

/* What the clock under test is told; 0: the time that it is. A copy of its own, for that. */
static time_t told;

static long tell(long nr, clockid_t clock, struct timespec *now)
{
	long result = syscall(nr, clock, now);

	if (told && nr == SYS_clock_gettime)
		now->tv_sec = told;
	return result;
}

#define syscall tell
#define pl031_read pl031_read_told
#define pl031_allow pl031_allow_told
#include "devices/pl031.c"
#undef syscall

/* §3.2, table 3-1 */
enum {
	RTCDR = 0x000,
	RTCMR = 0x004,
	RTCLR = 0x008,
	RTCCR = 0x00c,
	RTCIMSC = 0x010,
	RTCRIS = 0x014,
	RTCMIS = 0x018,
	RTCICR = 0x01c,
	RTCPERIPHID0 = 0xfe0,
	RTCPCELLID0 = 0xff0,
};

/* RTCPeriphID and RTCPCellID: part number 0x031, designer 0x41 (Arm), revision 0, configuration
 * 0; the PrimeCell's 0xb105f00d */
static const uint8_t names[] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

static int tell_the_time(void **state)
{
	(void)state;
	told = 0;
	return 0;
}

/* The register at OFFSET is VALUE, in whatever piece it is read. */
static void assert_register(unsigned offset, uint32_t value)
{
	assert_each(pl031_read(offset, 4) == value, "register", offset);
	for (unsigned i = 0; i < 4; i += 2)
		assert_each(pl031_read(offset + i, 2) == (value >> 8 * i & 0xffff), "half",
			    offset + i);
	for (unsigned i = 0; i < 4; i++)
		assert_each(pl031_read(offset + i, 1) == (value >> 8 * i & 0xff), "byte",
			    offset + i);
}

static void the_time_is_now(void **state)
{
	time_t before = time(NULL);
	uint32_t seen = pl031_read(RTCDR, 4);

	(void)state;
	assert_true(seen >= before && seen <= time(NULL));
	assert_true(seen > 1700000000); /* so not from when the machine was started */
}

/* "a 1Hz clock": seconds, of which 32 bits reach to 2106. */
static void any_time(void **state)
{
	static const uint32_t times[] = {1,          0x12345678, 0x6553f100, 0x7fffffff,
					 0x80000000, 0x89abcdef, 0xffffffff};

	(void)state;
	for (unsigned i = 0; i < COUNT(times); i++) {
		told = times[i];
		assert_register(RTCDR, times[i]);
	}
	told = 0x123456789;
	assert_register(RTCDR, 0x23456789);
}

/* RTCCR, bit 0: "RTC start"; "Any read returns the status of the RTC" */
static void it_runs(void **state)
{
	(void)state;
	assert_register(RTCCR, 1);
}

static void its_name(void **state)
{
	uint32_t part = 0, cell = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++)
		assert_register(RTCPERIPHID0 + 4 * i, names[i]);
	/* As Linux puts it together (drivers/amba/bus.c), and looks for it
	 * (drivers/rtc/rtc-pl031.c). */
	for (unsigned i = 0; i < 4; i++) {
		part |= (pl031_read(RTCPERIPHID0 + 4 * i, 4) & 0xff) << 8 * i;
		cell |= (pl031_read(RTCPCELLID0 + 4 * i, 4) & 0xff) << 8 * i;
	}
	assert_int_equal(part & 0x000fffff, 0x00041031);
	assert_int_equal(cell, 0xb105f00d);
}

/* No alarm (match, mask, status) and nothing loaded; the rest is reserved. */
static void all_others_are_zero(void **state)
{
	(void)state;
	for (unsigned offset = 4; offset < RTCPERIPHID0; offset += 4)
		if (offset != RTCCR)
			assert_register(offset, 0);
	assert_register(RTCMR, 0);
	assert_register(RTCLR, 0);
	assert_register(RTCIMSC, 0);
	assert_register(RTCRIS, 0);
	assert_register(RTCMIS, 0);
	assert_register(RTCICR, 0);
}

/* A guest may ask for what crosses two registers; it gets the first one's part. And nothing
 * beyond the last. */
static void across_registers(void **state)
{
	(void)state;
	told = 0x89abcdef;
	assert_int_equal(pl031_read(RTCDR + 1, 4), 0x89abcd);
	assert_int_equal(pl031_read(RTCDR + 2, 4), 0x89ab);
	assert_int_equal(pl031_read(RTCDR + 3, 2), 0x89);
	assert_int_equal(pl031_read(RTCDR, 3), 0xabcdef);
	for (unsigned i = 1; i < 8; i++)
		assert_int_equal(pl031_read(PL031_SIZE - 4 + i, 4), 0);
	assert_int_equal(pl031_read(UINT32_MAX - 3, 4), 0);
}

static void its_system_calls(void **state)
{
	static const struct rule rules[] = {{SYS_clock_gettime, CLOCK_REALTIME, ANY}};

	(void)state;
	pl031_allow(list_anew());
	assert_rules(&listed, rules, COUNT(rules));
}

#define PL031_TEST(test) cmocka_unit_test_setup(test, tell_the_time)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PL031_TEST(the_time_is_now),
		PL031_TEST(any_time),
		PL031_TEST(it_runs),
		PL031_TEST(its_name),
		PL031_TEST(all_others_are_zero),
		PL031_TEST(across_registers),
		PL031_TEST(its_system_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
