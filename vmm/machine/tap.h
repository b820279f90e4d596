/* Opens the TAP or macvtap behind a NIC. */
#ifndef MAYFLY_TAP_H
#define MAYFLY_TAP_H

#include "base/config.h"
#include "base/report.h"
#include "devices/nic.h"

#define TAP_NAME_SIZE 16

/* The numbers of the QUEUES descriptors of NIC, device INDEX. */
void tap_number(struct nic *nic, unsigned queues, unsigned index);

/* Opens NIC, zeroed, for device INDEX, with its descriptors at their places. INHERITED has the
 * descriptors that the user gave, if any. An interface that does not exist is made, and ends
 * with us, if this user may do so; one that is down is set up. NAME, zeroed by the caller, gets
 * the interface's, and must live as long as NIC. */
bool tap_open(struct nic *nic, const struct net_options *options, const int *inherited,
	      unsigned index, char name[TAP_NAME_SIZE], struct problem *problem);

#endif
