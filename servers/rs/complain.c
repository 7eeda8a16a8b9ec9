/* SPDX-License-Identifier: BSD-2-Clause
 * complain.c - complaints of services about services.
 *
 * Job:      a complaint of who may complain is a defect of the accused.
 * Speaks:   contracts/rs (complain).
 * Touches:  freezes the accused.
 * Trusts:   the complainer, as far as its manifest goes: it can do no worse than kill it.
 * On crash: a complaint is dealt with again: who is frozen already stays so.
 */
#include "rs.h"
#include <contract/kernel.h>
#include <lib/clock.h>
#include <lib/print.h>
#include <lib/service_ids.h>

static bool is_of_resources(uint32_t reason)
{
	return reason == RS_COMPLAINT_CPU || reason == RS_COMPLAINT_MEMORY;
}

enum { AGAIN_NS = 8000000000 };

/* Of one request, made again by a life that has just begun? Then the complainer is as likely wrong,
 * or both die in turns, while whoever waits for that request goes on waiting. */
static bool blames_again(unsigned from, unsigned id)
{
	struct service *s = &state.service[from];
	uint64_t now = clock_monotonic_ns();
	bool again = s->blamed == id && now - s->blamed_ns < AGAIN_NS;

	s->blamed = again ? 0 : id;
	s->blamed_ns = now;
	return again;
}

/* Who recovers in place has one endpoint: it may be the life before that did it. */
static err_t end_life(const struct rs_complain_request *req, const char *by)
{
	const struct service *s = &state.service[endpoint_slot(req->accused)];
	unsigned cause = is_of_resources(req->reason) ? RS_CAUSE_RESOURCE : RS_CAUSE_COMPLAINT;
	struct proc_freeze_request freeze = {
		.proc = req->accused, .code = cause << 16 | req->reason,
	};

	if (!alive(s) || s->hung || req->asked_ns < s->started_ns ||
	    !endpoint_eq(req->accused, service_endpoint(endpoint_slot(req->accused))))
		return -ESRCH;
	say("<4>%s: %s complains of it: %.40s", s->name, by, req->text);
	return sys_proc_freeze(&freeze) == 0 ? 0 : -ESRCH;
}

err_t do_rs_complain(const struct call *c, const struct rs_complain_request *req)
{
	unsigned id = endpoint_slot(req->accused), from = endpoint_slot(c->client);
	const struct manifest *m = manifest_of(from), *of = manifest_of(id);

	if (m == NULL || of == NULL || !manifest_may_complain(m, of)) {
		say("<4>%s: complains of %s, and may not", m != NULL ? m->name : "a program",
		    of != NULL ? of->name : "nobody");
		return -EPERM;
	}
	if (req->reason == RS_COMPLAINT_REQUEST && blames_again(from, id)) {
		struct rs_complain_request back = {
			.accused = c->client, .reason = RS_COMPLAINT_PROTOCOL,
			.asked_ns = UINT64_MAX,
		};

		format(back.text, sizeof(back.text), "again it complains of %s", of->name);
		return end_life(&back, "rs");
	}
	return end_life(req, m->name);
}

bool request_offends(const struct call *c, err_t err, uint64_t seen_ns)
{
	unsigned id = endpoint_slot(c->client);
	struct rs_complain_request req = {
		.accused = c->client, .reason = RS_COMPLAINT_REQUEST, .asked_ns = seen_ns,
	};

	if (manifest_of(id) == NULL || id == ID_RSGUARD)
		return true;
	format(req.text, sizeof(req.text), "its request 0x%x is none: %d", c->type, (int)err);
	(void)end_life(&req, "rs");     /* else it has died already */
	return true;
}
