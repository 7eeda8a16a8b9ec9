/* SPDX-License-Identifier: BSD-2-Clause
 * proc.h - processes, privilege structures, address spaces and the core that runs them.
 */
#ifndef KERNEL_PROC_H
#define KERNEL_PROC_H

#include <abi/errors.h>
#include <abi/kernel.h>
#include <abi/message.h>
#include <abi/trace.h>

/* What a blocked process waits for an answer to. */
enum call_kind { CALL_NONE, CALL_LINUX, CALL_CONTRACT, CALL_FAULT };

enum {
	PROC_FULL = 1,                  /* leave the kernel with every register loaded (iretq) */
	PROC_CANCELLED = 2,             /* its call is interrupted */
	PROC_AT_ENTRY = 4,              /* parked before its system call was sent */
	PROC_QUEUED = 8,                /* in a run queue or a sender queue */
};

struct space {
	pfn_t root;                     /* 0: the slot is free */
	uint16_t users;                 /* processes in it */
	uint8_t priv;                   /* whose device memory may be mapped */
};

enum { VECTOR_PAGE_FAULT = 14 };        /* of exceptions; the machine knows the others */

struct event {
	uint32_t cause;                 /* CAUSE_ */
	uint32_t vector;
	uint64_t code;
	uint64_t address;
};

/* When a process runs (docs/notes/0015-scheduling.md). */
struct sched {
	uint8_t priority, base_priority, quantum;
	int16_t ticks_left;             /* of the quantum; below 0: as many, but not its turn */
	uint32_t renewed_at;            /* tick of the latest quantum, plus what it waited to run */
	uint32_t queued_at;             /* tick */
};

struct proc {
	/* The saved registers begin with the message registers: a blocked process holds its message
	 * in place. At offset 0, for the entry code. */
	union {
		struct user_regs regs;
		struct message msg;
	};
	uint32_t flags;                 /* PROC_; offset 168, read by the exit code */
	uint16_t state;                 /* STATE_; 0: runnable */
	uint8_t stop;                   /* STOP_ flags */
	uint8_t kind;                   /* enum call_kind, while SENDING or CALLING */
	endpoint_t ep;                  /* ENDPOINT_NONE: the slot is free */
	endpoint_t owner;
	uint32_t serial;                /* of its latest call */
	uint8_t rank;
	bool program;                   /* slot >= FIRST_PROGRAM */
	uint16_t slot;                  /* its own index in procs */
	struct proc *partner;           /* SENDING, CALLING: the server */
	endpoint_t filter;              /* RECEIVING: from whom */
	struct sched sched;
	struct space *space;
	struct priv *priv;
	struct proc *next, *prev;       /* PROC_QUEUED */
	struct event event;             /* why it stopped, or the page fault it waits for */
	uint64_t user_ticks, system_ticks, switches;
	uint32_t word[NR_PUBLIC];
} __attribute__((aligned(512)));        /* a power of two: slot to address is one shift */

struct queue { struct proc *head, *tail; };

struct grant {
	uint16_t seq;
	uint8_t dir;                    /* GRANT_; 0: free row */
	endpoint_t owner, borrower;
	endpoint_t client;              /* delegation: the client whose call it is part of */
	uint32_t serial;
	uint64_t base, len;
};

/* One service's rights and its mailbox. Slot and privilege id of a service are the same. */
struct priv {
	struct priv_desc desc;
	uint64_t services, lines, events;       /* pending notifications */
	struct queue senders;                   /* calls not yet delivered, in order */
	uint64_t alarm_ns;                      /* 0: none */
	uint8_t line_bit[PRIV_LINES];           /* bit + 1 of a claimed line; 0: not claimed */
	struct grant grants[GRANT_ROWS];
};

struct core {
	struct proc *current;           /* offset 0: read by the entry code; NULL: idle */
	uint64_t stack;                 /* offset 8 */
	uint64_t scratch;               /* offset 16 */
	struct proc *turn;              /* the program that ran last; pays for services, too */
	struct proc *hint;              /* became ready in this kernel entry, not queued yet */
	uint64_t ready;                 /* bit n: queue n is not empty */
	uint32_t ticks;
	struct queue queue[NR_PRIORITIES];
	uint64_t timer_ns;              /* what the timer is armed for; 0: not */
	uint64_t tick_ns;               /* when the latest tick was over */
	bool expired;                   /* current has used its quantum up */
	struct proc *ext_owner;         /* whose extended state is in the registers */
	bool ext_trap;                  /* the first use of it will trap */
	struct space *loaded;           /* whose tables the CPU walks */
	uint64_t fs_base, gs_base;      /* as loaded */
};

extern struct proc procs[NR_PROCS];
extern struct priv privs[NR_PRIVS];
extern struct space spaces[NR_SPACES];
extern uint16_t routes[NR_PERSONALITIES][NR_ROUTES];
extern struct trace_record trace_ring[NR_TRACE];
extern uint64_t trace_next;

/* ---- proc.c ---- */
void proc_tables_init(void);
/* The live process with this endpoint, or NULL. */
static inline struct proc *proc_find(endpoint_t e)
{
	struct proc *p;

	if (endpoint_slot(e) >= NR_PROCS)
		return NULL;
	p = &procs[endpoint_slot(e)];
	__asm__("" : "+r"(p));          /* compute the address once, not at each use */
	return endpoint_eq(p->ep, e) ? p : NULL;
}

static inline struct proc *service_proc(unsigned priv)
{
	return procs[priv].ep.v == ENDPOINT_NONE.v ? NULL : &procs[priv];
}

/* Sets of processes, one bit for each slot. */
static inline void slots_add(uint64_t *set, const struct proc *p)
{
	set[p->slot / 64] |= BIT(p->slot % 64);
}

static inline void slots_remove(uint64_t *set, const struct proc *p)
{
	set[p->slot / 64] &= ~BIT(p->slot % 64);
}

/* The first of the set that passes fits(caller, it), taken out; or NULL. */
struct proc *slots_take(uint64_t *set, const struct proc *caller,
			bool (*fits)(const struct proc *caller, const struct proc *p));

/* The RIGHT_MANAGE_ that p falls under. */
unsigned right_over(const struct proc *p);
/* May caller control p (never itself)? Guard: is it p's guardian? */
bool proc_manages(const struct proc *caller, const struct proc *p);
bool proc_guards(const struct proc *caller, const struct proc *p);
void proc_end(struct proc *p);

void queue_add(struct queue *q, struct proc *p, bool front);
void queue_remove(struct queue *q, struct proc *p);
void proc_ready_queue(struct core *c, struct proc *p);
void proc_unready(struct proc *p);
struct proc *schedule_queues(struct core *c);

/* p's state has become 0: it may run. The first one in a kernel entry waits in the hint. */
static inline void proc_ready(struct core *c, struct proc *p)
{
	const struct sched *s = &p->sched;

	if (c->hint || s->ticks_left <= 0 || s->priority != s->base_priority || p == c->current)
		proc_ready_queue(c, p);
	else
		c->hint = p;
}

/* The process to run next, NULL for none; it becomes current. The usual case, a message to or from
 * a server, stands here: one process has blocked, the other has become ready. */
static inline struct proc *schedule(struct core *c)
{
	struct proc *p = c->current, *h = c->hint;

	if (!h || !p || !p->state || c->ready & (BIT(h->sched.priority) - 1))
		return schedule_queues(c);
	c->hint = NULL;
	c->expired = false;
	c->current = h;
	h->switches++;
	return h;
}


/* ---- ipc.c ---- */
void linux_call(struct proc *p);
void linux_send(struct proc *p);
void ipc_primitive(struct proc *p, unsigned n);
void page_fault(struct proc *p, uint64_t address, uint32_t code);
/* Set bits in a word of this mailbox. */
void notify(struct priv *to, uint64_t *word, uint64_t bits);
/* The server's hold on this client's call, or NULL. */
struct proc *call_held(const struct proc *server, endpoint_t client, uint32_t serial);
/* Take p out of whatever call it is in, without an answer. */
void call_withdraw(struct proc *p);
/* p, a service, restarts in place: a message it has not seen yet is delivered again. */
void message_unread(struct proc *p);
/* p, a service, is gone: wake who waits for it. */
void callers_wake(struct proc *p);
/* Whoever receives from just this endpoint, which is gone, waits in vain. */
void receivers_wake(endpoint_t gone);

/* ---- stop.c ---- */
void park(struct proc *p, struct event why);
void freeze(struct proc *p, struct event why);
void exception(struct proc *p, uint32_t vector, uint64_t code, uint64_t address);
void cancels_retell(struct proc *server);
bool stop_at_boundary(struct proc *p, unsigned flags);
extern uint64_t untold[NR_PROCS / 64];          /* bit: proc_next has not told of it */
extern uint64_t cancelled[NR_PROCS / 64];       /* bit: call_cancelled has not told of it */

/* ---- timer.c, irq.c ---- */
void timer_interrupt(struct core *c);
void timer_plan(struct core *c, bool idle);
err_t line_claim(struct priv *v, uint32_t line, uint32_t bit, unsigned flags);
err_t line_ack(struct priv *v, uint32_t line);
void lines_release(struct priv *v);
void line_interrupt(uint32_t line);

#endif
