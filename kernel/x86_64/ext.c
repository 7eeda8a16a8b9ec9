/* SPDX-License-Identifier: BSD-2-Clause
 * ext.c - extended state: x87, SSE, AVX.
 *
 * Job:      leaves it in the registers until somebody else uses it (CR0.TS traps the first use), so
 *           that calls to services, which have none, cost nothing.
 * Touches:  one XSAVE area for each process slot.
 * Trusts:   CPUID for what the CPU has.
 * On crash: an invalid area is refused before it is loaded.
 * Spec:     Intel SDM vol. 1, 13 (XSAVE); AMD64 APM vol. 2, 11.5.
 */
#include <kernel/x86_64/cpu.h>

enum { X87_SSE_AVX = 7, FCW_DEFAULT = 0x37f, MXCSR_DEFAULT = 0x1f80 };
enum { CR0_RUN = 0x80010033, CR0_TS = 8 };      /* as start.S sets it */

struct ext_area {
	uint16_t fcw, fsw;
	uint8_t ftw, reserved0[19];
	uint32_t mxcsr, mxcsr_mask;
	uint8_t regs[480];
	uint64_t xstate_bv, reserved1[7];       /* end of the area without XSAVE: 512 */
	uint8_t avx[256];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct ext_area) == EXT_MAX, "XSAVE standard format with AVX");

static struct ext_area areas[NR_PROCS];
uint64_t ext_mask;
uint32_t ext_size = offsetof(struct ext_area, xstate_bv);

/* The first use of extended state traps, or not. */
void ext_trap(struct core *c, bool on)
{
	if (on)
		__asm__ volatile("mov %0, %%cr0" ::"r"((uint64_t)CR0_RUN | CR0_TS));
	else
		__asm__ volatile("clts");
	c->ext_trap = on;
}

static void save(const struct core *c)
{
	struct ext_area *a = &areas[c->ext_owner->slot];

	if (ext_mask)
		__asm__ volatile("xsave64 %0" : "+m"(*a) : "a"(X87_SSE_AVX), "d"(0) : "memory");
	else
		__asm__ volatile("fxsave64 %0" : "=m"(*a)::"memory");
}

/* p used extended state and does not own the registers. A service must not: it has no such code. */
void ext_use(struct core *c, struct proc *p)
{
	const struct ext_area *a = &areas[p->slot];

	if (!p->program)
		return exception(p, VECTOR_NO_EXT, 0, p->regs.rip);
	ext_trap(c, false);
	if (c->ext_owner)
		save(c);
	if (ext_mask)
		__asm__ volatile("xrstor64 %0" ::"m"(*a), "a"(X87_SSE_AVX), "d"(0));
	else
		__asm__ volatile("fxrstor64 %0" ::"m"(*a));
	c->ext_owner = p;
}

void *ext_state(const struct proc *p)
{
	struct core *c = this_core();

	if (c->ext_owner == p) {
		ext_trap(c, false);
		save(c);
		ext_trap(c, true);
		c->ext_owner = NULL;
	}
	return &areas[p->slot];
}

void ext_reset(const struct proc *p)
{
	*(struct ext_area *)ext_state(p) =
		(struct ext_area){ .fcw = FCW_DEFAULT, .mxcsr = MXCSR_DEFAULT };
}

bool ext_valid(const void *area)
{
	const struct ext_area *a = area;
	uint64_t reserved = 0;

	for (unsigned i = 0; i < COUNT(a->reserved1); i++)
		reserved |= a->reserved1[i];
	return !(a->mxcsr & ~0xffffu) &&
	       (!ext_mask || (!reserved && !(a->xstate_bv & ~ext_mask)));
}

void ext_init(bool xsave)
{
	uint32_t r[4];

	__asm__ volatile("clts; fninit");
	if (xsave) {
		cpuid(13, r);
		ext_mask = r[0] & X87_SSE_AVX;
		ext_size = EXT_MAX;
		__asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)ext_mask), "d"(0));
	}
	for (unsigned i = 0; i < NR_PROCS; i++)
		ext_reset(&procs[i]);
	ext_trap(&boot_core, true);
}
