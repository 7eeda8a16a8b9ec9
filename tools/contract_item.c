/* SPDX-License-Identifier: BSD-2-Clause
 * contract_item.c - the lines inside a call (fields, lent range, errors), and states.
 *
 * Job:      parses them and lays out the payloads.
 * Speaks:   contracts/README.md.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: nothing is written yet.
 */
#include <string.h>

#include "contract.h"

static const struct type types[] = {
	{ "u8", "uint8_t", 1, KIND_UNSIGNED }, { "u16", "uint16_t", 2, KIND_UNSIGNED },
	{ "u32", "uint32_t", 4, KIND_UNSIGNED }, { "u64", "uint64_t", 8, KIND_UNSIGNED },
	{ "i32", "int32_t", 4, KIND_SIGNED }, { "i64", "int64_t", 8, KIND_SIGNED },
	{ "endpoint", "endpoint_t", 4, KIND_ID }, { "grant", "grant_t", 4, KIND_ID },
	{ "char", "char", 1, KIND_CHAR },
};

static const struct type *find_type(const char *word)
{
	for (size_t i = 0; word != NULL && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, word) == 0)
			return &types[i];
	return NULL;
}

/* `in grant NAME read|write`: the range that travels with the call. True if it was one. */
static bool parse_lend(struct protocol *p, struct call *call, bool in, const char *name,
		       const char *dir, const char *note, int line)
{
	if (dir == NULL)
		return false;
	if (strcmp(dir, "read") != 0 && strcmp(dir, "write") != 0)
		refuse(p->file, line, "unexpected '%s' (read or write)", dir);
	if (!in)
		refuse(p->file, line, "a range can be lent in a request only");
	if (p->kernel)
		refuse(p->file, line, "a kernel call lends nothing");
	if (call->lend[0] != '\0')
		refuse(p->file, line, "a second lent range (one for each call)");
	take_name(p, line, name, call->lend);
	call->lend_write = dir[0] == 'w';
	snprintf(call->lend_note, NOTE_SIZE, "%s", note);
	return true;
}

/* `in endpoint NAME managed|guarded|held...`: the process that the caller must control so. */
static void parse_about(struct protocol *p, struct call *call, bool in, const char *name,
			const char *word, char **rest, int line)
{
	static const char *const how[] = { "managed", "guarded", "held" };

	if (word == NULL)
		return;
	if (!p->kernel || !in)
		refuse(p->file, line, "unexpected '%s'", word);
	if (call->about[0] != '\0')
		refuse(p->file, line, "a second process (one for each call)");
	take_name(p, line, name, call->about);
	for (; word != NULL; word = next_word(rest)) {
		unsigned i = 0;

		while (i < 3 && strcmp(how[i], word) != 0)
			i++;
		if (i == 3)
			refuse(p->file, line, "unexpected '%s' (managed, guarded, held)", word);
		call->about_how |= 1u << i;
	}
	if (call->about_how == ABOUT_HELD)
		refuse(p->file, line, "held by whom? (managed, guarded)");
}

/* Splits "word[8]" and returns 8; 0 if there are no brackets. */
static unsigned take_count(const struct protocol *p, int line, char *name)
{
	char *bracket = strchr(name, '[');
	char *end;
	uint64_t count;

	if (bracket == NULL)
		return 0;
	end = strchr(bracket, ']');
	if (end == NULL || end[1] != '\0')
		refuse(p->file, line, "bad array '%s'", name);
	*bracket = *end = '\0';
	count = take_number(p, line, bracket + 1);
	if (count == 0 || count > PAYLOAD_SIZE)
		refuse(p->file, line, "an array of %llu elements", (unsigned long long)count);
	return (unsigned)count;
}

static void place(struct protocol *p, struct call *call, struct payload *to, struct field *f)
{
	unsigned align = f->type->size;
	unsigned count = f->count == 0 ? 1 : f->count;

	for (unsigned i = 0; i < to->count; i++)
		if (strcmp(to->field[i].name, f->name) == 0)
			refuse(p->file, f->line, "field '%s' twice", f->name);
	f->offset = (to->size + align - 1) / align * align;
	to->size = f->offset + count * f->type->size;
	if (to->size > PAYLOAD_SIZE)
		refuse(p->file, f->line, "'%s' has more than %d bytes of %s", call->name,
		       PAYLOAD_SIZE, to == &call->in ? "request" : "reply");
	to->count++;
}

void parse_field(struct protocol *p, struct call *call, bool in, char *rest, const char *note,
		 int line)
{
	struct payload *to = in ? &call->in : &call->out;
	struct field *f = &to->field[to->count];
	const char *type = next_word(&rest);
	char *name = next_word(&rest);
	char *dir = next_word(&rest);

	if (to->count == FIELDS_MAX)
		refuse(p->file, line, "more than %d fields", FIELDS_MAX);
	f->type = find_type(type);
	if (f->type == NULL)
		refuse(p->file, line, "unknown type '%s'", type == NULL ? "" : type);
	if (name == NULL)
		refuse(p->file, line, "a name is missing");
	if (strcmp(type, "endpoint") == 0)
		parse_about(p, call, in, name, dir, &rest, line);
	else if (strcmp(type, "grant") != 0 && dir != NULL)
		refuse(p->file, line, "unexpected '%s'", dir);
	take_end(p, line, rest);
	if (strcmp(type, "grant") == 0 && parse_lend(p, call, in, name, dir, note, line))
		return;
	f->count = take_count(p, line, name);
	take_name(p, line, name, f->name);
	if (f->type->kind == KIND_CHAR && f->count < 2)
		refuse(p->file, line, "char is for texts: %s[SIZE]", f->name);
	f->line = line;
	snprintf(f->note, NOTE_SIZE, "%s", note);
	place(p, call, to, f);
}

void parse_err(struct protocol *p, struct call *call, bool misuse, char *rest, int line)
{
	struct documented *d = &call->err[call->nr_errs];
	const char *name = next_word(&rest);

	if (call->nr_errs == ERRS_MAX)
		refuse(p->file, line, "more than %d errors", ERRS_MAX);
	if (name == NULL || name[0] != 'E' || strlen(name) >= NAME_SIZE ||
	    name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] != '\0')
		refuse(p->file, line, "'%s' is not an error (E...)", name == NULL ? "" : name);
	if (!p->kernel && strcmp(name, "EDEADPEER") == 0)
		refuse(p->file, line, "EDEADPEER is the kernel's word, for a dead server");
	for (unsigned i = 0; i < call->nr_errs; i++)
		if (strcmp(call->err[i].name, name) == 0)
			refuse(p->file, line, "error %s twice", name);
	if (p->kernel && misuse)
		refuse(p->file, line, "a kernel call's errors are what they are");
	strcpy(d->name, name);
	d->misuse = misuse;
	take_quoted(p, line, &rest, d->text);
	take_end(p, line, rest);
	d->line = line;
	call->nr_errs++;
}

/* "open, read -> ready": one step for each operation. */
static void parse_steps(struct protocol *p, struct state *s, char *text, int line)
{
	char *arrow = strstr(text, "->");
	char *target, *ops;
	char *op;

	if (arrow == NULL)
		refuse(p->file, line, "'op, op -> state' expected");
	*arrow = '\0';
	ops = text;
	text = arrow + 2;
	target = next_word(&text);
	take_end(p, line, text);
	for (char *c = ops; *c != '\0'; c++)
		if (*c == ',')
			*c = ' ';
	while ((op = next_word(&ops)) != NULL) {
		struct step *step = &s->step[s->nr_steps];

		if (s->nr_steps == OPS_MAX)
			refuse(p->file, line, "too many steps");
		take_name(p, line, op, step->op);
		take_name(p, line, target, step->target);
		step->line = line;
		s->nr_steps++;
	}
}

void parse_state(struct protocol *p, char *rest, int line)
{
	struct state *s = &p->state[p->nr_states];
	char *colon = strchr(rest, ':');
	char *name;

	if (p->nr_states == STATES_MAX)
		refuse(p->file, line, "more than %d states", STATES_MAX);
	if (colon == NULL)
		refuse(p->file, line, "'state NAME: op -> state' expected");
	*colon = '\0';
	name = next_word(&rest);
	take_end(p, line, rest);
	take_name(p, line, name, s->name);
	s->line = line;
	p->nr_states++;
	rest = colon + 1;
	while (rest[strspn(rest, " \t")] != '\0') {
		char *end = rest + strcspn(rest, ";");
		char *next = *end == '\0' ? end : end + 1;

		*end = '\0';
		parse_steps(p, s, rest, line);
		rest = next;
	}
}
