/* SPDX-License-Identifier: BSD-2-Clause
 * cpu.c - instructions that a program must not get away with: each ends in its signal.
 */
#include "hostile.h"

struct fault { const char *what; void (*run)(long); int signal, other; };

static volatile char data[64];
static const char constant[64] = "constant";

static void at(uint64_t address)
{
	((void (*)(void))(uintptr_t)address)();
}

static void f_null_read(long a) { (void)*(volatile char *)a; }
static void f_null_write(long a) { *(volatile char *)a = 1; }
static void f_null_jump(long a) { at((uint64_t)a); }
static void f_kernel_read(long a) { (void)*(volatile char *)(0xffff800000000000 + (uint64_t)a); }
static void f_kernel_image(long a) { (void)*(volatile char *)(0xffffffff80000000 + (uint64_t)a); }
static void f_kernel_write(long a) { *(volatile char *)(0xffff800000000000 + (uint64_t)a) = 1; }
static void f_kernel_jump(long a) { at(0xffffffff80100000 + (uint64_t)a); }
static void f_bent_read(long a) { (void)*(volatile char *)(0x800000000000 + (uint64_t)a); }
static void f_bent_jump(long a) { at(0x800000000000 + (uint64_t)a); }
static void f_text_write(long a) { *(volatile char *)((uintptr_t)&f_null_read + a) = 0x90; }
static void f_constant_write(long a) { *(volatile char *)((uintptr_t)constant + a) = 1; }

static void f_data_jump(long a)
{
	data[0] = (char)0xc3;
	at((uint64_t)(uintptr_t)data + (uint64_t)a);
}

static void f_stack_jump(long a)
{
	volatile char code[16] = { (char)0xc3 };

	at((uint64_t)(uintptr_t)code + (uint64_t)a);
}

static void f_unmapped_stack(long a)
{
	__asm__ volatile("mov %0, %%rsp; push %%rax" ::"r"(0x1000 + a) : "memory");
}

static void f_kernel_stack(long a)
{
	__asm__ volatile("mov %0, %%rsp; mov $39, %%eax; syscall; push %%rax" ::"r"(
		0xffff800000001000 + (uint64_t)a) : "rax", "rcx", "r11", "memory");
}

static void f_bent_stack(long a)
{
	__asm__ volatile("mov %0, %%rsp; push %%rax" ::"r"(0x900000000000 + a) : "memory");
}

static void f_divide(long a)
{
	__asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; divl %0" ::"r"((int)a) : "rax", "rdx");
}

static void f_int_min(long a)
{
	__asm__ volatile("cltd; idivl %1" ::"a"(INT32_MIN), "r"((int)a - 1) : "rdx");
}

#define BARE(name, text) \
	static void f_##name(long a) \
	{ \
		(void)a; \
		__asm__ volatile(text ::: "memory", "rax", "rcx", "rdx"); \
	}
BARE(undefined, "ud2")
BARE(breakpoint, "int3")
BARE(halt, "hlt")
BARE(cli, "cli")
BARE(in_port, "mov $0x3f8, %%dx; in %%dx, %%al")
BARE(out_port, "mov $0xf4, %%dx; mov $0x7f, %%al; out %%al, %%dx")
BARE(string_out, "mov $0xf4, %%dx; outsb")
BARE(wrmsr, "mov $0xc0000082, %%ecx; xor %%eax, %%eax; xor %%edx, %%edx; wrmsr")
BARE(rdmsr, "mov $0xc0000080, %%ecx; rdmsr")
BARE(read_cr3, "mov %%cr3, %%rax")
BARE(write_cr0, "xor %%eax, %%eax; mov %%rax, %%cr0")
BARE(read_dr7, "mov %%dr7, %%rax")
BARE(lgdt, "sub $16, %%rsp; lgdt (%%rsp)")
BARE(lidt, "sub $16, %%rsp; lidt (%%rsp)")
BARE(ltr, "mov $0x28, %%eax; ltr %%ax")
BARE(swapgs, "swapgs")
BARE(invlpg, "invlpg (%%rsp)")
BARE(wbinvd, "wbinvd")
BARE(xsetbv, "xor %%ecx, %%ecx; xor %%edx, %%edx; mov $1, %%eax; xsetbv")
BARE(sysretq, "sysretq")
BARE(interrupt_14, "int $14")
BARE(interrupt_32, "int $32")
BARE(interrupt_255, "int $255")
BARE(double_fault, "int $8")
BARE(kernel_code, "pushq $8; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:")
BARE(kernel_data, "mov $0x10, %%eax; mov %%ax, %%ss")
BARE(iret_kernel, "mov %%rsp, %%rax; pushq $0x10; push %%rax; pushf; pushq $8; "
	"lea 1f(%%rip), %%rax; push %%rax; iretq; 1:")
BARE(single_step, "pushf; orq $0x100, (%%rsp); popf; nop; nop")

static const struct fault all[] = {
	{ "reading address 0", f_null_read, SIGSEGV, 0 },
	{ "writing address 0", f_null_write, SIGSEGV, 0 },
	{ "jumping to address 0", f_null_jump, SIGSEGV, 0 },
	{ "reading the kernel's half", f_kernel_read, SIGSEGV, 0 },
	{ "reading the kernel's image", f_kernel_image, SIGSEGV, 0 },
	{ "writing the kernel's half", f_kernel_write, SIGSEGV, 0 },
	{ "jumping into the kernel", f_kernel_jump, SIGSEGV, 0 },
	{ "reading a non-canonical address", f_bent_read, SIGSEGV, 0 },
	{ "jumping to a non-canonical address", f_bent_jump, SIGSEGV, 0 },
	{ "writing its text", f_text_write, SIGSEGV, 0 },
	{ "writing its constants", f_constant_write, SIGSEGV, 0 },
	{ "executing data", f_data_jump, SIGSEGV, 0 },
	{ "executing the stack", f_stack_jump, SIGSEGV, 0 },
	{ "a stack that is not mapped", f_unmapped_stack, SIGSEGV, 0 },
	{ "a stack in the kernel's half", f_kernel_stack, SIGSEGV, SIGBUS },
	{ "a stack at a non-canonical address", f_bent_stack, SIGBUS, SIGSEGV },
	{ "dividing by 0", f_divide, SIGFPE, 0 },
	{ "a quotient that does not fit", f_int_min, SIGFPE, 0 },
	{ "an undefined instruction", f_undefined, SIGILL, 0 },
	{ "a breakpoint", f_breakpoint, SIGTRAP, 0 },
	{ "hlt", f_halt, SIGSEGV, 0 },
	{ "cli", f_cli, SIGSEGV, 0 },
	{ "in", f_in_port, SIGSEGV, 0 },
	{ "out", f_out_port, SIGSEGV, 0 },
	{ "outs", f_string_out, SIGSEGV, 0 },
	{ "wrmsr", f_wrmsr, SIGSEGV, 0 },
	{ "rdmsr", f_rdmsr, SIGSEGV, 0 },
	{ "reading cr3", f_read_cr3, SIGSEGV, 0 },
	{ "writing cr0", f_write_cr0, SIGSEGV, 0 },
	{ "reading dr7", f_read_dr7, SIGSEGV, 0 },
	{ "lgdt", f_lgdt, SIGSEGV, 0 },
	{ "lidt", f_lidt, SIGSEGV, 0 },
	{ "ltr", f_ltr, SIGSEGV, 0 },
	{ "swapgs", f_swapgs, SIGSEGV, SIGILL },
	{ "invlpg", f_invlpg, SIGSEGV, 0 },
	{ "wbinvd", f_wbinvd, SIGSEGV, 0 },
	{ "xsetbv", f_xsetbv, SIGSEGV, SIGILL },
	{ "sysretq", f_sysretq, SIGSEGV, SIGILL },
	{ "int 14", f_interrupt_14, SIGSEGV, 0 },
	{ "int 32", f_interrupt_32, SIGSEGV, 0 },
	{ "int 255", f_interrupt_255, SIGSEGV, 0 },
	{ "int 8", f_double_fault, SIGSEGV, 0 },
	{ "a far return to a kernel selector", f_kernel_code, SIGSEGV, 0 },
	{ "a kernel selector in ss", f_kernel_data, SIGSEGV, 0 },
	{ "iretq to a kernel selector", f_iret_kernel, SIGSEGV, 0 },
	{ "single steps without a tracer", f_single_step, SIGTRAP, 0 },
};

/* Registers that a program may set as it likes change nothing for others. */
static void f_flags(long a)
{
	(void)a;
	for (unsigned bit = 0; bit < 22; bit++) {
		if (bit == 8)
			continue;               /* TF: above */
		__asm__ volatile("pushf; btsq %0, (%%rsp); popf; mov $39, %%eax; syscall; cld; "
				 "pushf; btrq $18, (%%rsp); btrq $14, (%%rsp); popf"
				 ::"r"((uint64_t)bit) : "rax", "rcx", "r11", "memory", "cc");
	}
	for (unsigned selector = 0; selector < 4; selector++)
		__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov $39, %%eax; syscall; "
				 "xor %%eax, %%eax; mov %%eax, %%ds; mov %%eax, %%es"
				 ::"r"(selector) : "rax", "rcx", "r11", "memory");
}

void faults(void)
{
	char why[60];
	int killed;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int status = run_child(all[i].run, 0, PLAIN_USER, 5, &killed);
		int got = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
		char what[80];

		snprintf(what, sizeof(what), "%s ends in signal %d", all[i].what, all[i].signal);
		snprintf(why, sizeof(why), "status 0x%x%s", status, killed ? ", it hung" : "");
		report(!killed && got != 0 && (got == all[i].signal || got == all[i].other), what,
		       why);
	}
	report(run_child(f_flags, 0, PLAIN_USER, 5, &killed) == 0 && !killed,
	       "flags and selectors of a program's own are harmless", "it ended otherwise");
}
