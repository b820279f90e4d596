/* The bus: a fixed table from guest addresses to devices. Whatever no device claims reads as zero
 * and takes writes without effect. */
#ifndef MAYFLY_BUS_H
#define MAYFLY_BUS_H

#include <stdbool.h>
#include <stdint.h>

#define BUS_DEVICES_MAX 16

enum bus_space { BUS_PORT, BUS_MMIO };

/* WIDTH is the widest access that the device takes at once, 1 or 4 bytes; a wider one is split,
 * as on ISA. SIZE is what is left of it: 1 to WIDTH bytes, of any alignment. */
struct bus_device {
	enum bus_space space;
	uint64_t base;
	uint32_t size;
	unsigned width;
	void *device;
	uint32_t (*read)(void *device, unsigned offset, unsigned size);
	void (*write)(void *device, unsigned offset, unsigned size, uint32_t value);
};

struct bus {
	unsigned count;
	struct bus_device device[BUS_DEVICES_MAX];
};

/* Adds a device; start-up only. The ranges do not overlap (a test of the layout sees to it). */
void bus_add(struct bus *bus, const struct bus_device *device);

/* One access of SIZE bytes (1, 2, 4 or 8) by a vCPU; DATA is little-endian, as KVM has it. */
void bus_access(const struct bus *bus, enum bus_space space, uint64_t address, bool is_write,
		uint8_t *data, unsigned size);

#endif
