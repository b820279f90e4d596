#include "rootfs/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "base/bytes.h"
#include "rootfs/give_up.h"

#define CHANNEL_DEVICE "/dev/ttyS1"
#define CHANNEL_DEVICE_NUMBER makedev(4, 65)

enum { WINDOW_SIZE = 2 * CHANNEL_CHUNK_MAX };

/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_FRAME ((1ull << 55) - 1)

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

/* Frames to send in one write: each write causes an interrupt, which costs seven exits. */
static struct {
	uint8_t bytes[CHANNEL_HEADER + CHANNEL_READY_WINDOWED + CHANNEL_HEADER +
		      CHANNEL_INLINE_MAX];
	size_t size;
} frames;

static void add_frame(unsigned type, const uint8_t *payload, size_t size)
{
	const uint8_t header[CHANNEL_HEADER] = {(uint8_t)type, (uint8_t)size, (uint8_t)(size >> 8)};

	if (CHANNEL_HEADER + (payload ? size : 0) > sizeof(frames.bytes) - frames.size)
		__builtin_trap(); /* more than a greeting and a frame */
	memcpy(frames.bytes + frames.size, header, sizeof(header));
	frames.size += sizeof(header);
	if (payload)
		memcpy(frames.bytes + frames.size, payload, size);
	frames.size += payload ? size : 0;
}

void link_greet(const uint8_t *ready, size_t size)
{
	add_frame(CHANNEL_READY, ready, size);
}

void link_send(int channel, unsigned type, const uint8_t *payload, size_t size)
{
	add_frame(type, payload, size);
	send_all(channel, frames.bytes, frames.size);
	frames.size = 0;
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
	/* The baud rate stays: it means nothing here, and a change costs eight exits. */
	cfmakeraw(&modes);
	modes.c_cflag |= CLOCAL;
	if (tcsetattr(channel, TCSANOW, &modes) < 0)
		give_up("cannot set up " CHANNEL_DEVICE);
	return channel;
}

/* Finds the physical address of ADDRESS. Fails without CONFIG_PROC_PAGE_MONITOR. */
static bool find_page(int pagemap, const uint8_t *address, uint64_t *physical)
{
	uint64_t virtual = (uintptr_t)address, size = (uint64_t)getpagesize(), entry;

	if (pread(pagemap, &entry, sizeof(entry), (off_t)(virtual / size * sizeof(entry))) !=
		    sizeof(entry) ||
	    !(entry & PAGEMAP_PRESENT) || !(entry & PAGEMAP_FRAME))
		return false;
	*physical = (entry & PAGEMAP_FRAME) * size + virtual % size;
	return true;
}

/* Writes the table to the host's half of the window, and its address to WHERE. The host reads the
 * table before it writes there. */
static bool make_table(uint8_t *window, uint8_t *where)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t physical = 0;
	bool found = pagemap >= 0;

	for (unsigned i = 0; found && i < CHANNEL_PAGES; i++) {
		found = find_page(pagemap, window + i * CHANNEL_PAGE, &physical);
		put_le64(window + 8 * i, physical);
	}
	put_le64(where, get_le64(window));
	if (pagemap >= 0)
		close(pagemap);
	return found;
}

/* Puts the pages into a pipe that nobody reads, so that the kernel neither moves nor drops them. */
static bool pin(uint8_t *window)
{
	struct iovec pages = {window, WINDOW_SIZE};
	int ends[2];

	return pipe2(ends, O_CLOEXEC) == 0 &&
	       vmsplice(ends[1], &pages, 1, SPLICE_F_NONBLOCK) == WINDOW_SIZE;
}

/* Shared, because a fork of the workload would copy private pages. */
uint8_t *link_make_window(uint8_t ready[CHANNEL_READY_WINDOWED])
{
	uint8_t *window = mmap(NULL, WINDOW_SIZE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (window == MAP_FAILED || !pin(window) || !make_table(window, ready + 1))
		return NULL;
	return window;
}
