/* How a bare guest begins: a Linux/arm64 Image (Documentation/arch/arm64/booting.rst), entered in EL1 with the MMU off.
 * With the MMU off memory is neither shared with the host nor can be accessed at odd addresses, and has no atomics: so
 * every CPU switches it on before anything else. The page tables are data, so that this takes a dozen instructions. */
	.section .start, "ax"
	b	start
	.long	0
	.quad	0		/* text_offset */
	.quad	image_size
	.quad	2		/* flags: little-endian, 4 KiB pages */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

start:
	bl	mmu_on
	adrp	x1, stack_top		/* a page's first byte */
	mov	sp, x1
	adrp	x1, bss_begin
	add	x1, x1, #:lo12:bss_begin
	adrp	x2, bss_end
	add	x2, x2, #:lo12:bss_end
1:	stp	xzr, xzr, [x1], #16
	cmp	x1, x2
	b.lo	1b
	bl	bare_main
	b	sleep

/* Where PSCI lets another CPU begin, with the end of its stack in x0. */
	.global other_cpu
other_cpu:
	bl	mmu_on
	mov	sp, x0
	adrp	x1, other_cpu_work
	ldr	x1, [x1, #:lo12:other_cpu_work]
	blr	x1
sleep:	wfi
	b	sleep

/* Keeps x0. */
mmu_on:
	adrp	x1, translations
	msr	ttbr0_el1, x1
	mov	x1, #0xff04		/* attributes: 0 Device-nGnRE, 1 write-back, 2 not cached */
	movk	x1, #0x44, lsl #16
	msr	mair_el1, x1
	mov	x1, #0x3519		/* TTBR0 only: 39 bits, 4 KiB pages, walks are cached and shared */
	movk	x1, #0x0080, lsl #16
	movk	x1, #2, lsl #32		/* physical addresses of 40 bits */
	msr	tcr_el1, x1
	adrp	x1, vectors
	msr	vbar_el1, x1
	isb
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	mov	x1, #0x1805		/* MMU and caches on, no alignment checks; the rest are bits that are one */
	movk	x1, #0x30d0, lsl #16
	msr	sctlr_el1, x1
	isb
	ret

/* There should be no exception. */
	.balign 4096
vectors:
	.rept	16
	mrs	x0, esr_el1
	mrs	x1, elr_el1
	mrs	x2, far_el1
	b	crash
	.balign	128
	.endr

	.set	BLOCK, 1
	.set	TABLE, 3
	.set	ACCESSED, 1 << 10
	.set	NO_EXECUTE, 3 << 53
	.set	DEVICE, BLOCK | ACCESSED | NO_EXECUTE
	.set	MEMORY, BLOCK | ACCESSED | 1 << 2 | 3 << 8	/* inner shareable */
	.set	NOT_CACHED, BLOCK | ACCESSED | NO_EXECUTE | 2 << 2

/* 512 GiB one to one, but for the last: see unaligned() in machine.h. */
	.data
	.balign 4096
translations:
	.quad	DEVICE
	.set	address, 1 << 30
	.rept	510
	.quad	address + MEMORY
	.set	address, address + (1 << 30)
	.endr
	.quad	loose_devices + TABLE
loose_devices:
	.zero	8 * 80
	.quad	0x0a000000 + NOT_CACHED
	.zero	8 * 431

	.bss
	.balign 4096
	.zero	16384
stack_top:
	.section .note.GNU-stack, "", @progbits
