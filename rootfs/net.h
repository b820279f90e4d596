/* eth0, as --ip wants it. */
#ifndef MAYFLY_NET_H
#define MAYFLY_NET_H

#include <stdbool.h>

/* Gives eth0 ADDRESS (ADDRESS/PREFIX, IPv4 or IPv6; cut up where it stands) and sets it up.
 * False: errno. */
bool net_add_address(char *address);

/* Routes everything else through GATEWAY. False: errno. */
bool net_add_gateway(const char *gateway);

/* Asks the name server at ADDRESS, after those given before. A root that cannot be written keeps
 * its own. */
void net_add_dns(const char *address);

#endif
