/* SPDX-License-Identifier: BSD-2-Clause
 * memory.c - the part of the kernel that vm speaks to, for a vm that runs on the host.
 *
 * Job:      answers vm's kernel calls by the kernel's own handlers, which it is linked with; shows
 *           vm what it maps in its own space; stops if vm gives a frame out that is in use.
 * Speaks:   contracts/kernel, to vm (tests/messages/memory.h).
 * Touches:  the host's memory where vm has mapped something.
 * Trusts:   vm's pointers: the sanitizers look at them.
 * On crash: it is a host test: it fails.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kernel/call/call.h>
#include <tests/messages/memory.h>

void __sanitizer_print_stack_trace(void);

enum { FRAMES = 1400, KERNEL_FRAMES = 4, CLOCK = KERNEL_FRAMES, DEVICE_FRAMES = 16 };
enum { RAM_PAGES = 8 };
#define RAM_VA 0x400000ull
#define TEXT_VA 0x800000ull
#define OWN_LOW 0x0000210000000000ull           /* where vm maps for itself: INDEX_VA up */

struct proc procs[NR_PROCS];
struct priv privs[NR_PRIVS];
struct space spaces[NR_SPACES];
struct core fake_core;
struct boot_info boot_info;

static struct frame frame[FRAMES];
static uint8_t *ram;
static int ram_file;
static struct proc *vm;
static uint64_t cancelled_slots[NR_PROCS / 64];
static struct { endpoint_t client; uint32_t serial; uint64_t len; } lent;

/* ---- the machine ---- */

_Noreturn void panic(const char *why, uint64_t value)
{
	printf("FAIL what vm asks of the kernel makes sense: %s (0x%llx)\n", why,
	       (unsigned long long)value);
	fflush(stdout);
	__sanitizer_print_stack_trace();
	abort();
}

void *frame_ptr(pfn_t pfn)
{
	kassert(pfn < FRAMES);
	return ram + (uint64_t)pfn * PAGE_SIZE;
}

void table_init_root(pfn_t root)
{
	memset(frame_ptr(root), 0, PAGE_SIZE);
}

void tlb_drop(struct space *s, vaddr_t va)
{
	(void)s, (void)va;
}

void tlb_drop_all(struct space *s)
{
	(void)s;
}

/* vm's memory is the host's. */
err_t copy_from_proc(struct proc *p, void *to, vaddr_t from, uint64_t len)
{
	kassert(p == vm);
	memcpy(to, (const void *)from, len);
	return 0;
}

err_t copy_to_proc(struct proc *p, vaddr_t to, const void *from, uint64_t len)
{
	kassert(p == vm);
	if (from != NULL)
		memcpy((void *)to, from, len);
	return 0;
}

/* Nobody is controlled here. */
bool proc_manages(const struct proc *caller UNUSED, const struct proc *p UNUSED)
{
	return false;
}

bool proc_guards(const struct proc *caller UNUSED, const struct proc *p UNUSED)
{
	return false;
}

/* ---- at the start ---- */

void memory_begin(unsigned slot)
{
	ram_file = memfd_create("ram", 0);
	if (ram_file < 0 || ftruncate(ram_file, (off_t)FRAMES * PAGE_SIZE) != 0)
		panic("no memory on the host", 0);
	ram = mmap(NULL, (size_t)FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram_file,
		   0);
	kassert(ram != MAP_FAILED);
	frames = frame;
	nr_frames = FRAMES;
	for (pfn_t f = 0; f < KERNEL_FRAMES; f++)
		frame[f].type = FRAME_KERNEL;
	frame[CLOCK].type = FRAME_CLOCK;
	for (pfn_t f = FRAMES - DEVICE_FRAMES; f < FRAMES; f++)
		frame[f].type = FRAME_DEVICE;
	boot_info.clock_pfn = CLOCK;
	boot_info.nr_frames = FRAMES;
	for (unsigned n = 0; n < NR_PROCS; n++) {
		procs[n].ep = ENDPOINT_NONE;
		procs[n].slot = (uint16_t)n;
		procs[n].priv = &privs[n < PRIV_PROGRAM ? n : PRIV_PROGRAM];
	}
	vm = &procs[slot];
}

static bool take(void *unused UNUSED, pfn_t *pfn)
{
	static pfn_t next = CLOCK + 1;

	while (next < FRAMES && !frame_is_free(next))
		next++;
	*pfn = next;
	return next < FRAMES;
}

void memory_map(unsigned space, uint64_t va, unsigned pages, unsigned flags)
{
	for (unsigned n = 0; n < pages; n++) {
		pte_t *e = table_entry(spaces[space].root, va + n * (uint64_t)PAGE_SIZE, 0, take,
				       NULL);
		pfn_t f;

		if (e == NULL || !take(NULL, &f))
			panic("the test wants too much", n);
		frame_mapped(f);
		*e = pte_make(f, flags);
	}
}

void memory_service(unsigned slot)
{
	pfn_t root;

	if (!take(NULL, &root))
		panic("the test wants too much", slot);
	frame_retype(root, FRAME_FREE, FRAME_TABLE);
	table_init_root(root);
	spaces[slot] = (struct space){ .root = root, .priv = (uint8_t)slot };
	memory_map(slot, RAM_VA, RAM_PAGES, MAP_WRITE);
	memory_map(slot, TEXT_VA, 1, MAP_EXEC);
	privs[slot].desc.mmio[0] = (struct pfn_range){ FRAMES - DEVICE_FRAMES, DEVICE_FRAMES };
	privs[slot].desc.mmio[1] = (struct pfn_range){ 0xfe000, 1024 };
	memory_proc(slot, ENDPOINT(1, slot), slot);
}

/* ---- what vm maps for itself ---- */

static void show(vaddr_t va, uint64_t pages)
{
	for (; pages-- != 0; va += PAGE_SIZE) {
		pte_t *e = table_leaf(vm->space->root, va);
		int prot = PROT_READ;

		if (va < OWN_LOW)
			panic("vm maps something over itself", va);
		if (e == NULL) {
			munmap((void *)va, PAGE_SIZE);
			continue;
		}
		if (pte_flags(*e) & MAP_WRITE)
			prot |= PROT_WRITE;
		if (mmap((void *)va, PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, ram_file,
			 (off_t)pte_pfn(*e) * PAGE_SIZE) == MAP_FAILED)
			panic("the host has no room", va);
	}
}

/* ---- frames that vm says are free ---- */

static void look_free(pfn_t f)
{
	if (!frame_is_free(f))
		panic("vm gives a frame out that is in use", f);
}

static void look_spares(uint64_t at, uint32_t count)
{
	const pfn_t *spare = (const pfn_t *)at;

	for (uint32_t n = 0; n < count; n++)
		look_free(spare[n]);
}

/* A page that is to be zeroed or copied into is nobody's, or it is that page already. */
static void look_runs(const struct space *s, const struct map_run *run, uint32_t count)
{
	for (; count-- != 0; run++)
		for (uint32_t n = 0; n < run->count && run->va & (MAP_ZERO | MAP_COPY); n++) {
			vaddr_t va = run->va + n * (uint64_t)PAGE_SIZE;
			const pte_t *e = va < USER_END ? table_leaf(s->root, va) : NULL;

			if (e == NULL || pte_pfn(*e) != run->pfn + n)
				look_free(run->pfn + n);
		}
}

/* ---- calls ---- */

static err_t map(const struct space_map_request *req, struct space_map_reply *rep)
{
	const struct map_run *run = (const struct map_run *)req->runs;
	const struct space *s = space_find(req->space);
	err_t err;

	look_spares(req->spares, req->nr_spares);
	if (s != NULL)
		look_runs(s, run, req->count);
	err = do_space_map(vm, req, rep);
	for (uint32_t n = 0; s == vm->space && n < req->count; n++)
		show(run[n].va & ~(vaddr_t)(PAGE_SIZE - 1), run[n].count);
	return err;
}

static err_t unmap(const struct space_unmap_request *req, struct space_unmap_reply *rep)
{
	err_t err = do_space_unmap(vm, req, rep);

	if (err == 0 && space_find(req->space) == vm->space)
		show(req->va, rep->done);
	return err;
}

static err_t share(const struct space_share_request *req, struct space_share_reply *rep)
{
	look_spares(req->spares, req->nr_spares);
	return do_space_share(vm, req, rep);
}

/* One page's part of a copy for a program's call. */
static bool copy_part(const struct space *s, const struct call_copy_request *req, uint64_t done,
		      uint64_t *n)
{
	uint64_t at = req->remote + done;
	pte_t *e = at < USER_END ? table_leaf(s->root, at) : NULL;
	uint8_t *there;

	if (e == NULL || pte_flags(*e) & MAP_NONE ||
	    (req->dir == COPY_OUT && !(pte_flags(*e) & MAP_WRITE)))
		return false;
	there = (uint8_t *)frame_ptr(pte_pfn(*e)) + at % PAGE_SIZE;
	*n = PAGE_SIZE - at % PAGE_SIZE < req->len - done ? PAGE_SIZE - at % PAGE_SIZE
							   : req->len - done;
	if (req->dir == COPY_OUT)
		memcpy(there, (const void *)(req->local + done), *n);
	else
		memcpy((void *)(req->local + done), there, *n);
	return true;
}

/* A service lends zeros. */
static err_t copy_lent(const struct call_copy_request *req, struct call_copy_reply *rep)
{
	if (!endpoint_eq(lent.client, req->client) || lent.serial != req->serial)
		return -EDEADPEER;
	if (req->remote > lent.len || req->len > lent.len - req->remote || req->dir != COPY_IN)
		return -EPERM;
	memset((void *)req->local, 0, req->len);
	rep->done = req->len;
	return 0;
}

static err_t copy(const struct call_copy_request *req, struct call_copy_reply *rep)
{
	const struct proc *p = proc_find(req->client);
	uint64_t n;

	kassert(req->len <= COPY_MAX && req->dir <= COPY_OUT);
	if (endpoint_slot(req->client) < FIRST_PROGRAM)
		return copy_lent(req, rep);
	if (p == NULL || !(p->state & STATE_CALLING) || p->partner != vm ||
	    p->serial != req->serial || p->kind != CALL_LINUX)
		return -EDEADPEER;
	for (; rep->done < req->len; rep->done += n)
		if (!copy_part(p->space, req, rep->done, &n)) {
			rep->fault = req->remote + rep->done;
			return -EFAULT;
		}
	return 0;
}

static err_t next_cancelled(struct call_cancelled_reply *rep)
{
	for (unsigned n = 0; n < NR_PROCS; n++) {
		if (!(cancelled_slots[n / 64] & BIT(n % 64)))
			continue;
		cancelled_slots[n / 64] &= ~BIT(n % 64);
		rep->client = procs[n].ep;
		rep->serial = procs[n].serial;
		return 0;
	}
	return -ENOENT;
}

static err_t dispatch(uint32_t number, const void *request, void *reply)
{
	switch (number) {
	case SYS_SPACE_MAP:
		return map(request, reply);
	case SYS_SPACE_UNMAP:
		return unmap(request, reply);
	case SYS_SPACE_SHARE:
		return share(request, reply);
	case SYS_CALL_COPY:
		return copy(request, reply);
	case SYS_CALL_CANCELLED:
		return next_cancelled(reply);
	case SYS_SPACE_CREATE:
		return do_space_create(vm, request);
	case SYS_SPACE_DESTROY:
		return do_space_destroy(vm, request, reply);
	case SYS_SPACE_PROTECT:
		return do_space_protect(vm, request, reply);
	case SYS_SPACE_QUERY:
		return do_space_query(vm, request, reply);
	case SYS_FRAME_INFO:
		return do_frame_info(vm, request, reply);
	case SYS_PROC_INFO:
		return do_proc_info(vm, request, reply);
	case SYS_BOOT_INFO:
		return do_boot_info(vm, request);
	default:
		return -ENOSYS;
	}
}

bool memory_call(uint32_t number, struct message *m, err_t *err)
{
	uint64_t reply[MESSAGE_WORDS] = { 0 };

	*err = dispatch(number, m->w, reply);
	if (*err == -ENOSYS)
		return false;
	memcpy(m->w, reply, sizeof(reply));
	return true;
}

/* ---- what the test asks ---- */

bool memory_next(unsigned space, uint64_t *va, uint64_t end, pfn_t *pfn, unsigned *flags)
{
	unsigned looks = UINT32_MAX;
	pte_t *e = space_find(space) != NULL
		? table_next(spaces[space].root, *va, end, va, &looks) : NULL;

	if (e == NULL)
		return false;
	*pfn = pte_pfn(*e);
	*flags = pte_flags(*e);
	return true;
}

bool memory_page(unsigned space, uint64_t va, pfn_t *pfn, unsigned *flags)
{
	uint64_t at = va & ~(uint64_t)(PAGE_SIZE - 1);

	return va < USER_END && memory_next(space, &at, at + PAGE_SIZE, pfn, flags);
}

void *memory_at(pfn_t pfn)
{
	return frame_ptr(pfn);
}

unsigned memory_free(void)
{
	unsigned count = 0;

	for (pfn_t f = 0; f < FRAMES; f++)
		count += frame_is_free(f);
	return count;
}

bool memory_has(unsigned space)
{
	return space_find(space) != NULL;
}

void memory_proc(unsigned slot, endpoint_t who, unsigned space)
{
	struct proc *p = &procs[slot];

	if (p->space != NULL)
		p->space->users--;
	p->ep = p->owner = who;
	p->state = 0;
	p->space = endpoint_eq(who, ENDPOINT_NONE) ? NULL : &spaces[space];
	if (p->space != NULL)
		p->space->users++;
	cancelled_slots[slot / 64] &= ~BIT(slot % 64);
}

endpoint_t memory_who(unsigned slot)
{
	return procs[slot].ep;
}

void memory_calls(endpoint_t who, uint32_t type, uint32_t serial, uint64_t len)
{
	struct proc *p = proc_find(who);

	lent.client = who;
	lent.serial = serial;
	lent.len = len;
	if (p == NULL || !p->space || p->slot < FIRST_PROGRAM)
		return;
	p->state = STATE_CALLING;
	p->partner = vm;
	p->serial = serial;
	p->kind = type == TYPE_FAULT ? CALL_FAULT : CALL_LINUX;
	p->regs.orig_rax = type;
}

bool memory_waits(unsigned slot)
{
	return procs[slot].state & STATE_CALLING;
}

/* A page fault is not interrupted. */
void memory_cancel(unsigned slot)
{
	if (memory_waits(slot) && procs[slot].kind == CALL_LINUX)
		cancelled_slots[slot / 64] |= BIT(slot % 64);
}

err_t memory_answered(endpoint_t who, uint32_t serial)
{
	struct proc *p = proc_find(who);

	if (endpoint_slot(who) < FIRST_PROGRAM)
		return 0;
	if (p == NULL || !(p->state & STATE_CALLING) || p->serial != serial)
		return -EDEADPEER;
	p->state = 0;
	cancelled_slots[p->slot / 64] &= ~BIT(p->slot % 64);
	return 0;
}
