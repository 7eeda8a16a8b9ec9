/* SPDX-License-Identifier: BSD-2-Clause
 * stores.h - a state with every kind of field, and the ways to store to it.
 */
#ifndef LIB_TEST_STORES_H
#define LIB_TEST_STORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATE_SIZE = 16384 };
enum colour { RED, GREEN, BLUE };

struct small { uint8_t a, b, c; };
struct pair { uint64_t a, b; };
struct triple { uint64_t a; uint32_t b; uint16_t c; uint8_t d; };
struct big { uint32_t word[50]; };
struct huge { uint64_t word[512]; };

struct __attribute__((packed)) packed {
	uint8_t a;
	uint16_t b;
	uint32_t c;
	uint64_t d;
	struct triple e;
};

struct bits {
	unsigned a : 3;
	unsigned b : 5;
	int c : 17;
	unsigned long d : 33;
	bool e : 1;
	uint8_t whole : 8;
};

struct fields {
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	int64_t i64;
	bool flag;
	enum colour colour;
	unsigned __int128 wide;
	struct bits bits;
	struct packed packed;
	struct small small, smalls[4];
	struct pair pair;
	struct triple triple, triples[5];
	struct big big, other_big;
	struct huge huge;
	uint8_t bytes[64];
	uint16_t shorts[32];
	uint32_t words[32];
	uint64_t longs[32];
	char text[24];
	uint32_t grid[4][6];
};

struct state {
	struct fields f;
	uint8_t rest[STATE_SIZE - sizeof(struct fields)];
	uint8_t behind[8];              /* state_end, as in lib/link.ld */
};
_Static_assert(offsetof(struct state, behind) == STATE_SIZE, "state_end in stores.c");

extern struct state state;

struct store {
	const char *what;
	void (*run)(uint64_t seed);
};
/* Stores twice, with a commit in between. */
void store_committed(struct pair *p, uint64_t s);

extern const struct store stores[];
extern const unsigned nr_stores;

/* Hides a value's origin from the optimiser. */
uint64_t opaque(uint64_t value);
struct pair make_pair(uint64_t seed);
struct triple make_triple(uint64_t seed);
struct big make_big(uint64_t seed);

#endif
