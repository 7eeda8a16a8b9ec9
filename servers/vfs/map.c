/* SPDX-License-Identifier: BSD-2-Clause
 * map.c - files in programs' memory.
 *
 * Job:      mmap of a file, which vm forwards; pages that programs wait for.
 * Speaks:   contracts/vm (map, wait_next, wait_supply).
 * Touches:  pages.
 * Trusts:   vm for what is mapped where.
 * On crash: recovers in place; a page that was told and not supplied is a row.
 * Spec:     mmap(2).
 */
#include "vfs.h"

enum { MAP_SHARED_ = 1, MAP_PRIVATE_ = 2, MAP_TYPE_ = 15, DEV_ZERO_ = 0x105, ANSWER = 9 };
enum { KEPT_FLAGS = VM_MAP_SHARED | VM_MAP_PRIVATE | VM_MAP_FIXED | VM_MAP_FIXED_NOREPLACE };

static int64_t map(struct op *o, uint64_t file, uint32_t flags)
{
	struct vm_map_request req = {
		.proc = o->owner, .prot = o->a[2] & 7, .flags = flags, .address = o->a[0],
		.len = o->a[1], .file = file, .offset = o->a[5],
	};
	struct vm_map_reply reply;
	err_t err = vm_map(&vm, &req, &reply);

	return err != 0 ? err : (int64_t)reply.address;
}

int64_t linux_mmap(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[4]);
	uint32_t type = (uint32_t)o->a[3] & MAP_TYPE_, mode;
	uint32_t flags = (uint32_t)o->a[3] & KEPT_FLAGS & ~3u;

	if (f == NULL)
		return -EBADF;
	if (o->a[1] == 0 || o->a[5] % PAGE_SIZE != 0 || type == 0 || type > 3)
		return -EINVAL;
	mode = f->flags & O_ACCMODE_;
	flags |= type == MAP_PRIVATE_ ? VM_MAP_PRIVATE : VM_MAP_SHARED;
	if (f->kind == FILE_MEMORY && f->device == DEV_ZERO_) {
		o->a[5] = 0;
		return map(o, 0, flags | VM_MAP_ANONYMOUS);
	}
	if (f->kind != FILE_INODE || !is_reg(&state.inode[f->inode]) ||
	    mount_flags(&state.inode[f->inode]) & FILE_MOUNT_DIRECT)
		return -ENODEV;
	if (mode == O_WRONLY_ ||
	    (flags & VM_MAP_SHARED && o->a[2] & VM_PROT_WRITE && mode != O_RDWR_))
		return -EACCES;
	if (mode != O_RDWR_)
		flags |= VM_MAP_READ_ONLY;
	state.inode[f->inode].flags |= INODE_MAPPED;
	return map(o, inode_file(f->inode), flags);
}

/* ---- pages that programs wait for ---- */

static void supply(uint32_t ticket, uint32_t slot, int64_t err, bool write)
{
	struct vm_wait_supply_request req = {
		.ticket = ticket, .slot = slot, .error = (int32_t)err,
	};
	err_t got;

	if (err == 0 && write) {
		page_set_dirty(slot);
		undo_commit();
	}
	got = vm_wait_supply(&vm, &req);
	if (got != 0 && got != -ESTALE)
		print("page not taken: %d\n", got);
}

/* a[0] ticket, a[1] file, a[2] offset, a[3] write. */
int64_t linux_fault(struct op *o)
{
	unsigned inode = inode_of_file(o->a[1]);
	uint32_t slot = NO_SLOT;
	int64_t err = o->row->result;

	if (err == 0)
		err = inode == 0 ? -EIO :
			page_want(o, inode, (uint32_t)(o->a[2] / PAGE_SIZE), &slot);
	if (err == -PARKED)
		return err;
	supply((uint32_t)o->a[0], slot, err == 0 || err == -ENXIO ? err : -EIO, o->a[3] != 0);
	return 0;
}

static struct row *fault_row(void)
{
	for (unsigned n = ROW_FAULT; n < ROW_FAULT_END; n++)
		if (state.row[n].phase == ROW_FREE)
			return row_internal(n, TYPE_FAULT_ROW);
	return NULL;
}

/* One that was told again: vfs has been slow, and not forgetful. */
static bool is_brought(uint32_t ticket, const struct row *new)
{
	for (unsigned n = ROW_FAULT; n < ROW_FAULT_END; n++) {
		const struct row *r = &state.row[n];

		if (r != new && r->phase != ROW_FREE && r->a[0] == ticket)
			return true;
	}
	return false;
}

/* False: there were none. */
bool faults_pull(void)
{
	struct vm_wait_next_reply w;
	struct row *r = fault_row();
	bool any = r == NULL;

	state.faults_left = r == NULL;
	while (r != NULL && vm_wait_next(&vm, &w) == 0) {
		if (is_brought(w.ticket, r))
			continue;
		r->a[0] = w.ticket;
		r->a[1] = w.file;
		r->a[2] = w.offset;
		r->a[3] = w.write;
		any = true;
		row_again(r);
		r = fault_row();
		state.faults_left = r == NULL;
	}
	if (r != NULL)
		row_free(r);
	return any;
}
