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

static int64_t error_of(struct socket *s)
{
	int64_t error = s->error;

	s->error = 0;
	return -error;
}

static bool may_wait(const struct file *f, const struct transfer *m)
{
	return !(f->flags & O_NONBLOCK_) && !(m->flags & MSG_DONTWAIT_);
}

/* Bytes with a length that the caller has in a word, or in the header; of whom. */
static int64_t name_give(struct op *o, const struct transfer *m, const char *name, unsigned len)
{
	char bytes[FAMILY_LEN + SOCKET_NAME] = { AF_UNIX_ };
	int32_t room, all = len != 0 ? (int32_t)len + FAMILY_LEN : 0;
	int64_t err;

	if (m->name == 0)
		return 0;
	err = user_read(o, m->name_len_at, &room, sizeof(room));
	if (err != 0)
		return err;
	if (room < 0)
		return -EINVAL;
	memcpy(bytes + FAMILY_LEN, name, len);
	err = user_write(o, m->name, bytes, (size_t)(room < all ? room : all));
	return err != 0 ? err : user_write(o, m->name_len_at, &all, sizeof(all));
}

/* ---- messages ---- */

static int64_t wait_for_message(struct op *o, struct file *f, const struct transfer *m)
{
	struct socket *s = socket_of(f);

	if (s->error != 0)
		return error_of(s);
	if (s->shut & SOCKET_READ && (!is_datagram(s) || may_wait(f, m)))
		return 0;
	if (!may_wait(f, m))
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
		files_release(s, files, r.files);
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
static void take(struct socket *s, const struct look *l, uint64_t bytes)
{
	s->front = l->front;
	s->bytes -= (uint32_t)bytes;
	ring_take(s, l->at);
	socket_wake_writers(s);
	files_release(s, files, l->r.files);
}

/* Nothing more is there: the end, or wait. */
static int64_t wait_for_more(struct op *o, struct file *f, const struct transfer *m,
			     const struct look *l)
{
	struct socket *s = socket_of(f);

	if (l->got > 0 && (!(m->flags & MSG_WAITALL_) || m->flags & MSG_PEEK_))
		return (int64_t)l->got;
	if (s->error != 0 && l->got == 0)
		return error_of(s);
	if (s->error != 0 || s->shut & SOCKET_READ)
		return (int64_t)l->got;
	if (!may_wait(f, m))
		return l->got > 0 ? (int64_t)l->got : -EAGAIN;
	return socket_wait(o, QUEUE_SOCKET_READ, s, s->receive_ns, (int64_t)l->got);
}

/* keep[0..1]: 1 + whether the sender was known, and who it was, of what `done` counts. */
static void remember(struct row *r, const struct look *l)
{
	r->done = l->got;
	r->keep[0] = 1 + l->r.has_cred;
	r->keep[1] = l->r.pid;
	r->keep[2] = l->r.uid | (uint64_t)l->r.gid << 32;
}

static void recall(const struct row *r, struct look *l)
{
	if (r == NULL || r->keep[0] == 0)
		return;
	l->got = r->done;
	l->has_first = true;
	l->r = (struct record){
		.has_cred = (uint32_t)r->keep[0] - 1, .pid = (uint32_t)r->keep[1],
		.uid = (uint32_t)r->keep[2], .gid = (uint32_t)(r->keep[2] >> 32),
	};
}

static int64_t stream_receive(struct op *o, struct file *f, struct transfer *m)
{
	struct socket *s = socket_of(f);
	struct look l = { .at = s->tail, .front = s->front };
	uint64_t before;
	int64_t err;

	if (s->phase != SOCKET_CONNECTED)
		return -EINVAL;
	recall(o->row, &l);
	before = l.got;
	err = look_on(o, s, m, &l);
	if (err == -PARKED || (err != 0 && l.got == 0))
		return err;
	if (l.got < m->total && l.at == s->head && !l.has_files && err == 0 && m->total != 0) {
		err = wait_for_more(o, f, m, &l);
		if (err < 0 && err != -PARKED)
			return err;
		if (err == -PARKED) {
			if (l.got > before) {
				remember(o->row, &l);
				take(s, &l, l.got - before);
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
		take(s, &l, l.got - before);
	return (int64_t)l.got;
}

int64_t socket_receive(struct op *o, struct file *f, struct transfer *m)
{
	if (m->flags & MSG_OOB_)
		return -EOPNOTSUPP;
	return is_stream(socket_of(f)) ? stream_receive(o, f, m) : message_receive(o, f, m);
}
