/* -d, -n and --ip: every key, limit and complaint. */
#include "cli/device_options.h"

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
	problem_clear(&problem);
	return strcpy(text, words);
}

#define DISK(words) disk_options_parse(copy(words), &disk, &problem)
#define NET(words) net_options_parse(copy(words), &net, &problem)
#define IP(words) ip_options_parse(copy(words), &ip, &problem)

#define assert_taken(call)                            \
	do {                                          \
		if (!(call))                          \
			fail_msg("%s", in_words(&problem)); \
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

/* What is refused, what the text names and what it says. */
struct refusal {
	const char *words, *object, *says;
};

static void refuse_all(const struct refusal *refusals, size_t count, bool (*parse)(const char *))
{
	for (size_t i = 0; i < count; i++) {
		assert_each(!parse(refusals[i].words), refusals[i].words, i);
		assert_mends(in_words(&problem), refusals[i].object);
		assert_says(in_words(&problem), refusals[i].says);
	}
}

static bool parse_disk(const char *words)
{
	return DISK(words);
}

static bool parse_net(const char *words)
{
	return NET(words);
}

static bool parse_ip(const char *words)
{
	return IP(words);
}

static void bad_disks(void **state)
{
	static const struct refusal bad[] = {
		{"", "--disk names no file", "(-d FILE"},
		{",ro", "--disk names no file", "(-d FILE"},
		{",", "--disk names no file", "(-d FILE"},
		{"x,", "--disk does not know ''", "mayfly run --help"},
		{"x,ro,", "--disk does not know ''", "mayfly run --help"},
		{"x,ro,,direct", "--disk does not know ''", "mayfly run --help"},
		{"x,rw", "--disk does not know 'rw'", "mayfly run --help"},
		{"x,r", "'r'", "does not know"},
		{"x,roo", "'roo'", "does not know"},
		{"x,RO", "'RO'", "does not know"},
		{"x, ro", "' ro'", "does not know"},
		{"x,=", "'='", "does not know"},
		{"x,=1", "'=1'", "does not know"},
		{"x,serialx=1", "'serialx=1'", "does not know"},
		{"x,seria=1", "'seria=1'", "does not know"},
		{"x,tap=a", "'tap=a'", "does not know"}, /* a NIC's */
		{"x,ro=", "--disk takes no value for 'ro'", "leave out '='"},
		{"x,ro=1", "--disk takes no value for 'ro'", "leave out '=1'"},
		{"x,ephemeral=yes", "'ephemeral'", "leave out '=yes'"},
		{"x,direct=no", "'direct'", "leave out '=no'"},
		{"x,queues", "--disk: 'queues' needs a value", "(write queues=VALUE)"},
		{"x,queues=", "--disk: 'queues=' needs a value", "(write queues=VALUE)"},
		{"x,serial", "--disk: 'serial' needs a value", "(write serial=VALUE)"},
		{"x,serial=", "--disk: 'serial=' needs a value", "(write serial=VALUE)"},
		{"x,queues=0", "--disk: 'queues=0'", "(1 to 8)"},
		{"x,queues=9", "'queues=9'", "(1 to 8)"},
		{"x,queues=1x", "'queues=1x'", "(1 to 8)"},
		{"x,queues=-1", "'queues=-1'", "(1 to 8)"},
		{"x,queues=+1", "'queues=+1'", "(1 to 8)"},
		{"x,queues= 1", "'queues= 1'", "(1 to 8)"},
		{"x,queues=1 ", "'queues=1 '", "(1 to 8)"},
		{"x,queues=0x1", "'queues=0x1'", "(1 to 8)"},
		{"x,queues=one", "'queues=one'", "(1 to 8)"},
		{"x,queues=4294967297", "queues", "(1 to 8)"},
		{"x,queues=18446744073709551617", "queues", "(1 to 8)"},
		{"x,ro,ephemeral", "--disk x is both", "give one"},
		{"x,ephemeral,queues=2,ro", "--disk x is both", "give one"},
		{"x,serial=123456789012345678901", "'serial=123456789012345678901'",
		 "at most 20 characters"},
	};

	(void)state;
	refuse_all(bad, COUNT(bad), parse_disk);
}

/* The last of two words with one key counts, as with options; a word said twice is said once. */
static void the_last_word_counts(void **state)
{
	(void)state;
	assert_taken(DISK("x,queues=2,ro,serial=a,queues=3,ro,serial=b"));
	assert_int_equal(disk.queues, 3);
	assert_string_equal(disk.serial, "b");
	assert_taken(NET("fd=3:4:5,mtu=100,mtu=200,fd=6"));
	assert_int_equal(net.fds, 1);
	assert_int_equal(net.fd_number[0], 6);
	assert_int_equal(net.queues, 1);
	assert_int_equal(net.mtu, 200);
	assert_taken(IP("10.0.0.2/24,gw=10.0.0.1,gw=10.0.0.3"));
	assert_string_equal(ip.gateway, "10.0.0.3");
}

/* All of a former use is gone. */
static void nothing_is_left_of_the_last(void **state)
{
	(void)state;
	assert_taken(DISK("x,ro,direct,serial=s,queues=8"));
	assert_taken(DISK("y"));
	assert_true(!disk.read_only && !disk.direct && !disk.serial && disk.queues == 1);
	assert_taken(NET("fd=3:4,mtu=100,mac=02:00:00:00:00:01"));
	assert_taken(NET("tap=a"));
	assert_true(!net.fds && !net.mtu && !net.mac[0] && net.queues == 1);
	assert_taken(IP("10.0.0.2/24,gw=10.0.0.1,dns=9.9.9.9"));
	assert_taken(IP("fd00::2/64"));
	assert_true(!ip.gateway && !ip.dns && ip.family == AF_INET6);
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

static void every_limit_of_a_nic(void **state)
{
	static const char *const macs[] = {"02:00:00:00:00:00", "00:00:00:00:00:01",
					   "fe:ff:ff:ff:ff:ff"};

	(void)state;
	assert_taken(NET("tap=a,mtu=65535"));
	assert_int_equal(net.mtu, 65535);
	assert_taken(NET("tap=a,mtu=000000068"));
	assert_int_equal(net.mtu, 68);
	assert_taken(NET("tap=a,queues=1"));
	assert_taken(NET("fd=1048576"));
	assert_int_equal(net.fd_number[0], 1048576);
	assert_taken(NET("fd=3:3")); /* the kernel's descriptors, not the words, tell */
	assert_taken(NET("tap=..."));
	assert_taken(NET("tap=-"));
	for (unsigned i = 0; i < COUNT(macs); i++) {
		char words[64] = "tap=a,mac=";

		assert_each(parse_net(strcat(words, macs[i])), macs[i], i);
	}
	assert_taken(NET("tap=a,mac=12:34:56:78:9a:bc"));
	assert_memory_equal(net.mac, "\x12\x34\x56\x78\x9a\xbc", 6);
	assert_taken(NET("fd=3:4,queues=2"));
	assert_int_equal(net.queues, 2);
}

static void bad_nics(void **state)
{
	static const struct refusal bad[] = {
		{"", "--net does not know ''", "mayfly run --help"},
		{"tap=a,", "--net does not know ''", "mayfly run --help"},
		{"tap=a,,mtu=100", "--net does not know ''", "mayfly run --help"},
		{"tap0", "--net does not know 'tap0'", "mayfly run --help"},
		{"tap=a,ro", "'ro'", "does not know"},
		{"TAP=a", "'TAP=a'", "does not know"},
		{"tap", "--net: 'tap' needs a value", "(write tap=VALUE)"},
		{"tap=", "--net: 'tap=' needs a value", "(write tap=VALUE)"},
		{"fd", "--net: 'fd' needs a value", "(write fd=VALUE)"},
		{"fd=", "--net: 'fd=' needs a value", "(write fd=VALUE)"},
		{"tap=a,mac=", "'mac=' needs a value", "(write mac=VALUE)"},
		{"tap=a,mtu", "'mtu' needs a value", "(write mtu=VALUE)"},
		{"tap=a,queues=", "'queues=' needs a value", "(write queues=VALUE)"},
		{"mtu=1500", "--net needs one interface", "tap=NAME or fd=N"},
		{"tap=a,fd=3", "--net needs one interface", "tap=NAME or fd=N"},
		{"tap=a/b", "'tap=a/b'", "slash"},
		{"tap=tap%d", "'tap=tap%d'", "slash or %"}, /* the kernel would make up a name */
		{"tap=a b", "'tap=a b'", "no blank"},
		{"tap=a\tb", "tap=a", "no blank"},
		{"tap=.", "'tap=.'", "no name of an interface"},
		{"tap=..", "'tap=..'", "no name of an interface"},
		{"tap=sixteen-letters!", "sixteen-letters!", "at most 15 characters"},
		{"tap=0123456789abcdef", "0123456789abcdef", "at most 15 characters"},
		{"fd=2", "'fd=2'", "3 or more"},
		{"fd=0", "'fd=0'", "3 or more"},
		{"fd=-3", "'fd=-3'", "3 or more"},
		{"fd=x", "'fd=x'", "list of descriptors"},
		{"fd=3x", "'fd=3x'", "list of descriptors"},
		{"fd=1048577", "'fd=1048577'", "list of descriptors"},
		{"fd=4294967299", "fd=4294967299", "list of descriptors"},
		{"fd=3:", "fd=3", "list of descriptors"},
		{"fd=:3", "fd=", "list of descriptors"},
		{"fd=3::4", "fd=3", "list of descriptors"},
		{"fd=3:2", "fd=3", "list of descriptors"},
		{"fd=3:4:5:6:7:8:9:10:11", "fd=3", "at most 8"},
		{"fd=3:4,queues=3", "--net has 2 descriptors for 3 queue pairs",
		 "leave out queues="},
		{"queues=2,fd=3", "--net has 1 descriptors for 2 queue pairs", "leave out queues="},
		{"tap=a,queues=0", "'queues=0'", "(1 to 8)"},
		{"tap=a,queues=9", "'queues=9'", "(1 to 8)"},
		{"tap=a,mtu=67", "'mtu=67'", "(68 to 65535)"},
		{"tap=a,mtu=0", "'mtu=0'", "(68 to 65535)"},
		{"tap=a,mtu=65536", "'mtu=65536'", "(68 to 65535)"},
		{"tap=a,mtu=-1", "'mtu=-1'", "(68 to 65535)"},
		{"tap=a,mtu=4294968796", "mtu=4294968796", "(68 to 65535)"},
		{"tap=a,mtu=1500B", "'mtu=1500B'", "(68 to 65535)"},
		{"tap=a,mac=1", "'mac=1'", "like 02:00:00:00:00:01"},
		{"tap=a,mac=52", "'mac=52'", "no MAC address"},
		{"tap=a,mac=52:", "'mac=52:'", "no MAC address"},
		{"tap=a,mac=:::::", "'mac=:::::'", "no MAC address"},
		{"tap=a,mac=52:54:00:00:00", "'mac=52:54:00:00:00'", "no MAC address"},
		{"tap=a,mac=52:54:00:00:00:0", "'mac=52:54:00:00:00:0'", "no MAC address"},
		{"tap=a,mac=52:54:00:00:00:000", "mac=", "no MAC address"},
		{"tap=a,mac=52:54:00:00:00:00:", "mac=", "no MAC address"},
		{"tap=a,mac=52:54:00:00:00:00:00", "mac=", "no MAC address"},
		{"tap=a,mac=52-54-00-00-00-00", "mac=", "no MAC address"},
		{"tap=a,mac=525400000000", "mac=", "no MAC address"},
		{"tap=a,mac=5g:54:00:00:00:00", "mac=", "no MAC address"},
		{"tap=a,mac=g5:54:00:00:00:00", "mac=", "no MAC address"},
		{"tap=a,mac=+2:54:00:00:00:00", "mac=", "no MAC address"},
		{"tap=a,mac= 2:54:00:00:00:00", "mac=", "no MAC address"},
		/* Groups, broadcast, nobody. */
		{"tap=a,mac=01:00:00:00:00:01", "mac=", "of one machine"},
		{"tap=a,mac=ff:ff:ff:ff:ff:ff", "mac=", "of one machine"},
		{"tap=a,mac=33:33:00:00:00:01", "mac=", "of one machine"},
		{"tap=a,mac=00:00:00:00:00:00", "mac=", "of one machine"},
	};

	(void)state;
	refuse_all(bad, COUNT(bad), parse_net);
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

static void addresses_of_every_form(void **state)
{
	static const char *const good[] = {
		"0.0.0.0/0",
		"255.255.255.255/32",
		"::/0",
		"::1/128",
		"::ffff:10.0.0.1/96",
		"FD00::A/64",
		"10.0.0.2/0024",
		"fe80::1/64,dns=10.0.0.1",
		"2001:db8:1234:5678:9abc:def0:1234:5678/64,gw=2001:db8:1234:5678:9abc:def0:1234:1",
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(good); i++)
		assert_each(parse_ip(good[i]), good[i], i);
}

static void bad_addresses(void **state)
{
	static const struct refusal bad[] = {
		{"", "--ip cannot use ''", "ADDRESS/PREFIX"},
		{",gw=10.0.0.1", "--ip cannot use ''", "ADDRESS/PREFIX"},
		{"/24", "'/24'", "ADDRESS/PREFIX"},
		{"10.0.0.2", "--ip cannot use '10.0.0.2'", "like 10.0.0.2/24"},
		{"10.0.0.2/", "'10.0.0.2/'", "ADDRESS/PREFIX"},
		{"10.0.0.2/33", "'10.0.0.2/33'", "ADDRESS/PREFIX"},
		{"10.0.0.2/-1", "'10.0.0.2/-1'", "ADDRESS/PREFIX"},
		{"10.0.0.2/+1", "'10.0.0.2/+1'", "ADDRESS/PREFIX"},
		{"10.0.0.2/ 1", "'10.0.0.2/ 1'", "ADDRESS/PREFIX"},
		{"10.0.0.2/24x", "'10.0.0.2/24x'", "ADDRESS/PREFIX"},
		{"10.0.0.2/24/24", "'10.0.0.2/24/24'", "ADDRESS/PREFIX"},
		{"10.0.0.2/255.255.255.0", "255.255.255.0", "ADDRESS/PREFIX"},
		{"10.0.0.2/4294967320", "4294967320", "ADDRESS/PREFIX"},
		{"10.0.0.256/24", "'10.0.0.256/24'", "ADDRESS/PREFIX"},
		{"10.0.0/24", "'10.0.0/24'", "ADDRESS/PREFIX"},
		{" 10.0.0.2/24", "' 10.0.0.2/24'", "ADDRESS/PREFIX"},
		{"10.0.0.2 /24", "'10.0.0.2 /24'", "ADDRESS/PREFIX"},
		{"0x0a.0.0.2/24", "'0x0a.0.0.2/24'", "ADDRESS/PREFIX"},
		{"fd00::/129", "'fd00::/129'", "ADDRESS/PREFIX"},
		{"fe80::1%eth0/64", "'fe80::1%eth0/64'", "ADDRESS/PREFIX"},
		{"fd00:::1/64", "'fd00:::1/64'", "ADDRESS/PREFIX"},
		{"host/24", "'host/24'", "ADDRESS/PREFIX"},
		{"dhcp", "'dhcp'", "ADDRESS/PREFIX"},
		{"10.0.0.2/24,", "--ip does not know ''", "mayfly run --help"},
		{"10.0.0.2/24,via=1", "--ip does not know 'via=1'", "mayfly run --help"},
		{"10.0.0.2/24,10.0.0.1", "'10.0.0.1'", "does not know"},
		{"10.0.0.2/24,GW=10.0.0.1", "'GW=10.0.0.1'", "does not know"},
		{"10.0.0.2/24,gw", "--ip: 'gw' needs a value", "(write gw=VALUE)"},
		{"10.0.0.2/24,gw=", "--ip: 'gw=' needs a value", "(write gw=VALUE)"},
		{"10.0.0.2/24,dns=", "--ip: 'dns=' needs a value", "(write dns=VALUE)"},
		{"10.0.0.2/24,gw=fd00::1", "'gw=fd00::1'", "both as IPv4 or as IPv6"},
		{"fd00::2/64,gw=10.0.0.1", "'gw=10.0.0.1'", "both as IPv4 or as IPv6"},
		{"10.0.0.2/24,gw=10.0.0.1/24", "'gw=10.0.0.1/24'", "both as IPv4 or as IPv6"},
		{"10.0.0.2/24,gw=router", "'gw=router'", "both as IPv4 or as IPv6"},
		{"10.0.0.2/24,dns=name", "--ip: 'dns=name' is no address", "not a name"},
		{"10.0.0.2/24,dns=9.9.9.9:53", "'dns=9.9.9.9:53'", "not a name"},
	};

	(void)state;
	refuse_all(bad, COUNT(bad), parse_ip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disks),
		cmocka_unit_test(bad_disks),
		cmocka_unit_test(the_last_word_counts),
		cmocka_unit_test(nothing_is_left_of_the_last),
		cmocka_unit_test(nics),
		cmocka_unit_test(every_limit_of_a_nic),
		cmocka_unit_test(bad_nics),
		cmocka_unit_test(addresses),
		cmocka_unit_test(addresses_of_every_form),
		cmocka_unit_test(bad_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
