/* The checksum of firmware tables (ACPI, MP): all bytes of a table add up to 0 modulo 256. */
#ifndef MAYFLY_CHECKSUM_H
#define MAYFLY_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The value for a checksum field that is still 0. */
static inline uint8_t checksum(const uint8_t *table, size_t size)
{
	uint8_t sum = 0;

	while (size--)
		sum = (uint8_t)(sum + *table++);
	return (uint8_t)-sum;
}

#endif
