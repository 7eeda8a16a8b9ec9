/* SPDX-License-Identifier: BSD-2-Clause
 * row.c - calls that are not answered yet, and the queues they wait in.
 *
 * Job:      parks a call as a row; when what it waits for has come, does it again from the start.
 * Speaks:   the kernel calls call_cancelled and alarm_set; replies.
 * Touches:  state.row and the heads of queues.
 * Trusts:   nothing.
 * On crash: rows stay. What was being done is rolled back and done again.
 *
 * A queue is a ring of rows; the head is the first, its prev the last. Each row is in one or none.
 * All that wait in a queue become ready at once, however many they are: the ring becomes part of
 * the ring of those that are ready, and the rows still name the queue they waited in.
 */
#include "vfs.h"

#define NS_PER_TICK 5000000000ull       /* write-back */
enum { POLLS_WOKEN = 32 };

unsigned row_index(const struct row *r)
{
	return (unsigned)(r - state.row);
}

uint16_t *queue_head(unsigned queue, unsigned object)
{
	switch (queue) {
	case QUEUE_READY:
		return &state.ready;
	case QUEUE_PIPE_READ:
		return &state.pipe[object].read_queue;
	case QUEUE_PIPE_WRITE:
		return &state.pipe[object].write_queue;
	case QUEUE_LINE:
		return &state.server[object / BOARD_WORDS].line_queue[object % BOARD_WORDS];
	case QUEUE_SERVER:
		return &state.server[object].queue;
	case QUEUE_INODE:
		return &state.inode[object].queue;
	case QUEUE_SHORT:
		return &state.short_queue;
	case QUEUE_SOCKET_READ:
		return &state.socket[object].read_queue;
	case QUEUE_SOCKET_WRITE:
		return &state.socket[object].write_queue;
	default:
		return &state.poll_all;
	}
}

bool row_is_first(const struct row *r)
{
	return *queue_head(r->queue, r->object) == row_index(r);
}

static void enqueue(struct row *r, unsigned queue, unsigned object)
{
	uint16_t *head = queue_head(queue, object), n = (uint16_t)row_index(r);

	r->queue = (uint16_t)queue;
	r->object = (uint16_t)object;
	if (*head == 0) {
		r->next = r->prev = n;
		*head = n;
		return;
	}
	r->next = *head;
	r->prev = state.row[*head].prev;
	state.row[r->prev].next = n;
	state.row[*head].prev = n;
}

void row_dequeue(struct row *r)
{
	uint16_t *head, n = (uint16_t)row_index(r);

	if (r->queue == QUEUE_NONE)
		return;
	head = state.ready == n ? &state.ready : queue_head(r->queue, r->object);
	if (*head == n)
		*head = r->next == n ? 0 : r->next;
	state.row[r->prev].next = r->next;
	state.row[r->next].prev = r->prev;
	r->queue = QUEUE_NONE;
}

void row_ready(struct row *r)
{
	if (r->phase == ROW_FREE || r->queue == QUEUE_READY)
		return;
	row_dequeue(r);
	r->phase = ROW_READY;
	enqueue(r, QUEUE_READY, 0);
}

void queue_wake_one(uint16_t head)
{
	if (head != 0)
		row_ready(&state.row[head]);
}

void queue_wake(uint16_t head)
{
	struct row *first = &state.row[head], *ready = &state.row[state.ready];
	uint16_t last = first->prev;

	if (head == 0 || head == state.ready)
		return;
	*queue_head(first->queue, first->object) = 0;
	if (state.ready == 0) {
		state.ready = head;
		return;
	}
	first->prev = ready->prev;
	state.row[ready->prev].next = head;
	state.row[last].next = state.ready;
	ready->prev = last;
}

void polls_wake(uint64_t watched)
{
	uint16_t woken[POLLS_WOKEN], n = 0, at = state.poll_all;

	if (at == 0)
		return;
	do {
		if (state.row[at].watched & watched && n++ < POLLS_WOKEN)
			woken[n - 1] = at;
		at = state.row[at].next;
	} while (at != state.poll_all);
	if (n > POLLS_WOKEN)            /* more than the undo log should hold: all of them */
		return queue_wake(state.poll_all);
	for (uint16_t i = 0; i < n; i++)
		row_ready(&state.row[woken[i]]);
}

/* ---- rows ---- */

void row_free(struct row *r)
{
	bool at_pipe = r->queue == QUEUE_PIPE_READ || r->queue == QUEUE_PIPE_WRITE;

	row_dequeue(r);
	if (at_pipe)
		pipe_left(r->object);
	if (r->deadline != 0)
		row_set_deadline(r, 0);
	r->phase = ROW_FREE;
	r->client.v = 0;
	r->step = 0;
	r->request = 0;
}

static void row_begin(struct row *r)
{
	r->phase = ROW_WAITS;
	r->began = stamp_next();
	r->began_ns = clock_monotonic_ns();
	r->deadline = 0;
	r->done = r->total = 0;
	r->result = 0;
	r->queue = QUEUE_NONE;
	r->request = 0;
	r->step = r->cancelled = r->timed_out = r->polls = 0;
	r->answered = 0;                /* of server 0, which is none */
	for (unsigned i = 0; i < COUNT(r->keep); i++)
		r->keep[i] = 0;
}

struct row *row_get(struct op *o)
{
	struct row *r = o->row;

	if (r != NULL)
		return r;
	r = &state.row[endpoint_slot(o->client)];
	row_free(r);                    /* an older call of that slot has ended */
	row_begin(r);
	r->client = o->client;
	r->owner = o->owner;
	r->serial = o->serial;
	r->type = o->type;
	for (unsigned i = 0; i < COUNT(r->a); i++)
		r->a[i] = o->a[i];
	r->total = o->total;
	o->row = r;
	o->began = r->began;
	return r;
}

struct row *row_internal(unsigned n, uint32_t type)
{
	struct row *r = &state.row[n];

	row_free(r);
	row_begin(r);
	r->type = type;
	r->serial = (uint32_t)r->began;
	for (unsigned i = 0; i < COUNT(r->a); i++)
		r->a[i] = 0;
	return r;
}

int64_t row_wait(struct op *o, enum queue q, unsigned object, int64_t cancelled)
{
	struct row *r = row_get(o);

	if (r->cancelled && cancelled != 0)
		return cancelled;
	row_dequeue(r);
	r->phase = ROW_WAITS;
	enqueue(r, q, object);
	return -PARKED;
}

bool op_timed_out(const struct op *o)
{
	return o->row != NULL && o->row->timed_out;
}

void row_set_deadline(struct row *r, uint64_t deadline)
{
	if (r->deadline != 0)
		state.timed--;
	r->deadline = deadline;
	if (deadline != 0)
		state.timed++;
}

struct request *row_request(const struct row *r)
{
	return &state.request[0][0] + r->answered;
}

static void op_of_row(struct row *r, struct op *o)
{
	*o = (struct op){
		.client = r->client, .owner = r->owner, .serial = r->serial, .type = r->type,
		.began = r->began, .row = r, .again = true,
		.internal = row_index(r) < FIRST_PROGRAM,
	};
	for (unsigned i = 0; i < COUNT(o->a); i++)
		o->a[i] = r->a[i];
	o->p = process_of(o->owner);
}

/* A device has said so, or a terminal that was hung up; or a server was stopped. */
static bool is_of_others(const struct op *o)
{
	const struct server_row *s;

	if (o->row == NULL)
		return false;
	s = &state.server[request_server(row_request(o->row))];
	return s->kind == SERVER_CHAR || s->gone;
}

/* Not a failure of a day's work, or none that can be? */
static void doubt(struct op *o, int64_t result)
{
	server_doubt(o->client, o->serial, o->type, result,
		     (linux_failure_is_unusual(o->type, result) && !is_of_others(o)) ||
		     !result_may_be(o, result));
}

void row_answer(struct row *r, int64_t result)
{
	endpoint_t client = r->client;
	uint32_t serial = r->serial;
	struct op o;

	if (client.v != 0) {
		op_of_row(r, &o);
		doubt(&o, result);
	}
	row_free(r);
	if (client.v == 0) {
		undo_commit();
		return;
	}
	call_reply_linux(client, serial, result);
	server_commit();
}

void row_again(struct row *r)
{
	handler *h = handler_of(r->type);
	int64_t result = -ENOSYS;
	struct op o;

	row_dequeue(r);
	r->phase = ROW_WAITS;
	op_of_row(r, &o);
	proof_begin();
	if (h != NULL && (o.p != NULL || o.internal))
		result = h(&o);
	if (result == -PARKED) {
		undo_commit();
		return;
	}
	if (result == NO_REPLY) {
		row_free(r);
		undo_commit();
		return;
	}
	row_answer(r, result);
}

void rows_run(void)
{
	while (state.ready != 0 || sockets_dying()) {
		if (state.ready != 0)
			row_again(&state.row[state.ready]);
		else
			sockets_reap();
	}
}

/* ---- a call comes ---- */

/* What a reply whose bytes do not arrive takes back: see call_late(), call_take_back(). */
struct late {
	endpoint_t client;
	uint32_t serial;
	unsigned file;                  /* 0: none; its position */
	uint64_t pos, pos_after, made;
};

static struct late late SECTION_UNDO;
static struct late moved[NR_PROCS] SECTION_UNDO;        /* by the latest call of each slot */

void late_file(const struct file *f)
{
	if (late.file != 0)
		return;
	late.file = file_index(f);
	late.pos = f->pos;
}

static void late_note(const struct op *o)
{
	late.client = o->client;
	late.serial = o->serial;
	late.pos_after = state.file[late.file].pos;
	late.made = state.file[late.file].made;
	moved[endpoint_slot(o->client)] = late;
}

bool call_take_back(endpoint_t client, uint32_t serial)
{
	const struct late *l = &moved[endpoint_slot(client)];
	struct file *f = &state.file[l->file];

	if (!endpoint_eq(l->client, client) || l->serial != serial)
		return true;                    /* it moved nothing */
	if (f->made != l->made || f->pos != l->pos_after)
		return false;
	f->pos = l->pos;
	return true;
}

/* Inline: so it is seen that these stores are to the stack, and they are not announced. */
static inline __attribute__((always_inline)) void op_of_delivery(const struct delivery *d,
								 struct op *o)
{
	*o = (struct op){
		.client = d->m.peer, .owner = d->owner, .serial = d->serial, .type = d->m.type,
		.began = UINT64_MAX,
	};
	for (unsigned i = 0; i < COUNT(o->a); i++)
		o->a[i] = d->m.w[i];
	o->p = process_of(d->owner);
}

err_t call_late(const struct delivery *d)
{
	struct op o;

	op_of_delivery(d, &o);
	if (handler_of(d->m.type) == NULL || o.p == NULL)
		return -EFAULT;
	if (late.file != 0)
		state.file[late.file].pos = late.pos;
	row_ready(row_get(&o));
	server_settle(NO_REPLY);        /* the row goes on, if we die of that; not the reply */
	rows_run();
	return NO_REPLY;
}

int64_t vfs_linux_call(const struct delivery *d)
{
	handler *h = handler_of(d->m.type);
	struct row *r = &state.row[endpoint_slot(d->m.peer)];
	int64_t result;
	struct op o;

	reply_begin();
	proof_begin();
	late.file = 0;
	op_of_delivery(d, &o);
	/* We died on it when a part of it had been committed: the row goes on from there. */
	if (server_attempt() > 0 && r->phase != ROW_FREE && endpoint_eq(r->client, o.client) &&
	    r->serial == o.serial)
		return NO_REPLY;
	if (h == NULL || o.p == NULL)
		return h == NULL ? -ENOSYS : -ESRCH;
	result = h(&o);
	if (result != -PARKED && result != NO_REPLY)
		doubt(&o, result);
	if (late.file != 0)
		late_note(&o);
	if (result != -PARKED && o.row != NULL)
		row_free(o.row);
	if (result == -PARKED)
		result = NO_REPLY;
	if (state.ready != 0 || sockets_dying()) {
		server_settle(result);
		rows_run();
	}
	if (state.timed != 0 && o.row != NULL)
		alarm_plan();
	return result;
}

/* ---- ends that are not answers ---- */

void rows_of_process_gone(endpoint_t owner)
{
	unsigned count = 0;

	for (unsigned i = FIRST_PROGRAM; i < NR_PROCS; i++) {
		if (state.row[i].phase == ROW_FREE || !endpoint_eq(state.row[i].owner, owner))
			continue;
		row_free(&state.row[i]);
		if (++count % 64 == 0)
			undo_commit();          /* who is gone is asked for again after a crash */
	}
}

/* A signal for a program that waits. What a server works on is waited for: it comes soon. */
void on_cancel(void)
{
	struct call_cancelled_reply who;

	while (sys_call_cancelled(&who) == 0) {
		struct row *r = &state.row[endpoint_slot(who.client)];

		if (r->phase == ROW_FREE || !endpoint_eq(r->client, who.client) ||
		    r->serial != who.serial) {          /* lost: see audit.c */
			call_lost(who.client, who.serial);
			continue;
		}
		r->cancelled = 1;
		if (r->request == 0)
			row_ready(r);
		undo_commit();          /* we are told once */
	}
	rows_run();
}

/* F5: a row that was going on when we died is in no queue, and nobody will answer it. */
bool row_go_on(unsigned n)
{
	struct row *r = &state.row[n];

	if (r->phase == ROW_FREE || r->queue != QUEUE_NONE || request_is_of(r->request, n))
		return false;
	r->request = 0;
	row_ready(r);
	return true;
}

void rows_recover(void)
{
	for (unsigned n = 1; n < NR_PROCS; n++)
		(void)row_go_on(n);
}

void alarm_plan(void)
{
	uint64_t first = state.write_back_ns;
	struct alarm_set_request req;

	for (unsigned i = 1; i < NR_PROCS && state.timed != 0; i++) {
		const struct row *r = &state.row[i];

		if (r->phase != ROW_FREE && r->deadline != 0 && (first == 0 || r->deadline < first))
			first = r->deadline;
	}
	if (state.init_wait_ns != 0 && (first == 0 || state.init_wait_ns < first))
		first = state.init_wait_ns;
	if (first == state.alarm || state.alarm == ALARM_NOW)
		return;
	state.alarm = first;
	req.deadline_ns = first;
	if (sys_alarm_set(&req) != 0)
		print("no alarm\n");
}

/* Something is to be done when what we do now is done. */
void alarm_soon(void)
{
	struct alarm_set_request req = { .deadline_ns = ALARM_NOW };

	state.alarm = ALARM_NOW;
	if (sys_alarm_set(&req) != 0)
		print("no alarm\n");
}

void on_alarm(void)
{
	uint64_t now = clock_monotonic_ns();
	unsigned count = 0;

	state.alarm = 0;
	for (unsigned i = 1; i < NR_PROCS && state.timed != 0; i++) {
		struct row *r = &state.row[i];

		if (r->phase == ROW_FREE || r->deadline == 0 || r->deadline > now)
			continue;
		row_set_deadline(r, 0);
		r->timed_out = 1;
		if (r->request == 0)
			row_ready(r);
		if (++count % 64 == 0)
			undo_commit();          /* each stands by itself */
	}
	if (state.init_wait_ns != 0 && state.init_wait_ns <= now)
		init_look();
	if (state.write_back_ns != 0 && state.write_back_ns <= now)
		write_tick();
	servers_look();
	rows_run();
	alarm_plan();
}
