/* SPDX-License-Identifier: BSD-2-Clause
 * traps.S - instructions and addresses that a service has no business with, one function each.
 *
 * Job:      the table `traps`; raw_enter, which enters the kernel with any registers.
 * On crash: that is what each of them is expected to do.
 */
	.macro TRAP name, code
	.section .rodata.names, "a", @progbits
771:	.asciz "\name"
	.section .text.traps, "ax", @progbits
772:	\code
	ret
	.section .rodata.traps, "a", @progbits
	.quad 771b, 772b
	.endm

	.macro TRAPS_AT name, address
	TRAP "read \name", "movabs $\address, %rax; mov (%rax), %rax"
	TRAP "write \name", "movabs $\address, %rax; movb $0, (%rax)"
	.endm

	.section .rodata.traps, "a", @progbits
	.globl	traps
	.balign	8
traps:
	/* Interrupts, the machine's state. */
	TRAP "cli", "cli"
	TRAP "sti", "sti"
	TRAP "hlt", "hlt"
	TRAP "clts", "clts"
	TRAP "invd", "invd"
	TRAP "wbinvd", "wbinvd"
	TRAP "invlpg", "invlpg (%rsp)"
	TRAP "swapgs", "swapgs"
	TRAP "rdmsr efer", "mov $0xc0000080, %ecx; rdmsr"
	TRAP "wrmsr lstar", "mov $0xc0000082, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr"
	TRAP "rdpmc", "xor %ecx, %ecx; rdpmc"
	TRAP "xsetbv", "xor %ecx, %ecx; mov $1, %eax; xor %edx, %edx; xsetbv"
	TRAP "mov from cr0", "mov %cr0, %rax"
	TRAP "mov to cr0", "xor %eax, %eax; mov %rax, %cr0"
	TRAP "mov from cr2", "mov %cr2, %rax"
	TRAP "mov from cr3", "mov %cr3, %rax"
	TRAP "mov to cr3", "xor %eax, %eax; mov %rax, %cr3"
	TRAP "mov from cr4", "mov %cr4, %rax"
	TRAP "mov to cr4", "xor %eax, %eax; mov %rax, %cr4"
	TRAP "mov to cr8", "xor %eax, %eax; mov %rax, %cr8"
	TRAP "mov from dr7", "mov %dr7, %rax"
	TRAP "mov to dr7", "xor %eax, %eax; mov %rax, %dr7"
	TRAP "lgdt", "lgdt (%rsp)"
	TRAP "lidt", "lidt (%rsp)"
	TRAP "lldt", "xor %eax, %eax; lldt %ax"
	TRAP "ltr", "mov $0x28, %eax; ltr %ax"
	TRAP "lmsw", "xor %eax, %eax; lmsw %ax"
	TRAP "sgdt", "sgdt -16(%rsp)"
	TRAP "sidt", "sidt -16(%rsp)"
	TRAP "sldt", "sldt %eax"
	TRAP "str", "str %eax"
	TRAP "smsw", "smsw %eax"
	TRAP "monitor", "mov %rsp, %rax; xor %ecx, %ecx; xor %edx, %edx; monitor"
	TRAP "mwait", "xor %eax, %eax; xor %ecx, %ecx; mwait"
	TRAP "vmrun", "xor %eax, %eax; vmrun"
	TRAP "vmmcall", "vmmcall"
	TRAP "vmload", "xor %eax, %eax; vmload"
	TRAP "stgi", "stgi"
	TRAP "clgi", "clgi"
	TRAP "rsm", "rsm"
	TRAP "wrpkru", "xor %eax, %eax; xor %ecx, %ecx; xor %edx, %edx; wrpkru"
	/* Ports. */
	TRAP "in al, 0x64", "in $0x64, %al"
	TRAP "in ax, dx", "mov $0x1f0, %edx; in %dx, %ax"
	TRAP "in eax, dx", "mov $0xcfc, %edx; in %dx, %eax"
	TRAP "out 0x20, al", "mov $0x20, %al; out %al, $0x20"
	TRAP "out 0x80, al", "out %al, $0x80"
	TRAP "out 0xf4, al", "mov $0x10, %al; out %al, $0xf4"
	TRAP "out dx, ax", "mov $0x604, %edx; mov $0x2000, %eax; out %ax, %dx"
	TRAP "out dx, eax", "mov $0xcf8, %edx; xor %eax, %eax; out %eax, %dx"
	TRAP "out 0xffff, al", "mov $0xffff, %edx; out %al, %dx"
	TRAP "insb", "mov $0x60, %edx; lea -16(%rsp), %rdi; insb"
	TRAP "outsb", "mov $0x3f8, %edx; mov %rsp, %rsi; outsb"
	/* Ways into ring 0. */
	TRAP "sysret", "xor %ecx, %ecx; xor %r11d, %r11d; sysretq"
	TRAP "sysexit", "xor %ecx, %ecx; xor %edx, %edx; sysexitl"
	TRAP "sysenter", "sysenter"
	TRAP "iret to ring 0", "call trap_iret"
	TRAP "far return to ring 0", "push $8; lea trap_back(%rip), %rax; push %rax; lretq"
	TRAP "kernel's data segment", "mov $0x10, %eax; mov %ax, %ds"
	TRAP "kernel's stack segment", "mov $0x10, %eax; mov %ax, %ss"
	TRAP "task's segment", "mov $0x28, %eax; mov %ax, %es"
	TRAP "wrfsbase", "xor %eax, %eax; wrfsbase %rax"
	TRAP "wrgsbase", "xor %eax, %eax; wrgsbase %rax"
	TRAP "lar of the kernel's segment", "mov $8, %ecx; lar %ecx, %eax; jz 1f; ud2; 1:"
	TRAP "int 0x02", "int $0x02"
	TRAP "int 0x08", "int $0x08"
	TRAP "int 0x0e", "int $0x0e"
	TRAP "int 0x20", "int $0x20"
	TRAP "int 0x30", "int $0x30"
	TRAP "int 0x80", "int $0x80"
	TRAP "int 0xff", "int $0xff"
	TRAP "int3", "int3"
	TRAP "icebp", ".byte 0xf1"
	/* Extended state, which is programs'. */
	TRAP "x87", "fninit"
	TRAP "sse", "pxor %xmm0, %xmm0"
	TRAP "avx", "vpxor %ymm0, %ymm0, %ymm0"
	TRAP "fxsave", "fxsave trap_data(%rip)"
	TRAP "xsave", "xor %eax, %eax; xor %edx, %edx; xsave trap_data(%rip)"
	TRAP "xrstor", "xor %eax, %eax; xor %edx, %edx; xrstor trap_area(%rip)"
	/* Memory: what is mapped, and must not be touched so; what is others'. */
	TRAP "write text", "movb $0, raw_enter(%rip)"
	TRAP "write constants", "movb $0, traps(%rip)"
	TRAP "write the clock page", "movb $0, 0x7ffe0000"
	TRAP "execute data", "call trap_data"
	TRAP "execute the stack", "push $0xc3; call *%rsp; pop %rax"
	TRAPS_AT "page 0", 0
	TRAPS_AT "the boot archive", 0x110000000000
	TRAPS_AT "vfs's cache", 0x200000000000
	TRAPS_AT "vm's index", 0x210000000000
	TRAPS_AT "what is shared", 0x300000000000
	TRAPS_AT "vm's scratch page", 0x400000000000
	TRAPS_AT "the interrupt controller", 0x5000fee00000
	TRAPS_AT "the screen", 0x5000000b8000
	TRAPS_AT "the last page", 0x7ffffffff000
	TRAPS_AT "the hole", 0x800000000000
	TRAPS_AT "the kernel's memory", 0xffff800000000000
	TRAPS_AT "the kernel's image", 0xffffffff80000000
	TRAP "jump to the kernel", "movabs $0xffffffff80100000, %rax; jmp *%rax"
	/* What the CPU lets everybody do; the test says why it may. */
	TRAP "rdtsc", "rdtsc"
	TRAP "rdtscp", "rdtscp"
	TRAP "cpuid", "push %rbx; xor %eax, %eax; cpuid; pop %rbx"
	TRAP "rdrand", "rdrand %rax"
	TRAP "clflush", "clflush (%rsp)"
	TRAP "xgetbv", "xor %ecx, %ecx; xgetbv"

	.section .rodata.traps, "a", @progbits
	.globl	traps_end
traps_end:

	.section .data.trap, "aw", @progbits
	.balign	64
trap_data:
	.byte	0xc3
	.zero	1023

	.balign	64
trap_area:
	.zero	1024

	.section .text.raw, "ax", @progbits
trap_back:
	ret

trap_iret:
	mov	%rsp, %rax
	push	$0x10
	push	%rax
	pushfq
	push	$8
	lea	trap_back(%rip), %rax
	push	%rax
	iretq

	.globl	trap_run
	.type	trap_run, @function
trap_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, saved(%rip)
	call	*%rdi
	mov	saved(%rip), %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	trap_run, . - trap_run

	.globl	raw_enter
	.type	raw_enter, @function
raw_enter:
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rdi, %rbx
	mov	(%rbx), %rax
	mov	8(%rbx), %rdi
	mov	16(%rbx), %rsi
	mov	24(%rbx), %rdx
	mov	32(%rbx), %r10
	mov	40(%rbx), %r8
	mov	48(%rbx), %r9
	mov	56(%rbx), %r12
	mov	64(%rbx), %r13
	mov	72(%rbx), %r14
	mov	80(%rbx), %r15
	syscall
	mov	%rax, (%rbx)
	mov	%rdi, 8(%rbx)
	mov	%rsi, 16(%rbx)
	mov	%rdx, 24(%rbx)
	mov	%r10, 32(%rbx)
	mov	%r8, 40(%rbx)
	mov	%r9, 48(%rbx)
	mov	%r12, 56(%rbx)
	mov	%r13, 64(%rbx)
	mov	%r14, 72(%rbx)
	mov	%r15, 80(%rbx)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	ret
	.size	raw_enter, . - raw_enter

	.section .bss.saved, "aw", @nobits
	.balign	8
saved:	.zero	8

	.section .note.GNU-stack, "", @progbits
