/* SPDX-License-Identifier: BSD-2-Clause
 * manifests.c - the manifests of the services there are.
 *
 * Job:      reads and checks every NAME.svc of the archive, and those loaded since; finds them by
 *           id and by name; says whether another one fits.
 * Speaks:   nothing.
 * Touches:  the archive and rs's window, read-only.
 * Trusts:   nothing in a manifest: it is checked as the image tool has checked it.
 * On crash: read again at the next start; they are not state. Nor do they change in between: what
 *           has changed all the same is found by its sum.
 */
#include "rs.h"
#include <abi/archive.h>
#include <lib/assert.h>
#include <lib/print.h>

static struct manifest manifests[NR_SERVICES];
static const struct manifest *by_id[NR_SERVICES];
static const struct manifest *all[NR_SERVICES];
static unsigned count, nr_boot;         /* all; those of the archive, which come first */
static uint64_t sum;                    /* of all that, when it had been read */

const struct manifest *manifest_of(unsigned id)
{
	return id < NR_SERVICES ? by_id[id] : NULL;
}

const struct manifest *const *manifest_set(unsigned *n)
{
	*n = count;
	return all;
}

bool manifest_is_loaded(unsigned id)
{
	return by_id[id] != NULL && by_id[id] - manifests >= nr_boot;
}

int service_by_name(const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i]->id;
	return -1;
}

static bool is_manifest(const char *name)
{
	size_t n = strnlen(name, ARCHIVE_NAME);

	return n > 4 && n < ARCHIVE_NAME && strcmp(name + n - 4, ".svc") == 0;
}

static void read_one(const char *name, const char *text, size_t len)
{
	struct manifest_error error;
	struct manifest *m = &manifests[count];

	if (count == NR_SERVICES || manifest_parse(text, len, m, &error) != 0 ||
	    by_id[m->id] != NULL) {
		say("%s:%u: %s", name, error.line, error.text);
		return;
	}
	by_id[m->id] = m;
	all[count++] = m;
}

/* A reloaded one of the boot set. */
static void replace(unsigned id, const char *text, size_t len)
{
	struct manifest *m = &manifests[by_id[id] - manifests];
	struct manifest_error error;

	if (manifest_parse(text, len, m, &error) != 0 || m->id != id)
		assert(!"it was looked at before it was taken");
}

static void read_loaded(void)
{
	for (unsigned id = 0; id < NR_SERVICES; id++) {
		size_t len;
		const char *text = loaded_text(id, &len);

		if (text != NULL && by_id[id] != NULL)
			replace(id, text, len);
		else if (text != NULL)
			read_one(state.service[id].name, text, len);
	}
}

static uint64_t add(uint64_t to, const void *what, size_t size)
{
	for (size_t i = 0; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, (const char *)what + i, sizeof(word));
		to = (to ^ word) * 0x100000001b3;               /* FNV-1a, by words */
	}
	return to;
}

static uint64_t sum_now(void)
{
	uint64_t s = add(count ^ (uint64_t)nr_boot << 32, manifests, count * sizeof(manifests[0]));

	return add(add(s, by_id, sizeof(by_id)), all, sizeof(all));
}

/* Who has none is ended after a crash: better that rs dies. */
void manifests_look(void)
{
	assert(count <= NR_SERVICES && sum == sum_now());
	for (unsigned i = 0; i < count; i++)
		assert(manifest_of(all[i]->id) == all[i]);
}

bool manifests_fit(void)
{
	const struct archive_header *a = (const void *)RS_ARCHIVE_VA;
	struct manifest_error error;

	count = 0;
	memset(by_id, 0, sizeof(by_id));
	for (uint32_t i = 0; i < a->count && i < ARCHIVE_MAX; i++)
		if (is_manifest(a->entry[i].name))
			read_one(a->entry[i].name, (const char *)a + a->entry[i].offset,
				 a->entry[i].size);
	nr_boot = count;
	read_loaded();
	sum = sum_now();
	if (manifest_check(all, count, &error) == 0)
		return true;
	say("%s.svc:%u: %s", all[error.which]->name, error.line, error.text);
	return false;
}

void manifests_read(void)
{
	if (!manifests_fit())
		assert(!"the image's manifests contradict each other");
	assert(by_id[0] != NULL);
}

err_t refuse(unsigned line, const char *text, ...)
{
	va_list ap;

	va_start(ap, text);
	undo_before(&state.refusal, sizeof(state.refusal));
	format_list(state.refusal.text, sizeof(state.refusal.text), text, ap);
	va_end(ap);
	state.refusal.line = line;
	return -EINVAL;
}

/* All but the one with this id. */
static unsigned set_without(int id, const struct manifest *set[])
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		if (all[i]->id != id)
			set[n++] = all[i];
	return n;
}

bool manifest_can_go(unsigned id)
{
	static const struct manifest *set[NR_SERVICES];
	struct manifest_error e;

	return manifest_check(set, set_without((int)id, set), &e) == 0;
}

/* Could it run along with those that are there? */
err_t manifest_admit(const char *text, size_t len, struct manifest *m, int instead)
{
	static const struct manifest *set[NR_SERVICES + 1];
	struct manifest_error e;
	unsigned n;

	if (manifest_parse(text, len, m, &e) != 0)
		return refuse(e.line, "%s", e.text);
	n = set_without(instead, set);
	if (n == NR_SERVICES)
		return refuse(1, "there are as many services as there can be");
	set[n] = m;
	if (manifest_check(set, n + 1, &e) == 0)
		return 0;
	return e.which == n ? refuse(e.line, "%s", e.text)
			    : refuse(1, "%s.svc:%u: %s", set[e.which]->name, e.line, e.text);
}
