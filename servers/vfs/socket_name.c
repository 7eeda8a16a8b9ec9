/* SPDX-License-Identifier: BSD-2-Clause
 * socket_name.c - addresses of the family AF_UNIX: paths, abstract names.
 *
 * Job:      bind, getsockname, getpeername; finds the socket of an address.
 * Speaks:   Linux calls; contracts/file (create).
 * Touches:  socket.name, socket.inode, inode.socket.
 * Trusts:   nothing in a call.
 * On crash: recovers in place. The inode is made once; its answer lets the call go on.
 * Spec:     bind(2), unix(7) "Address format", "Autobind feature".
 */
#include "socket.h"

enum { STEP_CREATED = 1, AUTO_DIGITS = 5 };

/* The family and what is behind it: checked is the length only. */
int64_t address_get(struct op *o, uint64_t at, uint64_t len, struct address *a)
{
	char bytes[FAMILY_LEN + SOCKET_NAME - 1] = { 0 };
	int64_t err;

	if (len < FAMILY_LEN || len > sizeof(bytes))
		return -EINVAL;
	err = user_read(o, at, bytes, len);
	if (err != 0)
		return err;
	*a = (struct address){ .len = (unsigned)len - FAMILY_LEN };
	a->family = (uint8_t)bytes[0] | (unsigned)(uint8_t)bytes[1] << 8;
	memcpy(a->name, bytes + FAMILY_LEN, a->len);
	/* Of a path the NUL counts, and nothing behind it. */
	if (a->len != 0 && a->name[0] != '\0')
		a->len = (unsigned)strlen(a->name) + 1;
	return 0;
}

int64_t address_give(struct op *o, const char *name, unsigned len, uint64_t to, uint64_t len_at)
{
	char bytes[FAMILY_LEN + SOCKET_NAME] = { AF_UNIX_ };
	int32_t room;
	int64_t err = user_read(o, len_at, &room, sizeof(room));

	if (err != 0)
		return err;
	if (room < 0)
		return -EINVAL;
	if (len > FAMILY_LEN)
		memcpy(bytes + FAMILY_LEN, name, len - FAMILY_LEN);
	err = user_write(o, to, bytes, (unsigned)room < len ? (unsigned)room : len);
	return err != 0 ? err : user_write(o, len_at, &len, sizeof(len));
}

/* Each type has names of its own. */
static unsigned find_abstract(unsigned type, const char *name, unsigned len)
{
	for (unsigned n = 1; n < NR_SOCKETS; n++) {
		const struct socket *s = &state.socket[n];

		/* What was accepted has its listener's name, but is not found by it. */
		if (s->name_len == len && s->type == type && !is_gone(s) && s->is_bound &&
		    s->inode == 0 && memcmp(s->name, name, len) == 0)
			return n;
	}
	return 0;
}

static int64_t find_path(struct op *o, const char *path, unsigned *n)
{
	const struct inode *i;
	struct found f;
	int64_t err = walk_text(o, AT_FDCWD_, path, WALK_FOLLOW, &f);

	if (err != 0)
		return err;
	i = &state.inode[f.inode];
	if (!may(o, i, 2))
		return -EACCES;
	*n = (i->attr.mode & S_IFMT_) == S_IFSOCK_ ? i->socket : 0;
	return *n != 0 ? 0 : -ECONNREFUSED;
}

int64_t socket_find(struct op *o, const struct socket *s, const struct address *a, unsigned *n)
{
	if (a->family != AF_UNIX_ || a->len == 0)
		return -EINVAL;
	if (a->name[0] != '\0')
		return find_path(o, a->name, n);
	*n = find_abstract(s->type, a->name, a->len);
	return *n != 0 ? 0 : -ECONNREFUSED;
}

/* ---- bind ---- */

static void bind_name(struct socket *s, const struct address *a, unsigned inode)
{
	memcpy(s->name, a->name, a->len);
	s->name_len = (uint16_t)a->len;
	s->is_bound = 1;
	s->inode = (uint16_t)inode;
	if (inode != 0) {
		inode_hold(inode);
		state.inode[inode].socket = (uint16_t)socket_index(s);  /* N4 */
	}
	socket_wake(s);
}

/* An abstract name of five digits that nobody has. */
void socket_autobind(struct socket *s)
{
	struct address a = { .len = 1 + AUTO_DIGITS };

	if (s->name_len != 0)
		return;
	do {
		state.socket_auto = (state.socket_auto + 1) & 0xfffff;
		format(a.name + 1, AUTO_DIGITS + 1, "%05x", state.socket_auto);
	} while (find_abstract(s->type, a.name, a.len) != 0);
	bind_name(s, &a, 0);
}

static int64_t bind_path(struct op *o, struct socket *s, const struct address *a)
{
	bool created = o->row != NULL && o->row->step == STEP_CREATED;
	struct found f;
	int64_t err;

	if (created && o->row->result != 0)
		return o->row->result == -EEXIST ? -EADDRINUSE : o->row->result;
	err = walk_text(o, AT_FDCWD_, a->name, WALK_PARENT, &f);
	if (err != 0)
		return err;
	if (f.inode == 0 && !created) {
		if (f.slash)
			return -ENOENT;
		err = check_create(o, f.dir);
		return err != 0 ? err : ask_create(o, &f, S_IFSOCK_ | (0777 & ~o->umask), 0, NULL,
						   STEP_CREATED);
	}
	/* Ours, unless somebody was quicker than we. */
	if (!created || f.inode == 0 || state.inode[f.inode].socket != 0 ||
	    (state.inode[f.inode].attr.mode & S_IFMT_) != S_IFSOCK_)
		return -EADDRINUSE;
	bind_name(s, a, f.inode);
	return 0;
}

int64_t linux_bind(struct op *o)
{
	struct address a;
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);
	struct socket *s;

	if (f == NULL)
		return err;
	s = socket_of(f);
	err = address_get(o, o->a[1], (uint32_t)o->a[2], &a);
	if (err != 0)
		return err;
	if (a.family != AF_UNIX_)
		return -EINVAL;
	if (a.len == 0) {
		socket_autobind(s);
		return 0;
	}
	if (s->name_len != 0)
		return -EINVAL;
	if (a.name[0] != '\0')
		return bind_path(o, s, &a);
	if (find_abstract(s->type, a.name, a.len) != 0)
		return -EADDRINUSE;
	bind_name(s, &a, 0);
	return 0;
}

/* ---- who is who ---- */

static int64_t tell_name(struct op *o, const struct socket *s)
{
	return address_give(o, s->name, FAMILY_LEN + s->name_len, o->a[1], o->a[2]);
}

int64_t linux_getsockname(struct op *o)
{
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);

	return f == NULL ? err : tell_name(o, socket_of(f));
}

int64_t linux_getpeername(struct op *o)
{
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);

	if (f == NULL)
		return err;
	if (socket_of(f)->peer == 0)
		return -ENOTCONN;
	return tell_name(o, peer_of(socket_of(f)));
}
