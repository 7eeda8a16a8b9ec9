/* SPDX-License-Identifier: BSD-2-Clause
 * entry.S - into the kernel and out of it.
 *
 * Job:      saves the registers of the running process in its struct proc, calls C on the core's
 *           one stack, and leaves with the registers of the process that C chose.
 * Touches:  struct core through GS (current 0, stack 8, scratch 16); struct proc (regs 0,
 *           flags 168).
 * Trusts:   the layout of struct user_regs and struct core, asserted in trap.c.
 * On crash: an exception in the kernel itself ends in panic_trap.
 * Spec:     AMD64 APM vol. 2, 6.1 (SYSCALL, SYSRET), 8.9 (long-mode interrupt stack frame).
 */
	.set R_RDI, 0
	.set R_RAX, 80
	.set R_RCX, 104
	.set R_R11, 112
	.set R_RIP, 120
	.set R_RSP, 128
	.set R_RFLAGS, 136
	.set R_ORIG, 160
	.set P_FLAGS, 168

	/* struct user_regs, from offset 8: all but RDI, and RCX and R11, which `syscall` takes. */
	.macro save_registers base
	.set at, 8
	.irp reg, rsi, rdx, r10, r8, r9, r12, r13, r14, r15, rax, rbx, rbp
	mov %\reg, at(\base)
	.set at, at + 8
	.endr
	.endm

	.macro load_registers base
	.set at, 8
	.irp reg, rsi, rdx, r10, r8, r9, r12, r13, r14, r15, rax, rbx, rbp
	mov at(\base), %\reg
	.set at, at + 8
	.endr
	.endm

	.text
	.globl syscall_entry
syscall_entry:
	swapgs
	mov %rsp, %gs:16
	mov %gs:0, %rsp
	mov %rdi, R_RDI(%rsp)
	save_registers %rsp
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
leave_to:
	mov %rax, %rdi
	load_registers %rdi
	testl $1, P_FLAGS(%rdi)
	jnz leave_full
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
	push %rdi
	mov %gs:0, %rdi
	save_registers %rdi
	pop R_RDI(%rdi)
	mov %rcx, R_RCX(%rdi)
	mov %r11, R_R11(%rdi)
	mov %rsp, %rsi
	push %rax                       /* 16-byte alignment */
	xor %ebp, %ebp
	call trap_main
	mov %gs:8, %rsp
	jmp leave_to

	/* From the kernel: an interrupt of the idle loop, or a bug. */
trap_in_kernel:
	mov %rsp, %rdi
	and $-16, %rsp
	call trap_kernel
	mov %gs:8, %rsp
	jmp leave_to

	/* Nothing is runnable. An interrupt comes in by trap_in_kernel and never returns here. */
	.globl idle_loop
idle_loop:
	mov %gs:8, %rsp
	sti
1:	hlt
	jmp 1b

	.section .note.GNU-stack, "", @progbits
