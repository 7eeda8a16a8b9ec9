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
#include <kernel/x86_64/cpu.h>

_Static_assert(offsetof(struct user_regs, rcx) == 104 && offsetof(struct user_regs, rip) == 120 &&
	       offsetof(struct user_regs, orig_rax) == 160 && offsetof(struct proc, flags) == 168 &&
	       offsetof(struct core, stack) == 8 && offsetof(struct core, scratch) == 16, "layout");

static void load_root(pfn_t root)
{
	__asm__ volatile("mov %0, %%cr3" ::"r"((uint64_t)root << PAGE_SHIFT) : "memory");
}

/* What only programs use: extended state, segment bases. */
static void load_program(struct core *c, struct proc *p)
{
	if ((p != c->ext_owner) != c->ext_trap)
		ext_trap(c, p != c->ext_owner);
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
	if (p->space != c->loaded) {
		c->loaded = p->space;
		load_root(p->space->root);
	}
	if (p->program)
		load_program(c, p);
	else if (!c->ext_trap)
		ext_trap(c, true);
	return p;
}

static __attribute__((noinline)) void kernel_call(struct proc *p, uint64_t n)
{
	uint64_t request[MESSAGE_WORDS];
	err_t err = -ENOSYS;

	if (n - IPC_SENDREC < 64)
		err = p->program || !(p->priv->desc.calls & BIT(n - IPC_SENDREC)) ? -EPERM : 0;
	if (!err) {
		memcpy(request, p->msg.w, sizeof(request));
		err = kernel_call_dispatch(p, (uint32_t)n, request, p->msg.w);
	}
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
	} else {
		line_interrupt((uint32_t)(vector - VECTOR_LINES));
	}
	apic_eoi();
}

struct proc *trap_main(struct proc *p, const struct trap_frame *f)
{
	uint64_t address;

	p->regs.rip = f->rip;
	p->regs.rflags = f->rflags;
	p->regs.rsp = f->rsp;
	p->regs.orig_rax = UINT64_MAX;
	p->flags |= PROC_FULL;
	if (f->vector >= VECTOR_LINES) {
		interrupt(f->vector);
	} else if (f->vector == VECTOR_PAGE_FAULT) {
		__asm__ volatile("mov %%cr2, %0" : "=r"(address));
		page_fault(p, address, (uint32_t)f->code);
	} else if (f->vector == VECTOR_NO_EXT) {
		ext_use(this_core(), p);
	} else if (BIT(f->vector) & (BIT(VECTOR_NMI) | BIT(VECTOR_DOUBLE) | BIT(VECTOR_MACHINE))) {
		panic_trap(f);
	} else {
		exception(p, (uint32_t)f->vector, f->code, p->regs.rip);
	}
	return leave();
}

/* Interrupts are open in the kernel only while it idles. */
struct proc *trap_kernel(const struct trap_frame *f)
{
	struct core *c = this_core();

	if (f->vector < VECTOR_LINES || c->current)
		panic_trap(f);
	interrupt(f->vector);
	c->timer_ns = 0;                /* it was armed for idling */
	timer_plan(c, false);
	return leave();
}

void tlb_drop(struct space *s, vaddr_t va)
{
	if (s == this_core()->loaded)
		__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

/* Also when the space is about to go: the CPU must not walk its tables any more. */
void tlb_drop_all(struct space *s)
{
	if (s == this_core()->loaded) {
		load_root(kernel_root);
		this_core()->loaded = NULL;
	}
}

/* Also called by what compilers make. */
void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	void *at = to;
	size_t words = len / 8, rest = len % 8;

	__asm__ volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words)::"memory");
	if (rest)
		__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest)::"memory");
	return to;
}

void *bytes_copy(void *to, const void *from, size_t len) __attribute__((alias("memcpy")));

void *memset(void *to, int byte, size_t len)
{
	uint64_t pattern = 0x0101010101010101 * (uint8_t)byte;
	void *at = to;
	size_t words = len / 8, rest = len % 8;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
	if (rest)
		__asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
	return to;
}

void table_init_root(pfn_t root)
{
	memcpy(frame_ptr(root), frame_ptr(kernel_root), PAGE_SIZE);     /* its user half is empty */
}

bool regs_sanitize(struct user_regs *r)
{
	bool fine = r->rip < USER_END && r->fs_base < USER_END && r->gs_base < USER_END &&
		    !(r->rflags & (FLAG_IOPL | FLAG_VM)) && r->rflags < BIT(22);

	r->rflags = (r->rflags & ~(uint64_t)FLAG_NT) | FLAG_IF | FLAG_RESERVED;
	return fine;
}

void port_access(struct port_op *op)
{
	if (op->write && op->width == 1)
		outb(op->port, (uint8_t)op->value);
	else if (op->write && op->width == 2)
		__asm__ volatile("outw %w0, %w1" ::"a"(op->value), "Nd"(op->port));
	else if (op->write)
		__asm__ volatile("outl %0, %w1" ::"a"(op->value), "Nd"(op->port));
	else if (op->width == 1)
		op->value = inb(op->port);
	else if (op->width == 2)
		__asm__ volatile("inw %w1, %w0" : "=a"(op->value) : "Nd"(op->port), "0"(0));
	else
		__asm__ volatile("inl %w1, %0" : "=a"(op->value) : "Nd"(op->port));
}
