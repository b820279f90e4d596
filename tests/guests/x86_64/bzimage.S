/* The bare guest as a bzImage: a setup header, and a 64-bit entry that copies the guest to its place. */
	.text
	.code16
	.org	0x1f1
	.byte	1		/* setup_sects */
	.word	0
	.long	(image_end - code) / 16	/* syssize */
	.word	0, 0, 0
	.word	0xaa55
	.byte	0xeb, header_end - setup
setup:
	.ascii	"HdrS"
	.word	0x020f		/* version */
	.long	0
	.word	0, 0
	.byte	0		/* type_of_loader */
	.byte	1		/* loadflags: LOADED_HIGH */
	.word	0
	.long	0x100000	/* code32_start */
	.long	0, 0, 0
	.word	0
	.byte	0, 0
	.long	0		/* cmd_line_ptr */
	.long	0x7fffffff	/* initrd_addr_max */
	.long	0x1000		/* kernel_alignment */
	.byte	0, 0
	.word	1		/* xloadflags: XLF_KERNEL_64 */
	.long	2047		/* cmdline_size */
	.long	0
	.quad	0
	.long	0, 0
	.quad	0		/* setup_data */
	.quad	0x200000	/* pref_address */
	.long	0x60000		/* init_size */
	.long	0
header_end:
	.org	0x400
	.code64
code:
	.org	0x600
	movl	%esi, %ebx
	leaq	guest(%rip), %rsi
	movl	$0x200000, %edi
	movl	$(image_end - guest) / 8, %ecx
	rep movsq
	movl	%ebx, %esi
	movl	$START64, %eax
	jmp	*%rax
	.balign 16
guest:
	.incbin GUEST
	.balign 16
image_end:
