/* SPDX-License-Identifier: BSD-2-Clause
 * manifest_value.c - the values that follow a manifest's words.
 *
 * Job:      one small reader for each kind of value.
 * Speaks:   the format of docs/notes/0004-services.md.
 * Touches:  the struct manifest being filled.
 * Trusts:   nothing in the text.
 * On crash: holds no state.
 */
#include <string.h>

#include <contract/kernel.h>
#include <lib/manifest.h>

struct word_bit { const char *word; uint32_t bit; };

static const struct word_bit primitives[] = {
	{ "sendrec", BIT(0) }, { "receive", BIT(1) }, { "reply", BIT(2) },
	{ "replyreceive", BIT(3) }, { "forward", BIT(4) }, { "sendnb", BIT(5) },
	{ "notify", BIT(6) }, { NULL, 0 },
};
static const struct word_bit rights[] = {
	{ "manage-services", RIGHT_MANAGE_SERVICES }, { "manage-programs", RIGHT_MANAGE_PROGRAMS },
	{ "forward", RIGHT_FORWARD }, { "schedule", RIGHT_SCHEDULE }, { NULL, 0 },
};
static const struct word_bit answers[] = {
	{ "faults", ANSWERS_FAULTS }, { "exceptions", ANSWERS_EXCEPTIONS }, { NULL, 0 },
};
static const struct word_bit restarts[] = {
	{ "backoff", RESTART_BACKOFF }, { "never", RESTART_NEVER },
	{ "recover", RESTART_RECOVER }, { NULL, 0 },
};
static const struct word_bit yes_no[] = { { "yes", 1 }, { "no", 0 }, { NULL, 0 } };
static const struct word_bit line_flags[] = {
	{ "level", LINE_LEVEL }, { "low", LINE_LOW }, { NULL, 0 },
};

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* base 10 or 16; 0x is always understood. */
err_t manifest_number(struct manifest_reader *r, const char *word, unsigned base, uint64_t min,
		      uint64_t max, uint64_t *value)
{
	const char *at = word;
	uint64_t n = 0;

	if (word == NULL)
		return manifest_refuse(r, "a number is missing");
	if (at[0] == '0' && at[1] == 'x') {
		base = 16;
		at += 2;
	}
	if (*at == '\0')
		return manifest_refuse(r, "'%s' is not a number", word);
	for (; *at != '\0'; at++) {
		if ((unsigned)digit(*at) >= base || n > (UINT64_MAX - 15) / base)
			return manifest_refuse(r, "'%s' is not a number", word);
		n = n * base + (unsigned)digit(*at);
	}
	if (n < min || n > max)
		return manifest_refuse(r, "'%s' is not within %lu..%lu", word, min, max);
	*value = n;
	return 0;
}

static err_t take_name(struct manifest_reader *r, char *word, char *to, size_t size)
{
	if (word == NULL)
		return manifest_refuse(r, "a name is missing");
	if (strlen(word) >= size)
		return manifest_refuse(r, "'%s' is longer than %lu", word, size - 1);
	for (const char *c = word; *c != '\0'; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' ||
		      *c == '_' || *c == '/' || *c == '.'))
			return manifest_refuse(r, "'%s' is not a name", word);
	memcpy(to, word, strlen(word) + 1);
	return 0;
}

static err_t take_list(struct manifest_reader *r, struct manifest_list *list, const char *special,
		       bool *found)
{
	char *word = manifest_next(r);
	err_t err = word == NULL ? manifest_refuse(r, "a name is missing") : 0;

	for (; word != NULL && err == 0; word = manifest_next(r)) {
		struct manifest_name *n = &list->of[list->count];

		if (special != NULL && strcmp(word, special) == 0) {
			*found = true;
			continue;
		}
		if (list->count == MANIFEST_LIST)
			return manifest_refuse(r, "more than %d names", MANIFEST_LIST);
		for (unsigned i = 0; i < list->count; i++)
			if (strcmp(list->of[i].name, word) == 0)
				return manifest_refuse(r, "'%s' twice", word);
		err = take_name(r, word, n->name, sizeof(n->name));
		n->line = (uint16_t)r->line;
		list->count++;
	}
	return err;
}

static const struct word_bit *find_bit(const struct word_bit *table, const char *word)
{
	while (table->word != NULL && strcmp(table->word, word) != 0)
		table++;
	return table->word == NULL ? NULL : table;
}

/* One word of a table. */
static err_t take_choice(struct manifest_reader *r, const struct word_bit *table, uint32_t *value)
{
	const char *word = manifest_next(r);
	const struct word_bit *b = word == NULL ? NULL : find_bit(table, word);

	if (b == NULL)
		return manifest_refuse(r, "unknown value '%s'", word == NULL ? "" : word);
	*value = b->bit;
	return 0;
}

/* Any number of words of a table. */
static err_t take_bits(struct manifest_reader *r, const struct word_bit *table, uint32_t *bits)
{
	const char *word = manifest_next(r);

	if (word == NULL)
		return manifest_refuse(r, "a value is missing");
	for (; word != NULL; word = manifest_next(r)) {
		const struct word_bit *b = find_bit(table, word);

		if (b == NULL)
			return manifest_refuse(r, "unknown value '%s'", word);
		*bits |= b->bit;
	}
	return 0;
}

static err_t take_calls(struct manifest_reader *r)
{
	const char *word = manifest_next(r);

	if (word == NULL)
		return manifest_refuse(r, "a kernel call is missing");
	for (; word != NULL; word = manifest_next(r)) {
		unsigned n = 0;

		while (n < NR_KERNEL_CALLS && (kernel_call_name[n] == NULL ||
					       strcmp(kernel_call_name[n], word) != 0))
			n++;
		if (n == NR_KERNEL_CALLS)
			return manifest_refuse(r, "no kernel call '%s'", word);
		r->m->calls |= BIT(n);
	}
	return 0;
}

static err_t take_linux(struct manifest_reader *r, uint64_t *bits)
{
	const char *word = manifest_next(r);

	if (word == NULL)
		return manifest_refuse(r, "a Linux call is missing");
	for (; word != NULL; word = manifest_next(r)) {
		int known = linux_call_number(word);
		uint64_t n = (uint64_t)known;
		err_t err;

		if (known < 0) {
			if (digit(word[0]) > 9)
				return manifest_refuse(r, "no Linux call '%s'", word);
			err = manifest_number(r, word, 10, 0, NR_LINUX - 1, &n);
			if (err != 0)
				return err;
		}
		bits[n / 64] |= BIT(n % 64);
	}
	return 0;
}

/* "4096", "16K", "2M": bytes. */
static err_t take_size(struct manifest_reader *r, uint64_t *value)
{
	char *word = manifest_next(r);
	size_t len = word == NULL ? 0 : strlen(word);
	unsigned shift = 0;
	err_t err;

	if (len > 1 && (word[len - 1] == 'K' || word[len - 1] == 'M')) {
		shift = word[len - 1] == 'K' ? 10 : 20;
		word[len - 1] = '\0';
	}
	err = manifest_number(r, word, 10, 1, BIT(32) >> shift, value);
	*value = (*value << shift) + PAGE_SIZE - 1;
	*value -= *value % PAGE_SIZE;
	return err;
}

/* Cuts "a<c>b" in two; NULL: there is no c. */
static char *split(char *word, char c)
{
	char *at = word == NULL ? NULL : strchr(word, c);

	if (at == NULL)
		return NULL;
	*at = '\0';
	return at + 1;
}

static err_t take_port(struct manifest_reader *r, char *word)
{
	struct range16 *range = &r->m->ports[r->m->nr_ports];
	char *last = split(word, '-');
	uint64_t a, b;
	err_t err = manifest_number(r, word, 16, 0, UINT16_MAX, &a);

	b = a;
	if (err == 0 && last != NULL)
		err = manifest_number(r, last, 16, 0, UINT16_MAX, &b);
	if (err != 0)
		return err;
	if (r->m->nr_ports == PRIV_PORTS)
		return manifest_refuse(r, "more than %d port ranges", PRIV_PORTS);
	if (a > b)
		return manifest_refuse(r, "a range that ends before it begins");
	for (unsigned i = 0; i < r->m->nr_ports; i++)
		if (r->m->ports[i].first <= b && a <= r->m->ports[i].last)
			return manifest_refuse(r, "ports 0x%lx-0x%lx twice", a, b);
	r->m->ports_at[r->m->nr_ports] = (uint16_t)r->line;
	*range = (struct range16){ (uint16_t)a, (uint16_t)b };
	r->m->nr_ports++;
	return 0;
}

static err_t take_line(struct manifest_reader *r, char *word)
{
	struct manifest_line *line = &r->m->lines[r->m->nr_lines];
	bool msi = strncmp(word, "msi:", 4) == 0;
	char *flags = split(word, '/');
	uint64_t n;
	err_t err = manifest_number(r, msi ? word + 4 : word, 10, 0,
				    (uint64_t)(msi ? NR_MSI : NR_LINES) - 1, &n);

	if (err != 0)
		return err;
	if (r->m->nr_lines == PRIV_LINES)
		return manifest_refuse(r, "more than %d lines", PRIV_LINES);
	*line = (struct manifest_line){
		.line = (uint32_t)n + (msi ? (uint32_t)LINE_MSI : 0), .at = (uint16_t)r->line,
	};
	for (unsigned i = 0; i < r->m->nr_lines; i++)
		if (r->m->lines[i].line == line->line)
			return manifest_refuse(r, "line %s%lu twice", msi ? "msi:" : "", n);
	while (flags != NULL) {
		char *next = split(flags, '/');
		const struct word_bit *b = find_bit(line_flags, flags);

		if (b == NULL || msi)
			return manifest_refuse(r, "unknown property '%s' of a line", flags);
		line->flags |= b->bit;
		flags = next;
	}
	r->m->nr_lines++;
	return 0;
}

static bool mmio_meets(const struct pfn_range *range, uint64_t base, uint64_t len)
{
	uint64_t first = (uint64_t)range->first << PAGE_SHIFT;

	return first < base + len && base < first + ((uint64_t)range->count << PAGE_SHIFT);
}

static err_t take_mmio(struct manifest_reader *r, char *word)
{
	struct pfn_range *range = &r->m->mmio[r->m->nr_mmio];
	char *size = split(word, '+');
	uint64_t base, len;
	err_t err;

	if (size == NULL)
		return manifest_refuse(r, "BASE+SIZE expected");
	err = manifest_number(r, word, 16, 0, BIT(44) - 1, &base);
	if (err == 0)
		err = manifest_number(r, size, 16, 1, BIT(40), &len);
	if (err != 0)
		return err;
	if (base % PAGE_SIZE != 0 || len % PAGE_SIZE != 0)
		return manifest_refuse(r, "device memory is not page aligned");
	if (base + len > BIT(44))
		return manifest_refuse(r, "device memory beyond the end of all memory");
	if (r->m->nr_mmio == PRIV_MMIO)
		return manifest_refuse(r, "more than %d ranges of device memory", PRIV_MMIO);
	for (unsigned i = 0; i < r->m->nr_mmio; i++)
		if (mmio_meets(&r->m->mmio[i], base, len))
			return manifest_refuse(r, "device memory at 0x%lx twice", base);
	r->m->mmio_at[r->m->nr_mmio] = (uint16_t)r->line;
	range->first = (uint32_t)(base >> PAGE_SHIFT);
	range->count = (uint32_t)(len >> PAGE_SHIFT);
	r->m->nr_mmio++;
	return 0;
}

static err_t take_pci(struct manifest_reader *r, char *word)
{
	char *device = split(word, ':');
	uint64_t a, b;
	err_t err;

	if (device == NULL)
		return manifest_refuse(r, "VENDOR:DEVICE expected");
	err = manifest_number(r, word, 16, 0, UINT16_MAX, &a);
	if (err == 0)
		err = manifest_number(r, device, 16, 0, UINT16_MAX, &b);
	if (err != 0)
		return err;
	if (r->m->nr_pci == MANIFEST_PCI)
		return manifest_refuse(r, "more than %d PCI ids", MANIFEST_PCI);
	for (unsigned i = 0; i < r->m->nr_pci; i++)
		if (r->m->pci[i].vendor == a && r->m->pci[i].device == b)
			return manifest_refuse(r, "PCI function %lx:%lx twice", a, b);
	r->m->pci[r->m->nr_pci++] = (struct manifest_pci){
		(uint16_t)a, (uint16_t)b, (uint16_t)r->line,
	};
	return 0;
}

static err_t take_each(struct manifest_reader *r,
		       err_t (*take)(struct manifest_reader *r, char *word))
{
	char *word = manifest_next(r);
	err_t err = word == NULL ? manifest_refuse(r, "a value is missing") : 0;

	for (; word != NULL && err == 0; word = manifest_next(r))
		err = take(r, word);
	return err;
}

static err_t take_args(struct manifest_reader *r)
{
	size_t used = 0;

	while (r->m->args[used] != '\0')
		used += strlen(r->m->args + used) + 1;
	for (char *word = manifest_next(r); word != NULL; word = manifest_next(r)) {
		size_t len = strlen(word) + 1;

		if (used + len + 1 > sizeof(r->m->args))
			return manifest_refuse(r, "arguments are longer than %d",
					       MANIFEST_ARGS - 2);
		memcpy(r->m->args + used, word, len);
		used += len;
	}
	return 0;
}

/* A file of one folder, and what it is given besides. */
static err_t take_script(struct manifest_reader *r)
{
	const char *word = manifest_next(r);

	if (word == NULL)
		return manifest_refuse(r, "a name is missing");
	if (word[0] == '.' || strchr(word, '/') != NULL)
		return manifest_refuse(r, "'%s' is not a file of the folder of scripts", word);
	for (size_t used = 0; word != NULL; word = manifest_next(r)) {
		size_t len = strlen(word), gap = used != 0;

		if (used + gap + len >= sizeof(r->m->script))
			return manifest_refuse(r, "a script with arguments is longer than %d",
					       MANIFEST_SCRIPT - 1);
		memcpy(r->m->script + used, " ", gap);
		memcpy(r->m->script + used + gap, word, len);
		used += gap + len;
	}
	return 0;
}

static err_t take_two(struct manifest_reader *r, uint64_t max, uint32_t *first, uint32_t *second)
{
	uint64_t a = 0, b = 0;
	err_t err = manifest_number(r, manifest_next(r), 10, 0, max, &a);

	if (err == 0)
		err = manifest_number(r, manifest_next(r), 10, 0, max, &b);
	*first = (uint32_t)a;
	*second = (uint32_t)b;
	return err;
}

static err_t take_small(struct manifest_reader *r, uint64_t min, uint64_t max, uint8_t *value)
{
	uint64_t n = 0;
	err_t err = manifest_number(r, manifest_next(r), 10, min, max, &n);

	*value = (uint8_t)n;
	return err;
}

/* The words with a list behind them. */
static err_t list_value(struct manifest_reader *r)
{
	struct manifest *m = r->m;

	switch (r->word) {
	case WORD_SERVES:
		return take_list(r, &m->serves, "programs", &m->serves_programs);
	case WORD_TALKS:
		return take_list(r, &m->talks, "all", &m->talks_all);
	case WORD_NOTIFIES:
		return take_list(r, &m->notifies, "all", &m->notifies_all);
	case WORD_NEEDS:
		return take_list(r, &m->needs, NULL, NULL);
	case WORD_COMPLAINS:
		return take_list(r, &m->complains, "all", &m->complains_all);
	case WORD_INJECTS:
		return take_list(r, &m->injects, "all", &m->injects_all);
	case WORD_PRIMITIVES:
		if (m->line[WORD_PRIMITIVES] == r->line)
			m->primitives = 0;              /* the default, unless continued */
		return take_bits(r, primitives, &m->primitives);
	case WORD_CALLS:
		return take_calls(r);
	case WORD_POSIX:
		return take_linux(r, m->posix);
	case WORD_USES:
		return take_linux(r, m->uses);
	case WORD_RIGHTS:
		return take_bits(r, rights, &m->rights);
	case WORD_PORTS:
		return take_each(r, take_port);
	case WORD_LINES:
		return take_each(r, take_line);
	case WORD_MMIO:
		return take_each(r, take_mmio);
	case WORD_PCI:
		return take_each(r, take_pci);
	case WORD_ANSWERS:
		return take_bits(r, answers, &m->answers);
	default:
		return take_args(r);
	}
}

err_t manifest_value(struct manifest_reader *r)
{
	struct manifest *m = r->m;
	uint32_t choice = 0;
	err_t err;

	switch (r->word) {
	case WORD_SERVICE:
		return take_name(r, manifest_next(r), m->name, sizeof(m->name));
	case WORD_PROGRAM:
		return take_name(r, manifest_next(r), m->program, sizeof(m->program));
	case WORD_ID:
		return take_small(r, 0, MANIFEST_IDS - 1, &m->id);
	case WORD_RANK:
		return take_small(r, 1, MANIFEST_RANKS, &m->rank);
	case WORD_USER:
		return take_two(r, UINT32_MAX - 1, &m->uid, &m->gid);
	case WORD_MEMORY:
		return take_size(r, &m->memory);
	case WORD_STACK:
		return take_size(r, &m->stack);
	case WORD_PRIORITY:
		return take_small(r, 0, NR_PRIORITIES - 1, &m->priority);
	case WORD_QUANTUM:
		return take_small(r, 1, QUANTUM_MAX, &m->quantum);
	case WORD_HEARTBEAT:
		return take_two(r, 1000000, &m->heartbeat_ms, &m->heartbeat_count);
	case WORD_RESTART:
		err = take_choice(r, restarts, &choice);
		m->restart = (enum manifest_restart)choice;
		return err;
	case WORD_COPY:
		err = take_choice(r, yes_no, &choice);
		m->copy = choice;
		return err;
	case WORD_ARCHIVE:
		err = take_choice(r, yes_no, &choice);
		m->archive = choice;
		return err;
	case WORD_FRAMEBUFFER:
		err = take_choice(r, yes_no, &choice);
		m->framebuffer = choice;
		return err;
	case WORD_SCRIPT:
		return take_script(r);
	default:
		return list_value(r);
	}
}
