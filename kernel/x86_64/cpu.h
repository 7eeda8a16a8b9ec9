/* SPDX-License-Identifier: BSD-2-Clause
 * cpu.h - the instructions that C cannot say, selectors, vectors, and what the files here share.
 */
#ifndef X86_CPU_H
#define X86_CPU_H

#include <kernel/arch.h>

enum { SEL_KCODE = 0x08, SEL_KDATA = 0x10, SEL_TSS = 0x28 };
enum { VECTOR_NMI = 2, VECTOR_NO_EXT = 7, VECTOR_DOUBLE = 8, VECTOR_MACHINE = 18,
       VECTOR_LINES = 32, VECTOR_TIMER = 0xf0, VECTOR_SPURIOUS = 0xff };
enum { FLAG_RESERVED = 2, FLAG_TF = 0x100, FLAG_IF = 0x200, FLAG_DF = 0x400, FLAG_IOPL = 0x3000,
       FLAG_NT = 0x4000, FLAG_RF = 0x10000, FLAG_VM = 0x20000, FLAG_AC = 0x40000 };
enum { MSR_APIC_BASE = 0x1b, MSR_STAR = 0xc0000081, MSR_LSTAR = 0xc0000082,
       MSR_SFMASK = 0xc0000084, MSR_FS_BASE = 0xc0000100, MSR_GS_BASE = 0xc0000101,
       MSR_KERNEL_GS_BASE = 0xc0000102 };
/* Page-table entries; bit 9 is for software. */
enum { PTE_PRESENT = 1, PTE_WRITE = 2, PTE_USER = 4, PTE_CACHE_OFF = 0x18, PTE_ACCESSED = 0x20,
       PTE_DIRTY = 0x40, PTE_BIG = 0x80, PTE_GLOBAL = 0x100, PTE_MMIO = 0x200 };
#define PTE_NX (1ull << 63)

#define KERNEL_BASE 0xffffffff80000000ull       /* of the image: virtual = physical + this */
#define DEVICE_BASE 0xffffffffc0000000ull       /* local APIC, I/O APIC; physical: */
enum { LOCAL_APIC = 0xfee00000, IO_APIC = 0xfec00000 };

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

static inline uint64_t cycles(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (uint64_t)hi << 32;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static inline void cpuid(uint32_t leaf, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(0));
}

/* link.ld, boot.c, rs.c */
extern char kernel_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[];
extern pfn_t kernel_root;
bool take_free(void *unused, pfn_t *pfn);       /* a free frame, while booting */
void rs_start(void);
/* init.c, apic.c, ext.c */
extern char boot_stack_top[];
void cpu_init(void);
void apic_init(void);
void apic_eoi(void);
void clock_init(void);
void ext_init(bool xsave);
void ext_use(struct core *c, struct proc *p);
void ext_trap(struct core *c, bool on);
/* trap.c, entry.S */
struct trap_frame {                     /* what the CPU and the stub have pushed */
	uint64_t vector, code, rip, cs, rflags, rsp, ss;
};
_Noreturn void idle_loop(void);
/* panic.c */
_Noreturn void panic_trap(const struct trap_frame *f);

#endif
