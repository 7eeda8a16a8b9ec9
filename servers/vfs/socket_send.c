/* SPDX-License-Identifier: BSD-2-Clause
 * socket_send.c - sending: records into the ring of who receives.
 *
 * Job:      streams, where a call may make several records; messages, which go whole or not.
 * Speaks:   nothing.
 * Touches:  the receiver's ring.
 * Trusts:   nothing in a call.
 * On crash: recovers in place: what has been sent stands in the row (done).
 * Spec:     send(2), unix(7).
 */
#include "socket.h"

enum { MESSAGE_MARGIN = 32 };

static int64_t broken(struct op *o, const struct transfer *m, uint64_t done)
{
	if (done > 0)
		return (int64_t)done;
	return m->flags & MSG_NOSIGNAL_ ? -EPIPE : pipe_broken(o);
}

/* ---- streams ---- */

/* Bytes that the next record may have; 0: there is no room. */
static uint64_t stream_room(const struct socket *s, const struct socket *p,
			    const struct record *r, uint64_t left)
{
	struct record empty = *r;
	uint64_t head, room;

	empty.len = 0;
	head = record_size(&empty);
	room = ring_used(p) >= s->send_limit ? 0 : s->send_limit - ring_used(p);
	if (room <= head)
		return 0;
	room = room - head < RECORD_MOST ? room - head : RECORD_MOST;
	return left < room ? left : room;
}

static int64_t stream_send(struct op *o, struct file *f, struct transfer *m)
{
	struct socket *s = socket_of(f), *p = peer_of(s);
	uint64_t done = o->row != NULL ? o->row->done : 0;
	static struct control c;
	int64_t err;

	if (m->has_address)
		return s->phase == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	if (s->phase != SOCKET_CONNECTED)
		return -ENOTCONN;
	err = sender_kept(o->row, &c.r) ? 0 : control_get(o, s, p, m, &c);
	if (err != 0)
		return err;
	for (;;) {
		if (s->shut & SOCKET_WRITE || p->shut & SOCKET_READ)
			return broken(o, m, done);
		if (done >= m->total)   /* more: the caller has shortened the parts meanwhile */
			return (int64_t)done;
		c.r.len = (uint32_t)stream_room(s, p, &c.r, m->total - done);
		if (c.r.len == 0)
			break;
		err = record_put(o, p, &c.r, c.file, NULL, done);
		if (err != 0)
			return err == -PARKED || done == 0 ? err : (int64_t)done;
		done += c.r.len;
		c.r.files = 0;
		if (done < m->total) {  /* the next one may commit this one */
			row_get(o)->done = done;
			sender_keep(o->row, &c.r);
		}
	}
	if (!socket_may_wait(f, m))
		return done > 0 ? (int64_t)done : -EAGAIN;
	return socket_wait(o, QUEUE_SOCKET_WRITE, p, s->send_ns, (int64_t)done);
}

/* ---- messages ---- */

static int64_t target_by_name(struct op *o, struct socket *s, const struct transfer *m, unsigned *n)
{
	struct address a;
	int64_t err = address_get(o, m->name, m->name_len, &a);

	if (err == 0)
		err = socket_find(o, s, &a, n);
	if (err != 0)
		return err;
	return state.socket[*n].type == s->type ? 0 : -EPROTOTYPE;
}

static int64_t target(struct op *o, struct socket *s, const struct transfer *m, unsigned *n)
{
	if (is_datagram(s) && m->has_address)
		return target_by_name(o, s, m, n);
	if (s->phase != SOCKET_CONNECTED)
		return -ENOTCONN;
	*n = s->peer;
	if (!is_gone(peer_of(s)))
		return 0;
	if (!is_datagram(s))
		return -EPIPE;
	s->phase = SOCKET_NEW;          /* it knows now */
	socket_set_peer(s, 0);
	return -ECONNREFUSED;
}

static int64_t check_message(struct socket *s, const struct transfer *m)
{
	if (m->total > s->send_limit - MESSAGE_MARGIN)
		return -EMSGSIZE;
	if (s->error != 0)
		return socket_error(s);
	return s->shut & SOCKET_WRITE ? -EPIPE : 0;
}

static int64_t message_send(struct op *o, struct file *f, struct transfer *m)
{
	struct socket *s = socket_of(f), *t;
	static struct control c;
	unsigned n;
	int64_t err;

	if (!m->has_address && s->phase != SOCKET_CONNECTED)
		return -ENOTCONN;
	err = check_message(s, m);
	if (err == 0)
		err = target(o, s, m, &n);
	if (err != 0)
		return err;
	t = &state.socket[n];
	if (is_datagram(s) && t->peer != 0 && peer_of(t) != s)
		return -EPERM;
	if (t->shut & SOCKET_READ)
		return -EPIPE;
	if (s->flags & SOCKET_PASSCRED && is_datagram(s))
		socket_autobind(s);
	err = control_get(o, s, t, m, &c);
	if (err != 0)
		return err;
	c.r.len = (uint32_t)m->total;
	c.r.name_len = s->name_len;
	if (ring_used(t) >= s->send_limit || RING - ring_used(t) < record_size(&c.r)) {
		if (!socket_may_wait(f, m))
			return -EAGAIN;
		return socket_wait(o, QUEUE_SOCKET_WRITE, t, s->send_ns, 0);
	}
	err = record_put(o, t, &c.r, c.file, s->name, 0);
	return err != 0 ? err : (int64_t)m->total;
}

int64_t socket_send(struct op *o, struct file *f, struct transfer *m)
{
	if (m->flags & MSG_OOB_)
		return -EOPNOTSUPP;
	return is_stream(socket_of(f)) ? stream_send(o, f, m) : message_send(o, f, m);
}
