/* Opens the TAP or macvtap behind a NIC. */
#ifndef MAYFLY_TAP_H
#define MAYFLY_TAP_H

#include "base/config.h"
#include "base/report.h"
#include "devices/virtio_net.h"

#define TAP_NAME_SIZE 16

/* The numbers of the PAIRS descriptors of NET, device INDEX. */
void tap_number(struct virtio_net *net, unsigned pairs, unsigned index);

/* Fills in what NET, device INDEX, needs of its interface: pairs, pair[].tap_fd (at their places), uso, attach, MAC
 * address and MTU. INHERITED has the descriptors that the user gave, if any. An interface that does not exist is made,
 * and ends with us, if this user may do so; one that is down is set up. NAME, zeroed by the caller, gets the interface's. */
bool tap_open(struct virtio_net *net, const struct net_options *options, const int *inherited,
	      unsigned index, char name[TAP_NAME_SIZE], struct problem *problem);

#endif
