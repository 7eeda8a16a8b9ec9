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
 * A service may die before any instruction. What it holds then:
 * S1  row.d[which] is the request being handled; the other one is where its reply is made, and
 *     where the next message comes.
 * S2  row.now says how far it is, in one store: a phase, the number of the commit that brings it,
 *     and the phase that it is in until then. RUNNING: what it changed is in the undo log, and it
 *     is done again.
 * S3  A reply that is made is sent once more: it reaches one call once. What it copies is kept.
 * S4  A message has come if its `lent` is no longer NOT_RECEIVED; or if it lies in the registers of
 *     that moment, which the guardian hands over: we were in one of ipc.S's windows. The kernel
 *     takes back what lies there unseen, and was not interrupted since (orig_rax tells).
 * S5  Replies to other calls wait in the outbox for the commit, each with its number; then they are
 *     sent, as S3. If the outbox is full the request is committed half way.
 */
#include <contract/summary.h>
#include <lib/args.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/print.h>
#include <lib/server.h>
#include <lib/service_ids.h>

enum phase { NEW, RUNNING, ANSWERED, OVER };      /* NEW: init() has not ended */
/* In row.now, above `which`. */
enum { PHASE_SHIFT = 1, BEFORE_SHIFT = 3, PHASE_MASK = 3, STAMP_SHIFT = 5 };
enum { KEPT_BYTES = 1024, OUTBOX = 16 };
enum { REPLY_TRIES = 16 * (COPY_MAX / 4096 + COPIES_MAX) };      /* of each page, more or less */

#define FAULT_REFUSED (7ll << 32 | 2)           /* SIGBUS, BUS_ADRERR */
#define NOT_RECEIVED UINT64_MAX                 /* no message lends so much */

static struct {
	uint64_t now;
	struct nr {
		uint16_t attempt;       /* crashes on this request */
		uint16_t copies;
		uint16_t bytes;         /* in kept[] */
		uint16_t is_lossy;      /* a copy's bytes did not fit there */
	} nr;
	struct delivery d[2];
	struct copy copies[COPIES_MAX];
	uint8_t kept[KEPT_BYTES];       /* what copies read and would be gone after a crash */
} row SECTION_UNDO;

static struct {
	uint32_t count;
	bool effects;                   /* server.committed() is to be called */
	struct { uint64_t stamp; struct message m; uint32_t serial; } reply[OUTBOX];
} outbox SECTION_UNDO;

/* ipc.S */
extern const char ipc_receive_begin[], ipc_receive_end[];
extern const char ipc_replyreceive_begin[], ipc_replyreceive_end[];

/* In a row; not taken back. */
static uint32_t refusals SECTION_UNDO;          /* and nothing was done in between */
static uint32_t unfinished SECTION_UNDO;        /* recoveries: we died before their end */
static bool refused;                            /* what is done next is that */

static const struct server *self;
static struct { uint64_t messages, refused; } count;   /* since the start, or the last recovery */

uint64_t server_message(void)
{
	return count.messages;
}

unsigned server_attempt(void)
{
	return row.nr.attempt;
}

void server_refused(void)
{
	refusals++;
	refused = true;
	row.nr.attempt = 0;             /* what else the notification is about has done nothing */
}

void server_served(void)
{
	if (!refused)
		refusals = 0;
	refused = false;
}

/* ---- the row ---- */

static unsigned which(void)
{
	return row.now & 1;
}

static struct delivery *request(void)
{
	return &row.d[which()];
}

static struct delivery *other(void)
{
	return &row.d[which() ^ 1];
}

static enum phase phase(void)
{
	unsigned shift = undo_is_committed(row.now >> STAMP_SHIFT) ? PHASE_SHIFT : BEFORE_SHIFT;

	return (enum phase)(row.now >> shift & PHASE_MASK);
}

/* With the next commit the request is over. */
static void close(enum phase how)
{
	other()->lent = NOT_RECEIVED;   /* S4: what lies there is a reply, or was a request once */
	row.now = which() | (unsigned)how << PHASE_SHIFT | (unsigned)phase() << BEFORE_SHIFT |
		  undo_next_commit() << STAMP_SHIFT;
	__asm__ volatile("" : : : "memory");
}

static void answering(endpoint_t client, uint32_t serial, const struct message *m, uint32_t copies)
{
	if (self->answered == NULL || endpoint_slot(client) < FIRST_PROGRAM)
		return;
	self->answered[endpoint_slot(client)] = (struct answered){
		.client = client, .serial = serial, .copies = copies,
		.result = (int64_t)m->w[0],
	};
}

void call_lost(endpoint_t client, uint32_t serial)
{
	const struct answered *a = &self->answered[endpoint_slot(client)];
	int64_t result = -ERESTARTNOINTR;
	struct message m = { .peer = client };

	if (endpoint_eq(a->client, client) && a->serial == serial)
		result = a->copies == 0 ? a->result :
			 self->take_back != NULL && self->take_back(client, serial) ?
			 -ERESTARTNOINTR : -EIO;
	m.w[0] = (uint64_t)result;
	server_reply(&m, serial);
}

/* What a commit has made due. */
static void __attribute__((noinline)) act_on_commit(void)
{
	if (outbox.effects)
		self->committed();
	outbox.effects = false;
	for (uint32_t i = 0; i < outbox.count; i++) {
		answering(outbox.reply[i].m.peer, outbox.reply[i].serial, &outbox.reply[i].m, 0);
		ipc_reply(&outbox.reply[i].m, outbox.reply[i].serial);
	}
	outbox.count = 0;
}

static inline void act(void)
{
	if (outbox.count != 0 || outbox.effects)
		act_on_commit();
}

void server_effect(void)
{
	outbox.effects = true;
}

void server_commit(void)
{
	undo_commit();
	act();
}

/* ---- replies ---- */

/* Is it rewritten when we are recovered? */
static bool is_volatile(const void *at)
{
	return (uintptr_t)at < IMAGE_STATE_VA ||
	       ((uintptr_t)at >= IMAGE_STATE_END && (uintptr_t)at < IMAGE_STACK_TOP);
}

/* The bytes of a copy, where a crash leaves them. */
static const void *keep(const void *local, uint32_t len)
{
	void *to = row.kept + row.nr.bytes;

	if (len + row.nr.bytes > KEPT_BYTES) {
		row.nr.is_lossy = true;
		return local;
	}
	memcpy(to, local, len);
	row.nr.bytes = (uint16_t)(row.nr.bytes + len);
	return to;
}

bool reply_copy(uint32_t dir, uint64_t remote, const void *local, uint32_t len)
{
	uint64_t sum = len;

	for (uint32_t i = 0; i < row.nr.copies; i++)
		sum += row.copies[i].len;
	if (row.nr.copies == COPIES_MAX || sum > COPY_MAX)      /* the kernel's limits */
		return false;
	if (dir == COPY_OUT && is_volatile(local))
		local = keep(local, len);
	row.copies[row.nr.copies++] = (struct copy){
		.dir = dir, .len = len, .remote = remote, .local = (uint64_t)(uintptr_t)local,
	};
	return true;
}

void server_reply(const struct message *m, uint32_t serial)
{
	uint32_t n = outbox.count;

	outbox.reply[n].m = *m;
	outbox.reply[n].serial = serial;
	outbox.reply[n].stamp = undo_next_commit();
	__asm__ volatile("" : : : "memory");
	outbox.count = n + 1;
	if (outbox.count == OUTBOX)
		server_commit();
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
	static char text[SUMMARY_BYTES] SECTION_UNDO;
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

static err_t do_summary_used(const struct call *c)
{
	static struct ipc_used counts SECTION_UNDO;

	_Static_assert(sizeof(counts) == SUMMARY_USED_BYTES, "contracts/summary");
	if (endpoint_slot(c->client) != ID_IS)
		return -EPERM;
	counts = ipc_used;
	return reply_copy(COPY_OUT, 0, &counts, sizeof(counts)) ? 0 : -EFAULT;
}

static const struct summary_ops summary_ops = { .get = do_summary_get, .used = do_summary_used };
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

/* ---- requests that the contract does not allow ---- */

static struct { struct call c; err_t err; uint64_t seen_ns; } offence;  /* nobody knows of it yet */

static void tell_offence(const struct server *s)
{
	if (offence.err != 0 && s->offended(&offence.c, offence.err, offence.seen_ns))
		offence.err = 0;
}

static void refused_with(const struct server *s, const struct delivery *d, err_t err)
{
	const struct served *part = find_contract(s, d->m.type);
	struct call c = call_of(d);

	if (s->offended == NULL || endpoint_slot(c.client) >= FIRST_PROGRAM)
		return;
	if (part != NULL && err != -EPROTO_STATE && part->contract->check(&c, d->m.w) == 0)
		return;
	offence.c = c;
	offence.err = err;
	offence.seen_ns = clock_monotonic_ns();
	tell_offence(s);
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
	bool beats = services & BIT(ID_RS);

	if (beats)
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
	if (beats && s->audit != NULL)
		s->audit();
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
	m->type = is_contract(d) ? (uint32_t)result : 0;
	if (!is_contract(d))
		m->w[0] = (uint64_t)result;
	__asm__ volatile("" : : : "memory");
	if (result < 0) {               /* last: a reply without them says so */
		row.nr.copies = row.nr.bytes = 0;
		count.refused += is_contract(d);
	}
	return true;
}

/* Handle a message; true: m is the reply. */
static bool handle(const struct server *s, const struct delivery *d, struct message *m)
{
	int64_t result = -ENOSYS;

	*m = (struct message){ .peer = d->m.peer };
	tell_offence(s);
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
	if (s->doubtful != NULL && result != NO_REPLY && d->serial != 0)
		server_doubt(d->m.peer, d->serial, d->m.type, result, s->doubtful(d, result));
	if (is_contract(d) && result < 0 && result != NO_REPLY)
		refused_with(s, d, (err_t)result);
	return answer_with(m, d, result) && d->serial != 0;
}

/* ---- the loop ---- */

/* A message has come into the other delivery. Until the last store nothing says so but S4. */
static void received(void)
{
	count.messages++;
	row.nr = (struct nr){ 0 };
	__asm__ volatile("" : : : "memory");
	row.now = (which() ^ 1) | RUNNING << PHASE_SHIFT;
}

static void receive(void)
{
	struct delivery *d = other();
	err_t err;

	err = ipc_receive(d, ENDPOINT_ANY);
	assert(err == 0);
	received();
}

static void close_unanswered(void)
{
	close(OVER);
	server_commit();
}

/* The single copy of a Linux reply travels in the message: the kernel need not fetch it. */
static const struct copy *place_copies(const struct delivery *d, struct message *m)
{
	const struct copy *c = row.copies;

	if (row.nr.copies != 1 || !is_linux(d))
		return c;
	m->w[4] = c->remote;
	m->w[5] = c->local;
	m->w[6] = c->len | (uint64_t)c->dir << 32;
	return NULL;
}

static bool is_written(uint64_t index)
{
	return index < row.nr.copies && row.copies[index].dir == COPY_OUT;
}

/* Send the reply in the other delivery and receive the next request there. */
static void reply_and_receive(const struct server *s)
{
	const struct delivery *d = request();
	struct delivery *reply = other();
	const struct copy *vector = place_copies(d, &reply->m);
	struct copy_stop stop;
	err_t err, got;

	for (unsigned tries = 0;; tries++) {
		reply->serial = d->serial;
		close(ANSWERED);
		server_commit();
		answering(d->m.peer, d->serial, &reply->m, row.nr.copies);
		err = ipc_replyreceive(reply, vector, row.nr.copies, &stop);
		if (err >= 0)
			break;
		assert(row.nr.copies != 0);     /* without copies nothing can be refused */
		got = -EFAULT;
		if (err == -EFAULT && s->populate != NULL && tries < REPLY_TRIES)
			got = s->populate(d, stop.address, is_written(stop.index));
		if (got == 0)
			continue;
		if (got == NO_REPLY) {
			close_unanswered();
			receive();
			return;
		}
		answer_with(&reply->m, d, -EFAULT);
	}
	received();
}

void server_settle(int64_t result)
{
	bool answer = answer_with(&other()->m, request(), result) && request()->serial != 0;

	other()->m.peer = request()->m.peer;
	close(answer ? ANSWERED : OVER);
	server_commit();
}

static void step(const struct server *s)
{
	bool answer = handle(s, request(), &other()->m);

	if (request()->m.type != TYPE_NOTIFY)
		server_served();
	if (answer) {
		reply_and_receive(s);
	} else {
		close_unanswered();
		receive();
	}
}

/* ---- start ---- */

/* The request we crashed on: once more, and if it crashes us again, never; DEATHS_OF_ONE. */
static void resume(const struct server *s)
{
	const struct delivery *d = request();
	struct delivery *reply = other();

	row.nr = (struct nr){ .attempt = (uint16_t)(row.nr.attempt + 1) };
	if (row.nr.attempt <= (d->m.type == TYPE_NOTIFY ? DEATHS_OF_ONE : 1)) {
		step(s);
		return;
	}
	print("refuses a request of type 0x%x that has crashed it twice\n", d->m.type);
	refusals++;
	if (s->refused != NULL)
		s->refused(d);
	if (d->serial == 0) {
		close_unanswered();
		receive();
		return;
	}
	reply->m = (struct message){ .peer = d->m.peer };
	answer_with(&reply->m, d, is_linux(d) ? -EIO : d->m.type == TYPE_FAULT ? FAULT_REFUSED
										 : -ERECOVERED);
	reply_and_receive(s);
}

static bool is_between(uint64_t at, const char *begin, const char *end)
{
	return at - (uintptr_t)begin < (uintptr_t)(end - begin);
}

/* S4. A message that was still in registers is stored. */
static bool has_come(void)
{
	struct delivery *d = other();
	struct user_regs *r = service_last_regs();

	if (r->orig_rax == UINT64_MAX && r->rbx == (uintptr_t)d && (int32_t)r->rax >= 0 &&
	    (is_between(r->rip, ipc_receive_begin, ipc_receive_end) ||
	     is_between(r->rip, ipc_replyreceive_begin, ipc_replyreceive_end)))
		memcpy(d, r, sizeof(*d));
	__asm__ volatile("" : : : "memory");
	r->rip = 0;                     /* seen; or it would be kept for the next recovery */
	return d->lent != NOT_RECEIVED;
}

static void start(const struct server *s, enum start_kind kind)
{
	if (s->init != NULL)
		s->init(kind);
}

static void start_fresh(const struct server *s)
{
	if (start_kind == START_RECOVER)        /* init() died half way */
		memset(state_start, 0, (size_t)(state_end - state_start));
	start(s, START_FRESH);
	undo_enable(true);
	close_unanswered();
	beat(s);
	receive();
}

static void recover(const struct server *s)
{
	undo_rollback();
	while (outbox.count != 0 && !undo_is_committed(outbox.reply[outbox.count - 1].stamp))
		outbox.count--;
	/* Whatever is committed from here on. */
	row.now = which() | (unsigned)phase() << PHASE_SHIFT;
	if (phase() != RUNNING && has_come())
		received();
	start(s, START_RECOVER);
	if (unfinished++ == UNFINISHED_IN_A_ROW || refusals > REFUSALS_IN_A_ROW ||
	    (s->check != NULL && s->check() != 0))
		state_lost();
	undo_enable(true);
	if (s->recovered != NULL)
		s->recovered();
	server_commit();
	unfinished = 0;
	beat(s);
	if (phase() == RUNNING) {
		resume(s);
	} else if (phase() == ANSWERED) {
		if (row.nr.is_lossy)
			answer_with(&other()->m, request(), -EIO);
		reply_and_receive(s);
	} else {
		receive();
	}
}

void server_run(const struct server *s)
{
	self = s;
	if (phase() <= RUNNING)         /* nothing was on its way: these registers are old (S4) */
		service_last_regs()->rip = 0;
	if (start_kind == START_RECOVER && phase() != NEW)
		recover(s);
	else
		start_fresh(s);
	for (;;)
		step(s);
}
