/* SPDX-License-Identifier: BSD-2-Clause
 * memory.c - the memory scene: one vm, two spaces, few frames, every space call in every order.
 */
#include <stdio.h>
#include <string.h>

#include "explorer.h"

enum { VM_ID = 2, SPACE_A = 1, SPACE_B = 2, FRAMES = 28 };
enum { RUNS = RAM_VA, SPARES = RAM_VA + 64, FREED = RAM_VA + 128, NR_SPARES = 3 };
static const vaddr_t pages[] = { 0x200000 - PAGE_SIZE, 0x200000 };      /* in two tables */

enum op { MAP, UNMAP, SHARE, PROTECT, PIN, CREATE, DESTROY };
/* Which frame: a page of data, the first free one, a root, one of the kernel's, a device's. */
enum frame_choice { DATA_1, DATA_2, SPARE, ROOT_A, KERNEL_FRAME, BEYOND };

static const struct step { uint8_t op, space, a, b; } steps[] = {
	{ MAP, SPACE_A, DATA_1, MAP_WRITE }, { MAP, SPACE_A, DATA_2, MAP_WRITE | MAP_ZERO },
	{ MAP, SPACE_A, DATA_2, MAP_WRITE | MAP_COPY }, { MAP, SPACE_A, SPARE, MAP_WRITE },
	{ MAP, SPACE_A, ROOT_A, 0 }, { MAP, SPACE_A, KERNEL_FRAME, 0 }, { MAP, SPACE_A, BEYOND, 0 },
	{ MAP, SPACE_A, SPARE, MAP_WRITE | MAP_COPY }, { MAP, SPACE_A, DATA_1, MAP_MMIO },
	{ MAP, SPACE_B, DATA_1, 0 }, { MAP, SPACE_B, DATA_2, MAP_EXEC },
	{ MAP, SPACE_B, DATA_2, MAP_WRITE | MAP_COPY }, { MAP, SPACE_B, ROOT_A, MAP_WRITE },
	{ UNMAP, SPACE_A, 0, 1 }, { UNMAP, SPACE_A, 0, 2 }, { UNMAP, SPACE_B, 0, 2 },
	{ SHARE, SPACE_A, SPACE_B, SHARE_COW }, { SHARE, SPACE_A, SPACE_B, SHARE_SAME },
	{ SHARE, SPACE_B, SPACE_A, SHARE_COW },
	{ PROTECT, SPACE_A, 0, 0 }, { PROTECT, SPACE_B, 0, MAP_WRITE },
	{ PIN, 0, DATA_1, 1 }, { PIN, 0, DATA_1, 0 }, { PIN, 0, ROOT_A, 1 },
	{ DESTROY, SPACE_A, 0, 1 }, { DESTROY, SPACE_A, 0, 8 }, { DESTROY, SPACE_B, 0, 2 },
	{ CREATE, SPACE_A, SPARE, 0 }, { CREATE, SPACE_B, SPARE, 0 }, { CREATE, SPACE_B, ROOT_A,
	      0 },
	{ CREATE, SPACE_B, DATA_2, 0 },
};
enum { NR_STEPS = COUNT(steps) };

static struct proc *vm_proc;
static pfn_t data[2], first_frame;

static void setup(void)
{
	fake_reset();
	spaces[SPACE_A].root = spaces[SPACE_B].root = 1;        /* so that vm gets space 0 */
	vm_proc = fake_service(VM_ID, 2);
	spaces[SPACE_A].root = spaces[SPACE_B].root = 0;
	first_frame = fake_frame();
	data[0] = first_frame + 1;
	data[1] = first_frame + 2;
	nr_frames = FRAMES;
	memset(fake_memory[first_frame], 0, (FRAMES - first_frame) * PAGE_SIZE);
	check_nr_spaces = 3;
	keep(fake_memory[first_frame], (FRAMES - first_frame) * PAGE_SIZE);
	keep(fake_at(vm_proc, RAM_VA), 256);
	keep(fake_frames, FRAMES * sizeof(fake_frames[0]));
	keep(&spaces[SPACE_A], 2 * sizeof(spaces[0]));
}

/* The n-th frame that is free and holds no data of ours. */
static pfn_t spare(unsigned n)
{
	for (pfn_t f = first_frame; f < nr_frames; f++)
		if (f != data[0] && f != data[1] && frames[f].type == FRAME_FREE && n-- == 0)
			return f;
	return nr_frames;
}

static pfn_t frame_of(unsigned choice)
{
	switch (choice) {
	case DATA_1: return data[0];
	case DATA_2: return data[1];
	case SPARE: return spare(0);
	case ROOT_A: return spaces[SPACE_A].root;
	case KERNEL_FRAME: return 1;
	default: return nr_frames;
	}
}

#define CALL(name, ...) \
	fake_call(vm_proc, #name, &(struct name##_request){ __VA_ARGS__ }, \
		  sizeof(struct name##_request))

/* Each run maps the frame at both pages: the second costs a table of its own. */
static int64_t map(const struct step *s)
{
	struct map_run *run = fake_at(vm_proc, RUNS);
	pfn_t *spares = fake_at(vm_proc, SPARES);

	for (unsigned i = 0; i < NR_SPARES; i++)
		spares[i] = spare(i);
	for (unsigned i = 0; i < COUNT(pages); i++)
		run[i] = (struct map_run){ pages[i] | s->b, frame_of(s->a), 1 };
	return CALL(space_map, .space = s->space, .count = COUNT(pages), .runs = RUNS,
		    .spares = SPARES, .nr_spares = NR_SPARES);
}

static int64_t perform(const struct step *s)
{
	pfn_t *spares = fake_at(vm_proc, SPARES);

	switch (s->op) {
	case MAP: return map(s);
	case UNMAP:
		return CALL(space_unmap, .space = s->space, .va = pages[0], .pages = s->b, .max = 4,
			    .address = FREED);
	case SHARE:
		for (unsigned i = 0; i < NR_SPARES; i++)
			spares[i] = spare(i);
		return CALL(space_share, .from = s->space, .to = s->a, .mode = s->b, .va = pages[0],
			    .pages = 2, .spares = SPARES, .nr_spares = NR_SPARES);
	case PROTECT:
		return CALL(space_protect, .space = s->space, .prot = s->b, .va = 0, .pages = 1000);
	case PIN:
		return CALL(frame_pin, .pfn = frame_of(s->a), .count = 1, .change = s->b ? 1 : -1);
	case CREATE:
		return CALL(space_create, .space = s->space, .priv = PRIV_PROGRAM,
			    .root = frame_of(s->a));
	default:
		return CALL(space_destroy, .space = s->space, .max = s->b, .address = FREED);
	}
}

/* Is a page of this space that RAM may be shared from writable? */
static bool writable(unsigned space)
{
	bool found = false;

	for (unsigned k = 0; k < COUNT(pages); k++) {
		pte_t *e = table_leaf(spaces[space].root, pages[k]);

		found |= e && pte_flags(*e) & MAP_WRITE;
	}
	return found;
}

static bool act(unsigned n)
{
	const struct step *s = &steps[n];
	bool exists = s->space && spaces[s->space].root;

	if (s->op != PIN && s->op != CREATE && !exists)
		return false;
	if (s->op == PIN && s->b && frames[frame_of(s->a)].pins)
		return false;           /* once is enough */
	if (s->op == CREATE && exists)
		return false;
	if (perform(s) == 0 && s->op == SHARE && s->b == SHARE_COW && writable(s->space))
		wrong("copy-on-write left a page writable");
	return true;
}

/* Spare frames are all alike: they go into the hash by when they are first met. */
static uint64_t label(pfn_t f)
{
	static pfn_t met[FRAMES];
	static unsigned nr_met;
	unsigned i = 0;

	if (f == nr_frames)
		nr_met = 0;             /* begin anew */
	if (f >= nr_frames || f == data[0] || f == data[1] || f == 1)
		return f;
	while (i < nr_met && met[i] != f)
		i++;
	if (i == nr_met)
		met[nr_met++] = f;
	return FRAMES + i + ((uint64_t)frames[f].maps << 8 | (uint64_t)frames[f].pins << 24);
}

/* What is mapped at va, and how far down there are tables for it. */
static uint64_t walk(pfn_t root, vaddr_t va)
{
	const pte_t *t = frame_ptr(root);

	for (unsigned level = PTE_LEVELS - 1;; level--) {
		pte_t e = t[va >> (PAGE_SHIFT + 9 * level) & 511];

		if (!e)
			return level;
		if (level == 0)
			return label(pte_pfn(e)) << 16 | pte_flags(e) << 8 | 255;
		t = frame_ptr(pte_pfn(e));
	}
}

static void hash(void)
{
	label(nr_frames);
	for (unsigned i = 0; i < COUNT(data); i++)
		hash_word(frames[data[i]].type | (uint64_t)frames[data[i]].maps << 8 |
			  (uint64_t)frames[data[i]].pins << 40);
	for (unsigned i = SPACE_A; i <= SPACE_B; i++) {
		hash_word(spaces[i].root ? label(spaces[i].root) : 0);
		for (unsigned k = 0; spaces[i].root && k < COUNT(pages); k++)
			hash_word(walk(spaces[i].root, pages[k]));
	}
}

static void describe(unsigned n, char *text, unsigned size)
{
	static const char *const names[] = {
		"map", "unmap", "share", "protect", "pin", "create", "destroy",
	};

	snprintf(text, size, "%s space %u: %u, %u", names[steps[n].op], steps[n].space, steps[n].a,
		 steps[n].b);
}

static unsigned nr_steps = NR_STEPS;

const struct scene scene_memory = {
	.name = "memory", .setup = setup, .act = act, .hash = hash, .check = check_memory,
	.describe = describe, .quick_depth = 9, .count = &nr_steps,
};
