#include "devices/pl031.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DATA = 0x000, CONTROL = 0x00c, IDENTIFICATION = 0xfe0 };

/* §3.3.8, §3.3.9: PeriphID0–3 and PCellID0–3, by which the kernel knows the device. */
static const uint8_t identification[] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

static uint32_t seconds(void)
{
	struct timespec now;

	/* Not by the vDSO: see moment.h. */
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	return (uint32_t)now.tv_sec;
}

static uint32_t read_register(unsigned offset)
{
	if (offset >= IDENTIFICATION && offset < PL031_SIZE)
		return identification[(offset - IDENTIFICATION) / 4];
	if (offset == DATA)
		return seconds();
	return offset == CONTROL; /* it runs */
}

uint32_t pl031_read(unsigned offset, unsigned size)
{
	uint32_t value = read_register(offset & ~3u) >> 8 * (offset & 3);

	return size < 4 ? value & ((1u << 8 * size) - 1) : value;
}

void pl031_allow(struct sysfilter *filter)
{
	sysfilter_allow_fd(filter, SYS_clock_gettime, CLOCK_REALTIME); /* the time of day */
}
