/* An aarch64 guest: addresses, and what is an instruction or two. See arch.h. */
#ifndef GUEST_AARCH64_H
#define GUEST_AARCH64_H

#include <stdint.h>

#define CONSOLE 0x09000000ull
#define CHANNEL 0x09001000ull
#define VIRTIO 0x0a000000ull
#define IRQCHIP 0x08000000ull /* the GIC's distributor */
#define NOWHERE 0x20000000ull
#define RAM 0x40000000ull
#define SCRATCH 0x40800000ull
#define MAPPED_END (1ull << 38)
#define UNTOLD_RAM 0u

#define BAD_PLACES(P)               \
	P("below", RAM - 512, 1024) \
	P("uart", CONSOLE, 512)

/* Moves with another addressing mode, and of pairs, would not tell a hypervisor what they do. */
#define DEFINE_ACCESS(bits, suffix, operand)                                   \
	static inline uint##bits##_t read##bits(uint64_t address)              \
	{                                                                      \
		uint##bits##_t value;                                          \
                                                                               \
		__asm__ volatile("ldr" suffix " %" operand "0, [%1]\n\tdmb sy" \
				 : "=r"(value)                                 \
				 : "r"(address)                                \
				 : "memory");                                  \
		return value;                                                  \
	}                                                                      \
                                                                               \
	static inline void write##bits(uint64_t address, uint##bits##_t value) \
	{                                                                      \
		__asm__ volatile("dmb sy\n\tstr" suffix " %" operand "0, [%1]" \
				 :                                             \
				 : "r"(value), "r"(address)                    \
				 : "memory");                                  \
	}

DEFINE_ACCESS(8, "b", "w")
DEFINE_ACCESS(16, "h", "w")
DEFINE_ACCESS(32, "", "w")
DEFINE_ACCESS(64, "", "x")
#undef DEFINE_ACCESS

static inline uint8_t uart_in(uint64_t uart, unsigned reg)
{
	return read8(uart + reg);
}

static inline void uart_out(uint64_t uart, unsigned reg, uint8_t value)
{
	write8(uart + reg, value);
}

/* Of device memory odd accesses fault; start.S maps the 2 MiB with the slots once more, 511 GiB
 * above, as memory that is not cached. */
static inline uint64_t unaligned(uint64_t address)
{
	return address + (511ull << 30);
}

static inline uint64_t ticks(void)
{
	uint64_t count, frequency;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count) : : "memory");
	__asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
	return count * ((1000000000 + frequency - 1) / frequency);
}

static inline void relax(void)
{
	__asm__ volatile("yield" : : : "memory");
}

#endif
