/* The guest that launchers are measured with: its first instructions write a byte to the console. It ends then, in whichever
 * way its machine knows (mayfly: ACPI's sleep register; QEMU: isa-debug-exit), or with -DSTAYS sleeps for good.
 * -DPAD_MIB=N makes a file of N MiB, of which a guest that stays reads every page first. */
	.section .note.Xen, "a", @note
	.long	4, 4, 18	/* name size, value size, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	_start

	.text
	.code32
	.global _start
_start:
#if defined(STAYS) && defined(PAD_MIB)
	movl	$pad, %esi
	movl	$PAD_MIB << 8, %ecx
2:	movl	(%esi), %eax
	addl	$4096, %esi
	loop	2b
#endif
	movw	$0x3f8, %dx
	movb	$'!', %al
	outb	%al, %dx
#ifndef STAYS
	movw	$0x601, %dx
	movb	$5 << 2 | 0x20, %al
	outb	%al, %dx
	movb	$0, %al
	outb	%al, $0xf4
#endif
1:	cli
	hlt
	jmp	1b

	.data
	.long	1
#ifdef PAD_MIB
pad:
	.fill	PAD_MIB << 17, 8, 0x5a5a5a5a5a5a5a5a
#endif
