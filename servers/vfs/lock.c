/* SPDX-License-Identifier: BSD-2-Clause
 * lock.c - record locks (fcntl) and flock.
 *
 * Job:      keeps which process has locked what of which file; who must wait is a row.
 * Speaks:   Linux calls.
 * Touches:  state.lock.
 * Trusts:   nothing in a call.
 * On crash: recovers in place.
 * Spec:     fcntl(2) "Advisory record locking", flock(2).
 */
#include "vfs.h"

enum { F_RDLCK_, F_WRLCK_, F_UNLCK_ };
enum { F_GETLK_ = 5, F_SETLK_, F_SETLKW_ };
enum { LOCK_SH_ = 1, LOCK_EX_ = 2, LOCK_NB_ = 4, LOCK_UN_ = 8 };

static struct linux_flock out SECTION_UNDO;

static bool overlaps(const struct lock *l, uint64_t start, uint64_t end)
{
	return l->start <= end && start <= l->end;
}

/* A lock of another process that stands in the way, or NULL. */
static struct lock *conflict(unsigned inode, unsigned process, uint64_t start, uint64_t end,
			     bool write)
{
	for (unsigned n = state.inode[inode].locks; n != 0; n = state.lock[n].next) {
		struct lock *l = &state.lock[n];

		if (l->process != process && overlaps(l, start, end) && (write || l->write))
			return l;
	}
	return NULL;
}

static unsigned lock_row(void)
{
	for (unsigned n = 1; n < NR_LOCKS; n++)
		if (state.lock[n].inode == 0)
			return n;
	return 0;
}

static bool add(unsigned inode, const struct lock *l)
{
	unsigned n = lock_row();

	if (n == 0)
		return false;
	state.lock[n] = *l;
	state.lock[n].inode = (uint16_t)inode;
	state.lock[n].next = state.inode[inode].locks;
	state.inode[inode].locks = (uint16_t)n;
	return true;
}

/* Take a process's locks out of a range; parts outside it stay. */
static bool cut(unsigned inode, unsigned process, uint64_t start, uint64_t end)
{
	uint16_t *at = &state.inode[inode].locks;

	while (*at != 0) {
		struct lock *l = &state.lock[*at];
		struct lock tail = *l;

		if (l->process != process || !overlaps(l, start, end)) {
			at = &l->next;
			continue;
		}
		if (l->start < start && l->end > end) {
			tail.start = end + 1;
			l->end = start - 1;
			return add(inode, &tail);
		}
		if (l->start < start) {
			l->end = start - 1;
			at = &l->next;
		} else if (l->end > end) {
			l->start = end + 1;
			at = &l->next;
		} else {
			*at = l->next;
			l->inode = 0;
		}
	}
	return true;
}

static int64_t range_of(const struct file *f, const struct linux_flock *l, uint64_t *start,
			uint64_t *end)
{
	int64_t base = l->whence == SEEK_SET_ ? 0 : l->whence == SEEK_CUR_ ? (int64_t)f->pos :
		(int64_t)state.inode[f->inode].attr.size;
	int64_t first = base + l->start, len = l->len;

	if (l->whence < SEEK_SET_ || l->whence > SEEK_END_)
		return -EINVAL;
	if (len < 0) {
		first += len;
		len = -len;
	}
	if (first < 0)
		return -EINVAL;
	*start = (uint64_t)first;
	*end = len == 0 ? UINT64_MAX : (uint64_t)first + (uint64_t)len - 1;
	return 0;
}

static int64_t tell(struct op *o, const struct lock *l, uint64_t address)
{
	if (l == NULL) {
		out.type = F_UNLCK_;
	} else {
		out.type = l->write ? F_WRLCK_ : F_RDLCK_;
		out.whence = SEEK_SET_;
		out.start = (int64_t)l->start;
		out.len = l->end == UINT64_MAX ? 0 : (int64_t)(l->end - l->start + 1);
		out.pid = (int32_t)l->pid;
	}
	return user_give(o, address, &out, sizeof(out));
}

int64_t lock_fcntl(struct op *o, struct file *f, uint32_t command, uint64_t address)
{
	struct lock l = { .process = (uint16_t)endpoint_slot(o->owner), .pid = o->p->pid };
	int64_t err = user_read(o, address, &out, sizeof(out));
	struct lock *other;

	if (err != 0)
		return err;
	if (f->inode == 0)
		return -EBADF;
	if (out.type < F_RDLCK_ || out.type > F_UNLCK_)
		return -EINVAL;
	err = range_of(f, &out, &l.start, &l.end);
	if (err != 0)
		return err;
	l.write = out.type == F_WRLCK_;
	other = out.type == F_UNLCK_ ? NULL :
		conflict(f->inode, l.process, l.start, l.end, l.write);
	if (command == F_GETLK_)
		return tell(o, other, address);
	if ((out.type == F_RDLCK_ && (f->flags & O_ACCMODE_) == O_WRONLY_) ||
	    (out.type == F_WRLCK_ && (f->flags & O_ACCMODE_) == O_RDONLY_))
		return -EBADF;
	if (other != NULL)
		return command == F_SETLK_ ? -EAGAIN :
			row_wait(o, QUEUE_INODE, f->inode, -ERESTARTSYS);
	if (!cut(f->inode, l.process, l.start, l.end))
		return -ENOLCK;
	if (out.type != F_UNLCK_ && !add(f->inode, &l))
		return -ENOLCK;
	queue_wake(state.inode[f->inode].queue);
	return 0;
}

void locks_of_process_drop(unsigned inode, endpoint_t owner)
{
	if (endpoint_eq(owner, ENDPOINT_NONE))
		return;
	cut(inode, endpoint_slot(owner), 0, UINT64_MAX);
	queue_wake(state.inode[inode].queue);
}

/* ---- flock: of open files ---- */

static bool flock_free(const struct file *f, unsigned kind)
{
	for (unsigned n = 1; n < NR_FILES; n++) {
		const struct file *g = &state.file[n];

		if (g != f && g->kind != FILE_FREE && g->inode == f->inode && g->locked != 0 &&
		    (kind == LOCK_EX_ || g->locked == LOCK_EX_))
			return false;
	}
	return true;
}

void flock_drop(struct file *f)
{
	f->locked = 0;
	queue_wake(state.inode[f->inode].queue);
}

int64_t linux_flock(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);
	unsigned kind = (unsigned)o->a[1] & ~(unsigned)LOCK_NB_;

	if (f == NULL)
		return -EBADF;
	if (kind != LOCK_SH_ && kind != LOCK_EX_ && kind != LOCK_UN_)
		return -EINVAL;
	if (f->inode == 0)
		return 0;
	if (kind == LOCK_UN_) {
		flock_drop(f);
		return 0;
	}
	if (!flock_free(f, kind)) {
		if (o->a[1] & LOCK_NB_)
			return -EAGAIN;
		return row_wait(o, QUEUE_INODE, f->inode, -ERESTARTSYS);
	}
	f->locked = (uint8_t)kind;
	queue_wake(state.inode[f->inode].queue);
	return 0;
}
