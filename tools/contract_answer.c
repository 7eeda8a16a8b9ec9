/* SPDX-License-Identifier: BSD-2-Clause
 * contract_answer.c - generates which answers a protocol allows: NAME_answer.c of a shared one,
 *                     a function beside each stub of one in messages.
 *
 * Job:      what the asker checks in each answer: is its error one that the call lists, and that
 *           is not misuse; does its reply fulfil what the call ensures?
 * Speaks:   C.
 * Touches:  outputs in memory.
 * Trusts:   the checks of contract_parse.c and contract_check.c (C1..C4).
 * On crash: nothing is written yet.
 */
#include <string.h>

#include "contract.h"

static bool mentions(const struct call *c, const char *what)
{
	for (unsigned i = 0; i < c->nr_ensures; i++)
		if (strstr(c->ensure[i].c, what) != NULL)
			return true;
	return false;
}

static bool is_text(const struct field *f)
{
	return f->type->kind == KIND_CHAR;
}

static unsigned texts(const struct call *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->out.count; i++)
		n += is_text(&c->out.field[i]);
	return n;
}

static bool ensures_something(const struct call *c)
{
	return c->nr_ensures + texts(c) != 0;
}

/* What the call ensures; and its texts end. */
static void ensured(FILE *f, const struct protocol *p, const struct call *c)
{
	const char *and = "";

	if (!ensures_something(c))
		return;
	fprintf(f, "static bool ensured_%s(const void *request, const void *reply, uint64_t lent)\n"
		"{\n", c->name);
	if (mentions(c, "req->"))
		fprintf(f, "\tconst struct %s_%s_request *req = request;\n", p->name, c->name);
	if (mentions(c, "rep->") || texts(c) != 0)
		fprintf(f, "\tconst struct %s_%s_reply *rep = reply;\n", p->name, c->name);
	fprintf(f, "\n\t(void)request;\n\t(void)reply;\n\t(void)lent;\n\treturn ");
	for (unsigned i = 0; i < c->nr_ensures; i++, and = " &&\n\t\t")
		fprintf(f, "%s(%s)", and, c->ensure[i].c);
	for (unsigned i = 0; i < c->out.count; i++) {
		const char *name = c->out.field[i].name;

		if (!is_text(&c->out.field[i]))
			continue;
		fprintf(f, "%smemchr(rep->%s, 0, sizeof(rep->%s)) != NULL", and, name, name);
		and = " &&\n\t\t";
	}
	fprintf(f, ";\n}\n\n");
}

/* An answer without an error is as ensured; one with an error has one that is not misuse. */
static void allowed(FILE *f, const struct call *c)
{
	bool first = ensures_something(c);

	if (first)
		fprintf(f, "err == 0 ? ensured_%s(request, reply, lent) : ", c->name);
	else
		fprintf(f, "err == 0");
	for (unsigned i = 0; i < c->nr_errs; i++) {
		if (c->err[i].misuse)
			continue;
		fprintf(f, "%serr == -%s", first ? "" : " ||\n\t\t\t", c->err[i].name);
		first = false;
	}
	fprintf(f, first ? "false;\n" : ";\n");
}

/* Of a protocol in messages: what the call's stub looks at. */
void generate_fit(FILE *f, const struct protocol *p, const struct call *c)
{
	ensured(f, p, c);
	fprintf(f, "static bool fits_%s(err_t err, const void *request, const void *reply,\n"
		"\tuint64_t lent)\n{\n\t(void)request;\n\t(void)reply;\n\t(void)lent;\n"
		"\treturn ", c->name);
	allowed(f, c);
	fprintf(f, "}\n\n");
}

static void fits_case(FILE *f, const struct protocol *p, const struct call *c)
{
	fprintf(f, "\tcase %s_%s:\n\t\treturn ", p->upper, upper(c->name));
	allowed(f, c);
}

static void idempotent(FILE *f, const struct protocol *p)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < p->nr_calls; i++)
		if (p->call[i].idempotent)
			bits |= 1ull << p->call[i].number;
	fprintf(f, "bool %s_is_idempotent(uint32_t type)\n{\n"
		"\treturn type - %s_BASE < %d && 0x%llxull >> (type - %s_BASE) & 1;\n}\n", p->name,
		p->upper, OPS_MAX, (unsigned long long)bits, p->upper);
}

void generate_answers(const struct protocol *p)
{
	FILE *f = output("contract/%s_answer.c", p->name);

	fprintf(f, "/* SPDX-License-Identifier: BSD-2-Clause\n"
		" * %s_answer.c - which answers the %s protocol allows.\n"
		" * Generated from contracts/%s.contract: do not edit.\n */\n"
		"#include <string.h>\n\n#include <contract/%s.h>\n\n", p->name, p->name, p->name,
		p->name);
	for (unsigned i = 0; i < p->nr_calls; i++)
		ensured(f, p, &p->call[i]);
	fprintf(f, "bool %s_answer_fits(uint32_t type, err_t err, const void *request,\n"
		"\tconst void *reply, uint64_t lent)\n{\n"
		"\t(void)request;\n\t(void)reply;\n\t(void)lent;\n\tswitch (type) {\n", p->name);
	for (unsigned i = 0; i < p->nr_calls; i++)
		fits_case(f, p, &p->call[i]);
	fprintf(f, "\tdefault:\n\t\treturn false;\n\t}\n}\n\n");
	idempotent(f, p);
}
