/* SPDX-License-Identifier: BSD-2-Clause
 * trap.c - what has brought us into the kernel, and whom we leave to.
 *
 * Job:      sorts system calls, exceptions and interrupts to the core; loads the chosen process's
 *           space and segment bases on the way out.
 * Touches:  CR2, CR3, FS and GS base.
 * Trusts:   entry.S to have saved the process's registers.
 * On crash: an exception in the kernel is a panic.
 */
#include <contract/kernel_table.h>
#include <kernel/call/call.h>
#include <kernel/core/frame.h>
#include <kernel/x86_64/cpu.h>

_Static_assert(offsetof(struct user_regs, r14) == 64, "entry.S");
_Static_assert(offsetof(struct user_regs, rip) == 120, "entry.S");
_Static_assert(offsetof(struct user_regs, orig_rax) == 160, "entry.S");
_Static_assert(offsetof(struct proc, flags) == 168, "entry.S");
_Static_assert(offsetof(struct core, stack) == 8 && offsetof(struct core, scratch) == 16, "GS");

static void load_space(struct core *c, struct space *s)
{
	c->loaded = s;
	__asm__ volatile("mov %0, %%cr3" ::"r"((uint64_t)s->root << PAGE_SHIFT) : "memory");
}

/* What only programs use: extended state, segment bases. */
static void load_program(struct core *c, struct proc *p)
{
	if ((p != c->ext_owner) != c->ext_trap)
		ext_switch(c, p);
	if (p->regs.fs_base != c->fs_base) {
		c->fs_base = p->regs.fs_base;
		wrmsr(MSR_FS_BASE, c->fs_base);
	}
	if (p->regs.gs_base != c->gs_base) {
		c->gs_base = p->regs.gs_base;
		wrmsr(MSR_KERNEL_GS_BASE, c->gs_base);
	}
}

/* Choose who runs next and make the machine his. Does not return if nobody can run. */
static inline struct proc *leave(void)
{
	struct core *c = this_core();
	struct proc *p = schedule(c);

	if (!p) {
		timer_plan(c, true);
		idle_loop();
	}
	if (p->space != c->loaded)
		load_space(c, p->space);
	if (proc_is_program(p))
		load_program(c, p);
	else if (!c->ext_trap)
		ext_switch(c, p);
	return p;
}

static __attribute__((noinline)) void kernel_call(struct proc *p, uint64_t n)
{
	uint64_t reply[MESSAGE_WORDS];
	err_t err;

	if (n - IPC_SENDREC >= 64) {
		p->regs.rax = (uint64_t)-ENOSYS;
		return;
	}
	if (proc_is_program(p) || !(p->priv->desc.calls & BIT(n - IPC_SENDREC))) {
		p->regs.rax = (uint64_t)-EPERM;
		return;
	}
	err = kernel_call_dispatch(p, (uint32_t)n, p->msg.w, reply);
	for (unsigned i = 0; i < MESSAGE_WORDS; i++)
		p->msg.w[i] = reply[i];
	p->regs.rax = (uint64_t)(int64_t)err;
}

struct proc *syscall_main(struct proc *p)
{
	uint64_t n = p->regs.orig_rax;

	if (n < NR_LINUX)
		linux_call(p);
	else if (n - IPC_SENDREC < NR_IPC)
		ipc_primitive(p, (unsigned)(n - IPC_SENDREC));
	else
		kernel_call(p, n);
	return leave();
}

static void interrupt(uint64_t vector)
{
	if (vector == VECTOR_SPURIOUS)
		return;
	if (vector == VECTOR_TIMER) {
		timer_interrupt(this_core());
		timer_plan(this_core(), false);
	} else
{
		line_interrupt((uint32_t)(vector - VECTOR_LINES));
	}
	apic_eoi();
}

struct proc *trap_main(struct proc *p, const struct trap_frame *f)
{
	uint64_t address;

	if (f->vector >= VECTOR_LINES) {
		interrupt(f->vector);
	} else if (f->vector == 14) {
		__asm__ volatile("mov %%cr2, %0" : "=r"(address));
		page_fault(p, address, (uint32_t)f->code);
	} else if (f->vector == 7) {
		ext_use(this_core(), p);
	} else if (f->vector == 2 || f->vector == 8 || f->vector == 18) {
		panic_trap(f, 0);
	} else {
		exception(p, (uint32_t)f->vector, f->code, p->regs.rip);
	}
	return leave();
}

/* Interrupts are open in the kernel only while it idles. */
struct proc *trap_kernel(const struct trap_frame *f, uint64_t rbp)
{
	struct core *c = this_core();

	if (f->vector < VECTOR_LINES || c->current)
		panic_trap(f, rbp);
	interrupt(f->vector);
	c->timer_ns = 0;                /* it was armed for idling */
	timer_plan(c, false);
	return leave();
}

_Noreturn void leave_first(void)
{
	__asm__ volatile("mov %%rax, %%rax; jmp leave_to" ::"a"(leave()));
	__builtin_unreachable();
}

void tlb_drop(struct space *s, vaddr_t va)
{
	if (s == this_core()->loaded)
		__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

/* Also when the space is about to go: the CPU must not walk its tables any more. */
void tlb_drop_all(struct space *s)
{
	struct core *c = this_core();

	if (s != c->loaded)
		return;
	__asm__ volatile("mov %0, %%cr3" ::"r"((uint64_t)kernel_root << PAGE_SHIFT) : "memory");
	c->loaded = NULL;
}

void *frame_ptr(pfn_t pfn)
{
	return (void *)(DIRECT_BASE + ((uint64_t)pfn << PAGE_SHIFT));
}

void table_init_root(pfn_t root)
{
	uint64_t *t = frame_ptr(root), *k = frame_ptr(kernel_root);

	page_zero(t);
	for (unsigned i = 256; i < 512; i++)
		t[i] = k[i];
}

void regs_sanitize(struct user_regs *r)
{
	r->rflags = (r->rflags & ~(uint64_t)(FLAG_IOPL | FLAG_NT | FLAG_VM)) | FLAG_IF |
		    FLAG_RESERVED;
}

bool regs_valid(const struct user_regs *r)
{
	return r->rip < USER_END && r->fs_base < USER_END && r->gs_base < USER_END &&
	       !(r->rflags & (FLAG_IOPL | FLAG_VM)) && r->rflags < BIT(22);
}

uint32_t port_read(uint16_t port, unsigned width)
{
	uint32_t v = 0;

	if (width == 1)
		__asm__ volatile("inb %w1, %b0" : "+a"(v) : "Nd"(port));
	else if (width == 2)
		__asm__ volatile("inw %w1, %w0" : "+a"(v) : "Nd"(port));
	else
		__asm__ volatile("inl %w1, %0" : "+a"(v) : "Nd"(port));
	return v;
}

void port_write(uint16_t port, unsigned width, uint32_t v)
{
	if (width == 1)
		outb(port, (uint8_t)v);
	else if (width == 2)
		__asm__ volatile("outw %w0, %w1" ::"a"(v), "Nd"(port));
	else
		__asm__ volatile("outl %0, %w1" ::"a"(v), "Nd"(port));
}
