// The least workload, on x86-64: its first act can be seen from outside. As PID 1 of a plain boot
// it sends a byte through the first UART, without a driver, and ends the machine; as a command it
// writes the byte to standard output.
#include <sys/io.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(void)
{
	if (getpid() != 1)
		return write(1, ".", 1) != 1;
	if (ioperm(0x3f8, 1, 1) == 0)
		outb('.', 0x3f8);
	return reboot(RB_AUTOBOOT);
}
