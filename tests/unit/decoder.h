/* What the guest's init makes of the bytes that the host sends: frames, counted by their type. */
#ifndef MAYFLY_DECODER_H
#define MAYFLY_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/channel_wire.h"

struct decoder {
	uint8_t frame[CHANNEL_HEADER + CHANNEL_INLINE_MAX];
	size_t size;
	unsigned count[256];
};

/* A frame that the host may send, with a length that it may have. */
static inline bool decoder_knows(unsigned type, size_t length)
{
	switch (type) {
	case CHANNEL_STDIN:
		return length > 0 && length <= CHANNEL_INLINE_MAX;
	case CHANNEL_STDIN | CHANNEL_IN_WINDOW:
		return length > 0 && length <= CHANNEL_CHUNK_MAX;
	case CHANNEL_STDIN_END:
	case CHANNEL_TAKEN:
		return length == 0;
	case CHANNEL_CLOSED:
	case CHANNEL_SIGNAL:
		return length == 1;
	case CHANNEL_WINSIZE:
		return length == 4;
	default:
		return false;
	}
}

/* False at the first byte that completes no frame of the protocol. */
static inline bool decode(struct decoder *decoder, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		decoder->frame[decoder->size++] = bytes[i];
		if (decoder->size < CHANNEL_HEADER)
			continue;
		unsigned type = decoder->frame[0];
		size_t length = decoder->frame[1] | (size_t)decoder->frame[2] << 8;
		if (!decoder_knows(type, length))
			return false;
		if (decoder->size < CHANNEL_HEADER + (type & CHANNEL_IN_WINDOW ? 0 : length))
			continue;
		decoder->count[type]++;
		decoder->size = 0;
	}
	return true;
}

#endif
