/* SPDX-License-Identifier: BSD-2-Clause
 * stores.c - every form of store to every kind of field, compiled as a service's files are, through
 * tools/undo_stores (docs/notes/0005). Run by undo_test.c.
 *
 * One form is missing here: `state.x = f()` where f, of another file, returns a struct.
 * tools/undo_check refuses it in every file that is built with the undo log.
 */
#include "stores.h"

#include <lib/undo.h>

struct state state __attribute__((section(".state"), aligned(4096)));
__asm__(".globl state_start, state_end\n"
	".set state_start, state\n"
	".set state_end, state + 16384\n");

#define F state.f
#define STORE(name, statement) \
	static void name(uint64_t s) { (void)s; statement; }
#define I(n) (opaque(n))

STORE(store_u8, F.u8 = (uint8_t)s)
STORE(store_u16, F.u16 = (uint16_t)s)
STORE(store_u32, F.u32 = (uint32_t)s)
STORE(store_u64, F.u64 = s)
STORE(store_i64, F.i64 = -(int64_t)s)
STORE(store_flag, F.flag = !F.flag)
STORE(store_enum, F.colour = F.colour == RED ? BLUE : RED)
STORE(store_wide, F.wide = (unsigned __int128)s << 64 | ~s)
STORE(store_add, F.u32 += 7)
STORE(store_or, F.u64 |= s | 1; F.u64 ^= s)
STORE(store_post, F.u16++; ++F.u8; F.i64--)
STORE(store_neighbours, F.u8 = 1; F.u16 = 2; F.u32 = 3; F.u64 = 4; F.i64 = 5)
STORE(store_twice, F.u64 = s; F.u64 = s + 1; F.u64 = s + 2)
STORE(store_bit3, F.bits.a = (unsigned)s & 7)
STORE(store_bit5, F.bits.b = (unsigned)s & 31)
STORE(store_bit17, F.bits.c = (int)(s & 0xffff))
STORE(store_bit33, F.bits.d = s & 0x1ffffffff)
STORE(store_bit1, F.bits.e = !F.bits.e)
STORE(store_bit8, F.bits.whole = (uint8_t)s)
STORE(store_bit_add, F.bits.a++; F.bits.d += 9)
STORE(store_bits_all, F.bits = ((struct bits){ .a = 1, .b = 2, .c = 3, .d = 4, .e = 1 }))
STORE(store_packed16, F.packed.b = (uint16_t)s)
STORE(store_packed32, F.packed.c = (uint32_t)s)
STORE(store_packed64, F.packed.d = s)
STORE(store_packed_struct, F.packed.e = ((struct triple){ s, 1, 2, 3 }))
STORE(store_packed_all, F.packed = ((struct packed){ .a = 1, .d = s }))
STORE(store_index, F.words[7] = (uint32_t)s)
STORE(store_index_any, F.words[I(9)] = (uint32_t)s)
STORE(store_byte_any, F.bytes[I(33)] = (uint8_t)s)
STORE(store_grid, F.grid[2][3] = (uint32_t)s; F.grid[I(3)][I(5)] = 1)
STORE(store_small, F.small = ((struct small){ 1, 2, (uint8_t)s }))
STORE(store_small_copy, F.smalls[2] = F.small)
STORE(store_pair, F.pair = ((struct pair){ s, ~s }))
STORE(store_pair_zero, F.pair = ((struct pair){ 0 }))
STORE(store_triple, F.triple = ((struct triple){ .a = s, .c = 4 }))
STORE(store_triple_copy, F.triples[I(4)] = F.triples[I(1)])
STORE(store_big_copy, F.big = F.other_big)
STORE(store_big_zero, F.big = ((struct big){ .word = { 0 } }))
STORE(store_big_literal, F.big = ((struct big){ .word = { 1, 2, 3, [40] = 9 } }))
STORE(store_huge_zero, F.huge = ((struct huge){ .word = { 0 } }))
STORE(store_volatile, *(volatile uint32_t *)&F.u32 = (uint32_t)s)
STORE(store_volatile64, *(volatile uint64_t *)&F.longs[3] = s)
STORE(store_returned_pair, struct pair p = make_pair(s); F.pair = p)
STORE(store_returned_triple, struct triple t = make_triple(s); F.triples[I(2)] = t)
STORE(store_returned_big, struct big b = make_big(s); F.big = b)
STORE(store_if, if (s & 1) F.u32 = 1; else F.u32 = 2)
STORE(store_if_index, F.words[s & 1 ? 3 : 4] = (uint32_t)s)
STORE(store_chain, F.longs[1] = F.longs[2] = F.longs[3] = s)
STORE(store_comma, F.words[(F.u8++, 5)] = 1)
STORE(store_swap, uint64_t t = F.longs[0]; F.longs[0] = F.longs[9]; F.longs[9] = t)

static void fill_bytes(uint64_t s)
{
	(void)s;
	for (unsigned i = 0; i < 32; i++)
		F.bytes[i] = 0;
}

static void fill_few(uint64_t s)
{
	for (unsigned i = 0; i < 4; i++)
		F.words[i] = (uint32_t)s;
}

static void fill_longs(uint64_t s)
{
	for (unsigned i = 0; i < I(32); i++)
		F.longs[i] = s + i;
}

static void fill_any(uint64_t s)
{
	for (uint64_t i = 0, n = I(40); i < n; i++)
		F.bytes[i] = (uint8_t)s;
}

static void copy_loop(uint64_t s)
{
	(void)s;
	for (unsigned i = 0; i < 50; i++)
		F.big.word[i] = F.other_big.word[i];
}

static void copy_shorts(uint64_t s)
{
	uint16_t local[32];

	for (unsigned i = 0; i < 32; i++)
		local[i] = (uint16_t)opaque(s + i);
	for (unsigned i = 0; i < 32; i++)
		F.shorts[i] = local[i];
}

static void copy_from_local(uint64_t s)
{
	struct big b;

	for (unsigned i = 0; i < 50; i++)
		b.word[i] = (uint32_t)opaque(s * i);
	F.big = b;
}

static void copy_huge_from_local(uint64_t s)
{
	struct huge h;

	for (unsigned i = 0; i < 512; i++)
		h.word[i] = opaque(s * i);
	F.huge = h;
}

static void __attribute__((noinline)) through(uint64_t *p, uint64_t v)
{
	*p = v;
}

static void store_pointer(uint64_t s)
{
	through(&F.longs[I(5)], s);
	through(&F.u64, ~s);
}

static void __attribute__((noinline)) through_struct(struct triple *to, const struct triple *from)
{
	*to = *from;
}

static void store_pointer_struct(uint64_t s)
{
	struct triple t = { s, (uint32_t)s, 2, 3 };

	through_struct(&F.triple, &t);
	through_struct(&F.triples[0], &F.triples[3]);
}

static void store_walk(uint64_t s)
{
	for (uint16_t *p = F.shorts; p < F.shorts + 32; p += 3)
		*p = (uint16_t)s;
}

static void store_list(uint64_t s)
{
	struct triple *t = &F.triples[I(0)];

	do {
		t->a = s;
		t->b++;
		t->d = 0;
	} while (++t < &F.triples[5]);
}

static void store_text(uint64_t s)
{
	const char *from = s & 1 ? "a name" : "another name";
	unsigned i = 0;

	do
		F.text[i] = from[i];
	while (from[i++] != '\0');
}

static void store_switch(uint64_t s)
{
	switch (s % 3) {
	case 0:
		F.u8 = 9;
		break;
	case 1:
		F.u32 = 9;
		break;
	default:
		F.pair = (struct pair){ 9, 9 };
	}
}

/* What tools/undo_stores may leave out, and what it may not. */
static void store_either(uint64_t s)
{
	uint64_t local = 0, *at = opaque(1) ? &F.u64 : &local;

	*at = s;
	opaque((size_t)local);
}

static void store_either_static(uint64_t s)
{
	static uint64_t other;

	*(opaque(1) ? &F.u64 : &other) = s;
	other = s;
}

static __attribute__((noinline)) void fill_twice(struct triple *t, uint64_t s)
{
	*t = (struct triple){ .d = 1 };
	t->b = (uint32_t)s;
	t->a = s;
	t += opaque(1);
	t->b = 2;
	*t = (struct triple){ .a = s };
}

static void store_struct_then_fields(uint64_t s)
{
	fill_twice(&F.triples[1], s);
}

void store_committed(struct pair *p, uint64_t s)
{
	p->a = s;
	p->b = s;
	undo_commit();
	p->a = s + 1;
	p->b = s + 2;
}

#define ROW(name) { #name, name }

const struct store stores[] = {
	ROW(store_u8), ROW(store_u16), ROW(store_u32), ROW(store_u64), ROW(store_i64),
	ROW(store_flag), ROW(store_enum), ROW(store_wide), ROW(store_add), ROW(store_or),
	ROW(store_post), ROW(store_neighbours), ROW(store_twice), ROW(store_bit3),
	ROW(store_bit5), ROW(store_bit17), ROW(store_bit33), ROW(store_bit1), ROW(store_bit8),
	ROW(store_bit_add), ROW(store_bits_all), ROW(store_packed16), ROW(store_packed32),
	ROW(store_packed64), ROW(store_packed_struct), ROW(store_packed_all), ROW(store_index),
	ROW(store_index_any), ROW(store_byte_any), ROW(store_grid), ROW(store_small),
	ROW(store_small_copy), ROW(store_pair), ROW(store_pair_zero), ROW(store_triple),
	ROW(store_triple_copy), ROW(store_big_copy), ROW(store_big_zero), ROW(store_big_literal),
	ROW(store_huge_zero), ROW(store_volatile), ROW(store_volatile64),
	ROW(store_returned_pair), ROW(store_returned_triple), ROW(store_returned_big),
	ROW(store_if), ROW(store_if_index), ROW(store_chain), ROW(store_comma), ROW(store_swap),
	ROW(fill_bytes), ROW(fill_few), ROW(fill_longs), ROW(fill_any), ROW(copy_loop),
	ROW(copy_shorts), ROW(copy_from_local), ROW(copy_huge_from_local), ROW(store_pointer),
	ROW(store_pointer_struct), ROW(store_walk), ROW(store_list), ROW(store_text),
	ROW(store_switch), ROW(store_either), ROW(store_either_static),
	ROW(store_struct_then_fields),
};
const unsigned nr_stores = sizeof(stores) / sizeof(stores[0]);
