/* Sets up eth0 for --ip. */
#ifndef MAYFLY_NET_H
#define MAYFLY_NET_H

#include <stdbool.h>

/* Gives eth0 ADDRESS (ADDRESS/PREFIX, IPv4 or IPv6; cut up in place) and turns eth0 on. False:
 * errno. */
bool net_add_address(char *address);

/* Sets the default route to GATEWAY. False: errno. */
bool net_add_gateway(const char *gateway);

/* Adds the name server at ADDRESS after those given before. A read-only root keeps its own. */
void net_add_dns(const char *address);

#endif
