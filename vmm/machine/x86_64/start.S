/* Where the kernel begins: relocates the program (vmm/start.c), then begins as musl has it. */
	.globl mayfly_start
	.hidden mayfly_start
	.type mayfly_start, @function
	.hidden _DYNAMIC
mayfly_start:
	xor %ebp, %ebp
	mov %rsp, %rbx		/* argc, argv, …; aligned to 16 bytes */
	lea __ehdr_start(%rip), %rdi
	lea _DYNAMIC(%rip), %rsi
	call start_relocate
	mov %rbx, %rsp
	jmp _start

	.section .note.GNU-stack, "", @progbits
