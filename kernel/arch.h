/* SPDX-License-Identifier: BSD-2-Clause
 * arch.h - all that kernel/core and kernel/call know of the machine.
 *
 * kernel/x86_64/ implements it for the PC; kernel/test/host/ implements it for unit tests.
 */
#ifndef KERNEL_ARCH_H
#define KERNEL_ARCH_H

#include <abi/boot.h>
#include <abi/kernel.h>
#include <abi/types.h>

struct proc;
struct space;
struct core;

/* The core that runs this code. */
#include <machine/core_local.h>

/* One record of the trace ring; from and to are slots. */
static inline void trace(unsigned event, unsigned from, unsigned to, unsigned type, uint64_t arg)
{
	struct trace_record *r = &trace_ring[trace_next++ & (NR_TRACE - 1)];

	r->event = (uint16_t)event;
	r->from = (uint16_t)from;
	r->to = (uint16_t)to;
	r->type = (uint16_t)type;
	r->arg = arg;
}

/* ---- memory ---- */

/* A frame through the direct map. Only for frames below nr_frames. */
void *frame_ptr(pfn_t pfn);
void page_zero(void *page);
void page_copy(void *to, const void *from);
/* Any length, any alignment, no overlap. */
void bytes_copy(void *to, const void *from, uint64_t len);

/* Page tables (kernel/x86_64/pagetable.c; compiled on the host as well). */
typedef uint64_t pte_t;
enum { PTE_LEVELS = 4 };

/* Make a root: empty user half, the kernel's half. */
void table_init_root(pfn_t root);
/* The entry for va at level 0, or NULL if a table is absent. */
pte_t *table_leaf(pfn_t root, vaddr_t va);
/* As table_leaf, taking frames for absent tables from take(); NULL when it has no more. */
pte_t *table_leaf_make(pfn_t root, vaddr_t va, bool (*take)(void *, pfn_t *), void *arg);
/* First present leaf at or above va and below end, or NULL. *at = its address, or how far it was
 * looked: to end, or less if that took more than *looks absent entries. */
pte_t *table_next(pfn_t root, vaddr_t va, vaddr_t end, vaddr_t *at, unsigned *looks);
/* Take the first leaf from *at on out of the tree, or a table page (free then) that holds nothing
 * from *at on any more; false: only the root is left. Begins with *at = 0 and moves it. */
bool table_take(pfn_t root, vaddr_t *at, pfn_t *taken, bool *leaf);

pte_t pte_make(pfn_t pfn, unsigned flags);      /* MAP_WRITE, MAP_EXEC, MAP_MMIO */
bool pte_present(pte_t e);
pfn_t pte_pfn(pte_t e);
unsigned pte_flags(pte_t e);

/* The translations of va (all: every one) in this space may be stale. */
void tlb_drop(struct space *s, vaddr_t va);
void tlb_drop_all(struct space *s);

/* ---- devices and time ---- */

void line_mask(uint32_t line);
void line_unmask(uint32_t line);
void line_setup(uint32_t line, unsigned flags);         /* LINE_LEVEL, LINE_LOW; leaves it masked */
void line_msi(uint32_t line, uint64_t *address, uint32_t *data);
uint32_t port_read(uint16_t port, unsigned width);
void port_write(uint16_t port, unsigned width, uint32_t value);
uint64_t time_ns(void);                                 /* since boot */
void time_set_realtime(uint64_t ns);
void timer_arm(uint64_t deadline_ns);                   /* one shot */

/* ---- processes ---- */

/* Extended state (SSE, AVX). */
void ext_reset(struct proc *p);                         /* the initial state */
void ext_clone(struct proc *to, const struct proc *from);
/* The area in standard XSAVE format; put checks it and returns false if the CPU would fault. */
uint32_t ext_size(void);
uint64_t ext_mask(void);
const void *ext_get(struct proc *p);
bool ext_put(struct proc *p, const void *area);
/* p's registers were set by somebody: leave the kernel by the path that loads all of them. */
void regs_sanitize(struct user_regs *r);
bool regs_valid(const struct user_regs *r);

/* Boot information, for rs. */
extern struct boot_info boot_info;

/* A kernel invariant is broken: print a trace and stop the machine. */
_Noreturn void panic(const char *why, uint64_t value);

#define kassert(cond) \
	do { \
		if (__builtin_expect(!(cond), 0)) \
			panic("kassert: " #cond, __LINE__); \
	} while (0)

#endif
