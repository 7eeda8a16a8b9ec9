/* SPDX-License-Identifier: BSD-2-Clause
 * fuzz_test.c - hostile processes make random calls; the invariants must hold after each.
 *
 * Registers and memory are random, biased to what could be valid: live and dead endpoints, serials,
 * addresses, frames, grants. rs, pm, vm may do nearly all, others nothing; that must not matter.
 *
 *	fuzz_test [SECONDS]             10 by default
 *	fuzz_test 0 SEED                one episode again, every step printed
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tests/unit.h>

#include <contract/kernel_calls.h>
#include "host/fake.h"

enum { STEPS = 1500, SERVICES = 8, PROGRAMS = 4, INTRUDER = 6, NOBODY = 7 };

static uint64_t seed, random_state;
static unsigned step;
static bool verbose;
static char what[200];
static uint64_t done, succeeded[NR_KERNEL_CALLS];      /* syscalls; of them, for each number */

static uint64_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1dull;
}

static unsigned below(unsigned n)
{
	return (unsigned)(rnd() >> 33) % n;
}

/* ---- who ---- */

static uint16_t home[SERVICES + PROGRAMS];      /* their spaces */

static unsigned index_of(const struct proc *p)
{
	unsigned slot = p->slot;

	return slot < SERVICES ? slot : slot - FIRST_PROGRAM + SERVICES;
}

static struct proc *any_proc(void)
{
	unsigned n = below(SERVICES + PROGRAMS);

	return &procs[n < SERVICES ? n : FIRST_PROGRAM + n - SERVICES];
}

static struct proc *any_runnable(void)
{
	for (unsigned i = 0; i < 100; i++) {
		struct proc *p = any_proc();

		if (p->state == 0 && !endpoint_eq(p->ep, ENDPOINT_NONE))
			return p;
	}
	return NULL;
}

static void no_more_than(struct proc *p, uint64_t calls, uint32_t primitives)
{
	p->priv->desc.calls = calls;
	p->priv->desc.primitives = primitives;
}

static void episode_begins(uint64_t s)
{
	random_state = s * 0x9e3779b97f4a7c15ull + 1;
	fake_cast();
	fake_service(INTRUDER, 9);
	no_more_than(fake_service(NOBODY, 8), 0, 3);
	fake_program(FIRST_PROGRAM + 2);
	fake_program(FIRST_PROGRAM + 3);
	privs[VFS].desc.rights |= RIGHT_MANAGE_PROGRAMS;
	privs[INTRUDER].desc.rights = RIGHT_MANAGE_PROGRAMS | RIGHT_MANAGE_SERVICES | RIGHT_FORWARD;
	privs[INTRUDER].desc.guardian = INTRUDER;
	privs[DRIVER].desc.guardian = INTRUDER;
	privs[DRIVER].desc.mmio[1] = (struct pfn_range){ FAKE_DEVICE - 2, 8 };
	privs[INTRUDER].desc.ports[0] = (struct range16){ 0x10, 0xffff };
	privs[INTRUDER].desc.lines[0] = DRIVER_LINE;
	privs[PRIV_PROGRAM].desc.personality = PERSONALITY_PROGRAM;
	check_nr_slots = 0;
	for (unsigned i = 0; i < SERVICES; i++)
		check_slots[check_nr_slots++] = i;
	for (unsigned i = 0; i < PROGRAMS; i++)
		check_slots[check_nr_slots++] = FIRST_PROGRAM + i;
	for (unsigned i = 0; i < check_nr_slots; i++)
		home[i] = (uint16_t)(procs[check_slots[i]].space - spaces);
}

/* ---- what ---- */

static uint32_t any_endpoint(void)
{
	const struct proc *p = any_proc();

	switch (below(10)) {
	case 0: return ENDPOINT_ANY.v;
	case 1: return ENDPOINT_KERNEL.v;
	case 2: return ENDPOINT_NONE.v;
	case 3: return ENDPOINT(2 + below(2), p->slot).v;
	case 4: return (uint32_t)rnd();
	default: return p->ep.v;
	}
}

static uint32_t any_word32(void)
{
	switch (below(12)) {
	case 0: return 0;
	case 1: return UINT32_MAX - below(3);
	case 2: return any_proc()->serial - (below(8) == 0);
	case 3: return any_proc()->serial;
	case 7: return below(nr_frames + 4);
	case 8: return GRANT(below(2), below(SERVICES), below(2)).v;
	case 9: return (uint32_t)rnd();
	case 4: return below(10);
	default: return any_endpoint();
	}
}

static uint64_t any_address(void)
{
	switch (below(10)) {
	case 0: return TEXT_VA + below(2) * 8;
	case 1: return USER_END - below(3) * PAGE_SIZE;
	case 2: return rnd();
	case 3: return 0x200000ull * below(8);
	case 4: return RAM_VA + below(RAM_PAGES * PAGE_SIZE);
	default: return RAM_VA + (uint64_t)below(RAM_PAGES + 1) * PAGE_SIZE;
	}
}

static uint64_t any_word(void)
{
	switch (below(8)) {
	case 0: return any_address();
	case 2: return below(5);
	case 3: return any_word32();
	case 4: return below(70000);
	case 5: return any_word32() | (uint64_t)any_word32() << 32;
	case 6: return any_word32() | (uint64_t)below(9) << 32;
	default: return any_address();
	}
}

/* Something that a call may read: frames, runs, port operations, copies, registers,
      a description. */
static void fill_memory(struct proc *p)
{
	unsigned page = below(RAM_PAGES);
	uint64_t *at = fake_at(p, RAM_VA + page * PAGE_SIZE);
	unsigned kind = below(6);

	if (!at || ((uintptr_t)at - (uintptr_t)fake_memory) / PAGE_SIZE < FAKE_KERNEL)
		return;
	if (kind == 0) {
		*(struct priv_desc *)at = privs[below(SERVICES)].desc;
	} else if (kind == 1) {
		*(struct user_regs *)at = any_proc()->regs;
	} else if (kind == 2) {
		for (unsigned i = 0; i < 8; i++)
			((struct map_run *)at)[i] = (struct map_run){
				(RAM_VA + below(600) * PAGE_SIZE) | below(32), below(nr_frames + 2),
				below(4) };
	} else if (kind == 3) {
		for (unsigned i = 0; i < 16; i++)
			((pfn_t *)at)[i] = below(nr_frames + 2);
	} else {
		for (unsigned i = 0; i < 16; i++)
			at[i] = any_word();
	}
}

/* Somebody whose call p holds, if there is one. */
static struct proc *any_caller(const struct proc *p)
{
	struct proc *c = any_proc();

	for (unsigned i = 0; i < 20 && !(c->partner == p && c->state & STATE_CALLING); i++)
		c = any_proc();
	return c;
}

static void aim_at_process(struct proc *p, unsigned n, const struct proc *q)
{
	uint64_t *w = p->msg.w;

	w[0] = q->ep.v | (uint64_t)below(9) << 32;
	switch (SYS_FIRST + n) {
	case SYS_PROC_REGS_GET:
	case SYS_PROC_REGS_SET:
		w[1] = RAM_VA + below(3) * PAGE_SIZE;
		break;
	case SYS_PROC_SCHED:
		w[0] = q->ep.v | (uint64_t)below(NR_PRIORITIES + 1) << 32 |
		       (uint64_t)below(110) << 40;
		break;
	case SYS_PROC_EXT_GET:
	case SYS_PROC_EXT_SET:
		w[1] = any_address() & ~63ull;
		w[2] = below(2) ? PAGE_SIZE : 500;
		break;
	case SYS_PROC_COPY:
	case SYS_PROC_RECOVER:
		w[1] = any_address();
		w[2] = RAM_VA;
		w[3] = below(5000);
		break;
	case SYS_CALL_COPY:
		w[0] = q->ep.v | (uint64_t)q->serial << 32;
		*(struct call_copy_request *)w = (struct call_copy_request){
			.client = q->ep, .serial = q->serial, .dir = below(2),
			.local = RAM_VA + below(PAGE_SIZE), .len = below(80),
			.remote = below(2) ? below(70) : RAM_VA + below(PAGE_SIZE) };
		break;
	case SYS_GRANT_COPY:
		*(struct grant_copy_request *)w = (struct grant_copy_request){
			.grant = GRANT(below(2), below(SERVICES), below(2)), .dir = below(2),
			.offset = below(100), .local = RAM_VA + below(PAGE_SIZE),
			      .len = below(900) };
		break;
	case SYS_IRQ_CLAIM:
	case SYS_IRQ_ACK:
		w[0] = (below(2) ? DRIVER_LINE : DRIVER_MSI) | (uint64_t)below(65) << 32;
		break;
	}
}

/* Arguments that get through to the deeper half of the handler, for calls where luck is rare. */
static void aim(struct proc *p, unsigned n)
{
	uint64_t *w = p->msg.w;
	uint64_t page = RAM_VA + (uint64_t)below(RAM_PAGES) * PAGE_SIZE;
	struct proc *q = below(2) ? any_caller(p) : any_proc();

	switch (SYS_FIRST + n) {
	case SYS_PROC_CREATE:
		*(struct proc_create_request *)w = (struct proc_create_request){
			.proc = ENDPOINT(below(4), q->slot), .owner = q->ep,
			.like = below(4) ? (endpoint_t){ 0 } : any_proc()->ep,
			.space = home[index_of(q)],
			.priv = (uint16_t)(q->priv - privs), .entry = TEXT_VA, .stack = RAM_VA };
		break;
	case SYS_SPACE_MAP:
		*(struct space_map_request *)w = (struct space_map_request){
			.space = (uint16_t)below(16), .count = below(8), .runs = page,
			.spares = RAM_VA + (uint64_t)below(RAM_PAGES) * PAGE_SIZE,
			      .nr_spares = below(16) };
		break;
	case SYS_SPACE_SHARE:
		*(struct space_share_request *)w = (struct space_share_request){
			.from = (uint16_t)below(16), .to = (uint16_t)below(16), .mode = below(2),
			.va = RAM_VA, .pages = below(700), .spares = page, .nr_spares = below(16) };
		break;
	case SYS_SPACE_UNMAP:
		*(struct space_unmap_request *)w = (struct space_unmap_request){
			.space = (uint16_t)below(16), .max = below(20),
			.va = RAM_VA + (uint64_t)below(8) * PAGE_SIZE, .pages = below(30),
			      .address = page };
		break;
	case SYS_SPACE_DESTROY:
		*(struct space_destroy_request *)w = (struct space_destroy_request){
			.space = (uint16_t)below(20), .max = below(20), .address = page };
		break;
	case SYS_SPACE_CREATE:
		*(struct space_create_request *)w = (struct space_create_request){
			.space = (uint16_t)below(20),
			      .priv = (uint16_t)(below(2) ? PRIV_PROGRAM : 4),
			.root = below(nr_frames) };
		break;
	case SYS_GRANT_CREATE:
		*(struct grant_create_request *)w = (struct grant_create_request){
			.grant = GRANT(below(2), p->slot, below(2)),
			      .borrower = any_proc()->ep,
			.base = page, .len = below(9000), .dir = 1 + below(3),
			.client = below(2) ? ENDPOINT_NONE : q->ep, .serial = q->serial };
		break;
	case SYS_PRIV_SET:
		w[0] = q->slot;
		break;
	default:
		aim_at_process(p, n, q);
	}
}

/* A reply or a forward of a call that p holds. */
static void aim_primitive(struct proc *p)
{
	const struct proc *c = any_caller(p);

	p->msg.peer = c->ep;
	p->msg.w[0] = c->serial;
	p->msg.w[1] = any_endpoint();
	p->regs.r14 = c->serial | (below(3) ? 0 : 1ull << 32);
}

/* ---- one step ---- */

/* rs may do anything to rights, but the ranks of live services are its own promise. */
static bool allowed(const struct proc *p, unsigned number)
{
	const struct priv_desc *d;
	unsigned id = (uint32_t)p->msg.w[0];

	if (number == SYS_ROUTE_SET)
		return (uint16_t)p->msg.w[0] == PERSONALITY_SERVICE || below(4) == 0;
	if (number != SYS_PRIV_SET || id >= NR_PRIVS || p->msg.w[1] % PAGE_SIZE)
		return number != SYS_PRIV_SET;
	d = user_range(p->msg.w[1], 4096) ? fake_at(p, p->msg.w[1]) : NULL;
	return d && d->rank == privs[id].desc.rank && id < SERVICES;
}

static void step_by(struct proc *p)
{
	unsigned kind = below(20), number;

	if (below(3) == 0)
		fill_memory(p);
	for (unsigned i = 0; i < 10; i++)
		((uint64_t *)&p->regs)[i] = any_word();
	if (below(2))
		p->regs.r14 = any_proc()->serial | (uint64_t)below(3) << 32;
	if (below(2))
		p->regs.r15 = below(2) ? 0 : 64 | CALL_LEND_READ | CALL_LEND_WRITE;
	p->msg.peer = (endpoint_t){ any_endpoint() };
	p->msg.type = below(8) ? TYPE_TEST : any_word32();
	if (kind < 9) {
		number = IPC_SENDREC + below(NR_IPC);
		if (below(3))
			aim_primitive(p);
		if (number == IPC_RECEIVE && (p == rs || below(2)))
			p->msg.peer = ENDPOINT_ANY;
	} else if (kind < 11) {
		number = below(2) ? CALL_READ : below(2) ? CALL_KILL : below(NR_LINUX);
	} else {
		number = SYS_FIRST + 0x10 + below(0x30);
		if (below(3))
			aim(p, number - SYS_FIRST);
		if (!allowed(p, number))
			return;
	}
	snprintf(what, sizeof(what), "slot %u: %#x (%llx %llx %llx %llx) %llx %llx", p->slot,
		 number, (unsigned long long)p->regs.rdi, (unsigned long long)p->msg.w[0],
		 (unsigned long long)p->msg.w[1], (unsigned long long)p->msg.w[2],
		 (unsigned long long)p->regs.r14, (unsigned long long)p->regs.r15);
	if (verbose)
		printf("%u %s\n", step, what);
	done++;
	if (fake_syscall(p, number) == 0 && number >= SYS_FIRST)
		succeeded[number - SYS_FIRST]++;
}

static void machine_step(struct proc *p)
{
	unsigned kind = below(6);

	snprintf(what, sizeof(what), "machine event %u", kind);
	if (verbose)
		printf("%u %s\n", step, what);
	if (kind == 0)
		fake_interrupt(below(2) ? DRIVER_LINE : below(LINE_MSI + NR_MSI));
	else if (kind == 1 && p && p != rs)
		fake_fault(p, any_address(), below(32));
	else if (kind == 2 && p && p != rs)
		fake_exception(p, below(32), rnd());
	else
		fake_tick();
}

/* The rest of the system does its duty by somebody: whoever waits is served,
      whoever died comes back. */
static void rescue(void)
{
	struct proc *p = any_proc();
	unsigned slot = p->slot;
	struct proc_create_request create = {
		.proc = ENDPOINT(2 + below(9), slot), .owner = p->ep, .space = home[index_of(p)],
		.priv = (uint16_t)(slot < SERVICES ? slot : (unsigned)PRIV_PROGRAM),
		.entry = TEXT_VA, .stack = RAM_VA,
	};
	err_t err = 0;

	snprintf(what, sizeof(what), "rescue of slot %u in state %u", slot, p->state);
	if (verbose)
		printf("%u %s\n", step, what);
	if (endpoint_eq(p->ep, ENDPOINT_NONE))
		err = do_proc_create(rs, &create);
	else if (p->state & STATE_FROZEN && proc_guards(&procs[p->priv->desc.guardian], p))
		err = do_proc_recover(&procs[p->priv->desc.guardian], p,
				      &(struct proc_recover_request){ .entry = 0 });
	else if (p->state & (STATE_PARKED | STATE_NEW))
		err = do_proc_resume(rs, p, &(struct proc_resume_request){ .flags = 0 });
	else if (p->state & STATE_RECEIVING && p != rs && below(8) == 0)
		proc_end(p);
	else if (p->state & STATE_RECEIVING)
		notify(p->priv, &p->priv->services, BIT(RS));
	else if (p->state & STATE_CALLING && p->partner->state == 0)
		fake_answer(p->partner, p, below(3));
	else if (p->state & STATE_SENDING && p->partner->state == 0 &&
		 !endpoint_eq(p->partner->ep, ENDPOINT_NONE))
		fake_receive(p->partner, ENDPOINT_ANY);
	(void)err;
	if (!fake_core.current)
		fake_tick();
}

static void failed(const char *why, uint64_t value)
{
	printf("FAIL random calls break no invariant: %s (%llx), seed %llu step %u: %s\n", why,
	       (unsigned long long)value, (unsigned long long)seed, step, what);
	exit(1);
}

static void episode(uint64_t s)
{
	seed = s;
	episode_begins(s);
	for (step = 0; step < STEPS; step++) {
		struct proc *p = any_runnable();
		const char *why;

		if (!p || below(3) == 0)
			for (unsigned i = 0; i < 4; i++)
				rescue();
		else if (below(12) == 0)
			machine_step(p);
		else
			step_by(p);
		why = check_procs();
		if (!why && step % 16 == 0)
			why = check_memory();
		if (why)
			failed(why, 0);
	}
	check_nr_slots = 0;
	if (check_procs() || check_memory())
		failed("at the end", 0);
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 10;
	struct timespec begin, now;
	uint64_t episodes = 0;

	fake_on_panic = failed;
	if (argc > 2) {
		verbose = true;
		episode(strtoull(argv[2], NULL, 0));
		return 0;
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		episode(episodes++);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - begin.tv_sec < seconds);
	printf("    %llu episodes, %llu system calls\n", (unsigned long long)episodes,
	       (unsigned long long)done);
	for (unsigned n = 0; n < NR_KERNEL_CALLS; n++)
		if (n < NR_IPC || kernel_call_name[n])
			printf("    %-16s succeeded %llu times\n",
			       n < NR_IPC ? "a primitive" : kernel_call_name[n],
			       (unsigned long long)succeeded[n]);
	printf("ok random calls by hostile processes break no invariant\n");
	return 0;
}
