/* SPDX-License-Identifier: BSD-2-Clause
 * pipe.c - pipes and FIFOs.
 *
 * Job:      a ring of up to 16 pages for each; readers and writers that wait are rows.
 * Speaks:   Linux calls; pm.signal (SIGPIPE).
 * Touches:  state.pipe; pages of the cache window.
 * Trusts:   nothing in a call.
 * On crash: recovers in place: head and tail are state, the bytes lie in pages that stay.
 * Spec:     pipe(7), fifo(7).
 *
 * I1  tail <= head <= tail + PIPE_BYTES; byte n lies in page n / PAGE_SIZE % PIPE_PAGES.
 */
#include "vfs.h"

enum { PIPE_BYTES = PIPE_PAGES * PAGE_SIZE, ATOMIC = PAGE_SIZE };

static unsigned pipe_new(struct op *o)
{
	for (unsigned i = 0; i < NR_PIPES; i++) {
		unsigned n = (state.pipe_hint + i) % NR_PIPES;

		if (n == 0 || state.pipe[n].used || (n >= NR_PIPES - ROOT_PIPES && !is_root(o)))
			continue;
		memset(&state.pipe[n], 0, sizeof(state.pipe[n]));
		state.pipe[n].used = 1;
		state.pipe_hint = (uint16_t)(n + 1);
		return n;
	}
	return 0;
}

static void pipe_free(unsigned n)
{
	struct pipe *p = &state.pipe[n];

	for (unsigned i = 0; i < PIPE_PAGES; i++)
		if (p->page[i] != 0)
			page_free(p->page[i] - 1);
	if (p->inode != 0) {
		state.inode[p->inode].pipe = 0;
		inode_release(p->inode);
	}
	memset(p, 0, sizeof(*p));
	if (n < state.pipe_hint)
		state.pipe_hint = (uint16_t)n;
}

/* The page of byte `at`; NO_SLOT: no memory. */
static uint32_t slot_of(struct pipe *p, uint32_t at)
{
	uint32_t *page = &p->page[at / PAGE_SIZE % PIPE_PAGES];
	uint32_t slot;

	if (*page == 0) {
		slot = page_of_pipe();
		if (slot == NO_SLOT)
			return slot;
		*page = slot + 1;
	}
	return *page - 1;
}

/* Copy n bytes at ring position `at`; bytes moved, or an error if none. Read bytes go before the
 * answer and not with it: they are overwritten soon, and an answer that is lost could not be given
 * again with them. */
static int64_t move(struct op *o, struct pipe *p, uint32_t at, uint64_t address, size_t n,
		    bool write)
{
	size_t done = 0;

	while (done < n) {
		uint32_t in = (at + (uint32_t)done) % PAGE_SIZE;
		uint32_t slot = slot_of(p, at + (uint32_t)done);
		size_t part = PAGE_SIZE - in < n - done ? PAGE_SIZE - in : n - done;
		int64_t err = slot == NO_SLOT ? -ENOMEM : 0;

		if (err == 0)
			err = write ? user_read(o, address + done, page_data(slot) + in, part) :
				user_write(o, address + done, page_data(slot) + in, part);
		if (err != 0)
			return done == 0 || err == -PARKED ? err : (int64_t)done;
		done += part;
	}
	return (int64_t)done;
}

static int64_t pipe_read(struct op *o, struct file *f, uint64_t address, size_t len)
{
	struct pipe *p = &state.pipe[f->pipe];
	uint32_t have = p->head - p->tail;
	int64_t n;

	if (len == 0)
		return 0;
	if (have == 0) {
		if (p->writers == 0)
			return 0;
		if (f->flags & O_NONBLOCK_)
			return -EAGAIN;
		return row_wait(o, QUEUE_PIPE_READ, f->pipe, -ERESTARTSYS);
	}
	n = move(o, p, p->tail, address, have < len ? have : len, false);
	if (n <= 0)
		return n;
	p->tail += (uint32_t)n;
	/* Empty: begin again at the start of the first page, which then is the only one in use. */
	if (p->tail == p->head && p->tail >= PAGE_SIZE / 2)
		p->tail = p->head = 0;
	if (p->write_queue != 0)
		queue_wake(p->write_queue);
	polls_wake(watch_pipe(f->pipe));
	return n;
}

int64_t pipe_broken(struct op *o)
{
	struct pm_signal_request req = {
		.proc = o->client, .signal = SIGPIPE_, .code = SI_KERNEL_,
	};

	if (pm_signal(&pm, &req) != 0)
		return -EPIPE;          /* the process is going already */
	return -EPIPE;
}

/* All bytes, waiting for room; at most ATOMIC bytes go in one piece. */
static int64_t pipe_write(struct op *o, struct file *f, uint64_t address, size_t len)
{
	struct pipe *p = &state.pipe[f->pipe];
	uint64_t done = o->row != NULL ? o->row->done : 0;
	uint32_t room = PIPE_BYTES - (p->head - p->tail);
	size_t left = len - done;
	int64_t n;

	if (p->readers == 0)
		return done > 0 ? (int64_t)done : pipe_broken(o);
	if (done >= len)                /* none; or the caller has shortened the part meanwhile */
		return (int64_t)done;
	if (room != 0 && (len > ATOMIC || room >= len)) {
		n = move(o, p, p->head, address + done, left < room ? left : room, true);
		if (n < 0)
			return n == -PARKED || done == 0 ? n : (int64_t)done;
		p->head += (uint32_t)n;
		done += (uint64_t)n;
		if (o->row != NULL)
			o->row->done = done;
		if (p->read_queue != 0)
			queue_wake(p->read_queue);
		polls_wake(watch_pipe(f->pipe));
		if (done == len)
			return (int64_t)done;
	}
	if (f->flags & O_NONBLOCK_)
		return done > 0 ? (int64_t)done : -EAGAIN;
	row_get(o)->done = done;
	return row_wait(o, QUEUE_PIPE_WRITE, f->pipe, done > 0 ? (int64_t)done : -ERESTARTSYS);
}

int64_t pipe_transfer(struct op *o, struct file *f, uint64_t address, size_t len, bool write)
{
	if (f->pipe == 0)
		return -EBADF;
	return write ? pipe_write(o, f, address, len) : pipe_read(o, f, address, len);
}

unsigned pipe_poll(const struct file *f)
{
	const struct pipe *p = &state.pipe[f->pipe];
	uint32_t mode = f->flags & O_ACCMODE_;
	unsigned bits = 0;

	if (mode != O_WRONLY_) {
		if (p->head != p->tail)
			bits |= POLLIN_ | POLLRDNORM_;
		if (p->writers == 0 && (p->write_opens != 0 || p->inode == 0))
			bits |= POLLHUP_;
	}
	if (mode != O_RDONLY_) {
		if (p->readers == 0)
			bits |= POLLERR_;
		if (PIPE_BYTES - (p->head - p->tail) >= ATOMIC)
			bits |= POLLOUT_ | POLLWRNORM_;
	}
	return bits;
}

uint32_t pipe_bytes(const struct file *f)
{
	return state.pipe[f->pipe].head - state.pipe[f->pipe].tail;
}

static void open_end(struct file *f, unsigned pipe)
{
	struct pipe *p = &state.pipe[pipe];
	uint32_t mode = f->flags & O_ACCMODE_;

	f->pipe = (uint16_t)pipe;
	f->kind = mode == O_RDONLY_ ? FILE_PIPE_READ : mode == O_WRONLY_ ? FILE_PIPE_WRITE :
		FILE_FIFO_BOTH;
	if (mode != O_WRONLY_) {
		p->readers++;
		p->read_opens++;
	}
	if (mode != O_RDONLY_) {
		p->writers++;
		p->write_opens++;
	}
}

/* An end has been closed, or somebody who waited for the other end does not any more. */
void pipe_left(unsigned n)
{
	const struct pipe *p = &state.pipe[n];

	if (p->readers == 0 && p->writers == 0 && p->read_queue == 0 && p->write_queue == 0)
		pipe_free(n);
}

void pipe_close(struct file *f)
{
	struct pipe *p = &state.pipe[f->pipe];
	uint32_t mode = f->flags & O_ACCMODE_;

	if (mode != O_WRONLY_)
		p->readers--;
	if (mode != O_RDONLY_)
		p->writers--;
	queue_wake(p->read_queue);
	queue_wake(p->write_queue);
	polls_wake(watch_pipe(f->pipe));
	pipe_left(f->pipe);
	f->pipe = 0;
}

int64_t linux_pipe2(struct op *o)
{
	uint32_t flags = (uint32_t)o->a[1];
	unsigned n;
	struct file *in, *out;
	int64_t fd[2], err;
	int32_t pair[2];

	if (flags & ~(uint32_t)(O_CLOEXEC_ | O_NONBLOCK_ | O_DIRECT_))
		return -EINVAL;
	err = user_touch(o, o->a[0], sizeof(pair), true);
	if (err != 0)
		return err;
	n = pipe_new(o);
	in = n != 0 ? file_new(o) : NULL;
	if (in != NULL) {
		in->flags = O_RDONLY_ | (flags & O_NONBLOCK_);
		open_end(in, n);
	}
	out = in != NULL ? file_new(o) : NULL;
	if (out == NULL) {
		if (in != NULL)
			file_release(file_index(in));
		else if (n != 0)
			pipe_free(n);
		return -ENFILE;
	}
	out->flags = O_WRONLY_ | (flags & O_NONBLOCK_);
	open_end(out, n);
	fd[0] = fd_new(o, file_index(in), 0, flags & O_CLOEXEC_);
	fd[1] = fd[0] >= 0 ? fd_new(o, file_index(out), 0, flags & O_CLOEXEC_) : fd[0];
	if (fd[1] < 0) {
		if (fd[0] >= 0) {
			fd_close(&state.table[o->p->table], (int)fd[0]);
			fd_slot(&state.table[o->p->table], (int)fd[0])->file = 0;
		}
		file_release(file_index(in));
		file_release(file_index(out));
		return fd[1];
	}
	pair[0] = (int32_t)fd[0];
	pair[1] = (int32_t)fd[1];
	return user_write(o, o->a[0], pair, sizeof(pair));
}

int64_t linux_pipe(struct op *o)
{
	o->a[1] = 0;
	return linux_pipe2(o);
}

/* What /proc/PID/fd/N of a pipe leads to: from now on the pipe is like a FIFO that has no name.
 * 0: it is no pipe, or no row is left. */
unsigned pipe_as_inode(struct op *o, const struct file *f)
{
	struct pipe *p = &state.pipe[f->pipe];
	struct file_attr a = { .mode = S_IFIFO_ | 0600, .links = 1, .file = f->pipe };
	unsigned n;

	if (f->pipe == 0 || p->inode != 0)
		return f->pipe == 0 ? 0 : p->inode;
	op_cred(o);
	a.uid = o->uid;
	a.gid = o->gid;
	a.atime = a.mtime = a.ctime = (int64_t)clock_realtime_ns();
	n = inode_get(0, &a, UINT64_MAX);
	if (n != 0) {
		state.inode[n].pipe = f->pipe;
		inode_hold(n);
		p->inode = (uint16_t)n;
	}
	return n;
}

/* ---- FIFOs ----
 * keep[0] of the row: opens of the other side when we began to wait, plus one. While it waits, the
 * row holds an open end of its own: the open file that it will get. */

int64_t fifo_open(struct op *o, struct file *f, unsigned inode)
{
	struct inode *i = &state.inode[inode];
	uint32_t mode = f->flags & O_ACCMODE_;
	struct pipe *p;
	bool reader = mode == O_RDONLY_;
	/* One without a name was opened long ago: nobody is waited for, its writers may be gone. */
	bool is_pipe = i->mount == 0 && (reader || !(f->flags & O_NONBLOCK_));
	struct row *r = o->row;
	unsigned n = i->pipe;
	int64_t err;

	if (n == 0) {
		n = pipe_new(o);
		if (n == 0)
			return -ENFILE;
		i->pipe = (uint16_t)n;
		state.pipe[n].inode = (uint16_t)inode;
		inode_hold(inode);
		if (r != NULL)          /* that we waited at another one means nothing here */
			r->keep[0] = 0;
	}
	p = &state.pipe[n];
	if (mode == O_RDWR_ || is_pipe || (reader ? p->writers != 0 : p->readers != 0) ||
	    (r != NULL && r->keep[0] != 0 &&
	     (reader ? p->write_opens : p->read_opens) >= r->keep[0])) {
		open_end(f, n);
		queue_wake(p->read_queue);
		queue_wake(p->write_queue);
		return 0;
	}
	if (f->flags & O_NONBLOCK_) {
		if (!reader) {
			pipe_left(n);
			return -ENXIO;
		}
		open_end(f, n);
		return 0;
	}
	/* Tell the other side that we are here: it opens without waiting for us. */
	r = row_get(o);
	if (r->keep[0] == 0) {
		r->keep[0] = (reader ? p->write_opens : p->read_opens) + 1;
		if (reader)
			p->read_opens++;
		else
			p->write_opens++;
		queue_wake(p->read_queue);
		queue_wake(p->write_queue);
	}
	err = row_wait(o, reader ? QUEUE_PIPE_READ : QUEUE_PIPE_WRITE, n, -ERESTARTSYS);
	if (err != -PARKED)
		pipe_left(n);
	return err;
}
