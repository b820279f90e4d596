/* The guest's end of the channel (devices/channel_wire.h): the second UART and the window. */
#ifndef MAYFLY_LINK_H
#define MAYFLY_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "channel_wire.h"

/* Opens the UART, raw. Does not return if that fails. */
int link_open(void);

/* Maps the window at physical ADDRESS; NULL if this kernel does not let us, or if something else is there. */
uint8_t *link_map_window(uint64_t address);

/* Sends a frame; PAYLOAD NULL: its SIZE bytes are in the window. */
void link_send(int channel, unsigned type, const uint8_t *payload, size_t size);

#endif
