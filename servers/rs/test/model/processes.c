/* SPDX-License-Identifier: BSD-2-Clause
 * processes.c - processes and privileges as rs may rely on them; services that die, hang and talk.
 *
 * Job:      keeps the promises of contracts/kernel.contract about slots, who is frozen, who waits
 *           in a call to rs; has services come up, answer heartbeats, or not.
 * Speaks:   kernel calls proc_*, priv_*, route_set, alarm_set, trace_read, call_cancelled.
 * Touches:  notifiers: who has notified rs since the last message.
 * Trusts:   nothing of what it is asked: rights that cannot be fail the test.
 * On crash: it is a test.
 */
#include <string.h>

#include <abi/trace.h>
#include <lib/args.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/image.h>
#include <lib/service_ids.h>
#include <tests/messages/messages.h>

#include "model.h"

enum { SILENT = 12, STILLBORN = 10 };   /* one start in so many */

struct process process[NR_PROCS];
uint64_t notifiers;

static struct priv_desc privilege[NR_PRIVS];
static endpoint_t latest[NR_PRIVS];     /* who was there last */
static uint64_t alarm_ns;               /* 0: none */

static struct process *find(endpoint_t ep)
{
	uint32_t slot = endpoint_slot(ep);

	return slot < NR_PROCS && endpoint_eq(process[slot].ep, ep) ? &process[slot] : NULL;
}

bool process_lives(unsigned slot)
{
	return slot < NR_PROCS && !endpoint_eq(process[slot].ep, ENDPOINT_NONE);
}

bool process_runs(unsigned slot)
{
	return process_lives(slot) && (process[slot].state & (STATE_FROZEN | STATE_NEW)) == 0;
}

void process_freezes(unsigned slot, struct proc_next_reply why)
{
	struct process *p = &process[slot];

	if (p->state & STATE_FROZEN)
		return;
	p->state |= STATE_FROZEN;
	p->untold = true;
	p->event = why;
	p->event.proc = p->ep;
}

static void faults(unsigned slot)
{
	static const uint32_t vector[] = { 14, 14, 6, 13, VECTOR_STATE_LOST, VECTOR_DOUBT };
	struct proc_next_reply why = { .cause = one_in(9) ? CAUSE_IPC : CAUSE_EXCEPTION };

	why.vector = vector[below(COUNT(vector))];
	why.code = any();
	why.address = one_in(2) ? any() : IMAGE_STACK_TOP - below(256 * 1024);
	process_freezes(slot, why);
}

/* What begins comes up as a rule. */
static void begins(unsigned slot)
{
	process[slot].silent = one_in(SILENT);
	if (one_in(STILLBORN))
		faults(slot);
	else if (!process[slot].silent)
		notifiers |= BIT(slot);
}

/* ---- the kernel calls ---- */

static err_t proc_create(struct message *m)
{
	const struct proc_create_request *req = (const void *)m->w;
	uint32_t slot = endpoint_slot(req->proc);

	if (slot >= PRIV_PROGRAM || !space_there(req->space) || req->priv != slot)
		return -EINVAL;
	if (process_lives(slot))
		return endpoint_eq(process[slot].ep, req->proc) ? 0 : -EEXIST;
	assert(privilege[slot].quantum != 0);           /* it had its rights first */
	assert(!endpoint_eq(latest[slot], req->proc));  /* who knows that one means another */
	latest[slot] = req->proc;
	process[slot] = (struct process){ .ep = req->proc, .state = STATE_NEW };
	return 0;
}

static err_t proc_destroy(struct message *m)
{
	struct process *p = find(((const struct proc_destroy_request *)m->w)->proc);

	if (p == NULL)
		return -EDEADPEER;
	*p = (struct process){ .ep = ENDPOINT_NONE };
	return 0;
}

static err_t proc_resume(struct message *m)
{
	struct process *p = find(((const struct proc_resume_request *)m->w)->proc);

	if (p == NULL)
		return -EDEADPEER;
	if (p->state == STATE_NEW) {
		p->state = 0;
		begins(endpoint_slot(p->ep));
	}
	return 0;
}

static err_t proc_recover(struct message *m)
{
	struct process *p = find(((const struct proc_recover_request *)m->w)->proc);

	if (p == NULL)
		return -EDEADPEER;
	if (!(p->state & STATE_FROZEN))
		return -EBUSY;
	p->state = 0;
	p->untold = false;
	begins(endpoint_slot(p->ep));
	return 0;
}

static err_t proc_freeze(struct message *m)
{
	const struct proc_freeze_request req = *(const struct proc_freeze_request *)m->w;

	if (find(req.proc) == NULL)
		return -EDEADPEER;
	if (endpoint_slot(req.proc) >= PRIV_PROGRAM || endpoint_slot(req.proc) == ID_RS)
		return -EPERM;
	process_freezes(endpoint_slot(req.proc),
			(struct proc_next_reply){ .cause = CAUSE_FROZEN, .code = req.code });
	return 0;
}

static err_t proc_next(struct message *m)
{
	for (unsigned slot = 0; slot < NR_PRIVS; slot++)
		if (process_lives(slot) && process[slot].untold) {
			process[slot].untold = false;
			memcpy(m->w, &process[slot].event, sizeof(process[slot].event));
			return 0;
		}
	return -ENOENT;
}

static err_t proc_regs_get(struct message *m)
{
	const struct proc_regs_get_request req = *(const struct proc_regs_get_request *)m->w;
	const struct process *p = find(req.proc);
	struct user_regs *r = (struct user_regs *)req.address;

	if (p == NULL)
		return -EDEADPEER;
	if (!(p->state & STATE_FROZEN))
		return -EBUSY;
	fill(r, sizeof(*r));
	if (!one_in(4))
		r->rsp = IMAGE_STACK_TOP - below(64 * 1024);
	return 0;
}

/* What lies in its memory is anything. */
static err_t proc_copy(struct message *m)
{
	const struct proc_copy_request req = *(const struct proc_copy_request *)m->w;
	struct proc_copy_reply reply = { .done = req.len };

	if (find(req.proc) == NULL)
		return -EDEADPEER;
	if (req.len > COPY_MAX || req.dir > COPY_OUT)
		return -EINVAL;
	if (!space_has(endpoint_slot(req.proc), req.remote, req.len))
		return -EFAULT;
	touch(req.dir, req.local, req.len);
	memcpy(m->w, &reply, sizeof(reply));
	return 0;
}

static err_t proc_public_get(struct message *m)
{
	struct proc_public_get_reply reply = { .word = { 0 } };
	const struct process *p = find(((const struct proc_public_get_request *)m->w)->proc);

	if (p == NULL)
		return -EDEADPEER;
	if (endpoint_slot(p->ep) % 4 == 0)              /* the others are root's */
		reply.word[PUBLIC_EUID] = 1000;
	memcpy(m->w, &reply, sizeof(reply));
	return 0;
}

static err_t proc_info(struct message *m)
{
	uint32_t slot = ((const struct proc_info_request *)m->w)->slot;
	struct proc_info_reply reply = { .proc = ENDPOINT_NONE };
	const struct process *p;

	if (slot >= NR_PROCS)
		return -EINVAL;
	p = &process[slot];
	if (process_lives(slot))
		reply = (struct proc_info_reply){
			.proc = p->ep, .owner = p->ep, .partner = ENDPOINT_NONE,
			.state = p->state, .space = (uint16_t)slot, .type = 0xffff,
			.serial = p->serial, .unheard = one_in(4),
		};
	if (p->state & STATE_CALLING) {
		reply.partner = process[ID_RS].ep;
		reply.type = p->type;
	} else if (p->state == 0 && one_in(4)) {
		reply.state = STATE_SENDING;
		reply.partner = process[below(NR_PRIVS)].ep;
		reply.type = (uint16_t)any();
	} else if (p->state == 0) {
		reply.state = STATE_RECEIVING;
	}
	memcpy(m->w, &reply, sizeof(reply));
	return 0;
}

static err_t priv_set(struct message *m)
{
	const struct priv_set_request *req = (const void *)m->w;
	const struct priv_desc *d = (const void *)req->address;

	assert(req->priv < NR_PRIVS && d->guardian < NR_PRIVS && d->quantum - 1u < QUANTUM_MAX &&
	       d->rank < 16 && d->personality < NR_PERSONALITIES && d->priority < NR_PRIORITIES);
	privilege[req->priv] = *d;
	return 0;
}

static err_t priv_get(struct message *m)
{
	const struct priv_get_request *req = (const void *)m->w;

	if (req->priv >= NR_PRIVS)
		return -EINVAL;
	memcpy((void *)req->address, &privilege[req->priv], sizeof(privilege[0]));
	return 0;
}

static err_t route_set(struct message *m)
{
	const struct route_set_request *req = (const void *)m->w;

	assert(req->personality < NR_PERSONALITIES && req->first + req->count <= NR_ROUTES);
	return 0;
}

static err_t alarm_set(struct message *m)
{
	alarm_ns = ((const struct alarm_set_request *)m->w)->deadline_ns;
	return 0;
}

static err_t trace_read(struct message *m)
{
	const struct trace_read_request req = *(const struct trace_read_request *)m->w;
	struct trace_read_reply reply = { .count = (uint32_t)below(req.count + 1) };
	struct trace_record *r = (struct trace_record *)req.address;

	fill(r, reply.count * sizeof(*r));
	for (uint32_t n = 0; n < reply.count; n++)
		r[n].from = (uint16_t)below(NR_PRIVS);
	memcpy(m->w, &reply, sizeof(reply));
	return 0;
}

static err_t call_cancelled(struct message *m)
{
	for (unsigned slot = 0; slot < NR_PROCS; slot++) {
		struct process *p = &process[slot];
		struct call_cancelled_reply reply = { p->ep, p->serial };

		if (!p->cancelled)
			continue;
		p->cancelled = false;
		memcpy(m->w, &reply, sizeof(reply));
		return 0;
	}
	return -ENOENT;
}

bool process_call(uint32_t number, struct message *m, err_t *err)
{
	static const struct {
		uint32_t number;
		err_t (*does)(struct message *m);
	} call[] = {
		{ SYS_PROC_CREATE, proc_create }, { SYS_PROC_DESTROY, proc_destroy },
		{ SYS_PROC_RESUME, proc_resume }, { SYS_PROC_RECOVER, proc_recover },
		{ SYS_PROC_FREEZE, proc_freeze }, { SYS_PROC_NEXT, proc_next },
		{ SYS_PROC_REGS_GET, proc_regs_get }, { SYS_PROC_COPY, proc_copy },
		{ SYS_PROC_PUBLIC_GET, proc_public_get }, { SYS_PROC_INFO, proc_info },
		{ SYS_PRIV_SET, priv_set }, { SYS_PRIV_GET, priv_get },
		{ SYS_ROUTE_SET, route_set }, { SYS_ALARM_SET, alarm_set },
		{ SYS_TRACE_READ, trace_read }, { SYS_CALL_CANCELLED, call_cancelled },
		{ SYS_CALL_COPY, lent_copy },
	};

	for (unsigned n = 0; n < COUNT(call); n++)
		if (call[n].number == number) {
			*err = call[n].does(m);
			return true;
		}
	return false;
}

/* ---- who calls rs, and is told ---- */

struct process *process_calls(unsigned slot, struct delivery *d)
{
	struct process *p = &process[slot];

	d->m.peer = d->owner = p->ep;
	if (d->serial != 0) {
		p->state |= STATE_CALLING;
		p->type = (uint16_t)d->m.type;
		p->serial = d->serial;
	}
	return p;
}

bool process_answered(endpoint_t client, uint32_t serial)
{
	struct process *p = find(client);

	if (p == NULL || !(p->state & STATE_CALLING) || p->serial != serial)
		return false;
	p->state &= (uint16_t)~STATE_CALLING;
	p->cancelled = false;
	return true;
}

bool process_takes(endpoint_t to, const struct message *m)
{
	uint32_t slot = endpoint_slot(to);
	const struct process *p = find(to);

	if (p == NULL)
		return false;
	if (m == NULL) {                                /* is it alive? */
		if (process_runs(slot) && !p->silent && !(p->state & STATE_CALLING) && !one_in(50))
			notifiers |= BIT(slot);
		return true;
	}
	if (!process_runs(slot) || p->silent || one_in(9))
		return false;
	if (slot == ID_VM) {
		vm_takes(m);
		notifiers |= BIT(ID_VM);
	}
	return true;
}

/* A program's slot has the next one. */
static void exec(unsigned slot)
{
	uint32_t generation = process[slot].ep.v >> SLOT_BITS;

	process[slot] = (struct process){ .ep = ENDPOINT(generation % 1000 + 1, slot) };
}

struct process *program_idle(void)
{
	unsigned slot = FIRST_PROGRAM;

	for (unsigned tries = 0; tries < 9; tries++) {
		slot = FIRST_PROGRAM + (unsigned)below(PROGRAMS);
		if (process[slot].state == 0)
			return &process[slot];
	}
	exec(slot);
	return &process[slot];
}

/* ---- what happens meanwhile ---- */

void processes_live(void)
{
	unsigned slot = 1 + (unsigned)below(NR_PRIVS - 1);
	struct process *program = &process[FIRST_PROGRAM + below(PROGRAMS)];

	if (one_in(20) && process_runs(ID_RSGUARD))
		notifiers |= BIT(ID_RSGUARD);
	if (one_in(60) && process_runs(slot))
		faults(slot);
	if (one_in(90) && process_runs(slot))
		process[slot].silent = true;
	if (one_in(9) && process_runs(slot) && !(process[slot].state & STATE_CALLING))
		notifiers |= BIT(slot);
	if (one_in(40) && program->state & STATE_CALLING)
		program->cancelled = true;
	if (one_in(200))
		exec(endpoint_slot(program->ep));
	if (one_in(2000))
		vm_goes_wrong();
}

uint32_t processes_events(void)
{
	uint32_t events = 0;

	for (unsigned slot = 0; slot < FIRST_PROGRAM + PROGRAMS; slot++) {
		events |= process[slot].untold ? EVENT_GUARD : 0;
		events |= process[slot].cancelled ? EVENT_CANCEL : 0;
	}
	if (alarm_ns != 0 && alarm_ns <= clock_monotonic_ns()) {
		alarm_ns = 0;
		events |= EVENT_ALARM;
	}
	return events;
}

void processes_make(void)
{
	for (unsigned slot = 0; slot < NR_PROCS; slot++)
		process[slot].ep = slot >= FIRST_PROGRAM && slot < FIRST_PROGRAM + PROGRAMS ?
				   ENDPOINT(1, slot) : ENDPOINT_NONE;
	process[ID_RS].ep = FIRST_ENDPOINT(ID_RS);
}
