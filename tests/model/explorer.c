/* SPDX-License-Identifier: BSD-2-Clause
 * explorer.c - drives the real kernel through every interleaving.
 *
 * Limit: 300
 *
 * Breadth first from a start state: each state is the kernel's own memory (plus ghosts that say
 * what ought to be), saved and restored by copying; a step is one entry into kernel/core or
 * kernel/call, by any process that could run, or an interrupt. States that look the same are
 * visited once. After each step the invariants of kernel/test/host/check.c and of the scene must
 * hold. The first that does not is printed with the shortest way there.
 *
 *	explorer [--full] [--depth N] [--seconds N] [SCENE...]
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "explorer/explorer.h"

enum { MAX_BLOBS = 64, MAX_WORDS = 16384, TABLE_BITS = 26 };
enum { FULL_SECONDS = 110, QUICK_SECONDS = 30 };
#define MAX_LEVEL (2ul << 30)           /* bytes; beyond that it is as if time were up */

/* ---- states: what the scene keeps,
      as one array of words; packed: what differs from the start ---- */

static struct { void *at; size_t words; } blobs[MAX_BLOBS];
static unsigned nr_blobs, nr_words;
static uint64_t start[MAX_WORDS];

void keep(void *at, size_t size)
{
	if (nr_blobs == MAX_BLOBS || (uintptr_t)at % 8 || size % 8 ||
	      nr_words + size / 8 > MAX_WORDS)
		abort();
	blobs[nr_blobs].at = at;
	blobs[nr_blobs++].words = size / 8;
	nr_words += (unsigned)(size / 8);
}

struct packed {
	uint32_t id, count;             /* id: of the state, for the way there */
	uint64_t words[];               /* count values, then count 16-bit indexes */
};

static size_t packed_size(uint32_t count)
{
	return sizeof(struct packed) + 8ul * count + (2ul * count + 7) / 8 * 8;
}

struct level {                          /* packed states, one after the other */
	uint8_t *bytes;
	size_t used, size;
	unsigned states;
};

static void save_start(void)
{
	uint64_t *to = start;

	for (unsigned b = 0; b < nr_blobs; b++, to += blobs[b].words)
		memcpy(to, blobs[b].at, blobs[b].words * 8);
	for (; to < start + MAX_WORDS; to++)
		*to = 0;
}

static void restore(const struct packed *p)
{
	const uint16_t *index = (const uint16_t *)(p->words + p->count);
	unsigned first = 0, i = 0;

	for (unsigned b = 0; b < nr_blobs; b++) {
		uint64_t *at = blobs[b].at;

		memcpy(at, start + first, blobs[b].words * 8);
		for (; i < p->count && index[i] < first + blobs[b].words; i++)
			at[index[i] - first] = p->words[i];
		first += (unsigned)blobs[b].words;
	}
}

static void save(struct level *l, uint32_t id)
{
	static uint16_t index[MAX_WORDS];
	struct packed *p;
	unsigned first = 0;

	if (l->size - l->used < packed_size(MAX_WORDS)) {
		l->size = l->size * 3 / 2 + 2 * packed_size(MAX_WORDS);
		l->bytes = realloc(l->bytes, l->size);
		if (!l->bytes)
			abort();
	}
	p = (struct packed *)(l->bytes + l->used);
	*p = (struct packed){ .id = id };
	for (unsigned b = 0; b < nr_blobs; b++) {
		const uint64_t *at = blobs[b].at;

		for (unsigned w = 0; w < blobs[b].words; w++) {
			if (at[w] == start[first + w])
				continue;
			index[p->count] = (uint16_t)(first + w);
			p->words[p->count++] = at[w];
		}
		first += (unsigned)blobs[b].words;
	}
	memcpy(p->words + p->count, index, 2ul * p->count);
	l->used += packed_size(p->count);
	l->states++;
}

/* ---- which states were seen, and how each was reached ---- */

static uint64_t *seen;                  /* hashes; 0: empty */
static struct { uint32_t from; uint8_t action; } *reached;
static uint32_t nr_states;
static uint64_t hash;

void hash_word(uint64_t word)
{
	hash = (hash ^ word) * 0x9fb21c651e98df25ull;
	hash ^= hash >> 32;
}

/* Its id if the state is new, else 0. Ids begin with 1. */
static uint32_t note(const struct scene *s, uint32_t from, unsigned action)
{
	uint64_t i, mask = BIT(TABLE_BITS) - 1;

	hash = 0x243f6a8885a308d3ull;
	s->hash();
	hash |= hash == 0;
	for (i = hash * 0x9e3779b97f4a7c15ull >> (64 - TABLE_BITS); seen[i & mask]; i++)
		if (seen[i & mask] == hash)
			return 0;
	if (nr_states + 1 >= BIT(TABLE_BITS) / 4 * 3)
		return 0;
	seen[i & mask] = hash;
	reached[++nr_states].from = from;
	reached[nr_states].action = (uint8_t)action;
	return nr_states;
}

/* ---- the search ---- */

static jmp_buf panicked;
static char reason[200];
static const char *found;

void wrong(const char *why)
{
	if (!found)
		found = why;
}

static void on_panic(const char *why, uint64_t value)
{
	snprintf(reason, sizeof(reason), "panic: %s (%llx)", why, (unsigned long long)value);
	longjmp(panicked, 1);
}

static void print_way(const struct scene *s, uint32_t id, unsigned last)
{
	unsigned char way[256];
	unsigned n = 0;
	char text[80];

	way[n++] = (unsigned char)last;
	for (; id > 1 && n < sizeof(way); id = reached[id].from)
		way[n++] = reached[id].action;
	while (n-- > 0) {
		s->describe(way[n], text, sizeof(text));
		printf("        %s\n", text);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const char *step(const struct scene *s, unsigned action, bool *possible)
{
	const char *why;

	found = NULL;
	*possible = true;
	if (setjmp(panicked))
		return reason;
	*possible = s->act(action);
	if (!*possible)
		return NULL;
	why = found ? found : s->check();
	return why;
}

/* All states one step on. False: a broken invariant, or out of time. */
static bool expand(const struct scene *s, struct level *from, struct level *to, double until,
		   uint64_t *steps, bool *timed_out)
{
	for (size_t at = 0; at < from->used;) {
		struct packed *p = (struct packed *)(from->bytes + at);
		bool possible = true;

		at += packed_size(p->count);
		if (now() > until || to->used > MAX_LEVEL) {
			*timed_out = true;
			return false;
		}
		for (unsigned a = 0; a < *s->count; a++) {
			uint32_t id;

			if (possible)
				restore(p);
			const char *why = step(s, a, &possible);
			if (why) {
				printf("FAIL %s: every state is sound: %s, after\n", s->name, why);
				print_way(s, p->id, a);
				return false;
			}
			*steps += possible;
			id = possible ? note(s, p->id, a) : 0;
			if (id)
				save(to, id);
		}
	}
	return true;
}

static bool explore(const struct scene *s, unsigned depth, double seconds)
{
	struct level level[2] = { 0 };
	double began = now();
	bool timed_out = false, ok = true;
	uint64_t steps = 0;
	unsigned d = 0;

	nr_blobs = nr_words = nr_states = 0;
	seen = calloc(sizeof(*seen), BIT(TABLE_BITS));
	if (!seen)
		abort();
	fake_on_panic = on_panic;
	s->setup();
	save_start();
	save(&level[0], note(s, 0, 0));
	for (; level[d % 2].states && d < depth; d++) {
		struct level *next = &level[(d + 1) % 2];

		next->used = next->states = 0;
		ok = expand(s, &level[d % 2], next, began + seconds, &steps, &timed_out);
		if (!ok)
			break;
	}
	ok |= timed_out;
	printf("    %s: %u states, %llu transitions, depth %u%s, %.1f s\n", s->name, nr_states,
	       (unsigned long long)steps, d, timed_out ? " (next one begun)"
	       : level[d % 2].states && ok ? "" : ok ? " (all there are)" : "", now() - began);
	if (ok)
		printf("ok %s: every state is sound, down to depth %u\n", s->name, d);
	fflush(stdout);
	free(seen);
	free(level[0].bytes);
	free(level[1].bytes);
	return ok;
}

int main(int argc, char **argv)
{
	static const struct scene *const scenes[] = { &scene_memory, &scene_stop, &scene_ipc };
	double begin = now();
	bool full = getenv("SKINK_LONG") && *getenv("SKINK_LONG"), ok = true, some = false;
	unsigned depth = 0, seconds = 0;

	for (int i = 1; i < argc; i++) {
		full |= !strcmp(argv[i], "--full");
		if (i + 1 < argc && !strcmp(argv[i], "--depth"))
			depth = (unsigned)atoi(argv[++i]);
		else if (i + 1 < argc && !strcmp(argv[i], "--seconds"))
			seconds = (unsigned)atoi(argv[++i]);
		else
			some |= argv[i][0] != '-';
	}
	if (!seconds)
		seconds = full ? FULL_SECONDS : QUICK_SECONDS;
	reached = malloc((sizeof(*reached) << TABLE_BITS) / 4 * 3);
	if (!reached)
		abort();
	for (unsigned i = 0; i < COUNT(scenes); i++) {
		const struct scene *s = scenes[i];
		bool named = !some;

		for (int k = 1; k < argc; k++)
			named |= !strcmp(argv[k], s->name);
		if (named)
			ok &= explore(s, depth ? depth : full ? 255 : s->quick_depth,
				      (begin + seconds - now()) / (double)(COUNT(scenes) - i));
	}
	return !ok;
}
