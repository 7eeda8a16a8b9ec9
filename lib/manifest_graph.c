/* SPDX-License-Identifier: BSD-2-Clause
 * manifest_graph.c - whether who may call and notify whom fits the contracts.
 *
 * Job:      each protocol served has a contract and somebody who may ask for it; each talk goes
 *           down to somebody who answers messages; each notification has a reason (G1..G5).
 * Speaks:   docs/notes/0004-services.md; the table of protocols, generated.
 * Touches:  what it is given.
 * Trusts:   nothing. That names exist has been checked.
 * On crash: holds no state.
 *
 * A service may notify another for one of these reasons:
 * G1  it serves a protocol with events, and the other talks to it;
 * G2  one of the two serves a protocol in shared memory, and the other may notify it, too;
 * G3  it sends without waiting (sendnb), and the other answers messages;
 * G4  it forwards, and the other answers Linux calls;
 * G5  it is rs, which asks everybody for heartbeats. (The guardian may always be notified.)
 */
#include <string.h>

#include <lib/manifest_set.h>
#include <lib/protocols.h>
#include <lib/service_ids.h>

static const struct protocol *find_protocol(const char *name)
{
	for (const struct protocol *p = protocols; p->name != NULL; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static bool is_shared(const struct protocol *p)
{
	return p->shared;
}

static bool is_in_messages(const struct protocol *p)
{
	return !p->shared;
}

static bool has_events(const struct protocol *p)
{
	return p->events;
}

static bool serves_such(const struct manifest *m, bool (*such)(const struct protocol *p))
{
	for (unsigned k = 0; k < m->serves.count; k++) {
		const struct protocol *p = find_protocol(m->serves.of[k].name);

		if (p != NULL && such(p))
			return true;
	}
	return false;
}

static bool names(const struct manifest_list *list, const struct manifest *m)
{
	for (unsigned k = 0; k < list->count; k++)
		if (strcmp(list->of[k].name, m->name) == 0)
			return true;
	return false;
}

static bool may_notify(const struct manifest *m, const struct manifest *to)
{
	return m->notifies_all || names(&m->notifies, to);
}

static bool answers_linux(const struct manifest *m)
{
	for (unsigned n = 0; n < NR_LINUX / 64; n++)
		if (m->posix[n] != 0)
			return true;
	return false;
}

static bool has_primitive(const struct manifest *m, unsigned primitive)
{
	return m->primitives & BIT(primitive - IPC_SENDREC);
}

/* ---- serves ---- */

static bool is_asked(const struct set *s, const struct manifest *m, const struct protocol *p)
{
	if (!p->shared && m->serves_programs)
		return true;
	for (unsigned k = 0; k < s->count; k++) {
		const struct manifest *o = s->m[k];

		if (o != m && (p->shared ? may_notify(o, m) && may_notify(m, o)
					 : names(&o->talks, m)))
			return true;
	}
	return false;
}

static err_t check_serves(const struct set *s, unsigned i)
{
	const struct manifest *m = s->m[i];

	for (unsigned k = 0; k < m->serves.count; k++) {
		const struct manifest_name *n = &m->serves.of[k];
		const struct protocol *p = find_protocol(n->name);

		if (p == NULL)
			return manifest_bad(s, i, n->line, "serves '%s', which no contract defines",
					    n->name);
		if (strcmp(n->name, "summary") == 0)
			return manifest_bad(s, i, n->line, "every service serves 'summary'");
		if (!is_asked(s, m, p))
			return manifest_bad(s, i, n->line, "serves '%s', but nobody may ask for it",
					    n->name);
	}
	if (m->serves_programs && !serves_such(m, is_in_messages))
		return manifest_bad(s, i, m->line[WORD_SERVES],
				    "serves programs, but no protocol that they can speak");
	return 0;
}

/* ---- talks, notifies ---- */

bool manifest_may_talk(const struct manifest *m, const struct manifest *to)
{
	return m->talks_all ? to->rank < m->rank : names(&m->talks, to);
}

static err_t check_talks(const struct set *s, unsigned i)
{
	const struct manifest *m = s->m[i];

	for (unsigned k = 0; k < m->talks.count; k++) {
		const struct manifest_name *n = &m->talks.of[k];
		const struct manifest *to = manifest_find(s->m, s->count, n->name);

		if (to == NULL)
			return manifest_bad(s, i, n->line, "talks to '%s', which does not exist",
					    n->name);
		if (to->rank >= m->rank)
			return manifest_bad(s, i, n->line,
					    "talks to '%s' of rank %u, not below %u", n->name,
					    to->rank, m->rank);
		if (!serves_such(to, is_in_messages))
			return manifest_bad(s, i, n->line,
					    "talks to '%s', which serves no contract in messages",
					    n->name);
	}
	return 0;
}

static bool has_reason(const struct manifest *m, const struct manifest *to)
{
	if (serves_such(m, has_events) && names(&to->talks, m))
		return true;                                                    /* G1 */
	if ((serves_such(m, is_shared) || serves_such(to, is_shared)) && may_notify(to, m))
		return true;                                                    /* G2 */
	if (has_primitive(m, IPC_SENDNB) && serves_such(to, is_in_messages))
		return true;                                                    /* G3 */
	if (has_primitive(m, IPC_FORWARD) && answers_linux(to))
		return true;                                                    /* G4 */
	return m->id == ID_RS;                                                  /* G5 */
}

static err_t check_notifies(const struct set *s, unsigned i)
{
	const struct manifest *m = s->m[i];
	bool used = !m->notifies_all;

	for (unsigned k = 0; k < s->count && !used; k++)
		used = k != i && has_reason(m, s->m[k]);
	if (!used)
		return manifest_bad(s, i, m->line[WORD_NOTIFIES], "there is nobody to notify");
	for (unsigned k = 0; k < m->notifies.count; k++) {
		const struct manifest_name *n = &m->notifies.of[k];
		const struct manifest *to = manifest_find(s->m, s->count, n->name);

		if (to == NULL)
			return manifest_bad(s, i, n->line, "notifies '%s', which does not exist",
					    n->name);
		if (to->id == (m->id == ID_RS ? ID_RSGUARD : ID_RS) &&
		    !has_primitive(m, IPC_SENDNB))
			return manifest_bad(s, i, n->line,
					    "'%s' is its guardian, which it may notify anyway",
					    n->name);
		if (!has_reason(m, to))
			return manifest_bad(s, i, n->line,
					    "notifies '%s', which shares no protocol with it",
					    n->name);
	}
	return 0;
}

/* ---- devices and programs ---- */

static bool talks_to(const struct set *s, const struct manifest *m, const char *protocol)
{
	for (unsigned k = 0; k < s->count; k++)
		for (unsigned n = 0; n < s->m[k]->serves.count && names(&m->talks, s->m[k]); n++)
			if (strcmp(s->m[k]->serves.of[n].name, protocol) == 0)
				return true;
	return false;
}

static err_t check_device_memory(const struct set *s, unsigned i)
{
	const struct manifest *m = s->m[i];

	if (m->nr_pci != 0 && !talks_to(s, m, "pci"))
		return manifest_bad(s, i, m->line[WORD_PCI],
				    "a PCI function is claimed from who serves 'pci', to whom it "
				    "does not talk");
	if ((m->nr_mmio != 0 || m->framebuffer) && !talks_to(s, m, "vm"))
		return manifest_bad(s, i, m->line[m->nr_mmio != 0 ? WORD_MMIO : WORD_FRAMEBUFFER],
				    "device memory is mapped by who serves 'vm', to whom it does "
				    "not talk");
	return 0;
}

/* A function of a kind goes to one program; its arguments say to which of several. */
static err_t pci_clash(const struct set *s, unsigned i, const struct manifest *o)
{
	const struct manifest *m = s->m[i];

	if (strcmp(m->program, o->program) == 0 && memcmp(m->args, o->args, sizeof(m->args)) != 0)
		return 0;
	for (unsigned a = 0; a < o->nr_pci; a++)
		for (unsigned b = 0; b < m->nr_pci; b++)
			if (o->pci[a].vendor == m->pci[b].vendor &&
			    o->pci[a].device == m->pci[b].device)
				return manifest_bad(s, i, m->pci[b].at,
						    "PCI function %x:%x is taken by '%s'",
						    m->pci[b].vendor, m->pci[b].device, o->name);
	return 0;
}

/* Whether stores to state are logged is decided when the program is built. */
static err_t restart_differs(const struct set *s, unsigned i, const struct manifest *o)
{
	const struct manifest *m = s->m[i];

	if (strcmp(m->program, o->program) != 0 ||
	    (m->restart == RESTART_RECOVER) == (o->restart == RESTART_RECOVER))
		return 0;
	return manifest_bad(s, i, m->line[WORD_RESTART],
			    "'%s' is the same program: both recover, or none", o->name);
}

/* ---- complaints ---- */

bool manifest_may_complain(const struct manifest *m, const struct manifest *of)
{
	if (of->id == ID_RS || of->id == ID_RSGUARD || of->id == m->id)
		return false;
	if (!m->complains_all)
		return names(&m->complains, of);
	return m->rights & RIGHT_SCHEDULE || names(&m->talks, of) || manifest_may_talk(of, m) ||
	       (may_notify(m, of) && serves_such(of, is_shared));
}

static err_t check_complains(const struct set *s, unsigned i)
{
	const struct manifest *m = s->m[i];
	bool any = m->line[WORD_COMPLAINS] == 0;

	for (unsigned k = 0; k < m->complains.count; k++) {
		const struct manifest_name *n = &m->complains.of[k];
		const struct manifest *of = manifest_find(s->m, s->count, n->name);

		if (of == NULL)
			return manifest_bad(s, i, n->line,
					    "complains of '%s', which does not exist", n->name);
		if (!manifest_may_complain(m, of))
			return manifest_bad(s, i, n->line,
					    "'%s' is a guardian, of which nobody complains",
					    n->name);
	}
	for (unsigned k = 0; k < s->count && !any; k++)
		any = manifest_may_complain(m, s->m[k]);
	if (!any)
		return manifest_bad(s, i, m->line[WORD_COMPLAINS],
				    "there is nobody to complain of");
	return 0;
}

/* ---- faults ---- */

bool manifest_may_inject(const struct manifest *m, const struct manifest *of)
{
	if (of->id == ID_RS || of->id == ID_RSGUARD || of->id == m->id)
		return false;
	return m->injects_all || names(&m->injects, of);
}

static err_t check_injects(const struct set *s, unsigned i)
{
	const struct manifest *m = s->m[i];

	for (unsigned k = 0; k < m->injects.count; k++) {
		const struct manifest_name *n = &m->injects.of[k];
		const struct manifest *of = manifest_find(s->m, s->count, n->name);

		if (of == NULL)
			return manifest_bad(s, i, n->line,
					    "injects into '%s', which does not exist", n->name);
		if (!manifest_may_inject(m, of))
			return manifest_bad(s, i, n->line,
					    "'%s' is a guardian, whose code is its own", n->name);
	}
	return 0;
}

/* ---- scripts ---- */

static uint64_t leans_on(const struct manifest *const *set, unsigned count,
			 const struct manifest *m)
{
	uint64_t bits = 0;

	for (unsigned k = 0; k < count; k++)
		if (names(&m->needs, set[k]) || names(&m->talks, set[k]))
			bits |= BIT(k);
	return bits;
}

uint64_t manifest_essential(const struct manifest *const *set, unsigned count, uint64_t roots)
{
	uint64_t before;

	for (unsigned i = 0; i < count; i++)
		if (set[i]->answers != 0 || answers_linux(set[i]) || set[i]->id == ID_RS ||
		    set[i]->id == ID_RSGUARD || strcmp(set[i]->name, "tmpfs") == 0)
			roots |= BIT(i);
	do {
		before = roots;
		for (unsigned i = 0; i < count; i++)
			if (roots & BIT(i))
				roots |= leans_on(set, count, set[i]);
	} while (roots != before);
	return roots;
}

/* It would stand still while its script, a program, waits for it. */
static err_t check_script(const struct set *s, unsigned i)
{
	const struct manifest *m = s->m[i];

	if (m->script[0] != '\0' && manifest_essential(s->m, s->count, 0) & BIT(i))
		return manifest_bad(s, i, m->line[WORD_SCRIPT],
				    "a script cannot help '%s': programs cannot run without it",
				    m->name);
	return 0;
}

err_t manifest_check_graph(const struct set *s, unsigned i)
{
	err_t err = check_talks(s, i);

	if (err == 0)
		err = check_serves(s, i);
	if (err == 0)
		err = check_notifies(s, i);
	if (err == 0)
		err = check_device_memory(s, i);
	if (err == 0)
		err = check_complains(s, i);
	if (err == 0)
		err = check_injects(s, i);
	if (err == 0)
		err = check_script(s, i);
	for (unsigned k = 0; k < i && err == 0; k++) {
		err = pci_clash(s, i, s->m[k]);
		if (err == 0)
			err = restart_differs(s, i, s->m[k]);
	}
	return err;
}
