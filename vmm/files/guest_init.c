#include "files/guest_init.h"

/* GUEST_INIT_FILE is the program's path, from the Makefile. */
__asm__(".section .rodata\n"
	".balign 16\n"
	"guest_init_start: .incbin \"" GUEST_INIT_FILE "\"\n"
	"guest_init_end:\n"
	".previous\n");

extern const uint8_t guest_init_start[] __attribute__((visibility("hidden")));
extern const uint8_t guest_init_end[] __attribute__((visibility("hidden")));

struct bytes guest_init(void)
{
	// cppcheck-suppress [comparePointers,subtractPointers] ; two ends of one file
	return (struct bytes){guest_init_start, (size_t)(guest_init_end - guest_init_start)};
}
