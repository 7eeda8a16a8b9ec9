/* SPDX-License-Identifier: BSD-2-Clause
 * proof.c - before an answer leaves: does what made it work?
 *
 * Job:      looks up, lists and writes what is known, by the code that has just done so for a
 *           program. If that goes wrong the code is damaged, and procfs dies of it: the request is
 *           done again by code that is new (docs/notes/0026, Verdicts). Nobody else could know.
 * Speaks:   pm.info; what pm says may be pm's fault, so of that it dies only once.
 * Touches:  nothing.
 * Trusts:   its own table.
 * On crash: that is what it is for.
 */
#include "procfs.h"

#include <lib/assert.h>
#include <lib/server.h>
#include <lib/service_ids.h>

enum { STAT_FIELDS = 52 };

static bool is_found(uint32_t dir_pid, unsigned dir, const char *name, uint32_t pid)
{
	uint32_t got;
	unsigned kind;

	return procfs_lookup(dir, dir_pid, name, &got, &kind) == 0 && got == pid &&
	       kinds[kind].parent == dir &&
	       (kinds[kind].name == NULL || strcmp(kinds[kind].name, name) == 0);
}

void prove_missing(void)
{
	struct pm_info_request req = { .from = 1 };
	struct pm_info_reply first, again;
	uint32_t pid;
	unsigned kind;
	bool is_there;

	if (server_attempt() == 0) {
		assert(is_found(0, KIND_ROOT, "version", 0) && is_found(0, KIND_ROOT, "self", 0));
		assert(is_found(0, KIND_ROOT, "4711", 4711) && is_found(7, KIND_PID, "stat", 7));
		assert(procfs_lookup(KIND_ROOT, 0, "versio", &pid, &kind) == -ENOENT);
	}
	/* This may be pm's fault. */
	is_there = pm_info(&pm, &req, &first) == 0 && process_find(first.pid, &again) &&
		   again.pid == first.pid;
	server_doubt(FIRST_ENDPOINT(ID_PM), 1, PM_BASE, is_there ? 0 : -ENOENT, !is_there);
}

void prove_gone(uint32_t pid)
{
	struct pm_info_reply info;
	bool is_there = pid != 0 && process_find(pid, &info) &&
			!endpoint_eq(info.proc, ENDPOINT_NONE);         /* a zombie has less */

	prove_missing();
	server_doubt(FIRST_ENDPOINT(ID_PM), 3, PM_BASE, is_there ? -ESRCH : 0, is_there);
}

/* Fields of /proc/PID/stat. A name may have spaces. */
static bool is_stat(const struct text *t)
{
	unsigned fields = 2;
	size_t n = t->used;

	while (n != 0 && t->at[n - 1] != ')')
		n--;
	for (; n < t->used; n++)
		fields += t->at[n] == ' ';
	return t->used != 0 && t->at[t->used - 1] == '\n' && fields == STAT_FIELDS;
}

void prove_text(const struct text *made, unsigned kind)
{
	static const char want[] = "4711   12 -3 ab  c 1f 0755 18446744073709551615%\n";
	char got[2 * sizeof(want)];
	struct text t = { .at = got, .room = sizeof(got) };

	if (server_attempt() != 0)
		return;
	put(&t, "%u %4u %d %-3s %c %x %04o %lu%%\n", 4711u, 12u, -3, "ab", 'c', 0x1fu, 0755u,
	    ~0ul);
	assert(t.used == sizeof(want) - 1 && !t.full && memcmp(got, want, t.used) == 0);
	assert(made->used <= made->room && (made->used != 0 || !has_text(kind)));
	assert(kinds[kind].make != make_pid_stat || made->full || is_stat(made));
}

void prove_listing(const struct file_dirents *d, unsigned dir, uint64_t pos, bool whole)
{
	unsigned want = 0, got = 0;
	bool first = false;
	size_t at = 0;

	if (pos != 0 || !whole)
		return;
	for (unsigned k = 1; k < nr_kinds; k++)
		want += kinds[k].parent == dir && kinds[k].name != NULL;
	while (at + FILE_DIRENT_HEAD < d->used) {
		uint16_t size;

		memcpy(&size, d->at + at + 16, sizeof(size));
		if (size <= FILE_DIRENT_HEAD || size > d->used - at)
			break;
		first |= strcmp(d->at + at + FILE_DIRENT_HEAD, "1") == 0;
		got++;
		at += size;
	}
	assert((at == d->used && got >= 2 + want) || server_attempt() != 0);
	first |= dir != KIND_ROOT || !process_find(1, &(struct pm_info_reply){ 0 });
	server_doubt(FIRST_ENDPOINT(ID_PM), 2, PM_BASE, first ? 0 : -ENOENT, !first);
}
