#include "bus.h"

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

void bus_access(const struct bus *bus, enum bus_space space, uint64_t address, bool is_write,
		uint8_t *data, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		const struct bus_device *device = find(bus, space, address + i);

		if (!is_write)
			data[i] = 0;
		if (!device)
			continue;
		unsigned offset = (unsigned)(address + i - device->base);
		if (is_write)
			device->write(device->device, offset, data[i]);
		else
			data[i] = device->read(device->device, offset);
	}
}
