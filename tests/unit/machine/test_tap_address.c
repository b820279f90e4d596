/* What is behind a NIC: its address, its MTU, and that its link is set up. */
#define _GNU_SOURCE
#include "tap_network.h"

/* --- the address --- */

static int addresses(void)
{
	uint8_t first[6], other[32][6];

	CHECK(open_by_words("tap=tap0", 0));
	memcpy(first, nic.mac, 6);
	CHECK((first[0] & 3) == 2); /* IEEE 802: locally administered, of one station */
	close_queues();
	/* The same for the same name, in whatever slot and however opened. */
	CHECK(open_by_words("tap=tap0,queues=2", 5));
	CHECK(!memcmp(first, nic.mac, 6));
	close_queues();
	int fd = attach("tap0", TAP);
	CHECK(open_inherited(&fd, 1));
	CHECK(!memcmp(first, nic.mac, 6));
	close_queues();
	/* Not the host's own end, which answers to its address. */
	CHECK(make("tap0", TAP));
	struct ifreq request = request_of("");
	CHECK(open_by_words("tap=tap0", 0));
	CHECK(ask("tap0", SIOCGIFHWADDR, &request));
	CHECK(memcmp(request.ifr_hwaddr.sa_data, nic.mac, 6));
	close_queues();
	/* Another for another. */
	for (unsigned i = 0; i < COUNT(other); i++) {
		char words[32];

		snprintf(words, sizeof(words), "tap=t%u", i);
		CHECK(open_by_words(words, 0));
		memcpy(other[i], nic.mac, 6);
		CHECK((other[i][0] & 3) == 2);
		CHECK(memcmp(first, other[i], 6));
		for (unsigned j = 0; j < i; j++)
			CHECK(memcmp(other[j], other[i], 6));
		close_queues();
	}
	CHECK(open_by_words("tap=tap0,mac=52:54:00:ab:cd:ef", 0));
	CHECK(!memcmp(nic.mac, "\x52\x54\x00\xab\xcd\xef", 6));
	close_queues();
	/* One bit is an address. */
	CHECK(open_by_words("tap=tap0,mac=00:00:00:00:00:01", 0));
	CHECK(!memcmp(nic.mac, "\0\0\0\0\0\1", 6));
	return CHILD_PASSED;
}

static void chooses_addresses(void **state)
{
	(void)state;
	in_network(addresses);
}

/* What choose_mac must not forget of mac=: each byte alone makes it an address. */
static int every_byte_of_an_address(void)
{
	for (unsigned i = 0; i < 6; i++) {
		struct net_options options = {.tap = "tap0", .queues = 1};

		options.mac[i] = 0x10;
		CHECK(open_net(&options, NULL, 0));
		CHECK(!memcmp(nic.mac, options.mac, 6));
		close_queues();
	}
	return CHILD_PASSED;
}

static void honours_addresses(void **state)
{
	(void)state;
	in_network(every_byte_of_an_address);
}

/* --- MTU and link --- */

static int mtus(void)
{
	struct ifreq request = {.ifr_mtu = 1400};

	CHECK(make("t", TAP));
	CHECK(ask("t", SIOCSIFMTU, &request));
	CHECK(open_by_words("tap=t", 0));
	CHECK(nic.mtu == 1400 && mtu_of("t") == 1400);
	close_queues();
	CHECK(open_by_words("tap=t,mtu=9000", 0));
	CHECK(nic.mtu == 9000 && mtu_of("t") == 9000);
	close_queues();
	CHECK(open_by_words("tap=t,mtu=68", 0));
	CHECK(nic.mtu == 68 && mtu_of("t") == 68);
	CHECK(!capture.text[0]);
	close_queues();
	/* With Ethernet's header it would be more than 65535 bytes: the interface keeps its own. */
	CHECK(open_by_words("tap=t,mtu=65535", 0));
	CHECK(strstr(capture.text,
		     "warning: cannot set the MTU of t to 65535: Invalid argument ("));
	CHECK(mtu_of("t") == 68);
	return CHILD_PASSED;
}

static void chooses_mtus(void **state)
{
	(void)state;
	in_network(mtus);
}

/* Other flags stay as they are. */
static int links(void)
{
	struct ifreq request = {.ifr_flags = IFF_PROMISC};

	CHECK(make("t", TAP));
	CHECK(ask("t", SIOCSIFFLAGS, &request));
	CHECK(!is_up("t"));
	CHECK(open_by_words("tap=t", 0));
	CHECK(is_up("t"));
	CHECK(ask("t", SIOCGIFFLAGS, &request) && (request.ifr_flags & IFF_PROMISC));
	close_queues();
	CHECK(is_up("t"));
	CHECK(open_by_words("tap=t", 0));
	CHECK(is_up("t") && !capture.text[0]);
	return CHILD_PASSED;
}

static void sets_links_up(void **state)
{
	(void)state;
	in_network(links);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses_addresses),
		cmocka_unit_test(honours_addresses),
		cmocka_unit_test(chooses_mtus),
		cmocka_unit_test(sets_links_up),
	};

	return cmocka_run_group_tests(tests, look_for_a_network, NULL);
}
