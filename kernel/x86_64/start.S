/* SPDX-License-Identifier: BSD-2-Clause
 * start.S - from the boot loader to 64-bit C.
 *
 * Job:      one entry for PVH (QEMU -kernel), one for Multiboot2 (GRUB); both arrive in 32-bit
 *           protected mode without paging, and leave in long mode at the linked address.
 * Touches:  the boot page tables: 4 GiB identity, the same at KERNEL_BASE for its first GiB.
 * On crash: nothing is left to report to; the loader would have refused us.
 * Spec:     Xen "x86/HVM direct boot ABI"; Multiboot2 specification 2.0, 3.1 and 3.5.
 */
#define PHYS(sym) ((sym) - 0xffffffff80000000)

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18                  /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad PHYS(pvh_entry)

	.section .boot.header, "a"
	.balign 8
mb2_header:
	.long 0xe85250d6, 0, mb2_end - mb2_header, -(0xe85250d6 + mb2_end - mb2_header)
	.word 3, 0                      /* entry address */
	.long 12, PHYS(mb2_entry), 0
	.word 5, 1                      /* framebuffer, optional: 1024x768x32 */
	.long 20, 1024, 768, 32, 0
	.word 6, 1                      /* modules page aligned */
	.long 8
	.word 0, 0
	.long 8
mb2_end:

	.section .boot.text, "ax"
	.code32
	.globl pvh_entry
pvh_entry:
	mov $1, %esi
	jmp common
mb2_entry:
	mov $2, %esi
common:
	cld
	mov $PHYS(boot_stack_top), %esp
	mov $PHYS(boot_pml4), %edi
	lea 0x1003(%edi), %eax          /* PML4 -> PDPT low and high */
	mov %eax, (%edi)
	lea 0x2003(%edi), %eax
	mov %eax, 511 * 8(%edi)
	lea 0x3003(%edi), %eax          /* both PDPTs -> four page directories */
	mov %eax, 0x1000(%edi)
	mov %eax, 0x2000 + 510 * 8(%edi)
	add $0x1000, %eax
	mov %eax, 0x1008(%edi)
	add $0x1000, %eax
	mov %eax, 0x1010(%edi)
	add $0x1000, %eax
	mov %eax, 0x1018(%edi)
	mov $0x83, %eax                 /* 2048 pages of 2 MiB */
	lea 0x3000(%edi), %ecx
1:	mov %eax, (%ecx)
	add $8, %ecx
	add $0x200000, %eax
	jnc 1b
	mov %edi, %cr3
	mov $0xa0, %eax                 /* PAE, PGE */
	mov %eax, %cr4
	mov %ebx, %ebp
	mov $0xc0000080, %ecx           /* EFER: LME, NXE, SCE */
	rdmsr
	or $0x901, %eax
	wrmsr
	mov $0x80010033, %eax           /* PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0
	lgdt PHYS(boot_gdt_ptr)
	ljmp $0x08, $PHYS(long_mode)

	.code64
long_mode:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $boot_stack_top, %rsp
	mov %esi, %edi                  /* protocol */
	mov %ebp, %esi                  /* the loader's structure */
	xor %ebp, %ebp
	mov $boot_main, %rax
	jmp *%rax

	.balign 8
boot_gdt:
	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
boot_gdt_ptr:
	.word 23
	.long PHYS(boot_gdt)

	.section .boot.bss, "aw", @nobits
	.balign 4096
boot_pml4:
	.skip 7 * 4096

	.bss
	.balign 16
	.skip 16384
	.globl boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
