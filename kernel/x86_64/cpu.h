/* SPDX-License-Identifier: BSD-2-Clause
 * cpu.h - the instructions that C cannot say, selectors, vectors, and what the files here share.
 */
#ifndef X86_CPU_H
#define X86_CPU_H

#include <kernel/arch.h>
#include <kernel/core/proc.h>

enum {
	SEL_KCODE = 0x08, SEL_KDATA = 0x10, SEL_UDATA = 0x1b, SEL_UCODE = 0x23, SEL_TSS = 0x28,
	VECTOR_LINES = 32, VECTOR_TIMER = 0xf0, VECTOR_SPURIOUS = 0xff,
	IST_NMI = 1, IST_FAULT = 2,
	PIT_HZ = 1193182,
};
enum { FLAG_RESERVED = 2, FLAG_TF = 0x100, FLAG_IF = 0x200, FLAG_DF = 0x400, FLAG_IOPL = 0x3000,
       FLAG_NT = 0x4000, FLAG_RF = 0x10000, FLAG_VM = 0x20000, FLAG_AC = 0x40000 };

#define KERNEL_BASE 0xffffffff80000000ull       /* of the image: virtual = physical + this */
#define DIRECT_BASE 0xffff800000000000ull       /* all RAM: virtual = physical + this */
#define DEVICE_BASE 0xffffffffc0000000ull       /* local APIC, I/O APIC */

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (uint64_t)hi << 32;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(sub));
}

enum { MSR_APIC_BASE = 0x1b, MSR_EFER = 0xc0000080, MSR_STAR = 0xc0000081, MSR_LSTAR = 0xc0000082,
       MSR_SFMASK = 0xc0000084, MSR_FS_BASE = 0xc0000100, MSR_GS_BASE = 0xc0000101,
       MSR_KERNEL_GS_BASE = 0xc0000102 };

/* boot.c */
void *early_pages(uint64_t count);
extern pfn_t kernel_root;
/* init.c */
_Noreturn void idle_loop(void);
void cpu_init(void);
/* rs.c, trap.c */
_Noreturn void leave_first(void);
_Noreturn void rs_start(void);
void ext_init(void);
/* apic.c */
void apic_init(void);
void apic_eoi(void);
void clock_init(void);
/* trap.c */
void ext_use(struct core *c, struct proc *p);
void ext_switch(struct core *c, struct proc *p);
/* panic.c */
void kprint(const char *s);
void kprint_hex(uint64_t v);
/* What the CPU and the stub have pushed. */
struct trap_frame {
	uint64_t vector, code, rip, cs, rflags, rsp, ss;
};
_Noreturn void panic_trap(const struct trap_frame *f, uint64_t rbp);

#endif
