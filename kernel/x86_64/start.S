/* SPDX-License-Identifier: BSD-2-Clause
 * start.S - from the boot loader to 64-bit C.
 *
 * Job:      the entry for PVH (QEMU -kernel) and Multiboot2 (GRUB): both arrive in 32-bit protected
 *           mode without paging, EBX pointing to their structure; to boot_main in long mode.
 * Touches:  the boot page tables: 4 GiB identity, the same where the direct map will be, the first
 *           GiB at KERNEL_BASE, too.
 * On crash: nothing is left to report to; the loader would have refused us.
 * Spec:     Xen "x86/HVM direct boot ABI"; Multiboot2 specification 2.0, 3.1 and 3.5.
 */
#define PHYS(sym) ((sym) - 0xffffffff80000000)

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18                  /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad PHYS(boot_entry)

	.section .boot.header, "a"
	.balign 8
mb2_header:
	.long 0xe85250d6, 0, mb2_end - mb2_header, -(0xe85250d6 + mb2_end - mb2_header)
	.word 3, 0                      /* entry address */
	.long 12, PHYS(boot_entry), 0
	.word 5, 1                      /* framebuffer, optional: 1024x768x32 */
	.long 20, 1024, 768, 32, 0
	.word 6, 1                      /* modules page aligned */
	.long 8
	.word 0, 0
	.long 8
mb2_end:

	.section .boot.text, "ax"
	.code32
	.globl boot_entry
boot_entry:
	cld
	mov $PHYS(boot_pml4), %eax
	mov %eax, %cr3
	mov $0xa0, %eax                 /* PAE, PGE */
	mov %eax, %cr4
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
	mov $boot_stack_top, %rsp
	mov %ebx, %edi
	xor %ebp, %ebp
	mov $boot_main, %rax
	call *%rax

	.balign 8
boot_gdt:
	.quad 0, 0x00af9a000000ffff
boot_gdt_ptr:
	.word 15
	.long PHYS(boot_gdt)

	.data
	.balign 4096
boot_pml4:
	.quad PHYS(boot_pdpt) + 3
	.skip 255 * 8
	.quad PHYS(boot_pdpt) + 3       /* DIRECT_BASE */
	.skip 254 * 8
	.quad PHYS(boot_pdpt) + 3       /* KERNEL_BASE, entry 510 of the next */
boot_pdpt:
	.quad PHYS(boot_pd) + 3, PHYS(boot_pd) + 0x1003
	.quad PHYS(boot_pd) + 0x2003, PHYS(boot_pd) + 0x3003
	.skip 506 * 8
	.quad PHYS(boot_pd) + 3, 0
boot_pd:
	.set page, 0x83                 /* 2 MiB, writable */
	.rept 2048
	.quad page
	.set page, page + 0x200000
	.endr

	.bss
	.balign 16
	.skip 16384
	.globl boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
