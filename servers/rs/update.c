/* SPDX-License-Identifier: BSD-2-Clause
 * update.c - services that run get another program, or another manifest.
 *
 * Job:      update: starts a new program in the memory of the old one, at a moment when that is at
 *           rest, and goes back if the new one dies at once. reload: what may change while it runs.
 * Speaks:   contracts/rs (update, reload), to programs of user 0; kernel calls proc_info,
 *           space_protect.
 * Touches:  state.loading, state.loaded; the row of the service, protection of its pages.
 * Trusts:   nothing in manifest or program.
 * On crash: as loading.c. The memory that both programs need is there before the old one ends, so
 *           nothing can be missing from then on.
 *
 * Phases:   idle --do_rs_update--> copy --> memory --> quiet --switch_over--> trial
 *           trial --loading_ready--> settle --update_settle--> tidy --> idle
 *           trial, settle --update_failed--> tidy --> idle
 *           idle --do_rs_reload--> copy --update_copied--> tidy --> idle
 */
#include "loading.h"
#include <contract/kernel.h>
#include <lib/clock.h>
#include <lib/service_ids.h>

#define SETTLE_NS 1000000000ull         /* who lives so long has not died at once */
enum { QUIET_TRIES = 5000 };            /* some seconds */

/* ---- reload: what may differ ---- */

static bool same_names(const struct manifest_list *a, const struct manifest_list *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (strcmp(a->of[i].name, b->of[i].name) != 0)
			return false;
	return true;
}

static bool same_lines(const struct manifest *a, const struct manifest *b)
{
	bool same = a->nr_lines == b->nr_lines;

	for (unsigned i = 0; same && i < a->nr_lines; i++)
		same = a->lines[i].line == b->lines[i].line &&
		       a->lines[i].flags == b->lines[i].flags;
	return same;
}

static bool same_pci(const struct manifest *a, const struct manifest *b)
{
	bool same = a->nr_pci == b->nr_pci;

	for (unsigned i = 0; same && i < a->nr_pci; i++)
		same = a->pci[i].vendor == b->pci[i].vendor &&
		       a->pci[i].device == b->pci[i].device;
	return same;
}

/* What the kernel is told, but for priority and quantum, which sched applies. */
static bool same_rights(const struct manifest *a, const struct manifest *b)
{
	static struct priv_desc x, y;
	unsigned n;
	const struct manifest *const *set = manifest_set(&n);

	manifest_priv(a, set, n, &x);
	manifest_priv(b, set, n, &y);
	y.priority = x.priority;
	y.quantum = x.quantum;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* The first word that differs and may not, NR_WORDS: there is none. */
static unsigned differs(const struct manifest *a, const struct manifest *b)
{
	const struct {
		unsigned word;
		bool same;
	} fixed[] = {
		{ WORD_SERVICE, strcmp(a->name, b->name) == 0 },
		{ WORD_ID, a->id == b->id },
		{ WORD_RANK, a->rank == b->rank },
		{ WORD_PROGRAM, strcmp(a->program, b->program) == 0 },
		{ WORD_ARGS, memcmp(a->args, b->args, sizeof(a->args)) == 0 },
		{ WORD_SERVES, same_names(&a->serves, &b->serves) &&
			       a->serves_programs == b->serves_programs },
		{ WORD_POSIX, memcmp(a->posix, b->posix, sizeof(a->posix)) == 0 },
		{ WORD_ANSWERS, a->answers == b->answers },
		{ WORD_LINES, same_lines(a, b) },
		{ WORD_PCI, same_pci(a, b) },
		{ WORD_MMIO, a->nr_mmio == b->nr_mmio &&
			     memcmp(a->mmio, b->mmio, sizeof(a->mmio)) == 0 },
		{ WORD_FRAMEBUFFER, a->framebuffer == b->framebuffer },
		{ WORD_ARCHIVE, a->archive == b->archive },
		{ WORD_MEMORY, a->memory == b->memory },
		{ WORD_STACK, a->stack == b->stack },
		{ WORD_RESTART, (a->restart == RESTART_RECOVER) ==
				(b->restart == RESTART_RECOVER) },
	};

	for (unsigned i = 0; i < COUNT(fixed); i++)
		if (!fixed[i].same)
			return fixed[i].word;
	return NR_WORDS;
}

static unsigned line_of(const struct manifest *m, unsigned word)
{
	return m->line[word] != 0 ? m->line[word] : 1;
}

static err_t check_text(unsigned id, const char *text, size_t len)
{
	const struct manifest *old = manifest_of(id);
	struct manifest_error e;
	unsigned word;
	err_t err;

	if (manifest_parse(text, len, &incoming, &e) != 0)
		return refuse(e.line, "%s", e.text);
	word = differs(old, &incoming);
	if (word != NR_WORDS)
		return refuse(line_of(&incoming, word), "'%s' cannot change while it is there",
			      manifest_word_name(word));
	if (old->nr_lines != 0 && !same_rights(old, &incoming))
		return refuse(1, "rights of who has interrupt lines stay: to change them takes the "
			      "lines away");
	err = load_check_core(&incoming, old);
	return err != 0 ? err : manifest_admit(text, len, &incoming, (int)id);
}

/* ---- reload: it takes effect ---- */

static void apply_text(void)
{
	unsigned id = load->id;
	struct service *s = &state.service[id];
	struct loaded *l = &state.loaded[id];
	bool same = same_rights(manifest_of(id), &incoming);

	l->text = load->text_place + 1;
	l->text_len[load->text_place] = load->text_len;
	manifests_read();
	if (!same && rights_set(id) != 0) {
		say("<3>%s: the kernel does not take its rights", s->name);
		load->result = -EIO;
	}
	rights_again(false);
	s->scheduled = false;
	s->beats_out = 0;
	if (s->phase == RS_STATE_RUNNING)
		s->beat_ns = clock_monotonic_ns() + incoming.heartbeat_ms * 1000000ull;
	load->phase = LOAD_TIDY;
	if (load->result == 0)
		say("<6>%s: manifest reloaded", s->name);
}

/* ---- update: another program ---- */

/* Start the program that the row names, afresh; begin() ends the other one. */
static void begin_again(unsigned id)
{
	struct service *s = &state.service[id];
	struct image i;
	struct segment part;

	if (service_image(id, &i) == 0)
		for (unsigned n = 0; image_segment(&i, n, &part); n++)
			memory_protect(id, part.va, part.memory, part.flags);
	s->phase = RS_STATE_DEAD;
	s->due_ns = 0;
	s->hung = false;
	s->restarts++;
	server_commit();
	guard_due(clock_monotonic_ns());
}

static void switch_over(void)
{
	unsigned id = load->id;
	struct service *s = &state.service[id];
	struct loaded *l = &state.loaded[id];

	load->old_program = l->program;
	l->program = load->program_place + 1;
	l->program_len[load->program_place] = load->program_len;
	load->phase = LOAD_TRIAL;
	s->cause = RS_CAUSE_OPERATOR;
	s->code = 0;
	s->defects[RS_CAUSE_OPERATOR]++;
	s->defect_ns = clock_monotonic_ns();
	s->repaired_ns = 0;
	say("<6>%s: is updated", s->name);
	begin_again(id);
}

/* It waits for a message, and so works on none. */
void update_quiet(void)
{
	const struct service *s = &state.service[load->id];
	struct proc_info_request req = { .slot = load->id };
	struct proc_info_reply reply;

	if (s->phase == RS_STATE_STOPPED || s->phase == RS_STATE_GONE)
		return load_give_up(-ESRCH);
	if (s->phase == RS_STATE_RUNNING && !s->hung && sys_proc_info(&req, &reply) == 0 &&
	    reply.state == STATE_RECEIVING)
		return switch_over();
	if (++load->tries > QUIET_TRIES)
		load_give_up(-EBUSY);
}

void update_settle(void)
{
	if (clock_monotonic_ns() >= state.service[load->id].started_ns + SETTLE_NS)
		load->phase = LOAD_TIDY;
}

uint64_t loading_next_ns(void)
{
	return load->phase == LOAD_SETTLE ? state.service[load->id].started_ns + SETTLE_NS : 0;
}

void update_failed(void)
{
	unsigned id = load->id;

	state.loaded[id].program = load->old_program;
	load->result = -EIO;
	load->phase = LOAD_TIDY;
	say("<4>%s: the new program died at once: back to the old one", state.service[id].name);
	begin_again(id);
}

/* ---- what only one of the programs needed ---- */

/* The end of the segment that va lies in; else where the next one begins. */
static bool is_in_image(const struct image *i, uint64_t va, uint64_t limit, uint64_t *end)
{
	struct segment s;

	*end = limit;
	for (unsigned n = 0; image_segment(i, n, &s); n++) {
		uint64_t stop = (s.va + s.memory + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);

		if (va >= s.va && va < stop) {
			*end = stop;
			return true;
		}
		if (s.va > va && s.va < *end)
			*end = s.va;
	}
	return false;
}

/* Pages below the stack that the program in use does not have. A device may be at work on .dma. */
bool update_tidy(unsigned id)
{
	uint64_t limit = IMAGE_STACK_TOP - service_stack(id), end;
	struct image i;

	if (service_image(id, &i) != 0)
		return true;
	for (uint64_t va = PAGE_SIZE; va < limit; va = end) {
		if (va >= IMAGE_DMA_VA && va < IMAGE_DMA_END)
			end = IMAGE_DMA_END;
		else if (!is_in_image(&i, va, va < IMAGE_DMA_VA ? IMAGE_DMA_VA : limit, &end) &&
			 !memory_back(id, va, end))
			return false;
	}
	return true;
}

/* ---- calls ---- */

err_t update_copied(void)
{
	unsigned id = load->id;
	struct image i = window_image(id, load->program_place, load->program_len);
	err_t err;

	if (load->kind == LOAD_UPDATE) {
		err = load_check_program(manifest_of(id), &i);
		if (err == 0)
			load->phase = LOAD_MEMORY;
		return err;
	}
	err = check_text(id, window_manifest(id, load->text_place), load->text_len);
	if (err == 0)
		apply_text();
	return err;
}

/* What it remembers would be gone. Of a driver that is what a fresh start finds on its device and
 * in the rings of its clients again. */
static bool keeps_state(const struct manifest *m)
{
	bool is_driver = m->nr_ports != 0 || m->nr_lines != 0 || m->nr_mmio != 0 || m->nr_pci != 0;

	return m->restart == RESTART_RECOVER && !is_driver;
}

static err_t begin(const struct call *c, unsigned kind, const char *name, unsigned *id)
{
	int found = service_by_name(name);

	if (!may_manage(c))
		return -EPERM;
	if (load_is_under_way(c))
		return NO_REPLY;
	if (found < 0 || loading_leaves((unsigned)found))
		return -ENOENT;
	if (found == ID_RS || found == ID_RSGUARD)
		return -EOPNOTSUPP;     /* rsguard has rs from the archive, and the reverse */
	if (kind == LOAD_UPDATE && keeps_state(manifest_of((unsigned)found)))
		return -EOPNOTSUPP;
	if (kind == LOAD_UPDATE && state.service[found].phase != RS_STATE_RUNNING)
		return -ESRCH;
	*id = (unsigned)found;
	return load->phase == LOAD_IDLE ? 0 : -EAGAIN;
}

err_t do_rs_update(const struct call *c, const struct rs_update_request *req)
{
	unsigned id;
	err_t err = begin(c, LOAD_UPDATE, req->name, &id);

	if (err != 0)
		return err;
	if (c->lent > PROGRAM_MAX)
		return refuse(0, "a program of more than %lu bytes", (unsigned long)PROGRAM_MAX);
	load_begin(LOAD_UPDATE, id, c);
	load->program_place = state.loaded[id].program == 1;
	load->program_len = (uint32_t)c->lent;
	loading_step();
	return NO_REPLY;
}

err_t do_rs_reload(const struct call *c, const struct rs_reload_request *req)
{
	unsigned id;
	err_t err = begin(c, LOAD_RELOAD, req->name, &id);

	if (err != 0)
		return err;
	if (c->lent > TEXT_MAX)
		return refuse(1, "a manifest of more than %d bytes", TEXT_MAX);
	load_begin(LOAD_RELOAD, id, c);
	load->text_place = state.loaded[id].text == 1;
	load->text_len = (uint32_t)c->lent;
	loading_step();
	return NO_REPLY;
}
