/* SPDX-License-Identifier: BSD-2-Clause
 * contract_parse.c - one contract file into a struct protocol, line by line.
 *
 * Job:      lines outside calls, and the dispatch of lines inside them.
 * Speaks:   contracts/README.md.
 * Touches:  the file it is given.
 * Trusts:   nothing.
 * On crash: nothing is written yet.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

enum { LINE_SIZE = 1024 };

static const char *const keywords[] = {
	"auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else",
	"enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register",
	"restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef",
	"union", "unsigned", "void", "volatile", "while", "asm", "typeof", "bool", "true", "false",
};

/* Next blank-separated word of a line, or NULL; the line is cut up. */
char *next_word(char **rest)
{
	char *start = *rest + strspn(*rest, " \t");
	char *end = start + strcspn(start, " \t");

	if (*start == '\0')
		return NULL;
	*rest = *end == '\0' ? end : end + 1;
	*end = '\0';
	return start;
}

void take_end(const struct protocol *p, int line, char *rest)
{
	char *word = next_word(&rest);

	if (word != NULL)
		refuse(p->file, line, "unexpected '%s'", word);
}

void take_name(const struct protocol *p, int line, const char *word, char *to)
{
	size_t len = word == NULL ? 0 : strlen(word);

	if (len == 0)
		refuse(p->file, line, "a name is missing");
	if (len >= NAME_SIZE - 8)
		refuse(p->file, line, "name '%s' is too long", word);
	for (size_t i = 0; i < len; i++)
		if (!(islower((unsigned char)word[i]) || (i > 0 && (word[i] == '_' ||
		      isdigit((unsigned char)word[i])))))
			refuse(p->file, line, "'%s' is not a name (a-z, 0-9, _)", word);
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (strcmp(word, keywords[i]) == 0)
			refuse(p->file, line, "'%s' is a word of C", word);
	memcpy(to, word, len + 1);
}

uint64_t take_number(const struct protocol *p, int line, const char *word)
{
	char *end;
	uint64_t value;

	if (word == NULL)
		refuse(p->file, line, "a number is missing");
	errno = 0;
	value = strtoull(word, &end, 0);
	if (errno != 0 || *end != '\0' || !isdigit((unsigned char)word[0]))
		refuse(p->file, line, "'%s' is not a number", word);
	return value;
}

void take_quoted(const struct protocol *p, int line, char **rest, char *to)
{
	char *start = *rest + strspn(*rest, " \t");
	char *end;

	if (*start != '"')
		refuse(p->file, line, "a text in quotes is missing");
	end = strchr(start + 1, '"');
	if (end == NULL)
		refuse(p->file, line, "the text does not end");
	if (end - start > NOTE_SIZE)
		refuse(p->file, line, "the text is longer than %d characters", NOTE_SIZE - 1);
	*end = '\0';
	memcpy(to, start + 1, (size_t)(end - start));
	*rest = end + 1;
}

static void parse_protocol(struct protocol *p, char *rest, int line)
{
	const char *stem = strrchr(p->file, '/');
	const char *kind;
	size_t len;

	if (p->name[0] != '\0')
		refuse(p->file, line, "a second protocol in one file");
	take_name(p, line, next_word(&rest), p->name);
	stem = stem == NULL ? p->file : stem + 1;
	len = strlen(p->name);
	if (strncmp(stem, p->name, len) != 0 || strcmp(stem + len, ".contract") != 0)
		refuse(p->file, line, "protocol '%s' belongs in %s.contract", p->name, p->name);
	strcpy(p->upper, upper(p->name));
	p->base = (unsigned)take_number(p, line, next_word(&rest));
	p->line = line;
	kind = next_word(&rest);
	p->kernel = kind != NULL && strcmp(kind, "kernel") == 0;
	p->shared = kind != NULL && strcmp(kind, "shared") == 0;
	if (kind != NULL && !p->kernel && !p->shared)
		refuse(p->file, line, "unknown kind of protocol '%s'", kind);
	take_end(p, line, rest);
}

static struct call *parse_call(struct protocol *p, char *rest, int line)
{
	struct call *call = &p->call[p->nr_calls];
	const char *word;
	uint64_t number;

	if (p->nr_calls == OPS_MAX)
		refuse(p->file, line, "more than %d calls", OPS_MAX);
	take_name(p, line, next_word(&rest), call->name);
	number = take_number(p, line, next_word(&rest));
	if (number >= OPS_MAX)
		refuse(p->file, line, "number %llu of '%s' is not below %d",
		       (unsigned long long)number, call->name, OPS_MAX);
	call->number = (unsigned)number;
	call->line = line;
	word = next_word(&rest);
	if (word != NULL && strcmp(word, "idempotent") != 0)
		refuse(p->file, line, "unknown property '%s'", word);
	call->idempotent = word != NULL;
	take_end(p, line, rest);
	p->nr_calls++;
	return call;
}

/* `event NAME N "text"` and `const NAME N "text"`; the text may be left out. */
static void parse_documented(const struct protocol *p, struct documented *list, unsigned *count,
			     unsigned max, char *rest, int line)
{
	struct documented *d = &list[*count];

	if (*count == max)
		refuse(p->file, line, "too many");
	take_name(p, line, next_word(&rest), d->name);
	d->value = take_number(p, line, next_word(&rest));
	d->line = line;
	if (rest[strspn(rest, " \t")] != '\0')
		take_quoted(p, line, &rest, d->text);
	take_end(p, line, rest);
	++*count;
}

static void parse_condition(struct protocol *p, struct require *list, unsigned *count, char *rest,
			    int line)
{
	struct require *r = &list[*count];

	if (*count == REQUIRES_MAX)
		refuse(p->file, line, "more than %d conditions of a kind", REQUIRES_MAX);
	rest += strspn(rest, " \t");
	if (strlen(rest) >= EXPR_SIZE / 2)
		refuse(p->file, line, "the condition is too long");
	strcpy(r->text, rest);
	r->line = line;
	++*count;
}

/* A line inside a call; false: not one. */
static bool parse_item(struct protocol *p, struct call *call, const char *word, char *rest,
		       const char *note, int line)
{
	bool known = strcmp(word, "in") == 0 || strcmp(word, "out") == 0 ||
		     strcmp(word, "err") == 0 || strcmp(word, "misuse") == 0 ||
		     strcmp(word, "requires") == 0 || strcmp(word, "ensures") == 0;

	if (!known)
		return false;
	if (call == NULL)
		refuse(p->file, line, "'%s' outside a call", word);
	if (word[0] == 'i' || word[0] == 'o')
		parse_field(p, call, word[0] == 'i', rest, note, line);
	else if (strcmp(word, "err") == 0 || word[0] == 'm')
		parse_err(p, call, word[0] == 'm', rest, line);
	else if (word[0] == 'e')
		parse_condition(p, call->ensure, &call->nr_ensures, rest, line);
	else
		parse_condition(p, call->require, &call->nr_requires, rest, line);
	return true;
}

static void parse_doc(struct protocol *p, struct call *call, char *rest, int line)
{
	char *doc = call == NULL ? p->doc : call->doc;

	if (doc[0] != '\0')
		refuse(p->file, line, "a second doc");
	take_quoted(p, line, &rest, doc);
	take_end(p, line, rest);
}

static struct call *parse_line(struct protocol *p, struct call *call, char *text,
			       const char *note, int line)
{
	const char *word = next_word(&text);

	if (word == NULL)
		return call;
	if (strcmp(word, "protocol") == 0) {
		parse_protocol(p, text, line);
		return NULL;
	}
	if (p->name[0] == '\0')
		refuse(p->file, line, "'%s' before the protocol line", word);
	if (parse_item(p, call, word, text, note, line))
		return call;
	if (strcmp(word, "doc") == 0) {
		parse_doc(p, call, text, line);
		return call;
	}
	if (strcmp(word, "call") == 0)
		return parse_call(p, text, line);
	if (strcmp(word, "event") == 0)
		parse_documented(p, p->event, &p->nr_events, OPS_MAX, text, line);
	else if (strcmp(word, "const") == 0)
		parse_documented(p, p->constant, &p->nr_consts, CONSTS_MAX, text, line);
	else if (strcmp(word, "state") == 0)
		parse_state(p, text, line);
	else
		refuse(p->file, line, "unknown word '%s'", word);
	return NULL;
}

/* Cuts a comment off and returns it. */
static char *split_comment(char *text)
{
	bool quoted = false;

	for (char *c = text; *c != '\0'; c++) {
		if (*c == '"')
			quoted = !quoted;
		if (*c == '#' && !quoted) {
			*c = '\0';
			return c + 1 + strspn(c + 1, " \t");
		}
	}
	return text + strlen(text);
}

void parse_file(const char *path, struct protocol *p)
{
	FILE *f = fopen(path, "r");
	struct call *call = NULL;
	char text[LINE_SIZE];
	int line = 0;

	p->file = path;
	if (f == NULL)
		refuse(path, 0, "%s", strerror(errno));
	while (fgets(text, sizeof(text), f) != NULL) {
		line++;
		if (strchr(text, '\n') == NULL && !feof(f))
			refuse(path, line, "line longer than %d characters", LINE_SIZE - 2);
		text[strcspn(text, "\r\n")] = '\0';
		char *note = split_comment(text);
		call = parse_line(p, call, text, note, line);
	}
	if (ferror(f))
		refuse(path, line, "%s", strerror(errno));
	fclose(f);
	if (p->name[0] == '\0')
		refuse(path, line, "no protocol line");
}
