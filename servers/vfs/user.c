/* SPDX-License-Identifier: BSD-2-Clause
 * user.c - a program's memory and rights.
 *
 * Job:      copies to and from the caller; has absent pages made present; permission checks.
 * Speaks:   the kernel calls call_copy, proc_public_get; vm.populate.
 * Touches:  the memory of the process whose call is handled.
 * Trusts:   the kernel's checks, vm's word what is accessible, pm's public words.
 * On crash: holds no state.
 */
#include "vfs.h"

static uint32_t in_reply[COPIES_MAX];   /* first slots that they concern */
static unsigned nr_in_reply;
static uint32_t held = NO_SLOT;         /* one that is being copied from within vfs */

uint64_t stamp_next(void)
{
	return ++state.stamp;
}

/* A page that the reply being made will copy from, or that is copied from now, stays till then. */
bool page_in_reply(uint32_t slot)
{
	if (slot == held)
		return true;
	for (unsigned i = 0; i < nr_in_reply; i++)
		if (slot - in_reply[i] <= COPY_MAX / PAGE_SIZE)
			return true;
	return false;
}

void page_hold(uint32_t slot)
{
	held = slot;
}

void reply_begin(void)
{
	nr_in_reply = 0;
}

static void keep(const void *at)
{
	uint64_t va = (uint64_t)(uintptr_t)at;

	if (va >= CACHE_VA && nr_in_reply < COPIES_MAX)
		in_reply[nr_in_reply++] = (uint32_t)((va - CACHE_VA) / PAGE_SIZE);
}

/* What vm could not do for want of memory is asked again when there is some; o NULL: as a row. */
static int64_t short_of_memory(struct op *o)
{
	return o == NULL ? -ENODATA : row_wait(o, QUEUE_SHORT, 0, 0);
}

static int64_t bring(struct op *o, endpoint_t client, uint64_t address, bool write)
{
	struct vm_populate_request req = {
		.proc = client, .write = write, .address = address, .slot = VM_NO_SLOT,
	};
	struct vm_populate_reply reply;
	err_t err = vm_populate(&vm, &req, &reply);
	unsigned inode;
	int64_t got;

	if (err == -ENOMEM)
		return short_of_memory(o);
	if (err != -ENODATA)
		return err == 0 ? 0 : -EFAULT;
	inode = inode_of_file(reply.file);
	if (inode == 0)
		return -EFAULT;
	if (o == NULL) {
		req.slot = page_find(inode, (uint32_t)(reply.offset / PAGE_SIZE));
		if (req.slot == NO_SLOT || !(state.index.page[req.slot].flags & PAGE_VALID))
			return -ENODATA;
	} else {
		got = page_want(o, inode, (uint32_t)(reply.offset / PAGE_SIZE), &req.slot);
		if (got != 0)
			return got == -PARKED ? got : -EFAULT;
	}
	err = vm_populate(&vm, &req, &reply);
	if (err == -ENOMEM)
		return short_of_memory(o);
	return err == 0 ? 0 : -EFAULT;
}

/* The server loop's copy met an absent page. If it is one of a file that must be read first, the
 * call is done again, as a row. */
err_t populate(const struct delivery *d, uint64_t address, bool write)
{
	int64_t err = bring(NULL, d->m.peer, address, write);

	return err == -ENODATA ? call_late(d) : (err_t)err;
}

/* Copy; *done counts. 0, -EFAULT, -PARKED. */
static int64_t copy(struct op *o, unsigned dir, uint64_t remote, uint64_t local, size_t len,
		    size_t *done)
{
	*done = 0;
	while (*done < len) {
		size_t part = len - *done < COPY_MAX ? len - *done : COPY_MAX;
		struct call_copy_request req = {
			.client = o->client, .serial = o->serial, .dir = dir,
			.remote = remote + *done, .local = local + *done, .len = part,
		};
		struct call_copy_reply reply = { 0 };
		err_t err = sys_call_copy(&req, &reply);
		int64_t got;

		*done += err == 0 ? part : err == -EFAULT ? reply.done : 0;
		if (err == 0)
			continue;
		if (err != -EFAULT)
			return -EFAULT;
		got = bring(o, o->client, remote + *done, dir == COPY_OUT);
		if (got != 0)
			return got;
	}
	return 0;
}

int64_t user_read(struct op *o, uint64_t from, void *to, size_t len)
{
	size_t done;

	if (o->internal) {
		memcpy(to, (const void *)(uintptr_t)from, len);
		return 0;
	}
	undo_before(to, len);
	proof_copy(from, to, len);
	return copy(o, COPY_IN, from, (uint64_t)(uintptr_t)to, len, &done);
}

int64_t user_write(struct op *o, uint64_t to, const void *from, size_t len)
{
	size_t done;

	proof_copy(to, from, len);
	return copy(o, COPY_OUT, to, (uint64_t)(uintptr_t)from, len, &done);
}

int64_t user_touch(struct op *o, uint64_t address, size_t len, bool write)
{
	for (uint64_t at = address; at < address + len; at = (at | (PAGE_SIZE - 1)) + 1) {
		int64_t err = bring(o, o->client, at, write);

		if (err != 0)
			return err;
	}
	return 0;
}

/* The first copy mostly has all of it. */
int64_t user_string(struct op *o, uint64_t from, char *to, size_t size)
{
	size_t have = 0;

	if (o->internal) {
		size_t len = strlcpy(to, (const char *)(uintptr_t)from, size);

		return len < size ? (int64_t)len : -ENAMETOOLONG;
	}
	while (have < size) {
		size_t most = have == 0 ? 128 : PAGE_SIZE;
		size_t part = size - have < most ? size - have : most;
		struct call_copy_request req = {
			.client = o->client, .serial = o->serial, .dir = COPY_IN,
			.remote = from + have, .local = (uint64_t)(uintptr_t)(to + have),
			.len = part,
		};
		struct call_copy_reply reply = { 0 };
		err_t err = sys_call_copy(&req, &reply);
		size_t got = err == 0 ? part : err == -EFAULT ? reply.done : 0;
		const char *end = memchr(to + have, '\0', got);
		int64_t bad;

		if (end != NULL)
			return end - to;
		have += got;
		if (err == 0)
			continue;
		bad = err == -EFAULT ? bring(o, o->client, from + have, false) : -EFAULT;
		if (bad != 0)
			return bad;
	}
	return -ENAMETOOLONG;
}

int64_t user_give(struct op *o, uint64_t to, const void *from, size_t len)
{
	if (len == 0)
		return 0;
	if (!o->again && len <= COPY_MAX && reply_copy(COPY_OUT, to, from, (uint32_t)len)) {
		keep(from);
		proof_copy(to, from, len);
		return 0;
	}
	return user_write(o, to, from, len);
}

int64_t user_take(struct op *o, uint64_t from, void *to, size_t len)
{
	if (len == 0)
		return 0;
	if (!o->again && len <= COPY_MAX && !undo_is_state(to) &&
	    reply_copy(COPY_IN, from, to, (uint32_t)len)) {
		keep(to);
		proof_copy(from, to, len);
		return 0;
	}
	return user_read(o, from, to, len);
}

/* ---- rights ---- */

void op_cred(struct op *o)
{
	struct proc_public_get_request req = { .proc = o->client };
	struct proc_public_get_reply reply = { { 0 } };

	if (o->have_cred)
		return;
	o->have_cred = true;
	o->umask = o->p != NULL ? o->p->umask : 022;
	if (o->internal || sys_proc_public_get(&req, &reply) != 0)
		return;
	o->uid = reply.word[PUBLIC_FSUID];
	o->gid = reply.word[PUBLIC_FSGID];
	o->pid = reply.word[PUBLIC_PID];
}

bool is_root(struct op *o)
{
	op_cred(o);
	return o->uid == 0;
}

bool may(struct op *o, const struct inode *i, unsigned want)
{
	unsigned mode = i->attr.mode;

	op_cred(o);
	if (o->uid == 0)
		return !(want & 1) || is_dir(i) || mode & 0111;
	if (o->uid == i->attr.uid)
		mode >>= 6;
	else if (o->gid == i->attr.gid || is_in_group(o, i->attr.gid))
		mode >>= 3;
	return (mode & want) == want;
}
