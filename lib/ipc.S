/* SPDX-License-Identifier: BSD-2-Clause
 * ipc.S - the primitives: C calling convention to the registers of abi/message.h and back.
 *
 * Job:      loads a message into RDI RSI RDX R10 R8 R9 R12 R13, enters the kernel, stores it.
 * Speaks:   abi/message.h.
 * Touches:  the caller's message; ipc_used.
 * Trusts:   the kernel to keep RBX and RBP.
 * On crash: holds no state. A message that was on its way from registers to memory: server.c.
 */

/* Struct offsets; lib/ipc.h asserts them. */
.set SERIAL, 64
.set LENT, 72
.set CALLED, 0
.set NOTIFIED, 512
.set KERNEL, 1024

	.comm	ipc_used, 1536, 64

.cfi_sections .debug_frame	/* for gdb: backtraces of who waits here */

.macro SAVE reg
	push	%\reg
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \reg, 0
.endm

.macro RESTORE reg
	pop	%\reg
	.cfi_adjust_cfa_offset -8
	.cfi_restore \reg
.endm

.macro ENTER
	SAVE	rbx
	SAVE	r12
	SAVE	r13
	SAVE	r14
	SAVE	r15
.endm

.macro LEAVE
	.cfi_remember_state
	RESTORE	r15
	RESTORE	r14
	RESTORE	r13
	RESTORE	r12
	RESTORE	rbx
	ret
	.cfi_restore_state
.endm

.macro LOAD_PAYLOAD
	mov	8(%rbx), %rsi
	mov	16(%rbx), %rdx
	mov	24(%rbx), %r10
	mov	32(%rbx), %r8
	mov	40(%rbx), %r9
	mov	48(%rbx), %r12
	mov	56(%rbx), %r13
.endm

.macro STORE_PAYLOAD
	mov	%rsi, 8(%rbx)
	mov	%rdx, 16(%rbx)
	mov	%r10, 24(%rbx)
	mov	%r8, 32(%rbx)
	mov	%r9, 40(%rbx)
	mov	%r12, 48(%rbx)
	mov	%r13, 56(%rbx)
.endm

.macro LOAD
	mov	(%rbx), %rdi
	LOAD_PAYLOAD
.endm

.macro STORE
	mov	%rdi, (%rbx)
	STORE_PAYLOAD
.endm

/* LENT last: see NOT_RECEIVED in server.c. */
.macro STORE_DELIVERY
	STORE
	mov	%r14, SERIAL(%rbx)
	mov	%r15, LENT(%rbx)
.endm

/* One more in ipc_used, at the low six bits of `reg`. A syscall overwrites RCX and R11. */
.macro COUNT row, reg
	mov	\reg, %ecx
	and	$63, %ecx
	lea	ipc_used + \row(%rip), %r11
	incq	(%r11, %rcx, 8)
.endm

/* From begin to end a message is in registers and RBX says where it goes; server.c knows. */
.macro WINDOW name
	.globl	\name
\name:
.endm

.macro FUNCTION name
	.section .text.\name, "ax", @progbits
	.globl	\name
	.type	\name, @function
	.balign	16
\name:
	.cfi_startproc
.endm

.macro END name
	.cfi_endproc
	.size	\name, . - \name
.endm

FUNCTION ipc_sendrec
	ENTER
	mov	%rdi, %rbx
	mov	%rsi, %r14
	mov	%rdx, %r15
	LOAD
	COUNT	CALLED, %edi
	mov	$0x1000, %eax
	syscall
	STORE
	LEAVE
END ipc_sendrec

FUNCTION ipc_receive
	ENTER
	mov	%rdi, %rbx
	mov	%esi, %edi
	mov	$0x1001, %eax
	syscall
WINDOW ipc_receive_begin
	test	%eax, %eax
	js	1f
	STORE_DELIVERY
WINDOW ipc_receive_end
1:	LEAVE
END ipc_receive

FUNCTION ipc_reply
	ENTER
	mov	%rdi, %rbx
	mov	%esi, %r14d
	LOAD
	mov	$0x1002, %eax
	syscall
	LEAVE
END ipc_reply

FUNCTION ipc_replyreceive
	ENTER
	SAVE	rcx				/* where it stopped, for the caller */
	mov	%rdi, %rbx
	mov	%rsi, %r15
	mov	SERIAL(%rbx), %r14d
	mov	%edx, %edx
	shl	$32, %rdx
	or	%rdx, %r14
	LOAD
	mov	$0x1003, %eax
	syscall
WINDOW ipc_replyreceive_begin
	RESTORE	rcx
	test	%eax, %eax
	js	1f
	STORE_DELIVERY
WINDOW ipc_replyreceive_end
	LEAVE
1:	mov	%rsi, (%rcx)
	mov	%rdx, 8(%rcx)
	mov	%r10, 16(%rcx)
	LEAVE
END ipc_replyreceive

FUNCTION ipc_forward
	COUNT	NOTIFIED, %edx
	mov	$0x1004, %eax
	syscall
	ret
END ipc_forward

FUNCTION ipc_sendnb
	ENTER
	mov	%rdi, %rbx
	LOAD
	COUNT	NOTIFIED, %edi
	mov	$0x1005, %eax
	syscall
	LEAVE
END ipc_sendnb

FUNCTION ipc_notify
	COUNT	NOTIFIED, %edi
	mov	$0x1006, %eax
	syscall
	ret
END ipc_notify

FUNCTION ipc_kernel
	ENTER
	mov	%rsi, %rbx
	mov	%edi, %eax
	COUNT	KERNEL, %edi
	LOAD_PAYLOAD
	syscall
	STORE_PAYLOAD
	LEAVE
END ipc_kernel

	.section .note.GNU-stack, "", @progbits
