/* SPDX-License-Identifier: BSD-2-Clause
 * undo_test.c - whatever is stored to state can be taken back.
 *
 * Links: lib/undo.c lib/test/logged/stores.c
 *
 * stores.c is compiled as a service's files are, so that a form of store that the compiler does not
 * announce is found here. Every store runs on random contents; a rollback must restore each byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lib/undo.h>

#include "logged/stores.h"

enum { ROUNDS = 16 };

static struct state before;
static int failures;

uint64_t opaque(uint64_t value)
{
	__asm__ volatile("" : "+r"(value));
	return value;
}

struct pair make_pair(uint64_t seed)
{
	return (struct pair){ seed, seed + 1 };
}

struct triple make_triple(uint64_t seed)
{
	return (struct triple){ seed, 1, 2, 3 };
}

struct big make_big(uint64_t seed)
{
	struct big b = { .word = { (uint32_t)seed, 1, 2 } };

	return b;
}

static void check(bool good, const char *sentence, const char *why)
{
	if (good) {
		printf("ok %s\n", sentence);
	} else {
		printf("FAIL %s: %s\n", sentence, why);
		failures++;
	}
}

static void randomize(void)
{
	for (size_t i = 0; i < sizeof(state); i++)
		((unsigned char *)&state)[i] = (unsigned char)(rand() >> 7);
	state.f.flag = rand() & 1;              /* a bool is 0 or 1 */
	memcpy(&before, &state, sizeof(state));
}

static void test_store(const struct store *s)
{
	char sentence[128];
	bool changed = false, restored = true, logged = true;

	for (unsigned i = 0; i < ROUNDS; i++) {
		randomize();
		undo_commit();
		s->run(0x123456789abcdefull * (i + 3));
		changed |= memcmp(&state, &before, sizeof(state)) != 0;
		logged &= undo_used() > 0;
		undo_rollback();
		restored &= memcmp(&state, &before, sizeof(state)) == 0;
	}
	snprintf(sentence, sizeof(sentence), "%s is taken back", s->what);
	check(changed && restored && logged, sentence, !changed ? "it changed nothing" :
	      !logged ? "it was not logged" : "state differs");
}

static void test_all_in_one(void)
{
	randomize();
	undo_commit();
	for (unsigned i = 0; i < nr_stores; i++)
		if (undo_used() < UNDO_ENTRIES - 600)
			stores[i].run(i * 77);
	undo_rollback();
	check(memcmp(&state, &before, sizeof(state)) == 0, "many stores are taken back in order",
	      "state differs");
}

static void test_commit(void)
{
	randomize();
	undo_commit();
	stores[0].run(1);
	undo_commit();
	memcpy(&before, &state, sizeof(state));
	undo_rollback();
	check(memcmp(&state, &before, sizeof(state)) == 0, "what was committed stays", "it went");
}

static void test_functions(void)
{
	unsigned char bytes[100];

	memset(bytes, 0x5a, sizeof(bytes));
	randomize();
	undo_commit();
	state_memcpy(state.f.bytes + 3, bytes, 50);
	state_memset(&state.f.huge, 1, 77);
	undo_rollback();
	check(memcmp(&state, &before, sizeof(state)) == 0,
	      "state_memcpy and state_memset are taken back", "state differs");
	undo_before(bytes, sizeof(bytes));
	check(undo_used() == 0, "memory that is not state is not logged", "it was");
	undo_before(state.rest + sizeof(state.rest) - 3, 50);
	check(undo_used() == 1, "a range is cut off at the end of state", "it was not");
	undo_commit();
}

static void test_commit_between(void)
{
	randomize();
	undo_commit();
	store_committed(&state.f.pair, 7);
	undo_rollback();
	before.f.pair = (struct pair){ 7, 7 };
	check(memcmp(&state, &before, sizeof(state)) == 0,
	      "what is stored again after a commit is logged again", "state differs");
}

static void test_disabled(void)
{
	undo_enable(false);
	stores[0].run(5);
	check(undo_used() == 0, "nothing is logged during init", "it was");
	undo_enable(true);
}

static void test_twice(void)
{
	randomize();
	undo_commit();
	for (unsigned i = 0; i < 8; i++)
		stores[i].run(99);
	undo_rollback();
	undo_rollback();
	check(memcmp(&state, &before, sizeof(state)) == 0, "rolling back twice does no harm",
	      "state differs");
}

int main(void)
{
	srand(1);
	undo_enable(true);
	for (unsigned i = 0; i < nr_stores; i++)
		test_store(&stores[i]);
	test_all_in_one();
	test_commit();
	test_functions();
	test_commit_between();
	test_disabled();
	test_twice();
	return failures != 0;
}
