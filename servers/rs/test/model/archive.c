/* SPDX-License-Identifier: BSD-2-Clause
 * archive.c - a boot archive of the tree's own manifests; manifests and programs to be loaded.
 *
 * Job:      makes the archive that rs reads, with one small program for all; what clients lend rs:
 *           a manifest, a program, as they should be or with something wrong.
 * Speaks:   kernel call call_copy. Run in the tree's root: image/boot.list, image/disk.list.
 * Touches:  rs's archive, which rs cannot write.
 * Trusts:   the tree's manifests.
 * On crash: it is a test.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <abi/archive.h>
#include <abi/boot.h>
#include <contract/rs.h>
#include <lib/assert.h>
#include <lib/elf64.h>
#include <lib/image.h>
#include <tests/messages/messages.h>

#include "model.h"

enum { NAMES = 48, TEXT_MOST = 16 * 1024, ARCHIVE_PAGES = 256, GUESTS = 4, SMALL = 0x3000,
       STATE_LONG = 256 * 1024 };        /* more than is kept of a crash */

static struct text { char name[MANIFEST_NAME]; char *bytes; size_t len; } text[NAMES];
static unsigned nr_texts, nr_boot;

static uint64_t archive_end;            /* from its beginning */

/* What the latest client of load, update or reload lends: a manifest, a program behind it. */
static struct {
	endpoint_t client;
	uint32_t serial;
	uint64_t text_len, len;
	char bytes[TEXT_MOST + 16 * SMALL];
} lent;

uint64_t archive_bytes(void)
{
	return archive_end;
}

static const struct text *some_text(bool of_guest)
{
	return &text[of_guest ? nr_boot + below(nr_texts - nr_boot) : below(nr_texts)];
}

const char *service_name(bool of_guest)
{
	return some_text(of_guest)->name;
}

/* ---- a program ---- */

struct program {
	struct elf_header h;
	struct elf_segment s[4];
};

/* Code with calls in it, data, state, and what devices are at work on. */
static struct program small_program(uint64_t pages, uint64_t state)
{
	return (struct program){
		.h = { .ident = "\177ELF\2\1\1", .type = ELF_EXEC, .machine = ELF_X86_64,
		       .entry = 0x400000, .phoff = offsetof(struct program, s),
		       .phentsize = sizeof(struct elf_segment), .phnum = 4 },
		.s = { { PT_LOAD, PF_X | PF_R, 0x1000, 0x400000, 0, 0x1800, 0x1800, 0x1000 },
		       { PT_LOAD, PF_W | PF_R, 0x2800, 0x410000, 0, 0x100, pages << PAGE_SHIFT,
			 0x1000 },
		       { PT_LOAD, PF_W | PF_R, 0, IMAGE_STATE_VA, 0, 0, state, 0x1000 },
		       { PT_LOAD, PF_W | PF_R, 0, IMAGE_DMA_VA, 0, 0, 0x1000, 0x1000 } },
	};
}

static void program_write(void *to, const struct program *p)
{
	unsigned char *bytes = to;

	memset(bytes, 0xe8, SMALL);
	memcpy(bytes, p, sizeof(*p));
}

/* ---- the archive ---- */

static void *entry_add(const char *name, size_t size)
{
	struct archive_header *a = (struct archive_header *)RS_ARCHIVE_VA;
	struct archive_entry *e = &a->entry[a->count++];

	assert(a->count <= ARCHIVE_MAX && archive_end + size <= ARCHIVE_PAGES * PAGE_SIZE);
	snprintf(e->name, sizeof(e->name), "%s", name);
	e->offset = archive_end;
	e->size = size;
	archive_end += (size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
	a->size = archive_end;
	return (char *)a + e->offset;
}

static void service_add(const struct text *t)
{
	struct program p = small_program(2, STATE_LONG);
	char name[ARCHIVE_NAME];
	struct manifest_error e;
	struct manifest m;
	struct image i;

	snprintf(name, sizeof(name), "%s.svc", t->name);
	memcpy(entry_add(name, t->len), t->bytes, t->len);
	if (manifest_parse(t->bytes, t->len, &m, &e) != 0)
		abort();
	if (image_find(m.program, &i) != 0)
		program_write(entry_add(m.program, SMALL), &p);
}

static void text_add(const char *name, const char *bytes, size_t len)
{
	struct text *t = &text[nr_texts++];

	assert(nr_texts <= NAMES && len <= TEXT_MOST);
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->bytes = memcpy(malloc(len), bytes, len);
	t->len = len;
}

/* The manifest of that name, wherever it is. */
static void text_find(const char *name)
{
	static char bytes[TEXT_MOST];
	char pattern[128];
	glob_t found;
	FILE *f;

	snprintf(pattern, sizeof(pattern), "{*/*,*/*/*}/%s.svc", name);
	if (glob(pattern, GLOB_BRACE, NULL, &found) != 0)
		return;                                 /* a service not written yet */
	f = fopen(found.gl_pathv[0], "r");
	if (f == NULL)
		abort();
	text_add(name, bytes, fread(bytes, 1, sizeof(bytes), f));
	fclose(f);
	globfree(&found);
}

static void list_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[256], name[MANIFEST_NAME];

	if (f == NULL) {
		printf("FAIL %s cannot be read: this test wants the tree's root\n", path);
		exit(2);
	}
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, " %15[a-z0-9_]", name) == 1)
			text_find(name);
	fclose(f);
}

static void guests_add(void)
{
	static const char *const restart[] = { "recover", "backoff", "never" };
	char bytes[256], name[MANIFEST_NAME];

	for (unsigned n = 0; n < GUESTS; n++) {
		snprintf(name, sizeof(name), "guest%u", n);
		snprintf(bytes, sizeof(bytes), "service %s\nid %u\nrank 9\nmemory 160K\n"
			 "heartbeat %u 3\nrestart %s\nneeds log%s\n%s", name, 45 + n / 2,
			 200 + 300 * n, restart[n % COUNT(restart)], n == 2 ? " guest0" : "",
			 n == 3 ? "script backoff\ncomplains all\nuser 0 0\n" : "");
		text_add(name, bytes, strlen(bytes));
	}
}

void archive_make(void)
{
	struct archive_header *a = place(RS_ARCHIVE_VA, ARCHIVE_PAGES * PAGE_SIZE);

	a->magic = ARCHIVE_MAGIC;
	archive_end = (sizeof(*a) + ARCHIVE_MAX * sizeof(a->entry[0]) + PAGE_SIZE - 1) /
		      PAGE_SIZE * PAGE_SIZE;
	list_read("image/boot.list");
	nr_boot = nr_texts;
	list_read("image/disk.list");
	guests_add();
	for (unsigned n = 0; n < nr_boot; n++)
		service_add(&text[n]);
	if (mprotect(a, ARCHIVE_PAGES * PAGE_SIZE, PROT_READ) != 0)
		abort();
}

/* ---- what clients lend ---- */

static const struct text *text_of(const char *name)
{
	for (unsigned n = 0; n < nr_texts; n++)
		if (strncmp(text[n].name, name, MANIFEST_NAME) == 0)
			return &text[n];
	return some_text(!one_in(4));
}

/* Another number; other bytes; less; or nothing is wrong. */
static void text_spoil(void)
{
	uint64_t at = below(lent.text_len);

	switch (below(6)) {
	case 0:
		while (at < lent.text_len && (lent.bytes[at] < '0' || lent.bytes[at] > '9'))
			at++;
		if (at < lent.text_len)
			lent.bytes[at] = (char)('0' + below(10));
		break;
	case 1:
		fill(lent.bytes + at, below(lent.text_len - at + 1));
		break;
	case 2:
		lent.text_len = 1 + at;
		break;
	}
}

static void text_lend(const char *name)
{
	const struct text *t = text_of(name);

	memcpy(lent.bytes, t->bytes, t->len);
	lent.text_len = t->len;
	text_spoil();
}

static void program_lend(void)
{
	struct program p = small_program(1 + below(6), 0x2000);
	unsigned char *at = (unsigned char *)&p + below(sizeof(p));

	if (one_in(3))
		*at = (unsigned char)any();
	if (one_in(8))
		p.s[below(COUNT(p.s))].vaddr += below(32) << PAGE_SHIFT;
	program_write(lent.bytes + lent.text_len, &p);
	lent.len = lent.text_len + (one_in(20) ? 1 + below(16 * SMALL) : SMALL);
}

/* One client's at a time stays as it is: rs takes one at a time. */
void lent_make(struct delivery *d)
{
	const struct process *before = &process[endpoint_slot(lent.client)];
	uint32_t type = d->m.type;

	if (endpoint_eq(before->ep, lent.client) && before->state & STATE_CALLING &&
	    before->serial == lent.serial)
		return;
	lent.client = d->m.peer;
	lent.serial = d->serial;
	lent.text_len = 0;
	if (type != RS_UPDATE)
		text_lend(type == RS_RELOAD ? (const char *)d->m.w : "");
	lent.len = lent.text_len;
	if (type != RS_RELOAD)
		program_lend();
	if (type == RS_LOAD)
		memcpy(d->m.w, &(uint32_t){ (uint32_t)lent.text_len }, sizeof(uint32_t));
	d->lent = lent.len | CALL_LEND_READ;
}

err_t lent_copy(struct message *m)
{
	const struct call_copy_request req = *(const struct call_copy_request *)m->w;
	struct call_copy_reply reply = { .done = req.len };

	assert(req.len <= COPY_MAX);
	touch(req.dir, req.local, req.len);
	if (endpoint_eq(req.client, lent.client) && req.serial == lent.serial &&
	    req.dir == COPY_IN && !one_in(30)) {
		if (req.remote > lent.len || req.len > lent.len - req.remote)
			return -EPERM;
		memcpy((void *)req.local, lent.bytes + req.remote, req.len);
	}
	memcpy(m->w, &reply, sizeof(reply));
	return one_in(50) ? -EFAULT : 0;
}
