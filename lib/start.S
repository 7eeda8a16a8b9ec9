/* SPDX-License-Identifier: BSD-2-Clause
 * start.S - a service's first instruction, at a fresh start and at a recovery.
 *
 * Job:      keeps the start kind (RDI, from proc_create or proc_recover), calls main.
 * Speaks:   lib/server.h (enum start_kind).
 * Touches:  start_kind.
 * Trusts:   rs: the stack pointer, and that bss is zero.
 * On crash: rs starts here again.
 */
	.section .text._start, "ax", @progbits
	.globl	_start
	.type	_start, @function
_start:
	xor	%ebp, %ebp
	and	$-16, %rsp
	mov	%edi, start_kind(%rip)
	call	main
	mov	%eax, %edi
	call	die
	.size	_start, . - _start

	.section .bss.start_kind, "aw", @nobits
	.globl	start_kind
	.balign	4
start_kind:
	.zero	4

	.section .note.GNU-stack, "", @progbits
