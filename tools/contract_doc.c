/* SPDX-License-Identifier: BSD-2-Clause
 * contract_doc.c - generates docs/NAME.md, the reference page of a protocol.
 *
 * Job:      what the contract says, for people.
 * Speaks:   Markdown.
 * Touches:  outputs in memory.
 * Trusts:   the checks of contract_parse.c and contract_check.c.
 * On crash: nothing is written yet.
 */
#include "contract.h"

static void payload(FILE *f, const char *what, const struct payload *p)
{
	if (p->count == 0)
		return;
	fprintf(f, "\n| %s | type | offset | |\n|---|---|---|---|\n", what);
	for (unsigned i = 0; i < p->count; i++) {
		const struct field *field = &p->field[i];

		fprintf(f, "| `%s` | %s", field->name, field->type->name);
		if (field->count != 0)
			fprintf(f, "[%u]", field->count);
		fprintf(f, " | %u | %s |\n", field->offset, field->note);
	}
}

static void call(FILE *f, const struct protocol *p, const struct call *c)
{
	fprintf(f, "\n## %s\n\nNumber 0x%x%s. %s\n", c->name, p->base + c->number,
		c->idempotent ? ", idempotent" : "", c->doc);
	payload(f, "request", &c->in);
	if (c->lend[0] != '\0')
		fprintf(f, "\nLends `%s`, which the server may %s. %s\n", c->lend,
			c->lend_write ? "write" : "read", c->lend_note);
	for (unsigned i = 0; i < c->nr_requires; i++)
		fprintf(f, "\nRequires `%s`, else EINVAL.\n", c->require[i].text);
	payload(f, "reply", &c->out);
	for (unsigned i = 0; i < c->nr_ensures; i++)
		fprintf(f, "\nEnsures `%s`.\n", c->ensure[i].text);
	if (c->nr_errs != 0)
		fprintf(f, "\n| error | when |\n|---|---|\n");
	for (unsigned i = 0; i < c->nr_errs; i++)
		fprintf(f, "| %s%s | %s |\n", c->err[i].name,
			c->err[i].misuse ? " (misuse)" : "", c->err[i].text);
}

static void list(FILE *f, const char *what, const struct documented *d, unsigned count)
{
	if (count == 0)
		return;
	fprintf(f, "\n## %s\n\n| name | number | |\n|---|---|---|\n", what);
	for (unsigned i = 0; i < count; i++)
		fprintf(f, "| %s | %llu | %s |\n", d[i].name, (unsigned long long)d[i].value,
			d[i].text);
}

void generate_doc(const struct protocol *p)
{
	FILE *f = output("docs/%s.md", p->name);

	fprintf(f, "# %s\n\n%s Generated from `contracts/%s.contract`.\n", p->name, p->doc,
		p->name);
	for (unsigned i = 0; i < p->nr_calls; i++)
		call(f, p, &p->call[i]);
	list(f, "Constants", p->constant, p->nr_consts);
	list(f, "Events", p->event, p->nr_events);
	if (p->nr_states != 0)
		fprintf(f, "\n## States\n\n"
			"A call that no state names is allowed in every state.\n\n"
			"| in state | call | leads to |\n|---|---|---|\n");
	for (unsigned i = 0; i < p->nr_states; i++)
		for (unsigned k = 0; k < p->state[i].nr_steps; k++)
			fprintf(f, "| %s | %s | %s |\n", p->state[i].name,
				p->state[i].step[k].op, p->state[i].step[k].target);
}
