/* SPDX-License-Identifier: BSD-2-Clause
 * loading.c - services that were not in the boot set come and go while everything runs.
 *
 * Job:      starts a service from a manifest and a program that a program of root's lends; forgets
 *           it again. One at a time.
 * Speaks:   contracts/rs (load, remove, refusal), to programs of user 0.
 * Touches:  state.loading, state.loaded; the row of the service.
 * Trusts:   nothing in manifest or program. It checks the bytes that it has copied, not the
 *           client's.
 * On crash: the phase says what was under way; a step looks at what is there, and is done again.
 *
 * Phases, and who makes the transition:
 *   idle --do_rs_load--> copy --step_copy--> memory --begin_trial--> trial --step_trial--> idle
 *   copy, memory, trial --give_up--> leave or tidy --loading_step--> idle
 *   (update and reload: see update.c)
 *   idle --do_rs_remove--> leave --loading_step--> tidy --loading_step--> idle
 */
#include "loading.h"
#include <contract/kernel.h>
#include <lib/clock.h>
#include <lib/image_fit.h>

struct manifest incoming;

void load_answer(err_t err)
{
	if (!endpoint_eq(load->client, ENDPOINT_NONE))
		call_reply(load->client, load->serial, err, NULL, 0);
	load->client = ENDPOINT_NONE;
}

void load_begin(unsigned kind, unsigned id, const struct call *c)
{
	*load = (struct loading){
		.kind = (uint8_t)kind, .phase = LOAD_COPY, .id = (uint8_t)id,
		.client = c->client, .serial = c->serial,
	};
}

/* What is there of it goes; then the client hears why. */
void load_give_up(err_t err)
{
	bool is_there = load->kind == LOAD_START && state.service[load->id].name[0];

	load->result = err;
	load->phase = is_there ? LOAD_LEAVE : LOAD_TIDY;
}

/* ---- what may be loaded ---- */

/* What nobody but the boot set needs: it would make a service a part of rs, pm or vm. */
#define CORE_RIGHTS (RIGHT_MANAGE_SERVICES | RIGHT_MANAGE_PROGRAMS)
#define CALL(name) BIT(SYS_##name - SYS_FIRST)
#define CORE_CALLS \
	(CALL(PRIV_SET) | CALL(ROUTE_SET) | CALL(SPACE_CREATE) | CALL(SPACE_DESTROY) | \
	 CALL(SPACE_MAP) | CALL(SPACE_UNMAP) | CALL(SPACE_PROTECT) | CALL(SPACE_SHARE) | \
	 CALL(FRAME_PIN) | CALL(PROC_RECOVER) | CALL(PROC_FREEZE) | CALL(PROC_COPY))

/* old: as it was so far, or NULL. */
err_t load_check_core(const struct manifest *m, const struct manifest *old)
{
	uint32_t rights = m->rights & CORE_RIGHTS & ~(old == NULL ? 0 : old->rights);
	uint64_t calls = m->calls & CORE_CALLS & ~(old == NULL ? 0 : old->calls);

	if (rights != 0)
		return refuse(m->line[WORD_RIGHTS], "to manage others is for the boot set");
	if (calls != 0)
		return refuse(m->line[WORD_CALLS], "kernel call '%s' is for the boot set",
			      kernel_call_name[__builtin_ctzll(calls)]);
	return 0;
}

static err_t admit(const char *text, size_t len)
{
	const struct manifest *m = &incoming;
	err_t err = manifest_admit(text, len, &incoming, NOBODY);

	if (err != 0)
		return err;
	if (m->archive)
		return refuse(m->line[WORD_ARCHIVE], "the boot archive is for the boot set");
	for (unsigned i = 0; i < m->needs.count; i++) {
		int n = service_by_name(m->needs.of[i].name);

		if (n < 0 || !alive(&state.service[n]))
			return refuse(m->needs.of[i].line, "needs '%s', which does not run",
				      m->needs.of[i].name);
	}
	return load_check_core(m, NULL);
}

err_t load_check_program(const struct manifest *m, const struct image *i)
{
	struct image_error e;

	if (image_fits(i->elf, i->size, m->program, m->stack, m->memory, &e) == 0)
		return 0;
	return refuse(e.of_memory ? m->line[WORD_MEMORY] : 0, "%s", e.text);
}

/* ---- the steps ---- */

static err_t have_copied(void)
{
	err_t err = window_fill(load->id, load);
	struct image i = window_image(load->id, load->program_place, load->program_len);

	if (err != 0 || load->kind != LOAD_START)
		return err != 0 ? err : update_copied();
	err = admit(window_manifest(load->id, load->text_place), load->text_len);
	if (err == 0 && incoming.id != load->id)
		err = refuse(incoming.line[WORD_ID], "the id has changed meanwhile");
	if (err == 0)
		err = load_check_program(&incoming, &i);
	if (err == 0)
		load->phase = LOAD_MEMORY;
	return err;
}

static uint64_t stack_of(const struct manifest *m)
{
	return (m->stack + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

/* Segments, stack. */
enum memory load_gather(const struct manifest *m, const struct image *i)
{
	uint64_t stack = stack_of(m);
	enum memory there = memory_ask(load->id, IMAGE_STACK_TOP - stack, stack, MAP_WRITE);
	struct segment s;

	for (unsigned n = 0; there == MEMORY_THERE && image_segment(i, n, &s); n++)
		there = memory_ask(load->id, s.va, s.memory, s.flags);
	return there;
}

uint32_t load_pages(const struct manifest *m, const struct image *i)
{
	uint64_t pages = 1 + stack_of(m) / PAGE_SIZE;
	struct segment s;

	for (unsigned n = 0; image_segment(i, n, &s); n++)
		pages += (s.memory + PAGE_SIZE - 1) / PAGE_SIZE;
	return (uint32_t)pages;
}

/* It has all it needs: from here on it is a service like any other, on trial. */
static void begin_trial(const struct image *i)
{
	unsigned id = load->id;
	struct service *s = &state.service[id];
	struct loaded *l = &state.loaded[id];

	*l = (struct loaded){
		.is_guest = true, .text = load->text_place + 1,
		.program = load->program_place + 1,
	};
	l->text_len[load->text_place] = load->text_len;
	l->program_len[load->program_place] = load->program_len;
	l->frames = load_pages(&incoming, i);
	state.frames += l->frames;
	*s = (struct service){
		.generation = s->generation + 1, .built = true, .phase = RS_STATE_DEAD,
		.waiter = ENDPOINT_NONE,
		.beat_ns = clock_monotonic_ns(),        /* it may hang before it is ready */
	};
	strlcpy(s->name, incoming.name, sizeof(s->name));
	load->phase = LOAD_TRIAL;
	manifests_read();
	server_commit();
	rights_again(false);
	guard_due(clock_monotonic_ns());
}

/* A program that is killed is not told of. */
static bool client_is_gone(void)
{
	struct proc_public_get_request req = { .proc = load->client };
	struct proc_public_get_reply reply;

	return !endpoint_eq(load->client, ENDPOINT_NONE) &&
	       sys_proc_public_get(&req, &reply) == -EDEADPEER;
}

/* Has it been started at all; can who waits for it find it? */
static void step_trial(void)
{
	bool given_up = load->kind == LOAD_START && client_is_gone();

	if (load->kind == LOAD_START && can_be_found(load->id)) {
		load->phase = LOAD_IDLE;
		say("<6>%s: loaded", state.service[load->id].name);
		return load_answer(0);
	}
	if (state.service[load->id].phase != RS_STATE_GONE && !given_up)
		return;
	if (load->kind == LOAD_UPDATE)
		update_failed();
	else
		load_give_up(-EIO);
}

static void step_copy(void)
{
	enum memory m = window_ask(load->id, load);
	err_t err = m == MEMORY_THERE ? have_copied() : 0;

	if (m == MEMORY_NONE || err != 0)
		load_give_up(err != 0 ? err : -ENOMEM);
}

static void step_memory(void)
{
	struct image i = window_image(load->id, load->program_place, load->program_len);
	const struct manifest *m = load->kind == LOAD_UPDATE ? manifest_of(load->id) : &incoming;
	struct manifest_error e;
	enum memory there;

	/* After a crash of rs `incoming` is empty. */
	if (load->kind == LOAD_START &&
	    manifest_parse(window_manifest(load->id, load->text_place), load->text_len, &incoming,
			   &e) != 0)
		return load_give_up(-EIO);
	there = load_gather(m, &i);
	if (there == MEMORY_NONE)
		return load_give_up(-ENOMEM);
	if (there == MEMORY_THERE && load->kind == LOAD_UPDATE)
		load->phase = LOAD_QUIET;
	else if (there == MEMORY_THERE)
		begin_trial(&i);
}

static void end_process(struct service *s, unsigned id)
{
	struct proc_destroy_request req = { .proc = service_endpoint(id) };

	if (sys_proc_destroy(&req) == 0)
		s->generation++;
	waiter_answer(s, -EIO);
	s->phase = RS_STATE_STOPPED;
}

/* Its name goes last: ds has to hear that it is gone. */
static void step_leave(void)
{
	unsigned id = load->id;
	struct service *s = &state.service[id];

	if (s->phase != RS_STATE_STOPPED)
		end_process(s, id);
	outbox_flush();
	if (s->published || !space_back(id))
		return;
	routes_take(manifest_of(id));
	state.frames -= state.loaded[id].frames;
	state.loaded[id] = (struct loaded){ .is_guest = false };
	*s = (struct service){ .generation = s->generation, .waiter = ENDPOINT_NONE };
	load->phase = LOAD_TIDY;
	manifests_read();
	server_commit();
	rights_again(false);
}

static void step_tidy(void)
{
	unsigned id = load->id;

	if (!(state.service[id].name[0] ? update_tidy(id) : space_back(id)) || !window_tidy(id))
		return;
	load->phase = LOAD_IDLE;
	load_answer(load->result);
}

static void step(void)
{
	switch (load->phase) {
	case LOAD_COPY:
		return step_copy();
	case LOAD_MEMORY:
		return step_memory();
	case LOAD_QUIET:
		return update_quiet();
	case LOAD_TRIAL:
		return step_trial();
	case LOAD_SETTLE:
		return update_settle();
	case LOAD_LEAVE:
		return step_leave();
	case LOAD_TIDY:
		return step_tidy();
	default:
		return;
	}
}

/* As far as it goes without waiting. */
void loading_step(void)
{
	unsigned before;

	do {
		before = load->phase;
		step();
	} while (load->phase != before);
}

void loading_ready(unsigned id)
{
	if (load->phase == LOAD_TRIAL && load->kind == LOAD_UPDATE && load->id == id)
		load->phase = LOAD_SETTLE;      /* it may still die at once */
}

bool loading_on_trial(unsigned id)
{
	return load->id == id && (load->phase == LOAD_TRIAL || load->phase == LOAD_SETTLE);
}

bool loading_failed(unsigned id)
{
	if (!loading_on_trial(id))
		return false;
	if (load->kind == LOAD_UPDATE) {
		update_failed();
		return true;
	}
	end_process(&state.service[id], id);
	load_give_up(-EIO);
	return true;
}

void loading_stopped(unsigned id)
{
	if (!loading_on_trial(id))
		return;
	load_give_up(-EIO);
	loading_step();
}

/* Vm may be busy, a service not at rest, ds not there: it is worth looking again soon. */
bool loading_waits(void)
{
	return load->phase != LOAD_IDLE && load->phase != LOAD_TRIAL && load->phase != LOAD_SETTLE;
}

void loading_cancelled(endpoint_t client, uint32_t serial)
{
	if (load->phase == LOAD_IDLE || !endpoint_eq(load->client, client) ||
	    load->serial != serial)
		return;
	load_answer(-EINTR);
	if (load->phase < LOAD_TRIAL || (load->kind == LOAD_START && load->phase < LOAD_LEAVE))
		load_give_up(-EINTR);
	loading_step();
}

bool loading_leaves(unsigned id)
{
	return load->phase == LOAD_LEAVE && load->id == id;
}

/* ---- calls ---- */

/* Is this the call that we died of? Then it is on its way already. */
bool load_is_under_way(const struct call *c)
{
	return load->phase != LOAD_IDLE && endpoint_eq(load->client, c->client) &&
	       load->serial == c->serial;
}

err_t do_rs_load(const struct call *c, const struct rs_load_request *req)
{
	static char text[TEXT_MAX];
	err_t err;

	if (!may_manage(c))
		return -EPERM;
	if (load_is_under_way(c))
		return NO_REPLY;
	if (load->phase != LOAD_IDLE)
		return -EAGAIN;
	err = call_read(c, 0, text, req->text);
	if (err != 0)
		return err == -EFAULT ? err : -EIO;
	err = admit(text, req->text);
	if (err != 0)
		return err;
	if (c->lent - req->text > PROGRAM_MAX)
		return refuse(0, "a program of more than %lu bytes", (unsigned long)PROGRAM_MAX);
	load_begin(LOAD_START, incoming.id, c);
	load->text_len = req->text;
	load->program_len = (uint32_t)(c->lent - req->text);
	loading_step();
	return NO_REPLY;
}

err_t do_rs_remove(const struct call *c, const struct rs_remove_request *req)
{
	int id = service_by_name(req->name);

	if (!may_manage(c))
		return -EPERM;
	if (load_is_under_way(c))
		return NO_REPLY;
	if (id < 0)
		return -ENOENT;
	if (!state.loaded[id].is_guest)
		return -EOPNOTSUPP;
	if (load->phase != LOAD_IDLE)
		return -EAGAIN;
	if (is_needed((unsigned)id) || alive(&state.service[id]) ||
	    !manifest_can_go((unsigned)id))     /* who names it may not run just now */
		return -EBUSY;
	load_begin(LOAD_REMOVE, (unsigned)id, c);
	load->phase = LOAD_LEAVE;
	loading_step();
	return NO_REPLY;
}

err_t do_rs_refusal(const struct call *c, struct rs_refusal_reply *reply)
{
	const struct refusal *r = &state.refusal;
	size_t len = strnlen(r->text, sizeof(r->text));

	if (!may_manage(c))
		return -EPERM;
	reply->line = r->line;
	reply->done = (uint32_t)(len < c->lent ? len : c->lent);
	return reply_copy(COPY_OUT, 0, r->text, reply->done) ? 0 : -EFAULT;
}
