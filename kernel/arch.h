/* SPDX-License-Identifier: BSD-2-Clause
 * arch.h - all that kernel/core and kernel/call know of the machine.
 *
 * kernel/x86_64/ implements it for the PC; kernel/test/host/ implements it for unit tests.
 */
#ifndef KERNEL_ARCH_H
#define KERNEL_ARCH_H

#include <abi/boot.h>

#define UNUSED __attribute__((unused))

struct proc;
struct space;
struct core;

/* The core that runs this code. */
#include <machine/machine.h>

/* One record of the trace ring; from and to are slots. */
static inline void trace(unsigned event, unsigned from, unsigned to, unsigned type, uint64_t arg)
{
	trace_ring[trace_next++ % NR_TRACE] = (struct trace_record){
		(uint16_t)event, (uint16_t)from, (uint16_t)to, (uint16_t)type, arg };
}

/* ---- memory ---- */

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memset(void *to, int byte, size_t len);
/* As memcpy, for what users name: if it overlaps, what comes out is anything. */
void *bytes_copy(void *to, const void *from, size_t len);

/* Page tables (kernel/x86_64/pagetable.c; compiled on the host as well). */
typedef uint64_t pte_t;                 /* 0: nothing there */
enum { PTE_LEVELS = 4, PTE_ENTRIES = 512 };

/* Make a root: empty user half, the kernel's half. */
void table_init_root(pfn_t root);
/* The entry for va at this level, 0 for a page. Frames for absent tables come from take(); NULL
 * when it has no more or there is no take. */
typedef bool take_t(void *arg, pfn_t *pfn);
pte_t *table_entry(pfn_t root, vaddr_t va, unsigned level, take_t *take, void *arg);
/* The entry of the page that is mapped at va, or NULL. */
pte_t *table_leaf(pfn_t root, vaddr_t va);
/* First present leaf at or above va and below end, or NULL. *at = its address, or how far it was
 * looked: to end, or less if that took more than *looks absent entries. */
pte_t *table_next(pfn_t root, vaddr_t va, vaddr_t end, vaddr_t *at, unsigned *looks);
/* Take the first leaf from *at on out of the tree, or a table page (free then) that holds nothing
 * from *at on any more; false: only the root is left. Begins with *at = 0 and *leaf = NULL and
 * moves them; *leaf is the entry in which the leaf was, NULL for a table page. */
bool table_take(pfn_t root, vaddr_t *at, pfn_t *taken, pte_t **leaf);

pte_t pte_make(pfn_t pfn, unsigned flags);      /* MAP_WRITE, MAP_EXEC, MAP_MMIO */
pfn_t pte_pfn(pte_t e);
unsigned pte_flags(pte_t e);

/* The translations of va (all: every one) in this space may be stale. */
void tlb_drop(struct space *s, vaddr_t va);
void tlb_drop_all(struct space *s);

/* ---- devices and time ---- */

void line_mask(uint32_t line, bool masked);
void line_setup(uint32_t line, unsigned flags);         /* LINE_LEVEL, LINE_LOW; leaves it masked */
void line_msi(uint32_t line, uint64_t *address, uint32_t *data);
void port_access(struct port_op *op);
uint64_t time_ns(void);                                 /* since boot */
void time_set_realtime(uint64_t ns);
void timer_arm(uint64_t deadline_ns);                   /* one shot */

/* ---- processes ---- */

/* Extended state (SSE, AVX), in standard XSAVE format: its size and which parts there are. */
enum { EXT_MAX = 832 };
extern uint32_t ext_size;
extern uint64_t ext_mask;
void *ext_state(const struct proc *p);                  /* p's own, to be read or written */
void ext_reset(const struct proc *p);                   /* the initial state */
bool ext_valid(const void *area);                       /* would the CPU take it? */
/* Make user registers fit to be loaded. False: they ask for what a user may not have. */
bool regs_sanitize(struct user_regs *r);

/* Boot information, for rs. */
extern struct boot_info boot_info;

/* A kernel invariant is broken: print a trace and stop the machine. */
_Noreturn void panic(const char *why, uint64_t value);

#define kassert(cond) ((cond) ? (void)0 : panic("kassert: " #cond, __LINE__))

#endif
