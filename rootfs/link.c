#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "system.h"

#define CHANNEL_DEVICE "/dev/ttyS1"
#define CHANNEL_DEVICE_NUMBER makedev(4, 65)

static void send_all(int channel, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t count = write(channel, data, size);

		if (count < 0 && errno != EINTR)
			give_up("cannot write to the channel");
		if (count > 0) {
			data += count;
			size -= (size_t)count;
		}
	}
}

void link_send(int channel, unsigned type, const uint8_t *payload, size_t size)
{
	uint8_t frame[CHANNEL_HEADER + CHANNEL_INLINE_MAX] = {(uint8_t)type, (uint8_t)size,
							      (uint8_t)(size >> 8)};
	size_t carried = payload ? size : 0;

	if (carried)
		memcpy(frame + CHANNEL_HEADER, payload, carried);
	send_all(channel, frame, CHANNEL_HEADER + carried);
}

int link_open(void)
{
	struct termios modes;
	int channel = open(CHANNEL_DEVICE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (channel < 0 && errno == ENOENT &&
	    mknod(CHANNEL_DEVICE, S_IFCHR | 0600, CHANNEL_DEVICE_NUMBER) == 0)
		channel = open(CHANNEL_DEVICE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (channel < 0 || tcgetattr(channel, &modes) < 0)
		give_up("cannot open " CHANNEL_DEVICE
			" (the kernel needs SERIAL_8250 with two ports)");
	cfmakeraw(&modes);
	modes.c_cflag |= CLOCAL;
	/* The baud rate means nothing here but for the kernel's waits, which are scaled by it. */
	cfsetspeed(&modes, B115200);
	if (tcsetattr(channel, TCSANOW, &modes) < 0)
		give_up("cannot set up " CHANNEL_DEVICE);
	return channel;
}

/* /dev/mem lets us map the window even where it is strict, as no RAM is there. The host's mark tells
 * whether it is what we think. */
uint8_t *link_map_window(uint64_t address)
{
	int memory = open("/dev/mem", O_RDWR | O_CLOEXEC);

	if (memory < 0)
		return NULL;
	uint8_t *mapped = mmap(NULL, 2 * CHANNEL_WINDOW_HALF, PROT_READ | PROT_WRITE, MAP_SHARED,
			       memory, (off_t)address);
	close(memory);
	if (mapped == MAP_FAILED)
		return NULL;
	if (memcmp(mapped, CHANNEL_WINDOW_MARK, sizeof(CHANNEL_WINDOW_MARK)) == 0)
		return mapped;
	munmap(mapped, 2 * CHANNEL_WINDOW_HALF);
	return NULL;
}
