/* SPDX-License-Identifier: BSD-2-Clause
 * manifest_check.c - whether a set of manifests can run together.
 *
 * Job:      no resource twice, needs that exist, no cycle of needs; with manifest_sense.c and
 *           manifest_graph.c all of them; the order to start in; the kernel's struct priv_desc.
 * Speaks:   docs/notes/0004-services.md.
 * Touches:  what it is given.
 * Trusts:   manifest_parse for the ranges of numbers.
 * On crash: holds no state.
 */
#include <string.h>

#include <lib/linux.h>
#include <lib/manifest_set.h>
#include <lib/print.h>
#include <lib/service_ids.h>

static const struct { const char *name; unsigned id; } fixed[] = {
	{ "rs", ID_RS }, { "log", ID_LOG }, { "ds", ID_DS }, { "vm", ID_VM },
	{ "sched", ID_SCHED }, { "pm", ID_PM }, { "vfs", ID_VFS }, { "pci", ID_PCI },
	{ "tty", ID_TTY }, { "uart", ID_UART }, { "rsguard", ID_RSGUARD }, { "is", ID_IS },
	{ "acpi", ID_ACPI }, { "keyboard", ID_KEYBOARD }, { "screen", ID_SCREEN },
};

err_t manifest_bad(const struct set *s, unsigned which, unsigned line, const char *text, ...)
{
	va_list ap;

	s->e->which = which;
	s->e->line = line == 0 ? 1 : line;
	va_start(ap, text);
	format_list(s->e->text, sizeof(s->e->text), text, ap);
	va_end(ap);
	return -EINVAL;
}

const struct manifest *manifest_find(const struct manifest *const *set, unsigned count,
				     const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(set[i]->name, name) == 0)
			return set[i];
	return NULL;
}

static err_t check_id(const struct set *s, unsigned i)
{
	const struct manifest *m = s->m[i];

	for (size_t k = 0; k < COUNT(fixed); k++)
		if ((strcmp(fixed[k].name, m->name) == 0) != (fixed[k].id == m->id))
			return manifest_bad(s, i, m->line[WORD_ID], "id %u belongs to '%s'",
					    fixed[k].id, fixed[k].name);
	for (unsigned k = 0; k < i; k++) {
		if (strcmp(s->m[k]->name, m->name) == 0)
			return manifest_bad(s, i, m->line[WORD_SERVICE], "service '%s' twice",
					    m->name);
		if (s->m[k]->id == m->id)
			return manifest_bad(s, i, m->line[WORD_ID], "id %u is taken by '%s'", m->id,
					    s->m[k]->name);
	}
	return 0;
}

static err_t ports_clash(const struct set *s, unsigned i, const struct manifest *o, unsigned n)
{
	const struct manifest *m = s->m[i];

	for (unsigned a = 0; a < n; a++)
		for (unsigned b = 0; b < m->nr_ports; b++)
			if (o->ports[a].first <= m->ports[b].last &&
			    m->ports[b].first <= o->ports[a].last)
				return manifest_bad(s, i, m->ports_at[b],
						    "port 0x%x is taken by '%s'",
						    o->ports[a].first > m->ports[b].first ?
						    o->ports[a].first : m->ports[b].first, o->name);
	return 0;
}

static err_t mmio_clash(const struct set *s, unsigned i, const struct manifest *o)
{
	const struct manifest *m = s->m[i];

	for (unsigned a = 0; a < o->nr_mmio; a++)
		for (unsigned b = 0; b < m->nr_mmio; b++)
			if ((uint64_t)o->mmio[a].first < (uint64_t)m->mmio[b].first +
			    m->mmio[b].count && (uint64_t)m->mmio[b].first <
			    (uint64_t)o->mmio[a].first + o->mmio[a].count)
				return manifest_bad(s, i, m->mmio_at[b],
						    "device memory at page 0x%x is taken by '%s'",
						    o->mmio[a].first, o->name);
	return 0;
}

/* Level-triggered inputs may be shared: PCI devices share them. */
static err_t lines_clash(const struct set *s, unsigned i, const struct manifest *o)
{
	const struct manifest *m = s->m[i];

	for (unsigned a = 0; a < o->nr_lines; a++)
		for (unsigned b = 0; b < m->nr_lines; b++)
			if (o->lines[a].line == m->lines[b].line &&
			    !(o->lines[a].flags & m->lines[b].flags & LINE_LEVEL))
				return manifest_bad(s, i, m->lines[b].at,
						    "line %u is taken by '%s'", m->lines[b].line,
						    o->name);
	return 0;
}

static err_t linux_clash(const struct set *s, unsigned i, const struct manifest *o)
{
	const struct manifest *m = s->m[i];

	for (unsigned n = 0; n < NR_LINUX; n++)
		if (m->posix[n / 64] & o->posix[n / 64] & BIT(n % 64)) {
			const char *name = linux_call_name(n);

			return manifest_bad(s, i, m->line[WORD_POSIX],
					    "Linux call %u (%s) is answered by '%s'", n,
					    name == NULL ? "?" : name, o->name);
		}
	if (m->answers & o->answers)
		return manifest_bad(s, i, m->line[WORD_ANSWERS], "answered by '%s' already",
				    o->name);
	return 0;
}

static err_t framebuffer_clash(const struct set *s, unsigned i, const struct manifest *o)
{
	if (s->m[i]->framebuffer && o->framebuffer)
		return manifest_bad(s, i, s->m[i]->line[WORD_FRAMEBUFFER],
				    "the framebuffer is taken by '%s'", o->name);
	return 0;
}

static err_t check_resources(const struct set *s, unsigned i)
{
	err_t err = 0;

	for (unsigned k = 0; k < i && err == 0; k++) {
		const struct manifest *o = s->m[k];

		err = ports_clash(s, i, o, o->nr_ports);
		if (err == 0)
			err = mmio_clash(s, i, o);
		if (err == 0)
			err = lines_clash(s, i, o);
		if (err == 0)
			err = linux_clash(s, i, o);
		if (err == 0)
			err = framebuffer_clash(s, i, o);
	}
	return err;
}

static err_t check_needs(const struct set *s, unsigned i)
{
	const struct manifest_list *list = &s->m[i]->needs;

	for (unsigned k = 0; k < list->count; k++)
		if (manifest_find(s->m, s->count, list->of[k].name) == NULL)
			return manifest_bad(s, i, list->of[k].line,
					    "needs '%s', which does not exist", list->of[k].name);
	return 0;
}

/* A Linux call that a service makes itself needs somebody below who answers it. */
static err_t check_uses(const struct set *s, unsigned i)
{
	const struct manifest *m = s->m[i];

	for (unsigned n = 0; n < NR_LINUX; n++) {
		bool found = false;

		if (!(m->uses[n / 64] & BIT(n % 64)))
			continue;
		for (unsigned k = 0; k < s->count; k++)
			found |= (s->m[k]->posix[n / 64] & BIT(n % 64)) && s->m[k]->rank < m->rank;
		if (!found)
			return manifest_bad(s, i, m->line[WORD_USES],
					    "nobody of lower rank answers Linux call %u", n);
	}
	return 0;
}

/* Whom it needs that is not started yet, or NULL. */
static const struct manifest_name *needs(const struct set *s, const struct manifest *m,
					 uint64_t started)
{
	for (unsigned k = 0; k < m->needs.count; k++) {
		const struct manifest *n = manifest_find(s->m, s->count, m->needs.of[k].name);

		if (n != NULL && !(started & BIT(n->id)))
			return &m->needs.of[k];
	}
	return NULL;
}

err_t manifest_order(const struct manifest *const *set, unsigned count, uint8_t *order)
{
	const struct set s = { .m = set, .count = count };
	uint64_t started = 0;

	for (unsigned done = 0; done < count; done++) {
		unsigned i = 0;

		while (i < count && ((started & BIT(set[i]->id)) ||
				     needs(&s, set[i], started) != NULL))
			i++;
		if (i == count)
			return -ELOOP;
		order[done] = (uint8_t)i;
		started |= BIT(set[i]->id);
	}
	return 0;
}

static unsigned index_of(const struct set *s, const char *name)
{
	unsigned i = 0;

	while (strcmp(s->m[i]->name, name) != 0)
		i++;
	return i;
}

/* Follow unmet needs from any service that cannot start: after `count` steps we are in a cycle. */
static err_t check_cycle(const struct set *s)
{
	uint8_t order[MANIFEST_IDS];
	const struct manifest_name *next;
	uint64_t started = 0;
	unsigned at = 0;

	if (manifest_order(s->m, s->count, order) == 0)
		return 0;
	for (unsigned round = 0; round < s->count; round++)
		for (unsigned i = 0; i < s->count; i++)
			if (needs(s, s->m[i], started) == NULL)
				started |= BIT(s->m[i]->id);
	while (started & BIT(s->m[at]->id))
		at++;
	for (unsigned step = 0; step < s->count; step++)
		at = index_of(s, needs(s, s->m[at], started)->name);
	next = needs(s, s->m[at], started);
	return manifest_bad(s, at, next->line, "a cycle of needs: '%s', '%s', and back to '%s'",
			    s->m[at]->name, next->name, s->m[at]->name);
}

err_t manifest_check(const struct manifest *const *set, unsigned count, struct manifest_error *e)
{
	const struct set s = { .m = set, .count = count, .e = e };
	err_t err = 0;

	if (count > MANIFEST_IDS)
		return manifest_bad(&s, MANIFEST_IDS, 1, "more than %d services", MANIFEST_IDS);
	for (unsigned i = 0; i < count && err == 0; i++) {
		err = check_id(&s, i);
		if (err == 0)
			err = check_resources(&s, i);
		if (err == 0)
			err = check_uses(&s, i);
		if (err == 0)
			err = manifest_check_sense(&s, i);
		if (err == 0)
			err = check_needs(&s, i);
	}
	if (err == 0)
		err = check_cycle(&s);
	for (unsigned i = 0; i < count && err == 0; i++)
		err = manifest_check_graph(&s, i);
	return err;
}

static uint64_t ids(const struct manifest *const *set, unsigned count,
		    const struct manifest_list *list)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < list->count; i++) {
		const struct manifest *m = manifest_find(set, count, list->of[i].name);

		if (m != NULL)
			bits |= BIT(m->id);
	}
	return bits;
}

void manifest_priv(const struct manifest *m, const struct manifest *const *set, unsigned count,
		   struct priv_desc *d)
{
	unsigned guardian = m->id == ID_RS ? ID_RSGUARD : ID_RS;

	*d = (struct priv_desc){
		.primitives = m->primitives,
		.rights = m->rights,
		/* the guardian in any case: the answer to its heartbeat */
		.notify_to = ids(set, count, &m->notifies) | BIT(guardian),
		.calls = m->calls,
		.rank = m->rank,
		.personality = PERSONALITY_SERVICE,
		.priority = m->priority,
		.quantum = m->quantum,
		.guardian = guardian,
	};
	if (m->notifies_all)
		d->notify_to = BIT(MANIFEST_IDS) - 1;
	for (unsigned i = 0; i < count; i++)
		if (manifest_may_talk(m, set[i]))
			d->sendrec_to |= BIT(set[i]->id);
	memcpy(d->posix, m->uses, sizeof(d->posix));
	d->posix[LINUX_WRITE / 64] |= BIT(LINUX_WRITE % 64);
	d->posix[LINUX_EXIT / 64] |= BIT(LINUX_EXIT % 64);
	d->posix[LINUX_EXIT_GROUP / 64] |= BIT(LINUX_EXIT_GROUP % 64);
	for (unsigned i = 0; i < PRIV_PORTS; i++)
		d->ports[i] = i < m->nr_ports ? m->ports[i] : (struct range16){ 1, 0 };
	for (unsigned i = 0; i < m->nr_mmio; i++)
		d->mmio[i] = m->mmio[i];
	for (unsigned i = 0; i < PRIV_LINES; i++)
		d->lines[i] = i < m->nr_lines ? m->lines[i].line : (uint32_t)LINE_NONE;
}
