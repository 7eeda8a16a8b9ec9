/* SPDX-License-Identifier: BSD-2-Clause
 * calls.c - what pm and vfs ask about spaces, and the numbers for /proc.
 *
 * Job:      the handlers of contracts/vm.contract, but for the page cache and shared memory.
 * Speaks:   contracts/vm.
 * Touches:  state.user, spaces.
 * Trusts:   pm and vfs for who lives and what is mapped where; not for their numbers.
 * On crash: space_new and space_fork answer a repeated call with the space made the first time.
 */
#include "vm.h"

#include <lib/service_ids.h>

bool is_a_service(endpoint_t who, unsigned id)
{
	return endpoint_slot(who) == id;
}

static bool is_pm(const struct call *c)
{
	return is_a_service(c->client, ID_PM);
}

static bool is_pm_or_vfs(const struct call *c)
{
	return is_pm(c) || is_a_service(c->client, ID_VFS);
}

/* ---- life ---- */

err_t do_vm_space_new(const struct call *c, struct vm_space_new_reply *reply)
{
	unsigned space;
	int64_t before;
	err_t err;

	if (!is_pm(c))
		return -EPERM;
	if (!done_before(c->client, c->serial, &before)) {
		spaces_reap();
		err = space_begin(&space);
		if (err != 0) {
			doubt_shortage(0);
			return err;
		}
		err = space_fixed(space);
		if (err != 0) {
			space_end(space);
			return -ENOMEM;
		}
		state.space[space].phase = SPACE_LIVE;
		done_now(c->client, c->serial, before = space);
	}
	reply->space = (uint16_t)before;
	return 0;
}

err_t do_vm_space_fork(const struct call *c, const struct vm_space_fork_request *req,
		       struct vm_space_fork_reply *reply)
{
	unsigned parent = space_of(req->parent), child;
	int64_t before;
	err_t err;

	if (!is_pm(c))
		return -EPERM;
	if (parent == 0)
		return -ESRCH;
	if (!done_before(c->client, c->serial, &before)) {
		err = space_fork(parent, &child);
		if (err != 0) {
			doubt_shortage(parent);
			return err;
		}
		done_now(c->client, c->serial, before = child);
	}
	reply->space = (uint16_t)before;
	return 0;
}

/* One process less. The last one takes the space along; that commits. */
static void leave(unsigned space)
{
	if (space != 0 && --state.space[space].processes == 0)
		space_end(space);
}

err_t do_vm_attach(const struct call *c, const struct vm_attach_request *req)
{
	unsigned slot = endpoint_slot(req->proc), old;
	struct user *u = &state.user[slot % NR_PROCS];

	if (!is_pm(c))
		return -EPERM;
	if (slot < FIRST_PROGRAM || slot >= NR_PROCS || !space_is_live(req->space))
		return -EINVAL;
	if (endpoint_eq(u->proc, req->proc) && u->space == req->space)
		return 0;
	old = u->space;
	if (old != 0)
		wait_end(slot);
	if (state.init == 0)
		state.init = (uint16_t)slot;
	state.space[req->space].processes++;
	*u = (struct user){ .proc = req->proc, .space = req->space };
	leave(old);
	return 0;
}

void user_gone(endpoint_t proc)
{
	unsigned slot = endpoint_slot(proc), space = space_of(proc);

	if (space == 0)
		return;
	wait_end(slot);
	state.user[slot] = (struct user){ .space = 0 };
	leave(space);
}

err_t do_vm_detach(const struct call *c, const struct vm_detach_request *req)
{
	if (!is_pm(c))
		return -EPERM;
	user_gone(req->proc);
	return 0;
}

static err_t space_free(unsigned space)
{
	if (!space_is_live(space))
		return 0;
	if (state.space[space].processes != 0)
		return -EBUSY;
	space_end(space);
	return 0;
}

err_t do_vm_space_free(const struct call *c, const struct vm_space_free_request *req)
{
	return is_pm(c) ? space_free(req->space) : -EPERM;
}

/* ---- regions ---- */

static unsigned kind_of(const struct vm_map_request *req)
{
	bool shared = req->flags & VM_MAP_SHARED;

	if (req->file != 0)
		return shared ? REGION_FILE_SHARED : REGION_FILE;
	return shared ? REGION_OBJECT : REGION_ANON;
}

err_t do_vm_map(const struct call *c, const struct vm_map_request *req,
		struct vm_map_reply *reply)
{
	struct region r = {
		.space = req->space != 0 ? req->space : (uint16_t)space_of(req->proc),
		.kind = (uint8_t)kind_of(req), .prot = req->prot & PROT_ALL,
		.file = req->file, .offset = req->file != 0 ? req->offset : 0,
	};
	uint64_t limit = req->offset != 0 ? req->offset : STACK_LIMIT_DEFAULT;
	int64_t at;

	if (!is_pm_or_vfs(c))
		return -EPERM;
	if (!space_is_live(r.space) || r.offset % PAGE_SIZE != 0 ||
	    r.offset + page_up(req->len) < r.offset || req->tail >= PAGE_SIZE)
		return -EINVAL;
	if (r.kind == REGION_FILE)
		r.tail = (uint16_t)req->tail;
	if (r.kind == REGION_FILE_SHARED && req->flags & VM_MAP_READ_ONLY)
		r.flags = REGION_READ_ONLY;
	if (r.kind == REGION_ANON && req->flags & VM_MAP_GROWSDOWN) {
		r.flags = REGION_GROWS;
		if (limit > STACK_LIMIT_MAX)
			limit = STACK_LIMIT_MAX;
		r.limit = (uint32_t)(limit / PAGE_SIZE);
	}
	if (!done_before(c->client, c->serial, &at)) {
		at = map_insert(&r, req->address, req->len, req->flags);
		if (at > 0)
			done_now(c->client, c->serial, at);
	}
	if (at < 0)
		return at == -EPERM ? -EINVAL : (err_t)at;
	reply->address = (uint64_t)at;
	return 0;
}

err_t do_vm_brk_set(const struct call *c, const struct vm_brk_set_request *req)
{
	if (!is_pm_or_vfs(c))
		return -EPERM;
	if (!space_is_live(req->space) || req->start >= MMAP_TOP)
		return -EINVAL;
	state.space[req->space].brk_start = page_up(req->start);
	state.space[req->space].brk = page_up(req->start);
	return 0;
}

/* ---- pages ---- */

err_t do_vm_populate(const struct call *c, const struct vm_populate_request *req,
		     struct vm_populate_reply *reply)
{
	bool vfs = is_a_service(c->client, ID_VFS);
	struct want w = {
		.space = space_of(req->proc), .address = req->address,
		.access = req->write ? WRITE : READ, .slot = vfs ? req->slot : NO_SLOT,
		.urgent = is_pm(c),
	};
	struct missing m;
	err_t err;

	if (endpoint_slot(c->client) >= FIRST_PROGRAM || w.space == 0 || w.address >= USER_END)
		return -EFAULT;
	err = page_in(&w, &m);
	if (err == -ENODATA) {
		reply->file = m.file;
		reply->offset = m.offset;
		if (!vfs)
			reply->on_its_way = wait_populate(endpoint_slot(c->client), req->proc,
							  w.space, w.address, &m);
	}
	if (err == 0 && !doubt_done(req->proc, &w, 0, 0))
		err = -EFAULT;
	if (err == -ENOMEM)
		wait_for_memory_of(endpoint_slot(c->client), req->proc, w.space);
	return err == 0 || err == -ENODATA || err == -ENOMEM ? err : -EFAULT;
}

/* One page of a space without a process: write len bytes of what the client lends. */
static err_t write_page(const struct call *c, unsigned space, uint64_t address, uint64_t from,
			size_t len)
{
	struct want w = { .space = space, .address = address, .access = WRITE, .slot = NO_SLOT };
	struct space_query_reply page;
	struct missing m;
	err_t err = page_in(&w, &m);

	if (err != 0)
		return err == -ENOMEM ? err : -EFAULT;
	if (!page_query(space, address, &page))
		return -EFAULT;
	err = scratch_open(page.pfn);
	if (err != 0)
		return -ENOMEM;
	err = call_read(c, from, (char *)scratch() + address % PAGE_SIZE, len);
	scratch_close();
	return err != 0 ? -EFAULT : 0;
}

err_t do_vm_write(const struct call *c, const struct vm_write_request *req)
{
	uint64_t done = 0;

	if (!is_pm_or_vfs(c))
		return -EPERM;
	if (!space_is_live(req->space))
		return -EINVAL;
	if (req->address >= USER_END || c->lent > USER_END - req->address)
		return -EFAULT;
	while (done < c->lent) {
		uint64_t at = req->address + done, part = PAGE_SIZE - at % PAGE_SIZE;
		err_t err;

		if (part > c->lent - done)
			part = c->lent - done;
		err = write_page(c, req->space, at, done, part);
		if (err != 0)
			return err;
		done += part;
	}
	return 0;
}

/* ---- futexes, want of memory ---- */

err_t do_vm_futex_wake(const struct call *c, const struct vm_futex_wake_request *req,
		       struct vm_futex_wake_reply *reply)
{
	unsigned space = space_of(req->proc);

	if (!is_pm(c))
		return -EPERM;
	if (space == 0)
		return -ESRCH;
	reply->woken = futex_wake(futex_key(space, req->address, false), UINT32_MAX, req->count);
	return 0;
}

err_t do_vm_victim_next(const struct call *c, struct vm_victim_next_reply *reply)
{
	unsigned space = state.victim;

	if (!is_pm(c))
		return -EPERM;
	state.victim = 0;
	for (unsigned n = FIRST_PROGRAM; space != 0 && n < NR_PROCS; n++) {
		if (state.user[n].space != space)
			continue;
		reply->proc = state.user[n].proc;
		return 0;
	}
	return stranger_next(&reply->proc) ? 0 : -ENOENT;
}

/* ---- numbers ---- */

err_t do_vm_totals(const struct call *c, struct vm_totals_reply *reply)
{
	uint64_t anonymous = state.space[HOLDER].resident;

	for (unsigned n = FIRST_SPACE; n < NR_SPACES; n++)
		anonymous += state.space[n].resident;
	*reply = (struct vm_totals_reply){
		.frames = frames_total(), .free = frames_free(), .cache = frames_cache(),
		.anonymous = anonymous, .faults = state.faults, .wanted = frames_wanted(),
	};
	return 0;
}

err_t do_vm_usage(const struct call *c, const struct vm_usage_request *req,
		  struct vm_usage_reply *reply)
{
	unsigned space = space_of(req->proc);
	const struct space *s = &state.space[space];

	if (space == 0)
		return -ESRCH;
	*reply = (struct vm_usage_reply){
		.resident = s->resident, .brk_start = s->brk_start, .brk = s->brk,
	};
	for (unsigned n = s->first; n != 0; n = region(n)->next) {
		reply->virtual += region(n)->end - region(n)->start;
		if (region(n)->end == STACK_TOP)
			reply->stack = region(n)->start;
	}
	return 0;
}

err_t do_vm_region(const struct call *c, const struct vm_region_request *req,
		   struct vm_region_reply *reply)
{
	unsigned space = space_of(req->proc), n;
	const struct space *s = &state.space[space];
	const struct region *r;

	if (space == 0)
		return -ESRCH;
	n = region_above(space, req->from);
	if (n == 0)
		return -ENOENT;
	r = region(n);
	*reply = (struct vm_region_reply){
		.start = r->start, .end = r->end, .prot = r->prot, .offset = r->offset,
		.file = r->kind == REGION_FILE || r->kind == REGION_FILE_SHARED ? r->file : 0,
		.flags = r->kind == REGION_OBJECT || r->kind == REGION_FILE_SHARED
			? VM_MAP_SHARED : VM_MAP_PRIVATE,
		.heap = r->kind == REGION_ANON && r->start < page_up(s->brk) &&
			r->end > s->brk_start,
		.special = r->kind != REGION_FIXED ? 0 : r->start == VVAR_VA ? 1 : 2,
	};
	if (r->flags & REGION_GROWS)
		reply->flags |= VM_MAP_GROWSDOWN;
	return 0;
}
