/* SPDX-License-Identifier: BSD-2-Clause
 * inode.c - the table of files that are in use or remembered, with their attributes.
 *
 * Job:      finds and makes rows; keeps attributes; evicts rows that nobody uses.
 * Speaks:   contracts/file (forget, set_attr, get_attr) through server.c.
 * Touches:  state.inode and its hash chains.
 * Trusts:   file servers for attributes, not for anything that indexes our tables.
 * On crash: recovers in place.
 */
#include "vfs.h"

#define NO_FILE UINT64_MAX             /* and those below: no server has such numbers */
enum { EVICT_STEPS = 2 * NR_INODES };  /* the first round may find all of them touched */

static unsigned bucket(unsigned mount, uint64_t file)
{
	uint64_t h = file * 0x9e3779b97f4a7c15ull ^ mount * 0x85ebca6bu;

	return (unsigned)(h >> 40) % INODE_BUCKETS;
}

unsigned inode_bucket(const struct inode *i)
{
	return bucket(i->mount, i->attr.file);
}

unsigned inode_find(unsigned mount, uint64_t file)
{
	unsigned n = state.inode_bucket[bucket(mount, file)];

	while (n != 0 && (state.inode[n].attr.file != file || state.inode[n].mount != mount))
		n = state.inode[n].next;
	return n;
}

uint64_t inode_file(unsigned n)
{
	return (uint64_t)state.inode[n].gen << 32 | n;
}

unsigned inode_of_file(uint64_t file)
{
	unsigned n = (uint32_t)file;

	if (n == 0 || n >= NR_INODES || !(state.inode[n].flags & INODE_USED) ||
	    state.inode[n].gen != file >> 32)
		return 0;
	return n;
}

bool inode_is_deleted(unsigned n)
{
	const struct inode *i = &state.inode[n];

	return i->mount != 0 && i->attr.links == 0 && !(mount_flags(i) & FILE_MOUNT_VOLATILE);
}

void inode_hold(unsigned n)
{
	if (n != 0)
		state.inode[n].refs++;
}

static void hash(unsigned n)
{
	uint16_t *first = &state.inode_bucket[inode_bucket(&state.inode[n])];

	state.inode[n].next = *first;
	*first = (uint16_t)n;
}

static void unhash(unsigned n)
{
	struct inode *i = &state.inode[n];
	uint16_t *at = &state.inode_bucket[bucket(i->mount, i->attr.file)];

	while (*at != n)
		at = &state.inode[*at].next;
	*at = i->next;
}

/* Files without a name are being freed: their room is not free yet. */
bool forgets_open(void)
{
	for (unsigned s = 1; s < NR_SERVERS; s++)
		for (unsigned n = 0; n < BOARD_ENTRIES; n++) {
			const struct request *q = &state.request[s][n];

			if (state.server[s].kind == SERVER_FILE && q->type == FILE_FORGET &&
			    !q->taken)
				return true;
		}
	return false;
}

/* Tell the server what it does not know yet: attributes; and that the file can go. */
static void part(unsigned n)
{
	struct inode *i = &state.inode[n];
	struct request *q;
	struct file_entry *e;

	if (i->attr.links == 0) {
		e = ask_file(NULL, i->mount, FILE_FORGET, &q);
		if (e == NULL)
			return;
		e->w[0] = i->attr.file;
		ask_send(NULL, q);
	} else if (i->flags & INODE_DIRTY) {
		struct file_set_attr_request *req;

		e = ask_file(NULL, i->mount, FILE_SET_ATTR, &q);
		if (e == NULL)
			return;
		req = (struct file_set_attr_request *)e->w;
		req->file = i->attr.file;
		req->mask = FILE_SET_MTIME | FILE_SET_CTIME | FILE_SET_ATIME |
			    (i->flags & INODE_SIZED ? FILE_SET_SIZE : 0);
		e->attr = i->attr;
		e->attr.file = 0;               /* the answer has it */
		ask_send(NULL, q);
	}
}

/* The row becomes free. It has no references. */
static void drop(unsigned n)
{
	struct inode *i = &state.inode[n];
	unsigned parent = i->parent, name = i->name;
	uint32_t gen = i->gen + 1;

	names_of_inode_drop(n);
	names_of_dir_drop(n);
	pages_of_inode_drop(n);
	if (state.mount[i->mount].used && state.mount[i->mount].ready &&
	    !(i->flags & INODE_DEAD))
		part(n);
	unhash(n);
	memset(i, 0, sizeof(*i));
	i->gen = gen;
	i->next = state.inode_free;
	state.inode_free = (uint16_t)n;
	if (name != 0)
		name_unpin(name);
	if (parent != 0)
		inode_release(parent);
}

/* Is there room to tell the server what part() will tell? */
static bool can_part(unsigned n)
{
	const struct inode *i = &state.inode[n];

	if (i->flags & INODE_DEAD || (i->attr.links != 0 && !(i->flags & INODE_DIRTY)))
		return true;
	return !state.mount[i->mount].used || !state.mount[i->mount].ready ||
	       ask_has_room(i->mount);
}

/* Has a program it in its memory? vm knows. */
bool inode_is_mapped(unsigned n)
{
	struct vm_file_mapped_request req = { .file = inode_file(n) };
	struct vm_file_mapped_reply reply;

	if (state.inode[n].flags & INODE_MAPPED && vm_file_mapped(&vm, &req, &reply) == 0 &&
	    !reply.mapped)
		state.inode[n].flags &= (uint8_t)~INODE_MAPPED;
	return state.inode[n].flags & INODE_MAPPED;
}

/* Unlinked and unused: it goes at once, or when the last program that has mapped it goes, or, if
 * its server has too much to do, with the end of some process. */
static void unused(unsigned n)
{
	struct inode *i = &state.inode[n];

	if (i->refs != 0 || i->attr.links != 0 || i->queue != 0)
		return;
	if (!inode_is_mapped(n) && can_part(n)) {
		if (i->flags & INODE_ORPHAN)
			state.orphans--;
		drop(n);
	} else if (!(i->flags & INODE_ORPHAN)) {
		i->flags |= INODE_ORPHAN;
		state.orphans++;
	}
}

void inode_release(unsigned n)
{
	if (n == 0)
		return;
	assert(state.inode[n].refs > 0);        /* F1 */
	state.inode[n].refs--;
	unused(n);
}

/* A process has gone, and with it what it had mapped. */
void orphans_look(void)
{
	unsigned left = state.orphans;

	for (unsigned n = 1; n < state.inode_top && left > 0; n++)
		if (state.inode[n].flags & INODE_ORPHAN) {
			left--;
			unused(n);
		}
}

/* We died while one was going. */
void orphans_recover(void)
{
	state.orphans = 0;
	for (unsigned n = 1; n < state.inode_top; n++) {
		struct inode *i = &state.inode[n];

		if (!(i->flags & INODE_USED))
			continue;
		if (i->refs == 0 && i->attr.links == 0 && i->mount != 0)
			i->flags |= INODE_ORPHAN;
		state.orphans += (i->flags & INODE_ORPHAN) != 0;
	}
}

bool inode_evict_one(void)
{
	for (unsigned step = 0; step < EVICT_STEPS; step++) {
		unsigned n = state.inode_hand;
		struct inode *i = &state.inode[n];

		state.inode_hand = (uint16_t)(n + 1 < state.inode_top ? n + 1 : 1);
		if (step % 256 == 255)
			undo_commit();
		if (!(i->flags & INODE_USED) || i->flags & INODE_ORPHAN || i->refs != 0 ||
		    i->dirty_pages != 0 || i->queue != 0)
			continue;
		if (i->touched || inode_is_mapped(n) || !can_part(n)) {
			i->touched = 0;
			continue;
		}
		drop(n);
		return true;
	}
	return false;
}

static unsigned row_of_inode(void)
{
	unsigned n = state.inode_free;

	if (n == 0 && state.inode_top == 0)
		state.inode_top = state.inode_hand = 1;
	if (n == 0 && state.inode_top < NR_INODES)
		return state.inode_top++;
	if (n == 0 && inode_evict_one())
		n = state.inode_free;
	if (n != 0)
		state.inode_free = state.inode[n].next;
	return n;
}

/* What a damaged disk says of a file's length: the rest of it cannot be read. */
static void limit_size_of(struct inode *i)
{
	if (i->attr.size > FILE_SIZE_LIMIT)
		i->attr.size = FILE_SIZE_LIMIT;
}

unsigned inode_get(unsigned mount, const struct file_attr *attr, uint64_t stamp)
{
	unsigned n = inode_find(mount, attr->file);
	struct inode *i;
	uint32_t gen;

	if (n != 0) {
		inode_update(n, attr, stamp);
		return n;
	}
	n = row_of_inode();
	if (n == 0)
		return 0;
	i = &state.inode[n];
	gen = i->gen + (i->gen == 0);
	memset(i, 0, sizeof(*i));
	i->gen = gen;
	i->mount = (uint8_t)mount;
	i->flags = INODE_USED;
	i->touched = 1;
	i->attr = *attr;
	limit_size_of(i);
	i->stamp = stamp;
	hash(n);
	return n;
}

/* What we have changed and the server does not know is newer than what it says. */
void inode_update(unsigned n, const struct file_attr *attr, uint64_t stamp)
{
	struct inode *i = &state.inode[n];
	struct file_attr old = i->attr;

	i->touched = 1;
	i->stamp = stamp;
	if (attr->file != old.file)
		return;
	i->attr = *attr;
	limit_size_of(i);
	if (i->flags & INODE_DIRTY || i->dirty_pages != 0) {
		i->attr.atime = old.atime;
		i->attr.mtime = old.mtime;
		i->attr.ctime = old.ctime;
	}
	if (i->flags & INODE_SIZED || i->dirty_pages != 0) {
		i->attr.size = old.size;
		if (old.blocks > i->attr.blocks)
			i->attr.blocks = old.blocks;
	}
}

void inode_touch_times(struct inode *i, unsigned what)
{
	int64_t now = (int64_t)clock_realtime_ns();

	if (what & FILE_SET_ATIME)
		i->attr.atime = now;
	if (what & FILE_SET_MTIME)
		i->attr.mtime = now;
	if (what & (FILE_SET_MTIME | FILE_SET_CTIME))
		i->attr.ctime = now;
	if (!(mount_flags(i) & FILE_MOUNT_DIRECT))
		i->flags |= INODE_DIRTY;
}

int64_t inode_fresh(struct op *o, unsigned n)
{
	struct inode *i = &state.inode[n];
	struct request *q;
	struct file_entry *e;

	if (i->flags & INODE_DEAD)
		return -EIO;
	if (!(mount_flags(i) & FILE_MOUNT_VOLATILE) || i->stamp >= o->began)
		return 0;
	e = ask_file(o, i->mount, FILE_GET_ATTR, &q);
	if (e == NULL)
		return -PARKED;
	q->inode = (uint16_t)n;
	e->w[0] = i->attr.file;
	return ask_send(o, q);
}

/* At umount: everything that can go. What cannot keeps its row. */
void inodes_of_mount_drop(unsigned mount)
{
	bool more = true;

	while (more) {
		more = false;
		for (unsigned n = 1; n < state.inode_top; n++) {
			struct inode *i = &state.inode[n];

			if (!(i->flags & INODE_USED) || i->mount != mount || i->refs != 0)
				continue;
			drop(n);
			undo_commit();
			more = true;
		}
	}
}

/* ---- a tree that is mounted again (again.c) ---- */

/* Is there anything that its server may not know, or that somebody holds? */
static bool is_in_use(unsigned n)
{
	const struct inode *i = &state.inode[n];

	return i->refs != 0 || i->attr.links == 0 || i->dirty_pages != 0 || i->writes != 0 ||
	       i->queue != 0 || i->flags & (INODE_DIRTY | INODE_ORPHAN) || inode_is_mapped(n);
}

void inodes_unused_drop(unsigned mount)
{
	bool more = true;

	while (more) {
		more = false;
		for (unsigned n = 1; n < state.inode_top; n++) {
			const struct inode *i = &state.inode[n];

			if (!(i->flags & INODE_USED) || i->mount != mount || is_in_use(n))
				continue;
			drop(n);
			undo_commit();
			more = true;
		}
	}
}

/* G2. Its bytes go first, which commits: what follows is one step. Somebody holds it. */
void inode_dies(unsigned n)
{
	struct inode *i = &state.inode[n];

	names_of_dir_drop(n);
	names_of_inode_drop(n);
	pages_of_inode_drop(n);
	unhash(n);
	if (i->flags & (INODE_DIRTY | INODE_SIZED) || i->writes != 0)
		i->error = EIO;
	i->flags = (uint8_t)((i->flags & ~(INODE_DIRTY | INODE_SIZED)) | INODE_DEAD);
	i->attr.file = NO_FILE - n;
	i->attr.links = 0;
	i->attr.size = 0;
	hash(n);
}

/* The root of a tree is that tree's root, whatever it was before. */
void inode_is_now(unsigned n, const struct file_attr *attr, uint64_t stamp)
{
	struct inode *i = &state.inode[n];

	unhash(n);
	i->attr = *attr;
	i->flags &= (uint8_t)~INODE_DEAD;
	i->stamp = stamp;
	hash(n);
}
