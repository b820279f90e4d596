/* -d, -n and --ip: every key, limit and complaint. */
#include "device_options.h"

#include <sys/socket.h>

#include "unit.h"

static struct disk_options disk;
static struct net_options net;
static struct ip_options ip;
static struct problem problem;
static char text[256];

static char *copy(const char *words)
{
	assert_true(strlen(words) < sizeof(text));
	problem.text[0] = '\0';
	return strcpy(text, words);
}

#define DISK(words) disk_options_parse(copy(words), &disk, &problem)
#define NET(words) net_options_parse(copy(words), &net, &problem)
#define IP(words) ip_options_parse(copy(words), &ip, &problem)

#define assert_taken(call)                            \
	do {                                          \
		if (!(call))                          \
			fail_msg("%s", problem.text); \
	} while (0)

static void disks(void **state)
{
	(void)state;
	assert_taken(DISK("disk.img"));
	assert_string_equal(disk.path, "disk.img");
	assert_int_equal(disk.queues, 1);
	assert_null(disk.serial);
	assert_false(disk.read_only || disk.ephemeral || disk.direct);
	assert_taken(DISK("/a b/c=d,ro,direct,serial=12345678901234567890,queues=8"));
	assert_string_equal(disk.path, "/a b/c=d");
	assert_true(disk.read_only && disk.direct && !disk.ephemeral);
	assert_string_equal(disk.serial, "12345678901234567890");
	assert_int_equal(disk.queues, 8);
	assert_taken(DISK("x,ephemeral"));
	assert_true(disk.ephemeral && !disk.read_only);
}

static void bad_disks(void **state)
{
	static const char *const bad[][2] = {
		{"", "--disk"},
		{",ro", "--disk"},
		{"x,", "--disk"},
		{"x,rw", "'rw'"},
		{"x,r", "'r'"},
		{"x,roo", "'roo'"},
		{"x,RO", "'RO'"},
		{"x,ro=", "'ro'"},
		{"x,ro=1", "'ro'"},
		{"x,queues", "queues"},
		{"x,queues=", "queues"},
		{"x,queues=0", "queues=0"},
		{"x,queues=9", "8"},
		{"x,queues=1x", "queues=1x"},
		{"x,queues=-1", "queues=-1"},
		{"x,queues= 1", "1"},
		{"x,serial=", "serial"},
		{"x,queues=4294967297", "queues"},
		{"x,ro,,direct", "''"},
		{"x,ro,ephemeral", "ephemeral"},
		{"x,serial=123456789012345678901", "serial"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++) {
		if (DISK(bad[i][0]))
			fail_msg("'%s' is taken", bad[i][0]);
		assert_mends(problem.text, bad[i][1]);
	}
}

static void nics(void **state)
{
	(void)state;
	assert_taken(NET("tap=tap0"));
	assert_string_equal(net.tap, "tap0");
	assert_int_equal(net.queues, 1);
	assert_int_equal(net.fds, 0);
	assert_int_equal(net.mtu, 0);
	assert_memory_equal(net.mac, "\0\0\0\0\0\0", 6);
	assert_taken(NET("tap=fifteen-letters,mac=52:54:00:Ab:cD:0f,mtu=68,queues=8"));
	assert_memory_equal(net.mac, "\x52\x54\x00\xab\xcd\x0f", 6);
	assert_int_equal(net.mtu, 68);
	assert_int_equal(net.queues, 8);
	assert_taken(NET("mtu=65535,fd=3"));
	assert_null(net.tap);
	assert_int_equal(net.fds, 1);
	assert_int_equal(net.fd_number[0], 3);
	assert_taken(NET("fd=10:9:8,queues=3"));
	assert_int_equal(net.queues, 3);
	assert_int_equal(net.fd_number[2], 8);
	assert_taken(NET("fd=3:4:5:6:7:8:9:10"));
	assert_int_equal(net.queues, 8);
}

static void bad_nics(void **state)
{
	static const char *const bad[][2] = {
		{"", "--net"},
		{"tap0", "'tap0'"},
		{"tap", "tap"},
		{"tap=", "tap"},
		{"mtu=1500", "tap=NAME"},
		{"tap=a/b", "a/b"},
		{"tap=a b", "a b"},
		{"tap=.", "tap=."},
		{"tap=..", "tap=.."},
		{"tap=sixteen-letters!", "15"},
		{"tap=a,fd=3", "--net"},
		{"fd=2", "fd=2"},
		{"fd=", "fd"},
		{"fd=3:", "fd=3"},
		{"fd=x", "fd=x"},
		{"fd=3:4,queues=3", "queue"},
		{"tap=a,queues=0", "queues"},
		{"tap=a,queues=9", "queues"},
		{"tap=a,mtu=67", "67"},
		{"tap=a,mtu=65536", "65536"},
		{"tap=a,mac=", "mac"},
		{"tap=a,mac=1", "mac"},
		{"tap=a,mac=52:54:00:00:00", "mac"},
		{"tap=a,mac=52:54:00:00:00:0", "mac"},
		{"tap=a,mac=52:54:00:00:00:000", "mac"},
		{"tap=a,mac=52:54:00:00:00:00:", "mac"},
		{"tap=a,mac=52-54-00-00-00-00", "mac"},
		{"tap=a,mac=01:00:00:00:00:01", "mac"},
		{"tap=a,mac=00:00:00:00:00:00", "mac"},
		{"tap=a,mac=5g:54:00:00:00:00", "mac"},
		{"tap=a,mac=+2:54:00:00:00:00", "mac"},
		{"fd=3:4:5:6:7:8:9:10:11", "8"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++) {
		if (NET(bad[i][0]))
			fail_msg("'%s' is taken", bad[i][0]);
		assert_mends(problem.text, bad[i][1]);
	}
}

static void addresses(void **state)
{
	(void)state;
	assert_taken(IP("10.0.0.2/24"));
	assert_string_equal(ip.address, "10.0.0.2/24");
	assert_int_equal(ip.family, AF_INET);
	assert_null(ip.gateway);
	assert_null(ip.dns);
	assert_taken(IP("10.0.0.2/0,gw=10.0.0.1,dns=fd00::1"));
	assert_string_equal(ip.gateway, "10.0.0.1");
	assert_string_equal(ip.dns, "fd00::1");
	assert_taken(IP("fd00::2/128,gw=fe80::1"));
	assert_string_equal(ip.address, "fd00::2/128");
	assert_int_equal(ip.family, AF_INET6);
	assert_taken(IP("10.0.0.2/32"));
}

static void bad_addresses(void **state)
{
	static const char *const bad[][2] = {
		{"", "--ip"},
		{"10.0.0.2", "10.0.0.2"},
		{"10.0.0.2/", "10.0.0.2/"},
		{"10.0.0.2/33", "10.0.0.2/33"},
		{"10.0.0.2/-1", "--ip"},
		{"10.0.0.2/24x", "--ip"},
		{"10.0.0.256/24", "--ip"},
		{"10.0.0/24", "--ip"},
		{"fd00::/129", "--ip"},
		{"host/24", "--ip"},
		{"10.0.0.2/24,gw", "gw"},
		{"10.0.0.2/24,gw=fd00::1", "gw=fd00::1"},
		{"fd00::2/64,gw=10.0.0.1", "gw"},
		{"10.0.0.2/24,dns=name", "dns=name"},
		{"10.0.0.2/24,via=1", "'via=1'"},
		{"10.0.0.2/24,", "--ip"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++) {
		if (IP(bad[i][0]))
			fail_msg("'%s' is taken", bad[i][0]);
		assert_mends(problem.text, bad[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disks),     cmocka_unit_test(bad_disks),
		cmocka_unit_test(nics),      cmocka_unit_test(bad_nics),
		cmocka_unit_test(addresses), cmocka_unit_test(bad_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
