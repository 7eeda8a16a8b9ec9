/* SPDX-License-Identifier: BSD-2-Clause
 * check.c - what rs remembers, when it has died: as the kernel and the manifests say?
 *
 * Job:      makes right what cannot be: names from the manifests, who lives and since when from the
 *           kernel; what nobody knows is as after a start. Each repair is a line in the log.
 * Speaks:   kernel calls proc_info, space_query.
 * Touches:  all of state.
 * Trusts:   the kernel, the boot archive; what lies in rs's window, if it can be that.
 * On crash: begins anew; what is right already stays.
 *
 * A row is also as a request left it that was rolled back: its process may have ended meanwhile, or
 * its successor have begun (guard_look and begin see to both), which the generations tell.
 */
#include "rs.h"
#include <contract/kernel.h>
#include <lib/clock.h>
#include <lib/service_ids.h>

#define SECOND 1000000000ull
enum { SUCCESSORS = 2 };                /* processes that a request makes at most */
enum { DUE_MOST_S = 60, IN_A_ROW_MOST = 1000 };

static uint64_t now;

static void repaired(const char *name, const char *what)
{
	say("<4>rs: recovery: %s of %s", what, name);
}

/* A byte that was overwritten is no bool to the compiler. */
static uint8_t byte_of(const bool *b)
{
	return *(const volatile uint8_t *)b;
}

static bool is_bool(const bool *b)
{
	return byte_of(b) <= 1;
}

/* ---- who is there ---- */

struct process {
	bool lives, frozen;
	uint32_t generation;
};

static struct process process_in(unsigned slot)
{
	struct proc_info_request req = { .slot = slot };
	struct proc_info_reply info;

	if (sys_proc_info(&req, &info) != 0 || endpoint_eq(info.proc, ENDPOINT_NONE))
		return (struct process){ .lives = false };
	return (struct process){
		.lives = true, .frozen = info.state & STATE_FROZEN,
		.generation = info.proc.v >> SLOT_BITS,
	};
}

static void check_waiter(endpoint_t *waiter, const char *of)
{
	struct proc_info_reply info;

	if (endpoint_eq(*waiter, ENDPOINT_NONE) ||
	    (call_waits(endpoint_slot(*waiter), ID_RS, &info) && endpoint_eq(info.proc, *waiter)))
		return;
	*waiter = ENDPOINT_NONE;
	repaired(of, "who waits for a word");
}

/* ---- a row ---- */

static bool is_phase(const struct service *s, const struct process *p)
{
	return s->phase <= RS_STATE_LAST && s->cause <= RS_CAUSE_LAST && s->told <= 1 &&
	       is_bool(&s->built) && is_bool(&s->published) && is_bool(&s->named) &&
	       is_bool(&s->scheduled) && (s->built || (!p->lives && s->generation == 0));
}

/* Who lives is asked whether it is ready; who does not is started, unless it has yet to be. */
static void phase_anew(struct service *s, const struct process *p)
{
	bool began = p->lives || s->generation != 0;

	s->phase = p->lives ? RS_STATE_STARTING : began ? RS_STATE_DEAD : RS_STATE_STOPPED;
	s->cause = RS_CAUSE_NONE;
	s->told = 0;
	s->beats_out = 1;
	s->built = began;
	s->published = s->named = s->scheduled = false;
	s->beat_ns = now + SECOND;
	s->defect_ns = s->repaired_ns = s->due_ns = 0;
	if (s->phase == RS_STATE_DEAD && s->restarts == 0)
		s->restarts = 1;                /* it has run before: begin_later() */
	if (p->lives)
		ipc_notify(ENDPOINT(p->generation, (unsigned)(s - state.service)));
	repaired(s->name, "phase");
}

static bool is_generation(const struct service *s, const struct process *p)
{
	uint32_t later = p->generation - s->generation;

	if (!p->lives)
		return s->generation != 0 || (!alive(s) && s->phase != RS_STATE_DEAD);
	return later == 0 || (alive(s) && s->generation != 0 && later <= SUCCESSORS);
}

static void check_times(struct service *s, const struct manifest *m)
{
	uint64_t beat = m->heartbeat_ms * (SECOND / 1000);

	if (s->started_ns > now)
		s->started_ns = now;
	if (s->defect_ns > now)
		s->defect_ns = s->repaired_ns = 0;
	if (s->due_ns > now + DUE_MOST_S * SECOND)
		s->due_ns = now;
	if (s->beat_ns > now + beat || (s->phase == RS_STATE_RUNNING && s->beat_ns == 0))
		s->beat_ns = now + beat;
}

static void check_row(unsigned id, const struct manifest *m)
{
	struct service *s = &state.service[id];
	struct process p = process_in(id);

	if (strncmp(s->name, m->name, sizeof(s->name)) != 0) {
		strlcpy(s->name, m->name, sizeof(s->name));
		s->published = s->named = false;
		repaired(s->name, "name");
	}
	if (!is_phase(s, &p))
		phase_anew(s, &p);
	if (!is_generation(s, &p)) {
		s->generation = p.lives ? p.generation : FIRST_GENERATION;
		s->published = s->scheduled = false;    /* others may have heard of the wrong one */
		repaired(s->name, "generation");
	}
	if (!is_bool(&s->fresh))
		s->fresh = false;
	if (byte_of(&s->hung) != 0 && !p.frozen)
		s->hung = false;
	if (!is_bool(&s->dying) || !p.frozen)
		s->dying = false;
	if (s->why.cause > RS_CAUSE_LAST)
		s->why = (struct defect){ 0 };
	if (s->recent > IN_A_ROW_MOST || s->loops > IN_A_ROW_MOST || s->afresh > IN_A_ROW_MOST) {
		s->recent = s->loops = s->afresh = 0;
		repaired(s->name, "defects");
	}
	s->unasked = 0;
	check_times(s, m);
	check_waiter(&s->waiter, s->name);
}

/* Nobody can start it again, for its manifest is gone. */
static void forget(unsigned id)
{
	struct process p = process_in(id);
	struct proc_destroy_request req = { .proc = ENDPOINT(p.generation, id) };
	struct service *s = &state.service[id];

	if (s->name[0] == '\0' && !p.lives)
		return;
	if (p.lives && sys_proc_destroy(&req) == 0)
		say("<3>rs: recovery: service %u has no manifest, and ends", id);
	state.loaded[id] = (struct loaded){ .is_guest = false };
	*s = (struct service){ .generation = p.generation, .waiter = ENDPOINT_NONE };
}

/* ---- what was loaded ---- */

static bool is_mapped(uint64_t va)
{
	struct space_query_request req = { .space = ID_RS, .va = va };
	struct space_query_reply reply;

	return sys_space_query(&req, &reply) == 0 && reply.va == va && reply.pfn != 0;
}

static bool is_loading(const struct loading *l)
{
	return l->phase <= LOAD_TIDY && l->kind <= LOAD_RELOAD && l->id < NR_SERVICES &&
	       l->text_place < NR_PLACES && l->program_place < NR_PLACES &&
	       l->old_program <= NR_PLACES && l->text_len <= TEXT_MAX &&
	       l->program_len <= PROGRAM_MAX;
}

static uint32_t mapped_from(uint64_t at, uint32_t most)
{
	uint32_t n = 0;

	while (n < most && is_mapped(at + n))
		n += PAGE_SIZE;
	return n;
}

/* How long a text in a place is, behind which there are zeros. 0: there is none, or not all. */
static uint32_t text_in(unsigned id, unsigned place)
{
	static struct manifest m;
	struct manifest_error e;
	uint32_t most = mapped_from(window_text(id, place), TEXT_MAX);
	size_t len = strnlen(window_manifest(id, place), most);

	return manifest_parse(window_manifest(id, place), len, &m, &e) == 0 && m.id == id ?
	       (uint32_t)len : 0;
}

/* Likewise of a program, which says itself how long it is. */
static uint32_t program_in(unsigned id, unsigned place)
{
	uint32_t most = mapped_from(window_program(id, place), PROGRAM_MAX);
	struct image i = window_image(id, place, most);

	return image_check(&i) == 0 ? most : 0;
}

/* place + 1 of what is there. Only while another one is tried both are. */
static uint8_t place_of(unsigned id, unsigned said, uint32_t (*in)(unsigned id, unsigned place))
{
	if (said != 0 && said <= NR_PLACES && in(id, said - 1) != 0)
		return (uint8_t)said;
	for (unsigned place = 0; place < NR_PLACES && state.loading.phase == LOAD_IDLE; place++)
		if (in(id, place) != 0)
			return (uint8_t)(place + 1);
	return 0;
}

static void check_place(unsigned id, struct loaded *l)
{
	uint8_t text = place_of(id, l->text, text_in);
	uint8_t program = place_of(id, l->program, program_in);
	uint32_t *text_len = &l->text_len[text != 0 ? text - 1 : 0];
	uint32_t *program_len = &l->program_len[program != 0 ? program - 1 : 0];

	if (text != l->text || program != l->program)
		say("<4>rs: recovery: where the program of service %u is", id);
	l->text = text;
	l->program = program;
	if (text != 0 && (*text_len == 0 || *text_len > TEXT_MAX))
		*text_len = text_in(id, text - 1u);
	if (program != 0 && (*program_len == 0 || *program_len > PROGRAM_MAX))
		*program_len = program_in(id, program - 1u);
}

/* Something of a load may be left in the window, nobody knows of which: it is looked for. */
static void load_anew(struct loading *l)
{
	*l = (struct loading){ .client = l->client, .serial = l->serial, .result = -EIO };
	for (unsigned id = 0; id < NR_SERVICES; id++)
		for (unsigned place = 0; place < NR_PLACES; place++)
			if ((is_mapped(window_text(id, place)) &&
			     state.loaded[id].text != place + 1) ||
			    (is_mapped(window_program(id, place)) &&
			     state.loaded[id].program != place + 1))
				l->id = (uint8_t)id;
	l->phase = LOAD_TIDY;
	repaired("a load", "phase");
}

/* The one manifest without which all others fit. False: there is none. */
static bool drop_one(void)
{
	for (unsigned id = 0; id < NR_SERVICES; id++) {
		uint8_t was = state.loaded[id].text;

		if (was == 0)
			continue;
		state.loaded[id].text = 0;
		if (manifests_fit()) {
			say("<4>rs: recovery: the manifest that service %u was loaded with", id);
			return true;
		}
		state.loaded[id].text = was;
	}
	say("<4>rs: recovery: all manifests that were loaded");
	return false;
}

/* Before manifests_read(). */
void check_loaded(void)
{
	struct loading *l = &state.loading;
	bool sound = is_loading(l);

	for (unsigned id = 0; id < NR_SERVICES; id++)
		check_place(id, &state.loaded[id]);
	if (!sound)
		load_anew(l);
	l->asked_for = 0;               /* it only saves looks */
	/* One that was refused, and was still there when all else was lost. */
	if (!manifests_fit() && !drop_one())
		for (unsigned id = 0; id < NR_SERVICES; id++)
			state.loaded[id].text = 0;
}

/* ---- all of it ---- */

void check_state(void)
{
	now = clock_monotonic_ns();
	manifests_look();
	for (unsigned id = 0; id < NR_SERVICES; id++) {
		if (manifest_of(id) == NULL) {
			forget(id);
			continue;
		}
		state.loaded[id].is_guest = manifest_is_loaded(id);
		check_row(id, manifest_of(id));
	}
	state.service[ID_RS].phase = RS_STATE_RUNNING;
	check_waiter(&state.crash_waiter, "crashes");
	check_waiter(&state.script_waiter, "scripts");
	check_waiter(&state.loading.client, "a load");
	if (endpoint_eq(state.script_client, ENDPOINT_NONE))
		state.script_client = state.script_waiter;
	if (state.crashes_done > state.crashes)
		state.crashes_done = state.crashes;
	if (!is_bool(&state.starved))
		state.starved = false;
	if (!is_bool(&state.injected.is_open) || state.injected.count > sizeof(state.injected.old))
		state.injected.is_open = false;
	state.retry = true;
}

bool others_live(void)
{
	return process_in(ID_RSGUARD).lives;
}

/* Rows are as at boot: who lives is as one whose phase is lost, and so is who does not, with a
 * generation that it has not had. */
void take_over(void)
{
	uint32_t later = (uint32_t)(clock_monotonic_ns() / SECOND) + FIRST_GENERATION + 1;

	state.service[ID_RS].restarts++;
	for (unsigned id = 0; id < NR_SERVICES; id++)
		if (manifest_of(id) != NULL && !process_in(id).lives)
			state.service[id].generation = later;
	check_state();
	rights_again(true);
	guard_self();
	say("<3>rs: recovery: all of its state, which it could not live with");
}
