/* SPDX-License-Identifier: BSD-2-Clause
 * cast.c - services and programs for kernel tests, and how they enter the kernel.
 */
#include <stdlib.h>
#include <string.h>

#include <contract/kernel_table.h>
#include "fake.h"

uint64_t fake_reply[MESSAGE_WORDS];

/* ---- spaces ---- */

static bool take(void *unused, pfn_t *pfn)
{
	(void)unused;
	*pfn = fake_frame();
	return true;
}

void fake_map(unsigned space, vaddr_t va, pfn_t pfn, unsigned flags)
{
	pte_t *e = table_entry(spaces[space].root, va, 0, take, NULL);

	frame_mapped(pfn);
	*e = pte_make(pfn, flags);
}

unsigned fake_space(unsigned priv)
{
	unsigned n = 0;
	pfn_t root = fake_frame();

	while (spaces[n].root)
		n++;
	frame_retype(root, FRAME_FREE, FRAME_TABLE);
	table_init_root(root);
	spaces[n] = (struct space){ .root = root, .priv = (uint8_t)priv };
	return n;
}

static void furnish(unsigned space)
{
	for (unsigned i = 0; i < RAM_PAGES; i++) {
		pfn_t f = fake_frame();

		memset(frame_ptr(f), 0, PAGE_SIZE);
		fake_map(space, RAM_VA + i * PAGE_SIZE, f, MAP_WRITE);
	}
	fake_map(space, TEXT_VA, fake_frame(), MAP_EXEC);
}

void *fake_at(const struct proc *p, vaddr_t va)
{
	pte_t *e = table_leaf(p->space->root, va);

	if (!e)
		return NULL;
	return (uint8_t *)frame_ptr(pte_pfn(*e)) + va % PAGE_SIZE;
}

/* ---- processes ---- */

static struct proc *enter(unsigned slot, unsigned priv, unsigned space)
{
	const struct priv_desc *d = &privs[priv].desc;
	struct proc *p = &procs[slot];

	*p = (struct proc){
		.regs = { .rip = TEXT_VA, .rsp = RAM_VA, .orig_rax = UINT64_MAX },
		.flags = PROC_FULL, .ep = ENDPOINT(1, slot), .owner = ENDPOINT(1, slot),
		.rank = d->rank,
		.sched = { d->priority, d->priority, d->quantum, (int16_t)-d->quantum, 0, 0 },
		.space = &spaces[space], .priv = &privs[priv],
		.slot = (uint16_t)slot, .program = slot >= FIRST_PROGRAM,
	};
	spaces[space].users++;
	proc_ready(this_core(), p);
	return p;
}

static void describe(struct priv_desc *d, unsigned rank, unsigned personality)
{
	d->rank = (uint8_t)rank;
	d->personality = (uint8_t)personality;
	d->priority = 4;
	d->quantum = 10;
	d->sendrec_to = UINT64_MAX;
}

struct proc *fake_service(unsigned id, unsigned rank)
{
	struct priv_desc *d = &privs[id].desc;
	unsigned space = fake_space(id);

	furnish(space);
	describe(d, rank, PERSONALITY_SERVICE);
	d->primitives = BIT(NR_IPC) - 1;
	d->notify_to = d->calls = UINT64_MAX;
	return enter(id, id, space);
}

struct proc *fake_program(unsigned slot)
{
	struct priv_desc *d = &privs[PRIV_PROGRAM].desc;
	unsigned space = fake_space(PRIV_PROGRAM);

	furnish(space);
	describe(d, PROGRAM_RANK, PERSONALITY_PROGRAM);
	d->primitives = 1;
	return enter(slot, PRIV_PROGRAM, space);
}

/* ---- entering the kernel, as kernel/x86_64/trap.c does ---- */

void fake_run(struct proc *p)
{
	struct core *c = this_core();
	struct proc *old = c->current, *h;

	if (old == p)
		return;
	if (p->state)
		panic("the test runs a process that cannot run", p->slot);
	proc_unready(p);
	if (p->program) {               /* P5 */
		if (c->turn)
			c->turn->sched.ticks_left = (int16_t)-abs(c->turn->sched.ticks_left);
		h = c->hint;
		if (h == c->turn && h) {
			proc_unready(h);
			proc_ready(c, h);
		}
		c->turn = p;
		p->sched.ticks_left = (int16_t)abs(p->sched.ticks_left);
	}
	c->current = p;
	if (old && old->state == 0)
		proc_ready(this_core(), old);
}

/* Whoever is chosen goes on in user code; when he comes back it is not from that system call. */
static void leave(void)
{
	struct core *c = this_core();

	if (!schedule(c))
		timer_plan(c, true);
	else if (c->timer_ns == 0)
		timer_plan(c, false);
	if (c->current)
		c->current->regs.orig_rax = UINT64_MAX;
}

static void kernel_call(struct proc *p, uint64_t n)
{
	uint64_t reply[MESSAGE_WORDS] = { 0 };
	err_t err;

	if (n - IPC_SENDREC >= 64) {
		p->regs.rax = (uint64_t)-ENOSYS;
		return;
	}
	if (p->program || !(p->priv->desc.calls & BIT(n - IPC_SENDREC))) {
		p->regs.rax = (uint64_t)-EPERM;
		return;
	}
	err = kernel_call_dispatch(p, (uint32_t)n, p->msg.w, reply);
	for (unsigned i = 0; i < MESSAGE_WORDS; i++)
		p->msg.w[i] = reply[i];
	p->regs.rax = (uint64_t)(int64_t)err;
}

int64_t fake_syscall(struct proc *p, uint64_t number)
{
	fake_run(p);
	p->regs.orig_rax = number;
	p->regs.rax = number;
	if (number < NR_LINUX)
		linux_call(p);
	else if (number - IPC_SENDREC < NR_IPC)
		ipc_primitive(p, (unsigned)(number - IPC_SENDREC));
	else
		kernel_call(p, number);
	leave();
	return (int64_t)p->regs.rax;
}

int64_t fake_ipc(struct proc *p, uint64_t number, struct message m, uint64_t r14, uint64_t r15)
{
	p->msg = m;
	p->regs.r14 = r14;
	p->regs.r15 = r15;
	return fake_syscall(p, number);
}

int64_t fake_call(struct proc *p, const char *name, const void *request, unsigned size)
{
	unsigned n = 0;
	int64_t result;

	while (n < NR_KERNEL_CALLS && (!kernel_call_name[n] || strcmp(kernel_call_name[n], name)))
		n++;
	kassert(n < NR_KERNEL_CALLS && size <= PAYLOAD_BYTES);
	memset(p->msg.w, 0, sizeof(p->msg.w));
	if (size)
		memcpy(p->msg.w, request, size);
	result = fake_syscall(p, SYS_FIRST + n);
	memcpy(fake_reply, p->msg.w, sizeof(fake_reply));
	return result;
}

void fake_fault(struct proc *p, uint64_t address, uint32_t code)
{
	fake_run(p);
	p->regs.orig_rax = UINT64_MAX;
	page_fault(p, address, code);
	leave();
}

void fake_tick(void)
{
	fake_now += 10000000;
	fake_timer_fires();
}

void fake_exception(struct proc *p, unsigned vector, uint64_t code)
{
	fake_run(p);
	p->regs.orig_rax = UINT64_MAX;
	exception(p, vector, code, p->regs.rip);
	leave();
}

void fake_interrupt(uint32_t line)
{
	line_interrupt(line);
	leave();
}

void fake_timer_fires(void)
{
	timer_interrupt(this_core());
	leave();
}

/* ---- the usual cast ---- */

struct proc *rs, *pm, *vm, *vfs, *driver, *logger, *prog, *prog2;

static void set_routes(void)
{
	routes[PERSONALITY_PROGRAM][CALL_READ] = ROUTE_SERVER | VFS;
	routes[PERSONALITY_PROGRAM][CALL_GETPID] = ROUTE_PUBLIC | PUBLIC_PID;
	routes[PERSONALITY_PROGRAM][CALL_KILL] = ROUTE_SERVER | PM;
	routes[PERSONALITY_PROGRAM][ROUTE_FAULT] = ROUTE_SERVER | VM;
	routes[PERSONALITY_PROGRAM][ROUTE_EXCEPTION] = ROUTE_SERVER | PM;
	routes[PERSONALITY_SERVICE][CALL_WRITE] = ROUTE_SERVER | LOG;
}

void fake_cast(void)
{
	struct priv_desc *d = &privs[DRIVER].desc;

	fake_reset();
	rs = fake_service(RS, RS_RANK);
	pm = fake_service(PM, PM_RANK);
	vm = fake_service(VM, VM_RANK);
	vfs = fake_service(VFS, VFS_RANK);
	driver = fake_service(DRIVER, DRIVER_RANK);
	logger = fake_service(LOG, LOG_RANK);
	prog = fake_program(FIRST_PROGRAM);
	prog2 = fake_program(FIRST_PROGRAM + 1);
	privs[RS].desc.rights = RIGHT_MANAGE_SERVICES | RIGHT_MANAGE_PROGRAMS;
	privs[PM].desc.rights = RIGHT_MANAGE_PROGRAMS;
	privs[VFS].desc.rights = RIGHT_FORWARD;
	for (unsigned i = 0; i < NR_PRIVS; i++)
		privs[i].desc.posix[0] = BIT(CALL_WRITE);
	d->ports[0] = (struct range16){ DRIVER_PORT, DRIVER_PORT + 3 };
	d->mmio[0] = (struct pfn_range){ DRIVER_MMIO, 16 };
	d->lines[0] = DRIVER_LINE;
	d->lines[1] = DRIVER_MSI;
	set_routes();
}

static struct message message(endpoint_t to, uint64_t w0)
{
	return (struct message){ .peer = to, .type = TYPE_TEST, .w = { w0 } };
}

int64_t fake_sendrec(struct proc *p, struct proc *to, uint64_t w0)
{
	return fake_ipc(p, IPC_SENDREC, message(to->ep, w0), 0, 0);
}

int64_t fake_receive(struct proc *p, endpoint_t from)
{
	return fake_ipc(p, IPC_RECEIVE, message(from, 0), 0, 0);
}

int64_t fake_answer(struct proc *p, struct proc *client, uint64_t w0)
{
	return fake_answer_serial(p, client->ep, client->serial, w0);
}

int64_t fake_answer_serial(struct proc *p, endpoint_t client, uint32_t serial, uint64_t w0)
{
	return fake_ipc(p, IPC_REPLY, message(client, w0), serial, 0);
}

int64_t fake_notify(struct proc *p, struct proc *to)
{
	return fake_ipc(p, IPC_NOTIFY, message(to->ep, 0), 0, 0);
}

int64_t fake_forward(struct proc *p, struct proc *client, struct proc *to)
{
	struct message m = message(client->ep, client->serial);

	m.w[1] = to->ep.v;
	return fake_ipc(p, IPC_FORWARD, m, 0, 0);
}

int64_t fake_sendnb(struct proc *p, struct proc *to, uint64_t w0)
{
	return fake_ipc(p, IPC_SENDNB, message(to->ep, w0), 0, 0);
}

int64_t fake_linux(struct proc *p, unsigned number, uint64_t arg0)
{
	p->regs.rdi = arg0;
	return fake_syscall(p, number);
}
