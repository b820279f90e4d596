#include "rootfs/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "eth0"

/* The kernel's struct in6_ifreq (linux/ipv6.h clashes with the C library's headers). */
struct ipv6_request {
	struct in6_addr address;
	uint32_t prefix;
	int index;
};

static bool is_ipv6(const char *address)
{
	return strchr(address, ':');
}

/* Makes one request on a socket of FAMILY. */
static bool ask(int family, unsigned long request, void *argument)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool fine = fd >= 0 && ioctl(fd, (int)request, argument) == 0;
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return fine;
}

static struct sockaddr ipv4_address(uint32_t address)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {address}};
	struct sockaddr general;

	memcpy(&general, &in, sizeof(general));
	return general;
}

static uint32_t mask_of(unsigned prefix)
{
	return htonl(prefix ? UINT32_MAX << (32 - prefix) : 0);
}

static bool set_up(void)
{
	struct ifreq request = {.ifr_name = NAME};

	if (!ask(AF_INET, SIOCGIFFLAGS, &request))
		return false;
	request.ifr_flags |= IFF_UP;
	return ask(AF_INET, SIOCSIFFLAGS, &request);
}

static bool add_ipv4(const char *address, unsigned prefix)
{
	struct ifreq request = {.ifr_name = NAME};

	request.ifr_addr = ipv4_address(inet_addr(address));
	if (!ask(AF_INET, SIOCSIFADDR, &request))
		return false;
	request.ifr_netmask = ipv4_address(mask_of(prefix));
	return ask(AF_INET, SIOCSIFNETMASK, &request);
}

/* No other host has the address, so eth0 uses it at once. */
static void trust_addresses(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/" NAME "/accept_dad", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) < 0)
		errno = 0;
	close(fd);
}

static bool add_ipv6(const char *address, unsigned prefix)
{
	struct ifreq index = {.ifr_name = NAME};
	struct ipv6_request request = {.prefix = prefix};

	inet_pton(AF_INET6, address, &request.address);
	if (!ask(AF_INET6, SIOCGIFINDEX, &index))
		return false;
	request.index = index.ifr_ifindex;
	return ask(AF_INET6, SIOCSIFADDR, &request);
}

bool net_add_address(char *address)
{
	char *slash = strchr(address, '/');
	unsigned prefix = (unsigned)strtoul(slash + 1, NULL, 10);

	*slash = '\0';
	trust_addresses();
	if (!set_up())
		return false;
	return is_ipv6(address) ? add_ipv6(address, prefix) : add_ipv4(address, prefix);
}

static bool add_ipv4_gateway(const char *gateway)
{
	struct rtentry route = {
		.rt_dst = ipv4_address(0),
		.rt_genmask = ipv4_address(0),
		.rt_gateway = ipv4_address(inet_addr(gateway)),
		.rt_flags = RTF_UP | RTF_GATEWAY,
	};

	return ask(AF_INET, SIOCADDRT, &route);
}

static bool add_ipv6_gateway(const char *gateway)
{
	struct ifreq index = {.ifr_name = NAME};
	struct in6_rtmsg route = {.rtmsg_flags = RTF_UP | RTF_GATEWAY, .rtmsg_metric = 1};

	inet_pton(AF_INET6, gateway, &route.rtmsg_gateway);
	if (!ask(AF_INET6, SIOCGIFINDEX, &index))
		return false;
	route.rtmsg_ifindex = index.ifr_ifindex;
	return ask(AF_INET6, SIOCADDRT, &route);
}

bool net_add_gateway(const char *gateway)
{
	return is_ipv6(gateway) ? add_ipv6_gateway(gateway) : add_ipv4_gateway(gateway);
}

void net_add_dns(const char *address)
{
	static bool begun;
	int fd;

	mkdir("/etc", 0755);
	fd = open("/etc/resolv.conf", O_WRONLY | O_CREAT | O_CLOEXEC | (begun ? O_APPEND : O_TRUNC),
		  0644);
	if (fd < 0)
		return;
	begun = true;
	if (write(fd, "nameserver ", 11) == 11 &&
	    write(fd, address, strlen(address)) == (ssize_t)strlen(address) &&
	    write(fd, "\n", 1) == 1)
		errno = 0;
	close(fd);
}
