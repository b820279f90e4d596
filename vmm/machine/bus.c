#include "machine/bus.h"

#include <stddef.h>

void bus_add(struct bus *bus, const struct bus_device *device)
{
	if (bus->count == BUS_DEVICES_MAX)
		__builtin_trap(); /* BUS_DEVICES_MAX must grow with the machine */
	bus->device[bus->count++] = *device;
}

static const struct bus_device *find(const struct bus *bus, enum bus_space space, uint64_t address)
{
	for (unsigned i = 0; i < bus->count; i++) {
		const struct bus_device *device = &bus->device[i];

		if (device->space == space && address >= device->base &&
		    address - device->base < device->size)
			return device;
	}
	return NULL;
}

static unsigned smaller(unsigned a, uint64_t b)
{
	return a < b ? a : (unsigned)b;
}

/* SIZE is at most 4. */
static void access_device(const struct bus_device *device, unsigned offset, bool is_write,
			  uint8_t *data, unsigned size)
{
	uint32_t value = 0;

	if (is_write) {
		for (unsigned i = 0; i < size; i++)
			value |= (uint32_t)data[i] << (8 * i);
		device->write(device->device, offset, size, value);
		return;
	}
	value = device->read(device->device, offset, size);
	for (unsigned i = 0; i < size; i++)
		data[i] = (uint8_t)(value >> (8 * i));
}

void bus_access(const struct bus *bus, enum bus_space space, uint64_t address, bool is_write,
		uint8_t *data, unsigned size)
{
	unsigned piece;

	for (unsigned done = 0; done < size; done += piece) {
		const struct bus_device *device = find(bus, space, address + done);

		piece = 1;
		if (!device) {
			if (!is_write)
				data[done] = 0;
			continue;
		}
		uint64_t offset = address + done - device->base;
		piece = smaller(smaller(size - done, device->width), device->size - offset);
		access_device(device, (unsigned)offset, is_write, data + done, piece);
	}
}
