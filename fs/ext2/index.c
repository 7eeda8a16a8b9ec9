/* SPDX-License-Identifier: BSD-2-Clause
 * index.c - where names are in directories of several blocks, so that they are not searched.
 *
 * Job:      a hash table for each of the few directories used last, made when a name is looked up
 *           there, kept right by dir.c; and from where on there may be room for a new entry.
 * Speaks:   nothing.
 * Touches:  tables that are no state.
 * Trusts:   nothing it remembers: dir.c looks at the entry itself.
 * On crash: gone; made anew.
 *
 * X1  A complete table has each entry of its directory that is in use.
 * X2  It holds for what is in the buffers: what an operation that is taken back has changed, goes.
 * X3  No gap of 4 * n bytes or more begins below room[n], which is where an entry begins.
 */
#include "ext2.h"

enum { NR_INDEXES = 2, NR_SLOTS = 1 << 14, SLOTS_FULL = NR_SLOTS / 4 * 3, FEW_BLOCKS = 2 };
enum { SLOT_GONE = 0xffffffff };

struct index {
	uint32_t dir;                   /* 0: none */
	uint32_t blocks;                /* that are in it */
	uint32_t used, gone;            /* slots; those of names that were removed, among them */
	uint32_t turn;                  /* the use of it that was the latest */
	bool changed;                   /* by the operation that goes on */
	bool too_large;
	uint32_t room[ROOM_CLASSES];
	struct { uint32_t hash, at; } slot[NR_SLOTS];   /* at: 1 + position / 4; 0: never used */
};

static struct index indexes[NR_INDEXES];
static uint32_t turn;

static uint32_t hash_of(const char *name, uint32_t len)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)name[i]) * 16777619u;
	return hash;
}

static struct index *find(uint32_t dir)
{
	for (unsigned i = 0; i < NR_INDEXES; i++)
		if (indexes[i].dir == dir)
			return &indexes[i];
	return NULL;
}

static struct index *take(uint32_t dir)
{
	struct index *x = &indexes[0];

	for (unsigned i = 1; i < NR_INDEXES; i++)
		if (indexes[i].turn < x->turn)
			x = &indexes[i];
	memset(x, 0, sizeof(*x));
	x->dir = dir;
	return x;
}

/* Slots with the same hash follow each other; *i: where to go on. */
static bool slot_next(const struct index *x, uint32_t hash, uint32_t *i)
{
	for (; x->slot[*i].at != 0; *i = (*i + 1) % NR_SLOTS)
		if (x->slot[*i].at != SLOT_GONE && x->slot[*i].hash == hash)
			return true;
	return false;
}

static void put(struct index *x, const char *name, uint32_t len, uint32_t position)
{
	uint32_t hash = hash_of(name, len), i = hash % NR_SLOTS;

	if (x->used == SLOTS_FULL && x->gone > SLOTS_FULL / 4) {
		x->dir = 0;             /* made anew, without those that are gone */
		return;
	}
	if (x->used == SLOTS_FULL) {
		x->too_large = true;
		return;
	}
	while (x->slot[i].at != 0 && x->slot[i].at != SLOT_GONE)
		i = (i + 1) % NR_SLOTS;
	if (x->slot[i].at == 0)
		x->used++;
	else
		x->gone--;
	x->slot[i].hash = hash;
	x->slot[i].at = 1 + position / 4;
}

static bool put_block(struct index *x, uint8_t *at)
{
	struct ext2_dirent *e;

	for (uint32_t offset = 0; offset < state.volume.size; offset += e->len) {
		e = dir_entry(at, offset);
		if (e == NULL)
			return false;
		if (e->inode != 0)
			put(x, e->name, e->name_len, x->blocks * state.volume.size + offset);
	}
	x->blocks++;
	return true;
}

/* The complete index of a directory. *found NULL: there is none, search. */
static err_t get(uint32_t ino, const struct ext2_inode *dir, struct index **found)
{
	uint32_t n = dir_blocks(dir);
	struct index *x = find(ino);

	*found = NULL;
	if (n < FEW_BLOCKS)
		return 0;
	if (x != NULL && x->blocks > n) {
		x->dir = 0;
		x = NULL;
	}
	if (x == NULL)
		x = take(ino);
	x->turn = ++turn;
	while (!x->too_large && x->blocks < n) {
		uint8_t *at;
		err_t err = dir_block(dir, x->blocks, &at);

		if (err != 0)
			return err;
		x->changed |= kept.journal_used != 0;                  /* X2 */
		if (!put_block(x, at)) {
			x->dir = 0;
			return 0;
		}
	}
	if (!x->too_large)
		*found = x;
	return 0;
}

err_t index_find(uint32_t ino, const struct ext2_inode *dir, const char *name, struct spot *s)
{
	uint32_t len = (uint32_t)strlen(name), hash = hash_of(name, len), i = hash % NR_SLOTS;
	struct index *x;
	err_t err = get(ino, dir, &x);

	if (err != 0)
		return err;
	if (x == NULL)
		return NOT_INDEXED;
	for (; slot_next(x, hash, &i); i = (i + 1) % NR_SLOTS) {
		uint32_t position = (x->slot[i].at - 1) * 4;

		err = dir_spot(dir, position, s);
		if (err != 0)
			return err;
		if (dir_matches(s->entry, name, len))
			return 0;
	}
	return -ENOENT;
}

/* The class of an entry's length. */
static uint32_t class_of(uint32_t need)
{
	return need / 4 < ROOM_CLASSES ? need / 4 : ROOM_CLASSES - 1;
}

uint32_t index_room(uint32_t ino, uint32_t need)
{
	const struct index *x = find(ino);
	uint32_t at = 0;

	for (uint32_t n = 0; x != NULL && n <= class_of(need); n++)
		at = x->room[n] > at ? x->room[n] : at;
	return at;
}

void index_added(uint32_t ino, const char *name, uint32_t need, uint32_t position)
{
	struct index *x = find(ino);

	if (x == NULL)
		return;
	x->changed = true;
	x->room[class_of(need)] = position;
	/* A block that is not in it yet is put there whole. */
	if (position < x->blocks * state.volume.size)
		put(x, name, (uint32_t)strlen(name), position);
}

void index_removed(uint32_t ino, const char *name, uint32_t len, uint32_t position, uint32_t gap)
{
	uint32_t hash = hash_of(name, len), i = hash % NR_SLOTS;
	struct index *x = find(ino);

	if (x == NULL)
		return;
	x->changed = true;
	for (unsigned n = 0; n < ROOM_CLASSES; n++)
		if (x->room[n] > gap)
			x->room[n] = gap;
	for (; slot_next(x, hash, &i); i = (i + 1) % NR_SLOTS)
		if (x->slot[i].at == 1 + position / 4) {
			x->slot[i].at = SLOT_GONE;
			x->gone++;
		}
}

void index_drop(uint32_t ino)
{
	struct index *x = find(ino);

	if (x != NULL)
		x->dir = 0;
}

void index_forget(void)
{
	for (unsigned i = 0; i < NR_INDEXES; i++)
		indexes[i].dir = 0;
}

void index_settle(bool taken_back)
{
	for (unsigned i = 0; i < NR_INDEXES; i++) {
		if (indexes[i].changed && taken_back)                   /* X2 */
			indexes[i].dir = 0;
		indexes[i].changed = false;
	}
}
