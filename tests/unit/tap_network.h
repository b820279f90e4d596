/* Real interfaces, in a network namespace that a child makes for itself, opened as a VM would. */
#ifndef MAYFLY_TAP_NETWORK_H
#define MAYFLY_TAP_NETWORK_H

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
				#condition, in_words(&problem), strerror(errno));           \
			return CHILD_FAILED;                                                \
		}                                                                           \
	} while (0)

#define CHECK_REFUSED(opened, object, says)                                                        \
	do {                                                                                       \
		CHECK(!(opened));                                                                  \
		const char *text = in_words(&problem);                                             \
		CHECK(strstr(text, object) && strstr(text, says));                                 \
		CHECK(strchr(text, '(') && text[strlen(text) - 1] == ')');                         \
	} while (0)

static bool refused;

/* Where nobody may have a network of his own, or there are no TAPs, the tests are skipped. */
static inline int look_for_a_network(void **state)
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
static inline void in_network(int (*checks)(void))
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

static inline bool drop_rights(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};

	return syscall(SYS_capset, &header, data) == 0;
}

/* --- interfaces --- */

static inline struct ifreq request_of(const char *interface)
{
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	return request;
}

/* A queue of INTERFACE, or -1. */
static inline int attach(const char *interface, int flags)
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
static inline bool make(const char *interface, int flags)
{
	int fd = attach(interface, flags);
	bool made = fd >= 0 && ioctl(fd, TUNSETPERSIST, 1) == 0;

	close(fd);
	return made;
}

/* An ioctl about INTERFACE, on any socket. */
static inline bool ask(const char *interface, unsigned long what, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq given = *request;

	*request = request_of(interface);
	request->ifr_ifru = given.ifr_ifru;
	bool answered = syscall(SYS_ioctl, fd, what, request) == 0;
	close(fd);
	return answered;
}

static inline bool exists(const char *interface)
{
	struct ifreq request = request_of("");

	return ask(interface, SIOCGIFINDEX, &request);
}

static inline int mtu_of(const char *interface)
{
	struct ifreq request = request_of("");

	return ask(interface, SIOCGIFMTU, &request) ? request.ifr_mtu : -1;
}

static inline bool is_up(const char *interface)
{
	struct ifreq request = request_of("");

	return ask(interface, SIOCGIFFLAGS, &request) && (request.ifr_flags & IFF_UP);
}

/* Of a queue; -1: it belongs to no interface now. */
static inline int flags_of(int fd)
{
	struct ifreq request = request_of("");

	if (syscall(SYS_ioctl, fd, TUNGETIFF, &request) < 0)
		return -1;
	return request.ifr_flags & (IFF_TUN | MULTI | IFF_DETACH_QUEUE);
}

/* --- opening --- */

static inline bool open_net(const struct net_options *options, const int *inherited, unsigned index)
{
	memset(&nic, 0, sizeof(nic));
	memset(name, 0, sizeof(name));
	problem_clear(&problem);
	capture_begin(&capture, STDERR_FILENO);
	bool opened = tap_open(&nic, options, inherited, index, name, &problem);
	capture_end(&capture);
	return opened;
}

static inline bool open_by_words(const char *words, unsigned index)
{
	static char text[128];
	struct net_options options;

	return net_options_parse(strcpy(text, words), &options, &problem) &&
	       open_net(&options, NULL, index);
}

/* As the user who said fd=NUMBER... of COUNT descriptors, which are elsewhere now. */
static inline bool open_inherited(const int *fds, unsigned count)
{
	struct net_options options = {.fds = count, .queues = count};

	for (unsigned i = 0; i < count; i++)
		options.fd_number[i] = 10 + (int)i;
	return open_net(&options, fds, 0);
}

static inline void close_queues(void)
{
	for (int i = 0; i < DEVICES_MAX * DEVICE_QUEUES_MAX; i++)
		close(FD_TAP + i);
}

static inline int header_size(int fd)
{
	int size = 0;

	return syscall(SYS_ioctl, fd, TUNGETVNETHDRSZ, &size) < 0 ? -1 : size;
}

#endif
