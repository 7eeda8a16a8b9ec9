/* SPDX-License-Identifier: BSD-2-Clause
 * entry.S - into the kernel and out of it.
 *
 * Job:      saves the registers of the running process in its struct proc, calls C on the core's one
 *           stack, and leaves with the registers of the process that C chose.
 * Touches:  struct core through GS (current 0, stack 8, scratch 16); struct proc (regs 0, flags 168).
 * Trusts:   the layout of struct user_regs, asserted in trap.c.
 * On crash: an exception in the kernel itself ends in panic_trap.
 * Spec:     AMD64 APM vol. 2, 6.1 (SYSCALL, SYSRET), 8.9 (long-mode interrupt stack frame).
 */
	.set R_RDI, 0
	.set R_RSI, 8
	.set R_RDX, 16
	.set R_R10, 24
	.set R_R8, 32
	.set R_R9, 40
	.set R_R12, 48
	.set R_R13, 56
	.set R_R14, 64
	.set R_R15, 72
	.set R_RAX, 80
	.set R_RBX, 88
	.set R_RBP, 96
	.set R_RCX, 104
	.set R_R11, 112
	.set R_RIP, 120
	.set R_RSP, 128
	.set R_RFLAGS, 136
	.set R_ORIG, 160
	.set P_FLAGS, 168

	.macro save_common
	mov %rdi, R_RDI(%rsp)
	mov %rsi, R_RSI(%rsp)
	mov %rdx, R_RDX(%rsp)
	mov %r10, R_R10(%rsp)
	mov %r8, R_R8(%rsp)
	mov %r9, R_R9(%rsp)
	mov %r12, R_R12(%rsp)
	mov %r13, R_R13(%rsp)
	mov %r14, R_R14(%rsp)
	mov %r15, R_R15(%rsp)
	mov %rax, R_RAX(%rsp)
	mov %rbx, R_RBX(%rsp)
	mov %rbp, R_RBP(%rsp)
	.endm

	.text
	.globl syscall_entry
syscall_entry:
	swapgs
	mov %rsp, %gs:16
	mov %gs:0, %rsp
	save_common
	mov %rcx, R_RIP(%rsp)
	mov %r11, R_RFLAGS(%rsp)
	mov %rax, R_ORIG(%rsp)
	mov %gs:16, %rax
	mov %rax, R_RSP(%rsp)
	andl $~1, P_FLAGS(%rsp)
	mov %rsp, %rdi
	mov %gs:8, %rsp
	xor %ebp, %ebp
	call syscall_main
	/* RAX: the process to run. */
	.globl leave_to
leave_to:
	mov %rax, %rdi
	testl $1, P_FLAGS(%rdi)
	jnz leave_full
	mov R_RSI(%rdi), %rsi
	mov R_RDX(%rdi), %rdx
	mov R_R10(%rdi), %r10
	mov R_R8(%rdi), %r8
	mov R_R9(%rdi), %r9
	mov R_R12(%rdi), %r12
	mov R_R13(%rdi), %r13
	mov R_R14(%rdi), %r14
	mov R_R15(%rdi), %r15
	mov R_RAX(%rdi), %rax
	mov R_RBX(%rdi), %rbx
	mov R_RBP(%rdi), %rbp
	mov R_RIP(%rdi), %rcx
	mov R_RFLAGS(%rdi), %r11
	mov R_RSP(%rdi), %rsp
	mov R_RDI(%rdi), %rdi
	swapgs
	sysretq

leave_full:
	pushq $0x1b
	pushq R_RSP(%rdi)
	pushq R_RFLAGS(%rdi)
	pushq $0x23
	pushq R_RIP(%rdi)
	mov R_RSI(%rdi), %rsi
	mov R_RDX(%rdi), %rdx
	mov R_R10(%rdi), %r10
	mov R_R8(%rdi), %r8
	mov R_R9(%rdi), %r9
	mov R_R12(%rdi), %r12
	mov R_R13(%rdi), %r13
	mov R_R14(%rdi), %r14
	mov R_R15(%rdi), %r15
	mov R_RAX(%rdi), %rax
	mov R_RBX(%rdi), %rbx
	mov R_RBP(%rdi), %rbp
	mov R_RCX(%rdi), %rcx
	mov R_R11(%rdi), %r11
	mov R_RDI(%rdi), %rdi
	swapgs
	iretq

	/* One stub for each vector: push a code where the CPU has not, and the vector. */
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if !((vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21))
	pushq $0
	.endif
	pushq $vector
	jmp trap_entry
	.set vector, vector + 1
	.endr

	/* Stack: vector, code, rip, cs, rflags, rsp, ss (struct trap_frame). */
trap_entry:
	testb $3, 24(%rsp)
	jz trap_in_kernel
	swapgs
	push %rax
	mov %rsp, %rax                  /* RAX: saved rax, then the frame */
	mov %gs:0, %rsp
	mov %rcx, R_RCX(%rsp)
	mov %r11, R_R11(%rsp)
	save_common
	mov 0(%rax), %rcx
	mov %rcx, R_RAX(%rsp)
	mov 24(%rax), %rcx
	mov %rcx, R_RIP(%rsp)
	mov 40(%rax), %rcx
	mov %rcx, R_RFLAGS(%rsp)
	mov 48(%rax), %rcx
	mov %rcx, R_RSP(%rsp)
	movq $-1, R_ORIG(%rsp)
	orl $1, P_FLAGS(%rsp)
	mov %rsp, %rdi
	lea 8(%rax), %rsi
	mov %gs:8, %rsp
	sub $64, %rsp                   /* the frame lies at the stack's top: keep off it */
	xor %ebp, %ebp
	call trap_main
	mov %gs:8, %rsp
	jmp leave_to

	/* From the kernel: an interrupt of the idle loop, or a bug. */
trap_in_kernel:
	mov %rsp, %rdi
	mov %rbp, %rsi
	and $-16, %rsp
	call trap_kernel
	mov %gs:8, %rsp
	jmp leave_to

	/* Nothing is runnable. An interrupt comes in through trap_in_kernel and never returns here. */
	.globl idle_loop
idle_loop:
	mov %gs:8, %rsp
	sti
1:	hlt
	jmp 1b

	.globl page_zero
page_zero:
	mov $512, %ecx
	xor %eax, %eax
	rep stosq
	ret

	.globl page_copy
page_copy:
	mov $512, %ecx
	rep movsq
	ret

	/* bytes_copy(to, from, len): eight bytes at a time, then the rest. */
	.globl bytes_copy
bytes_copy:
	mov %rdx, %rcx
	shr $3, %rcx
	jz 1f
	rep movsq
1:	and $7, %edx
	jz 3f
2:	movb (%rsi), %al
	movb %al, (%rdi)
	inc %rsi
	inc %rdi
	dec %edx
	jnz 2b
3:	ret

	/* What compilers call by themselves. */
	.globl memcpy
memcpy:
	push %rdi
	call bytes_copy
	pop %rax
	ret

	.globl memset
memset:
	mov %rdi, %r8
	movzbl %sil, %eax
	mov $0x0101010101010101, %rcx
	imul %rcx, %rax
	mov %rdx, %rcx
	shr $3, %rcx
	rep stosq
	mov %edx, %ecx
	and $7, %ecx
	rep stosb
	mov %r8, %rax
	ret

	.section .note.GNU-stack, "", @progbits
