/* How a bare guest begins: from PVH's 32-bit entry or a bzImage's 64-bit one to bare_main() in long mode,
 * memory mapped one to one up to 4 GiB. The page tables are data, so that this takes a dozen instructions. */
	.set	STACK_SIZE, 4096	/* of each but the first CPU */

	.section .note.Xen, "a", @note
	.long	4, 4, 18	/* name size, value size, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	start32

	.section .start, "ax"
	.code32
start32:
	movl	%ebx, %esi	/* hvm_start_info */
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	$0x20, %eax	/* CR4.PAE */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx
	xorl	%edx, %edx
	movl	$0x100, %eax	/* EFER.LME */
	wrmsr
	movl	$0x80000011, %eax /* CR0: PG, ET, PE */
	movl	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$0x10, $start64

	.code64
	.global start64
start64:
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$stack_top, %esp
	movl	%esi, %edi
	call	bare_main
1:	hlt
	jmp	1b

/* Another CPU begins here in real mode (copied to 0x2000). It goes on to 64 bits, takes a stack and does
 * other_cpu_work. */
	.code16
	.global ap_start, ap_end
ap_start:
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	ap_gdt - ap_start
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	$0x20, %eax
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx
	xorl	%edx, %edx
	movl	$0x100, %eax
	wrmsr
	movl	$0x80000011, %eax
	movl	%eax, %cr0
	ljmpl	$0x10, $ap64
	.balign 4
ap_gdt:
	.word	gdt_pointer - gdt - 1
	.long	gdt
ap_end:

	.code64
ap64:
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$STACK_SIZE, %esp
	lock xaddl %esp, next_stack
	call	*other_cpu_work
1:	cli
	hlt
	jmp	1b

/* An interrupt, which comes only in sleep_until_interrupt(). That is left without IRET, which an emulator of
 * guest kernels may lack, and with interrupts off. */
	.global interrupt_entry, sleep_until_interrupt
interrupt_entry:
	movl	$0xfee000b0, %eax	/* EOI */
	movl	$0, (%rax)
	popq	%rcx
	movq	16(%rsp), %rsp
	jmp	*%rcx

sleep_until_interrupt:
	sti
	hlt
	ret

	.data
	.balign 8
gdt:	.quad	0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt

next_stack:
	.long	ap_stacks + STACK_SIZE /* its end */

	.balign 4096
pml4:	.quad	pdpt + 3
	.zero	4088
pdpt:	.quad	directories + 3, directories + 0x1003, directories + 0x2003, directories + 0x3003
	.zero	4096 - 32
directories:
	.set	address, 0
	.rept	2048
	.quad	address + 0x83	/* present, writable, 2 MiB */
	.set	address, address + 0x200000
	.endr

	.bss
	.balign 16
	.zero	8192
stack_top:
ap_stacks:
	.zero	31 * STACK_SIZE
	.section .note.GNU-stack, "", @progbits
