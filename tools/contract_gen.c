/* SPDX-License-Identifier: BSD-2-Clause
 * contract_gen.c - generates NAME.h, NAME_client.c and protocols.c.
 *
 * Job:      numbers, payload structs with their layout asserted, stub prototypes, handler table;
 *           the client stubs; the table of all protocols.
 * Speaks:   lib/peer.h (peer_call) and lib/protocols.h in what it generates.
 * Touches:  outputs in memory.
 * Trusts:   the checks of contract_parse.c and contract_check.c (C1..C4).
 * On crash: nothing is written yet.
 */
#include <string.h>

#include "contract.h"

static void field_line(FILE *f, const struct field *field)
{
	char text[NAME_SIZE * 2 + 32];

	if (field->count != 0)
		snprintf(text, sizeof(text), "%s %s[%u];", field->type->c_name, field->name,
			 field->count);
	else
		snprintf(text, sizeof(text), "%s %s;", field->type->c_name, field->name);
	if (field->note[0] != '\0')
		fprintf(f, "\t%-31s /* %s */\n", text, field->note);
	else
		fprintf(f, "\t%s\n", text);
}

/* One payload struct; none for an empty payload. */
void generate_payload(FILE *f, const struct protocol *p, const struct call *c, bool request)
{
	const struct payload *to = request ? &c->in : &c->out;
	const char *kind = request ? "request" : "reply";
	char name[NAME_SIZE * 3];
	unsigned align = 1;

	if (to->count == 0)
		return;
	snprintf(name, sizeof(name), "%s%s%s_%s", p->kernel ? "" : p->name, p->kernel ? "" : "_",
		 c->name, kind);
	fprintf(f, "struct PAYLOAD %s {\n", name);
	for (unsigned i = 0; i < to->count; i++)
		field_line(f, &to->field[i]);
	fprintf(f, "};\n");
	for (unsigned i = 0; i < to->count; i++) {
		const struct field *field = &to->field[i];

		if (field->type->size > align)
			align = field->type->size;
		fprintf(f, "_Static_assert(offsetof(struct %s, %s) == %u, \"layout\");\n", name,
			field->name, field->offset);
	}
	fprintf(f, "_Static_assert(sizeof(struct %s) == %u, \"layout\");\n\n", name,
		(to->size + align - 1) / align * align);
}

static void documented_enum(FILE *f, const struct protocol *p, const struct documented *d,
			    unsigned count, const char *infix)
{
	if (count == 0)
		return;
	fprintf(f, "enum {\n");
	for (unsigned i = 0; i < count; i++) {
		fprintf(f, "\t%s_%s%s = %llu,", p->upper, infix, upper(d[i].name),
			(unsigned long long)d[i].value);
		fprintf(f, d[i].text[0] != '\0' ? "\t/* %s */\n" : "%s\n", d[i].text);
	}
	fprintf(f, "};\n\n");
}

/* "err_t block_read(struct peer *to, ...)", no semicolon. */
void generate_stub_head(FILE *f, const struct protocol *p, const struct call *c)
{
	fprintf(f, "err_t %s_%s(struct peer *to", p->name, c->name);
	if (c->in.count != 0)
		fprintf(f, ",\n\tconst struct %s_%s_request *req", p->name, c->name);
	if (c->lend[0] != '\0')
		fprintf(f, ",\n\t%svoid *%s, size_t %s_len", c->lend_write ? "" : "const ", c->lend,
			c->lend);
	if (c->out.count != 0)
		fprintf(f, ",\n\tstruct %s_%s_reply *reply", p->name, c->name);
	fputc(')', f);
}

static void call_part(FILE *f, const struct protocol *p, const struct call *c)
{
	fprintf(f, "/* ---- %s.%s%s: %s\n", p->name, c->name,
		c->idempotent ? " (idempotent)" : "", c->doc);
	if (c->lend[0] != '\0')
		fprintf(f, " * lends %s, which the server may %s\n", c->lend,
			c->lend_write ? "write" : "read");
	for (unsigned i = 0; i < c->nr_requires; i++)
		fprintf(f, " * requires %s\n", c->require[i].text);
	for (unsigned i = 0; i < c->nr_ensures; i++)
		fprintf(f, " * ensures %s\n", c->ensure[i].text);
	for (unsigned i = 0; i < c->nr_errs; i++)
		fprintf(f, " * -%s: %s%s\n", c->err[i].name, c->err[i].text,
			c->err[i].misuse ? " (misuse)" : "");
	fprintf(f, " */\n");
	generate_payload(f, p, c, true);
	generate_payload(f, p, c, false);
	if (p->shared)
		return;
	generate_stub_head(f, p, c);
	fprintf(f, " MUST_CHECK;\n\n");
}

static void ops_line(FILE *f, const struct protocol *p, const struct call *c)
{
	fprintf(f, "\terr_t (*%s)(const struct call *c", c->name);
	if (c->in.count != 0)
		fprintf(f, ",\n\t\tconst struct %s_%s_request *req", p->name, c->name);
	if (c->out.count != 0)
		fprintf(f, ",\n\t\tstruct %s_%s_reply *reply", p->name, c->name);
	fprintf(f, ");\n");
}

static void ops_table(FILE *f, const struct protocol *p)
{
	fprintf(f, "/* A server's handlers; one that is left out is answered with -ENOSYS. */\n"
		"struct %s_ops {\n", p->name);
	for (unsigned i = 0; i < p->nr_calls; i++)
		ops_line(f, p, &p->call[i]);
	fprintf(f, "};\n\nextern const struct contract %s_contract;\n", p->name);
}

static void numbers(FILE *f, const struct protocol *p)
{
	fprintf(f, "enum {\n\t%s_BASE = 0x%x,\n", p->upper, p->base);
	for (unsigned i = 0; i < p->nr_calls; i++)
		fprintf(f, "\t%s_%s = 0x%x,\n", p->upper, upper(p->call[i].name),
			p->base + p->call[i].number);
	fprintf(f, "};\n\n");
}

static void states(FILE *f, const struct protocol *p)
{
	if (p->nr_states == 0)
		return;
	fprintf(f, "enum {\n");
	for (unsigned i = 0; i < p->nr_states; i++)
		fprintf(f, "\t%s_STATE_%s = %u,\n", p->upper, upper(p->state[i].name), i);
	fprintf(f, "};\n\n");
}

void generate_header(const struct protocol *p)
{
	FILE *f = output("contract/%s.h", p->name);

	fprintf(f, "/* SPDX-License-Identifier: BSD-2-Clause\n"
		" * %s.h - %s\n * Generated from contracts/%s.contract: do not edit.\n */\n"
		"#ifndef CONTRACT_%s_H\n#define CONTRACT_%s_H\n\n"
		"#include <abi/errors.h>\n#include <abi/message.h>\n\n"
		"struct peer;\nstruct call;\nstruct contract;\n\n"
		"/* A payload is seen through its struct and as words of a message. */\n"
		"#undef PAYLOAD\n#define PAYLOAD __attribute__((may_alias))\n\n",
		p->name, p->doc, p->name, p->upper, p->upper);
	numbers(f, p);
	documented_enum(f, p, p->constant, p->nr_consts, "");
	documented_enum(f, p, p->event, p->nr_events, "EVENT_");
	states(f, p);
	for (unsigned i = 0; i < p->nr_calls; i++)
		call_part(f, p, &p->call[i]);
	ops_table(f, p);
	if (p->shared)
		fprintf(f, "\n/* Does the contract allow this answer to a request of that type? "
			"reply counts if err is\n * 0; lent: bytes that the request lent. */\n"
			"bool %s_answer_fits(uint32_t type, err_t err, const void *request,\n"
			"\tconst void *reply, uint64_t lent);\n"
			"bool %s_is_idempotent(uint32_t type);\n", p->name, p->name);
	fprintf(f, "\n#endif\n");
}

/* Bit n: byte n of the request is padding. The stub clears it, so that nothing leaks. */
static uint64_t padding(const struct payload *in)
{
	uint64_t used = 0;
	unsigned size = (in->size + 7) / 8 * 8;

	for (unsigned i = 0; i < in->count; i++) {
		const struct field *f = &in->field[i];
		unsigned bytes = f->type->size * (f->count == 0 ? 1 : f->count);

		for (unsigned b = 0; b < bytes; b++)
			used |= 1ull << (f->offset + b);
	}
	return size == 0 ? 0 : ((1ull << size) - 1) & ~used;
}

static void client_stub(FILE *f, const struct protocol *p, const struct call *c)
{
	generate_fit(f, p, c);
	generate_stub_head(f, p, c);
	fprintf(f, "\n{\n\tstatic const struct stub stub = {\n\t\t.type = %s_%s,\n"
		"\t\t.fits = fits_%s,\n", p->upper, upper(c->name), c->name);
	if (c->idempotent)
		fprintf(f, "\t\t.idempotent = true,\n");
	if (c->in.count != 0)
		fprintf(f, "\t\t.request_size = sizeof(*req),\n");
	if (c->out.count != 0)
		fprintf(f, "\t\t.reply_size = sizeof(*reply),\n");
	if (padding(&c->in) != 0)
		fprintf(f, "\t\t.padding = 0x%llx,\n", (unsigned long long)padding(&c->in));
	if (c->lend[0] != '\0')
		fprintf(f, "\t\t.lend = CALL_LEND_%s,\n", c->lend_write ? "WRITE" : "READ");
	fprintf(f, "\t};\n\n\treturn peer_call(to, &stub, %s, %s, ",
		c->in.count != 0 ? "req" : "NULL", c->out.count != 0 ? "reply" : "NULL");
	if (c->lend[0] != '\0')
		fprintf(f, "%s, %s_len);\n}\n", c->lend, c->lend);
	else
		fprintf(f, "NULL, 0);\n}\n");
}

void generate_client(const struct protocol *p)
{
	FILE *f = output("contract/%s_client.c", p->name);

	fprintf(f, "/* SPDX-License-Identifier: BSD-2-Clause\n"
		" * %s_client.c - client stubs of the %s protocol.\n"
		" * Generated from contracts/%s.contract: do not edit.\n */\n"
		"#include <string.h>\n\n#include <contract/%s.h>\n#include <lib/peer.h>\n", p->name,
		p->name, p->name, p->name);
	for (unsigned i = 0; i < p->nr_calls; i++) {
		fputc('\n', f);
		client_stub(f, p, &p->call[i]);
	}
}

/* What the image checker must know of all protocols. */
void generate_protocols(const struct protocol *p, unsigned count)
{
	FILE *f = output("contract/protocols.c");

	fprintf(f, "/* SPDX-License-Identifier: BSD-2-Clause\n"
		" * protocols.c - the protocols and their calls.\n"
		" * Generated from contracts/: do not edit.\n */\n"
		"#include <lib/protocols.h>\n\nconst struct protocol protocols[] = {\n");
	for (unsigned i = 0; i < count; i++)
		if (!p[i].kernel)
			fprintf(f, "\t{ .name = \"%s\", .shared = %d, .events = %d },\n",
				p[i].name, p[i].shared, p[i].nr_events != 0);
	fprintf(f, "\t{ .name = NULL },\n};\n\n"
		"const struct protocol_call protocol_calls[] = {\n");
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < p[i].nr_calls && !p[i].kernel && !p[i].shared; k++)
			fprintf(f, "\t{ \"%s\", \"%s_%s\" },\n", p[i].name, p[i].name,
				p[i].call[k].name);
	fprintf(f, "\t{ NULL, NULL },\n};\n");
}
