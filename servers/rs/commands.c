/* SPDX-License-Identifier: BSD-2-Clause
 * commands.c - what the `service` command asks.
 *
 * Job:      lists, starts, stops, restarts and kills services on request.
 * Speaks:   contracts/rs, to programs of user 0 for whatever changes something.
 * Touches:  rows of state.service.
 * Trusts:   the public words that pm keeps, for the user id.
 * On crash: a request that was under way is repeated or refused by the library.
 */
#include "rs.h"
#include <abi/boot.h>
#include <contract/kernel.h>
#include <lib/assert.h>
#include <lib/boot.h>
#include <lib/clock.h>
#include <lib/rights.h>
#include <lib/service_ids.h>

/* Programs of user 0; services whose manifest says `user 0 ...` in so many words. */
bool may_manage(const struct call *c)
{
	struct proc_public_get_request req = { .proc = c->client };
	struct proc_public_get_reply reply;
	const struct manifest *m = manifest_of(endpoint_slot(c->client));

	if (endpoint_slot(c->client) < FIRST_PROGRAM)
		return m != NULL && m->line[WORD_USER] != 0 && m->uid == 0;
	return sys_proc_public_get(&req, &reply) == 0 && reply.word[PUBLIC_EUID] == 0;
}

static struct service *named(const char *name, unsigned *id)
{
	int found = service_by_name(name);

	if (found < 0 || loading_leaves((unsigned)found))
		return NULL;
	*id = (unsigned)found;
	return &state.service[found];
}

/* It stands frozen, and its script is to decide. */
static bool is_scripted(const struct service *s)
{
	return s->phase == RS_STATE_SCRIPTED;
}

static endpoint_t who(unsigned id)
{
	return alive(&state.service[id]) ? service_endpoint(id) : ENDPOINT_NONE;
}

static err_t do_rs_list(const struct call *c, const struct rs_list_request *req,
			struct rs_list_reply *reply)
{
	unsigned n;
	const struct manifest *const *set = manifest_set(&n);
	const struct manifest *m;
	const struct service *s;

	if (req->index >= n)
		return -ENOENT;
	m = set[req->index];
	s = &state.service[m->id];
	*reply = (struct rs_list_reply){
		.who = who(m->id), .state = s->phase, .rank = m->rank, .priv = m->id,
		.cause = s->cause, .restarts = s->restarts, .recoveries = s->recoveries,
		.code = s->code,
	};
	strlcpy(reply->name, s->name, sizeof(reply->name));
	return 0;
}

static err_t do_rs_status(const struct call *c, const struct rs_status_request *req,
			  struct rs_status_reply *reply)
{
	unsigned id;
	const struct service *s = named(req->name, &id);

	if (!s)
		return -ENOENT;
	*reply = (struct rs_status_reply){
		.who = who(id), .state = s->phase, .rank = manifest_of(id)->rank,
		.priv = (uint8_t)id, .cause = s->cause, .restarts = s->restarts,
		.recoveries = s->recoveries, .code = s->code, .beats = s->beats_out,
		.uptime_ms = alive(s) ? (uint32_t)((clock_monotonic_ns() - s->started_ns) / 1000000)
				      : 0,
		.repaired_us = (uint32_t)(s->repaired_ns / 1000),
	};
	return 0;
}

/* Freeze it; what follows comes with the kernel's event, as for any other defect. If it is frozen
 * already, to look as if it hung, there is no event. */
static err_t freeze(unsigned id, unsigned cause, unsigned code)
{
	struct defect why = { .cause = (uint8_t)cause, .code = code };
	struct proc_freeze_request req = { .proc = service_endpoint(id),
					   .code = cause << 16 | code };
	struct service *s = &state.service[id];
	bool was_dying = s->dying;
	err_t err;

	s->dying = cause != RS_CAUSE_NONE;
	if (s->hung) {
		guard_defect(id, why);
		return 0;
	}
	err = sys_proc_freeze(&req);
	if (err != 0)
		s->dying = was_dying;
	return err;
}

/* Has this very call woken it, in a life of ours that ended in it? */
static bool waits(const struct service *s, const struct call *c)
{
	return endpoint_eq(s->waiter, c->client) && s->waiter_serial == c->serial;
}

/* Who waited before has seen it die before it was ready. */
static void wait_for(struct service *s, const struct call *c)
{
	if (waits(s, c))
		return;                         /* we have died of this since */
	waiter_answer(s, -EIO);
	s->waiter = c->client;
	s->waiter_serial = c->serial;
}

static err_t do_rs_start(const struct call *c, const struct rs_start_request *req)
{
	unsigned id;
	struct service *s = named(req->name, &id);

	if (!may_manage(c))
		return -EPERM;
	if (!s)
		return -ENOENT;
	if (alive(s))
		return waits(s, c) ? NO_REPLY : -EEXIST;
	wait_for(s, c);
	if (is_scripted(s)) {
		guard_bring_back(id);
		return NO_REPLY;
	}
	s->recent = 0;
	s->due_ns = 0;
	s->phase = RS_STATE_DEAD;
	guard_due(clock_monotonic_ns());        /* answers if it cannot be started */
	return NO_REPLY;
}

/* It answers system calls: without it no program could ask for its start. */
bool answers_programs(const struct manifest *m)
{
	uint64_t any = m->answers;

	for (unsigned i = 0; i < NR_LINUX / 64; i++)
		any |= m->posix[i];
	return any != 0;
}

static bool serves(const struct manifest *m, const char *protocol)
{
	for (unsigned i = 0; i < m->serves.count; i++)
		if (strcmp(m->serves.of[i].name, protocol) == 0)
			return true;
	return false;
}

/* Its state is what programs have: processes, memory, files, terminals. What recovers in place
 * keeps that; after a fresh start it would be gone, but for files on a disk, which the arguments
 * of their server name. (tty, whose state is terminals, is a file server, too.) */
static bool holds_programs(const struct manifest *m)
{
	return answers_programs(m) ||
	       (m->restart == RESTART_RECOVER && serves(m, "file") && m->args[0] == '\0');
}

bool is_needed(unsigned id)
{
	unsigned n;
	const struct manifest *const *set = manifest_set(&n);

	for (unsigned i = 0; i < n; i++) {
		const struct manifest_list *needs = &set[i]->needs;

		if (!alive(&state.service[set[i]->id]))
			continue;
		for (unsigned k = 0; k < needs->count; k++)
			if (service_by_name(needs->of[k].name) == (int)id)
				return true;
	}
	return id == ID_RS || (!state.loaded[id].is_guest && answers_programs(manifest_of(id)));
}

static void end(unsigned id, unsigned phase)
{
	struct proc_destroy_request req = { .proc = service_endpoint(id) };
	struct service *s = &state.service[id];

	if (alive(s) || is_scripted(s)) {
		if (sys_proc_destroy(&req) != 0 && server_attempt() == 0)
			say("%s: was gone already", s->name);
		s->generation++;
		say("<%u>%s: %s", phase == RS_STATE_STOPPED ? 7 : 4, s->name,
		    phase == RS_STATE_STOPPED ? "stopped on request" : "is given up");
		loading_stopped(id);
	}
	waiter_answer(s, -EIO);         /* also if it was to be started again later */
	script_end(id);
	s->phase = (uint8_t)phase;
	outbox_flush();
}

/* The root file system's server: the one whose arguments name its disk. */
static bool has_root(const struct manifest *m)
{
	static struct boot_info boot;
	struct boot_info_request req = { .address = (uint64_t)&boot };
	char root[MANIFEST_NAME];
	const char *name = root;

	if (!serves(m, "file") || sys_boot_info(&req) != 0 ||
	    !boot_option(boot.cmdline, "root", root, sizeof(root)))
		return false;
	if (strncmp(name, "/dev/", strlen("/dev/")) == 0)
		name += strlen("/dev/");
	for (const char *word = m->args; *word != '\0'; word += strlen(word) + 1)
		if (strcmp(word, name) == 0)
			return true;
	return false;
}

/* Can neither programs nor the root file system do without it? */
static bool is_essential(unsigned id)
{
	unsigned n;
	const struct manifest *const *set = manifest_set(&n);
	uint64_t roots = 0;

	for (unsigned i = 0; i < n; i++)
		roots |= has_root(set[i]) ? BIT(i) : 0;
	roots = manifest_essential(set, n, roots);
	for (unsigned i = 0; i < n; i++)
		if (set[i]->id == id)
			return roots & BIT(i);
	return true;
}

static err_t do_rs_stop(const struct call *c, const struct rs_stop_request *req)
{
	unsigned id;

	if (!may_manage(c))
		return -EPERM;
	if (!named(req->name, &id))
		return -ENOENT;
	if (is_needed(id) || (!state.loaded[id].is_guest && is_essential(id)))
		return -EBUSY;
	end(id, RS_STATE_STOPPED);
	return 0;
}

static err_t do_rs_degrade(const struct call *c, const struct rs_degrade_request *req)
{
	unsigned id;

	if (!may_manage(c))
		return -EPERM;
	if (!named(req->name, &id))
		return -ENOENT;
	if (is_essential(id))
		return -EBUSY;
	end(id, RS_STATE_DEGRADED);
	return 0;
}

static err_t start_afresh(const struct call *c, const struct rs_restart_request *req, bool lose)
{
	unsigned id;
	struct service *s = named(req->name, &id);

	if (!may_manage(c))
		return -EPERM;
	if (!s)
		return -ENOENT;
	if (!alive(s))
		return do_rs_start(c, (const struct rs_start_request *)req);
	if (waits(s, c) && !s->hung)
		return NO_REPLY;                /* begun, from its script; it keeps its state */
	if (id == ID_RS || (!lose && holds_programs(manifest_of(id))))
		return -EBUSY;
	s->fresh = true;
	wait_for(s, c);
	if (freeze(id, RS_CAUSE_OPERATOR, 0) == 0)
		return NO_REPLY;
	s->fresh = false;
	s->waiter = ENDPOINT_NONE;
	return -EIO;
}

static err_t do_rs_restart(const struct call *c, const struct rs_restart_request *req)
{
	return start_afresh(c, req, false);
}

_Static_assert(sizeof(struct rs_refresh_request) == sizeof(struct rs_restart_request),
	       "both are a name");

static err_t do_rs_refresh(const struct call *c, const struct rs_refresh_request *req)
{
	return start_afresh(c, (const struct rs_restart_request *)req, true);
}

/* Who would notice that rs has died or hangs? */
static bool is_guarded(void)
{
	const struct service *s = &state.service[ID_RSGUARD];

	return s->phase == RS_STATE_RUNNING && !s->hung;
}

/* rs itself: rsguard sees to it, and the one that comes back answers. */
static err_t die_on_request(unsigned cause, uint32_t code)
{
	struct service *s = &state.service[ID_RS];

	if (server_attempt() == 0 && !is_guarded())
		return -EOPNOTSUPP;
	if (server_attempt() == 0)
		die_of_doubt();         /* rsguard: that was asked for */
	s->defects[s->cause]--;         /* that was how, not why */
	s->defects[cause]++;
	s->cause = (uint8_t)cause;
	s->code = code;
	if (cause == RS_CAUSE_KILLED)
		say("<4>%s: killed by signal %u", s->name, code);
	return 0;
}

static err_t do_rs_recover(const struct call *c, const struct rs_recover_request *req)
{
	unsigned id;
	struct service *s = named(req->name, &id);
	err_t err;

	if (!may_manage(c))
		return -EPERM;
	if (!s)
		return -ENOENT;
	if (is_scripted(s))
		return do_rs_start(c, (const struct rs_start_request *)req);
	if (!alive(s))
		return -ESRCH;
	if (waits(s, c) && !s->hung)
		return NO_REPLY;
	if (id == ID_RS)
		return die_on_request(RS_CAUSE_OPERATOR, 0);
	if (manifest_of(id)->restart != RESTART_RECOVER)
		return -EOPNOTSUPP;
	wait_for(s, c);
	err = freeze(id, RS_CAUSE_OPERATOR, 0);
	if (err == 0)
		return NO_REPLY;
	s->waiter = ENDPOINT_NONE;
	return -EIO;
}

/* Default actions of signals (signal(7)): bit n is signal n. */
#define IGNORED (BIT(0) | BIT(17) | BIT(18) | BIT(23) | BIT(28))        /* CHLD CONT URG WINCH */
#define STOPS (BIT(19) | BIT(20) | BIT(21) | BIT(22))                   /* STOP TSTP TTIN TTOU */

/* Make it hang. It stays frozen; no event is dealt with, so that its heartbeats find it. */
static err_t hang(unsigned id)
{
	err_t err;

	if (id == ID_RS && server_attempt() > 0)
		return 0;                       /* done: we are the one that came back */
	if (id == ID_RS && !is_guarded())
		return -EOPNOTSUPP;
	if (id == ID_RS)
		for (;;)
			__asm__ volatile("pause");      /* as asked; rsguard will see to it */
	if (manifest_of(id)->heartbeat_ms == 0)
		return -EOPNOTSUPP;
	if (state.service[id].hung)
		return 0;
	err = freeze(id, RS_CAUSE_NONE, 0);
	state.service[id].hung = err == 0;
	return err;
}

static err_t do_rs_kill(const struct call *c, const struct rs_kill_request *req)
{
	unsigned id;
	struct service *s = named(req->name, &id);

	if (!may_manage(c))
		return -EPERM;
	if (!s)
		return -ENOENT;
	if (!alive(s))
		return -ESRCH;
	if (req->signal < 64 && IGNORED & BIT(req->signal))
		return 0;
	if (req->signal < 64 && STOPS & BIT(req->signal))
		return hang(id);
	if (id == ID_RS)
		return die_on_request(RS_CAUSE_KILLED, req->signal);
	return freeze(id, RS_CAUSE_KILLED, req->signal);
}

/* What a service adds to the totals. */
static void stats_add(struct rs_stats_reply *r, const struct service *s)
{
	r->services++;
	r->running += s->phase == RS_STATE_RUNNING;
	r->restarts += s->restarts;
	r->recoveries += s->recoveries;
	r->exits += s->defects[RS_CAUSE_EXIT];
	r->exceptions += s->defects[RS_CAUSE_EXCEPTION];
	r->signals += s->defects[RS_CAUSE_KILLED];
	r->hangs += s->defects[RS_CAUSE_HUNG];
	r->ipc = (uint16_t)(r->ipc + s->defects[RS_CAUSE_IPC]);
	r->complaints += s->defects[RS_CAUSE_COMPLAINT];
	r->resources = (uint16_t)(r->resources + s->defects[RS_CAUSE_RESOURCE]);
	r->doubts += s->defects[RS_CAUSE_DOUBT];
	if (s->repaired_ns / 1000 > r->repaired_us)
		r->repaired_us = (uint32_t)(s->repaired_ns / 1000);
}

static err_t do_rs_stats(const struct call *c, const struct rs_stats_request *req,
			 struct rs_stats_reply *reply)
{
	int id = req->name[0] ? service_by_name(req->name) : -1;

	(void)c;
	if (req->name[0] && id < 0)
		return -ENOENT;
	*reply = (struct rs_stats_reply){ 0 };
	if (id >= 0) {
		stats_add(reply, &state.service[id]);
		reply->missed = state.service[id].beats_out;
		reply->frames = (uint32_t)(service_bytes((unsigned)id) / PAGE_SIZE);
		return 0;
	}
	reply->missed = state.missed;
	reply->frames = state.frames;
	reply->crashes = state.crashes;
	for (unsigned n = 0; n < NR_SERVICES; n++)
		if (state.service[n].name[0])
			stats_add(reply, &state.service[n]);
	return 0;
}

static uint64_t needs_of(const struct manifest *m)
{
	uint64_t bits = 0;

	for (unsigned k = 0; k < m->needs.count; k++) {
		int id = service_by_name(m->needs.of[k].name);

		if (id >= 0)
			bits |= BIT(id);
	}
	return bits;
}

static err_t do_rs_rights(const struct call *c, const struct rs_rights_request *req)
{
	static struct rs_rights r SECTION_UNDO;
	unsigned id;
	const struct manifest *m;

	if (named(req->name, &id) == NULL)
		return -ENOENT;
	if (c->lent < sizeof(r))
		return -EINVAL;
	m = manifest_of(id);
	r = (struct rs_rights){
		.answers = m->answers, .heartbeat_ms = m->heartbeat_ms,
		.heartbeat_count = m->heartbeat_count, .restart = m->restart,
		.memory = m->memory, .stack = m->stack, .needs = needs_of(m),
	};
	rights_of(id, &r.priv);
	r.used = service_bytes(id);
	memcpy(r.routes, m->posix, sizeof(r.routes));
	for (unsigned i = 0; i < m->serves.count; i++) {
		strlcat(r.serves, i == 0 ? "" : " ", sizeof(r.serves));
		strlcat(r.serves, m->serves.of[i].name, sizeof(r.serves));
	}
	return reply_copy(COPY_OUT, 0, &r, sizeof(r)) ? 0 : -EINVAL;
}

static bool lists_pci(const struct manifest *m, uint16_t vendor, uint16_t device)
{
	for (unsigned i = 0; i < m->nr_pci; i++)
		if (m->pci[i].vendor == vendor && m->pci[i].device == device)
			return true;
	return false;
}

static err_t do_rs_pci_grant(const struct call *c, const struct rs_pci_grant_request *req)
{
	unsigned id = endpoint_slot(req->driver);
	struct pfn_range range[COUNT(req->range) / 2];

	if (endpoint_slot(c->client) != ID_PCI || manifest_of(id) == NULL ||
	    !lists_pci(manifest_of(id), req->vendor, req->device))
		return -EPERM;
	if (!endpoint_eq(req->driver, who(id)))
		return -ESRCH;
	for (unsigned i = 0; i < COUNT(range); i++) {
		range[i] = (struct pfn_range){ req->range[2 * i], req->range[2 * i + 1] };
		if (range[i].count > UINT32_MAX - range[i].first)
			return -EINVAL;
	}
	return rights_grant(id, range, COUNT(range));
}

enum { BIOS_FIRST = 0xe0, BIOS_COUNT = 0x20, TABLES_COUNT = 0x100 };    /* page frames */

/* No usable RAM is among them: the kernel would refuse to map that as device memory. */
static err_t do_rs_firmware_grant(const struct call *c, struct rs_firmware_grant_reply *reply)
{
	static struct boot_info boot;
	struct boot_info_request req = { .address = (uint64_t)&boot };
	struct pfn_range range[2] = { { BIOS_FIRST, BIOS_COUNT }, { 0, TABLES_COUNT } };

	if (endpoint_slot(c->client) != ID_ACPI || sys_boot_info(&req) != 0)
		return -EPERM;
	for (uint32_t i = 0; i < boot.nr_regions && i < BOOT_REGIONS; i++) {
		uint64_t end = boot.region[i].base + boot.region[i].length;

		if (end < BIT(32) && end / PAGE_SIZE > range[1].first)
			range[1].first = (uint32_t)((end + PAGE_SIZE - 1) / PAGE_SIZE);
	}
	for (unsigned i = 0; i < COUNT(range); i++) {
		reply->range[2 * i] = range[i].first;
		reply->range[2 * i + 1] = range[i].count;
	}
	return rights_grant(ID_ACPI, range, COUNT(range));
}

const struct rs_ops rs_operations = {
	.list = do_rs_list, .status = do_rs_status, .start = do_rs_start, .stop = do_rs_stop,
	.restart = do_rs_restart, .refresh = do_rs_refresh, .kill = do_rs_kill,
	.stats = do_rs_stats, .rights = do_rs_rights, .crash_next = do_rs_crash_next,
	.crash_read = do_rs_crash_read, .recover = do_rs_recover, .pci_grant = do_rs_pci_grant,
	.firmware_grant = do_rs_firmware_grant, .load = do_rs_load, .remove = do_rs_remove,
	.refusal = do_rs_refusal, .update = do_rs_update, .reload = do_rs_reload,
	.script_next = do_rs_script_next, .script_done = do_rs_script_done,
	.degrade = do_rs_degrade, .complain = do_rs_complain, .inject = do_rs_inject,
};
