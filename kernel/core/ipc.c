/* SPDX-License-Identifier: BSD-2-Clause
 * ipc.c - rendezvous, notifications, and system calls as messages.
 *
 * Job:      moves messages between the saved registers of processes (docs/notes/0001-ipc.md).
 * Speaks:   the primitives of abi/message.h; routed Linux calls; page faults.
 * Touches:  procs, privs, routes; user memory only through copy.c.
 * Trusts:   nothing in a register. Whatever can be refused is refused before anything changes.
 * On crash: the kernel does not crash; kassert stops the machine.
 *
 * I1  SENDING: in partner's senders queue. CALLING: in no queue, partner holds the call.
 * I2  A sendrec goes to a lower rank, so callers form no cycle.
 * I3  A reply reaches the one process that is CALLING on the replier with that serial.
 * I4  A serial is never used twice by one endpoint; it rises with each call.
 * I5  RECEIVING implies nothing deliverable is pending: no matching sender, and, if the filter
 *     admits the kernel, no notification.
 * I6  A pending bit is cleared only when the message that carries it is delivered, or at the end
 *     of its owner.
 * I7  Only a service receives; a program's endpoint is never a target.
 * I8  A free slot's endpoint is ENDPOINT_NONE, so nothing is ever delivered to the dead.
 */
#include <kernel/arch.h>
#include <kernel/core/copy.h>

static bool admits(const struct proc *p, endpoint_t from)
{
	return endpoint_eq(p->filter, ENDPOINT_ANY) || endpoint_eq(p->filter, from);
}

/* Is p waiting for just this sender? Not if it is also parked, frozen or new. */
static bool awaits(const struct proc *p, endpoint_t from)
{
	return p->state == STATE_RECEIVING && admits(p, from);
}

static void received(struct proc *p)
{
	p->regs.rax = 0;
	p->state &= ~STATE_RECEIVING;
	if (p->state == 0)
		proc_ready(this_core(), p);
}

/* ---- notifications ---- */

static bool pending(const struct priv *v)
{
	return (v->services | v->lines | v->events) != 0;
}

static __attribute__((noinline)) void take_notifications(struct proc *p)
{
	struct priv *v = p->priv;

	p->msg = (struct message){
		.peer = ENDPOINT_KERNEL,
		.type = TYPE_NOTIFY,
		.w = { v->services, v->lines, v->events },
	};
	p->regs.r14 = 0;
	p->regs.r15 = 0;
	v->services = v->lines = v->events = 0;
}

void notify(struct priv *to, uint64_t *word, uint64_t bits)
{
	struct proc *p = service_proc((unsigned)(to - privs));

	*word |= bits;
	if (p && awaits(p, ENDPOINT_KERNEL)) {
		take_notifications(p);
		received(p);
	}
}

/* ---- calls ---- */

/* Put p's call into q's registers. */
static inline void deliver(const struct proc *p, struct proc *q)
{
	const struct user_regs *r = &p->regs;

	q->regs.r15 = p->kind == CALL_CONTRACT ? r->r15 : 0;
	if (p->kind == CALL_CONTRACT) {
		q->msg = p->msg;
	} else if (p->kind == CALL_LINUX) {
		q->msg = (struct message){
			.type = (uint32_t)r->orig_rax % NR_LINUX,
			.w = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 },
		};
	} else {
		q->msg = (struct message){ .type = TYPE_FAULT,
					   .w = { p->event.address, p->event.code, r->rip } };
	}
	q->msg.peer = p->ep;
	q->regs.r14 = p->serial | (uint64_t)p->owner.v << 32;
}

/* Hand p's call to q: at once if q waits for it, else by the queue. */
static inline void offer(struct proc *p, struct proc *q)
{
	p->partner = q;
	if (awaits(q, p->ep)) {
		p->state |= STATE_CALLING;
		deliver(p, q);
		received(q);
	} else {
		p->state |= STATE_SENDING;
		queue_add(&q->priv->senders, p, false);
	}
}

static inline __attribute__((always_inline)) void call(struct proc *p, struct proc *q,
							    enum call_kind kind)
{
	p->kind = (uint8_t)kind;
	if (++p->serial == 0)           /* that would mean: wants no reply */
		p->serial = 1;
	trace(TRACE_SEND, p->slot, q->slot,
	      kind == CALL_LINUX ? (unsigned)p->regs.orig_rax : p->msg.type, 0);
	offer(p, q);
}

struct proc *call_held(const struct proc *server, endpoint_t client, uint32_t serial)
{
	struct proc *c = proc_find(client);

	if (!c || !(c->state & STATE_CALLING) || c->partner != server || c->serial != serial)
		return NULL;
	return c;
}

void call_withdraw(struct proc *p)
{
	if (p->state & STATE_SENDING)
		queue_remove(&p->partner->priv->senders, p);
	p->state &= ~(STATE_SENDING | STATE_CALLING);
	p->flags &= ~(uint32_t)PROC_CANCELLED;
	slots_remove(cancelled, p);
}

/* The call is over, answered or not: leave the IPC states and stop at the boundary if asked to. */
static void call_over_stopped(struct proc *c)
{
	bool exit = c->stop & STOP_EXIT && c->kind == CALL_LINUX;

	call_withdraw(c);
	if (exit || c->stop & STOP_SIGNAL)
		park(c, (struct event){ .cause = exit ? CAUSE_EXIT : CAUSE_STOPPED });
}

static inline void call_over(struct proc *c)
{
	c->state &= ~(STATE_CALLING | STATE_SENDING);
	if (c->stop || c->flags & PROC_CANCELLED)
		call_over_stopped(c);
	c->kind = CALL_NONE;
	if (c->state == 0)
		proc_ready(this_core(), c);
}

/* c's page fault stays unresolved: an exception with this code. */
static void fault_over(struct proc *c, uint64_t code)
{
	c->state &= ~(STATE_CALLING | STATE_SENDING);
	c->kind = CALL_NONE;
	exception(c, c->event.vector, code, c->event.address);
}

/* The IPC layer itself ends c's call, with an error. */
static void call_fail(struct proc *c)
{
	if (c->kind == CALL_FAULT)
		return fault_over(c, c->event.code);
	c->regs.rax = (uint64_t)(c->kind == CALL_LINUX ? -EIO : -EDEADPEER);
	call_over(c);
}

/* Delivered calls are lost with the server and fail. Of those still queued, contract calls fail
 * too (their client's stub asks for the new endpoint); programs' calls wait for the next one. */
void callers_wake(struct proc *p)
{
	for (struct proc *c = procs; c < procs + NR_PROCS; c++) {
		if (c->partner != p || !(c->state & (STATE_CALLING | STATE_SENDING)))
			continue;
		if (c->state & STATE_SENDING) {
			if (c->kind != CALL_CONTRACT)
				continue;
			queue_remove(&p->priv->senders, c);
		}
		call_fail(c);
	}
}

void receivers_wake(endpoint_t gone)
{
	for (struct proc *q = procs; q < procs + NR_PRIVS; q++) {
		if (q->state & STATE_RECEIVING && endpoint_eq(q->filter, gone)) {
			received(q);
			q->regs.rax = (uint64_t)-EDEADPEER;
		}
	}
}

/* p is about to be restarted in place. A message that lies in its registers and that it has not
 * run to see goes back to where it came from: it entered by a receive that succeeded, and no trap
 * since. */
void message_unread(struct proc *p)
{
	bool receive = p->regs.orig_rax == IPC_RECEIVE || p->regs.orig_rax == IPC_REPLYRECEIVE;
	struct proc *c = call_held(p, p->msg.peer, (uint32_t)p->regs.r14);

	if (!receive || p->regs.rax != 0 || p->state & STATE_RECEIVING)
		return;
	if (c) {
		c->state = (c->state & ~STATE_CALLING) | STATE_SENDING;
		queue_add(&p->priv->senders, c, true);
		if (c->flags & PROC_CANCELLED)
			stop_at_boundary(c, c->stop);
	} else if (endpoint_eq(p->msg.peer, ENDPOINT_KERNEL)) {
		p->priv->services |= p->msg.w[0];
		p->priv->lines |= p->msg.w[1];
		p->priv->events |= p->msg.w[2];
	}
}

/* ---- the primitives ---- */

static inline void refuse(struct proc *p, err_t err)
{
	if (err)
		p->regs.rax = (uint64_t)(int64_t)err;
}

static __attribute__((noinline)) void do_sendrec(struct proc *p)
{
	struct proc *q = proc_find(p->msg.peer);
	uint64_t len = p->regs.r15 & CALL_LEND_LENGTH;

	if (!q)
		return refuse(p, -EDEADPEER);
	if (q->program || !(p->priv->desc.sendrec_to & BIT(q->slot)))
		return refuse(p, -EPERM);
	if (q->rank >= p->rank)
		return refuse(p, -ERANK);
	if (p->msg.type < TYPE_CONTRACT || p->msg.type >= IPC_SENDREC)
		return refuse(p, -EINVAL);
	if (len && !user_range(p->regs.r14, len))
		return refuse(p, -EFAULT);
	call(p, q, CALL_CONTRACT);
}

static struct proc *next_sender(const struct proc *p)
{
	struct proc *c = p->priv->senders.head;

	while (c && !admits(p, c->ep))
		c = c->next;
	return c;
}

static void take_call(struct proc *p, struct proc *c)
{
	queue_remove(&p->priv->senders, c);
	c->state = (c->state & ~STATE_SENDING) | STATE_CALLING;
	deliver(c, p);
}

static inline __attribute__((always_inline)) void receive_from(struct proc *p, endpoint_t filter)
{
	struct proc *c;

	p->filter = filter;
	p->regs.rax = 0;
	if (pending(p->priv) && admits(p, ENDPOINT_KERNEL))
		take_notifications(p);
	else if ((c = next_sender(p)) != NULL)
		take_call(p, c);
	else
		p->state |= STATE_RECEIVING;
}

static err_t do_receive(struct proc *p)
{
	endpoint_t filter = p->msg.peer;

	if (!endpoint_eq(filter, ENDPOINT_ANY) && !endpoint_eq(filter, ENDPOINT_KERNEL) &&
	    !proc_find(filter))
		return -EDEADPEER;
	receive_from(p, filter);
	return 0;
}

/* p answers c's call, which it holds. */
static inline void answer(struct proc *p, struct proc *c)
{
	trace(TRACE_REPLY, p->slot, c->slot, 0, p->msg.w[0]);
	if (c->kind == CALL_CONTRACT) {
		c->msg = p->msg;
		c->msg.peer = p->ep;
		c->regs.rax = 0;
	} else if (c->kind == CALL_LINUX) {
		c->regs.rax = p->msg.w[0];
	} else if (p->msg.w[0]) {
		return fault_over(c, p->msg.w[0]);
	}
	call_over(c);
}

static err_t do_reply(struct proc *p)
{
	struct proc *c = call_held(p, p->msg.peer, (uint32_t)p->regs.r14);

	if (!c)
		return -EDEADPEER;
	answer(p, c);
	return 0;
}

/* The copies of a replyreceive. On a short one, say in p's registers where it stopped. */
static __attribute__((noinline)) err_t reply_copies(struct proc *p, struct proc *c, uint32_t n)
{
	struct copy one = { .remote = p->msg.w[4], .local = p->msg.w[5],
			    .len = (uint32_t)p->msg.w[6], .dir = (uint32_t)(p->msg.w[6] >> 32) };
	uint64_t left = COPY_MAX, at = p->regs.r15;
	struct copied r;
	err_t err;

	for (uint32_t i = 0; i < n; i++, at += sizeof(one), left -= one.len) {
		if (p->regs.r15 && copy_from_proc(p, &one, at, sizeof(one)))
			return -EINVAL;
		if (one.len > left)
			return -EINVAL;
		err = call_copy(p, c, one.dir, one.remote, one.local, one.len, &r);
		if (err) {
			p->msg.w[0] = i;
			p->msg.w[1] = r.done;
			p->msg.w[2] = r.fault;
			return err;
		}
	}
	return 0;
}

static __attribute__((noinline)) void do_replyreceive(struct proc *p)
{
	uint32_t n = (uint32_t)(p->regs.r14 >> 32);
	struct proc *c = call_held(p, p->msg.peer, (uint32_t)p->regs.r14);
	err_t err;

	if (n) {
		if (n > COPIES_MAX || (n > 1 && !p->regs.r15))
			return refuse(p, -EINVAL);
		err = c ? reply_copies(p, c, n) : 0;
		if (err)
			return refuse(p, err);
		if (!p->regs.r15)       /* they were the copy, not the reply */
			p->msg.w[4] = p->msg.w[5] = p->msg.w[6] = 0;
	}
	if (c)
		answer(p, c);
	receive_from(p, ENDPOINT_ANY);
}

/* What p may notify, it may also send to without waiting, and forward to. */
static err_t find_notified(const struct proc *p, endpoint_t to, struct proc **q)
{
	*q = proc_find(to);
	if (!*q)
		return -EDEADPEER;
	if ((*q)->program || *q == p || !(p->priv->desc.notify_to & BIT((*q)->slot)))
		return -EPERM;
	return 0;
}

static err_t do_forward(struct proc *p)
{
	struct proc *c = call_held(p, p->msg.peer, (uint32_t)p->msg.w[0]), *q;
	err_t err = find_notified(p, (endpoint_t){ (uint32_t)p->msg.w[1] }, &q);

	if (!(p->priv->desc.rights & RIGHT_FORWARD))
		return -EPERM;
	if (!c || err)
		return c ? err : -EDEADPEER;
	if (q->rank >= c->rank)
		return -ERANK;
	c->state &= ~STATE_CALLING;
	offer(c, q);
	if (c->flags & PROC_CANCELLED)
		stop_at_boundary(c, c->stop);
	return 0;
}

static err_t do_sendnb(struct proc *p)
{
	struct proc *q;
	err_t err = find_notified(p, p->msg.peer, &q);

	if (err)
		return err;
	if (p->msg.type < TYPE_CONTRACT || p->msg.type >= IPC_SENDREC)
		return -EINVAL;
	if (!awaits(q, p->ep))
		return -ENOTREADY;
	q->msg = p->msg;
	q->msg.peer = p->ep;
	q->regs.r14 = (uint64_t)p->owner.v << 32;
	q->regs.r15 = 0;
	received(q);
	return 0;
}

static err_t do_notify(struct proc *p)
{
	struct proc *q;
	err_t err = find_notified(p, p->msg.peer, &q);

	if (err)
		return err;
	trace(TRACE_NOTIFY, p->slot, q->slot, 0, 0);
	notify(q->priv, &q->priv->services, BIT(p->slot));
	return 0;
}

static err_t (*const others[NR_IPC])(struct proc *) = {
	[IPC_RECEIVE - IPC_SENDREC] = do_receive, [IPC_REPLY - IPC_SENDREC] = do_reply,
	[IPC_FORWARD - IPC_SENDREC] = do_forward, [IPC_SENDNB - IPC_SENDREC] = do_sendnb,
	[IPC_NOTIFY - IPC_SENDREC] = do_notify,
};

static __attribute__((noinline)) void other_primitive(struct proc *p, unsigned n)
{
	refuse(p, others[n](p));
}

/* Primitive n of process p, its arguments in its registers. The two of every call come first. */
void ipc_primitive(struct proc *p, unsigned n)
{
	p->regs.rax = 0;                /* one that blocks leaves RAX to who unblocks p */
	if (!(p->priv->desc.primitives & BIT(n)))
		refuse(p, -EPERM);
	else if (n == IPC_SENDREC - IPC_SENDREC)
		do_sendrec(p);
	else if (n == IPC_REPLYRECEIVE - IPC_SENDREC)
		do_replyreceive(p);
	else
		other_primitive(p, n);
}

/* ---- Linux system calls and page faults ---- */

/* A dead server's callers wait for the next one: its rank then counts. */
static unsigned rank_of(unsigned priv)
{
	const struct proc *q = service_proc(priv);

	return q ? q->rank : privs[priv].desc.rank;
}

/* Send p's system call to the server its route names. */
void linux_send(struct proc *p)
{
	unsigned n = (unsigned)p->regs.orig_rax;
	const struct priv_desc *d = &p->priv->desc;
	uint16_t route = routes[d->personality][n];
	struct proc *q = &procs[route & (NR_PRIVS - 1)];

	if (route & ROUTE_PUBLIC)
		p->regs.rax = p->word[route & ~ROUTE_PUBLIC];
	else if (route & ROUTE_SERVER && rank_of(q->slot) < p->rank &&
		 (p->program || d->posix[n / 64] & BIT(n % 64)))
		return call(p, q, CALL_LINUX);
	else
		p->regs.rax = (uint64_t)-ENOSYS;
	if (p->stop & STOP_EXIT)
		park(p, (struct event){ .cause = CAUSE_EXIT });
}

/* p has executed `syscall` with a Linux number in orig_rax. */
void linux_call(struct proc *p)
{
	if (!(p->stop & STOP_ENTRY))
		return linux_send(p);
	p->flags |= PROC_AT_ENTRY;
	park(p, (struct event){ .cause = CAUSE_ENTRY });
}

/* A program touched an absent or protected page: a call on its personality's fault server. */
void page_fault(struct proc *p, uint64_t address, uint32_t code)
{
	uint16_t route = routes[p->priv->desc.personality][ROUTE_FAULT];

	if (route == ROUTE_ENOSYS || !p->program)
		return exception(p, VECTOR_PAGE_FAULT, code, address);
	p->event = (struct event){ .vector = VECTOR_PAGE_FAULT, .code = code, .address = address };
	call(p, &procs[route & (NR_PRIVS - 1)], CALL_FAULT);
}
