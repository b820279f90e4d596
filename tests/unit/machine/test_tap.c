/* What is behind a NIC: real interfaces, in a network namespace that a child makes for itself. */
#define _GNU_SOURCE
#include "machine/tap.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cli/device_options.h"
#include "base/fdplan.h"
#include "child.h"

enum {
	TAP = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
	MULTI = TAP | IFF_MULTI_QUEUE,
	OFFLOADS = TUN_F_CSUM | 0x60 /* USO4, USO6 */
};

static struct problem problem;
static struct capture capture;
static struct nic nic;
static char name[TAP_NAME_SIZE];

/* --- children --- */

#define CHECK(condition)                                                                    \
	do {                                                                                \
		if (!(condition)) {                                                         \
			dprintf(STDERR_FILENO, "%s:%d: %s (%s) (%s)\n", __FILE__, __LINE__, \
				#condition, in_words(&problem), strerror(errno));                 \
			return CHILD_FAILED;                                                \
		}                                                                           \
	} while (0)

#define CHECK_REFUSED(opened, object, says)                                                        \
	do {                                                                                       \
		CHECK(!(opened));                                                                  \
		CHECK(strstr(in_words(&problem), object) && strstr(in_words(&problem), says));                 \
		CHECK(strchr(in_words(&problem), '(') && in_words(&problem)[strlen(in_words(&problem)) - 1] == ')'); \
	} while (0)

static bool refused;

/* Where nobody may have a network of his own, or there are no TAPs, the tests are skipped. */
static int look_for_a_network(void **state)
{
	int status = -1;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		bool is_mine = enter_own_network();
		int fd = open("/dev/net/tun", O_RDWR);
		struct ifreq request = {.ifr_name = "probe", .ifr_flags = TAP};

		_exit(!is_mine || fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0);
	}
	refused = waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status);
	return 0;
}

/* Runs CHECKS in a child that is alone on its network, and may do there what it wants. */
static void in_network(int (*checks)(void))
{
	int status = -1;

	if (refused) {
		print_message("skipped: no right to unshare(2), or no /dev/net/tun\n");
		skip();
	}
	pid_t child = fork();
	if (child == 0) {
		alarm(20);
		_exit(!enter_own_network() ? CHILD_FAILED : checks());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), CHILD_PASSED);
}

static bool drop_rights(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};

	return syscall(SYS_capset, &header, data) == 0;
}

/* --- interfaces --- */

static struct ifreq request_of(const char *interface)
{
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
	return request;
}

/* A queue of INTERFACE, or -1. */
static int attach(const char *interface, int flags)
{
	struct ifreq request = request_of(interface);
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	request.ifr_flags = (short)flags;
	if (ioctl(fd, TUNSETIFF, &request) == 0)
		return fd;
	close(fd);
	return -1;
}

/* An interface that stays, and that nobody uses. */
static bool make(const char *interface, int flags)
{
	int fd = attach(interface, flags);
	bool made = fd >= 0 && ioctl(fd, TUNSETPERSIST, 1) == 0;

	close(fd);
	return made;
}

/* An ioctl about INTERFACE, on any socket. */
static bool ask(const char *interface, unsigned long what, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq given = *request;

	*request = request_of(interface);
	request->ifr_ifru = given.ifr_ifru;
	bool answered = syscall(SYS_ioctl, fd, what, request) == 0;
	close(fd);
	return answered;
}

static bool exists(const char *interface)
{
	struct ifreq request = request_of("");

	return ask(interface, SIOCGIFINDEX, &request);
}

static int mtu_of(const char *interface)
{
	struct ifreq request = request_of("");

	return ask(interface, SIOCGIFMTU, &request) ? request.ifr_mtu : -1;
}

static bool is_up(const char *interface)
{
	struct ifreq request = request_of("");

	return ask(interface, SIOCGIFFLAGS, &request) && (request.ifr_flags & IFF_UP);
}

/* Of a queue; -1: it belongs to no interface now. */
static int flags_of(int fd)
{
	struct ifreq request = request_of("");

	if (syscall(SYS_ioctl, fd, TUNGETIFF, &request) < 0)
		return -1;
	return request.ifr_flags & (IFF_TUN | MULTI | IFF_DETACH_QUEUE);
}

/* --- opening --- */

static bool open_net(const struct net_options *options, const int *inherited, unsigned index)
{
	memset(&nic, 0, sizeof(nic));
	memset(name, 0, sizeof(name));
	problem_clear(&problem);
	capture_begin(&capture, STDERR_FILENO);
	bool opened = tap_open(&nic, options, inherited, index, name, &problem);
	capture_end(&capture);
	return opened;
}

static bool open_by_words(const char *words, unsigned index)
{
	static char text[128];
	struct net_options options;

	return net_options_parse(strcpy(text, words), &options, &problem) &&
	       open_net(&options, NULL, index);
}

/* As the user who said fd=NUMBER... of COUNT descriptors, which are elsewhere now. */
static bool open_inherited(const int *fds, unsigned count)
{
	struct net_options options = {.fds = count, .queues = count};

	for (unsigned i = 0; i < count; i++)
		options.fd_number[i] = 10 + (int)i;
	return open_net(&options, fds, 0);
}

static void close_queues(void)
{
	for (int i = 0; i < DEVICES_MAX * DEVICE_QUEUES_MAX; i++)
		close(FD_TAP + i);
}

static int header_size(int fd)
{
	int size = 0;

	return syscall(SYS_ioctl, fd, TUNGETVNETHDRSZ, &size) < 0 ? -1 : size;
}

static int a_new_interface(void)
{
	CHECK(open_by_words("tap=new0", 0));
	CHECK(nic.queues == 1 && nic.queue[0].fd == FD_TAP);
	CHECK(!strcmp(name, "new0"));
	CHECK(flags_of(FD_TAP) == TAP);
	CHECK(fcntl(FD_TAP, F_GETFD) == FD_CLOEXEC);
	CHECK((fcntl(FD_TAP, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == (O_RDWR | O_NONBLOCK));
	CHECK(header_size(FD_TAP) == 12); /* virtio 1.2 §5.1.6: with num_buffers */
	CHECK(!nic.attach);
	CHECK(!!(nic.offloads & (NIC_USO4 | NIC_USO6)) ==
	      (ioctl(FD_TAP, TUNSETOFFLOAD, (unsigned long)OFFLOADS) == 0));
	CHECK(is_up("new0"));
	CHECK(nic.mtu == 1500);
	CHECK(!capture.text[0]);
	CHECK(fcntl(FD_TAP + 1, F_GETFD) < 0);
	/* It ends with us. */
	close_queues();
	CHECK(!exists("new0"));
	return CHILD_PASSED;
}

static void makes_an_interface(void **state)
{
	(void)state;
	in_network(a_new_interface);
}

static int many_queues(void)
{
	for (unsigned index = 0; index < DEVICES_MAX; index += 7) {
		int first = FD_TAP + (int)(index * DEVICE_QUEUES_MAX);

		CHECK(open_by_words("tap=many,queues=8", index));
		CHECK(nic.queues == 8 && nic.attach);
		for (int i = 0; i < 8; i++) {
			struct ifreq request = {.ifr_flags = IFF_ATTACH_QUEUE};

			CHECK(nic.queue[i].fd == first + i);
			CHECK(fcntl(first + i, F_GETFL) & O_NONBLOCK);
			CHECK(fcntl(first + i, F_GETFD) == FD_CLOEXEC);
			/* All but the first wait for the driver. */
			CHECK(flags_of(first + i) == (MULTI | (i ? IFF_DETACH_QUEUE : 0)));
			CHECK(i == 0 || ioctl(first + i, TUNSETQUEUE, &request) == 0);
			CHECK(header_size(first + i) == 12);
		}
		close_queues();
		CHECK(!exists("many"));
	}
	return CHILD_PASSED;
}

static void opens_many_queues(void **state)
{
	(void)state;
	in_network(many_queues);
}

/* An administrator made it: with or without multi_queue, it serves one queue. */
static int existing_interfaces(void)
{
	CHECK(make("single", TAP) && make("multi", MULTI));
	CHECK(open_by_words("tap=single", 1));
	CHECK(flags_of(FD_TAP + 8) == TAP && !nic.attach);
	CHECK(open_by_words("tap=multi", 2));
	CHECK(flags_of(FD_TAP + 16) == MULTI && !nic.attach);
	CHECK(nic.queues == 1);
	CHECK(open_by_words("tap=multi,queues=2", 3));
	CHECK(nic.attach && flags_of(FD_TAP + 24) == MULTI);
	close_queues();
	CHECK(exists("single") && exists("multi"));
	/* Made without the header ("ip tuntap add" does not ask for one). */
	CHECK(make("plain", IFF_TAP | IFF_NO_PI));
	CHECK(open_by_words("tap=plain", 0));
	CHECK(flags_of(FD_TAP) == TAP && header_size(FD_TAP) == 12);
	close_queues();
	/* An interface of 15 characters. */
	CHECK(open_by_words("tap=fifteen-letters", 0));
	CHECK(!strcmp(name, "fifteen-letters") && is_up("fifteen-letters"));
	return CHILD_PASSED;
}

static void uses_an_interface(void **state)
{
	(void)state;
	in_network(existing_interfaces);
}

static int interfaces_in_use(void)
{
	int fd = attach("busy", TAP);

	CHECK(fd >= 0);
	CHECK_REFUSED(open_by_words("tap=busy", 0), "cannot use interface busy: ",
		      "(another process uses it: give each VM its own)");
	CHECK(strstr(in_words(&problem), strerror(EBUSY)));
	/* The kernel says which of the two it minds first: that it is used, or that it has one queue. */
	CHECK(!open_by_words("tap=busy,queues=2", 0));
	close(fd);
	CHECK(open_by_words("tap=busy", 0));
	return CHILD_PASSED;
}

static void refuses_what_is_used(void **state)
{
	(void)state;
	in_network(interfaces_in_use);
}

static int interfaces_of_the_wrong_kind(void)
{
	static const char mend[] =
		"it is no TAP, or has another number of queues: make it anew, with 'multi_queue'";

	CHECK(make("single", TAP) && make("tun", IFF_TUN | IFF_NO_PI));
	CHECK_REFUSED(open_by_words("tap=single,queues=2", 0),
		      "cannot use interface single: ", mend);
	CHECK_REFUSED(open_by_words("tap=tun", 0), "cannot use interface tun: ", mend);
	CHECK_REFUSED(open_by_words("tap=lo", 0), "cannot use interface lo: ", mend);
	CHECK_REFUSED(open_by_words("tap=lo,queues=8", 0), "cannot use interface lo: ", mend);
	CHECK(strstr(in_words(&problem), strerror(EINVAL)));
	return CHILD_PASSED;
}

static void refuses_other_kinds(void **state)
{
	(void)state;
	in_network(interfaces_of_the_wrong_kind);
}

/* --- without rights --- */

static int without_rights(void)
{
	CHECK(make("mine", TAP) && make("up", TAP));
	CHECK(open_by_words("tap=up", 0)); /* sets it up */
	close_queues();
	CHECK(is_up("up") && !is_up("mine"));
	CHECK(drop_rights());
	CHECK_REFUSED(open_by_words("tap=new", 0), "cannot use interface new: ",
		      "(make it for your user: ip tuntap add dev NAME mode tap user $USER)");
	/* One that is down: told, once, and no reason to give up. */
	CHECK(open_by_words("tap=mine", 0));
	CHECK(capture.writes == 1);
	CHECK(strstr(capture.text, "warning: mine is down and cannot be set up: Operation not"));
	CHECK(strstr(capture.text, "(ip link set mine up)\n"));
	CHECK(nic.mtu == 1500);
	close_queues();
	CHECK(open_by_words("tap=up", 0));
	CHECK(!capture.text[0]);
	close_queues();
	CHECK(open_by_words("tap=up,mtu=1500", 0)); /* nothing to change */
	CHECK(!capture.text[0] && nic.mtu == 1500);
	close_queues();
	CHECK(open_by_words("tap=up,mtu=1400", 0));
	CHECK(capture.writes == 1);
	CHECK(strstr(capture.text,
		     "warning: cannot set the MTU of up to 1400: Operation not perm"));
	CHECK(strstr(capture.text, "(ip link set up mtu 1400)\n"));
	CHECK(nic.mtu == 1400 && mtu_of("up") == 1500);
	return CHILD_PASSED;
}

static void goes_without_rights(void **state)
{
	(void)state;
	in_network(without_rights);
}

static char empty_directory[] = "/tmp/mayfly-test-XXXXXX";

static int without_the_driver(void)
{
	CHECK(chroot(empty_directory) == 0 && chdir("/") == 0);
	CHECK_REFUSED(open_by_words("tap=new", 0), "cannot use interface new: No such file",
		      "(load the driver: modprobe tun)");
	return CHILD_PASSED;
}

static void says_what_driver_is_missing(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(empty_directory));
	in_network(without_the_driver);
	assert_int_equal(rmdir(empty_directory), 0);
}

/* --- descriptors that the user has opened --- */

static int good_descriptors(void)
{
	int fds[2] = {attach("given", TAP), -1};
	int number = fds[0];

	CHECK(open_inherited(fds, 1));
	CHECK(!strcmp(name, "given"));
	CHECK(flags_of(FD_TAP) == TAP && header_size(FD_TAP) == 12);
	CHECK(fcntl(number, F_GETFD) < 0); /* moved */
	CHECK(fcntl(FD_TAP, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(FD_TAP, F_GETFD) == FD_CLOEXEC);
	CHECK(is_up("given") && nic.mtu == 1500 && !nic.attach);
	close_queues();
	for (unsigned i = 0; i < 2; i++)
		fds[i] = attach("pairs", MULTI);
	CHECK(open_inherited(fds, 2));
	CHECK(nic.queues == 2 && nic.attach && !strcmp(name, "pairs"));
	CHECK(flags_of(FD_TAP) == MULTI && flags_of(FD_TAP + 1) == (MULTI | IFF_DETACH_QUEUE));
	close_queues();
	/* One queue of several is enough. */
	fds[0] = attach("one", MULTI);
	CHECK(open_inherited(fds, 1));
	CHECK(!nic.attach && !strcmp(name, "one"));
	return CHILD_PASSED;
}

static void takes_descriptors(void **state)
{
	(void)state;
	in_network(good_descriptors);
}

static int bad_descriptors(void)
{
	static const int modes[] = {IFF_TAP, IFF_TAP | IFF_NO_PI, IFF_TUN | IFF_NO_PI,
				    IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	int fds[2];

	for (unsigned i = 0; i < COUNT(modes); i++) {
		fds[0] = attach("mode", modes[i]);
		CHECK_REFUSED(open_inherited(fds, 1), "descriptor 10 has the wrong mode",
			      "(attach it with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR)");
		close_queues();
	}
	fds[0] = open("/dev/null", O_RDWR);
	CHECK_REFUSED(open_inherited(fds, 1), "descriptor 10 is no TAP: ",
		      "(open /dev/net/tun or a /dev/tapN of macvtap, and attach it)");
	CHECK(strstr(in_words(&problem), strerror(ENOTTY)));
	fds[0] = open("/dev/net/tun", O_RDWR);
	CHECK_REFUSED(open_inherited(fds, 1),
		      "descriptor 10 is no TAP: File descriptor in bad state", "and attach it)");
	/* The user's number, also of the second. */
	fds[0] = attach("first", MULTI);
	fds[1] = open("/dev/null", O_RDWR);
	CHECK_REFUSED(open_inherited(fds, 2), "descriptor 11 is no TAP", "and attach it)");
	close_queues();
	/* Two interfaces make no pair, whatever queues they have. */
	for (int flags = TAP; flags <= MULTI; flags += MULTI - TAP) {
		fds[0] = attach("left", flags);
		fds[1] = attach("right", flags);
		CHECK_REFUSED(open_inherited(fds, 2), "descriptor 11 belongs to right, ",
			      "before it to left (");
		close_queues();
	}
	fds[0] = 1000;
	CHECK_REFUSED(open_inherited(fds, 1), "inherited descriptor", "(");
	return CHILD_PASSED;
}

static void refuses_descriptors(void **state)
{
	(void)state;
	in_network(bad_descriptors);
}

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
		cmocka_unit_test(makes_an_interface),
		cmocka_unit_test(opens_many_queues),
		cmocka_unit_test(uses_an_interface),
		cmocka_unit_test(refuses_what_is_used),
		cmocka_unit_test(refuses_other_kinds),
		cmocka_unit_test(goes_without_rights),
		cmocka_unit_test(says_what_driver_is_missing),
		cmocka_unit_test(takes_descriptors),
		cmocka_unit_test(refuses_descriptors),
		cmocka_unit_test(chooses_addresses),
		cmocka_unit_test(honours_addresses),
		cmocka_unit_test(chooses_mtus),
		cmocka_unit_test(sets_links_up),
	};

	return cmocka_run_group_tests(tests, look_for_a_network, NULL);
}
