/* SPDX-License-Identifier: BSD-2-Clause
 * server.c - the main loop of every service, and its recovery.
 *
 * Job:      receive, validate, dispatch, commit, replyreceive; answers heartbeats; after a crash
 *           rolls back, has the state checked, repeats or refuses the request (docs/notes/0005).
 * Speaks:   whatever contracts the service serves.
 * Touches:  `.undo`: the request row.
 * Trusts:   nothing in a message; the service's handlers.
 * On crash: S1..S3.
 *
 * S1  row.d[row.which] is the request being handled; the other one is where its reply is made.
 * S2  RUNNING: the request has not been answered and what it changed is in the undo log.
 * S3  ANSWERED: its changes are committed and the reply in the other delivery is complete. Sending
 *     it once more is harmless: a reply reaches one call once.
 */
#include <contract/summary.h>
#include <lib/assert.h>
#include <lib/print.h>
#include <lib/server.h>
#include <lib/service_ids.h>

enum phase { IDLE, RUNNING, ANSWERED };

#define FAULT_REFUSED (7ll << 32 | 2)           /* SIGBUS, BUS_ADRERR */

static struct {
	uint32_t phase;
	uint32_t which;
	uint32_t attempt;               /* crashes on this request */
	uint32_t nr_copies;
	struct delivery d[2];
} row SECTION_UNDO;

static struct copy copies[COPIES_MAX];
static const struct server *self;
static struct { uint64_t messages, refused; } count;   /* since the start, or the last recovery */

uint64_t server_message(void)
{
	return count.messages;
}

unsigned server_attempt(void)
{
	return row.attempt;
}

bool reply_copy(uint32_t dir, uint64_t remote, const void *local, uint32_t len)
{
	uint64_t sum = len;

	for (uint32_t i = 0; i < row.nr_copies; i++)
		sum += copies[i].len;
	if (row.nr_copies == COPIES_MAX || sum > COPY_MAX)      /* the kernel's limits */
		return false;
	copies[row.nr_copies++] = (struct copy){
		.dir = dir, .len = len, .remote = remote, .local = (uint64_t)(uintptr_t)local,
	};
	return true;
}

struct call call_of(const struct delivery *d)
{
	return (struct call){
		.client = d->m.peer, .serial = d->serial, .owner = d->owner, .type = d->m.type,
		.lent = d->lent & CALL_LEND_LENGTH,
		.lent_dir = (d->lent & CALL_LEND_READ ? GRANT_READ : 0) |
			    (d->lent & CALL_LEND_WRITE ? GRANT_WRITE : 0),
	};
}

/* ---- contracts ---- */

/* What we say of ourselves (contracts/summary). */
static err_t do_summary_get(const struct call *c, struct summary_get_reply *reply)
{
	static char text[SUMMARY_BYTES];
	size_t n;

	if (endpoint_slot(c->client) != ID_IS)
		return -EPERM;
	n = format(text, sizeof(text), "%lu messages, %lu requests refused, %lu KiB of state, "
		   "at most %u of %u undo entries used\n", (unsigned long)count.messages,
		   (unsigned long)count.refused, (unsigned long)(state_end - state_start) / 1024,
		   undo_most(), UNDO_ENTRIES);
	if (self->summary != NULL)
		n += self->summary(text + n, sizeof(text) - n);
	if (n >= sizeof(text))
		n = sizeof(text) - 1;
	reply->done = (uint32_t)n;
	return reply_copy(COPY_OUT, 0, text, (uint32_t)n) ? 0 : -EFAULT;
}

static const struct summary_ops summary_ops = { .get = do_summary_get };
static const struct served own = { .contract = &summary_contract, .ops = &summary_ops };

static const struct served *find_contract(const struct server *s, uint32_t type)
{
	for (unsigned i = 0; i < SERVES_MAX && s->serves[i].contract != NULL; i++)
		if (type - s->serves[i].contract->base < CONTRACT_OPS)
			return &s->serves[i];
	return type - SUMMARY_BASE < CONTRACT_OPS ? &own : NULL;
}

static err_t serve_contract(const struct server *s, const struct delivery *d, uint64_t *reply)
{
	const struct served *part = find_contract(s, d->m.type);
	struct call c = call_of(d);
	uint8_t next = 0;
	err_t err;

	if (part == NULL)
		return -ENOSYS;
	if (part->session != NULL && part->contract->next_state != NULL)
		c.state = part->session(&c);
	if (c.state != NULL) {
		assert(*c.state < part->contract->nr_states);
		next = part->contract->next_state[*c.state][c.type - part->contract->base];
		if (next == STATE_REFUSED)
			return -EPROTO_STATE;
	}
	err = part->contract->dispatch(part->ops, &c, d->m.w, reply);
	if (c.state != NULL && (err == 0 || err == NO_REPLY) && *c.state != next)
		state_memset(c.state, next, 1);
	return err;
}

/* ---- one message ---- */

/* We are ready, and alive. rs itself is watched by rsguard, and answers it in on_notify. */
static void beat(const struct server *s)
{
	if (strcmp(s->name, "rs") != 0)
		ipc_notify(FIRST_ENDPOINT(ID_RS));
}

static void heard(const struct server *s, const struct message *m)
{
	uint64_t services = m->w[0], events = m->w[2];

	if (services & BIT(ID_RS))
		beat(s);
	services &= ~BIT(ID_RS);
	if (services != 0 && s->on_notify != NULL)
		s->on_notify(services);
	if (m->w[1] != 0 && s->on_irq != NULL)
		s->on_irq(m->w[1]);
	if (events & EVENT_ALARM && s->on_alarm != NULL)
		s->on_alarm();
	if (events & EVENT_CANCEL && s->on_cancel != NULL)
		s->on_cancel();
	if (events & EVENT_PARKED && s->on_parked != NULL)
		s->on_parked();
	if (events & EVENT_GUARD && s->on_guard != NULL)
		s->on_guard();
}

static bool is_linux(const struct delivery *d)
{
	return d->m.type < NR_LINUX;
}

static bool is_contract(const struct delivery *d)
{
	return d->m.type >= TYPE_CONTRACT && d->m.type < IPC_SENDREC;
}

/* What a hook or handler returned becomes the reply. False: the answer comes later. */
static bool answer_with(struct message *m, const struct delivery *d, int64_t result)
{
	if (result == NO_REPLY)
		return false;
	if (result < 0) {
		row.nr_copies = 0;
		count.refused += is_contract(d);
	}
	m->type = is_contract(d) ? (uint32_t)result : 0;
	if (!is_contract(d))
		m->w[0] = (uint64_t)result;
	return true;
}

/* Handle a message; true: m is the reply. */
static bool handle(const struct server *s, const struct delivery *d, struct message *m)
{
	int64_t result = -ENOSYS;

	*m = (struct message){ .peer = d->m.peer };
	if (d->m.type == TYPE_NOTIFY && endpoint_eq(d->m.peer, ENDPOINT_KERNEL)) {
		heard(s, &d->m);
		return false;
	}
	if (is_contract(d))
		result = serve_contract(s, d, m->w);
	else if (is_linux(d) && s->linux_call != NULL)
		result = s->linux_call(d);
	else if (d->m.type == TYPE_FAULT && s->fault != NULL)
		result = s->fault(d);
	return answer_with(m, d, result) && d->serial != 0;
}

/* ---- the loop ---- */

static void received(void)
{
	count.messages++;
	row.nr_copies = 0;
	row.attempt = 0;
	row.which ^= 1;
	row.phase = RUNNING;
}

static void receive(void)
{
	struct delivery *d = &row.d[row.which ^ 1];
	err_t err;

	row.phase = IDLE;
	err = ipc_receive(d, ENDPOINT_ANY);
	assert(err == 0);
	received();
}

/* The single copy of a Linux reply travels in the message: the kernel need not fetch it. */
static const struct copy *place_copies(const struct delivery *d, struct message *m)
{
	if (row.nr_copies != 1 || !is_linux(d))
		return copies;
	m->w[4] = copies[0].remote;
	m->w[5] = copies[0].local;
	m->w[6] = copies[0].len | (uint64_t)copies[0].dir << 32;
	return NULL;
}

/* Send the reply in the other delivery and receive the next request there. */
static void reply_and_receive(const struct server *s)
{
	const struct delivery *d = &row.d[row.which];
	struct delivery *reply = &row.d[row.which ^ 1];
	const struct copy *vector = place_copies(d, &reply->m);
	struct copy_stop stop;
	err_t err, got;

	reply->serial = d->serial;
	undo_commit();
	row.phase = ANSWERED;
	for (;;) {
		err = ipc_replyreceive(reply, vector, row.nr_copies, &stop);
		if (err >= 0)
			break;
		assert(row.nr_copies != 0);     /* without copies nothing can be refused */
		got = -EFAULT;
		if (err == -EFAULT && s->populate != NULL)
			got = s->populate(d, stop.address);
		if (got == 0)
			continue;
		if (got == NO_REPLY) {
			undo_commit();
			receive();
			return;
		}
		answer_with(&reply->m, d, -EFAULT);
	}
	received();
}

static void step(const struct server *s)
{
	bool answer = handle(s, &row.d[row.which], &row.d[row.which ^ 1].m);

	if (answer) {
		reply_and_receive(s);
	} else {
		undo_commit();
		receive();
	}
}

/* ---- start ---- */

/* The request we crashed on: once more, and if it crashes us again, never; DEATHS_OF_ONE. */
static void resume(const struct server *s)
{
	const struct delivery *d = &row.d[row.which];
	struct delivery *reply = &row.d[row.which ^ 1];

	row.attempt++;
	if (row.attempt <= (d->m.type == TYPE_NOTIFY ? DEATHS_OF_ONE : 1)) {
		step(s);
		return;
	}
	print("refuses a request of type 0x%x that has crashed it twice\n", d->m.type);
	if (d->serial == 0) {
		receive();
		return;
	}
	reply->m = (struct message){ .peer = d->m.peer };
	answer_with(&reply->m, d, is_linux(d) ? -EIO : d->m.type == TYPE_FAULT ? FAULT_REFUSED
										 : -ERECOVERED);
	reply_and_receive(s);
}

static void recover(const struct server *s)
{
	struct delivery *reply = &row.d[row.which ^ 1];

	assert(row.which <= 1 && row.phase <= ANSWERED);
	undo_rollback();
	if (s->init != NULL)
		s->init(START_RECOVER);
	if (s->check != NULL && s->check() != 0)
		assert(!"the state cannot be repaired");
	undo_enable(true);
	beat(s);
	if (row.phase == RUNNING) {
		row.nr_copies = 0;
		resume(s);
		return;
	}
	if (row.phase == ANSWERED) {
		if (row.nr_copies != 0)         /* what they copied from is gone */
			answer_with(&reply->m, &row.d[row.which], -EIO);
		ipc_reply(&reply->m, row.d[row.which].serial);
	}
	receive();
}

void server_run(const struct server *s)
{
	self = s;
	if (start_kind == START_RECOVER) {
		recover(s);
	} else {
		if (s->init != NULL)
			s->init((enum start_kind)start_kind);
		undo_enable(true);
		beat(s);
		receive();
	}
	for (;;)
		step(s);
}
