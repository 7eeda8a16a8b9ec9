/* SPDX-License-Identifier: BSD-2-Clause
 * script.c - recovery scripts: somebody else decides what follows from a defect.
 *
 * Job:      keeps a service with a script frozen until the script has decided; tells recoverd, a
 *           program, which script to run; goes on without it when its time is over.
 * Speaks:   contracts/rs (script_next, script_done).
 * Touches:  rows of state.service.
 * Trusts:   no script: whatever it does or leaves undone, the service comes back, unless root's
 *           `service degrade` or `service stop` is asked for, and may be.
 * On crash: the phase is state, with the time at which it ends.
 *
 * R1  phase is SCRIPTED <=> the service is frozen, script is the number of the question, and due_ns
 *     the time at which rs decides itself.
 * R2  A question is told once. If who was told dies, its time runs out.
 */
#include "rs.h"
#include <contract/kernel.h>
#include <lib/clock.h>

#define SECOND 1000000000ull
/* So long, and what a script that backs off by powers of two sleeps before this repetition. More
 * than these it is not told of: it would sleep for ever longer, and nobody would be mailed. */
enum { PATIENCE_S = 5, REPETITIONS = 6 };

static unsigned repetition(const struct service *s)
{
	return s->recent < REPETITIONS ? s->recent : REPETITIONS;
}

static unsigned patience_s(const struct service *s)
{
	return PATIENCE_S + (1u << repetition(s) >> 1);
}

/* Is somebody there to run it? He need not wait just now. */
static bool is_there(void)
{
	struct proc_public_get_request req = { .proc = state.script_client };
	struct proc_public_get_reply reply;

	return !endpoint_eq(state.script_client, ENDPOINT_NONE) &&
	       sys_proc_public_get(&req, &reply) == 0;
}

/* ---- telling ---- */

/* The oldest question that nobody has been told. */
static struct service *untold(void)
{
	struct service *best = NULL;

	for (unsigned id = 0; id < NR_SERVICES; id++) {
		struct service *s = &state.service[id];

		if (s->phase == RS_STATE_SCRIPTED && !s->told &&
		    (best == NULL || s->script < best->script))
			best = s;
	}
	return best;
}

static struct rs_script_next_reply question(struct service *s)
{
	struct rs_script_next_reply q = {
		.number = s->script, .reason = s->cause, .limit_s = (uint16_t)patience_s(s),
		.repetition = (uint8_t)repetition(s),
	};

	strlcpy(q.component, s->name, sizeof(q.component));
	strlcpy(q.script, manifest_of((unsigned)(s - state.service))->script, sizeof(q.script));
	s->told = true;
	return q;
}

static void unwait(err_t err)
{
	if (!endpoint_eq(state.script_waiter, ENDPOINT_NONE))
		call_reply(state.script_waiter, state.script_serial, err, NULL, 0);
	state.script_waiter = ENDPOINT_NONE;
}

void script_cancelled(endpoint_t client, uint32_t serial)
{
	if (endpoint_eq(client, state.script_waiter) && serial == state.script_serial)
		unwait(-EINTR);
}

err_t do_rs_script_next(const struct call *c, struct rs_script_next_reply *reply)
{
	struct rs_script_next_reply q;
	struct service *s = untold();

	if (!may_manage(c))
		return -EPERM;
	unwait(-EAGAIN);                /* one waits at a time */
	state.script_client = c->client;
	if (s != NULL) {
		q = question(s);
		*reply = q;
		return 0;
	}
	state.script_waiter = c->client;
	state.script_serial = c->serial;
	return NO_REPLY;
}

/* ---- deciding ---- */

bool script_takes(unsigned id)
{
	struct service *s = &state.service[id];
	const struct manifest *m = manifest_of(id);
	struct rs_script_next_reply q;

	if (m->script[0] == '\0' || s->cause == RS_CAUSE_OPERATOR ||
	    s->cause == RS_CAUSE_DOUBT || s->cause == RS_CAUSE_NONE)
		return false;
	if (!is_there()) {
		say("<4>%s: nobody is there to run '%s'", s->name, m->script);
		return false;
	}
	s->phase = RS_STATE_SCRIPTED;   /* R1 */
	s->script = ++state.scripts;
	s->told = false;
	s->due_ns = clock_monotonic_ns() + patience_s(s) * SECOND;
	say("<6>%s: '%s' decides, within %u s", s->name, m->script, patience_s(s));
	if (endpoint_eq(state.script_waiter, ENDPOINT_NONE))
		return true;
	q = question(s);
	call_reply(state.script_waiter, state.script_serial, 0, &q, sizeof(q));
	state.script_waiter = ENDPOINT_NONE;
	return true;
}

void script_end(unsigned id)
{
	state.service[id].script = 0;
	state.service[id].told = false;
}

/* What the manifest says, as if there were no script; the pause is over. */
static void decide(unsigned id)
{
	struct proc_destroy_request req = { .proc = service_endpoint(id) };
	struct service *s = &state.service[id];

	if (manifest_of(id)->restart != RESTART_NEVER) {
		guard_bring_back(id);
		return;
	}
	script_end(id);
	s->phase = RS_STATE_GONE;
	waiter_answer(s, -EIO);
	if (sys_proc_destroy(&req) != 0)
		say("%s: was gone already", s->name);
	s->generation++;
}

void script_due(unsigned id)
{
	say("<4>%s: '%s' has decided nothing in time", state.service[id].name,
	    manifest_of(id)->script);
	decide(id);
}

err_t do_rs_script_done(const struct call *c, const struct rs_script_done_request *req)
{
	if (!may_manage(c))
		return -EPERM;
	for (unsigned id = 0; id < NR_SERVICES; id++) {
		const struct service *s = &state.service[id];

		if (s->phase != RS_STATE_SCRIPTED || s->script != req->number)
			continue;
		if (req->status == RS_SCRIPT_BROKEN)
			say("<4>%s: '%s' could not be run", s->name, manifest_of(id)->script);
		else
			say("<4>%s: '%s' has ended, status %u, and decided nothing", s->name,
			    manifest_of(id)->script, req->status);
		decide(id);
		return 0;
	}
	return -ENOENT;
}
