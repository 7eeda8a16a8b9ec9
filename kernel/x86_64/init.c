/* SPDX-License-Identifier: BSD-2-Clause
 * init.c - one core's control registers, descriptor tables and model-specific registers.
 *
 * Job:      turns on what protects the kernel (SMEP, SMAP, UMIP, write protect, no-execute) where the
 *           CPU has it, by CPUID and never by trying.
 * Touches:  CR0, CR4, GDT, IDT, TSS, STAR and its kin.
 * Trusts:   CPUID.
 * On crash: panic on the serial line.
 * Spec:     AMD64 APM vol. 2, 3.1 (control registers), 4.8 (descriptors), 6.1.1 (STAR, LSTAR).
 */
#include <kernel/x86_64/cpu.h>

struct core boot_core;

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed));

struct gate {
	uint16_t low, selector;
	uint8_t ist, type;
	uint16_t mid;
	uint32_t high, reserved;
};

struct table_pointer { uint16_t limit; uint64_t base; } __attribute__((packed));

static struct tss tss;
static struct gate idt[256];
static uint64_t gdt[7] = {
	[1] = 0x00af9a000000ffff, [2] = 0x00cf92000000ffff,     /* kernel code, data */
	[3] = 0x00cff2000000ffff, [4] = 0x00affa000000ffff,     /* user data, code */
};
static _Alignas(16) char fault_stack[2][4096];

extern char trap_stubs[], syscall_entry[];

static void load_gdt(void)
{
	uint64_t base = (uint64_t)&tss;
	struct table_pointer p = { sizeof(gdt) - 1, (uint64_t)gdt };

	tss.rsp[0] = boot_core.stack;
	tss.ist[IST_NMI - 1] = (uint64_t)fault_stack[1];
	tss.ist[IST_FAULT - 1] = (uint64_t)(fault_stack + 2);
	tss.iomap = sizeof(tss);
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
		bool user = v == 3 || v == 4;   /* int3, into */

		idt[v] = (struct gate){ .low = (uint16_t)at, .selector = SEL_KCODE,
					.type = user ? 0xee : 0x8e, .mid = (uint16_t)(at >> 16),
					.high = (uint32_t)(at >> 32) };
	}
	idt[2].ist = IST_NMI;
	idt[8].ist = IST_FAULT;
	idt[18].ist = IST_FAULT;
	__asm__ volatile("lidt %0" ::"m"(p));
}

enum { CR4_OSFXSR = 1 << 9, CR4_OSXMMEXCPT = 1 << 10, CR4_UMIP = 1 << 11, CR4_OSXSAVE = 1 << 18,
       CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21, CR4_PAE = 1 << 5, CR4_PGE = 1 << 7 };

static void load_cr4(void)
{
	uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT, features = 0;
	uint32_t r[4], top[4];

	cpuid(0x80000001, 0, r);
	if (!(r[3] & 1u << 20))
		panic("this CPU lacks no-execute pages", r[3]);
	features |= CPU_NX;
	cpuid(1, 0, r);
	if (r[2] & 1u << 26) {
		cr4 |= CR4_OSXSAVE;
		features |= CPU_XSAVE;
	}
	cpuid(0, 0, top);
	if (top[0] >= 7) {
		cpuid(7, 0, r);
		cr4 |= (r[1] & 1u << 7 ? CR4_SMEP : 0u) | (r[1] & 1u << 20 ? CR4_SMAP : 0u) |
		       (r[2] & 1u << 2 ? CR4_UMIP : 0u);
		features |= (r[1] & 1u << 7 ? CPU_SMEP : 0u) | (r[1] & 1u << 20 ? CPU_SMAP : 0u) |
			    (r[2] & 1u << 2 ? CPU_UMIP : 0u);
	}
	__asm__ volatile("mov %0, %%cr4" ::"r"(cr4));
	boot_info.cpu_features = features;
}

void cpu_init(void)
{
	load_gdt();
	load_idt();
	load_cr4();
	wrmsr(MSR_STAR, (uint64_t)SEL_KCODE << 32 | (uint64_t)SEL_KDATA << 48 | 3ull << 48);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_SFMASK, FLAG_IF | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_IOPL | FLAG_RF);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1);
	wrmsr(MSR_GS_BASE, (uint64_t)&boot_core);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_FS_BASE, 0);
	ext_init();
}
