/* An x86-64 guest: addresses, and what is an instruction or two. See arch.h. */
#ifndef GUEST_X86_64_H
#define GUEST_X86_64_H

#include <stdint.h>

#define CONSOLE 0x3f8
#define CHANNEL 0x2f8
#define VIRTIO 0xe0000000ull
#define IRQCHIP 0xfee00000ull /* the local APIC */
#define NOWHERE 0xd0000000ull
#define SCRATCH 0x300000ull
#define MAPPED_END 0x100000000ull
#define UNTOLD_RAM 0x60400u /* 385 KiB of the first MiB: from the EBDA on */

/* With -m 5G: from the end of the low RAM to the beginning of the high, and all between. */
#define BAD_PLACES(P) P("across-hole", 0xc0000000 - 512, 0x40000000 + 1024)

#define DEFINE_ACCESS(bits, suffix, constraint)                                \
	static inline uint##bits##_t read##bits(uint64_t address)              \
	{                                                                      \
		uint##bits##_t value;                                          \
                                                                               \
		__asm__ volatile("mov" suffix " (%1), %0"                      \
				 : "=" constraint(value)                       \
				 : "r"(address)                                \
				 : "memory");                                  \
		return value;                                                  \
	}                                                                      \
                                                                               \
	static inline void write##bits(uint64_t address, uint##bits##_t value) \
	{                                                                      \
		__asm__ volatile("mov" suffix " %0, (%1)"                      \
				 :                                             \
				 : constraint(value), "r"(address)             \
				 : "memory");                                  \
	}

DEFINE_ACCESS(8, "b", "q")
DEFINE_ACCESS(16, "w", "r")
DEFINE_ACCESS(32, "l", "r")
DEFINE_ACCESS(64, "q", "r")
#undef DEFINE_ACCESS

#define DEFINE_PORT(bits, suffix)                                                    \
	static inline void out##bits(uint16_t port, uint##bits##_t value)            \
	{                                                                            \
		__asm__ volatile("out" suffix " %0, %1" : : "a"(value), "Nd"(port)); \
	}                                                                            \
                                                                                     \
	static inline uint##bits##_t in##bits(uint16_t port)                         \
	{                                                                            \
		uint##bits##_t value;                                                \
                                                                                     \
		__asm__ volatile("in" suffix " %1, %0" : "=a"(value) : "Nd"(port));  \
		return value;                                                        \
	}

DEFINE_PORT(8, "b")
DEFINE_PORT(16, "w")
DEFINE_PORT(32, "l")
#undef DEFINE_PORT

static inline uint8_t uart_in(uint64_t uart, unsigned reg)
{
	return in8((uint16_t)(uart + reg));
}

static inline void uart_out(uint64_t uart, unsigned reg, uint8_t value)
{
	out8((uint16_t)(uart + reg), value);
}

static inline uint64_t unaligned(uint64_t address)
{
	return address;
}

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

#endif
