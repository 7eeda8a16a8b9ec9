/* SPDX-License-Identifier: BSD-2-Clause
 * image_fit_test.c - whatever the bytes of a program are, it is looked at without harm; and what is
 * said to fit lies below the stack, apart, within its memory.
 *
 * Links: lib/image_fit.c lib/format.c
 */
#include <stdlib.h>
#include <string.h>

#include <tests/unit.h>

#include <abi/kernel.h>
#include <lib/elf64.h>
#include <lib/image.h>
#include <lib/image_fit.h>

enum { SIZE = 12 * 1024, STACK = 16 * 1024, MEMORY = 128 * 1024, ROUNDS = 200000 };

struct program {
	struct elf_header h;
	struct elf_segment s[3];
};

static struct program good(void)
{
	struct program p = {
		.h = { .ident = "\177ELF\2\1\1", .type = ELF_EXEC, .machine = ELF_X86_64,
		       .entry = 0x400000, .phoff = sizeof(p.h), .phentsize = sizeof(p.s[0]),
		       .phnum = 3 },
		.s = { { PT_LOAD, PF_X | 4, 0x1000, 0x400000, 0, 0x800, 0x800, 0x1000 },
		       { PT_LOAD, PF_W | 4, 0x2000, 0x401000, 0, 0x10, 0x2000, 0x1000 },
		       { 0x6474e551, 6, 0, 0, 0, 0, 0, 8 } },
	};

	return p;
}

/* A copy of its own, so that the sanitizer sees what is read beyond. */
static err_t look(const struct program *p, size_t size, struct image_error *e)
{
	uint8_t *bytes = calloc(1, size == 0 ? 1 : size);
	err_t err;

	memcpy(bytes, p, size < sizeof(*p) ? size : sizeof(*p));
	err = image_fits(bytes, size, "a", STACK, MEMORY, e);
	free(bytes);
	return err;
}

static bool is_sound(const struct program *p)
{
	uint64_t sum = STACK;

	for (unsigned i = 0; i < p->h.phnum && i < 3; i++) {
		const struct elf_segment *s = &p->s[i];

		if (s->type != PT_LOAD || s->memsz == 0)
			continue;
		sum += s->memsz;
		if (s->vaddr + s->memsz > IMAGE_STACK_TOP - STACK || s->vaddr < PAGE_SIZE ||
		    (s->flags & 3) == 3 || s->offset + s->filesz > SIZE)
			return false;
	}
	return sum <= MEMORY;
}

static void test_good(void)
{
	struct program p = good();
	struct image_error e;

	CHECK(look(&p, SIZE, &e) == 0 && is_sound(&p));
	p.s[1].memsz = 0x1c001;
	CHECK(look(&p, SIZE, &e) == -ENOEXEC && e.of_memory);
	p = good();
	p.s[1].vaddr = IMAGE_STACK_TOP + 0x10000;
	CHECK(look(&p, SIZE, &e) == -ENOEXEC && strstr(e.text, "beyond the stack"));
	p = good();
	p.h.phnum = 65;
	CHECK(look(&p, SIZE, &e) == -ENOEXEC && strstr(e.text, "more than 64"));
}

static void test_cut(void)
{
	struct program p = good();
	struct image_error e;

	for (size_t size = 0; size < SIZE; size += size < 512 ? 1 : 97)
		CHECK((look(&p, size, &e) == 0) == (size >= 0x2010));
}

/* Bytes changed at random, mostly to values that lie at some edge. */
static void test_any(void)
{
	static const uint8_t edge[] = { 0, 1, 0x7f, 0x80, 0xff, 0x10, 0x40, 0xf0 };
	struct image_error e;
	unsigned fit = 0;

	srandom(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		struct program p = good();
		uint8_t *bytes = (uint8_t *)&p;

		for (long k = random() % 6; k >= 0; k--)
			bytes[random() % (long)sizeof(p)] = random() % 2 ?
				edge[random() % (long)sizeof(edge)] : (uint8_t)random();
		if (look(&p, SIZE, &e) != 0)
			continue;
		fit++;
		CHECK(p.h.phoff != sizeof(p.h) || is_sound(&p));
	}
	CHECK(fit > 100);
}

int main(void)
{
	TEST("what fits, and what does not: too much memory, beyond the stack", test_good);
	TEST("a program that is cut off anywhere is refused", test_cut);
	TEST("no bytes do harm, and what fits is sound", test_any);
	return test_result();
}
