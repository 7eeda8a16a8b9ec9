/* SPDX-License-Identifier: BSD-2-Clause
 * share.c - memory of one service, lent to another.
 *
 * Job:      remembers what is lent; maps it for the borrower at the place that belongs to the row.
 * Speaks:   contracts/vm, lend and borrow.
 * Touches:  its rows at SHARES_VA; page tables of services, above SHARE_VA only.
 * Trusts:   the lender for what it wants to lend: it may lend its own writable memory only.
 * On crash: rows stay, also over a fresh start; one that is half made is unused, and lending again
 *           or mapping again changes nothing.
 *
 * A restart keeps a service's frames, so shares outlive both ends; the contents are the ring
 * library's business (lib/ring.h).
 */
#include "vm.h"

#include <lib/assert.h>
#include <lib/service_ids.h>

enum { SHARES_PAGES = (NR_SHARES * sizeof(struct share) + PAGE_SIZE - 1) / PAGE_SIZE };

static struct share *const share = (struct share *)SHARES_VA;

/* ---- start ---- */

static bool is_sound(const struct share *s)
{
	return s->used == 1 && s->from < PRIV_PROGRAM && s->to < PRIV_PROGRAM &&
	       s->from != s->to && (s->address | s->len) % PAGE_SIZE == 0 && s->len != 0 &&
	       s->len <= SHARE_MAX && s->address < SHARE_VA;
}

void shares_init(void)
{
	struct space_query_reply page;
	struct map_run run[SHARES_PAGES];
	unsigned have;
	const pfn_t *next = frames_peek(SHARES_PAGES, &have);
	err_t err;

	for (unsigned n = 0; n < SHARES_PAGES; n++)
		run[n] = (struct map_run){
			(SHARES_VA + n * (uint64_t)PAGE_SIZE) | MAP_WRITE | MAP_ZERO, next[n], 1,
		};
	if (!page_query(ID_VM, SHARES_VA, &page)) {
		assert(have == SHARES_PAGES);
		err = pages_map(ID_VM, run, SHARES_PAGES, SHARES_PAGES);
		assert(err == 0);
	}
	for (unsigned n = 0; n < NR_SHARES; n++)
		if (!is_sound(&share[n]))
			share[n].used = 0;
}

/* ---- rows ---- */

static uint64_t place_of(unsigned n)
{
	return SHARE_VA + n * SHARE_MAX;
}

static unsigned share_find(unsigned from, unsigned to, uint32_t key)
{
	unsigned n = 0;

	while (n < NR_SHARES && !(share[n].used && share[n].from == from &&
				  share[n].to == to && share[n].key == key))
		n++;
	return n;
}

static unsigned share_unused(void)
{
	unsigned n = 0;

	while (n < NR_SHARES && share[n].used)
		n++;
	return n;
}

/* All of it is there, writable, and the lender's own. */
static bool lendable(unsigned from, uint64_t address, uint64_t len)
{
	struct space_query_reply page;

	if (address % PAGE_SIZE != 0 || len % PAGE_SIZE != 0 || len == 0 || len > SHARE_MAX ||
	    address >= SHARE_VA || len > SHARE_VA - address)
		return false;
	for (uint64_t at = address; at < address + len; at += PAGE_SIZE)
		if (!page_query(from, at, &page) || !(page.prot & MAP_WRITE) ||
		    page.prot & MAP_MMIO)
			return false;
	return true;
}

err_t do_vm_lend(const struct call *c, const struct vm_lend_request *req)
{
	unsigned from = endpoint_slot(c->client), to = endpoint_slot(req->to), n;
	struct share *s;
	bool moves;

	if (from >= PRIV_PROGRAM || to >= PRIV_PROGRAM || from == to ||
	    !lendable(from, req->address, req->len))
		return -EINVAL;
	n = share_find(from, to, req->key);
	if (n == NR_SHARES)
		n = share_unused();
	if (n == NR_SHARES)
		return -ENOSPC;
	s = &share[n];
	moves = s->used && (s->address != req->address || s->len != req->len);
	if ((moves || !s->used) && space_exists(to))    /* unused: of a lender that was removed */
		pages_unmap(to, place_of(n), place_of(n) + (moves ? s->len : SHARE_MAX));
	s->used = 0;
	__asm__ volatile("" : : : "memory");
	s->from = (uint8_t)from;
	s->to = (uint8_t)to;
	s->key = req->key;
	s->owner = c->client;
	s->address = req->address;
	s->len = req->len;
	__asm__ volatile("" : : : "memory");
	s->used = 1;
	return 0;
}

err_t do_vm_borrow(const struct call *c, const struct vm_borrow_request *req,
		   struct vm_borrow_reply *reply)
{
	unsigned to = endpoint_slot(c->client);
	unsigned n = share_find(endpoint_slot(req->from), to, req->key);
	const struct share *s = &share[n % NR_SHARES];

	if (to >= PRIV_PROGRAM || n == NR_SHARES)
		return -ENOENT;
	for (uint64_t at = 0; at < s->len; at += PAGE_SIZE) {
		struct map_run run = { (place_of(n) + at) | MAP_WRITE, 0, 1 };
		struct space_query_reply page;

		if (!page_query(s->from, s->address + at, &page))
			return -ENOENT;
		run.pfn = page.pfn;
		if (pages_map(to, &run, 1, 0) != 0)
			return -ENOMEM;
	}
	reply->address = place_of(n);
	reply->len = s->len;
	reply->owner = s->owner;
	return 0;
}

/* Who borrowed from it keeps the pages until the row serves again, or until its own end: it may be
 * reading them. */
void shares_forget(unsigned service)
{
	for (unsigned n = 0; n < NR_SHARES; n++)
		if (share[n].from == service || share[n].to == service)
			share[n] = (struct share){ .used = 0 };
}
