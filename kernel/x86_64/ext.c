/* SPDX-License-Identifier: BSD-2-Clause
 * ext.c - extended state: x87, SSE, AVX.
 *
 * Job:      leaves it in the registers until somebody else uses it (CR0.TS traps the first use), so
 *           that calls to services, which have none, cost nothing.
 * Touches:  one XSAVE area for each process slot.
 * Trusts:   CPUID for the area's size.
 * On crash: an invalid area is refused before it is loaded.
 * Spec:     Intel SDM vol. 1, 13 (XSAVE); AMD64 APM vol. 2, 11.5.
 */
#include <kernel/x86_64/cpu.h>

enum { EXT_SIZE = 832, EXT_LEGACY = 512, EXT_X87_SSE_AVX = 7, MXCSR_DEFAULT = 0x1f80 };

struct ext_area {
	uint16_t fcw, fsw;
	uint8_t ftw, reserved0[19];
	uint32_t mxcsr, mxcsr_mask;
	uint8_t regs[480];
	uint64_t xstate_bv, xcomp_bv, reserved1[6];
	uint8_t avx[256];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct ext_area) == EXT_SIZE, "XSAVE standard format with AVX");

static struct ext_area areas[NR_PROCS];
static bool xsave;

static void set_trap(struct core *c, bool on)
{
	uint64_t cr0;

	if (on) {
		__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
		__asm__ volatile("mov %0, %%cr0" ::"r"(cr0 | 8));
	} else {
		__asm__ volatile("clts");
	}
	c->ext_trap = on;
}

static void save(struct ext_area *a)
{
	if (xsave)
		__asm__ volatile("xsave64 %0" : "+m"(*a) : "a"(EXT_X87_SSE_AVX), "d"(0) : "memory");
	else
		__asm__ volatile("fxsave64 %0" : "=m"(*a)::"memory");
}

static void load(const struct ext_area *a)
{
	if (xsave)
		__asm__ volatile("xrstor64 %0" ::"m"(*a), "a"(EXT_X87_SSE_AVX), "d"(0));
	else
		__asm__ volatile("fxrstor64 %0" ::"m"(*a));
}

/* p used extended state and does not own the registers. A service must not: it has no such code. */
void ext_use(struct core *c, struct proc *p)
{
	if (!proc_is_program(p)) {
		exception(p, 7, 0, p->regs.rip);
		return;
	}
	set_trap(c, false);
	if (c->ext_owner)
		save(&areas[proc_slot(c->ext_owner)]);
	load(&areas[proc_slot(p)]);
	c->ext_owner = p;
}

/* On the way to p: trap if and only if the registers are not its own. */
void ext_switch(struct core *c, struct proc *p)
{
	set_trap(c, p != c->ext_owner);
}

/* p's state to memory; it stays in the registers, too. */
static void flush(const struct proc *p)
{
	struct core *c = this_core();

	if (c->ext_owner == p) {
		bool trap = c->ext_trap;

		set_trap(c, false);
		save(&areas[proc_slot(p)]);
		set_trap(c, trap);
	}
}

static void forget(const struct proc *p)
{
	if (this_core()->ext_owner == p)
		this_core()->ext_owner = NULL;
}

void ext_reset(struct proc *p)
{
	forget(p);
	areas[proc_slot(p)] = (struct ext_area){ .fcw = 0x37f, .mxcsr = MXCSR_DEFAULT };
}

void ext_clone(struct proc *to, const struct proc *from)
{
	flush(from);
	forget(to);
	areas[proc_slot(to)] = areas[proc_slot(from)];
}

uint32_t ext_size(void)
{
	return xsave ? EXT_SIZE : EXT_LEGACY;
}

uint64_t ext_mask(void)
{
	return boot_info.xcr0;
}

const void *ext_get(struct proc *p)
{
	flush(p);
	return &areas[proc_slot(p)];
}

bool ext_put(struct proc *p, const void *area)
{
	const struct ext_area *a = area;

	if (a->mxcsr & ~0xffffu)
		return false;
	if (xsave) {
		if (a->xstate_bv & ~boot_info.xcr0 || a->xcomp_bv)
			return false;
		for (unsigned i = 0; i < 6; i++)
			if (a->reserved1[i])
				return false;
	}
	forget(p);
	bytes_copy(&areas[proc_slot(p)], area, ext_size());
	return true;
}

void ext_init(void)
{
	uint32_t r[4];

	__asm__ volatile("clts; fninit");
	xsave = boot_info.cpu_features & CPU_XSAVE;
	if (xsave) {
		cpuid(13, 0, r);
		boot_info.xcr0 = r[0] & EXT_X87_SSE_AVX;
		__asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)boot_info.xcr0), "d"(0));
	}
	boot_info.xsave_size = ext_size();
	for (unsigned i = 0; i < NR_PROCS; i++)
		ext_reset(&procs[i]);
	set_trap(&boot_core, true);
}
