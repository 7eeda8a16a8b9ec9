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

/* The first `used` of walks[] are, in no order. Most of the time there are none. */
struct walk {
	enum walk_kind kind;
	uint32_t request;               /* that waits, + 1; 0: the one that runs */
	uint32_t what, more, at, turn;
	char name[NAME_LEN + 1];
};

static struct walk walks[NR_WALKS];
static unsigned used;
static uint32_t turn;

static struct walk *find(enum walk_kind kind, uint32_t what, uint32_t more, const char *name)
{
	for (unsigned i = 0; i < used; i++) {
		struct walk *w = &walks[i];

		if (w->kind == kind && w->what == what && w->more == more &&
		    strcmp(w->name, name) == 0)
			return w;
	}
	return NULL;
}

/* A free one, or the oldest. */
static struct walk *take(void)
{
	struct walk *w = &walks[0];

	if (used < NR_WALKS)
		return &walks[used++];
	for (unsigned i = 1; i < NR_WALKS; i++)
		if (walks[i].turn < w->turn)
			w = &walks[i];
	return w;
}

static void drop(unsigned n)
{
	walks[n] = walks[--used];
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
		w = take();
		*w = (struct walk){ .kind = kind, .what = what, .more = more };
		memcpy(w->name, name, strlen(name) + 1);
	}
	w->at = at;
	w->request = 0;
	w->turn = ++turn;
}

void walk_forget(enum walk_kind kind, uint32_t what)
{
	for (unsigned i = used; i-- > 0;)
		if (walks[i].kind == kind && (what == WALK_ANY || walks[i].what == what))
			drop(i);
}

void walk_forget_at(enum walk_kind kind, uint32_t at)
{
	for (unsigned i = used; i-- > 0;)
		if (walks[i].kind == kind && walks[i].at == at)
			drop(i);
}

void walks_end(uint32_t request, bool waits)
{
	for (unsigned i = used; i-- > 0;)
		if (walks[i].request == 0 && waits)
			walks[i].request = request + 1;
		else if (!waits && (walks[i].request == 0 || walks[i].request == request + 1))
			drop(i);
}

void walks_forget(void)
{
	used = 0;
}
