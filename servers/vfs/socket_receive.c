/* SPDX-License-Identifier: BSD-2-Clause
 * socket_receive.c - receiving: from a socket's own ring to its caller.
 *
 * Job:      streams, where records flow together; messages, which come one by one.
 * Speaks:   nothing.
 * Touches:  the socket's ring; with ancillary data, descriptors.
 * Trusts:   nothing in a call.
 * On crash: recovers in place: everything is copied out before anything is taken, and copying it
 *           again is no harm. What MSG_WAITALL has so far stands in the row (done, keep).
 * Spec:     recv(2), unix(7).
 */
#include "socket.h"

static uint16_t files[SCM_MAX_FILES];

/* Who sent it: nothing, if that has no name. */
static int64_t name_give(struct op *o, const struct transfer *m, const char *name, unsigned len)
{
	return m->name == 0 ? 0 : address_give(o, name, len != 0 ? FAMILY_LEN + len : 0, m->name,
					       m->name_len_at);
}

/* ---- messages ---- */

static int64_t wait_for_message(struct op *o, struct file *f, const struct transfer *m)
{
	struct socket *s = socket_of(f);

	if (s->shut & SOCKET_READ && (!is_datagram(s) || socket_may_wait(f, m)))
		return 0;
	if (!socket_may_wait(f, m))
		return -EAGAIN;
	return socket_wait(o, QUEUE_SOCKET_READ, s, s->receive_ns, 0);
}

static int64_t message_receive(struct op *o, struct file *f, struct transfer *m)
{
	struct socket *s = socket_of(f);
	char name[SOCKET_NAME];
	struct record r;
	uint64_t n;
	int64_t err;

	if (!is_datagram(s) && s->phase != SOCKET_CONNECTED)
		return -ENOTCONN;
	if (s->error != 0)
		return socket_error(s);
	if (!has_message(s))
		return wait_for_message(o, f, m);
	record_at(s, s->tail, &r);
	record_name(s, s->tail, &r, name);
	record_files(s, s->tail, &r, files);
	n = r.len < m->total ? r.len : m->total;
	err = record_give(o, s, s->tail, &r, 0, 0, n);
	if (err == 0)
		err = name_give(o, m, name, r.name_len);
	if (n < r.len)
		m->result |= MSG_TRUNC_;
	if (err == 0)
		err = control_give(o, s, m, &r, files);
	if (err != 0)
		return err;
	if (!(m->flags & MSG_PEEK_)) {
		s->bytes -= r.len;
		ring_take(s, s->tail + record_size(&r));
		socket_wake_writers(s);
		files_release(s, files, r.files, m->given);
	}
	return (int64_t)(m->flags & MSG_TRUNC_ ? r.len : n);
}

/* ---- streams ---- */

/* How far a call has looked into the ring. */
struct look {
	uint64_t at;                    /* a record, of which */
	uint32_t front;                 /* so much is used */
	uint64_t got;                   /* bytes, all in all */
	struct record r;                /* whose sender and files the caller is told of */
	bool has_first, has_files;
};

static bool same_sender(const struct record *a, const struct record *b)
{
	return a->has_cred == b->has_cred && a->pid == b->pid && a->uid == b->uid &&
	       a->gid == b->gid;
}

/* Copy out what there is, up to what is wanted; stop where another sender begins, or files end. */
static int64_t look_on(struct op *o, struct socket *s, const struct transfer *m, struct look *l)
{
	while (l->got < m->total && l->at != s->head && !l->has_files) {
		struct record r;
		uint64_t n;
		int64_t err;

		record_at(s, l->at, &r);
		if (l->has_first && s->flags & SOCKET_PASSCRED && !same_sender(&r, &l->r))
			break;
		n = r.len - l->front < m->total - l->got ? r.len - l->front : m->total - l->got;
		err = record_give(o, s, l->at, &r, l->front, l->got, n);
		if (err != 0)
			return err;
		if (l->front == 0 && r.files != 0) {
			record_files(s, l->at, &r, files);
			l->has_files = true;
		}
		if (!l->has_first || l->has_files)
			l->r = r;
		if (!l->has_files)
			l->r.files = 0;
		l->has_first = true;
		l->got += n;
		l->front += (uint32_t)n;
		if (l->front == r.len) {
			l->front = 0;
			l->at += record_size(&r);
		}
	}
	return 0;
}

/* What was looked at is taken. */
static void take(struct socket *s, const struct look *l, uint64_t bytes, unsigned given)
{
	s->front = l->front;
	s->bytes -= (uint32_t)bytes;
	ring_take(s, l->at);
	socket_wake_writers(s);
	files_release(s, files, l->r.files, given);
}

/* Nothing more is there: the end, or wait. */
static int64_t wait_for_more(struct op *o, struct file *f, const struct transfer *m,
			     const struct look *l)
{
	struct socket *s = socket_of(f);

	if (l->got > 0 && (!(m->flags & MSG_WAITALL_) || m->flags & MSG_PEEK_))
		return (int64_t)l->got;
	if (s->error != 0 && l->got == 0)
		return socket_error(s);
	if (s->error != 0 || s->shut & SOCKET_READ)
		return (int64_t)l->got;
	if (!socket_may_wait(f, m))
		return l->got > 0 ? (int64_t)l->got : -EAGAIN;
	return socket_wait(o, QUEUE_SOCKET_READ, s, s->receive_ns, (int64_t)l->got);
}

static int64_t stream_receive(struct op *o, struct file *f, struct transfer *m)
{
	struct socket *s = socket_of(f);
	struct look l = { .at = s->tail, .front = s->front };
	uint64_t before;
	int64_t err;

	if (s->phase != SOCKET_CONNECTED)
		return -EINVAL;
	l.has_first = sender_kept(o->row, &l.r);
	l.got = before = l.has_first ? o->row->done : 0;
	err = look_on(o, s, m, &l);
	if (err == -PARKED || (err != 0 && l.got == 0))
		return err;
	if ((l.got < m->total || l.got == 0) && l.at == s->head && !l.has_files && err == 0) {
		err = wait_for_more(o, f, m, &l);
		if (err < 0 && err != -PARKED)
			return err;
		if (err == -PARKED) {
			if (l.got > before) {
				o->row->done = l.got;
				sender_keep(o->row, &l.r);
				take(s, &l, l.got - before, 0);
			}
			return err;
		}
	}
	err = name_give(o, m, peer_of(s)->name, l.has_first ? peer_of(s)->name_len : 0);
	if (err == 0)
		err = control_give(o, s, m, &l.r, files);
	if (err != 0)
		return err;
	if (!(m->flags & MSG_PEEK_) && l.got > before)
		take(s, &l, l.got - before, m->given);
	return (int64_t)l.got;
}

int64_t socket_receive(struct op *o, struct file *f, struct transfer *m)
{
	if (m->flags & MSG_OOB_)
		return -EOPNOTSUPP;
	return is_stream(socket_of(f)) ? stream_receive(o, f, m) : message_receive(o, f, m);
}
