/* SPDX-License-Identifier: BSD-2-Clause
 * socket_io.c - the calls that move bytes through sockets.
 *
 * Job:      makes a struct message of what sendto, sendmsg, recvfrom, recvmsg, read and write give.
 * Speaks:   Linux calls.
 * Touches:  nothing.
 * Trusts:   nothing in a call.
 * On crash: recovers in place. Of sendmmsg and recvmmsg, the row has how many are done (total).
 * Spec:     send(2), recv(2), sendmmsg(2), recvmmsg(2).
 */
#include "socket.h"

enum { NAME_MOST = 128, MSG_WAITFORONE_ = 0x10000, MMSG_SIZE = 64, MMSG_LEN_AT = 56,
       MMSG_MOST = 1024 };

struct header {
	uint64_t name;
	uint32_t name_len, pad0;
	uint64_t parts, count;
	uint64_t control, control_len;
	uint32_t flags, pad1;
};
_Static_assert(sizeof(struct header) == 56, "struct msghdr");
enum { NAME_LEN_AT = 8 };

struct linux_iovec part[IOV_MAX_];

static int64_t parts_get(struct op *o, uint64_t at, uint64_t count, struct transfer *m)
{
	int64_t err = user_read(o, at, part, count * sizeof(part[0]));

	m->total = 0;
	for (uint64_t k = 0; err == 0 && k < count; k++) {
		if ((int64_t)part[k].len < 0)
			return -EINVAL;
		if (part[k].len > RW_MAX - m->total)
			part[k].len = RW_MAX - m->total;
		m->total += part[k].len;
	}
	return err;
}

static void one_part(uint64_t address, uint64_t len, struct transfer *m)
{
	part[0] = (struct linux_iovec){ address, len > RW_MAX ? RW_MAX : len };
	m->total = part[0].len;
}

/* ---- as any other file ---- */

static int64_t move(struct op *o, struct file *f, struct transfer *m, bool write)
{
	if (write)
		return socket_send(o, f, m);
	return m->total == 0 ? 0 : socket_receive(o, f, m);
}

int64_t socket_transfer(struct op *o, struct file *f, uint64_t address, size_t len, bool write)
{
	struct transfer m = { 0 };

	one_part(address, len, &m);
	return move(o, f, &m, write);
}

int64_t socket_vector(struct op *o, struct file *f, bool write)
{
	struct transfer m = { 0 };
	int64_t err;

	if (o->a[2] > IOV_MAX_)
		return -EINVAL;
	err = parts_get(o, o->a[1], o->a[2], &m);
	return err != 0 ? err : move(o, f, &m, write);
}

/* ---- with an address ---- */

int64_t linux_sendto(struct op *o)
{
	struct transfer m = { .flags = (uint32_t)o->a[3], .name = o->a[4] };
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);

	if (f == NULL)
		return err;
	if (m.name != 0) {
		if ((uint32_t)o->a[5] > NAME_MOST)
			return -EINVAL;
		m.name_len = (uint32_t)o->a[5];
		m.has_address = m.name_len != 0;
	}
	one_part(o->a[1], o->a[2], &m);
	return socket_send(o, f, &m);
}

int64_t linux_recvfrom(struct op *o)
{
	struct transfer m = {
		.flags = (uint32_t)o->a[3], .name = o->a[4], .name_len_at = o->a[5],
	};
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);

	if (f == NULL)
		return err;
	one_part(o->a[1], o->a[2], &m);
	return socket_receive(o, f, &m);
}

/* ---- with a header ---- */

static int64_t header_get(struct op *o, uint64_t at, struct transfer *m)
{
	struct header h;
	int64_t err = user_read(o, at, &h, sizeof(h));

	if (err != 0)
		return err;
	if ((int32_t)h.name_len < 0)
		return -EINVAL;
	if (h.count > IOV_MAX_)
		return -EMSGSIZE;
	m->header = at;
	m->name = h.name;
	m->name_len = h.name == 0 ? 0 : h.name_len > NAME_MOST ? NAME_MOST : h.name_len;
	m->name_len_at = at + NAME_LEN_AT;
	m->has_address = m->name_len != 0;
	m->control = h.control;
	m->control_len = h.control_len;
	return parts_get(o, h.parts, h.count, m);
}

static int64_t send_one(struct op *o, struct file *f, uint64_t at, uint32_t flags)
{
	struct transfer m = { .flags = flags };
	int64_t err = header_get(o, at, &m);

	return err != 0 ? err : socket_send(o, f, &m);
}

static int64_t receive_one(struct op *o, struct file *f, uint64_t at, uint32_t flags)
{
	struct transfer m = { .flags = flags };
	int64_t err = header_get(o, at, &m);

	return err != 0 ? err : socket_receive(o, f, &m);
}

int64_t linux_sendmsg(struct op *o)
{
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);

	return f == NULL ? err : send_one(o, f, o->a[1], (uint32_t)o->a[2]);
}

int64_t linux_recvmsg(struct op *o)
{
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);

	return f == NULL ? err : receive_one(o, f, o->a[1], (uint32_t)o->a[2]);
}

/* ---- many at once ---- */

/* A message is done: the row has how many, and begins the next one anew. */
static int64_t count_one(struct op *o, uint64_t at, int64_t n, uint64_t done)
{
	uint32_t len = (uint32_t)n;
	int64_t err = user_write(o, at + MMSG_LEN_AT, &len, sizeof(len));
	struct row *r = row_get(o);

	row_dequeue(r);
	row_set_deadline(r, 0);
	r->total = done;
	r->done = r->keep[0] = 0;
	r->polls = r->timed_out = 0;
	undo_commit();
	return err != 0 ? -EFAULT : 0;
}

static int64_t many(struct op *o, struct file *f, bool receive, uint64_t ns)
{
	uint64_t done = o->row != NULL ? o->row->total : 0;
	uint64_t count = (uint32_t)o->a[2] > MMSG_MOST ? MMSG_MOST : (uint32_t)o->a[2];
	uint32_t flags = (uint32_t)o->a[3];
	int64_t n = 0;

	while (n >= 0 && done < count) {
		uint64_t at = o->a[1] + done * MMSG_SIZE;
		uint32_t how = flags & ~(uint32_t)MSG_WAITFORONE_;

		if (done > 0 && flags & MSG_WAITFORONE_)
			how |= MSG_DONTWAIT_;
		n = user_touch(o, at + MMSG_LEN_AT, sizeof(uint32_t), true);
		if (n == 0)
			n = receive ? receive_one(o, f, at, how) : send_one(o, f, at, how);
		if (n == -PARKED)
			return n;
		if (n >= 0)
			n = count_one(o, at, n, ++done);
		if (ns != 0 && o->row != NULL && clock_monotonic_ns() - o->row->began_ns >= ns)
			break;
	}
	return done > 0 ? (int64_t)done : n;
}

int64_t linux_sendmmsg(struct op *o)
{
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);

	return f == NULL ? err : many(o, f, false, 0);
}

/* The time limit is looked at after each message, as Linux does. */
int64_t linux_recvmmsg(struct op *o)
{
	struct linux_timespec t = { 0 };
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);

	if (f != NULL && o->a[4] != 0)
		err = user_read(o, o->a[4], &t, sizeof(t));
	if (err != 0)
		return err;
	if (t.sec < 0 || t.sec > INT32_MAX || t.nsec < 0 || t.nsec > 999999999)
		return -EINVAL;
	return many(o, f, true, o->a[4] == 0 ? 0 : (uint64_t)t.sec * 1000000000 +
		    (uint64_t)t.nsec + 1);
}
