/* The network device on a real TAP. */
#include "net_device.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

/* --- a real TAP --- */

static char tap_name[IFNAMSIZ];
static int frames; /* a packet socket: sends towards the guest, hears what the guest sends */
static int inet;

static int open_queue(void)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), size = HEADER;

	memcpy(request.ifr_name, tap_name, IFNAMSIZ);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &size) < 0)
		return -1;
	memcpy(tap_name, request.ifr_name, IFNAMSIZ);
	return fd;
}

#define IF_IOCTL(number, request)                                      \
	do {                                                           \
		memcpy((request)->ifr_name, tap_name, IFNAMSIZ);       \
		assert_int_equal(ioctl(inet, (number), (request)), 0); \
	} while (0)

static void set_interface_up(bool up)
{
	struct ifreq request = {.ifr_flags = (short)(up ? IFF_UP : 0)};

	IF_IOCTL(SIOCSIFFLAGS, &request);
}

static int interface_index(void)
{
	struct ifreq request;

	IF_IOCTL(SIOCGIFINDEX, &request);
	return request.ifr_ifindex;
}

static bool open_frames(void)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET};

	frames = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (frames < 0)
		return false;
	address.sll_ifindex = interface_index();
	address.sll_protocol = (uint16_t)(ETH_P_ALL >> 8 | ETH_P_ALL << 8);
	return bind(frames, (struct sockaddr *)&address, sizeof(address)) == 0;
}

/* A frame of ours: nobody else uses this type. */
enum { FRAME = 100, TYPE_HIGH = 0x88, TYPE_LOW = 0xb5 };

static void make_frame(uint8_t frame[FRAME], unsigned number)
{
	memcpy(frame, packet(number), FRAME);
	memset(frame, 0xff, 6);
	frame[6] = 2; /* a local address */
	frame[12] = TYPE_HIGH;
	frame[13] = TYPE_LOW;
}

static bool is_ours(const uint8_t *frame)
{
	return frame[12] == TYPE_HIGH && frame[13] == TYPE_LOW;
}

/* The guest sends FRAME; true if the interface has it then. The kernel's own packets are passed
 * over. */
static bool tap_takes(uint8_t flags, unsigned number)
{
	struct virtio_net_hdr_v1 header = {.flags = flags, .csum_start = 5000};
	uint8_t frame[FRAME];
	struct sockaddr_ll from = {0};
	socklen_t size = sizeof(from);
	uint64_t sent = stat(STAT_OUT), errors = stat(STAT_ERRORS);
	uint64_t at = next_buffer(1);
	struct used used = {0};
	bool seen = false;

	make_frame(frame, number);
	driver_put(&driver, at, &header, HEADER);
	driver_put(&driver, at + HEADER, frame, FRAME);
	DRIVER_ADD(&driver, 1, {at, 7, false}, {at + 7, HEADER + FRAME - 7, false});
	serve(0);
	assert_true(driver_take_used(&driver, 1, &used));
	while (recvfrom(frames, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size) > 0)
		if (is_ours(bytes) && from.sll_pkttype != PACKET_OUTGOING)
			seen = memcmp(bytes, frame, FRAME) == 0;
	assert_int_equal(stat(STAT_OUT), sent + seen);
	assert_int_equal(stat(STAT_ERRORS), errors + !seen);
	return seen;
}

/* The next packet for the guest in pair WHICH, header included; 0 if there is none. */
static uint32_t guest_receives(unsigned which)
{
	struct used used = {0};

	post(2 * which, 20000);
	serve(which);
	if (!driver_take_used(&driver, 2 * which, &used)) {
		/* This buffer is for the next. */
		return 0;
	}
	driver_get(&driver, place[2 * which][used.id], bytes, used.length);
	assert_int_equal(bytes[NUM_BUFFERS], 1);
	return used.length;
}

static bool guest_hears(unsigned number)
{
	uint8_t frame[FRAME];
	uint32_t length;

	make_frame(frame, number);
	assert_int_equal(send(frames, frame, FRAME, 0), FRAME);
	while ((length = guest_receives(0)))
		if (is_ours(bytes + HEADER))
			return length == HEADER + FRAME &&
			       memcmp(bytes + HEADER, frame, FRAME) == 0;
	return false;
}

/* What the interface does for its kernel, of what GUEST_* features let it. */
static bool interface_has(uint32_t command)
{
	struct ethtool_value value = {.cmd = command};
	struct ifreq request = {.ifr_data = (char *)&value};

	IF_IOCTL(SIOCETHTOOL, &request);
	return value.data;
}

static void offloads_follow_the_driver(void)
{
	static const struct {
		uint64_t features;
		bool csum, tso;
	} cases[] = {
		{0, false, false},
		{BIT(F_GUEST_CSUM), true, false},
		{BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO4), true, true},
		{BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO6), true, true},
		{BIT(F_GUEST_TSO4), false, false}, /* §5.1.3.1: it needs GUEST_CSUM */
		{ALL, true, true},
		{BIT(F_CSUM) | BIT(F_HOST_TSO4), false, false},
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		start(cases[i].features | BIT(F_VERSION_1), 256);
		assert_each(interface_has(ETHTOOL_GTXCSUM) == cases[i].csum, "csum of case", i);
		assert_each(interface_has(ETHTOOL_GTSO) == cases[i].tso, "tso of case", i);
	}
}

enum { ETHERNET = 14, IP = 20, UDP = 8, HEADERS = ETHERNET + IP + UDP };

/* The headers of a UDP packet with PAYLOAD bytes, for all: from a host and a port that SENDER
 * names. */
static void make_udp(uint8_t *frame, unsigned payload, unsigned sender)
{
	memset(frame, 0, HEADERS);
	memset(frame, 0xff, 6);
	frame[6] = 2;  /* a local address */
	frame[12] = 8; /* IP */
	frame[14] = 0x45;
	frame[16] = (uint8_t)((IP + UDP + payload) >> 8);
	frame[17] = (uint8_t)(IP + UDP + payload);
	frame[22] = 9;
	frame[23] = 17;
	frame[26] = frame[30] = 10;
	frame[29] = frame[35] = (uint8_t)sender;
	frame[37] = 99;
	frame[38] = (uint8_t)((UDP + payload) >> 8);
	frame[39] = (uint8_t)(UDP + payload);
}

/* Many flows, so that all of the TAP's queues get some if they may. */
static void send_flows(void)
{
	uint8_t frame[60];

	for (unsigned i = 1; i <= 32; i++) {
		memset(frame, 0x5a, sizeof(frame));
		make_udp(frame, sizeof(frame) - HEADERS, i);
		assert_int_equal(send(frames, frame, sizeof(frame), 0), sizeof(frame));
	}
}

static unsigned count_flows(unsigned which)
{
	uint32_t length;
	unsigned count = 0;

	while ((length = guest_receives(which)))
		count += length == HEADER + 60 && bytes[HEADER + 59] == 0x5a;
	return count;
}

static void queues_are_dealt_to(void)
{
	start(~(BIT(F_GUEST_CSUM) | BIT(F_MRG_RXBUF)), 256);
	for (unsigned round = 0; round < 3; round++) {
		send_flows();
		assert_int_equal(count_flows(0), 32);
		assert_int_equal(set_pairs_in(4, 2), ACK_OK);
		send_flows();
		unsigned first = count_flows(0), second = count_flows(1);
		assert_int_equal(first + second, 32);
		assert_true(first && second);
		assert_int_equal(set_pairs_in(4, 1), ACK_OK);
	}
	/* A reset has the same effect. */
	assert_int_equal(set_pairs_in(4, 2), ACK_OK);
	start(~BIT(F_GUEST_CSUM), 256);
	send_flows();
	assert_int_equal(count_flows(0), 32);
}

/* A packet with room for three segments of UDP; in how many pieces the guest gets it. */
static unsigned count_segments(uint64_t accept)
{
	enum { PAYLOAD = 900 };
	struct {
		struct virtio_net_hdr header;
		uint8_t frame[HEADERS + PAYLOAD];
	} segments = {
		.header = {VIRTIO_NET_HDR_F_NEEDS_CSUM, 5 /* UDP_L4 */, HEADERS, PAYLOAD / 3,
			   ETHERNET + IP, 6},
	};
	const uint8_t *start_of = segments.frame;
	unsigned count = 0;
	uint32_t length;

	make_udp(segments.frame, PAYLOAD, 1);
	start(accept, 256);
	ssize_t size = (ssize_t)(sizeof(segments.header) + sizeof(segments.frame));
	assert_int_equal(send(frames, &segments, (size_t)size, 0), size);
	while ((length = guest_receives(0)))
		count += length > HEADER + HEADERS &&
			 memcmp(bytes + HEADER, start_of, ETHERNET) == 0;
	return count;
}

/* TAPs know UDP segmentation since Linux 6.2. */
static void udp_segmentation_follows_the_driver(void)
{
	const uint64_t least = BIT(F_VERSION_1) | BIT(F_GUEST_CSUM), four = BIT(F_GUEST_USO4),
		       six = BIT(F_GUEST_USO6);
	int on = 1;

	if (ioctl(nic.queue[0].fd, TUNSETOFFLOAD, TUN_F_CSUM | 0x60ul) < 0)
		return;
	net.virtio.offered |= four | six;
	assert_int_equal(setsockopt(frames, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(count_segments(least), 3);
	assert_int_equal(count_segments(least | four | six), 1);
	/* A TAP cannot tell them apart. */
	assert_int_equal(count_segments(least | four), 3);
	assert_int_equal(count_segments(least | six), 3);
	on = 0;
	assert_int_equal(setsockopt(frames, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
}

/* Who did not say that queues are to be attached keeps them as they are. */
static void queues_stay_attached(void)
{
	start(~BIT(F_GUEST_CSUM), 256);
	assert_int_equal(set_pairs_in(4, 2), ACK_OK);
	nic.attach = false;
	assert_int_equal(set_pairs_in(4, 1), ACK_OK);
	send_flows();
	unsigned first = count_flows(0);
	assert_true(first && first < 32);
	nic.attach = true;
}

static void delete_interface(void)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} message = {
		.header = {sizeof(message), RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0},
		.info = {.ifi_index = interface_index()},
	};
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_int_equal(send(netlink, &message, sizeof(message), 0), sizeof(message));
	assert_true(recv(netlink, bytes, sizeof(bytes), 0) > 0);
	close(netlink);
}

static const char *open_tap(void)
{
	struct ifreq detach = {.ifr_flags = IFF_DETACH_QUEUE};
	int queue[2];

	if (!enter_own_network())
		return "no network namespace of our own";
	inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (inet < 0)
		return "no sockets";
	queue[0] = open_queue();
	queue[1] = queue[0] < 0 ? -1 : open_queue();
	if (queue[1] < 0 || ioctl(queue[1], TUNSETQUEUE, &detach) < 0)
		return "no TAP of our own";
	set_interface_up(true);
	if (!open_frames())
		return "no packet sockets";
	for (unsigned i = 0; i < 2; i++) {
		assert_true(dup2(queue[i], nic.queue[i].fd) >= 0);
		close(queue[i]);
	}
	return NULL;
}

static void frames_pass_a_tap(void)
{
	const struct part alone = {COMMANDS, HEADER, false};

	start(~BIT(F_MRG_RXBUF), 256);
	for (unsigned i = 0; i < 20; i++) {
		assert_true(tap_takes(0, i));
		assert_true(guest_hears(i));
	}
	/* §5.1.6.2 forbids a checksum beyond the packet: the kernel refuses it, and goes on. */
	assert_false(tap_takes(VIRTIO_NET_HDR_F_NEEDS_CSUM, 1));
	assert_true(tap_takes(0, 2));
	/* So it is with a header alone. */
	assert_false(goes_out(&alone, 1, NULL, 0));
	/* An interface that is down is not gone. */
	set_interface_up(false);
	assert_false(tap_takes(0, 3));
	set_interface_up(true);
	assert_true(tap_takes(0, 4));
	assert_true(guest_hears(4));
}

static void a_deleted_tap_is_told_once(void)
{
	struct capture capture;

	delete_interface();
	capture_begin(&capture, STDERR_FILENO);
	post(0, 2000);
	enum virtio_net_wait first = serve(0), second = serve(0);
	capture_end(&capture);
	assert_int_equal(first, NET_AWAIT_KICK);
	assert_int_equal(second, NET_AWAIT_KICK);
	assert_int_equal(capture.writes, 1);
	add_packet(1, 1, 100, 12);
	assert_serves(0, NET_AWAIT_KICK);
	assert_int_equal(waiting(1), 1);
}

static void chains_of_two_parts(void **state)
{
	(void)state;
	go(1, ALL, 4);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = next_buffer(0);
		unsigned head = DRIVER_ADD(&driver, 0, {at, 12, true}, {at + 12, 8, true});
		posted[0][head] = 20;
		place[0][head] = at;
	}
	inject(0, 1, 41);
	inject(0, 2, 40);
	assert_serves(0, NET_AWAIT_KICK);
	assert_int_equal(stat(STAT_ERRORS), 1);
	take_received(0, 2, 40);
}

static void flags_without_guest_csum(void **state)
{
	uint8_t data[60] = {VIRTIO_NET_HDR_F_DATA_VALID}, flags;
	(void)state;
	go(1, ~BIT(F_GUEST_CSUM), 4);
	post(0, 100);
	assert_int_equal(send(outside[0], data, sizeof(data), 0), sizeof(data));
	assert_serves(0, NET_AWAIT_KICK);
	driver_get(&driver, place[0][0], &flags, 1);
	assert_int_equal(flags, 0);
}

/* What a read refuses once is one packet: a UDP socket stands for the TAP, whose neighbour was
 * not there. */
static void transient_error(void **state)
{
	struct sockaddr_in near = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr_in far = near;
	socklen_t size = sizeof(near);
	int tap = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bind(tap, (struct sockaddr *)&near, size), 0);
	assert_int_equal(bind(other, (struct sockaddr *)&far, size), 0);
	getsockname(other, (struct sockaddr *)&far, &size);
	assert_int_equal(connect(tap, (struct sockaddr *)&far, size), 0);
	close(other);
	assert_int_equal(send(tap, "x", 1, 0),
			 1); /* refused by its reader, which is told here later */
	dup2(tap, nic.queue[0].fd);
	close(tap);
	post_many(0, 100, 3);
	assert_serves(0, NET_AWAIT_NIC);
	assert_int_equal(stat(STAT_ERRORS), 1);
	assert_false(nic.queue[0].gone);
}

__attribute__((unused)) static void a_real_tap(void **state)
{
	(void)state;
	prepare(2);
	nic.attach = true;
	const char *why = open_tap();
	if (why) {
		print_message("skipped: %s: %s\n", why, strerror(errno));
		skip();
	}
	virtio_net_init(&net, &nic);
	virtio_mmio_init(&mmio, &net.virtio);
	driver = (struct driver){.mmio = &mmio, .ram = &ram};
	frames_pass_a_tap();
	offloads_follow_the_driver();
	udp_segmentation_follows_the_driver();
	queues_are_dealt_to();
	queues_stay_attached();
	a_deleted_tap_is_told_once();
	close(frames);
	close(inet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(flags_without_guest_csum), NET_TEST(transient_error),
		NET_TEST(chains_of_two_parts),
#ifndef __SANITIZE_THREAD__           /* whose own thread forbids unshare(2) */
		NET_TEST(a_real_tap), /* the last: it leaves the process in another namespace */
#endif
	};

	return cmocka_run_group_tests(tests, reserve, release);
}
