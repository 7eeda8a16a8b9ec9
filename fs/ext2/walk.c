/* SPDX-License-Identifier: BSD-2-Clause
 * walk.c - how far a search has come whose operation has to wait.
 *
 * Job:      an operation that misses a block begins anew, and what it has looked at may be gone
 *           from the buffers by then. So a search through more blocks than there are buffers goes
 *           on where it was.
 * Speaks:   nothing.
 * Touches:  a table that is no state.
 * Trusts:   whoever changes what has been searched to say so (walk_forget).
 * On crash: gone; the searches begin anew.
 */
#include "ext2.h"

enum { NR_WALKS = 128 };                /* more than there are requests, times searches of each */

struct walk {
	enum walk_kind kind;
	uint32_t what, more, at, turn;
	char name[NAME_LEN + 1];
};

static struct walk walks[NR_WALKS];
static uint32_t turn;

static struct walk *find(enum walk_kind kind, uint32_t what, uint32_t more, const char *name)
{
	for (unsigned i = 0; i < NR_WALKS; i++) {
		struct walk *w = &walks[i];

		if (w->kind == kind && w->what == what && w->more == more &&
		    strcmp(w->name, name) == 0)
			return w;
	}
	return NULL;
}

static struct walk *oldest(void)
{
	struct walk *w = &walks[0];

	for (unsigned i = 1; i < NR_WALKS && w->kind != WALK_NONE; i++)
		if (walks[i].kind == WALK_NONE || walks[i].turn < w->turn)
			w = &walks[i];
	return w;
}

uint32_t walk_at(enum walk_kind kind, uint32_t what, uint32_t more, const char *name)
{
	const struct walk *w = find(kind, what, more, name);

	return w != NULL ? w->at : 0;
}

void walk_to(enum walk_kind kind, uint32_t what, uint32_t more, const char *name, uint32_t at)
{
	struct walk *w = find(kind, what, more, name);

	if (w == NULL) {
		w = oldest();
		*w = (struct walk){ .kind = kind, .what = what, .more = more };
		memcpy(w->name, name, strlen(name) + 1);
	}
	w->at = at;
	w->turn = ++turn;
}

void walk_forget(enum walk_kind kind, uint32_t what)
{
	for (unsigned i = 0; i < NR_WALKS; i++)
		if (walks[i].kind == kind && (what == WALK_ANY || walks[i].what == what))
			walks[i].kind = WALK_NONE;
}

void walk_forget_at(enum walk_kind kind, uint32_t at)
{
	for (unsigned i = 0; i < NR_WALKS; i++)
		if (walks[i].kind == kind && walks[i].at == at)
			walks[i].kind = WALK_NONE;
}

void walks_forget(void)
{
	memset(walks, 0, sizeof(walks));
}
