// emit WAY BYTES, on x86-64: writes so many bytes, and that is all.
//
//   out    to standard output
//   tty    to the first UART by the kernel's driver
//   port   to the first UART without one
//
// As PID 1 it ends the machine then.
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

static char data[65536];

static void to_descriptor(int fd, size_t left)
{
	while (left > 0) {
		ssize_t n = write(fd, data, left < sizeof(data) ? left : sizeof(data));

		if (n < 0)
			err(1, "write");
		left -= (size_t)n;
	}
}

static int open_tty(void)
{
	struct termios raw;
	int fd;

	mknod("/tty", S_IFCHR | 0600, makedev(4, 64));
	fd = open("/tty", O_WRONLY | O_NOCTTY);
	if (fd < 0 || tcgetattr(fd, &raw) < 0)
		err(1, "ttyS0");
	cfmakeraw(&raw);
	tcsetattr(fd, TCSANOW, &raw);
	return fd;
}

int main(int argc, char **argv)
{
	size_t bytes = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	memset(data, '.', sizeof(data));
	if (argc != 3) {
		errx(2, "usage: emit out|tty|port BYTES");
	} else if (strcmp(argv[1], "out") == 0) {
		to_descriptor(1, bytes);
	} else if (strcmp(argv[1], "tty") == 0) {
		int fd = open_tty();

		to_descriptor(fd, bytes);
		tcdrain(fd);
	} else if (ioperm(0x3f8, 1, 1) == 0) {
		while (bytes-- > 0)
			outb('.', 0x3f8);
	}
	return getpid() == 1 ? reboot(RB_AUTOBOOT) : 0;
}
