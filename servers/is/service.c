/* SPDX-License-Identifier: BSD-2-Clause
 * service.c - services: their life, their rights, and all about one of them.
 *
 * Job:      the pages services, privileges, devices, routes; `service dump NAME`.
 * Speaks:   rs.list, rs.status, rs.rights; ds.list; summary to any service; proc_info.
 * Touches:  the text being made.
 * Trusts:   rs and the kernel. A service's account of itself is text, not more.
 * On crash: holds no state.
 */
#include "is.h"

#include <contract/ds.h>
#include <contract/summary.h>
#include <lib/ipc.h>
#include <lib/linux.h>
#include <lib/manifest.h>

enum { ANSWERING = BIT(IPC_RECEIVE - IPC_SENDREC) | BIT(IPC_REPLYRECEIVE - IPC_SENDREC) };

static const char *state_text(uint32_t state)
{
	static const char *const name[] = {
		"stopped", "starting", "running", "dead", "gone", "scripted", "degraded",
	};

	return state < COUNT(name) ? name[state] : "?";
}

static const char *cause_text(uint32_t cause)
{
	static const char *const name[] = {
		[RS_CAUSE_NONE] = "-", [RS_CAUSE_EXIT] = "exit", [RS_CAUSE_EXCEPTION] = "exception",
		[RS_CAUSE_KILLED] = "signal", [RS_CAUSE_HUNG] = "hung",
		[RS_CAUSE_OPERATOR] = "request", [RS_CAUSE_IPC] = "ipc",
		[RS_CAUSE_COMPLAINT] = "complaint", [RS_CAUSE_RESOURCE] = "resource",
		[RS_CAUSE_DOUBT] = "doubt",
	};

	return cause < COUNT(name) && name[cause] != NULL ? name[cause] : "?";
}

static err_t status_of(const char *name, struct rs_status_reply *r)
{
	struct rs_status_request req = { 0 };

	strlcpy(req.name, name, sizeof(req.name));
	return rs_status(&rs, &req, r);
}

err_t rights_of(const char *name, struct rs_rights *r)
{
	struct rs_rights_request req = { 0 };

	strlcpy(req.name, name, sizeof(req.name));
	return rs_rights(&rs, &req, r, sizeof(*r));
}

/* ERECOVERED: rs has died of the question. */
static err_t ask_rs(const char *name, struct rs_status_reply *s, struct rs_rights *r)
{
	err_t err = status_of(name, s);

	if (err == 0)
		err = rights_of(name, r);
	return err == 0 || err == -ENOENT ? err : -ERECOVERED;
}

/* The next service; index counts on. */
static bool next_service(struct rs_list_request *at, struct rs_list_reply *r)
{
	if (rs_list(&rs, at, r) != 0)
		return false;
	at->index++;
	r->name[sizeof(r->name) - 1] = '\0';
	return true;
}

/* ---- pages ---- */

void dump_services(void)
{
	struct rs_list_request at = { 0 };
	struct rs_list_reply r;
	struct rs_status_reply s;

	put("NAME             ID RANK STATE      UP s RESTARTS RECOVERED UNANSWERED LAST DEFECT\n");
	while (next_service(&at, &r)) {
		if (status_of(r.name, &s) != 0)
			continue;
		put("%-16s %2u %4u %-8s %6u %8u %9u %10u %s", r.name, r.priv, r.rank,
		    state_text(r.state), s.uptime_ms / 1000, r.restarts, r.recoveries, s.beats,
		    cause_text(r.cause));
		put(r.cause == RS_CAUSE_NONE ? "\n" : " %u\n", r.code);
	}
}

static void put_bits(const char *head, uint64_t bits, const char *(*name)(unsigned n))
{
	put_list(head);
	for (; bits != 0; bits &= bits - 1)
		put_item("%s", name((unsigned)__builtin_ctzll(bits)));
	put_list_end();
}

static const char *primitive_name(unsigned n)
{
	static const char *const name[NR_IPC] = {
		"sendrec", "receive", "reply", "replyreceive", "forward", "sendnb", "notify",
	};

	return n < NR_IPC ? name[n] : "?";
}

static const char *right_name(unsigned n)
{
	switch (BIT(n)) {
	case RIGHT_MANAGE_SERVICES:
		return "manage-services";
	case RIGHT_MANAGE_PROGRAMS:
		return "manage-programs";
	case RIGHT_FORWARD:
		return "forward";
	case RIGHT_SCHEDULE:
		return "schedule";
	default:
		return "?";
	}
}

/* A bitmap that names nearly everybody says so. */
static void put_partners(const char *head, uint64_t bits)
{
	uint64_t there = 0;

	for (unsigned i = 0; i < PRIV_PROGRAM; i++)
		if (name_of_slot(i)[0] != '\0')
			there |= BIT(i);
	if ((bits & there) == there)
		put("%sall\n", head);
	else
		put_bits(head, bits & there, name_of_slot);
}

static void put_rights(const struct priv_desc *d)
{
	put_bits("  primitives    ", d->primitives, primitive_name);
	put_bits("  rights        ", d->rights, right_name);
	put_partners("  may call      ", d->sendrec_to);
	put_partners("  may notify    ", d->notify_to);
	put_bits("  kernel calls  ", d->calls, name_of_kernel_call);
}

void dump_privileges(void)
{
	struct rs_list_request at = { 0 };
	struct rs_list_reply r;
	struct rs_rights rights;

	while (next_service(&at, &r)) {
		if (rights_of(r.name, &rights) != 0)
			continue;
		put("%s: id %u, rank %u, priority %u, quantum %u, guardian %s\n", r.name, r.priv,
		    rights.priv.rank, rights.priv.priority, rights.priv.quantum,
		    name_of_slot(rights.priv.guardian));
		put_rights(&rights.priv);
	}
}

static void put_device_rights(const struct priv_desc *d)
{
	for (unsigned i = 0; i < PRIV_PORTS; i++)
		if (d->ports[i].first <= d->ports[i].last)
			put("  ports         0x%x-0x%x\n", d->ports[i].first, d->ports[i].last);
	for (unsigned i = 0; i < PRIV_LINES; i++) {
		if (d->lines[i] == (uint32_t)LINE_NONE)
			continue;
		if (d->lines[i] >= LINE_MSI)
			put("  interrupt     msi %u\n", d->lines[i] - LINE_MSI);
		else
			put("  interrupt     line %u\n", d->lines[i]);
	}
	for (unsigned i = 0; i < PRIV_MMIO; i++)
		if (d->mmio[i].count != 0)
			put("  device memory 0x%lx, %lu KiB\n",
			    (unsigned long)d->mmio[i].first << PAGE_SHIFT,
			    (unsigned long)d->mmio[i].count * (PAGE_SIZE / 1024));
}

static bool has_devices(const struct priv_desc *d)
{
	bool any = false;

	for (unsigned i = 0; i < PRIV_PORTS; i++)
		any |= d->ports[i].first <= d->ports[i].last;
	for (unsigned i = 0; i < PRIV_LINES; i++)
		any |= d->lines[i] != (uint32_t)LINE_NONE;
	for (unsigned i = 0; i < PRIV_MMIO; i++)
		any |= d->mmio[i].count != 0;
	return any;
}

void dump_devices(void)
{
	struct rs_list_request at = { 0 };
	struct rs_list_reply r;
	struct rs_rights rights;

	while (next_service(&at, &r))
		if (rights_of(r.name, &rights) == 0 && has_devices(&rights.priv)) {
			put("%s:\n", r.name);
			put_device_rights(&rights.priv);
		}
}

static void put_linux(const char *head, const uint64_t *bits)
{
	put_list(head);
	for (unsigned n = 0; n < NR_LINUX; n++) {
		const char *name = bits[n / 64] & BIT(n % 64) ? linux_call_name(n) : NULL;

		if (name != NULL)
			put_item("%s", name);
	}
	put_list_end();
}

static bool has_routes(const struct rs_rights *r)
{
	bool any = r->answers != 0;

	for (unsigned i = 0; i < COUNT(r->routes); i++)
		any |= r->routes[i] != 0;
	return any;
}

static void put_routes(const struct rs_rights *r)
{
	put_linux("  answers       ", r->routes);
	if (r->answers & ANSWERS_FAULTS)
		put("  handles       page faults of programs\n");
	if (r->answers & ANSWERS_EXCEPTIONS)
		put("  handles       exceptions of programs\n");
}

void dump_routes(void)
{
	struct rs_list_request at = { 0 };
	struct rs_list_reply r;
	struct rs_rights rights;

	while (next_service(&at, &r))
		if (rights_of(r.name, &rights) == 0 && has_routes(&rights)) {
			put("%s:\n", r.name);
			put_routes(&rights);
		}
}

/* ---- one service ---- */

/* What it says of itself; or NULL, and why nobody can ask it. */
static const char *ask_itself(const char *name, const struct rs_rights *r, uint32_t type,
			      void *range, size_t size, struct message *m)
{
	struct rs_status_reply s;
	struct proc_info_reply p;

	if ((r->priv.primitives & ANSWERING) != ANSWERING || status_of(name, &s) != 0 ||
	    s.state != RS_STATE_RUNNING)
		return "it answers nobody";
	if (!info_of_slot(s.priv, &p) || p.state & STATE_FROZEN)
		return "it stands still: nobody can ask it now";
	*m = (struct message){ .peer = s.who, .type = type };
	if (ipc_sendrec(m, range, size | CALL_LEND_WRITE) != 0 || m->type != 0)
		return "it does not say anything of itself";
	return NULL;
}

void put_account(const char *name, const struct rs_rights *r)
{
	static char account[SUMMARY_BYTES];
	struct summary_get_reply reply;
	struct message m;
	const char *why;
	uint32_t n;

	if (strcmp(name, "is") == 0)
		why = "it makes this dump";
	else
		why = ask_itself(name, r, SUMMARY_GET, account, sizeof(account), &m);
	if (why != NULL) {
		put("  %s\n", why);
		return;
	}
	memcpy(&reply, m.w, sizeof(reply));
	n = reply.done < sizeof(account) ? reply.done : (uint32_t)sizeof(account);
	for (uint32_t from = 0; from < n;) {
		const char *end = memchr(account + from, '\n', n - from);
		uint32_t len = end != NULL ? (uint32_t)(end - account) - from : n - from;

		put("  ");
		put_bytes(account + from, len);
		put("\n");
		from += len + 1;
	}
}

static void put_life(const char *name, const struct rs_status_reply *s, const struct rs_rights *r)
{
	static const char *const restart[] = { "with backoff", "never", "in place" };

	put("%s: %s, id %u, rank %u, endpoint 0x%x, up %u.%03u s\n", name, state_text(s->state),
	    s->priv, s->rank, s->who.v, s->uptime_ms / 1000, s->uptime_ms % 1000);
	put("  life          %u restarts, %u recoveries in place", s->restarts, s->recoveries);
	if (s->cause != RS_CAUSE_NONE)
		put("; last defect %s %u, repaired in %u us", cause_text(s->cause), s->code,
		    s->repaired_us);
	put("\n  guard         %s restarts it %s; ", name_of_slot(r->priv.guardian),
	    r->restart < COUNT(restart) ? restart[r->restart] : "?");
	if (r->heartbeat_ms != 0)
		put("heartbeat every %u ms, %u of %u unanswered\n", r->heartbeat_ms, s->beats,
		    r->heartbeat_count);
	else
		put("no heartbeat\n");
	put("  memory        %lu KiB, %lu KiB of them stack\n", (unsigned long)r->memory / 1024,
	    (unsigned long)r->stack / 1024);
	put_bits("  needs         ", r->needs, name_of_slot);
}

static void put_process(unsigned slot, const struct rs_rights *r)
{
	struct proc_info_reply p;

	if (!info_of_slot(slot, &p)) {
		put("  process       none\n");
		return;
	}
	put("  process       %s", name_of_state(p.state));
	if (p.state & (STATE_SENDING | STATE_CALLING))
		put(" %s: %s", name_of_slot(endpoint_slot(p.partner)), name_of_type(p.type));
	put("; slot %u, space %u, priority %u (base %u), quantum %u\n", slot, p.space, p.priority,
	    r->priv.priority, r->priv.quantum);
	put("                %lu ticks of 10 ms, ran %lu times\n", (unsigned long)p.user_ticks,
	    (unsigned long)p.switches);
}

static void put_callers(unsigned slot)
{
	struct proc_info_reply p;

	put_list("  callers       ");
	for (uint32_t i = 0; i < NR_PROCS; i++)
		if (info_of_slot(i, &p) && p.state & (STATE_SENDING | STATE_CALLING) &&
		    endpoint_slot(p.partner) == slot)
			put_item("%s(%s)", name_of_slot(i), name_of_type(p.type));
	put_list_end();
}

static void put_published(endpoint_t who)
{
	struct ds_list_request req = { 0 };
	struct ds_list_reply r;

	put_list("  names in ds   ");
	for (; ds_list(&ds, &req, &r) == 0; req.index++)
		if (endpoint_eq(r.who, who))
			put_item("%.24s", r.name);
	put_list_end();
}

err_t dump_service(const char *name)
{
	struct rs_status_reply s;
	struct rs_rights r;
	err_t err = ask_rs(name, &s, &r);

	if (err != 0)
		return err;
	r.serves[sizeof(r.serves) - 1] = '\0';
	put_life(name, &s, &r);
	put_process(s.priv, &r);
	put_callers(s.priv);
	put_published(s.who);
	put("  serves        %s\n", r.serves[0] != '\0' ? r.serves : "-");
	if (has_routes(&r))
		put_routes(&r);
	put_rights(&r.priv);
	put_device_rights(&r.priv);
	put("its own account:\n");
	put_account(name, &r);
	return 0;
}

/* ---- what one service may do, and what is seen of it ---- */

/* Messages of a service in the kernel's trace ring. */
struct seen {
	uint32_t records, answered;
	uint64_t linux_calls[NR_LINUX / 64];
};

static void look(unsigned slot, struct seen *s)
{
	static struct trace_record record[NR_TRACE];
	struct trace_read_request req = { .count = NR_TRACE, .address = (uint64_t)record };
	struct trace_read_reply r;

	memset(s, 0, sizeof(*s));
	if (sys_trace_read(&req, &r) != 0)
		return;
	s->records = r.count;
	for (uint32_t i = 0; i < r.count; i++) {
		const struct trace_record *t = &record[i];

		if (t->from != slot)
			continue;
		s->answered += t->event == TRACE_REPLY;
		if (t->event == TRACE_SEND && t->type < NR_LINUX)
			s->linux_calls[t->type / 64] |= BIT(t->type % 64);
	}
}

static void put_counts(const char *head, const uint64_t *count, const char *(*name)(unsigned n))
{
	put_list(head);
	for (unsigned n = 0; n < NR_PRIVS; n++)
		if (count[n] != 0)
			put_item("%s(%lu)", name(n), (unsigned long)count[n]);
	put_list_end();
}

/* By its own word: the kernel does not count. */
static void put_used(const char *name, const struct rs_rights *r)
{
	static struct ipc_used used;
	struct message m;
	const char *why = NULL;

	put("since it began or was recovered, as it says itself:\n");
	if (strcmp(name, "is") == 0)
		used = ipc_used;
	else
		why = ask_itself(name, r, SUMMARY_USED, &used, sizeof(used), &m);
	if (why != NULL) {
		put("  %s\n", why);
		return;
	}
	put_counts("  called        ", used.called, name_of_slot);
	put_counts("  notified      ", used.notified, name_of_slot);
	put_counts("  kernel calls  ", used.kernel, name_of_kernel_call);
}

err_t dump_rights(const char *name)
{
	static struct seen seen;
	struct rs_status_reply s;
	struct proc_info_reply p;
	struct rs_rights r;
	err_t err = ask_rs(name, &s, &r);

	if (err != 0)
		return err;
	r.serves[sizeof(r.serves) - 1] = '\0';
	put("%s may:\n  memory        %lu KiB\n", name, (unsigned long)r.memory / 1024);
	put_rights(&r.priv);
	put_linux("  Linux calls   ", r.priv.posix);
	put_device_rights(&r.priv);
	put("  serves        %s\n", r.serves[0] != '\0' ? r.serves : "-");
	if (has_routes(&r))
		put_routes(&r);
	look(s.priv, &seen);
	put("it uses:\n  memory        %lu KiB\n", (unsigned long)r.used / 1024);
	if (info_of_slot(s.priv, &p))
		put("  time          %lu ticks of 10 ms, ran %lu times\n",
		    (unsigned long)p.user_ticks, (unsigned long)p.switches);
	put_used(name, &r);
	put("and of the last %u messages of all:\n", seen.records);
	put("  answered      %u\n", seen.answered);
	put_linux("  Linux calls   ", seen.linux_calls);
	return 0;
}
