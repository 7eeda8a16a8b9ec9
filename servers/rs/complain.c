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

static bool is_of_resources(uint32_t reason)
{
	return reason == RS_COMPLAINT_CPU || reason == RS_COMPLAINT_MEMORY;
}

err_t do_rs_complain(const struct call *c, const struct rs_complain_request *req)
{
	unsigned id = endpoint_slot(req->accused), from = endpoint_slot(c->client);
	const struct manifest *m = manifest_of(from), *of = manifest_of(id);
	unsigned cause = is_of_resources(req->reason) ? RS_CAUSE_RESOURCE : RS_CAUSE_COMPLAINT;
	struct proc_freeze_request freeze = {
		.proc = req->accused, .code = cause << 16 | req->reason,
	};
	const struct service *s;

	if (m == NULL || of == NULL || !manifest_may_complain(m, of)) {
		say("<4>%s: complains of %s, and may not", m != NULL ? m->name : "a program",
		    of != NULL ? of->name : "nobody");
		return -EPERM;
	}
	s = &state.service[id];
	if (!alive(s) || s->hung || !endpoint_eq(req->accused, service_endpoint(id)))
		return -ESRCH;
	/* Who recovers in place has one endpoint: it may be the life before that has answered. */
	if (req->asked_ns < s->started_ns)
		return -ESRCH;
	say("<4>%s: %s complains of it: %.40s", s->name, m->name, req->text);
	return sys_proc_freeze(&freeze) == 0 ? 0 : -ESRCH;
}
