/* SPDX-License-Identifier: BSD-2-Clause
 * vdso_image.S - the shared object that programs find at VDSO_VA, in whole pages of its own.
 *
 * Job:      holds build/lib/vdso/vdso.so as read-only data; vm maps its frames into each program.
 * Speaks:   nothing.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: rewritten with the same contents.
 */
	.section .rodata.vdso, "a", @progbits
	.globl	vdso_start, vdso_end
	.balign	4096
vdso_start:
	.incbin	"vdso.so"
	.balign	4096
vdso_end:
	.section .note.GNU-stack, "", @progbits
