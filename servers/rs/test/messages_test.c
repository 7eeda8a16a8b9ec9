/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - rs on the host, against messages of all kinds (tests/messages): calls of
 * programs and services, notifications, services that die and hang, manifests and programs with
 * something wrong. The kernel, and what vm does for rs, are those of model/.
 *
 * Links: servers/rs/test/model/archive.c servers/rs/test/model/processes.c
 * Links: servers/rs/test/model/spaces.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <contract/log.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/service_ids.h>
#include <servers/rs/rs.h>
#include <tests/messages/messages.h>

#include "model/model.h"

enum { MESSAGES = 100000, EXIT_GROUP = 231, OFTEN = 50, FIRST_LOOK = 500, SAID = 3 };

static unsigned messages, damaged;

/* ---- is all as it should be? ---- */

/* Programs cannot run without it: nobody may end it for good. */
static bool must_come_back(unsigned id)
{
	return !manifest_is_loaded(id) && answers_programs(manifest_of(id));
}

/* As guard.c has the states, and the kernel the processes. */
static void row_look(unsigned id)
{
	const struct service *s = &state.service[id];
	const struct process *p = &process[id];
	bool lives = process_lives(id), frozen = lives && p->state & STATE_FROZEN;

	if (manifest_of(id) == NULL) {
		assert(s->name[0] == '\0' && !lives);
		return;
	}
	assert(strcmp(s->name, manifest_of(id)->name) == 0 && s->phase <= RS_STATE_LAST);
	assert(id == ID_RS || lives == (alive(s) || s->phase == RS_STATE_SCRIPTED));
	assert(!lives || endpoint_eq(p->ep, service_endpoint(id)));
	assert(s->phase != RS_STATE_SCRIPTED || (frozen && !p->untold && s->script != 0));
	assert(!frozen || p->untold || s->hung || s->phase == RS_STATE_SCRIPTED);
	assert(!s->hung || !alive(s) || frozen);
	assert(!must_come_back(id) || lives || s->phase == RS_STATE_DEAD || s->generation == 0);
	assert(lives || s->phase == RS_STATE_DEAD || endpoint_eq(s->waiter, ENDPOINT_NONE));
	assert(s->phase != RS_STATE_DEAD || s->due_ns <= clock_monotonic_ns() + 40000000000);
}

/* It waits for that, or has died, of which rs is not told, or wanted no answer. */
static bool is_waiter(endpoint_t who, uint32_t serial)
{
	const struct process *p = &process[endpoint_slot(who) % NR_PROCS];

	return endpoint_eq(who, ENDPOINT_NONE) || !endpoint_eq(p->ep, who) || serial == 0 ||
	       (p->state & STATE_CALLING && p->serial == serial);
}

/* Whose answer is to come later is remembered, and nobody else. */
static void callers_look(void)
{
	assert(is_waiter(state.crash_waiter, state.crash_serial));
	assert(is_waiter(state.script_waiter, state.script_serial));
	assert(is_waiter(state.loading.client, state.loading.serial));
	for (unsigned id = 0; id < NR_SERVICES; id++)
		assert(is_waiter(state.service[id].waiter, state.service[id].waiter_serial));
	for (unsigned slot = 0; slot < FIRST_PROGRAM + PROGRAMS; slot++) {
		const struct process *p = &process[slot];
		bool held = endpoint_eq(state.crash_waiter, p->ep) ||
			    endpoint_eq(state.script_waiter, p->ep) ||
			    endpoint_eq(state.loading.client, p->ep);

		for (unsigned id = 0; id < NR_SERVICES; id++)
			held |= endpoint_eq(state.service[id].waiter, p->ep);
		assert(held || !(p->state & STATE_CALLING) || p->state & STATE_FROZEN);
	}
}

static bool look(void)
{
	for (unsigned id = 0; id < NR_SERVICES; id++)
		row_look(id);
	callers_look();
	manifests_look();
	assert(state.loading.phase <= LOAD_TIDY && state.loading.id < NR_SERVICES);
	assert(damaged != 0 || state.loading.phase != LOAD_IDLE || window_is_tidy());
	return true;
}

/* ---- messages ---- */

static bool by_name(uint32_t type)
{
	return type == RS_STATUS || type == RS_START || type == RS_STOP || type == RS_RESTART ||
	       type == RS_REFRESH || type == RS_KILL || type == RS_RIGHTS || type == RS_RECOVER ||
	       type == RS_REMOVE || type == RS_DEGRADE || type == RS_UPDATE ||
	       type == RS_RELOAD || type == RS_INJECT;
}

static void name_put(struct message *m)
{
	bool of_guests = m->type == RS_REMOVE || m->type == RS_UPDATE;
	char *name = (char *)m->w;

	strncpy(name, service_name(of_guests && !one_in(3)), RS_NAME);
	/* So asked rs dies, or hangs; without rsguard it would die for good. */
	if (((m->type == RS_KILL || m->type == RS_RECOVER) && strcmp(name, "rs") == 0) ||
	    ((m->type == RS_STOP || m->type == RS_DEGRADE) && strcmp(name, "rsguard") == 0))
		name[0] = 'x';
}

static void complain_put(struct rs_complain_request *req)
{
	unsigned id = (unsigned)below(NR_PRIVS);

	if (process_lives(id))
		req->accused = process[id].ep;
	req->reason = 1 + (uint32_t)below(RS_COMPLAINT_LAST);
	if (one_in(2))
		req->asked_ns = UINT64_MAX;
}

static void pci_put(struct rs_pci_grant_request *req)
{
	unsigned id = (unsigned)below(NR_PRIVS);

	while (manifest_of(id) == NULL || manifest_of(id)->nr_pci == 0)
		id = (id + 1) % NR_PRIVS;
	req->driver = process[id].ep;
	req->vendor = manifest_of(id)->pci[0].vendor;
	req->device = manifest_of(id)->pci[0].device;
}

/* Most fields are better than chance has them. */
static void fields(struct message *m)
{
	if (by_name(m->type) && (m->w[0] == 0 || !one_in(20)))
		name_put(m);
	if (one_in(4))
		return;
	if (m->type == RS_COMPLAIN)
		complain_put((struct rs_complain_request *)m->w);
	if (m->type == RS_PCI_GRANT)
		pci_put((struct rs_pci_grant_request *)m->w);
	if (m->type == RS_INJECT)
		m->w[2] = one_in(3) ? 0 : 0x400000 + below(0x2000);
	if (m->type == RS_SCRIPT_DONE)
		m->w[0] = state.scripts | below(3) << 32;
	if (m->type == RS_CRASH_READ)
		m->w[0] = state.crashes | below(9000) << 32;
}

/* Its own service for what only that one may ask; any; or a program. */
static unsigned caller(uint32_t type)
{
	int id = type == RS_PCI_GRANT ? ID_PCI : type == RS_FIRMWARE_GRANT ? ID_ACPI :
		 type == RS_INJECT ? service_by_name("inject") :
		 type == RS_COMPLAIN || one_in(6) ? (int)below(NR_PRIVS) : NOBODY;

	if (id > ID_RS && process_runs((unsigned)id) && process[id].state == 0)
		return (unsigned)id;
	return endpoint_slot(program_idle()->ep);
}

static void call(struct delivery *d)
{
	unsigned slot = caller(d->m.type);

	if (slot < FIRST_PROGRAM && one_in(OFTEN)) {    /* it ends itself */
		d->m = (struct message){ .type = EXIT_GROUP, .w = { below(200) } };
		d->serial = 1 + messages;
	}
	fields(&d->m);
	process_calls(slot, d);
	if ((d->m.type == RS_LOAD || d->m.type == RS_UPDATE || d->m.type == RS_RELOAD) &&
	    !one_in(9))
		lent_make(d);
}

static void shape(struct delivery *d)
{
	if (damaged == 0 && ++messages % OFTEN == 0 && messages > FIRST_LOOK)
		look();
	processes_live();
	if (d->m.type != TYPE_NOTIFY) {
		call(d);
		return;
	}
	d->m.w[0] = notifiers;
	d->m.w[1] = 0;
	d->m.w[2] |= processes_events();
	notifiers = 0;
}

/* What rs has to say is in pieces. */
static void line_of_log(const struct log_text_request *req)
{
	static char line[256];
	static size_t len;

	for (size_t i = 0; i < req->len && i < sizeof(req->text); i++) {
		line[len] = req->text[i];
		len += len + 2 < sizeof(line);
		if (req->text[i] != '\n')
			continue;
		line[len] = '\0';
		assert(damaged != 0 || strstr(line, "rs: repaired") == NULL);
		if (strstr(line, "rs: recovery: ") != NULL) {
			if (repairs++ < SAID)
				printf("    %s", line);
		}
		len = 0;
	}
}

static bool takes(endpoint_t to, const struct message *m)
{
	if (!process_takes(to, m))
		return false;
	if (m != NULL && m->type == LOG_TEXT)
		line_of_log((const struct log_text_request *)m->w);
	return true;
}

static bool kernel(uint32_t number, struct message *m, err_t *err)
{
	return space_call(number, m, err) || process_call(number, m, err);
}

/* ---- after a death ---- */

static void damage(unsigned n)
{
	damaged++;
	switch (n) {
	case 0:
		memset(state.service[ID_DS].name, 'x', RS_NAME);
		break;
	case 1:
		state.service[ID_VFS].phase = 77;
		break;
	case 2:
		state.service[ID_TTY].generation += 1000;
		break;
	case 3:
		state.service[ID_PM].recent = UINT32_MAX;
		break;
	case 4:
		state.service[ID_UART].waiter = ENDPOINT(999, FIRST_PROGRAM + 1);
		break;
	case 5:
		state.crash_waiter = ENDPOINT(999, FIRST_PROGRAM);
		break;
	case 6:
		state.loading.phase = 99;
		break;
	case 7:
		state.service[ID_VM].cause = 200;
		break;
	case 8:                         /* with nothing left of it, it goes on all the same */
		memset(&state, 0, sizeof(state));
		start_kind = START_FRESH;
		break;
	}
}

static bool is_well(unsigned id)
{
	return state.service[id].phase == RS_STATE_RUNNING && process_runs(id) &&
	       !process[id].silent;
}

/* rsguard recovers rs; log takes what rs says of it; and somebody is there to have a wrong row. */
static bool may_die(void)
{
	return is_well(ID_RSGUARD) && is_well(ID_LOG) && is_well(ID_TTY) && !state.retry;
}

static void prepare(void)
{
	archive_make();
	spaces_make();
	processes_make();
}

static err_t replied(endpoint_t client, uint32_t serial, const struct message *m)
{
	(void)m;
	return process_answered(client, serial) ? 0 : -EDEADPEER;
}

extern const struct fuzz_call rs_fuzz[];
extern const unsigned rs_fuzz_count;

const struct fuzzed fuzzed = {
	.name = "rs", .messages = MESSAGES, .protocol = { { rs_fuzz, &rs_fuzz_count } },
	.prepare = prepare, .check = look, .damage = damage, .damages = 9,
	.may_die = may_die,
	.kernel = kernel, .shape = shape, .takes = takes, .replied = replied,
};
