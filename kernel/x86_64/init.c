/* SPDX-License-Identifier: BSD-2-Clause
 * init.c - one core's control registers, descriptor tables and model-specific registers.
 *
 * Job:      turns on what protects the kernel (SMEP, SMAP, UMIP, write protect) where the CPU has
 *           it, by CPUID and never by trying.
 * Touches:  CR4, GDT, IDT, TSS, STAR and its kin.
 * Trusts:   CPUID.
 * On crash: panic on the serial line.
 * Spec:     AMD64 APM vol. 2, 3.1 (control registers), 4.8 (descriptors), 6.1.1 (STAR, LSTAR).
 */
#include <kernel/x86_64/cpu.h>

struct core boot_core = { .stack = (uint64_t)boot_stack_top };

static char nmi_stack[4096], fault_stack[4096];
enum { IST_NMI = 1, IST_FAULT = 2 };

static struct {
	uint32_t reserved0;
	uint64_t rsp[3], ist[8], reserved1;     /* ist[0] is reserved, too */
	uint32_t iomap;                 /* in the upper half */
} __attribute__((packed)) tss;
static uint64_t gdt[7] = {
	[1] = 0x00af9a000000ffff, [2] = 0x00cf92000000ffff,     /* kernel code, data */
	[3] = 0x00cff2000000ffff, [4] = 0x00affa000000ffff,     /* user data, code */
};
static uint64_t idt[256][2];
struct table_pointer { uint16_t limit; uint64_t base; } __attribute__((packed));

extern char trap_stubs[], syscall_entry[];

static void load_gdt(void)
{
	struct table_pointer p = { sizeof(gdt) - 1, (uint64_t)gdt };
	uint64_t base = (uint64_t)&tss;

	tss.rsp[0] = boot_core.stack;
	tss.ist[IST_NMI] = (uint64_t)(nmi_stack + sizeof(nmi_stack));
	tss.ist[IST_FAULT] = (uint64_t)(fault_stack + sizeof(fault_stack));
	tss.iomap = sizeof(tss) << 16;
	gdt[5] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
		 (base >> 24 & 0xff) << 56;
	gdt[6] = base >> 32;
	__asm__ volatile("lgdt %0; mov %1, %%ds; mov %1, %%es; mov %1, %%ss; mov %2, %%fs;"
			 "mov %2, %%gs; ltr %w3"
			 ::"m"(p), "r"(SEL_KDATA), "r"(0), "r"(SEL_TSS));
}

static void load_idt(void)
{
	struct table_pointer p = { sizeof(idt) - 1, (uint64_t)idt };

	for (unsigned v = 0; v < 256; v++) {
		uint64_t at = (uint64_t)trap_stubs + v * 16;
		uint64_t type = v == 3 || v == 4 ? 0xee : 0x8e;         /* int3, into: for users */

		idt[v][0] = (at & 0xffff) | SEL_KCODE << 16 | type << 40 |
			    (at >> 16 & 0xffff) << 48;
		idt[v][1] = at >> 32;
	}
	idt[VECTOR_NMI][0] |= (uint64_t)IST_NMI << 32;
	idt[VECTOR_DOUBLE][0] |= (uint64_t)IST_FAULT << 32;
	idt[VECTOR_MACHINE][0] |= (uint64_t)IST_FAULT << 32;
	__asm__ volatile("lidt %0" ::"m"(p));
}

enum { CR4_PAE = 1 << 5, CR4_PGE = 1 << 7, CR4_OSFXSR = 1 << 9, CR4_OSXMMEXCPT = 1 << 10,
       CR4_UMIP = 1 << 11, CR4_OSXSAVE = 1 << 18, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21 };

/* Where CPUID has said so. Returns whether there is XSAVE. */
static bool load_cr4(void)
{
	uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	uint32_t top[4], r[4], basic[4];

	cpuid(1, basic);
	cr4 |= basic[2] & 1u << 26 ? CR4_OSXSAVE : 0u;
	cpuid(0, top);
	if (top[0] >= 7) {
		cpuid(7, r);
		cr4 |= (r[1] & 1u << 7 ? CR4_SMEP : 0u) | (r[1] & 1u << 20 ? CR4_SMAP : 0u) |
		       (r[2] & 1u << 2 ? CR4_UMIP : 0u);
	}
	__asm__ volatile("mov %0, %%cr4" ::"r"(cr4));
	return cr4 & CR4_OSXSAVE;
}

void cpu_init(void)
{
	load_gdt();
	load_idt();
	wrmsr(MSR_STAR, (uint64_t)SEL_KCODE << 32 | (uint64_t)SEL_KDATA << 48 | 3ull << 48);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_SFMASK, FLAG_IF | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_IOPL | FLAG_RF);
	wrmsr(MSR_GS_BASE, (uint64_t)&boot_core);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_FS_BASE, 0);
	ext_init(load_cr4());
}
