/* SPDX-License-Identifier: BSD-2-Clause
 * limit.c - how much a space may map: RLIMIT_AS and RLIMIT_DATA.
 *
 * Job:      keeps the limits that pm tells; says whether a mapping may become larger.
 * Speaks:   contracts/vm (limit).
 * Touches:  state.space.
 * Trusts:   pm.
 * On crash: the undo log.
 * Spec:     setrlimit(2).
 *
 * What is mapped is counted when it is asked for: spaces with a limit are few.
 */
#include "vm.h"

#include <lib/service_ids.h>

static bool is_data(const struct region *r)
{
	return (r->kind == REGION_ANON || r->kind == REGION_FILE) && r->prot & WRITE &&
	       !(r->flags & REGION_GROWS);
}

static uint64_t overlap(const struct region *r, uint64_t start, uint64_t end)
{
	uint64_t low = r->start > start ? r->start : start, high = r->end < end ? r->end : end;

	return low < high ? high - low : 0;
}

bool limit_allows(const struct region *new, uint64_t len, uint64_t start, uint64_t end)
{
	const struct space *s = &state.space[new->space];
	uint64_t total = len, data = is_data(new) ? len : 0;
	bool more_data = data != 0;

	if (s->limit_total == 0 && s->limit_data == 0)
		return true;
	for (unsigned n = s->first; n != 0; n = region(n)->next) {
		const struct region *r = region(n);
		uint64_t counts = r->end - r->start - overlap(r, start, end);

		total += counts;
		data += is_data(r) ? counts : 0;
	}
	return (s->limit_total == 0 || total < s->limit_total) &&
	       (s->limit_data == 0 || !more_data || data < s->limit_data);
}

/* A limit as it is kept: what is below it is allowed; 0: there is none. */
static uint64_t kept(uint64_t bytes)
{
	return bytes > USER_END ? 0 : page_down(bytes) + 1;
}

err_t do_vm_limit(const struct call *c, const struct vm_limit_request *req)
{
	if (!is_a_service(c->client, ID_PM))
		return -EPERM;
	if (!space_is_live(req->space))
		return -EINVAL;
	state.space[req->space].limit_total = kept(req->total);
	state.space[req->space].limit_data = kept(req->data);
	return 0;
}
