/* SPDX-License-Identifier: BSD-2-Clause
 * poll.c - poll, ppoll, select, pselect6.
 *
 * Job:      asks each open file what it is ready for; waits as a row if none is.
 * Speaks:   Linux calls.
 * Touches:  nothing.
 * Trusts:   nothing in a call.
 * On crash: recovers in place; the row is looked at again.
 * Spec:     poll(2), select(2).
 *
 * A row that polls waits in one queue for all, with what it watches: a change of a pipe or line
 * makes those look again that watch it. ppoll and pselect6 with a mask pass through pm first.
 */
#include "vfs.h"

enum { SECONDS_MOST = 1000000000 };
enum { POLL_MAX = NR_FDS, SET_WORDS = NR_FDS / 64 };

static struct linux_pollfd fds[POLL_MAX] SECTION_UNDO;
static uint64_t sets[3][SET_WORDS], ready[3][SET_WORDS] SECTION_UNDO;

static unsigned file_poll(const struct file *f)
{
	switch (f->kind) {
	case FILE_INODE:
	case FILE_MEMORY:
		return POLLIN_ | POLLOUT_ | POLLRDNORM_ | POLLWRNORM_;
	case FILE_CHAR:
		return char_poll(f);
	case FILE_SOCKET:
		return socket_poll(f);
	default:
		return pipe_poll(f);
	}
}

static uint64_t file_watch(const struct file *f)
{
	switch (f == NULL ? FILE_INODE : f->kind) {
	case FILE_INODE:
	case FILE_MEMORY:
		return 0;
	case FILE_CHAR:
		return watch_line(f->server, f->line);
	case FILE_SOCKET:
		return socket_watch(f);
	default:
		return watch_pipe(f->pipe);
	}
}

static bool may_wait(const struct op *o, uint64_t ns)
{
	return ns != 0 && !op_timed_out(o);
}

/* Nothing is ready: wait, up to `ns` (UINT64_MAX: for ever). */
static int64_t wait_more(struct op *o, uint64_t watched, uint64_t ns)
{
	bool first = o->row == NULL || !o->row->polls;
	struct row *r;

	r = row_get(o);
	if (first) {
		r->polls = 1;
		if (ns != UINT64_MAX)
			row_set_deadline(r, clock_monotonic_ns() + ns);
		alarm_plan();
	}
	r->watched = watched;
	return row_wait(o, QUEUE_POLL, 0, -ERESTARTNOHAND);
}

static uint64_t ns_of(const struct linux_timespec *t)
{
	if (t->sec > SECONDS_MOST)
		return UINT64_MAX;
	return (uint64_t)t->sec * 1000000000 + (uint64_t)t->nsec;
}

static int64_t do_poll(struct op *o, uint64_t ns)
{
	uint32_t count = (uint32_t)o->a[1];
	uint64_t watched = 0;
	unsigned n = 0;
	int64_t err;

	if (count > POLL_MAX)
		return -EINVAL;
	err = user_read(o, o->a[0], fds, count * sizeof(fds[0]));
	if (err != 0)
		return err;
	for (uint32_t i = 0; i < count; i++) {
		struct file *f = fds[i].fd < 0 ? NULL : fd_file(o, fds[i].fd);
		unsigned bits = POLLNVAL_;

		if (f != NULL)
			bits = file_poll(f) &
			       ((unsigned)(uint16_t)fds[i].events | POLLERR_ | POLLHUP_);
		fds[i].revents = (int16_t)(fds[i].fd < 0 ? 0 : bits);
		n += fds[i].revents != 0;
	}
	if (n == 0 && may_wait(o, ns)) {
		for (uint32_t i = 0; i < count; i++)
			watched |= fds[i].fd < 0 ? 0 : file_watch(fd_file(o, fds[i].fd));
		return wait_more(o, watched, ns);
	}
	err = user_give(o, o->a[0], fds, count * sizeof(fds[0]));
	return err != 0 ? err : n;
}

int64_t linux_poll(struct op *o)
{
	int32_t ms = (int32_t)o->a[2];

	return do_poll(o, ms < 0 ? UINT64_MAX : (uint64_t)ms * 1000000);
}

/* micro: the second word counts microseconds, as many as one likes. */
static int64_t get_time(struct op *o, uint64_t at, bool micro, uint64_t *ns)
{
	struct linux_timespec t;
	int64_t err;

	*ns = UINT64_MAX;
	if (at == 0)
		return 0;
	err = user_read(o, at, &t, sizeof(t));
	if (err != 0)
		return err;
	if (t.sec < 0 || t.nsec < 0 || (!micro && t.nsec > 999999999))
		return -EINVAL;
	if (micro) {
		t.sec += t.sec <= SECONDS_MOST ? t.nsec / 1000000 : 0;
		t.nsec = t.nsec % 1000000 * 1000;
	}
	*ns = ns_of(&t);
	return 0;
}

int64_t linux_ppoll(struct op *o)
{
	uint64_t ns;
	int64_t err = get_time(o, o->a[2], false, &ns);

	return err != 0 ? err : do_poll(o, ns);
}

/* ---- select ---- */

static const unsigned select_bits[3] = {
	POLLIN_ | POLLRDNORM_ | POLLHUP_ | POLLERR_, POLLOUT_ | POLLWRNORM_ | POLLERR_, POLLPRI_,
};

/* How many are ready, or -EBADF. */
static int64_t look(struct op *o, unsigned count)
{
	int64_t n = 0;

	memset(ready, 0, sizeof(ready));
	for (unsigned fd = 0; fd < count; fd++) {
		unsigned bits = 0;
		bool asked = false;

		for (unsigned k = 0; k < 3; k++)
			asked |= sets[k][fd / 64] >> fd % 64 & 1;
		if (!asked)
			continue;
		if (fd_file(o, (int)fd) == NULL)
			return -EBADF;
		bits = file_poll(fd_file(o, (int)fd));
		for (unsigned k = 0; k < 3; k++)
			if (sets[k][fd / 64] >> fd % 64 & 1 && bits & select_bits[k]) {
				ready[k][fd / 64] |= BIT(fd % 64);
				n++;
			}
	}
	return n;
}

static int64_t do_select(struct op *o, uint64_t ns)
{
	unsigned count = (unsigned)o->a[0] > NR_FDS ? NR_FDS : (unsigned)o->a[0];
	size_t size = (count + 63) / 64 * 8;
	uint64_t watched = 0;
	int64_t err = 0, n;

	if ((int)o->a[0] < 0)
		return -EINVAL;
	memset(sets, 0, sizeof(sets));
	for (unsigned k = 0; k < 3 && err == 0; k++)
		if (o->a[1 + k] != 0)
			err = user_read(o, o->a[1 + k], sets[k], size);
	if (err != 0)
		return err;
	n = look(o, count);
	if (n < 0)
		return n;
	if (n == 0 && may_wait(o, ns)) {
		for (unsigned fd = 0; fd < count; fd++)
			if ((sets[0][fd / 64] | sets[1][fd / 64] | sets[2][fd / 64]) & BIT(fd % 64))
				watched |= file_watch(fd_file(o, (int)fd));
		return wait_more(o, watched, ns);
	}
	for (unsigned k = 0; k < 3 && err == 0; k++)
		if (o->a[1 + k] != 0)
			err = user_give(o, o->a[1 + k], ready[k], size);
	return err != 0 ? err : n;
}

int64_t linux_select(struct op *o)
{
	uint64_t ns;
	int64_t err = get_time(o, o->a[4], true, &ns);

	return err != 0 ? err : do_select(o, ns);
}

int64_t linux_pselect6(struct op *o)
{
	uint64_t ns;
	int64_t err = get_time(o, o->a[4], false, &ns);

	return err != 0 ? err : do_select(o, ns);
}
