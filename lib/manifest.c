/* SPDX-License-Identifier: BSD-2-Clause
 * manifest.c - a manifest's text into struct manifest.
 *
 * Job:      lines, words, defaults, what must be there.
 * Speaks:   the format of docs/notes/0004-services.md.
 * Touches:  what it is given.
 * Trusts:   nothing in the text.
 * On crash: holds no state.
 */
#include <string.h>

#include <abi/message.h>
#include <lib/manifest.h>
#include <lib/print.h>

enum { LINE_SIZE = 256, DEFAULT_STACK = 16 * 1024, DEFAULT_PRIORITY = 4, DEFAULT_QUANTUM = 5 };

static const char *const words[NR_WORDS] = {
	[WORD_SERVICE] = "service", [WORD_ID] = "id", [WORD_RANK] = "rank",
	[WORD_PROGRAM] = "program", [WORD_ARGS] = "args", [WORD_USER] = "user",
	[WORD_SERVES] = "serves", [WORD_TALKS] = "talks", [WORD_NOTIFIES] = "notifies",
	[WORD_PRIMITIVES] = "primitives", [WORD_CALLS] = "calls", [WORD_POSIX] = "posix",
	[WORD_USES] = "uses", [WORD_RIGHTS] = "rights", [WORD_PORTS] = "ports",
	[WORD_LINES] = "lines", [WORD_MMIO] = "mmio", [WORD_PCI] = "pci",
	[WORD_MEMORY] = "memory", [WORD_STACK] = "stack", [WORD_PRIORITY] = "priority",
	[WORD_QUANTUM] = "quantum", [WORD_HEARTBEAT] = "heartbeat", [WORD_RESTART] = "restart",
	[WORD_COPY] = "copy", [WORD_NEEDS] = "needs", [WORD_ANSWERS] = "answers",
	[WORD_ARCHIVE] = "archive", [WORD_FRAMEBUFFER] = "framebuffer",
	[WORD_SCRIPT] = "script", [WORD_COMPLAINS] = "complains",
	[WORD_INJECTS] = "injects",
};

/* May be given again, to continue. */
static const uint64_t lists =
	BIT(WORD_SERVES) | BIT(WORD_TALKS) | BIT(WORD_NOTIFIES) | BIT(WORD_PRIMITIVES) |
	BIT(WORD_CALLS) | BIT(WORD_POSIX) | BIT(WORD_USES) | BIT(WORD_RIGHTS) | BIT(WORD_PORTS) |
	BIT(WORD_LINES) | BIT(WORD_MMIO) | BIT(WORD_PCI) | BIT(WORD_NEEDS) | BIT(WORD_ANSWERS) |
	BIT(WORD_ARGS) | BIT(WORD_COMPLAINS) | BIT(WORD_INJECTS);

static const enum manifest_word required[] = {
	WORD_SERVICE, WORD_ID, WORD_RANK, WORD_MEMORY,
};

const char *manifest_word_name(unsigned word)
{
	return word < NR_WORDS ? words[word] : "?";
}

err_t manifest_refuse(const struct manifest_reader *r, const char *text, ...)
{
	va_list ap;

	r->e->line = r->line;
	va_start(ap, text);
	format_list(r->e->text, sizeof(r->e->text), text, ap);
	va_end(ap);
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

char *manifest_next(struct manifest_reader *r)
{
	char *start = r->rest;
	char *end;

	while (is_blank(*start))
		start++;
	if (*start == '\0')
		return NULL;
	for (end = start; *end != '\0' && !is_blank(*end); end++)
		;
	r->rest = *end == '\0' ? end : end + 1;
	*end = '\0';
	return start;
}

static err_t read_line(struct manifest_reader *r)
{
	const char *word = manifest_next(r);
	const char *extra;
	unsigned n = 0;
	err_t err;

	if (word == NULL)
		return 0;
	while (n < NR_WORDS && strcmp(words[n], word) != 0)
		n++;
	if (n == NR_WORDS)
		return manifest_refuse(r, "unknown word '%s'", word);
	if (r->m->line[n] != 0 && !(lists & BIT(n)))
		return manifest_refuse(r, "'%s' twice, first in line %u", word, r->m->line[n]);
	if (r->m->line[n] == 0)
		r->m->line[n] = (uint16_t)r->line;
	r->word = (enum manifest_word)n;
	err = manifest_value(r);
	if (err != 0)
		return err;
	extra = manifest_next(r);
	return extra != NULL ? manifest_refuse(r, "unexpected '%s'", extra) : 0;
}

static err_t read_lines(struct manifest_reader *r, const char *text, size_t len)
{
	char line[LINE_SIZE];
	size_t used = 0;
	bool comment = false;
	err_t err;

	for (size_t i = 0; i <= len; i++) {
		char c = i < len ? text[i] : '\n';

		if (c == '\n') {
			line[used] = '\0';
			r->rest = line;
			err = read_line(r);
			if (err != 0)
				return err;
			used = 0;
			comment = false;
			if (r->line++ == UINT16_MAX)
				return manifest_refuse(r, "too many lines");
			continue;
		}
		comment |= c == '#';
		if (comment)
			continue;
		if (((unsigned char)c < ' ' && !is_blank(c)) || (unsigned char)c >= 0x7f)
			return manifest_refuse(r, "not plain text");
		if (used == sizeof(line) - 1)
			return manifest_refuse(r, "line too long");
		line[used++] = c;
	}
	return 0;
}

static void defaults(struct manifest *m)
{
	*m = (struct manifest){
		.primitives = BIT(IPC_SENDREC - IPC_SENDREC) | BIT(IPC_RECEIVE - IPC_SENDREC) |
			      BIT(IPC_REPLY - IPC_SENDREC) | BIT(IPC_REPLYRECEIVE - IPC_SENDREC) |
			      BIT(IPC_NOTIFY - IPC_SENDREC),
		.stack = DEFAULT_STACK,
		.priority = DEFAULT_PRIORITY,
		.quantum = DEFAULT_QUANTUM,
		.restart = RESTART_BACKOFF,
	};
}

err_t manifest_parse(const char *text, size_t len, struct manifest *m, struct manifest_error *e)
{
	struct manifest_reader r = { .m = m, .e = e, .line = 1 };
	err_t err;

	*e = (struct manifest_error){ .line = 0 };
	defaults(m);
	err = read_lines(&r, text, len);
	if (err != 0)
		return err;
	r.line = 1;
	for (size_t i = 0; i < COUNT(required); i++)
		if (m->line[required[i]] == 0)
			return manifest_refuse(&r, "'%s' is missing", words[required[i]]);
	if (m->program[0] == '\0')
		memcpy(m->program, m->name, sizeof(m->name));
	return 0;
}
