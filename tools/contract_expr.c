/* SPDX-License-Identifier: BSD-2-Clause
 * contract_expr.c - a `requires` or `ensures` condition into C that cannot overflow or divide by
 *                   zero.
 *
 * Job:      precedence climbing over the C operators; fields and len() become 128-bit values, so
 *           that `first + count <= 12` means what it says for every request.
 * Speaks:   contracts/README.md, "requires" and "ensures".
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: nothing is written yet.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

struct parser {
	const struct protocol *p;
	struct call *call;
	const struct require *r;
	bool answer;                    /* of an answer: its fields come first */
	const char *at;
	int depth;
};

struct text { char s[EXPR_SIZE * 2]; };

enum { LEVELS = 8, DEPTH_MAX = 32 };

/* Longer operators first. */
static const struct operator { const char *text; int level; } operators[] = {
	{ "||", 0 }, { "&&", 1 }, { "==", 3 }, { "!=", 3 }, { "<=", 4 }, { ">=", 4 },
	{ "<<", -1 }, { ">>", -1 }, { "|", 2 }, { "&", 2 }, { "<", 4 }, { ">", 4 },
	{ "+", 5 }, { "-", 5 }, { "*", 6 }, { "/", 7 }, { "%", 7 },
};

static struct text parse_level(struct parser *q, int level);

__attribute__((noreturn)) static void bad(const struct parser *q, const char *what)
{
	refuse(q->p->file, q->r->line, "%s: %s at '%s'", q->answer ? "ensures" : "requires", what,
	       q->at);
}

static void skip(struct parser *q)
{
	q->at += strspn(q->at, " \t");
}

static struct text format(const struct parser *q, const char *a, const char *b, const char *c)
{
	struct text t;

	if (snprintf(t.s, sizeof(t.s), "%s%s%s", a, b, c) >= (int)sizeof(t.s))
		bad(q, "condition too long");
	return t;
}

static void take_word(struct parser *q, char *to)
{
	size_t n = 0;

	while (isalnum((unsigned char)q->at[n]) || q->at[n] == '_')
		n++;
	if (n == 0 || n >= NAME_SIZE)
		bad(q, "a name is missing");
	memcpy(to, q->at, n);
	to[n] = '\0';
	q->at += n;
	skip(q);
}

static struct text parse_len(struct parser *q)
{
	char name[NAME_SIZE];

	q->at++;
	skip(q);
	take_word(q, name);
	if (strcmp(name, q->call->lend) != 0)
		bad(q, "len() of something that is not lent");
	if (*q->at != ')')
		bad(q, "')' is missing");
	q->at++;
	return format(q, q->answer ? "(__int128)lent" : "(__int128)c->lent", "", "");
}

/* False: there is no such field. */
static bool find_field(struct parser *q, const struct payload *of, const char *prefix,
		       const char *name, struct text *t)
{
	for (unsigned i = 0; i < of->count; i++) {
		const struct field *f = &of->field[i];

		if (strcmp(f->name, name) != 0)
			continue;
		if (f->count != 0)
			bad(q, "an array has no value");
		*t = format(q, prefix, name, f->type->kind == KIND_ID ? ".v" : "");
		return true;
	}
	return false;
}

static struct text parse_identifier(struct parser *q)
{
	char name[NAME_SIZE];
	struct text t;

	take_word(q, name);
	if (strcmp(name, "len") == 0 && *q->at == '(')
		return parse_len(q);
	if ((q->answer && find_field(q, &q->call->out, "(__int128)rep->", name, &t)) ||
	    find_field(q, &q->call->in, "(__int128)req->", name, &t))
		return t;
	for (unsigned i = 0; i < q->p->nr_consts; i++)
		if (strcmp(q->p->constant[i].name, name) == 0) {
			t = format(q, "(__int128)", q->p->upper, "_");
			return format(q, t.s, upper(name), "");
		}
	bad(q, "unknown name");
}

static struct text parse_number(struct parser *q)
{
	char *end;
	char text[32];
	unsigned long long value = strtoull(q->at, &end, 0);

	if (isalnum((unsigned char)*end) || *end == '_')
		bad(q, "bad number");
	q->at = end;
	snprintf(text, sizeof(text), "%lluull", value);
	return format(q, "(__int128)", text, "");
}

static struct text parse_primary(struct parser *q)
{
	struct text t;

	if (++q->depth > DEPTH_MAX)
		bad(q, "nested too deep");
	skip(q);
	if (*q->at == '(') {
		q->at++;
		t = parse_level(q, 0);
		if (*q->at != ')')
			bad(q, "')' is missing");
		q->at++;
		t = format(q, "(", t.s, ")");
	} else if ((*q->at == '!' && q->at[1] != '=') || *q->at == '-') {
		const char *op = *q->at++ == '!' ? "!" : "-";

		t = parse_primary(q);
		t = format(q, op, "(", t.s);
		t = format(q, t.s, ")", "");
	} else if (isdigit((unsigned char)*q->at)) {
		t = parse_number(q);
	} else {
		t = parse_identifier(q);
	}
	q->depth--;
	skip(q);
	return t;
}

static const struct operator *peek(const struct parser *q)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (strncmp(q->at, operators[i].text, strlen(operators[i].text)) == 0)
			return &operators[i];
	return NULL;
}

/* Right side of / and %: a number other than 0, so that nothing can divide by zero. */
static struct text parse_divisor(struct parser *q)
{
	skip(q);
	if (!isdigit((unsigned char)*q->at) || strtoull(q->at, NULL, 0) == 0)
		bad(q, "division by something that is not a number above 0");
	return parse_primary(q);
}

static struct text join(struct parser *q, const struct text *l, const char *op,
			const struct text *r)
{
	bool divides = op[0] == '/' || op[0] == '%';
	struct text t = format(q, divides ? "((__int128)((uint64_t)" : "(", l->s, " ");

	t = format(q, t.s, op, divides ? " (uint64_t)" : " ");
	return format(q, t.s, r->s, divides ? "))" : ")");
}

static struct text parse_level(struct parser *q, int level)
{
	const struct operator *op;
	struct text left;

	if (level == LEVELS)
		return parse_primary(q);
	left = parse_level(q, level + 1);
	while ((op = peek(q)) != NULL && op->level == level) {
		struct text right;

		q->at += strlen(op->text);
		right = level == 7 ? parse_divisor(q) : parse_level(q, level + 1);
		left = join(q, &left, op->text, &right);
	}
	return left;
}

/* "field OP number" gives the fuzzer a bound. */
static void note_bound(struct call *call, const char *text)
{
	char name[NAME_SIZE], op[3], rest;
	unsigned long long v;
	char number[32];

	if (sscanf(text, " %31[a-z0-9_] %2[<>=] %31[0-9a-fA-FxX] %c", name, op, number, &rest) != 3)
		return;
	v = strtoull(number, NULL, 0);
	for (unsigned i = 0; i < call->in.count; i++) {
		struct field *f = &call->in.field[i];

		if (strcmp(f->name, name) != 0)
			continue;
		if (op[0] == '<' || op[0] == '=') {
			f->has_max = true;
			f->max = strcmp(op, "<") == 0 && v > 0 ? v - 1 : v;
		}
		if (op[0] == '>' || op[0] == '=') {
			f->has_min = true;
			f->min = strcmp(op, ">") == 0 ? v + 1 : v;
		}
	}
}

static void translate(const struct protocol *p, struct call *call, struct require *r, bool answer)
{
	struct parser q = { .p = p, .call = call, .r = r, .answer = answer, .at = r->text };
	struct text t = parse_level(&q, 0);

	if (*q.at != '\0')
		bad(&q, "unexpected text");
	strcpy(r->c, t.s);
}

void translate_ensure(const struct protocol *p, struct call *call, struct require *r)
{
	translate(p, call, r, true);
}

void translate_require(const struct protocol *p, struct call *call, struct require *r)
{
	char copy[EXPR_SIZE];
	char *part, *save = NULL;

	translate(p, call, r, false);
	strcpy(copy, r->text);
	for (part = strtok_r(copy, "&", &save); part != NULL; part = strtok_r(NULL, "&", &save))
		note_bound(call, part);
}
