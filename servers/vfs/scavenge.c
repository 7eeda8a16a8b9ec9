/* SPDX-License-Identifier: BSD-2-Clause
 * scavenge.c - after a crash: who is there, and how often is he held? (note 0026)
 *
 * Job:      F1, F2, F4: counts inodes, names, open files and descriptor tables anew from those that
 *           hold them, drops what leads nowhere, and reports what was otherwise than remembered.
 * Speaks:   nothing; prints what it repaired.
 * Touches:  counts; indices that are none; lists, through names_check and inodes_check.
 * Trusts:   what a process, a descriptor, a mount or a socket holds, if it can be.
 * On crash: is done anew.
 *
 * A count may be wrong without a fault: between two commits of one call what it has still to give
 * up stood on the stack.
 */
#include "socket.h"

enum { LINES_MOST = 32 };               /* of the log; then only how many there are */

static uint32_t inode_refs[NR_INODES], file_refs[NR_FILES];
static uint16_t texts[NR_INODES], writers[NR_INODES], pins[NR_NAMES], table_refs[NR_TABLES];
static uint64_t chunk_seen[NR_CHUNKS / 64];
static unsigned repaired;

static void said(const char *what, unsigned n, unsigned was, unsigned is)
{
	if (repaired < LINES_MOST)
		print("recovery: %s %u was %u, is %u\n", what, n, was, is);
	if (++repaired % 64 == 0)
		undo_commit();
}

/* ---- what can be ---- */

static bool is_inode(unsigned n)
{
	return n != 0 && n < state.inode_top && state.inode[n].flags & INODE_USED;
}

static bool is_file(unsigned n)
{
	return n != 0 && n < NR_FILES && state.file[n].kind != FILE_FREE;
}

static bool is_name(unsigned n)
{
	return n != 0 && n < state.name_top && state.name[n].parent != 0;
}

/* An index that leads nowhere becomes 0, one that does is counted. */
static void hold_inode(uint16_t *n, const char *what, unsigned of)
{
	if (*n == 0)
		return;
	if (is_inode(*n)) {
		inode_refs[*n]++;
		return;
	}
	said(what, of, *n, 0);
	*n = 0;
}

static void hold_name(uint16_t *n, const char *what, unsigned of)
{
	if (*n == 0)
		return;
	if (is_name(*n)) {
		pins[*n]++;
		return;
	}
	said(what, of, *n, 0);
	*n = 0;
}

/* ---- descriptors ---- */

static void check_chunk(unsigned n)
{
	struct chunk *c = &state.chunk[n];

	for (unsigned i = 0; i < CHUNK_FDS; i++) {
		if (c->fd[i].file == 0)
			continue;
		if (is_file(c->fd[i].file)) {
			file_refs[c->fd[i].file]++;
			continue;
		}
		said("file of a descriptor of chunk", n, c->fd[i].file, 0);
		c->fd[i].file = 0;
	}
}

/* A chunk belongs to one table. */
static void check_table(struct table *t)
{
	for (unsigned k = 0; k < TABLE_CHUNKS; k++) {
		unsigned n = t->chunk[k];

		if (n == 0)
			continue;
		if (n < state.chunk_top && state.chunk[n].used &&
		    !(chunk_seen[n / 64] & BIT(n % 64))) {
			chunk_seen[n / 64] |= BIT(n % 64);
			check_chunk(n);
			continue;
		}
		said("chunk of table", (unsigned)(t - state.table), n, 0);
		t->chunk[k] = 0;
	}
}

static void chunks_rebuild(void)
{
	state.chunk_free = state.chunks = 0;
	for (unsigned n = state.chunk_top; n-- > 1;) {
		struct chunk *c = &state.chunk[n];
		bool used = chunk_seen[n / 64] >> n % 64 & 1;

		c->used = used;
		c->next = used ? 0 : state.chunk_free;
		state.chunks = (uint16_t)(state.chunks + used);
		if (!used)
			state.chunk_free = (uint16_t)n;
		if (n % 256 == 0)
			undo_commit();
	}
}

/* Each chunk is a table's, or on the list of the free ones. */
static bool chunks_are_right(void)
{
	unsigned used = 0, free = 0;

	for (unsigned n = 1; n < state.chunk_top; n++) {
		if (state.chunk[n].used != (chunk_seen[n / 64] >> n % 64 & 1))
			return false;
		used += state.chunk[n].used;
	}
	for (unsigned n = state.chunk_free; n != 0; n = state.chunk[n].next)
		if (n >= state.chunk_top || state.chunk[n].used || ++free > NR_CHUNKS)
			return false;
	return state.chunks == used && used + free + (state.chunk_top != 0) == state.chunk_top;
}

static void check_chunks(void)
{
	unsigned was = state.chunks;

	if (chunks_are_right())
		return;
	chunks_rebuild();
	said("chunks in use, list", state.chunk_free, was, state.chunks);
}

static void check_tables(void)
{
	for (unsigned n = 0; n < NR_PROCS; n++) {
		struct process *p = &state.process[n];

		if (p->who.v == 0)
			continue;
		if (p->table != 0 && p->table < NR_TABLES)
			table_refs[p->table]++;
		else
			p->table = 0;
	}
	if (state.table_planned < NR_TABLES)
		table_refs[state.table_planned]++;
	for (unsigned n = 1; n < NR_TABLES; n++) {
		struct table *t = &state.table[n];

		if (t->refs != table_refs[n]) {
			said("references to table", n, t->refs, table_refs[n]);
			t->refs = table_refs[n];
			if (t->refs == 0)       /* what it held is nobody's: below */
				memset(t->chunk, 0, sizeof(t->chunk));
		}
		if (t->refs != 0)
			check_table(t);
	}
}

/* ---- open files ---- */

static void check_ring(const struct socket *s)
{
	static uint16_t files[SCM_MAX_FILES];
	bool taken = s->front != 0;     /* the first one's files are */
	struct record r;

	for (uint64_t at = s->tail; at != s->head; at += record_size(&r)) {
		record_at(s, at, &r);
		record_files(s, at, &r, files);
		for (unsigned k = 0; k < r.files && !taken; k++)
			if (is_file(files[k]))
				file_refs[files[k]]++;
		taken = false;
	}
}

static void check_rings(void)
{
	for (unsigned n = 1; n < NR_SOCKETS; n++)
		if (state.socket[n].type != 0 && state.socket[n].flights != 0)
			check_ring(&state.socket[n]);
	for (unsigned n = state.file_dying, k = 0; is_file(n) && k < NR_FILES; k++) {
		file_refs[n]++;
		n = state.file[n].next;
	}
}

static void check_file(unsigned n)
{
	struct file *f = &state.file[n];

	if (f->kind == FILE_FREE)
		return;
	hold_inode(&f->inode, "inode of open file", n);
	hold_inode(&f->dir, "directory of open file", n);
	hold_name(&f->name, "name of open file", n);
	if (is_writer(f))
		writers[f->inode]++;
	if (f->refs == file_refs[n])
		return;
	said("references to open file", n, f->refs, file_refs[n]);
	f->refs = file_refs[n];
	if (f->refs != 0)
		return;
	f->refs = 1;                    /* nobody's: closed, when all is counted */
	f->next = state.file_dying;
	state.file_dying = (uint16_t)n;
}

/* ---- who holds inodes and names ---- */

static void check_processes(void)
{
	for (unsigned n = 0; n < NR_PROCS; n++) {
		struct process *p = &state.process[n];

		if (p->who.v == 0)
			continue;
		hold_inode(&p->cwd, "working directory of process", n);
		hold_inode(&p->root, "root directory of process", n);
		hold_inode(&p->exe, "program of process", n);
		hold_inode(&p->exe_dir, "program's directory of process", n);
		hold_name(&p->exe_name, "program's name of process", n);
		if (p->exe != 0)
			texts[p->exe]++;
	}
}

static void check_others(void)
{
	for (unsigned n = 1; n < NR_MOUNTS; n++)
		if (state.mount[n].used) {
			hold_inode(&state.mount[n].root, "root of mount", n);
			hold_inode(&state.mount[n].covers, "directory under mount", n);
		}
	for (unsigned n = 1; n < NR_PIPES; n++)
		if (state.pipe[n].used)
			hold_inode(&state.pipe[n].inode, "inode of pipe", n);
	for (unsigned n = 1; n < NR_SOCKETS; n++)
		if (state.socket[n].type != 0)
			hold_inode(&state.socket[n].inode, "inode of socket", n);
	for (unsigned n = 0; n < NR_SERVERS * BOARD_ENTRIES; n++) {
		struct request *q = &state.request[0][0] + n;

		if (q->type == 0 || !q->sent)
			continue;
		hold_inode(&q->dir, "directory of request", n);
		hold_inode(&q->dir2, "directory of request", n);
		hold_inode(&q->inode, "inode of request", n);
	}
}

static void check_parents(void)
{
	for (unsigned n = 1; n < state.inode_top; n++) {
		struct inode *i = &state.inode[n];

		if (!(i->flags & INODE_USED))
			continue;
		hold_inode(&i->parent, "parent of inode", n);
		hold_name(&i->name, "name of inode", n);
	}
}

/* ---- the counts ---- */

static void check_inodes(void)
{
	for (unsigned n = 1; n < state.inode_top; n++) {
		struct inode *i = &state.inode[n];

		if (!(i->flags & INODE_USED))
			continue;
		if (i->refs != inode_refs[n]) {
			said("references to inode", n, i->refs, inode_refs[n]);
			i->refs = inode_refs[n];
		}
		if (i->texts != texts[n]) {
			said("programs of inode", n, i->texts, texts[n]);
			i->texts = texts[n];
		}
		if (i->writers != writers[n]) {
			said("writers of inode", n, i->writers, writers[n]);
			i->writers = writers[n];
		}
	}
}

static void check_pins(void)
{
	for (unsigned n = 1; n < state.name_top; n++) {
		struct name *e = &state.name[n];

		if (e->parent == 0)
			continue;
		if (e->pins != pins[n]) {
			said("pins of name", n, e->pins, pins[n]);
			e->pins = pins[n];
		}
		if (e->pins == 0 && e->gone)
			name_drop(n);
	}
}

static void forget_counts(void)
{
	memset(inode_refs, 0, sizeof(inode_refs));
	memset(file_refs, 0, sizeof(file_refs));
	memset(texts, 0, sizeof(texts));
	memset(writers, 0, sizeof(writers));
	memset(pins, 0, sizeof(pins));
	memset(table_refs, 0, sizeof(table_refs));
	memset(chunk_seen, 0, sizeof(chunk_seen));
	repaired = 0;
}

void refs_check(void)
{
	forget_counts();
	repaired += inodes_check();
	repaired += names_check();
	check_tables();
	check_chunks();
	check_rings();
	for (unsigned n = 1; n < NR_FILES; n++)
		check_file(n);
	check_processes();
	check_others();
	check_parents();
	check_inodes();
	check_pins();
	undo_commit();
	if (repaired != 0)
		print("recovery: %u repairs of files and names\n", repaired);
}
