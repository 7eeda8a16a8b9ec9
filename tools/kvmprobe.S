/* SPDX-License-Identifier: BSD-2-Clause
 * kvmprobe.S - a PVH kernel of one page that finds out whether KVM really works here.
 *
 * Job:      enters 64-bit mode, runs a ring-0 loop, goes to ring 3 and comes back by `syscall`
 *           and by `int`, and ends QEMU through the debug-exit port with PASSED.
 * Why:      under nested virtualization KVM may exist and start a guest, but interpret ring 0 at a
 *           five-hundredth of the speed and break the way back from ring 3.
 * Used by:  tools/machine.py, with a short time-out; any other end than PASSED means: no KVM.
 * On crash: a triple fault ends QEMU with another status.
 */
#define EXIT_PORT 0xf4
#define PASSED 0x2a
#define LOOPS 20000000

#define CODE64 0x08
#define DATA64 0x10
#define USER_DATA 0x18		/* sysret: base 0x10 + 8 */
#define USER_CODE 0x20		/* sysret: base 0x10 + 16 */
#define TSS 0x28

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18
	.asciz "Xen"
	.quad start32

	.section .probe, "awx", @progbits
	.code32
	.globl start32
start32:
	lgdt	gdt_pointer
	movl	%cr4, %eax
	orl	$0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	movl	%eax, %cr4
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx	/* EFER: SCE, LME */
	rdmsr
	orl	$0x101, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	ljmp	$CODE64, $start64

	.code64
start64:
	movl	$DATA64, %eax
	movl	%eax, %ss
	movl	%eax, %ds
	movl	%eax, %es
	movl	$stack_top, %esp
	movl	$tss, %eax
	movw	%ax, gdt + TSS + 2
	shrl	$16, %eax
	movb	%al, gdt + TSS + 4
	movl	$TSS, %eax
	ltr	%ax
	movl	$0xc0000081, %ecx	/* STAR */
	xorl	%eax, %eax
	movl	$((USER_DATA - 8) << 16 | CODE64), %edx
	wrmsr
	incl	%ecx			/* LSTAR */
	movl	$syscalled, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$interrupted, %eax
	movw	%ax, idt + 0x80 * 16
	movw	$CODE64, idt + 0x80 * 16 + 2
	movw	$0xee00, idt + 0x80 * 16 + 4
	shrl	$16, %eax
	movw	%ax, idt + 0x80 * 16 + 6
	lidt	idt_pointer
	movl	$7, %eax
	xorl	%ecx, %ecx
	cpuid
	testl	$(1 << 20), %ebx	/* SMAP: broken emulators trip over stac */
	jz	1f
	stac
	clac
1:

	movl	$LOOPS, %ecx		/* fast only if ring 0 is not interpreted */
1:	decl	%ecx
	jnz	1b

	pushq	$(USER_DATA | 3)
	pushq	$user_stack_top
	pushq	$2
	pushq	$(USER_CODE | 3)
	pushq	$user
	iretq

user:	xorl	%ebx, %ebx
1:	syscall
	int	$0x80
	incl	%ebx
	cmpl	$1000, %ebx
	jne	1b
	movl	$1, %edi		/* ask for the end */
	syscall
	ud2

syscalled:
	cmpl	$1, %edi
	je	1f
	sysretq
1:	cmpl	$1000, %ebx
	jne	2f
	movl	$PASSED, %eax
	outl	%eax, $EXIT_PORT
2:	ud2

interrupted:
	iretq

	.balign 8
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* CODE64 */
	.quad 0x00cf93000000ffff	/* DATA64 */
	.quad 0x00cff3000000ffff	/* USER_DATA */
	.quad 0x00affb000000ffff	/* USER_CODE */
	.word 0x67, 0			/* TSS: base is filled in */
	.byte 0x10, 0x89, 0, 0
	.quad 0
gdt_pointer:
	.word . - gdt - 1
	.long gdt
idt_pointer:
	.word 0x81 * 16 - 1
	.quad idt
tss:	.long 0
	.quad stack_top
	.fill 0x68 - 12, 1, 0

	.balign 4096
pml4:	.quad pdpt + 7
	.fill 511, 8, 0
pdpt:	.quad pd + 7
	.fill 511, 8, 0
pd:	.quad 0x87			/* the first 2 MiB, user, writable */
	.fill 511, 8, 0
idt:	.fill 0x81 * 16, 1, 0
	.fill 1024, 1, 0
stack_top:
	.fill 1024, 1, 0
user_stack_top:

	.section .note.GNU-stack, "", @progbits
