/* SPDX-License-Identifier: BSD-2-Clause
 * contract_server.c - generates NAME_server.c and NAME_fuzz.c.
 *
 * Job:      decode, check, monitor and dispatch for the server; the fuzzer's table.
 * Speaks:   lib/server.h and lib/fuzz.h in what it generates.
 * Touches:  outputs in memory.
 * Trusts:   the checks of contract_parse.c and contract_check.c (C1..C4).
 * On crash: nothing is written yet.
 */
#include <string.h>

#include "contract.h"

static void string_checks(FILE *f, const struct call *c)
{
	for (unsigned i = 0; i < c->in.count; i++) {
		const struct field *field = &c->in.field[i];

		if (field->type->kind == KIND_CHAR)
			fprintf(f, "\tif (!text_ends(req->%s, sizeof(req->%s)))\n"
				"\t\treturn -EINVAL;\n", field->name, field->name);
	}
}

static bool uses_request(const struct call *c)
{
	for (unsigned i = 0; i < c->in.count; i++)
		if (c->in.field[i].type->kind == KIND_CHAR)
			return true;
	for (unsigned i = 0; i < c->nr_requires; i++)
		if (strstr(c->require[i].c, "req->") != NULL)
			return true;
	return false;
}

/* Every check that the contract states, before the handler sees the request. */
static void decode(FILE *f, const struct protocol *p, const struct call *c)
{
	fprintf(f, "static err_t decode_%s(const struct call *c, const uint64_t *request)\n{\n",
		c->name);
	if (uses_request(c))
		fprintf(f, "\tconst struct %s_%s_request *req = (const void *)request;\n\n",
			p->name, c->name);
	else
		fprintf(f, "\t(void)request;\n");
	fprintf(f, "\t(void)c;\n");
	string_checks(f, c);
	if (c->lend[0] != '\0')
		fprintf(f, "\tif (!(c->lent_dir & GRANT_%s))\n\t\treturn -EPERM;\n",
			c->lend_write ? "WRITE" : "READ");
	for (unsigned i = 0; i < c->nr_requires; i++)
		fprintf(f, "\tif (!(%s))  /* %s */\n\t\treturn -EINVAL;\n", c->require[i].c,
			c->require[i].text);
	fprintf(f, "\treturn 0;\n}\n\n");
}

static void dispatch_case(FILE *f, const struct protocol *p, const struct call *c)
{
	fprintf(f, "\tcase %s_%s:\n"
		"\t\tif (ops->%s == NULL)\n\t\t\treturn -ENOSYS;\n"
		"\t\terr = decode_%s(c, request);\n\t\tif (err != 0)\n\t\t\treturn err;\n"
		"\t\treturn ops->%s(c%s%s);\n", p->upper, upper(c->name), c->name, c->name,
		c->name, c->in.count != 0 ? ", (const void *)request" : "",
		c->out.count != 0 ? ", (void *)reply" : "");
}

static void dispatch(FILE *f, const struct protocol *p)
{
	fprintf(f, "static err_t dispatch(const void *table, const struct call *c,\n"
		"\tconst uint64_t *request, uint64_t *reply)\n{\n"
		"\tconst struct %s_ops *ops = table;\n\terr_t err;\n\n"
		"\t(void)reply;\n\tswitch (c->type) {\n", p->name);
	for (unsigned i = 0; i < p->nr_calls; i++)
		dispatch_case(f, p, &p->call[i]);
	fprintf(f, "\tdefault:\n\t\treturn -ENOSYS;\n\t}\n}\n\n");
}

/* The checks by themselves. */
static void check(FILE *f, const struct protocol *p)
{
	fprintf(f, "static err_t check_request(const struct call *c, const uint64_t *request)\n{\n"
		"\tswitch (c->type) {\n");
	for (unsigned i = 0; i < p->nr_calls; i++)
		fprintf(f, "\tcase %s_%s:\n\t\treturn decode_%s(c, request);\n", p->upper,
			upper(p->call[i].name), p->call[i].name);
	fprintf(f, "\tdefault:\n\t\treturn -ENOSYS;\n\t}\n}\n\n");
}

static unsigned state_index(const struct protocol *p, const char *name)
{
	for (unsigned i = 0; i < p->nr_states; i++)
		if (strcmp(p->state[i].name, name) == 0)
			return i;
	return STATE_REFUSED;
}

static bool monitored(const struct protocol *p, const struct call *c)
{
	for (unsigned i = 0; i < p->nr_states; i++)
		for (unsigned k = 0; k < p->state[i].nr_steps; k++)
			if (strcmp(p->state[i].step[k].op, c->name) == 0)
				return true;
	return false;
}

static unsigned next_state(const struct protocol *p, unsigned from, const struct call *c)
{
	const struct state *s = &p->state[from];

	if (!monitored(p, c))
		return from;
	for (unsigned i = 0; i < s->nr_steps; i++)
		if (strcmp(s->step[i].op, c->name) == 0)
			return state_index(p, s->step[i].target);
	return STATE_REFUSED;
}

/* next_state[state][op]; a call that no state names is allowed in every state. */
static void monitor(FILE *f, const struct protocol *p)
{
	if (p->nr_states == 0)
		return;
	fprintf(f, "static const uint8_t next_state[%u][CONTRACT_OPS] = {\n", p->nr_states);
	for (unsigned i = 0; i < p->nr_states; i++) {
		fprintf(f, "\t[%s_STATE_%s] = {\n", p->upper, upper(p->state[i].name));
		for (unsigned k = 0; k < p->nr_calls; k++)
			fprintf(f, "\t\t[%u] = %u,\t/* %s */\n", p->call[k].number,
				next_state(p, i, &p->call[k]), p->call[k].name);
		fprintf(f, "\t},\n");
	}
	fprintf(f, "};\n\n");
}

static void names(FILE *f, const struct protocol *p)
{
	fprintf(f, "static const char *const op_name[CONTRACT_OPS] = {\n");
	for (unsigned i = 0; i < p->nr_calls; i++)
		fprintf(f, "\t[%u] = \"%s.%s\",\n", p->call[i].number, p->name, p->call[i].name);
	fprintf(f, "};\n\n");
}

/* An error that a contract names must exist: the server's compilation checks it. */
static void error_checks(FILE *f, const struct protocol *p)
{
	for (unsigned i = 0; i < p->nr_calls; i++)
		for (unsigned k = 0; k < p->call[i].nr_errs; k++)
			fprintf(f, "_Static_assert(%s > 0, \"%s:%d\");\n", p->call[i].err[k].name,
				p->file, p->call[i].err[k].line);
	fputc('\n', f);
}

void generate_server(const struct protocol *p)
{
	FILE *f = output("contract/%s_server.c", p->name);

	fprintf(f, "/* SPDX-License-Identifier: BSD-2-Clause\n"
		" * %s_server.c - decode, check, monitor and dispatch of the %s protocol.\n"
		" * Generated from contracts/%s.contract: do not edit.\n */\n"
		"#include <contract/%s.h>\n#include <lib/server.h>\n\n", p->name, p->name, p->name,
		p->name);
	error_checks(f, p);
	for (unsigned i = 0; i < p->nr_calls; i++)
		decode(f, p, &p->call[i]);
	dispatch(f, p);
	check(f, p);
	monitor(f, p);
	names(f, p);
	fprintf(f, "const struct contract %s_contract = {\n"
		"\t.name = \"%s\", .base = %s_BASE, .dispatch = dispatch, .op_name = op_name,\n"
		"\t.check = check_request,\n",
		p->name, p->name, p->upper);
	if (p->nr_states != 0)
		fprintf(f, "\t.next_state = next_state, .nr_states = %u,\n", p->nr_states);
	fprintf(f, "};\n");
}

static uint64_t type_max(const struct field *f)
{
	return f->type->size == 8 ? UINT64_MAX : (1ull << (8 * f->type->size)) - 1;
}

static void fuzz_fields(FILE *f, const struct call *c)
{
	if (c->in.count == 0)
		return;
	fprintf(f, "static const struct fuzz_field fields_%s[] = {\n", c->name);
	for (unsigned i = 0; i < c->in.count; i++) {
		const struct field *field = &c->in.field[i];

		fprintf(f, "\t{ \"%s\", %u, %u, %u, %d, %lluull, %lluull },\n", field->name,
			field->offset, field->type->size, field->count == 0 ? 1 : field->count,
			field->type->kind == KIND_CHAR,
			(unsigned long long)(field->has_min ? field->min : 0),
			(unsigned long long)(field->has_max ? field->max : type_max(field)));
	}
	fprintf(f, "};\n\n");
}

void generate_fuzz(const struct protocol *p)
{
	FILE *f = output("contract/%s_fuzz.c", p->name);

	fprintf(f, "/* SPDX-License-Identifier: BSD-2-Clause\n"
		" * %s_fuzz.c - what a fuzzer must know of the %s protocol.\n"
		" * Generated from contracts/%s.contract: do not edit.\n */\n"
		"#include <contract/%s.h>\n#include <lib/fuzz.h>\n\n", p->name, p->name, p->name,
		p->name);
	for (unsigned i = 0; i < p->nr_calls; i++)
		fuzz_fields(f, &p->call[i]);
	fprintf(f, "extern const struct fuzz_call %s_fuzz[];\n"
		"extern const unsigned %s_fuzz_count;\n"
		"const struct fuzz_call %s_fuzz[] = {\n", p->name, p->name, p->name);
	for (unsigned i = 0; i < p->nr_calls; i++) {
		const struct call *c = &p->call[i];

		fprintf(f, "\t{ .name = \"%s\", .type = %s_%s, .idempotent = %d,\n", c->name,
			p->upper, upper(c->name), c->idempotent);
		if (c->in.count != 0)
			fprintf(f, "\t  .field = fields_%s, .nr_fields = %u,\n", c->name,
				c->in.count);
		fprintf(f, "\t  .lend = %s },\n", c->lend[0] == '\0' ? "0" :
			c->lend_write ? "CALL_LEND_WRITE" : "CALL_LEND_READ");
	}
	fprintf(f, "};\nconst unsigned %s_fuzz_count = %u;\n", p->name, p->nr_calls);
}
