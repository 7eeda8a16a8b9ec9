/* SPDX-License-Identifier: BSD-2-Clause
 * font_data.S - the font, which tools/mkfont has made of one that Debian ships.
 *
 * Job:      carries it as data.
 * On crash: read-only data.
 */
	.section .rodata
	.balign 16
	.globl font_start
font_start:
	.incbin "console.font"
	.globl font_end
font_end:
	.section .note.GNU-stack, "", @progbits
