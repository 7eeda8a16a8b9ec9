/* SPDX-License-Identifier: BSD-2-Clause
 * spaces.c - frames and address spaces as rs may rely on them, and vm as far as rs asks it.
 *
 * Job:      keeps the promises of contracts/kernel.contract about frames and spaces; gives pages to
 *           services and to rs's window as vm does, or does not, or takes one away.
 * Speaks:   kernel calls boot_info, frame_info, space_*; vm.service_map, _unmap, _end.
 * Touches:  rs's window: what is not mapped there cannot be read, as on the machine.
 * Trusts:   nothing of what it is asked: a frame that is used twice fails the test.
 * On crash: it is a test.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <abi/boot.h>
#include <abi/layout.h>
#include <contract/vm.h>
#include <lib/assert.h>
#include <lib/service_ids.h>
#include <servers/rs/rs.h>
#include <tests/messages/messages.h>

#include "model.h"

enum { FRAMES = 16384, CLOCK_FRAME = 2, FIRST_OF_ARCHIVE = 16, PAGES_MOST = 65536 };
enum { TABLE_SHIFT = 21 };              /* a table maps so much */

struct page { uint64_t va; uint32_t pfn; uint16_t prot; };

static struct frame frames[FRAMES];
static struct space {
	uint32_t root;                  /* 0: no such space */
	uint32_t count;
	struct page page[PAGES_MOST];   /* in the order of addresses */
} *space[NR_PRIVS];

static struct space *find(unsigned id)
{
	return id < NR_PRIVS && space[id] != NULL && space[id]->root != 0 ? space[id] : NULL;
}

/* The first page at va or above. */
static uint32_t at_or_above(const struct space *s, uint64_t va)
{
	uint32_t low = 0, high = s->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (s->page[middle].va < va)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool space_has(unsigned id, uint64_t va, uint64_t bytes)
{
	const struct space *s = find(id);
	uint64_t first = va / PAGE_SIZE * PAGE_SIZE;
	uint64_t pages = (va + bytes - first + PAGE_SIZE - 1) / PAGE_SIZE;
	uint32_t n = s == NULL ? 0 : at_or_above(s, first);

	return s != NULL && s->count - n >= pages &&
	       (pages == 0 || s->page[n + pages - 1].va == first + (pages - 1) * PAGE_SIZE);
}

bool space_there(unsigned id)
{
	return find(id) != NULL;
}

/* rs's own pages are real ones. */
static void show(unsigned id, uint64_t va, int prot)
{
	if (id == ID_RS && mprotect((void *)va, PAGE_SIZE, prot) != 0)
		abort();
}

static int prot_of(unsigned flags)
{
	return PROT_READ | (flags & MAP_WRITE ? PROT_WRITE : 0);
}

static void page_in(unsigned id, uint64_t va, uint32_t pfn, unsigned flags)
{
	struct space *s = space[id];
	uint32_t n = at_or_above(s, va);

	if (s->count == PAGES_MOST)
		abort();
	memmove(&s->page[n + 1], &s->page[n], (s->count++ - n) * sizeof(s->page[0]));
	s->page[n] = (struct page){ va, pfn, (uint16_t)(flags & (MAP_WRITE | MAP_EXEC)) };
	if (frames[pfn].type == FRAME_FREE)
		frames[pfn].type = FRAME_USER;
	frames[pfn].maps++;
	show(id, va, PROT_READ | PROT_WRITE);
	if (id == ID_RS)
		memset((void *)va, 0, PAGE_SIZE);
	show(id, va, prot_of(flags));
}

static void page_out(unsigned id, uint32_t n)
{
	struct space *s = space[id];
	uint32_t pfn = s->page[n].pfn;

	show(id, s->page[n].va, PROT_NONE);
	if (--frames[pfn].maps == 0 && frames[pfn].type == FRAME_USER)
		frames[pfn].type = FRAME_FREE;
	memmove(&s->page[n], &s->page[n + 1], (--s->count - n) * sizeof(s->page[0]));
}

/* ---- the kernel ---- */

static err_t boot_info(struct message *m)
{
	const struct boot_info_request *req = (const void *)m->w;
	static const struct boot_info info = {
		.nr_regions = 1, .nr_frames = FRAMES, .region = { { 0, FRAMES * PAGE_SIZE } },
		.archive = FIRST_OF_ARCHIVE * PAGE_SIZE, .clock_pfn = CLOCK_FRAME,
		.fb = { .base = 0xe0000000, .pitch = 4096, .width = 1024, .height = 768 },
		.tsc_hz = 1000000000, .cmdline = "root=/dev/virtio_blk1 quiet",
	};
	struct boot_info *to = (struct boot_info *)req->address;

	*to = info;
	to->archive_size = archive_bytes();
	return 0;
}

static err_t frame_info(struct message *m)
{
	const struct frame_info_request req = *(const struct frame_info_request *)m->w;
	struct frame_info_reply reply;

	if (req.first >= FRAMES)
		return -EINVAL;
	reply.done = FRAMES - req.first < req.count ? FRAMES - req.first : req.count;
	memcpy((void *)req.address, &frames[req.first], reply.done * sizeof(frames[0]));
	memcpy(m->w, &reply, sizeof(reply));
	return 0;
}

static err_t space_make(unsigned id, uint32_t root)
{
	if (id >= NR_PRIVS || root == 0 || root >= FRAMES)
		return -EINVAL;
	if (find(id) != NULL)
		return space[id]->root == root ? 0 : -EEXIST;
	if (frames[root].type != FRAME_FREE)
		return -EBUSY;
	frames[root].type = FRAME_TABLE;
	if (space[id] == NULL)
		space[id] = calloc(1, sizeof(*space[id]));
	space[id]->root = root;
	return 0;
}

static err_t space_create(struct message *m)
{
	const struct space_create_request *req = (const void *)m->w;

	return space_make(req->space, req->root);
}

static bool has_table(const struct space *s, uint64_t va)
{
	uint32_t n = at_or_above(s, va >> TABLE_SHIFT << TABLE_SHIFT);

	return n < s->count && s->page[n].va >> TABLE_SHIFT == va >> TABLE_SHIFT;
}

static err_t run_map(unsigned id, const struct map_run *run, const uint32_t *spares,
		     struct space_map_reply *reply)
{
	unsigned flags = (unsigned)(run->va % PAGE_SIZE);
	uint64_t va = run->va - flags;

	for (uint32_t i = 0; i < run->count; i++, va += PAGE_SIZE) {
		struct space *s = space[id];
		uint32_t pfn = run->pfn + i, n = at_or_above(s, va);

		if (n < s->count && s->page[n].va == va && s->page[n].pfn != pfn)
			return -EEXIST;
		if (n < s->count && s->page[n].va == va)
			continue;
		if (pfn >= FRAMES || frames[pfn].type == FRAME_TABLE)
			return -EPERM;
		assert(!(flags & MAP_ZERO) || frames[pfn].maps == 0);    /* somebody else's */
		if (!has_table(s, va)) {
			assert(frames[*spares].type == FRAME_FREE);
			frames[spares[reply->used++]].type = FRAME_TABLE;
		}
		page_in(id, va, pfn, flags);
		reply->done++;
	}
	return 0;
}

static err_t space_map(struct message *m)
{
	const struct space_map_request req = *(const struct space_map_request *)m->w;
	struct space_map_reply reply = { 0 };
	err_t err = find(req.space) == NULL ? -EINVAL : 0;

	for (uint32_t i = 0; err == 0 && i < req.count; i++)
		err = run_map(req.space, &((const struct map_run *)req.runs)[i],
			      (const uint32_t *)req.spares, &reply);
	memcpy(m->w, &reply, sizeof(reply));
	return err;
}

static err_t space_query(struct message *m)
{
	const struct space_query_request req = *(const struct space_query_request *)m->w;
	const struct space *s = find(req.space);
	struct space_query_reply reply = { .va = req.va };
	uint32_t n;

	if (s == NULL)
		return -EINVAL;
	n = at_or_above(s, req.va);
	if (n == s->count && !one_in(9))
		return -ENOENT;
	if (n == s->count || (s->page[n].va - req.va > 512 * PAGE_SIZE && one_in(3))) {
		reply.va += 512 * PAGE_SIZE;            /* it has looked so far */
	} else {
		reply.va = s->page[n].va;
		reply.pfn = s->page[n].pfn;
		reply.prot = s->page[n].prot;
		reply.maps = frames[reply.pfn].maps;
	}
	memcpy(m->w, &reply, sizeof(reply));
	return 0;
}

static err_t space_protect(struct message *m)
{
	const struct space_protect_request req = *(const struct space_protect_request *)m->w;
	struct space_protect_reply reply = { .done = req.pages };
	struct space *s = find(req.space);

	if (s == NULL || req.prot == (MAP_WRITE | MAP_EXEC))
		return -EINVAL;
	if (req.pages > 1 && one_in(4))
		reply.done = 1 + below(req.pages);
	for (uint32_t n = at_or_above(s, req.va);
	     n < s->count && s->page[n].va < req.va + reply.done * PAGE_SIZE; n++) {
		s->page[n].prot = req.prot;
		show(req.space, s->page[n].va, prot_of(req.prot));
	}
	memcpy(m->w, &reply, sizeof(reply));
	return 0;
}

bool space_call(uint32_t number, struct message *m, err_t *err)
{
	switch (number) {
	case SYS_BOOT_INFO:
		*err = boot_info(m);
		return true;
	case SYS_FRAME_INFO:
		*err = frame_info(m);
		return true;
	case SYS_SPACE_CREATE:
		*err = space_create(m);
		return true;
	case SYS_SPACE_MAP:
		*err = space_map(m);
		return true;
	case SYS_SPACE_QUERY:
		*err = space_query(m);
		return true;
	case SYS_SPACE_PROTECT:
		*err = space_protect(m);
		return true;
	default:
		return false;
	}
}

/* ---- vm ---- */

static uint32_t some_frame(void)
{
	uint32_t pfn = FRAMES / 2 + (uint32_t)below(FRAMES / 2);

	while (frames[pfn].type != FRAME_FREE)
		pfn = pfn + 1 < FRAMES ? pfn + 1 : FRAMES / 2;
	return pfn;
}

static void vm_gives(const struct vm_service_map_request *req)
{
	uint64_t va = req->address;

	assert(va % PAGE_SIZE == 0 && req->space != ID_VM);
	if (find(req->space) == NULL && space_make(req->space, some_frame()) != 0)
		abort();
	for (uint32_t i = 0; i < req->pages && !one_in(500); i++, va += PAGE_SIZE)
		if (!space_has(req->space, va, PAGE_SIZE))
			page_in(req->space, va, some_frame(), req->flags);
}

static void unmap(unsigned id, uint64_t va, uint64_t pages)
{
	struct space *s = find(id);
	uint32_t n = s == NULL ? 0 : at_or_above(s, va);

	while (s != NULL && n < s->count && s->page[n].va < va + pages * PAGE_SIZE)
		page_out(id, n);
}

/* A space in which there is a process stays. */
static void vm_ends(unsigned id)
{
	if (find(id) == NULL || process_lives(id))
		return;
	while (space[id]->count != 0)
		page_out(id, space[id]->count - 1);
	frames[space[id]->root].type = FRAME_FREE;
	space[id]->root = 0;
}

void vm_takes(const struct message *m)
{
	const struct vm_service_unmap_request *range = (const void *)m->w;

	if (m->type == VM_SERVICE_MAP)
		vm_gives((const void *)m->w);
	else if (m->type == VM_SERVICE_UNMAP)
		unmap(range->space, range->address, range->pages);
	else if (m->type == VM_SERVICE_END)
		vm_ends(((const struct vm_service_end_request *)m->w)->space);
}

void vm_goes_wrong(void)
{
	unsigned id = 1 + (unsigned)below(NR_PRIVS - 1);

	if (find(id) != NULL && space[id]->count != 0 && process_lives(id))
		page_out(id, (uint32_t)below(space[id]->count));
}

/* ---- rs's window ---- */

bool window_is_tidy(void)
{
	for (uint32_t n = 0; n < space[ID_RS]->count; n++) {
		uint64_t area = (space[ID_RS]->page[n].va - RS_WINDOW_VA) / RS_WINDOW_AREA;
		uint64_t in = (space[ID_RS]->page[n].va - RS_WINDOW_VA) % RS_WINDOW_AREA;
		const struct loaded *l = &state.loaded[area / NR_PLACES];

		if ((in < TEXT_MAX ? l->text : l->program) != area % NR_PLACES + 1)
			return false;
	}
	return true;
}

void spaces_make(void)
{
	uint32_t used = FIRST_OF_ARCHIVE + (uint32_t)(archive_bytes() / PAGE_SIZE);

	for (uint32_t pfn = 0; pfn < used; pfn++)
		frames[pfn].type = pfn < FIRST_OF_ARCHIVE ? FRAME_KERNEL : FRAME_USER;
	for (uint32_t pfn = FIRST_OF_ARCHIVE; pfn < used; pfn++)
		frames[pfn].maps = 1;                   /* in rs */
	frames[CLOCK_FRAME].type = FRAME_CLOCK;
	if (space_make(ID_RS, used) != 0 ||
	    mmap((void *)RS_WINDOW_VA, RS_WINDOW_END - RS_WINDOW_VA, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		abort();
}
