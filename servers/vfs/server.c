/* SPDX-License-Identifier: BSD-2-Clause
 * server.c - requests to file servers and character devices.
 *
 * Job:      knows the servers, lends each a board, writes requests on it, takes answers off it.
 * Speaks:   lib/board.h; contracts/vm (lend), contracts/ds (subscribe, retrieve, event_next).
 * Touches:  the boards, which the servers have mapped; grants.
 * Trusts:   a server for the content of its files; nothing that it writes becomes an index here,
 *           and what the contract does not allow is no answer (answer.c).
 * On crash: boards lie in .undo and stay. ASKED ones go on, DONE ones are taken (again).
 */
#include "vfs.h"

#include <lib/complain.h>

struct board_memory { char bytes[FILE_BOARD_BYTES]; } __attribute__((aligned(PAGE_SIZE)));
_Static_assert(sizeof(struct board_memory) >= CHARDEV_BOARD_BYTES, "one size for all");

static struct board_memory board[NR_SERVERS] SECTION_UNDO;
static char bounce[GRANT_ROWS][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE))) SECTION_UNDO;

/* looks: who waits for no device answers within so many heartbeats. A disk has time to be found out
 * first (lib/block_client.c). */
static const struct { const char *name; uint8_t kind, looks; } known[] = {
	{ "", SERVER_NONE, 0 },         /* server 0 is nobody */
	{ "tmpfs", SERVER_FILE, 8 }, { "devfs", SERVER_FILE, 8 }, { "procfs", SERVER_FILE, 8 },
	{ "ext2", SERVER_FILE, 20 }, { "ext2_1", SERVER_FILE, 20 },
	{ "ext2_2", SERVER_FILE, 20 }, { "ext2_3", SERVER_FILE, 20 },
	{ "ext2_ram", SERVER_FILE, 20 }, { "tty", SERVER_CHAR, 8 }, { "rtc", SERVER_CHAR, 8 },
	{ "devpts", SERVER_FILE, 8 },
};
_Static_assert(COUNT(known) <= NR_SERVERS, "rows for all servers");

struct board *board_of(unsigned server)
{
	return (struct board *)board[server].bytes;
}

unsigned server_find(const char *name)
{
	for (unsigned i = 1; i < COUNT(known); i++)
		if (strcmp(known[i].name, name) == 0)
			return i;
	return 0;
}

const char *server_name(unsigned server)
{
	return known[server].name;
}

unsigned server_looks(unsigned server)
{
	return known[server].looks;
}

/* What ds calls it. The tree of the pseudo-terminals is tty's, beside its lines. */
static const char *service_of(unsigned server)
{
	const char *name = known[server].name;

	return strcmp(name, "devpts") == 0 ? "tty" : name;
}

unsigned request_server(const struct request *q)
{
	return (unsigned)((q - &state.request[0][0]) / BOARD_ENTRIES);
}

unsigned request_entry(const struct request *q)
{
	return (unsigned)((q - &state.request[0][0]) % BOARD_ENTRIES);
}

static unsigned request_id(const struct request *q)
{
	return (unsigned)(q - &state.request[0][0]) + 1;
}

/* ---- asking ---- */

/* G1 in again.c: the last entry is for that alone, and while it goes on the others for nobody. */
static unsigned end_of_entries(bool again)
{
	return again ? BOARD_ENTRIES : ENTRY_AGAIN;
}

static unsigned first_entry(unsigned server, bool again)
{
	return again || state.server[server].again ? ENTRY_AGAIN : 0;
}

static struct request *request_new(struct op *o, unsigned server, uint32_t type)
{
	struct board *b = board_of(server);
	bool again = is_row_of_again(o, server);

	if (state.server[server].who.v == 0)
		return NULL;
	for (unsigned n = first_entry(server, again); n < end_of_entries(again); n++) {
		struct request *q = &state.request[server][n];

		if (q->type != 0 || b->phase[n] != BOARD_FREE)
			continue;
		q->type = type;
		q->row = q->dir = q->dir2 = q->inode = 0;
		q->slot = 0;
		q->pages = 0;
		q->grant_seq = 0;
		q->keep = 0;
		q->sent = q->taken = q->again = q->held = 0;
		q->lent = 0;
		q->lost = state.server[server].gone;
		q->size_was = q->size = 0;
		q->stamp = stamp_next();
		return q;
	}
	if (o != NULL)
		row_wait(o, QUEUE_SERVER, server, 0);
	return NULL;
}

bool ask_has_room(unsigned mount)
{
	unsigned server = state.mount[mount].server;

	for (unsigned n = first_entry(server, false); n < end_of_entries(false); n++)
		if (state.request[server][n].type == 0 &&
		    board_of(server)->phase[n] == BOARD_FREE)
			return true;
	return false;
}

struct file_entry *ask_file(struct op *o, unsigned mount, uint32_t type, struct request **q)
{
	unsigned server = state.mount[mount].server;
	struct file_entry *e;

	*q = request_new(o, server, type);
	if (*q == NULL)
		return NULL;
	e = board_entry(board_of(server), request_entry(*q), sizeof(*e));
	e->type = type;
	e->tree = mount;
	e->err = 0;
	e->data.v = 0;
	e->len = 0;
	memset(e->w, 0, sizeof(e->w));
	memset(&e->attr, 0, 2 * sizeof(e->attr));       /* attr_now, too */
	e->name[0] = e->name2[0] = '\0';
	return e;
}

struct chardev_entry *ask_char(struct op *o, unsigned server, uint32_t type, struct request **q)
{
	struct chardev_entry *e;

	*q = request_new(o, server, type);
	if (*q == NULL)
		return NULL;
	e = board_entry(board_of(server), request_entry(*q), sizeof(*e));
	e->type = type;
	e->err = 0;
	e->data.v = 0;
	e->len = 0;
	e->arg_len = 0;
	memset(e->w, 0, sizeof(e->w));
	return e;
}

/* keep's low half: 1 + grant row. */
bool ask_data(struct request *q, uint32_t slot, unsigned pages, unsigned len, unsigned dir)
{
	unsigned server = request_server(q), row;
	struct grant_create_request req = {
		.borrower = state.server[server].who, .len = len, .dir = dir,
		.client = ENDPOINT_NONE,
	};

	if (state.grants == UINT32_MAX)
		return false;
	row = (unsigned)__builtin_ctz(~state.grants);
	state.grant_seq++;
	req.grant = GRANT(state.grant_seq, ID_VFS, row);
	req.base = pages != 0 ? (uint64_t)(uintptr_t)page_data(slot) :
		   (uint64_t)(uintptr_t)bounce[row];
	if (!q->lost && sys_grant_create(&req) != 0)
		return false;
	state.grants |= (uint32_t)BIT(row);
	q->grant_seq = (uint16_t)(row + 1);
	q->slot = pages != 0 ? slot + 1 : 0;
	q->pages = (uint16_t)pages;
	q->lent = len;
	if (state.server[server].kind == SERVER_FILE) {
		struct file_entry *e = board_entry(board_of(server), request_entry(q), sizeof(*e));

		e->data = req.grant;
		e->len = len;
	} else {
		struct chardev_entry *e = board_entry(board_of(server), request_entry(q),
						      sizeof(*e));

		e->data = req.grant;
		e->len = len;
	}
	return true;
}

char *request_bounce(const struct request *q)
{
	return bounce[q->grant_seq - 1];
}

const char *request_arg(const struct request *q)
{
	struct board *b = board_of(request_server(q));
	struct chardev_entry *e = board_entry(b, request_entry(q), sizeof(*e));

	return e->arg;
}

unsigned line_events(unsigned server, unsigned line)
{
	return board_of(server)->poll[line].events;
}

static void refuse(unsigned server, unsigned n)
{
	struct board *b = board_of(server);

	if (state.server[server].kind == SERVER_FILE)
		((struct file_entry *)board_entry(b, n, sizeof(struct file_entry)))->err = -EIO;
	else
		((struct chardev_entry *)board_entry(b, n, sizeof(struct chardev_entry)))->err =
			-EIO;
	b->phase[n] = BOARD_DONE;
}

/* It is committed that it is asked. What nobody will answer is answered at the next alarm, as if
 * its server had. */
void request_post(const struct request *q)
{
	unsigned server = request_server(q), n = request_entry(q);
	struct board *b = board_of(server);

	if (q->lost) {
		refuse(server, n);
		alarm_soon();
		return;
	}
	b->number[n] = q->stamp;
	board_barrier();
	b->phase[n] = BOARD_ASKED;
	ipc_notify(state.server[server].who);
}

bool request_is_of_dead(const struct request *q)
{
	return (state.inode[q->dir].flags | state.inode[q->dir2].flags |
		state.inode[q->inode].flags) & INODE_DEAD;
}

/* Its server is not asked, or not any more. */
static void give_up(struct request *q)
{
	struct grant_revoke_request req = { GRANT(0, ID_VFS, q->grant_seq - 1) };

	if (!q->lost && q->grant_seq != 0 && sys_grant_revoke(&req) != 0)
		print("grant not revoked\n");
	q->lost = 1;
}

int64_t ask_send(struct op *o, struct request *q)
{
	if (request_is_of_dead(q))
		give_up(q);
	inode_hold(q->dir);
	inode_hold(q->dir2);
	inode_hold(q->inode);
	if (o != NULL) {
		struct row *r = row_get(o);

		row_dequeue(r);
		r->phase = ROW_ASKED;
		r->request = (uint16_t)request_id(q);
		q->row = (uint16_t)row_index(r);
		q->gen = r->serial;
	}
	q->sent = 1;
	undo_commit();
	request_post(q);
	return -PARKED;
}

static void request_free(struct request *q)
{
	if (q->grant_seq != 0) {
		struct grant_revoke_request req = { GRANT(0, ID_VFS, q->grant_seq - 1) };

		if (!q->lost && sys_grant_revoke(&req) != 0)
			print("grant not revoked\n");
		state.grants &= (uint32_t)~BIT(q->grant_seq - 1);
	}
	q->type = 0;
	q->grant_seq = 0;
	q->row = 0;
}

int64_t ask_full(struct op *o, struct request *q)
{
	request_free(q);
	return o == NULL ? -EAGAIN : row_wait(o, QUEUE_SHORT, 0, 0);
}

/* ---- answers ---- */

static void let_go(uint16_t *inode)
{
	unsigned n = *inode;

	*inode = 0;                     /* never twice: what follows may commit */
	inode_release(n);
}

/* The row that goes on may commit, and we may die after that: then its answer is not taken again,
 * but the row goes on again. */
static void complete(unsigned server, unsigned n)
{
	struct request *q = &state.request[server][n];
	struct board *b = board_of(server);

	if (q->type != 0) {
		if (q->taken)
			taken_again(q);
		else if (state.server[server].kind == SERVER_FILE)
			file_done(q, board_entry(b, n, sizeof(struct file_entry)));
		else
			char_done(q, board_entry(b, n, sizeof(struct chardev_entry)));
		q->taken = 1;
		let_go(&q->dir);
		let_go(&q->dir2);
		let_go(&q->inode);
		request_free(q);
	}
	undo_commit();
	b->phase[n] = BOARD_FREE;
	if (state.server[server].owed != 0)
		char_close_owed(server);
	queue_wake(state.server[server].queue);
	queue_wake(state.short_queue);
	written_more();
}

/* ---- after a crash ---- */

/* F6: what was reserved only is free again; what was committed and not sent is sent. */
static void request_recover(unsigned server, unsigned n)
{
	struct request *q = &state.request[server][n];
	struct board *b = board_of(server);

	if (q->type == 0 || b->phase[n] != BOARD_FREE || q->held)
		return;
	if (q->sent) {
		request_post(q);
	} else {
		q->type = 0;
		q->grant_seq = 0;
		q->row = 0;
	}
}

void requests_recover(void)
{
	state.grants = 0;
	for (unsigned s = 1; s < NR_SERVERS; s++)
		for (unsigned n = 0; n < BOARD_ENTRIES; n++) {
			const struct request *q = &state.request[s][n];

			request_recover(s, n);
			if (q->type != 0 && q->grant_seq != 0)
				state.grants |= (uint32_t)BIT(q->grant_seq - 1);
		}
	for (unsigned row = 0; row < GRANT_ROWS; row++) {
		struct grant_revoke_request req = { GRANT(0, ID_VFS, row) };

		if (!(state.grants & BIT(row)) && sys_grant_revoke(&req) != 0)
			continue;               /* there was none */
	}
}

/* Does a request that is on its way, or being taken, belong to this row? */
bool request_is_of(unsigned id, unsigned row)
{
	const struct request *q = &state.request[0][0] + (id - 1);

	return id != 0 && id <= NR_SERVERS * BOARD_ENTRIES && q->type != 0 && !q->taken &&
	       q->row == row && q->gen == state.row[row].serial;
}

static err_t answer_err(unsigned server, unsigned n)
{
	struct board *b = board_of(server);
	const struct file_entry *f = board_entry(b, n, sizeof(*f));
	const struct chardev_entry *d = board_entry(b, n, sizeof(*d));

	return state.server[server].kind == SERVER_FILE ? f->err : d->err;
}

/* The board's entry as it is: a server that is wrong may have written anything there. */
static bool is_answer(unsigned server, unsigned n)
{
	struct board *b = board_of(server);
	const struct request *q = &state.request[server][n];

	if (b->phase[n] != BOARD_DONE)
		return false;
	if (q->type == 0 || q->taken || q->lost)
		return true;
	if (state.server[server].kind == SERVER_FILE)
		return file_answer_is(q, board_entry(b, n, sizeof(struct file_entry)));
	return char_answer_is(q, board_entry(b, n, sizeof(struct chardev_entry)));
}

/* What was no answer is asked once more, of the server as it is after its recovery. It has another
 * number then (lib/board.h, B3): the server may remember that it has done this one. */
static void ask_again(struct request *q, bool was_error)
{
	q->again = was_error ? AGAIN_ERROR : AGAIN_DONE;
	q->stamp = stamp_next();
	undo_commit();
	request_post(q);
}

/* A phase that there is not, or an answer that the contract does not allow: rs ends this life of
 * the server, and the next is asked again; but not for ever. *accused: that has been done, this is
 * of the same life. */
static bool asked_again(unsigned server, unsigned n, bool *accused)
{
	struct server_row *s = &state.server[server];
	struct request *q = &state.request[server][n];
	struct board *b = board_of(server);
	bool was_done = b->phase[n] == BOARD_DONE;
	char text[40];
	err_t err;

	if (is_answer(server, n)) {
		if (s->bad != 0)
			s->bad = 0;
		return false;
	}
	format(text, sizeof(text), "an answer on vfs's board: 0x%x, %d", q->type,
	       was_done ? (int)answer_err(server, n) : 1);
	err = s->bad == BAD_MOST || q->taken || q->again != AGAIN_NO ? -EAGAIN :
	      *accused ? 0 : complain(s->who, RS_COMPLAINT_PROTOCOL, text);
	if (err != 0 && err != -ESRCH) {        /* -ESRCH: it has died of something else */
		/* Two lives of it are wrong, or we are. */
		server_doubt(s->who, (uint32_t)q->stamp, q->type, -EIO, q->again != AGAIN_NO);
		refuse(server, n);
		return false;
	}
	s->bad += !*accused;
	*accused = true;
	if (q->type == 0 || !q->sent) {
		b->phase[n] = BOARD_FREE;
	} else if (!was_done) {
		request_post(q);
	} else if (answer_err(server, n) < 0 || may_be_repeated(q)) {
		ask_again(q, answer_err(server, n) < 0);
	} else {
		refuse(server, n);
		return false;
	}
	return true;
}

static void lines_look(unsigned server)
{
	struct server_row *s = &state.server[server];
	struct board *b = board_of(server);

	for (unsigned line = 0; line < BOARD_WORDS; line++) {
		uint32_t seq = b->poll[line].seq;

		if (seq == s->seen[line])
			continue;
		s->seen[line] = seq;
		queue_wake(s->line_queue[line]);
		polls_wake(watch_line(server, line));
	}
}

void server_look(unsigned server)
{
	struct board *b = board_of(server);
	bool accused = false;

	for (unsigned n = 0; n < BOARD_ENTRIES; n++)
		if (b->phase[n] >= BOARD_DONE) {
			board_barrier();
			if (!asked_again(server, n, &accused))
				complete(server, n);
		}
	if (accused)
		state.server[server].doubted_ns = clock_monotonic_ns();
	if (state.server[server].kind == SERVER_CHAR)
		lines_look(server);
}

void servers_notified(uint64_t services)
{
	for (unsigned i = 1; i < COUNT(known); i++)
		if (state.server[i].who.v != 0 &&
		    services & BIT(endpoint_slot(state.server[i].who)))
			server_look(i);
}

/* ---- who is there ---- */

/* A server has died, and its successor knows nothing or there is none. What was asked fails, or is
 * held until its trees are mounted again; who waits for a line asks again. */
static void server_lost(unsigned server)
{
	struct board *b = board_of(server);

	if (state.server[server].again)
		again_begin(server);    /* if it had been going on: from its beginning */
	for (unsigned line = 0; line < BOARD_WORDS; line++)
		queue_wake(state.server[server].line_queue[line]);
	queue_wake(state.poll_all);
	for (unsigned n = 0; n < BOARD_ENTRIES; n++) {
		struct request *q = &state.request[server][n];

		if (b->phase[n] != BOARD_ASKED && (q->type == 0 || !q->held))
			continue;
		if (request_is_held(server, n))
			continue;
		if (q->held)
			q->lost = 1;
		q->held = 0;
		refuse(server, n);
		complete(server, n);
	}
}

_Static_assert(ROW_AGAIN + COUNT(known) <= ROW_FAULT, "a row for each that begins afresh");

static void server_here(unsigned server, endpoint_t who)
{
	struct proc_info_request us = { .slot = ID_VFS };
	struct proc_info_reply we;
	struct server_row *s = &state.server[server];
	struct vm_lend_request req = {
		.to = who,
		.key = known[server].kind == SERVER_FILE ? FILE_BOARD_KEY : CHARDEV_BOARD_KEY,
		.address = (uint64_t)(uintptr_t)board_of(server),
		.len = sizeof(struct board_memory),
	};

	if (endpoint_eq(s->who, who))
		return;
	if (s->who.v != 0) {
		server_look(server);    /* what it had answered */
		s->again = known[server].kind == SERVER_FILE;
		server_lost(server);
	} else if (s->again) {          /* its board could not be lent */
		again_begin(server);
	}
	memset(s->unclosed, 0, sizeof(s->unclosed));
	s->owed = 0;
	s->kind = known[server].kind;
	s->who = who;
	board_of(server)->magic = BOARD_MAGIC;
	board_of(server)->asker = sys_proc_info(&us, &we) == 0 ? we.proc : ENDPOINT_NONE;
	if (vm_lend(&vm, &req) != 0) {
		print("board of %s not lent\n", known[server].name);
		s->who.v = 0;
	}
	queue_wake(state.short_queue);  /* a grant to its predecessor may have been refused */
}

static void service_changed(unsigned server, endpoint_t who)
{
	state.server[server].gone = endpoint_eq(who, ENDPOINT_NONE);
	if (state.server[server].gone) {
		again_end(server);
		server_lost(server);
	} else {
		server_here(server, who);
	}
}

/* As an event would tell, which may be lost with us. A name that a fresh ds does not know yet is
 * not withdrawn. */
static void look_for(unsigned server)
{
	endpoint_t old = state.server[server].who;
	struct ds_retrieve_request req;
	struct ds_retrieve_reply reply;
	err_t err;

	strlcpy(req.name, service_of(server), sizeof(req.name));
	err = ds_retrieve(&ds, &req, &reply);
	if (err == 0)
		service_changed(server, reply.who);
	else if (err == -ENOENT && old.v != 0 && ipc_notify(old) == -EDEADPEER)
		service_changed(server, ENDPOINT_NONE);
}

/* Devices come and go with services. devfs hears of it when we do, before it hears from us. */
static void devices_changed(void)
{
	unsigned devfs = server_find("devfs");

	for (unsigned n = 1; n < NR_MOUNTS; n++)
		if (state.mount[n].ready && state.mount[n].server == devfs)
			names_of_dir_refresh(state.mount[n].root);
}

/* What was answered, by the servers and by us for those that are not there. */
void servers_look(void)
{
	for (unsigned i = 1; i < COUNT(known); i++)
		if (state.server[i].who.v != 0)
			server_look(i);
}

/* All that a notification may have been about. */
void servers_all(void)
{
	for (unsigned i = 1; i < COUNT(known); i++)
		look_for(i);
	servers_look();
	devices_changed();
}

/* All names that there are come as events. A ds that has begun afresh knows of no subscription. */
static void subscribe(void)
{
	struct ds_subscribe_request req = { .pattern = "*" };

	if (ds_subscribe(&ds, &req) != 0)
		print("ds does not tell of services\n");
}

void services_changed(void)
{
	struct ds_event_next_reply reply;
	bool any = false;

	subscribe();
	while (ds_event_next(&ds, &reply) == 0) {
		any = true;
		for (unsigned i = 1; i < COUNT(known); i++)
			if (strcmp(service_of(i), reply.name) == 0)
				service_changed(i, reply.who);
	}
	if (any)
		devices_changed();
	mounts_try();
}
