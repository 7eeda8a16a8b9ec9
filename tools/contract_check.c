/* SPDX-License-Identifier: BSD-2-Clause
 * contract_check.c - what can be wrong with a protocol as a whole, and with several together.
 *
 * Job:      numbers and names unique, bases in their range, states closed, conditions translated.
 * Speaks:   contracts/README.md.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: nothing is written yet.
 */
#include <string.h>

#include "contract.h"

enum { BASE_FIRST = 0x400, BASE_LAST = 0xfc0, KERNEL_BASE = 0x1000, KERNEL_FIRST = 0x10 };

static void check_base(const struct protocol *p)
{
	if (p->kernel && p->base != KERNEL_BASE)
		refuse(p->file, p->line, "kernel calls begin at 0x%x", KERNEL_BASE);
	if (!p->kernel && (p->base % OPS_MAX != 0 || p->base < BASE_FIRST || p->base > BASE_LAST))
		refuse(p->file, p->line, "base 0x%x: a multiple of 0x40 in 0x400..0xfff", p->base);
}

static void check_calls(struct protocol *p)
{
	for (unsigned i = 0; i < p->nr_calls; i++) {
		struct call *c = &p->call[i];

		if (p->kernel && c->number < KERNEL_FIRST)
			refuse(p->file, c->line, "0x%x belongs to the IPC primitives", c->number);
		for (unsigned k = 0; k < i; k++) {
			if (p->call[k].number == c->number)
				refuse(p->file, c->line, "number %u is taken by '%s'", c->number,
				       p->call[k].name);
			if (strcmp(p->call[k].name, c->name) == 0)
				refuse(p->file, c->line, "call '%s' twice", c->name);
		}
		for (unsigned k = 0; k < c->in.count; k++)
			if (strcmp(c->in.field[k].name, c->lend) == 0)
				refuse(p->file, c->in.field[k].line, "field '%s' twice", c->lend);
		for (unsigned k = 0; k < c->nr_requires; k++)
			translate_require(p, c, &c->require[k]);
		if (c->nr_ensures != 0 && p->kernel)
			refuse(p->file, c->ensure[0].line, "nobody checks the kernel's answers");
		for (unsigned k = 0; k < c->nr_ensures; k++)
			translate_ensure(p, c, &c->ensure[k]);
	}
}

static void check_unique(const struct protocol *p, const struct documented *d, unsigned count,
			 bool numbers)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(d[i].name, d[k].name) == 0)
				refuse(p->file, d[i].line, "'%s' twice", d[i].name);
			if (numbers && d[i].value == d[k].value)
				refuse(p->file, d[i].line, "number %llu is taken by '%s'",
				       (unsigned long long)d[i].value, d[k].name);
		}
}

static void check_events(const struct protocol *p)
{
	check_unique(p, p->event, p->nr_events, true);
	check_unique(p, p->constant, p->nr_consts, false);
	for (unsigned i = 0; i < p->nr_events; i++)
		if (p->event[i].value >= OPS_MAX)
			refuse(p->file, p->event[i].line, "an event is a bit, 0..63");
	for (unsigned i = 0; i < p->nr_consts; i++) {
		const struct documented *d = &p->constant[i];

		if (d->value > INT32_MAX)
			refuse(p->file, d->line, "a constant is at most 0x7fffffff");
		for (unsigned k = 0; k < p->nr_calls; k++)
			if (strcmp(p->call[k].name, d->name) == 0)
				refuse(p->file, d->line, "constant '%s' is named as a call",
				       d->name);
	}
}

static void check_step(const struct protocol *p, const struct state *s, unsigned n)
{
	const struct step *step = &s->step[n];
	bool op = false, target = false;

	for (unsigned i = 0; i < p->nr_calls; i++)
		op |= strcmp(p->call[i].name, step->op) == 0;
	for (unsigned i = 0; i < p->nr_states; i++)
		target |= strcmp(p->state[i].name, step->target) == 0;
	if (!op)
		refuse(p->file, step->line, "state '%s': no call '%s'", s->name, step->op);
	if (!target)
		refuse(p->file, step->line, "state '%s': no state '%s'", s->name, step->target);
	for (unsigned i = 0; i < n; i++)
		if (strcmp(s->step[i].op, step->op) == 0)
			refuse(p->file, step->line, "state '%s': '%s' twice", s->name, step->op);
}

static void check_states(const struct protocol *p)
{
	if (p->kernel && p->nr_states > 0)
		refuse(p->file, p->state[0].line, "kernel calls have no states");
	for (unsigned i = 0; i < p->nr_states; i++) {
		for (unsigned k = 0; k < i; k++)
			if (strcmp(p->state[k].name, p->state[i].name) == 0)
				refuse(p->file, p->state[i].line, "state '%s' twice",
				       p->state[i].name);
		for (unsigned k = 0; k < p->state[i].nr_steps; k++)
			check_step(p, &p->state[i], k);
	}
}

void check_protocol(struct protocol *p)
{
	check_base(p);
	check_events(p);
	check_calls(p);
	check_states(p);
	if (p->nr_calls == 0)
		refuse(p->file, p->line, "protocol '%s' has no calls", p->name);
}

void check_together(const struct protocol *p, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(p[i].name, p[k].name) == 0)
				refuse(p[i].file, p[i].line, "protocol '%s' twice", p[i].name);
			if (p[i].base == p[k].base)
				refuse(p[i].file, p[i].line, "base 0x%x is taken by '%s'",
				       p[i].base, p[k].name);
		}
}
