/* SPDX-License-Identifier: BSD-2-Clause
 * socket_link.c - connections: who talks with whom.
 *
 * Job:      listen, connect, accept, shutdown.
 * Speaks:   Linux calls.
 * Touches:  socket.peer, phase, shut; listeners' queues.
 * Trusts:   nothing in a call.
 * On crash: recovers in place.
 * Spec:     listen(2), connect(2), accept(2), shutdown(2).
 *
 * connect makes the socket that accept will give out: both ends may send before it is accepted.
 */
#include "socket.h"

enum { BACKLOG_MOST = 4096 };

int64_t linux_listen(struct op *o)
{
	uint32_t backlog = (uint32_t)o->a[1];
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);
	struct socket *s;

	if (f == NULL)
		return err;
	s = socket_of(f);
	if (is_datagram(s))
		return -EOPNOTSUPP;
	if (!s->is_bound || s->phase == SOCKET_CONNECTED)
		return -EINVAL;
	s->phase = SOCKET_LISTENS;
	s->backlog = (uint16_t)(backlog > BACKLOG_MOST ? BACKLOG_MOST : backlog);
	other_is(s, o);
	socket_wake(s);
	return 0;
}

/* ---- connect ---- */

static int64_t connect_datagram(struct op *o, struct socket *s, const struct address *a)
{
	unsigned n;
	int64_t err;

	if (a->family == AF_UNSPEC_) {
		s->phase = SOCKET_NEW;
		socket_wake(s);
		socket_set_peer(s, 0);
		return 0;
	}
	err = socket_find(o, s, a, &n);
	if (err != 0)
		return err;
	if (state.socket[n].type != s->type)
		return -EPROTOTYPE;
	if (state.socket[n].peer != 0 && peer_of(&state.socket[n]) != s)
		return -EPERM;
	if (s->flags & SOCKET_PASSCRED)
		socket_autobind(s);
	socket_wake(s);
	socket_set_peer(s, n);
	s->phase = SOCKET_CONNECTED;
	return 0;
}

/* The other end, in the listener's queue. */
static void join(struct op *o, struct socket *s, struct socket *l, unsigned n)
{
	struct socket *e = &state.socket[n];

	e->phase = s->phase = SOCKET_CONNECTED;
	e->uid = l->uid;
	e->gid = l->gid;
	e->flags = l->flags & SOCKET_PASSCRED;
	memcpy(e->name, l->name, l->name_len);
	e->name_len = l->name_len;
	socket_set_peer(e, socket_index(s));
	socket_set_peer(s, n);
	other_is(e, o);
	s->other = l->other;
	if (l->first == 0)
		l->first = (uint16_t)n;
	else
		state.socket[l->last].next = (uint16_t)n;
	l->last = (uint16_t)n;
	l->waiting++;
	queue_wake(l->read_queue);
	polls_wake(watch_socket(socket_index(l)) | watch_socket(socket_index(s)));
}

static int64_t connect_stream(struct op *o, const struct file *f, struct socket *s,
			      const struct address *a)
{
	struct socket *l;
	unsigned n;
	int64_t err = socket_find(o, s, a, &n);

	if (err != 0)
		return err;
	l = &state.socket[n];
	if (l->type != s->type)
		return -EPROTOTYPE;
	if (s->phase != SOCKET_NEW)
		return s->phase == SOCKET_CONNECTED ? -EISCONN : -EINVAL;
	if (l->phase != SOCKET_LISTENS || l->shut & SOCKET_READ)
		return -ECONNREFUSED;
	if (l->waiting > l->backlog) {
		if (f->flags & O_NONBLOCK_)
			return -EAGAIN;
		return socket_wait(o, QUEUE_SOCKET_WRITE, l, s->send_ns, 0);
	}
	n = socket_new(o, s->type);
	if (n == 0)
		return -ENFILE;
	if (s->flags & SOCKET_PASSCRED)
		socket_autobind(s);
	join(o, s, l, n);
	return 0;
}

int64_t linux_connect(struct op *o)
{
	struct address a;
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);

	if (f != NULL)
		err = address_get(o, o->a[1], (uint32_t)o->a[2], &a);
	if (err != 0)
		return err;
	return is_datagram(socket_of(f)) ? connect_datagram(o, socket_of(f), &a) :
		connect_stream(o, f, socket_of(f), &a);
}

/* ---- accept ---- */

static int64_t take(struct op *o, struct socket *l, uint32_t flags)
{
	unsigned n = l->first;
	struct socket *e = &state.socket[n];
	int64_t fd, err = 0;

	/* First: it may wait for a page, and commit. */
	if (o->a[1] != 0)
		err = address_give(o, peer_of(e)->name, FAMILY_LEN + peer_of(e)->name_len, o->a[1],
				   o->a[2]);
	if (err != 0)
		return err;
	fd = socket_open(o, n, flags);
	if (fd < 0)
		return fd;
	l->first = e->next;
	l->waiting--;
	e->next = 0;
	queue_wake(l->write_queue);
	return fd;
}

static int64_t do_accept(struct op *o, uint32_t flags)
{
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);
	struct socket *l;

	if (f == NULL)
		return err;
	l = socket_of(f);
	if (flags & ~(uint32_t)SOCK_FLAGS)
		return -EINVAL;
	if (is_datagram(l))
		return -EOPNOTSUPP;
	if (l->phase != SOCKET_LISTENS)
		return -EINVAL;
	if (l->first != 0)
		return take(o, l, flags);
	if (l->shut & SOCKET_READ)
		return -EINVAL;
	if (f->flags & O_NONBLOCK_)
		return -EAGAIN;
	return socket_wait(o, QUEUE_SOCKET_READ, l, l->receive_ns, 0);
}

int64_t linux_accept(struct op *o)
{
	return do_accept(o, 0);
}

int64_t linux_accept4(struct op *o)
{
	return do_accept(o, (uint32_t)o->a[3]);
}

/* ---- shutdown ---- */

int64_t linux_shutdown(struct op *o)
{
	uint32_t how = (uint32_t)o->a[1] + 1;   /* now bits: SOCKET_READ, SOCKET_WRITE */
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);
	struct socket *s;

	if (f == NULL)
		return err;
	if (how < 1 || how > 3)
		return -EINVAL;
	s = socket_of(f);
	s->shut |= (uint8_t)how;
	if (s->peer != 0 && !is_datagram(s))
		peer_of(s)->shut |= (uint8_t)((how & SOCKET_READ ? SOCKET_WRITE : 0) |
					      (how & SOCKET_WRITE ? SOCKET_READ : 0));
	socket_wake(s);
	return 0;
}
