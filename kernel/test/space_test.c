/* SPDX-License-Identifier: BSD-2-Clause
 * space_test.c - address spaces and frames: map, unmap, protect, share, query, destroy, pin.
 */
#include <string.h>
#include <tests/unit.h>

#include "host/fake.h"

enum {
	RUNS = RAM_VA, SPARES = RAM_VA + PAGE_SIZE, FREED = RAM_VA + 2 * PAGE_SIZE,     /* in vm */
	VA = 0x10000000,
};

static unsigned s;                      /* an empty space of programs */

static void check(void)
{
	const char *why = check_memory();

	if (why)
		printf("    broken: %s\n", why);
	CHECK(why == NULL);
}

/* Frames that are free, in place of those used. */
static void refill(void)
{
	pfn_t *spare = fake_at(vm, SPARES);

	for (unsigned i = 0; i < 8; i++)
		if (!frame_is_free(spare[i]))
			spare[i] = fake_frame();
}

static void cast(void)
{
	fake_cast();
	s = fake_space(PRIV_PROGRAM);
	refill();
}

static void run(unsigned i, uint64_t va, pfn_t pfn, uint32_t count)
{
	((struct map_run *)fake_at(vm, RUNS))[i] = (struct map_run){ va, pfn, count };
}

/* GIVES for one run. */
#define MAPS(err, va, pfn, n) \
	do { \
		refill(); \
		run(0, va, pfn, n); \
		GIVES(err, vm, space_map, .space = (uint16_t)s, .count = 1, .runs = RUNS, \
		      .spares = SPARES, .nr_spares = 8); \
	} while (0)

static pte_t entry(uint64_t va)
{
	pte_t *e = table_leaf(spaces[s].root, va);

	return e ? *e : 0;
}

static void t_create(void)
{
	pfn_t root;

	cast();
	root = fake_frame();
	GIVES(0, vm, space_create, .space = 200, .priv = PRIV_PROGRAM, .root = root);
	GIVES(0, vm, space_create, .space = 200, .priv = PRIV_PROGRAM, .root = root);
	CHECK_EQ(frames[root].type, FRAME_TABLE);
	GIVES(EEXIST, vm, space_create, .space = 200, .priv = PRIV_PROGRAM, .root = fake_frame());
	GIVES(EBUSY, vm, space_create, .space = 201, .priv = PRIV_PROGRAM, .root = root);
	GIVES(EBUSY, vm, space_create, .space = 201, .priv = PRIV_PROGRAM, .root = 1);
	GIVES(EBUSY, vm, space_create, .space = 201, .priv = PRIV_PROGRAM, .root = FAKE_DEVICE);
	GIVES(EINVAL, vm, space_create, .space = 201, .priv = PRIV_PROGRAM, .root = 0);
	GIVES(EINVAL, vm, space_create, .space = 201, .priv = PRIV_PROGRAM, .root = FAKE_FRAMES);
	GIVES(EINVAL, vm, space_create, .space = 201, .priv = NR_PRIVS, .root = fake_frame());
	GIVES(EINVAL, vm, space_create, .space = NR_SPACES, .priv = PRIV_PROGRAM, .root = 9);
	check();
}

static void t_map(void)
{
	pfn_t f;

	cast();
	f = fake_frame();
	fake_frame();
	MAPS(0, VA | MAP_WRITE | MAP_ZERO, f, 2);
	CHECK_EQ(REPLY(space_map)->done, 2);
	CHECK_EQ(REPLY(space_map)->used, 3);
	CHECK_EQ(frames[f].maps, 1);
	CHECK_EQ(frames[f].type, FRAME_USER);
	CHECK_EQ(fake_memory[f][77], 0);
	CHECK_EQ(pte_flags(entry(VA)), MAP_WRITE);
	fake_memory[f][77] = 1;
	MAPS(0, VA | MAP_WRITE | MAP_ZERO, f, 2);       /* again: nothing changes */
	CHECK_EQ(fake_memory[f][77], 1);
	CHECK_EQ(frames[f].maps, 1);
	MAPS(0, (VA + 2 * PAGE_SIZE) | MAP_EXEC, f, 1); /* a second mapping of the same frame */
	CHECK_EQ(frames[f].maps, 2);
	CHECK_EQ(REPLY(space_map)->used, 0);
	check();
}

static void t_map_refused(void)
{
	pfn_t f;

	cast();
	f = fake_frame();
	GIVES(EINVAL, vm, space_map, .space = NR_SPACES, .count = 1, .runs = RUNS);
	GIVES(EINVAL, vm, space_map, .space = 333, .count = 1, .runs = RUNS);
	GIVES(EFAULT, vm, space_map, .space = (uint16_t)s, .count = 1, .runs = 0x1000);
	GIVES(EFAULT, vm, space_map, .space = (uint16_t)s, .count = 1, .runs = UINT64_MAX - 7);
	MAPS(EINVAL, USER_END, f, 1);
	MAPS(EINVAL, USER_END - PAGE_SIZE, f, 2);
	MAPS(EINVAL, BIT(63), f, 1);
	MAPS(EINVAL, VA | 32, f, 1);
	MAPS(EINVAL, VA | MAP_COPY, f, 1);              /* a copy is writable */
	MAPS(EPERM, VA, 0, 1);                          /* the kernel's */
	MAPS(EPERM, VA, FAKE_KERNEL - 1, 2);
	MAPS(EPERM, VA, spaces[s].root, 1);
	MAPS(EPERM, VA, FAKE_DEVICE, 1);
	MAPS(EPERM, VA, FAKE_FRAMES, 1);
	MAPS(EPERM, VA, FAKE_FRAMES - 1, 2);
	MAPS(EPERM, VA, UINT32_MAX, 2);
	MAPS(EPERM, VA | MAP_MMIO, DRIVER_MMIO, 1);     /* not this space's */
	MAPS(ENOENT, VA | MAP_COPY | MAP_WRITE, f, 1);
	CHECK_EQ(frames[f].type, FRAME_FREE);
	MAPS(0, VA, f, 1);
	MAPS(EEXIST, VA, fake_frame(), 1);
	MAPS(EINVAL, VA | MAP_COPY | MAP_WRITE | MAP_NEW, fake_frame(), 1);
	check();
}

static void t_map_new(void)
{
	pfn_t f, g;

	cast();
	f = fake_frame();
	g = fake_frame();
	MAPS(0, VA | MAP_WRITE, f, 1);
	MAPS(0, VA | MAP_NEW, f, 1);                    /* its own frame, for less */
	CHECK_EQ(REPLY(space_map)->done, 1);
	CHECK_EQ(REPLY(space_map)->kept, 1);
	MAPS(0, VA | MAP_NEW, g, 1);                    /* another frame */
	CHECK_EQ(REPLY(space_map)->kept, 1);
	CHECK_EQ(pte_pfn(entry(VA)), f);
	CHECK(pte_flags(entry(VA)) & MAP_WRITE);
	CHECK_EQ(frames[f].maps, 1);
	CHECK_EQ(frames[g].maps, 0);
	MAPS(0, (VA + PAGE_SIZE) | MAP_NEW, g, 1);      /* nothing stands there */
	CHECK_EQ(REPLY(space_map)->kept, 0);
	CHECK_EQ(frames[g].maps, 1);
	check();
}

static void t_spares(void)
{
	pfn_t f, *spare;

	cast();
	f = fake_frame();
	run(0, VA, f, 1);
	GIVES(ENOMEM, vm, space_map, .space = (uint16_t)s, .count = 1, .runs = RUNS,
	      .spares = SPARES, .nr_spares = 2);
	CHECK_EQ(REPLY(space_map)->used, 2);
	CHECK_EQ(REPLY(space_map)->done, 0);
	GIVES(EFAULT, vm, space_map, .space = (uint16_t)s, .count = 1, .runs = RUNS,
	      .spares = 0x2000, .nr_spares = 2);
	spare = fake_at(vm, SPARES);
	spare[0] = 1;                                   /* not free */
	GIVES(ENOMEM, vm, space_map, .space = (uint16_t)s, .count = 1, .runs = RUNS,
	      .spares = SPARES, .nr_spares = 2);
	spare[0] = UINT32_MAX;
	GIVES(ENOMEM, vm, space_map, .space = (uint16_t)s, .count = 1, .runs = RUNS,
	      .spares = SPARES, .nr_spares = 2);
	check();
}

/* The same frame as spare and as page: it became a table, and must not be mapped. */
static void t_spare_is_page(void)
{
	pfn_t *spare;

	cast();
	spare = fake_at(vm, SPARES);
	MAPS(EPERM, VA | MAP_WRITE, spare[1], 1);
	CHECK_EQ(frames[spare[1]].type, FRAME_TABLE);
	CHECK_EQ(frames[spare[1]].maps, 0);
	MAPS(EPERM, (VA + BIT(39)) | MAP_WRITE | MAP_ZERO, spare[2], 1);
	check();
}

static void t_bounded(void)
{
	unsigned step = SPACE_STEP;
	pfn_t f;

	cast();
	f = fake_frame();
	memset(fake_at(vm, RUNS), 0, PAGE_SIZE);        /* empty runs are read, too */
	memset(fake_at(vm, RUNS + PAGE_SIZE), 0, PAGE_SIZE);
	GIVES(0, vm, space_map, .space = (uint16_t)s, .count = UINT32_MAX, .runs = RUNS);
	refill();
	run(0, VA, f, 1);
	for (unsigned i = 1; i < 100; i++)
		run(i, VA + i * PAGE_SIZE, f, 1);
	GIVES(0, vm, space_map, .space = (uint16_t)s, .count = 100, .runs = RUNS,
	      .spares = SPARES, .nr_spares = 8);
	CHECK_EQ(REPLY(space_map)->done, 100);
	CHECK_EQ(frames[f].maps, 100);
	for (unsigned i = 0; i < 6; i++) {
		for (unsigned k = 0; k < 200; k++)
			run(k, VA + (100 + i * 200 + k) * PAGE_SIZE, f, 1);
		refill();
		GIVES(0, vm, space_map, .space = (uint16_t)s, .count = 200, .runs = RUNS,
		      .spares = SPARES, .nr_spares = 8);
	}
	CHECK_EQ(frames[f].maps, 1300);
	GIVES(0, vm, space_protect, .space = (uint16_t)s, .va = VA, .pages = 1300,
	      .prot = MAP_EXEC);
	CHECK_EQ(REPLY(space_protect)->done, step);
	GIVES(0, vm, space_unmap, .space = (uint16_t)s, .va = VA, .pages = 1300, .max = 4,
	      .address = FREED);
	CHECK_EQ(REPLY(space_unmap)->done, step);
	CHECK_EQ(REPLY(space_unmap)->count, 0);
	check();
	GIVES(0, vm, space_destroy, .space = (uint16_t)s, .max = 100, .address = FREED);
	CHECK_EQ(REPLY(space_destroy)->done, 0);
	CHECK(frames[f].maps >= 1300 - 2 * step && frames[f].maps < 1300 - step);
	check();
}

static void t_mmio(void)
{
	cast();
	s = driver->space - spaces;
	MAPS(0, VA | MAP_MMIO | MAP_WRITE, DRIVER_MMIO + 3, 4);
	CHECK_EQ(pte_flags(entry(VA)), MAP_MMIO | MAP_WRITE);
	check();
	CHECK_EQ(fake_ipc(driver, IPC_SENDREC, (struct message){ .peer = pm->ep,
	      .type = TYPE_TEST },
			  VA, 8 | CALL_LEND_READ), 0);
	fake_receive(pm, ENDPOINT_ANY);
	GIVES(EFAULT, pm, call_copy, .client = driver->ep, .serial = driver->serial, .dir = COPY_IN,
	      .local = RAM_VA, .len = 8);              /* the kernel does not touch devices */
	MAPS(EPERM, (VA + BIT(30)) | MAP_MMIO, DRIVER_MMIO - 1, 2);
	MAPS(EPERM, (VA + BIT(30)) | MAP_MMIO, DRIVER_MMIO + 15, 2);
	MAPS(EPERM, (VA + BIT(30)) | MAP_MMIO | MAP_ZERO, DRIVER_MMIO, 1);
	MAPS(EPERM, VA | MAP_WRITE, DRIVER_MMIO + 3, 1);
	privs[DRIVER].desc.mmio[1] = (struct pfn_range){ 100, 8 };
	MAPS(EPERM, (VA + BIT(30)) | MAP_MMIO, 100, 1);         /* listed, but it is RAM */
	privs[DRIVER].desc.mmio[1] = (struct pfn_range){ FAKE_DEVICE, 8 };
	MAPS(0, (VA + BIT(30)) | MAP_MMIO, FAKE_DEVICE, 8);
	privs[DRIVER].desc.mmio[1] = (struct pfn_range){ UINT32_MAX - 3, 8 };
	MAPS(EPERM, (VA + BIT(30)) | MAP_MMIO, UINT32_MAX - 2, 4);
	check();
	GIVES(0, vm, space_protect, .space = (uint16_t)s, .va = VA, .pages = 4, .prot = 0);
	CHECK_EQ(pte_flags(entry(VA)), MAP_MMIO);
	GIVES(0, vm, space_unmap, .space = (uint16_t)s, .va = VA, .pages = 4, .max = 8,
	      .address = FREED);
	CHECK_EQ(REPLY(space_unmap)->count, 0);
	check();
}

static void t_wx(void)
{
	cast();
	MAPS(0, VA | MAP_WRITE | MAP_EXEC, fake_frame(), 1);
	s = driver->space - spaces;
	MAPS(EINVAL, VA | MAP_WRITE | MAP_EXEC, fake_frame(), 1);
	GIVES(EINVAL, vm, space_protect, .space = (uint16_t)s, .prot = MAP_WRITE | MAP_EXEC,
	      .va = RAM_VA, .pages = 1);
	refill();
	GIVES(EINVAL, vm, space_share, .from = (uint16_t)(prog->space - spaces + 2),
	      .to = (uint16_t)s, .mode = SHARE_SAME, .va = VA, .pages = 1, .spares = SPARES,
	      .nr_spares = 8);
	check();
}

static void t_unmap(void)
{
	pfn_t f, *freed;

	cast();
	f = fake_frame();
	fake_frame();
	MAPS(0, VA, f, 2);
	MAPS(0, VA + BIT(30), f, 1);
	GIVES(0, vm, space_unmap, .space = (uint16_t)s, .va = VA - PAGE_SIZE, .pages = 10, .max = 8,
	      .address = FREED);
	CHECK_EQ(REPLY(space_unmap)->done, 10);
	CHECK_EQ(REPLY(space_unmap)->count, 1);
	freed = fake_at(vm, FREED);
	CHECK_EQ(freed[0], f + 1);
	CHECK_EQ(frames[f].maps, 1);
	GIVES(0, vm, space_unmap, .space = (uint16_t)s, .va = 0, .pages = BIT(20), .max = 1,
	      .address = FREED);
	CHECK_EQ(REPLY(space_unmap)->count, 0);         /* so far */
	GIVES(0, vm, space_unmap, .space = (uint16_t)s,
	      .va = REPLY(space_unmap)->done * PAGE_SIZE, .pages = BIT(20), .max = 1,
	      .address = FREED);
	CHECK_EQ(REPLY(space_unmap)->count, 1);
	CHECK_EQ(frames[f].type, FRAME_FREE);
	GIVES(EINVAL, vm, space_unmap, .space = 333, .va = VA, .pages = 1, .max = 1,
	      .address = FREED);
	GIVES(EINVAL, vm, space_unmap, .space = (uint16_t)s, .va = VA + 1, .pages = 1, .max = 1,
	      .address = FREED);
	GIVES(EINVAL, vm, space_unmap, .space = (uint16_t)s, .va = VA, .pages = UINT64_MAX,
	      .max = 1,
	      .address = FREED);
	GIVES(EFAULT, vm, space_unmap, .space = (uint16_t)s, .va = VA, .pages = 1, .max = 1,
	      .address = TEXT_VA);
	GIVES(EFAULT, vm, space_unmap, .space = (uint16_t)s, .va = VA, .pages = 1, .max = 0,
	      .address = FREED);
	check();
}

/* Tables that are empty cost time, too: a call stops after so many entries and is called again. */
static unsigned unmap_all(uint64_t pages)
{
	uint64_t done = 0;
	unsigned calls = 0;

	for (; done < pages && calls < 100; calls++) {
		GIVES(0, vm, space_unmap, .space = (uint16_t)s, .va = VA + done * PAGE_SIZE,
		      .pages = pages - done, .max = 8, .address = FREED);
		CHECK(REPLY(space_unmap)->done > 0);
		done += REPLY(space_unmap)->done;
	}
	CHECK_EQ(done, pages);
	return calls;
}

static void t_unmap_sparse(void)
{
	uint64_t pages = BIT(38) / PAGE_SIZE, last = VA + 59 * 0x200000ull;
	unsigned calls = 0;
	pfn_t f;

	cast();
	f = fake_frame();
	for (unsigned i = 0; i < 60; i++)
		fake_map(s, VA + (uint64_t)i * 0x200000, f, 0);
	CHECK(unmap_all(pages) > 1);
	CHECK_EQ(frames[f].type, FRAME_FREE);
	fake_map(s, last, f, 0);
	GIVES(0, vm, space_query, .space = (uint16_t)s, .va = VA);
	CHECK_EQ(REPLY(space_query)->pfn, 0);
	while (REPLY(space_query)->pfn == 0 && calls++ < 100)
		GIVES(0, vm, space_query, .space = (uint16_t)s, .va = REPLY(space_query)->va);
	CHECK_EQ(REPLY(space_query)->va, last);
	CHECK_EQ(REPLY(space_query)->pfn, f);
	unmap_all(pages);
	CHECK_EQ(frames[f].type, FRAME_FREE);
	check();
}

static void t_protect(void)
{
	cast();
	MAPS(0, VA | MAP_WRITE, fake_frame(), 1);
	GIVES(0, vm, space_protect, .space = (uint16_t)s, .prot = MAP_EXEC, .va = VA - BIT(20),
	      .pages = 512);
	CHECK_EQ(REPLY(space_protect)->done, 512);
	CHECK_EQ(pte_flags(entry(VA)), MAP_EXEC);
	GIVES(0, vm, space_protect, .space = (uint16_t)s, .prot = MAP_NONE, .va = VA, .pages = 1);
	CHECK_EQ(pte_flags(entry(VA)), MAP_NONE);
	GIVES(EINVAL, vm, space_protect, .space = 333, .va = VA, .pages = 1);
	GIVES(EINVAL, vm, space_protect, .space = (uint16_t)s, .va = USER_END - PAGE_SIZE,
	      .pages = 2);
	GIVES(EINVAL, vm, space_protect, .space = (uint16_t)s, .prot = MAP_MMIO, .va = VA,
	      .pages = 1);
	check();
}

static void t_share(void)
{
	unsigned to;
	pfn_t f;

	cast();
	to = fake_space(PRIV_PROGRAM);
	f = fake_frame();
	MAPS(0, VA | MAP_WRITE, f, 1);
	GIVES(ENOMEM, vm, space_share, .from = (uint16_t)s, .to = (uint16_t)to, .mode = SHARE_SAME,
	      .va = VA, .pages = 3, .spares = SPARES, .nr_spares = 1);        /* used before */
	GIVES(ENOMEM, vm, space_share, .from = (uint16_t)s, .to = (uint16_t)to, .mode = SHARE_SAME,
	      .va = VA, .pages = 3, .spares = SPARES + 28, .nr_spares = 1);
	CHECK_EQ(REPLY(space_share)->used, 1);
	GIVES(EFAULT, vm, space_share, .from = (uint16_t)s, .to = (uint16_t)to, .mode = SHARE_SAME,
	      .va = VA, .pages = 3, .spares = 16, .nr_spares = 1);
	refill();
	GIVES(0, vm, space_share, .from = (uint16_t)s, .to = (uint16_t)to, .mode = SHARE_SAME,
	      .va = VA, .pages = 3, .spares = SPARES, .nr_spares = 8);
	CHECK_EQ(REPLY(space_share)->done, 3);
	CHECK_EQ(frames[f].maps, 2);
	CHECK_EQ(pte_flags(*table_leaf(spaces[to].root, VA)), MAP_WRITE);
	GIVES(0, vm, space_share, .from = (uint16_t)s, .to = (uint16_t)to, .mode = SHARE_COW,
	      .va = VA, .pages = 3, .spares = SPARES, .nr_spares = 8);
	CHECK_EQ(frames[f].maps, 2);
	CHECK_EQ(pte_flags(*table_leaf(spaces[to].root, VA)) | pte_flags(entry(VA)), 0);
	GIVES(EINVAL, vm, space_share, .from = (uint16_t)s, .to = (uint16_t)s, .va = VA,
	      .pages = 1);
	GIVES(EINVAL, vm, space_share, .from = (uint16_t)s, .to = 333, .va = VA, .pages = 1);
	GIVES(EINVAL, vm, space_share, .from = 333, .to = (uint16_t)s, .va = VA, .pages = 1);
	GIVES(EINVAL, vm, space_share, .from = (uint16_t)s, .to = (uint16_t)to, .va = VA,
	      .pages = 1, .mode = 2);
	GIVES(EINVAL, vm, space_share, .from = (uint16_t)s, .to = (uint16_t)to, .va = VA + 4,
	      .pages = 1);
	check();
}

static void t_copy_on_write(void)
{
	unsigned parent, child;
	pfn_t f, g;

	cast();
	parent = s;
	child = fake_space(PRIV_PROGRAM);
	f = fake_frame();
	g = fake_frame();
	MAPS(0, VA | MAP_WRITE, f, 1);
	fake_memory[f][9] = 99;
	refill();
	GIVES(0, vm, space_share, .from = (uint16_t)parent, .to = (uint16_t)child, .va = VA,
	      .pages = 1, .mode = SHARE_COW, .spares = SPARES, .nr_spares = 8);
	s = child;
	MAPS(0, VA | MAP_WRITE | MAP_COPY, g, 1);
	CHECK_EQ(REPLY(space_map)->kept, 0);
	CHECK_EQ(pte_pfn(entry(VA)), g);
	CHECK_EQ(fake_memory[g][9], 99);
	CHECK_EQ(frames[f].maps, 1);
	MAPS(0, VA | MAP_WRITE | MAP_COPY, g, 1);       /* again */
	CHECK_EQ(frames[g].maps, 1);
	s = parent;
	MAPS(0, VA | MAP_WRITE | MAP_COPY, fake_frame(), 1);
	CHECK_EQ(REPLY(space_map)->kept, 1);
	CHECK_EQ(pte_pfn(entry(VA)), f);
	CHECK_EQ(pte_flags(entry(VA)), MAP_WRITE);
	check();
	GIVES(EEXIST, vm, space_share, .from = (uint16_t)parent, .to = (uint16_t)child, .va = VA,
	      .pages = 1, .mode = SHARE_COW, .spares = SPARES, .nr_spares = 8);
	check();
}

/* Read-only in every space, whatever vm asks for; never counted, never free. */
static void t_clock_page(void)
{
	pfn_t f;

	cast();
	f = fake_frame();
	frames[f] = (struct frame){ .type = FRAME_CLOCK };
	MAPS(EPERM, VA | MAP_WRITE, f, 1);
	MAPS(EPERM, VA | MAP_ZERO, f, 1);
	MAPS(EPERM, VA | MAP_MMIO, f, 1);
	MAPS(0, VA, f, 1);
	MAPS(EPERM, VA | MAP_WRITE | MAP_COPY, fake_frame(), 1);
	GIVES(0, vm, space_protect, .space = (uint16_t)s, .va = VA, .pages = 1, .prot = MAP_WRITE);
	CHECK_EQ(REPLY(space_protect)->done, 1);
	CHECK_EQ(pte_flags(entry(VA)), 0);
	GIVES(EPERM, vm, frame_pin, .pfn = f, .count = 1, .change = -1);
	GIVES(0, vm, space_unmap, .space = (uint16_t)s, .va = VA, .pages = 1, .max = 8,
	      .address = FREED);
	CHECK_EQ(REPLY(space_unmap)->count, 0);
	CHECK_EQ(frames[f].type, FRAME_CLOCK);
	check();
}

/* Pages that lie apart need three tables each: all that is zeroed counts. */
static void t_sparse(void)
{
	enum { PAGES = SPACE_STEP / 4 };
	pfn_t *spare, f;

	cast();
	f = fake_frame();
	spare = fake_at(vm, SPARES);
	for (unsigned i = 0; i < 3 * PAGES; i++)
		spare[i] = fake_frame();
	for (unsigned i = 0; i < PAGES + 2; i++)
		run(i, VA + ((uint64_t)i << 39), f, 1);
	GIVES(0, vm, space_map, .space = (uint16_t)s, .count = PAGES + 2, .runs = RUNS,
	      .spares = SPARES, .nr_spares = 3 * PAGES);
	CHECK_EQ(REPLY(space_map)->done, PAGES);
	CHECK_EQ(REPLY(space_map)->used, 3 * PAGES);
	check();
}

static void t_query(void)
{
	pfn_t f;

	cast();
	f = fake_frame();
	MAPS(0, VA | MAP_EXEC, f, 1);
	GIVES(0, vm, space_query, .space = (uint16_t)s, .va = 5);
	CHECK_EQ(REPLY(space_query)->va, VA);
	CHECK_EQ(REPLY(space_query)->pfn, f);
	CHECK_EQ(REPLY(space_query)->prot, MAP_EXEC);
	CHECK_EQ(REPLY(space_query)->maps, 1);
	GIVES(0, vm, space_query, .space = (uint16_t)s, .va = VA + PAGE_SIZE);
	CHECK_EQ(REPLY(space_query)->pfn, 0);           /* not looked to the end yet */
	GIVES(ENOENT, vm, space_query, .space = (uint16_t)s, .va = REPLY(space_query)->va);
	GIVES(ENOENT, vm, space_query, .space = (uint16_t)s, .va = USER_END);
	GIVES(EINVAL, vm, space_query, .space = (uint16_t)s, .va = UINT64_MAX);
	GIVES(EINVAL, vm, space_query, .space = 333);
}

static void t_destroy(void)
{
	unsigned before = 0, after = 0, calls = 0;
	pfn_t f;

	cast();
	for (pfn_t i = 0; i < nr_frames; i++)
		before += frames[i].type == FRAME_FREE;
	f = fake_frame();
	for (unsigned i = 0; i < 20; i++)
		MAPS(0, (uint64_t)i << 33, f, 1);
	MAPS(0, USER_END - PAGE_SIZE, fake_frame(), 1);
	GIVES(EBUSY, vm, space_destroy, .space = VFS, .max = 8, .address = FREED);
	GIVES(EINVAL, vm, space_destroy, .space = 333, .max = 8, .address = FREED);
	GIVES(EFAULT, vm, space_destroy, .space = (uint16_t)s, .max = 8, .address = 8);
	GIVES(EFAULT, vm, space_destroy, .space = (uint16_t)s, .max = 0, .address = FREED);
	do {
		GIVES(0, vm, space_destroy, .space = (uint16_t)s, .max = 5, .address = FREED);
		CHECK(REPLY(space_destroy)->count == 5 || REPLY(space_destroy)->done);
		check();
	} while (!REPLY(space_destroy)->done && calls++ < 100);
	GIVES(EINVAL, vm, space_destroy, .space = (uint16_t)s, .max = 8, .address = FREED);
	for (pfn_t i = 0; i < nr_frames; i++)
		after += frames[i].type == FRAME_FREE;
	CHECK_EQ(after, before + 1);                    /* and the root */
}

/* Pages around the border of two tables, with holes, mapped from behind to the front: each kind of
 * walk goes from entry to entry within a table, and must not go on into what is beside it. */
static void t_neighbours(void)
{
	enum { BORDER = 0x40000000, PAGES = 12 };
	static const uint8_t there[PAGES] = { 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1 };
	uint64_t first = BORDER - PAGES / 2 * PAGE_SIZE;
	unsigned to, n = 0, mapped = 0;
	pfn_t f[PAGES] = { 0 };

	cast();
	to = fake_space(PRIV_PROGRAM);
	refill();
	for (unsigned i = PAGES; i-- > 0;)
		if (there[i])
			run(n++, (first + i * PAGE_SIZE) | MAP_WRITE, f[i] = fake_frame(), 1);
	GIVES(0, vm, space_map, .space = (uint16_t)s, .count = n, .runs = RUNS, .spares = SPARES,
	      .nr_spares = 8);
	CHECK_EQ(REPLY(space_map)->done, n);
	for (unsigned i = 0; i < PAGES; i++)
		CHECK_EQ(pte_pfn(entry(first + i * PAGE_SIZE)), f[i]);
	refill();
	GIVES(0, vm, space_share, .from = (uint16_t)s, .to = (uint16_t)to, .mode = SHARE_COW,
	      .va = first, .pages = PAGES - 1, .spares = SPARES, .nr_spares = 8);
	CHECK_EQ(REPLY(space_share)->done, PAGES - 1);
	for (unsigned i = 0; i < PAGES; i++) {
		pte_t *e = table_leaf(spaces[to].root, first + i * PAGE_SIZE);

		CHECK_EQ(e ? pte_pfn(*e) : 0, i < PAGES - 1 ? f[i] : 0);
		CHECK(!there[i] || frames[f[i]].maps == (i < PAGES - 1 ? 2 : 1));
	}
	check();
	GIVES(0, vm, space_unmap, .space = (uint16_t)s, .va = first + PAGE_SIZE,
	      .pages = PAGES - 2, .max = 8, .address = FREED);
	CHECK_EQ(REPLY(space_unmap)->pages, n - 2);
	CHECK(entry(first) && entry(first + (PAGES - 1) * PAGE_SIZE));
	for (unsigned i = 1; i < PAGES - 1; i++)
		CHECK_EQ(entry(first + i * PAGE_SIZE), 0);
	do {
		GIVES(0, vm, space_destroy, .space = (uint16_t)to, .max = 3, .address = FREED);
		mapped += REPLY(space_destroy)->count;
	} while (!REPLY(space_destroy)->done);
	CHECK_EQ(mapped, n - 2 + 6);    /* what nobody else maps; tables: 1 + 1 + 2 + 2 */
	check();
}

static void t_frames(void)
{
	pfn_t f;

	cast();
	f = fake_frame();
	GIVES(EPERM, vm, frame_pin, .pfn = f, .count = 1, .change = 1);
	MAPS(0, VA, f, 1);
	GIVES(0, vm, frame_pin, .pfn = f, .count = 1, .change = 1);
	GIVES(0, vm, space_unmap, .space = (uint16_t)s, .va = VA, .pages = 1, .max = 8,
	      .address = FREED);
	CHECK_EQ(REPLY(space_unmap)->count, 0);
	CHECK_EQ(frames[f].type, FRAME_USER);
	check();
	GIVES(0, vm, frame_pin, .pfn = f, .count = 1, .change = -1);
	CHECK_EQ(frames[f].type, FRAME_FREE);
	GIVES(EPERM, vm, frame_pin, .pfn = 0, .count = 1, .change = 1);
	GIVES(EPERM, vm, frame_pin, .pfn = spaces[s].root, .count = 1, .change = 1);
	GIVES(EINVAL, vm, frame_pin, .pfn = f, .count = 1, .change = 2);
	GIVES(EINVAL, vm, frame_pin, .pfn = f, .count = 1, .change = 0);
	GIVES(EINVAL, vm, frame_pin, .pfn = FAKE_FRAMES, .count = 1, .change = 1);
	GIVES(EINVAL, vm, frame_pin, .pfn = f, .count = UINT32_MAX, .change = 1);
	GIVES(EINVAL, vm, frame_pin, .pfn = FAKE_FRAMES - 1, .count = 2, .change = 1);
	MAPS(0, VA, f, 1);
	GIVES(EINVAL, vm, frame_pin, .pfn = f, .count = 1, .change = -1);
	GIVES(0, vm, frame_info, .first = f, .count = 2, .address = FREED);
	CHECK_EQ(REPLY(frame_info)->done, 2);
	CHECK_EQ(((struct frame *)fake_at(vm, FREED))->type, FRAME_USER);
	GIVES(0, vm, frame_info, .first = FAKE_FRAMES - 3, .count = UINT32_MAX, .address = FREED);
	CHECK_EQ(REPLY(frame_info)->done, 3);
	GIVES(EINVAL, vm, frame_info, .first = FAKE_FRAMES, .count = 1, .address = FREED);
	GIVES(EFAULT, vm, frame_info, .first = 0, .count = 1, .address = TEXT_VA);
	GIVES(EFAULT, vm, frame_info, .first = 0, .count = FAKE_FRAMES,
	      .address = RAM_VA + RAM_PAGES * PAGE_SIZE - 8);
	check();
}

int main(void)
{
	TEST("a space is created on a free frame, once", t_create);
	TEST("pages are mapped, zeroed when asked to, once", t_map);
	TEST("no kernel, table or device frame and no bad address or flag is mapped",
	     t_map_refused);
	TEST("what is mapped already stays as it is, if so asked", t_map_new);
	TEST("tables are made of spare frames that are free", t_spares);
	TEST("a frame that just became a table is not mapped as well", t_spare_is_page);
	TEST("each call does a bounded number of pages and says how far it came", t_bounded);
	TEST("tables made for pages that lie apart are part of that number", t_sparse);
	TEST("the clock page is mapped read-only or not at all", t_clock_page);
	TEST("device memory is mapped by manifest only, and never copied from", t_mmio);
	TEST("a service's page is writable or executable, not both", t_wx);
	TEST("unmapping reports the frames that became free", t_unmap);
	TEST("empty tables are passed in bounded steps", t_unmap_sparse);
	TEST("protection is changed where something is mapped", t_protect);
	TEST("a range is shared as it is or copy-on-write", t_share);
	TEST("a copy-on-write page is copied while shared, kept when alone", t_copy_on_write);
	TEST("a space can be asked for what is mapped", t_query);
	TEST("a space is destroyed step by step, with all its frames reported", t_destroy);
	TEST("walks go from page to page, over holes and from table to table", t_neighbours);
	TEST("a pinned frame stays, and every frame's descriptor can be read", t_frames);
	return test_result();
}
