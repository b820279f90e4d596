/* Where the kernel begins: relocates the program (vmm/start.c), then begins as musl has it. */
	.globl mayfly_start
	.hidden mayfly_start
	.type mayfly_start, %function
	.hidden _DYNAMIC
mayfly_start:
	mov x29, #0
	mov x30, #0
	adrp x0, __ehdr_start
	add x0, x0, :lo12:__ehdr_start
	adrp x1, _DYNAMIC
	add x1, x1, :lo12:_DYNAMIC
	bl start_relocate	/* sp is as it was: argc, argv, … */
	mov x30, #0
	b _start

	.section .note.GNU-stack, "", %progbits
