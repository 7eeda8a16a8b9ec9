/* SPDX-License-Identifier: BSD-2-Clause
 * explorer.h - between the search (explorer.c) and the scenes it searches.
 */
#ifndef MODEL_EXPLORER_H
#define MODEL_EXPLORER_H

#include <kernel/test/host/fake.h>

/* A scene is a start state and everything that may happen from there. */
struct scene {
	const char *name;
	/* Build the start state; name all memory that belongs to a state with keep(). */
	void (*setup)(void);
	const unsigned *count;          /* of actions, after setup */
	/* Let it happen; false: it cannot happen in this state. Reports through wrong(). */
	bool (*act)(unsigned action);
	/* Put what is visible of the state, serials and generations relative, into the hash. */
	void (*hash)(void);
	/* NULL, or the invariant that does not hold. */
	const char *(*check)(void);
	void (*describe)(unsigned action, char *text, unsigned size);
	unsigned quick_depth;           /* without --full: no deeper than this */
};

extern const struct scene scene_ipc, scene_stop, scene_memory;

void keep(void *at, size_t size);
void hash_word(uint64_t word);
/* What just happened must not. */
void wrong(const char *why);

#endif
