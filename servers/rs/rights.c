/* SPDX-License-Identifier: BSD-2-Clause
 * rights.c - what the kernel is told of a service's rights.
 *
 * Job:      sets a service's privilege structure and the routes that name it; keeps the structure
 *           that all programs share; looks whether the kernel has them as they should be.
 * Speaks:   kernel calls priv_set, priv_get, route_set, proc_freeze.
 * Touches:  privilege structures, routing tables.
 * Trusts:   the manifests, checked; pci for where device memory is, the boot loader for where the
 *           framebuffer is.
 * On crash: every call is absolute; they are made again at the next start of the service, and where
 *           the kernel has something else.
 */
#include "rs.h"
#include <contract/kernel.h>
#include <lib/assert.h>
#include <lib/service_ids.h>

enum { PROGRAM_RANK = 15, PROGRAM_PRIORITY = 8, PROGRAM_QUANTUM = 5 };

static err_t priv_put(unsigned id, const struct priv_desc *d)
{
	struct priv_set_request req = { .priv = id, .address = (uint64_t)d };

	return sys_priv_set(&req);
}

static err_t route_put(unsigned personality, unsigned index, unsigned route)
{
	uint16_t r = (uint16_t)route;
	struct route_set_request req = {
		.personality = (uint16_t)personality, .first = (uint16_t)index, .count = 1,
		.address = (uint64_t)&r,
	};

	return sys_route_set(&req);
}

/* Programs: rendezvous with who serves them, nothing else. */
static void rights_of_programs(struct priv_desc *d)
{
	*d = (struct priv_desc){
		.primitives = BIT(IPC_SENDREC - IPC_SENDREC),
		.rank = PROGRAM_RANK,
		.personality = PERSONALITY_PROGRAM,
		.priority = PROGRAM_PRIORITY,
		.quantum = PROGRAM_QUANTUM,
		.guardian = ID_RS,
	};
	for (unsigned l = 0; l < PRIV_LINES; l++)
		d->lines[l] = LINE_NONE;
	for (unsigned id = 0; id < NR_SERVICES; id++)
		if (manifest_of(id) && manifest_of(id)->serves_programs)
			d->sendrec_to |= BIT(id);
}

static err_t programs_put(void)
{
	static struct priv_desc d;

	rights_of_programs(&d);
	return priv_put(PRIV_PROGRAM, &d);
}

/* The Linux calls that a service answers for programs, and the handlers it is. */
static err_t routes_set(const struct manifest *m, unsigned route)
{
	err_t err = 0;

	for (unsigned n = 0; n < NR_LINUX && err == 0; n++)
		if (m->posix[n / 64] & BIT(n % 64))
			err = route_put(PERSONALITY_PROGRAM, n, route);
	if (err == 0 && m->answers & ANSWERS_FAULTS)
		err = route_put(PERSONALITY_PROGRAM, ROUTE_FAULT, route);
	if (err == 0 && m->answers & ANSWERS_EXCEPTIONS)
		err = route_put(PERSONALITY_PROGRAM, ROUTE_EXCEPTION, route);
	return err;
}

static err_t routes_put(const struct manifest *m)
{
	return routes_set(m, ROUTE_SERVER | m->id);
}

void routes_take(const struct manifest *m)
{
	if (routes_set(m, ROUTE_ENOSYS) != 0)
		say("%s: routes stay", m->name);
}

/* What every service may ask: write goes to log, exit to rs. */
static err_t service_routes(void)
{
	static const struct {
		uint16_t number, id;
	} route[] = {
		{ 1, ID_LOG }, { 60, ID_RS }, { 231, ID_RS },
	};
	err_t err = 0;

	for (unsigned i = 0; i < COUNT(route) && err == 0; i++)
		err = route_put(PERSONALITY_SERVICE, route[i].number, ROUTE_SERVER | route[i].id);
	return err;
}

/* Ids that the kernel answers at once, from the words that pm keeps. */
static err_t public_routes(void)
{
	static const struct {
		uint16_t number, word;
	} route[] = {
		{ 39, PUBLIC_PID }, { 102, PUBLIC_UID }, { 104, PUBLIC_GID },
		{ 107, PUBLIC_EUID }, { 108, PUBLIC_EGID }, { 110, PUBLIC_PPID },
		{ 111, PUBLIC_PGID }, { 186, PUBLIC_TID },
	};
	err_t err = 0;

	for (unsigned i = 0; i < COUNT(route) && err == 0; i++)
		err = route_put(PERSONALITY_PROGRAM, route[i].number, ROUTE_PUBLIC | route[i].word);
	return err;
}

/* Of no service of its own. */
static err_t common_put(void)
{
	err_t err = programs_put();

	if (err == 0)
		err = service_routes();
	if (err == 0)
		err = public_routes();
	return err;
}

/* Its manifest's ranges, and behind them those granted. */
static bool add_granted(unsigned id, struct priv_desc *d)
{
	unsigned n = 0;

	while (n < PRIV_MMIO && d->mmio[n].count != 0)
		n++;
	for (unsigned i = 0; i < RS_GRANTS; i++) {
		if (state.service[id].granted[i].count == 0)
			continue;
		if (n == PRIV_MMIO)
			return false;
		d->mmio[n++] = state.service[id].granted[i];
	}
	return true;
}

/* Where the boot loader has put its framebuffer, for whose manifest says `framebuffer yes`. */
static bool add_framebuffer(unsigned id, struct priv_desc *d)
{
	static struct boot_info boot;
	struct boot_info_request req = { .address = (uint64_t)&boot };
	const struct boot_framebuffer *fb = &boot.fb;
	uint64_t first, end;
	unsigned n = 0;

	if (!manifest_of(id)->framebuffer || sys_boot_info(&req) != 0 || fb->base == 0)
		return true;
	first = fb->base / PAGE_SIZE;
	end = (fb->base + (uint64_t)fb->pitch * fb->height + PAGE_SIZE - 1) / PAGE_SIZE;
	if (end <= first || end > UINT32_MAX)
		return true;            /* the loader talks nonsense: it has none */
	while (n < PRIV_MMIO && d->mmio[n].count != 0)
		n++;
	if (n == PRIV_MMIO)
		return false;
	d->mmio[n] = (struct pfn_range){ (uint32_t)first, (uint32_t)(end - first) };
	return true;
}

static bool make_rights(unsigned id, struct priv_desc *d)
{
	unsigned n;
	const struct manifest *const *set = manifest_set(&n);

	manifest_priv(manifest_of(id), set, n, d);
	return add_framebuffer(id, d) && add_granted(id, d);
}

/* For dumps. What does not fit was not granted either. */
void rights_of(unsigned id, struct priv_desc *d)
{
	make_rights(id, d);
}

err_t rights_set(unsigned id)
{
	static struct priv_desc d;
	err_t err = 0;

	if (!make_rights(id, &d))
		return -ENOSPC;
	err = priv_put(id, &d);
	if (err == 0)
		err = routes_put(manifest_of(id));
	if (err == 0 && id == ID_RS)
		err = common_put();
	return err;
}

/* ---- what the kernel has ---- */

/* But for what sched applies, when a manifest is loaded again. What would not fit was not set. */
static bool are_right(unsigned id)
{
	static struct priv_desc is, should;
	struct priv_get_request req = { .priv = id, .address = (uint64_t)&is };

	if (id == PRIV_PROGRAM)
		rights_of_programs(&should);
	else if (!make_rights(id, &should))
		return true;
	if (sys_priv_get(&req) != 0)
		return false;
	should.priority = is.priority;
	should.quantum = is.quantum;
	return memcmp(&is, &should, sizeof(is)) == 0;
}

/* If they are not, either the kernel was told the wrong ones, or it is told now. So rs dies of it:
 * new code decides (rights_again). */
void rights_doubt(unsigned id)
{
	assert(are_right(id));
}

/* The kernel keeps its rights while it lives. Only when all others have theirs: then it is not rs
 * that is wrong, which would have nobody else if it died of that. */
static void begin_guard_anew(void)
{
	struct proc_freeze_request freeze = {
		.proc = service_endpoint(ID_RSGUARD), .code = RS_CAUSE_OPERATOR << 16,
	};

	say("<4>rs: repaired: rights of %s", state.service[ID_RSGUARD].name);
	if (sys_proc_freeze(&freeze) != 0)
		say("<3>%s: cannot be frozen", state.service[ID_RSGUARD].name);
}

void rights_audit(void)
{
	const struct service *guard = &state.service[ID_RSGUARD];

	rights_doubt(PRIV_PROGRAM);
	for (unsigned id = 0; id < NR_SERVICES; id++)
		if (manifest_of(id) != NULL && alive(&state.service[id]) && id != ID_RSGUARD)
			rights_doubt(id);
	if (manifest_of(ID_RSGUARD) != NULL && alive(guard) && !are_right(ID_RSGUARD))
		begin_guard_anew();
}

/* Who had wrong rights was refused what it needs, or has lost its claims of interrupt lines, and so
 * begins anew; what was granted is asked for again. */
static void set_again(unsigned id, bool repair)
{
	struct proc_freeze_request freeze = {
		.proc = service_endpoint(id), .code = RS_CAUSE_OPERATOR << 16,
	};
	struct service *s = &state.service[id];

	if (repair) {
		say("<4>rs: repaired: rights of %s", s->name);
		s->fresh |= s->granted[0].count != 0;
		memset(s->granted, 0, sizeof(s->granted));
	}
	/* First: who has lost its lines and is not frozen would be found by nobody. */
	if (id != ID_RS && (repair || manifest_of(id)->nr_lines != 0) &&
	    sys_proc_freeze(&freeze) != 0)
		say("<3>%s: cannot be frozen", s->name);
	if (rights_set(id) != 0)
		say("<3>%s: the kernel does not take its rights", s->name);
}

/* The set has changed, or rs has died: whoever has other rights than he should, but for rsguard
 * (rights_audit()). What routes there are the kernel does not say. */
void rights_again(bool repair)
{
	err_t err = 0;

	if (repair && !are_right(PRIV_PROGRAM))
		say("<4>rs: repaired: rights of programs");
	for (unsigned id = 0; id < NR_SERVICES; id++) {
		const struct manifest *m = manifest_of(id);

		if (m == NULL || !alive(&state.service[id]) || id == ID_RSGUARD)
			continue;
		if (!are_right(id))
			set_again(id, repair);
		else if (repair && err == 0)
			err = routes_put(m);
	}
	if (err == 0)
		err = common_put();
	if (err != 0)
		say("<3>the kernel does not take rights that all have, or routes: error %d", -err);
}

static bool has_range(const struct service *s, const struct pfn_range *r)
{
	for (unsigned i = 0; i < RS_GRANTS; i++)
		if (s->granted[i].first == r->first && s->granted[i].count == r->count)
			return true;
	return false;
}

static bool add_range(struct service *s, const struct pfn_range *r)
{
	for (unsigned i = 0; i < RS_GRANTS; i++)
		if (s->granted[i].count == 0) {
			s->granted[i] = *r;
			return true;
		}
	return false;
}

/* Device memory besides what the manifest lists. What is there already changes nothing: setting
 * rights anew would take the claims of interrupt lines away. */
err_t rights_grant(unsigned id, const struct pfn_range *range, unsigned n)
{
	struct service *s = &state.service[id];
	struct pfn_range before[RS_GRANTS];
	bool changed = false, fits = true;
	err_t err = 0;

	memcpy(before, s->granted, sizeof(before));
	for (unsigned i = 0; i < n; i++) {
		if (range[i].count == 0 || has_range(s, &range[i]))
			continue;
		changed = true;
		fits = fits && add_range(s, &range[i]);
	}
	if (changed)
		err = fits ? rights_set(id) : -ENOSPC;
	if (err != 0)
		memcpy(s->granted, before, sizeof(before));
	return err;
}
