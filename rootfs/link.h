/* The guest's end of the channel (devices/channel_wire.h): the second UART and the window. */
#ifndef MAYFLY_LINK_H
#define MAYFLY_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "devices/channel_wire.h"

/* Opens the UART, raw. Does not return if that fails. */
int link_open(void);

/* Makes the window of 2 × CHANNEL_CHUNK_MAX bytes. Writes the address of its table to READY, after
 * the version. NULL if this kernel does not tell physical addresses. */
uint8_t *link_make_window(uint8_t ready[CHANNEL_READY_WINDOWED]);

/* Queues READY, of SIZE bytes, in front of the first frame. */
void link_greet(const uint8_t *ready, size_t size);

/* Sends a frame. PAYLOAD is NULL: the SIZE bytes are in the window. */
void link_send(int channel, unsigned type, const uint8_t *payload, size_t size);

#endif
