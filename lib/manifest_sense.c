/* SPDX-License-Identifier: BSD-2-Clause
 * manifest_sense.c - whether the lines of one manifest fit each other.
 *
 * Job:      refuses what is of no use without something else that is not listed, what is listed
 *           though everybody has it, and what belongs to the kernel.
 * Speaks:   docs/notes/0004-services.md.
 * Touches:  what it is given.
 * Trusts:   manifest_parse for the ranges of numbers.
 * On crash: holds no state.
 */
#include <string.h>

#include <contract/kernel.h>
#include <lib/linux.h>
#include <lib/manifest_set.h>
#include <lib/service_ids.h>

#define CALL(name) BIT(SYS_##name - SYS_FIRST)
#define PRIMITIVE(name) BIT(IPC_##name - IPC_SENDREC)

/* Each of these lines needs one of these kernel calls, and the calls need the line. */
static err_t check_devices(const struct set *s, unsigned i)
{
	const struct manifest *m = s->m[i];
	unsigned calls = m->line[WORD_CALLS];
	bool wired = false;

	for (unsigned n = 0; n < m->nr_lines; n++)
		wired |= m->lines[n].line < LINE_MSI;
	if (m->nr_ports != 0 && !(m->calls & CALL(PORT_IO)))
		return manifest_bad(s, i, m->line[WORD_PORTS],
				    "ports are of no use without kernel call 'port_io'");
	if (m->nr_ports == 0 && m->calls & CALL(PORT_IO))
		return manifest_bad(s, i, calls, "'port_io' is of no use without ports");
	if (m->nr_lines != 0 && !(m->calls & CALL(IRQ_CLAIM)))
		return manifest_bad(s, i, m->line[WORD_LINES],
				    "lines are of no use without kernel call 'irq_claim'");
	if (m->nr_lines == 0 && m->calls & CALL(IRQ_CLAIM))
		return manifest_bad(s, i, calls, "'irq_claim' is of no use without lines");
	if (wired && !(m->calls & CALL(IRQ_ACK)))
		return manifest_bad(s, i, m->line[WORD_LINES],
				    "a line that is not message-signalled stays masked without "
				    "kernel call 'irq_ack'");
	if (!wired && m->calls & CALL(IRQ_ACK))
		return manifest_bad(s, i, calls,
				    "'irq_ack' is of no use without a line to acknowledge");
	return 0;
}

/* Interrupt controllers and the timer: with these a service could stop the machine. */
static err_t check_kernels_own(const struct set *s, unsigned i)
{
	static const struct range16 ports[] = { { 0x20, 0x21 }, { 0x40, 0x43 }, { 0xa0, 0xa1 } };
	static const uint32_t pages[] = { 0xfec00, 0xfee00 };
	const struct manifest *m = s->m[i];

	for (unsigned n = 0; n < m->nr_ports; n++)
		for (size_t k = 0; k < COUNT(ports); k++)
			if (m->ports[n].first <= ports[k].last &&
			    ports[k].first <= m->ports[n].last)
				return manifest_bad(s, i, m->ports_at[n],
						    "ports 0x%x-0x%x are the kernel's",
						    ports[k].first, ports[k].last);
	for (unsigned n = 0; n < m->nr_mmio; n++)
		for (size_t k = 0; k < COUNT(pages); k++)
			if (m->mmio[n].first <= pages[k] &&
			    pages[k] - m->mmio[n].first < m->mmio[n].count)
				return manifest_bad(s, i, m->mmio_at[n],
						    "device memory at page 0x%x is the kernel's",
						    pages[k]);
	return 0;
}

static err_t check_rights(const struct set *s, unsigned i)
{
	static const uint64_t managing =
		CALL(PROC_CREATE) | CALL(PROC_DESTROY) | CALL(PROC_STOP) | CALL(PROC_RESUME) |
		CALL(PROC_REGS_SET) | CALL(PROC_EXT_GET) | CALL(PROC_EXT_SET);
	static const uint32_t manage = RIGHT_MANAGE_SERVICES | RIGHT_MANAGE_PROGRAMS;
	const struct manifest *m = s->m[i];
	unsigned line = m->line[WORD_RIGHTS], calls = m->line[WORD_CALLS];

	if (m->rights & manage && !(m->calls & managing))
		return manifest_bad(s, i, line, "there is nobody to manage without a kernel call "
				    "such as 'proc_create'");
	if (m->calls & managing && !(m->rights & manage))
		return manifest_bad(s, i, calls, "a kernel call on processes is of no use without "
				    "the right to manage them");
	if (m->rights & RIGHT_SCHEDULE && !(m->calls & CALL(PROC_SCHED)))
		return manifest_bad(s, i, line,
				    "'schedule' is of no use without kernel call 'proc_sched'");
	if (m->calls & CALL(PROC_SCHED) && !(m->rights & (manage | RIGHT_SCHEDULE)))
		return manifest_bad(s, i, calls,
				    "'proc_sched' is of no use without the right 'schedule'");
	if (m->rights & RIGHT_FORWARD && !(m->primitives & PRIMITIVE(FORWARD)))
		return manifest_bad(s, i, line, "the right to forward is of no use without the "
				    "primitive");
	if (m->primitives & PRIMITIVE(FORWARD) && !(m->rights & RIGHT_FORWARD))
		return manifest_bad(s, i, m->line[WORD_PRIMITIVES],
				    "'forward' is of no use without the right to");
	return 0;
}

static err_t check_primitives(const struct set *s, unsigned i)
{
	const struct manifest *m = s->m[i];
	unsigned line = m->line[WORD_PRIMITIVES];
	static const uint64_t telling = PRIMITIVE(NOTIFY) | PRIMITIVE(SENDNB) | PRIMITIVE(FORWARD);
	bool talks = m->talks.count != 0 || m->talks_all;

	if (talks && !(m->primitives & PRIMITIVE(SENDREC)))
		return manifest_bad(s, i, m->line[WORD_TALKS],
				    "cannot talk without the primitive 'sendrec'");
	if (!talks && line != 0 && m->primitives & PRIMITIVE(SENDREC))
		return manifest_bad(s, i, line, "'sendrec' is of no use: it talks to nobody");
	if (m->line[WORD_NOTIFIES] != 0 && !(m->primitives & telling))
		return manifest_bad(s, i, m->line[WORD_NOTIFIES],
				    "cannot notify without the primitive 'notify'");
	if (m->line[WORD_NOTIFIES] == 0 && m->primitives & (telling & ~PRIMITIVE(NOTIFY)))
		return manifest_bad(s, i, line, "'sendnb' and 'forward' are of no use: it notifies "
				    "nobody");
	if (m->heartbeat_ms != 0 && (~m->primitives & (PRIMITIVE(RECEIVE) | PRIMITIVE(NOTIFY))))
		return manifest_bad(s, i, m->line[WORD_HEARTBEAT],
				    "cannot answer a heartbeat without 'receive' and 'notify'");
	if ((m->heartbeat_ms == 0) != (m->heartbeat_count == 0))
		return manifest_bad(s, i, m->line[WORD_HEARTBEAT],
				    "a period without a count, or a count without a period");
	return 0;
}

static err_t check_linux(const struct set *s, unsigned i)
{
	static const unsigned free_for_all[] = { LINUX_WRITE, LINUX_EXIT, LINUX_EXIT_GROUP };
	const struct manifest *m = s->m[i];

	for (size_t k = 0; k < COUNT(free_for_all); k++)
		if (m->uses[free_for_all[k] / 64] & BIT(free_for_all[k] % 64))
			return manifest_bad(s, i, m->line[WORD_USES],
					    "every service may use Linux call %u", free_for_all[k]);
	if (m->rank == MANIFEST_RANKS && (m->serves_programs || m->line[WORD_POSIX] != 0))
		return manifest_bad(s, i, m->line[WORD_RANK],
				    "rank %u is that of programs: they cannot call it", m->rank);
	return 0;
}

static err_t check_names(const struct set *s, unsigned i)
{
	static const enum manifest_word word[] = {
		WORD_TALKS, WORD_NOTIFIES, WORD_NEEDS, WORD_COMPLAINS, WORD_INJECTS,
	};
	const struct manifest *m = s->m[i];
	const struct manifest_list *const list[] = {
		&m->talks, &m->notifies, &m->needs, &m->complains, &m->injects,
	};
	const bool all[] = {
		m->talks_all, m->notifies_all, false, m->complains_all, m->injects_all,
	};

	for (unsigned k = 0; k < COUNT(list); k++) {
		for (unsigned n = 0; n < list[k]->count; n++)
			if (strcmp(list[k]->of[n].name, m->name) == 0)
				return manifest_bad(s, i, list[k]->of[n].line, "'%s' names itself",
						    m->name);
		if (all[k] && list[k]->count != 0)
			return manifest_bad(s, i, m->line[word[k]], "'all', and '%s' besides",
					    list[k]->of[0].name);
	}
	for (unsigned n = 0; n < m->needs.count; n++)
		if (m->id == ID_RS || strcmp(m->needs.of[n].name, "rs") == 0)
			return manifest_bad(s, i, m->needs.of[n].line,
					    "'rs' runs before all others: there is no need");
	return 0;
}

err_t manifest_check_sense(const struct set *s, unsigned i)
{
	err_t err = check_devices(s, i);

	if (err == 0)
		err = check_kernels_own(s, i);
	if (err == 0)
		err = check_rights(s, i);
	if (err == 0)
		err = check_primitives(s, i);
	if (err == 0)
		err = check_linux(s, i);
	return err == 0 ? check_names(s, i) : err;
}
