/* SPDX-License-Identifier: BSD-2-Clause
 * socket.c - sockets of the family AF_UNIX: their rows, from socket(2) to the end.
 *
 * Job:      makes sockets and pairs; takes apart what is closed, in steps (docs/notes/0016).
 * Speaks:   Linux calls.
 * Touches:  state.socket.
 * Trusts:   nothing in a call.
 * On crash: recovers in place; each step of an end is committed, the rest follows.
 * Spec:     socket(2), socketpair(2), unix(7).
 */
#include "socket.h"

struct file *socket_file(struct op *o, int fd, int64_t *err)
{
	struct file *f = fd_file(o, fd);

	if (f == NULL || f->flags & O_PATH_) {
		*err = -EBADF;
		return NULL;
	}
	*err = f->kind == FILE_SOCKET ? 0 : -ENOTSOCK;
	return *err == 0 ? f : NULL;
}

unsigned socket_new(struct op *o, unsigned type)
{
	for (unsigned i = 0; i < NR_SOCKETS; i++) {
		unsigned n = (state.socket_hint + i) % NR_SOCKETS;
		struct socket *s = &state.socket[n];

		if (n == 0 || s->type != 0 || (n >= NR_SOCKETS - ROOT_SOCKETS && !is_root(o)))
			continue;
		op_cred(o);
		memset(s, 0, sizeof(*s));
		s->type = (uint8_t)type;
		s->refs = 1;
		s->number = ++state.socket_number;
		s->send_limit = s->receive_limit = LIMIT_MOST;
		s->uid = o->uid;
		s->gid = o->gid;
		s->other.uid = s->other.gid = UINT32_MAX;
		state.socket_hint = (uint16_t)(n + 1);
		return n;
	}
	return 0;
}

void other_is(struct socket *s, struct op *o)
{
	struct proc_public_get_request req = { .proc = o->client };
	struct proc_public_get_reply reply = { { 0 } };

	if (sys_proc_public_get(&req, &reply) != 0)
		return;
	s->other.pid = reply.word[PUBLIC_PID];
	s->other.uid = reply.word[PUBLIC_EUID];
	s->other.gid = reply.word[PUBLIC_EGID];
}

/* ---- references, N1 ---- */

static void drop(unsigned n)
{
	struct socket *s = &state.socket[n];

	assert(s->refs > 0);
	if (--s->refs > 0)
		return;
	memset(s, 0, sizeof(*s));
	if (n < state.socket_hint)
		state.socket_hint = (uint16_t)n;
}

void socket_set_peer(struct socket *s, unsigned peer)
{
	unsigned old = s->peer;

	if (peer != 0)
		state.socket[peer].refs++;
	s->peer = (uint16_t)peer;
	if (old != 0)
		drop(old);
}

/* ---- waiting ---- */

static void wake(const struct socket *s)
{
	queue_wake(s->read_queue);
	queue_wake(s->write_queue);
}

void socket_wake(const struct socket *s)
{
	uint64_t watched = watch_socket(socket_index(s));

	wake(s);
	if (s->peer != 0) {
		wake(peer_of(s));
		watched |= watch_socket(s->peer);
	}
	polls_wake(watched);
}

void socket_wake_writers(const struct socket *s)
{
	queue_wake(s->write_queue);
	polls_wake(watch_socket(socket_index(s)));
}

int64_t socket_error(struct socket *s)
{
	int64_t error = s->error;

	s->error = 0;
	return -error;
}

bool socket_may_wait(const struct file *f, const struct transfer *m)
{
	return !(f->flags & O_NONBLOCK_) && !(m->flags & MSG_DONTWAIT_);
}

int64_t socket_wait(struct op *o, enum queue q, const struct socket *s, uint64_t ns, int64_t done)
{
	struct row *r = o->row;

	if (op_timed_out(o))
		return done > 0 ? done : -EAGAIN;
	if (ns != 0 && (r == NULL || !r->polls)) {
		r = row_get(o);
		r->polls = 1;
		row_set_deadline(r, clock_monotonic_ns() + ns);
		alarm_plan();
	}
	return row_wait(o, q, socket_index(s), done > 0 ? done : ns != 0 ? -EINTR : -ERESTARTSYS);
}

/* ---- making ---- */

int64_t socket_open(struct op *o, unsigned n, uint32_t flags)
{
	struct file *f = file_new(o);
	int64_t fd;

	if (f == NULL)
		return -ENFILE;
	fd = fd_new(o, file_index(f), 0, flags & SOCK_CLOEXEC_);
	if (fd < 0) {
		f->refs = 0;            /* kind is still FILE_FREE */
		return fd;
	}
	f->kind = FILE_SOCKET;
	f->flags = O_RDWR_ | (flags & SOCK_NONBLOCK_);
	f->socket = (uint16_t)n;
	return fd;
}

void socket_undo_open(struct op *o, int64_t fd)
{
	struct table *t = &state.table[o->p->table];
	struct fd *d = fd_slot(t, (int)fd);
	struct file *f = &state.file[d->file];

	fd_close(t, (int)fd);
	d->file = 0;
	memset(f, 0, sizeof(*f));
}

static int64_t check_kind(struct op *o, unsigned *type)
{
	uint32_t how = (uint32_t)o->a[1];

	*type = how & SOCK_TYPES;
	if (how & ~(uint32_t)(SOCK_TYPES | SOCK_FLAGS) || *type > SOCK_LAST)
		return -EINVAL;
	if ((int32_t)o->a[0] != AF_UNIX_)
		return -EAFNOSUPPORT;
	if ((uint32_t)o->a[2] != 0 && (uint32_t)o->a[2] != AF_UNIX_)
		return -EPROTONOSUPPORT;
	if (*type == SOCK_RAW_)
		*type = SOCK_DGRAM_;    /* so does Linux */
	return *type == SOCK_STREAM_ || *type == SOCK_DGRAM_ || *type == SOCK_SEQPACKET_ ? 0 :
		-ESOCKTNOSUPPORT;
}

int64_t linux_socket(struct op *o)
{
	unsigned type, n;
	int64_t err = check_kind(o, &type), fd;

	if (err != 0)
		return err;
	n = socket_new(o, type);
	if (n == 0)
		return -ENFILE;
	fd = socket_open(o, n, (uint32_t)o->a[1]);
	if (fd < 0)
		drop(n);
	return fd;
}

/* Two that know each other, or none. */
static bool make_pair(struct op *o, unsigned type, unsigned n[2])
{
	n[0] = socket_new(o, type);
	n[1] = n[0] != 0 ? socket_new(o, type) : 0;
	if (n[1] == 0) {
		if (n[0] != 0)
			drop(n[0]);
		return false;
	}
	for (unsigned k = 0; k < 2; k++) {
		struct socket *s = &state.socket[n[k]];

		s->phase = SOCKET_CONNECTED;
		socket_set_peer(s, n[1 - k]);
		other_is(s, o);
	}
	return true;
}

static void unmake_pair(const unsigned n[2])
{
	for (unsigned k = 0; k < 2; k++)
		socket_set_peer(&state.socket[n[k]], 0);
	for (unsigned k = 0; k < 2; k++)
		drop(n[k]);
}

int64_t linux_socketpair(struct op *o)
{
	unsigned type, n[2];
	int64_t fd[2], err = check_kind(o, &type);
	int32_t pair[2];

	if (err == 0)
		err = user_touch(o, o->a[3], sizeof(pair), true);
	if (err != 0)
		return err;
	if (!make_pair(o, type, n))
		return -ENFILE;
	fd[0] = socket_open(o, n[0], (uint32_t)o->a[1]);
	fd[1] = fd[0] >= 0 ? socket_open(o, n[1], (uint32_t)o->a[1]) : fd[0];
	pair[0] = (int32_t)fd[0];
	pair[1] = (int32_t)fd[1];
	err = fd[1] < 0 ? fd[1] : user_write(o, o->a[3], pair, sizeof(pair));
	if (err == 0)
		return 0;
	if (fd[1] >= 0)
		socket_undo_open(o, fd[1]);
	if (fd[0] >= 0)
		socket_undo_open(o, fd[0]);
	unmake_pair(n);
	return err;
}

/* ---- the end ---- */

/* Nobody has it any more. `unheard`: what was sent to it is lost, and the sender shall know. */
void socket_abandon(unsigned n, bool unheard)
{
	struct socket *s = &state.socket[n], *p = peer_of(s);
	struct record r;

	s->phase = SOCKET_GONE;
	if (s->inode != 0)
		state.inode[s->inode].socket = 0;
	if (s->peer != 0 && !is_datagram(s) && !is_gone(p)) {
		p->shut = SOCKET_READ | SOCKET_WRITE;
		if (unheard || has_message(s))
			p->error = ECONNRESET;
	}
	socket_wake(s);
	if (s->front != 0) {            /* the files of that record have been taken */
		record_at(s, s->tail, &r);
		ring_take(s, s->tail + record_size(&r));
		s->front = 0;
	}
	s->next = state.socket_dying;
	state.socket_dying = (uint16_t)n;
}

void socket_close(struct file *f)
{
	socket_abandon(f->socket, false);
	f->socket = 0;
}

/* All up to the first record with files, and that one. */
static void reap_records(struct socket *s)
{
	static uint16_t files[SCM_MAX_FILES];
	uint64_t at = s->flights == 0 ? s->head : s->tail;
	struct record r = { 0 };

	while (at != s->head && r.files == 0) {
		record_at(s, at, &r);
		record_files(s, at, &r, files);
		at += record_size(&r);
	}
	ring_take(s, at);
	files_release(s, files, r.files, 0);
}

static void reap_file(void)
{
	unsigned n = state.file_dying;

	state.file_dying = state.file[n].next;
	file_release(n);
}

/* One step of taking apart the first that dies. It may be what another one held that goes next. */
static void reap_socket(void)
{
	unsigned n = state.socket_dying, first;
	struct socket *s = &state.socket[n];

	if (s->first != 0) {            /* not accepted */
		first = s->first;
		s->first = state.socket[first].next;
		socket_abandon(first, true);
	} else if (has_message(s)) {
		reap_records(s);
	} else {
		state.socket_dying = s->next;
		ring_free(s);
		inode_release(s->inode);
		s->inode = 0;
		socket_set_peer(s, 0);
		drop(n);
	}
}

bool sockets_dying(void)
{
	return state.socket_dying != 0 || state.file_dying != 0;
}

void sockets_reap(void)
{
	while (sockets_dying()) {
		if (state.file_dying != 0)
			reap_file();
		else
			reap_socket();
		undo_commit();
	}
}

/* ---- what others ask ---- */

unsigned socket_poll(const struct file *f)
{
	const struct socket *s = socket_of(f), *p = peer_of(s);
	bool room = s->phase != SOCKET_LISTENS;
	unsigned bits = 0;

	if (s->error != 0)
		bits |= POLLERR_;
	if (s->shut & SOCKET_READ)
		bits |= POLLIN_ | POLLRDNORM_ | POLLRDHUP_;
	if (s->shut == (SOCKET_READ | SOCKET_WRITE) ||
	    (!is_datagram(s) && s->phase == SOCKET_NEW))
		bits |= POLLHUP_;
	if (has_message(s) || s->first != 0)
		bits |= POLLIN_ | POLLRDNORM_;
	/* A message of the greatest length fits in what is left then. */
	if (s->peer != 0 && !is_gone(p))
		room = ring_used(p) * 4 <= s->send_limit;
	if (room)
		bits |= POLLOUT_ | POLLWRNORM_ | POLLWRBAND_;
	return bits;
}

uint64_t socket_watch(const struct file *f)
{
	const struct socket *s = socket_of(f);

	return watch_socket(f->socket) | (s->peer != 0 ? watch_socket(s->peer) : 0);
}

/* FIONREAD: of a stream all, else of the first message. */
int64_t socket_bytes(const struct file *f)
{
	const struct socket *s = socket_of(f);
	struct record r = { 0 };

	if (s->phase == SOCKET_LISTENS)
		return -EINVAL;
	if (!is_datagram(s))
		return s->bytes;
	if (has_message(s))
		record_at(s, s->tail, &r);
	return r.len;
}

void socket_attr(const struct file *f, struct file_attr *a)
{
	const struct socket *s = socket_of(f);

	a->mode = S_IFSOCK_ | 0777;
	a->file = s->number;
	a->uid = s->uid;
	a->gid = s->gid;
}

/* What /proc/PID/fd/N of a socket leads to; nobody can open it. 0: no row is left. */
unsigned socket_as_inode(const struct file *f)
{
	struct file_attr a = { .links = 1 };

	socket_attr(f, &a);
	a.file |= 1ull << 32;           /* pipes have the numbers below */
	a.atime = a.mtime = a.ctime = (int64_t)clock_realtime_ns();
	return inode_get(0, &a, UINT64_MAX);
}

/* /proc/net/unix: whole lines. */
size_t sockets_text(char *to, size_t size)
{
	size_t used = format(to, size, "Num       RefCount Protocol Flags    Type St Inode Path\n");

	for (unsigned n = 1; n < NR_SOCKETS; n++) {
		const struct socket *s = &state.socket[n];
		char line[64 + SOCKET_NAME];
		size_t len;

		if (s->type == 0 || is_gone(s))
			continue;
		len = format(line, sizeof(line), "%016x: %08x 00000000 %08x %04x %02x %5u", n,
			     s->refs, s->phase == SOCKET_LISTENS ? 0x10000 : 0, s->type,
			     s->phase == SOCKET_CONNECTED ? 3 : 1, s->number);
		if (s->name_len != 0)
			line[len++] = ' ';
		for (unsigned k = 0; k < s->name_len && (s->name[k] != '\0' || s->name[0] == '\0');
		     k++)
			line[len++] = s->name[k] != '\0' ? s->name[k] : '@';
		line[len++] = '\n';
		if (len > size - used)
			break;
		memcpy(to + used, line, len);
		used += len;
	}
	return used;
}
