/* SPDX-License-Identifier: BSD-2-Clause
 * guard.c - defects, and what follows from them.
 *
 * Job:      learns of exceptions, exits, hangs and orders to kill; restarts with exponential
 *           backoff or recovers in place, as the manifest says.
 * Speaks:   kernel calls proc_next, proc_freeze, proc_destroy, proc_info; heartbeats as
 *           notifications.
 * Touches:  rows of state.service; frozen services.
 * Trusts:   the kernel's word on who froze and why.
 * On crash: the rows say what was under way; who is frozen or gone all the same is looked for
 *           (guard_look).
 *
 * States of a service, and who makes the transition:
 *   stopped --service_begin--> starting --guard_ready--> running
 *   starting, running --guard_defect--> starting (recovered, or restarted at once)
 *                     --guard_defect--> dead --guard_due--> starting
 *                     --guard_defect--> gone (restart never)
 *                     --script_takes--> scripted (frozen) --guard_bring_back--> starting
 *                                                         --script_due--> starting or gone
 *   starting --begin_later--> dead, or gone (it has never run)
 * any but those without which programs cannot run --do_rs_degrade--> degraded
 */
#include "rs.h"
#include <contract/ds.h>
#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/service_ids.h>

#define MS 1000000ull
#define LOOP_NS (1000 * MS)             /* died so soon after its start: is it in a loop? */
#define FORGET_NS (60000 * MS)          /* a minute of life makes up for earlier defects */
enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 30000, BEGIN_LATER_MS = 1000 };
enum { RECOVERIES_IN_A_ROW = 99 };      /* the library finds out who gets nothing done: server.h */
enum { PAGE_FAULT = 14, BELOW_STACK = 64 * 1024 };
enum { UNASKED_MOST = 64 };
enum { WAITS_MOST = 4 };        /* times as many heartbeats, if it waits for the CPU */
enum { FRAMES_LEAST = 1024 };           /* that programs must find, or nothing is started */

bool alive(const struct service *s)
{
	return s->phase == RS_STATE_STARTING || s->phase == RS_STATE_RUNNING;
}

void waiter_answer(struct service *s, err_t err)
{
	if (!endpoint_eq(s->waiter, ENDPOINT_NONE))
		call_reply(s->waiter, s->waiter_serial, err, NULL, 0);
	s->waiter = ENDPOINT_NONE;
}

void waiters_cancelled(endpoint_t client, uint32_t serial)
{
	for (unsigned id = 0; id < NR_SERVICES; id++) {
		struct service *s = &state.service[id];

		if (endpoint_eq(s->waiter, client) && s->waiter_serial == serial)
			waiter_answer(s, -EINTR);
	}
}

/* ---- start ---- */

/* It runs, and ds has heard of it, if ds lives: who asks for its name finds it. */
bool can_be_found(unsigned id)
{
	const struct service *s = &state.service[id];

	return s->phase == RS_STATE_RUNNING && !s->dying &&
	       (s->published || !alive(&state.service[ID_DS]));
}

static bool needs_are_met(unsigned id)
{
	const struct manifest *m = manifest_of(id);

	for (unsigned i = 0; i < m->needs.count; i++) {
		int n = service_by_name(m->needs.of[i].name);

		if (n < 0 || !can_be_found((unsigned)n))
			return false;
	}
	return true;
}

/* A second time, if something of its memory was missing. */
static err_t start(unsigned id)
{
	struct proc_destroy_request half = { .proc = service_endpoint(id) };
	err_t err = service_start(id);

	if (err == 0 || !service_mend(id))
		return err;
	if (sys_proc_destroy(&half) == 0)
		state.service[id].generation++;
	server_commit();
	return service_start(id);
}

/* What has run before, and cannot begin now, is tried again: many need it. */
static void begin_later(unsigned id)
{
	struct service *s = &state.service[id];

	s->phase = RS_STATE_GONE;
	if (s->restarts == 0 || loading_on_trial(id))
		return;
	s->phase = RS_STATE_DEAD;
	s->due_ns = clock_monotonic_ns() + BEGIN_LATER_MS * MS;
}

static void begin(unsigned id)
{
	struct proc_destroy_request rest = { .proc = service_endpoint(id) };
	struct service *s = &state.service[id];
	err_t err;

	if (sys_proc_destroy(&rest) == 0) {     /* of a start that we died in: it may run */
		s->generation++;
		server_commit();
	}
	s->started_ns = clock_monotonic_ns();
	s->beat_ns = s->started_ns + manifest_of(id)->heartbeat_ms * MS;
	s->published = s->scheduled = false;
	s->fresh = s->dying = false;
	s->beats_out = 0;
	s->unasked = 0;
	s->why = (struct defect){ 0 };
	memset(s->granted, 0, sizeof(s->granted));
	for (unsigned i = 0; i < NR_SERVICES; i++) {    /* they begin with empty tables */
		state.service[i].scheduled &= id != ID_SCHED;
		state.service[i].named &= id != ID_LOG;
	}
	s->phase = RS_STATE_DEAD;       /* if we die of it, it is begun again */
	s->due_ns = 0;
	err = start(id);
	s->phase = RS_STATE_STARTING;
	if (err == 0)
		return;
	begin_later(id);
	say("<3>%s: cannot be started: error %d", s->name, -err);
	waiter_answer(s, -EIO);
}

/* Does it take part in showing the log? */
static bool is_of_console(unsigned id)
{
	return id == ID_LOG || id == ID_DS || id == ID_VM || id == ID_UART || id == ID_PCI ||
	       id == ID_SCREEN;
}

/* True: it has been built now. */
static bool build(unsigned id)
{
	struct service *s = &state.service[id];
	err_t err;

	if (!s->name[0] || s->built)
		return false;
	err = service_build(id);
	s->built = true;
	state.starved |= err == -ENOMEM;
	if (err == 0)
		return true;
	if (err != -ENOMEM)
		say("<3>%s: cannot be built: error %d", s->name, -err);
	s->phase = RS_STATE_GONE;
	return true;
}

/* All memory is given out before anything starts: vm owns the frames that are left then. The
 * consoles come first, to be there if it does not suffice. */
static void build_all(void)
{
	bool any = false;

	for (unsigned id = 1; id < NR_SERVICES; id++)
		if (is_of_console(id))
			any |= build(id);
	for (unsigned id = 1; id < NR_SERVICES; id++)
		any |= build(id);
	if (any && !frames_left(FRAMES_LEAST))
		state.starved = true;
	if (any && state.starved)
		say("<0>kernel: this is too little memory for Skink, which does not start (96 MiB "
		    "are enough)");
}

/* Boot, and whenever something has become ready: start what waits for nothing else. */
void start_what_can(void)
{
	build_all();
	for (unsigned id = 1; id < NR_SERVICES; id++) {
		struct service *s = &state.service[id];

		if (!s->name[0] || s->phase != RS_STATE_STOPPED || s->generation != 0 ||
		    !needs_are_met(id) || (state.starved && !is_of_console(id)))
			continue;
		s->generation = FIRST_GENERATION;
		begin(id);
	}
}

/* Whose answer is missing has its time again: who is ready now may be what it waited for. */
static void late_postpone(uint64_t now)
{
	for (unsigned id = 1; id < NR_SERVICES; id++) {
		struct service *s = &state.service[id];

		if (alive(s) && s->beats_out != 0 && id != ID_RSGUARD)
			s->beat_ns = now + manifest_of(id)->heartbeat_ms * MS;
	}
}

/* To a heartbeat that it has heard. */
static bool is_answer(unsigned id)
{
	struct proc_info_request req = { .slot = id };
	struct proc_info_reply info;

	return state.service[id].beats_out != 0 &&
	       (sys_proc_info(&req, &info) != 0 || !info.unheard);
}

/* No answer. Who gives many computes, or floods others, and only looks alive: it may never take a
 * message. vm tells likewise that it has done what it was asked. */
static void unasked(unsigned id)
{
	struct service *s = &state.service[id];
	struct proc_freeze_request req = {
		.proc = service_endpoint(id),
		.code = RS_CAUSE_COMPLAINT << 16 | RS_COMPLAINT_PROTOCOL,
	};

	if (id == ID_VM && loading_waits())
		return;
	s->unasked++;
	if (s->unasked != UNASKED_MOST)
		return;
	say("<4>%s: says that it is alive without being asked", s->name);
	if (sys_proc_freeze(&req) != 0)
		say("<3>%s: cannot be frozen", s->name);
}

void guard_ready(unsigned id)
{
	struct service *s = &state.service[id];
	uint64_t now = clock_monotonic_ns();

	if (s->phase == RS_STATE_RUNNING && id != ID_RSGUARD && !is_answer(id)) {
		unasked(id);
		return;
	}
	s->beats_out = 0;
	if (id == ID_RSGUARD) {         /* it beats, and wants an answer */
		s->beat_ns = now + manifest_of(id)->heartbeat_ms * MS;
		ipc_notify(service_endpoint(id));
	}
	if (s->phase != RS_STATE_STARTING)
		return;
	s->phase = RS_STATE_RUNNING;
	s->beat_ns = now + manifest_of(id)->heartbeat_ms * MS;
	late_postpone(now);
	if (s->defect_ns != 0 && s->repaired_ns == 0)
		s->repaired_ns = now - s->defect_ns;
	loading_ready(id);
	for (unsigned i = 0; i < NR_SERVICES && id == ID_DS; i++)
		if (state.service[i].phase == RS_STATE_RUNNING)
			state.service[i].published = false;     /* it may have lost its names */
	outbox_flush();                 /* names before texts */
	start_what_can();
}

/* ---- defects ---- */

/* The first fresh start comes at once, also of one that has died many times: what it died of may
 * have been its state. */
static uint64_t backoff_ns(struct service *s)
{
	uint64_t ms = BACKOFF_FIRST_MS;

	s->afresh += s->cause != RS_CAUSE_NONE;         /* as in note() */
	if (s->afresh <= 1)
		return 0;
	for (unsigned i = 2; i < s->afresh && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	return (ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS) * MS;
}

static void restart_fresh(unsigned id, uint64_t wait)
{
	struct service *s = &state.service[id];
	struct proc_destroy_request req = { .proc = service_endpoint(id) };

	if (sys_proc_destroy(&req) != 0)
		say("%s: was gone already", s->name);
	s->generation++;
	s->restarts++;
	s->due_ns = clock_monotonic_ns() + wait;
	s->phase = RS_STATE_DEAD;
	if (wait == 0)
		begin(id);
}

static bool is_lost(const struct service *s)
{
	return s->cause == RS_CAUSE_EXIT && s->code == RS_STATUS_LOST;
}

static bool recover_in_place(unsigned id)
{
	struct service *s = &state.service[id];

	if (s->fresh || manifest_of(id)->restart != RESTART_RECOVER || is_lost(s) ||
	    s->loops > RECOVERIES_IN_A_ROW)
		return false;
	s->started_ns = clock_monotonic_ns();
	s->phase = RS_STATE_STARTING;
	s->dying = false;
	s->beats_out = 0;
	s->unasked = 0;
	if (service_recover(id) != 0 && (!service_mend(id) || service_recover(id) != 0))
		return false;
	s->recoveries++;
	return true;
}

static const char *cause_text(unsigned cause)
{
	static const char *const text[] = {
		[RS_CAUSE_NONE] = "died when rs did,",
		[RS_CAUSE_EXIT] = "it ended itself, status",
		[RS_CAUSE_EXCEPTION] = "CPU exception",
		[RS_CAUSE_KILLED] = "killed by signal",
		[RS_CAUSE_HUNG] = "missed its heartbeats,",
		[RS_CAUSE_OPERATOR] = "on request,",
		[RS_CAUSE_IPC] = "broke a rule of IPC,",
		[RS_CAUSE_COMPLAINT] = "was complained of, reason",
		[RS_CAUSE_RESOURCE] = "used more than its share, reason",
		[RS_CAUSE_DOUBT] = "does a call again,",
	};

	return cause < COUNT(text) && text[cause] ? text[cause] : "unknown cause";
}

static bool is_defect(unsigned cause)
{
	return cause != RS_CAUSE_OPERATOR && cause != RS_CAUSE_DOUBT;
}

static void note(struct service *s, uint64_t now)
{
	unsigned cause = s->why.cause;
	bool wish = cause == RS_CAUSE_OPERATOR || cause == RS_CAUSE_KILLED || s->hung;

	s->hung = false;
	if (s->recent == 0 || now - s->started_ns >= FORGET_NS)
		s->recent = s->afresh = 0;
	/* NONE: it may have been a wish. */
	s->recent += (cause != RS_CAUSE_NONE && cause != RS_CAUSE_DOUBT) || s->recent == 0;
	s->loops = now - s->started_ns >= LOOP_NS ? 0 : s->loops + (cause != RS_CAUSE_DOUBT);
	s->defect_ns = now;
	s->repaired_ns = 0;
	s->cause = (uint8_t)cause;
	s->code = s->why.code;
	s->defects[cause]++;
	s->named = false;               /* its last line ends there: log is told */
	if (wish) {
		s->recent = 1;          /* not a defect: no backoff */
		s->loops = s->afresh = 0;
	}
}

/* A frozen service: decide. */
void guard_defect(unsigned id, struct defect why)
{
	struct service *s = &state.service[id];
	unsigned cause = why.cause;

	if (!alive(s))
		return;
	s->why = why;
	server_commit();                /* if we die of what follows, guard_look() knows why */
	note(s, clock_monotonic_ns());
	if (s->phase == RS_STATE_STARTING && is_defect(cause))
		waiter_answer(s, -EIO);
	say("<%u>%s: %s %u", is_defect(cause) ? 4 : 6, s->name, cause_text(cause), s->code);
	if (is_defect(cause))
		scene_say(id, cause == RS_CAUSE_KILLED ? 7 : 4);
	if (is_defect(cause) && cause != RS_CAUSE_KILLED)
		crash_take(id);
	s->why = (struct defect){ 0 };
	if ((cause != RS_CAUSE_DOUBT && loading_failed(id)) || script_takes(id))
		return;
	if (manifest_of(id)->restart == RESTART_NEVER && cause != RS_CAUSE_OPERATOR) {
		struct proc_destroy_request req = { .proc = service_endpoint(id) };

		s->phase = sys_proc_destroy(&req) == 0 ? RS_STATE_GONE : RS_STATE_STOPPED;
		s->generation++;
		waiter_answer(s, -EIO);         /* it has died before it could be restarted */
		return;
	}
	if (!recover_in_place(id))      /* without rsguard nobody guards us */
		restart_fresh(id, id == ID_RSGUARD ? 0 : backoff_ns(s));
}

/* One that stands frozen, until its script has decided. If we die of it, it is found as any that is
 * frozen and should not be. */
void guard_bring_back(unsigned id)
{
	struct service *s = &state.service[id];

	script_end(id);
	s->why = (struct defect){ .cause = RS_CAUSE_OPERATOR };
	s->phase = RS_STATE_STARTING;
	server_commit();
	s->why = (struct defect){ 0 };
	if (!recover_in_place(id))
		restart_fresh(id, 0);
}

void guard_self(void)
{
	const struct service_args *why = (const struct service_args *)SERVICE_ARGS_VA;
	struct service *s = &state.service[ID_RS];

	s->recoveries++;
	s->cause = (uint8_t)why->cause;
	s->code = why->code;
	if (s->cause <= RS_CAUSE_LAST)
		s->defects[s->cause]++;
	s->defect_ns = why->defect_ns;
	s->repaired_ns = clock_monotonic_ns() - why->defect_ns;
	say("<%u>%s: %s %u", is_defect(s->cause) ? 4 : 6, s->name, cause_text(s->cause), s->code);
}

/* A page fault below its stack: it would need more memory than its manifest gives it, which is all
 * mapped before it starts. */
static bool is_beyond_stack(unsigned id, const struct proc_next_reply *e)
{
	uint64_t bottom = IMAGE_STACK_TOP - service_stack(id);

	return e->vector == PAGE_FAULT && e->address < bottom && bottom - e->address <= BELOW_STACK;
}

/* What a freeze's code says: rs's own reasons travel in it as cause << 16 | code. */
static void defect_of(unsigned id, const struct proc_next_reply *e)
{
	struct defect why = { .error = e->code, .address = e->address };

	if (e->cause == CAUSE_FROZEN && e->code >> 16 == RS_CAUSE_NONE)
		return;                 /* it is to look as if it hung: beat() decides */
	if (e->cause == CAUSE_FROZEN) {
		why.cause = (uint8_t)(e->code >> 16);
		why.code = (uint32_t)(e->code & 0xffff);
		guard_defect(id, why);
		return;
	}
	if (e->cause == CAUSE_EXCEPTION && e->vector == VECTOR_DOUBT) {
		guard_defect(id, (struct defect){ .cause = RS_CAUSE_DOUBT });
		return;
	}
	if (e->cause == CAUSE_EXCEPTION)
		say("<4>%s: exception %u, code 0x%lx, address 0x%lx", state.service[id].name,
		    e->vector, (unsigned long)e->code, (unsigned long)e->address);
	why.cause = e->cause == CAUSE_IPC ? RS_CAUSE_IPC : RS_CAUSE_EXCEPTION;
	why.code = e->vector;
	if (e->cause == CAUSE_EXCEPTION && e->vector == VECTOR_STATE_LOST &&
	    state.service[id].phase == RS_STATE_STARTING) {
		why.cause = RS_CAUSE_EXIT;
		why.code = RS_STATUS_LOST;
	}
	if (e->cause == CAUSE_EXCEPTION && is_beyond_stack(id, e)) {
		why.cause = RS_CAUSE_RESOURCE;
		why.code = RS_COMPLAINT_MEMORY;
	}
	guard_defect(id, why);
}

/* The kernel tells of a defect once. What we were told of, or had begun to do about it, when we
 * died ourselves: a service that is frozen or gone, and should not be. */
static bool guard_look(void)
{
	static bool looked;             /* not in this life */
	static struct user_regs regs;
	bool any = false;

	for (unsigned id = 1; id < NR_SERVICES && !looked; id++) {
		struct proc_regs_get_request req = {
			.proc = service_endpoint(id), .address = (uint64_t)(uintptr_t)&regs,
		};

		if (alive(&state.service[id]) && !state.service[id].hung &&
		    sys_proc_regs_get(&req) != -EBUSY) {
			guard_defect(id, state.service[id].why);
			any = true;
		}
	}
	looked = true;
	return any;
}

bool guard_events(void)
{
	struct proc_next_reply e;
	bool any = false;

	while (sys_proc_next(&e) == 0) {
		uint32_t id = endpoint_slot(e.proc);

		if (id < NR_SERVICES && endpoint_eq(e.proc, service_endpoint(id)))
			defect_of(id, &e);
		any = true;
	}
	return guard_look() || any;
}

/* ---- time ---- */

void guard_due(uint64_t now)
{
	for (unsigned id = 0; id < NR_SERVICES; id++) {
		struct service *s = &state.service[id];

		if (s->phase == RS_STATE_DEAD && s->due_ns <= now)
			begin(id);
		if (s->phase == RS_STATE_SCRIPTED && s->due_ns <= now)
			script_due(id);
	}
}

/* Does it talk to one that ds does not know again yet? */
static bool talks_to_dead(unsigned id)
{
	for (unsigned k = 0; k < NR_SERVICES; k++) {
		const struct service *s = &state.service[k];

		if ((s->phase == RS_STATE_DEAD || (alive(s) && !s->published)) &&
		    manifest_may_talk(manifest_of(id), manifest_of(k)))
			return true;
	}
	return false;
}

/* Is it in a call to a service that stands frozen, or owes an answer itself, and not only since
 * now? Then that one is in question, and this one when the other has answered. Or does ds keep the
 * answer until one that is dead has a successor? */
static bool waits_for_late(unsigned id, uint64_t now)
{
	struct proc_info_request req = { .slot = id };
	struct proc_info_reply info;
	const struct service *s;
	uint32_t other;

	if (sys_proc_info(&req, &info) != 0 || endpoint_eq(info.partner, ENDPOINT_NONE))
		return false;
	other = endpoint_slot(info.partner);
	if (other >= NR_SERVICES || !endpoint_eq(info.partner, service_endpoint(other)))
		return false;
	if (other == ID_DS && info.type == DS_WAIT && talks_to_dead(id))
		return true;
	s = &state.service[other];
	return s->phase == RS_STATE_STARTING || s->phase == RS_STATE_SCRIPTED ||
		(s->phase == RS_STATE_RUNNING && s->beats_out > 1) ||
		(s->phase == RS_STATE_RUNNING && s->beats_out == 1 &&
		 s->beat_ns - manifest_of(other)->heartbeat_ms * MS < now);
}

/* Another one has kept it from running. True: that one has been stopped for it. */
static bool hog_stops(unsigned id)
{
	unsigned hog = cpu_hog(id);
	struct proc_freeze_request req = { .code = RS_CAUSE_RESOURCE << 16 | RS_COMPLAINT_CPU };

	if (hog == NR_SERVICES)
		return false;
	req.proc = service_endpoint(hog);
	if (sys_proc_freeze(&req) != 0)
		return false;
	say("<4>%s: has the CPU, and %s does not come to run", state.service[hog].name,
	    state.service[id].name);
	return true;
}

/* It owes too many answers. True: it has been found to hang, or who has kept it from running. */
static bool overdue(unsigned id, uint64_t now)
{
	struct service *s = &state.service[id];
	const struct manifest *m = manifest_of(id);
	struct defect why = { .cause = RS_CAUSE_HUNG, .code = s->beats_out };
	struct proc_freeze_request req = {
		.proc = service_endpoint(id), .code = why.cause << 16 | why.code,
	};

	s->beat_ns = now + m->heartbeat_ms * MS;
	if (id != ID_RSGUARD && waits_for_late(id, now))
		return false;
	if (hog_stops(id)) {
		late_postpone(now);
		return true;
	}
	if (s->beats_out < WAITS_MOST * m->heartbeat_count && cpu_is_waited_for(id)) {
		s->beats_out++;
		return false;
	}
	if (s->hung)                    /* frozen already: no event will come */
		guard_defect(id, why);
	else if (sys_proc_freeze(&req) != 0)
		say("<3>%s: hangs and cannot be frozen", s->name);
	return true;
}

/* As overdue(). */
static bool beat(unsigned id, uint64_t now)
{
	struct service *s = &state.service[id];
	const struct manifest *m = manifest_of(id);

	if (s->beats_out >= m->heartbeat_count || id == ID_RSGUARD)
		return overdue(id, now);
	if (s->beats_out > 0)
		state.missed++;
	s->unasked = 0;
	s->beats_out++;
	s->beat_ns = now + m->heartbeat_ms * MS;
	cpu_asked(id);
	ipc_notify(service_endpoint(id));
	return false;
}

/* Not two verdicts at once: others may have waited for the one. Their alarm is due already. */
void guard_heartbeats(uint64_t now)
{
	bool verdict = false;

	for (unsigned id = 1; id < NR_SERVICES && !verdict; id++) {
		struct service *s = &state.service[id];

		if (alive(s) && manifest_of(id)->heartbeat_ms && s->beat_ns && s->beat_ns <= now)
			verdict = beat(id, now);
	}
}

/* Nobody's beat is missed now; all have their time again. */
void guard_postpone(uint64_t now)
{
	for (unsigned id = 1; id < NR_SERVICES; id++) {
		struct service *s = &state.service[id];

		if (alive(s) && s->beat_ns != 0 && s->beat_ns <= now)
			s->beat_ns = now + manifest_of(id)->heartbeat_ms * MS;
	}
}

/* When rs has to look again; 0: never. */
uint64_t guard_next_ns(void)
{
	uint64_t next = 0;

	for (unsigned id = 1; id < NR_SERVICES; id++) {
		const struct service *s = &state.service[id];
		uint64_t when = 0;

		if (s->phase == RS_STATE_DEAD || s->phase == RS_STATE_SCRIPTED)
			when = s->due_ns;
		else if (alive(s) && manifest_of(id)->heartbeat_ms)
			when = s->beat_ns;
		if (when && (next == 0 || when < next))
			next = when;
	}
	return next;
}
