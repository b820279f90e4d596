/* What is behind a NIC: which interfaces and which descriptors are taken, with rights and without.
 * test_tap_address.c has addresses and MTUs. */
#define _GNU_SOURCE
#include "tap_network.h"

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
	/* The kernel says which of the two it minds first: that it is used, or that it has one
	 * queue. */
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
	static const char fix[] =
		"it is no TAP, or has another number of queues: make it anew, with 'multi_queue'";

	CHECK(make("single", TAP) && make("tun", IFF_TUN | IFF_NO_PI));
	CHECK_REFUSED(open_by_words("tap=single,queues=2", 0),
		      "cannot use interface single: ", fix);
	CHECK_REFUSED(open_by_words("tap=tun", 0), "cannot use interface tun: ", fix);
	CHECK_REFUSED(open_by_words("tap=lo", 0), "cannot use interface lo: ", fix);
	CHECK_REFUSED(open_by_words("tap=lo,queues=8", 0), "cannot use interface lo: ", fix);
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
	};

	return cmocka_run_group_tests(tests, look_for_a_network, NULL);
}
