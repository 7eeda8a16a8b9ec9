/* SPDX-License-Identifier: BSD-2-Clause
 * manifests.c - the manifests of the boot archive.
 *
 * Job:      reads and checks every NAME.svc of the archive, finds them by id and by name.
 * Speaks:   nothing.
 * Touches:  the archive, read-only.
 * Trusts:   nothing in a manifest: it is checked as the image tool has checked it.
 * On crash: read again at the next start; they are not state.
 */
#include "rs.h"
#include <abi/archive.h>
#include <lib/assert.h>

static struct manifest manifests[NR_SERVICES];
static const struct manifest *by_id[NR_SERVICES];
static const struct manifest *all[NR_SERVICES];
static unsigned count;

const struct manifest *manifest_of(unsigned id)
{
	return id < NR_SERVICES ? by_id[id] : NULL;
}

const struct manifest *const *manifest_set(unsigned *n)
{
	*n = count;
	return all;
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

static void read_one(const struct archive_entry *e)
{
	struct manifest_error error;
	struct manifest *m = &manifests[count];
	const char *text = (const char *)RS_ARCHIVE_VA + e->offset;

	if (count == NR_SERVICES || manifest_parse(text, e->size, m, &error) != 0 ||
	    by_id[m->id] != NULL) {
		say("%s:%u: %s", e->name, error.line, error.text);
		return;
	}
	by_id[m->id] = m;
	all[count++] = m;
}

void manifests_read(void)
{
	const struct archive_header *a = (const void *)RS_ARCHIVE_VA;
	struct manifest_error error;

	count = 0;
	for (uint32_t i = 0; i < a->count && i < ARCHIVE_MAX; i++)
		if (is_manifest(a->entry[i].name))
			read_one(&a->entry[i]);
	if (manifest_check(all, count, &error) != 0) {
		say("%s.svc:%u: %s", all[error.which]->name, error.line, error.text);
		assert(!"the image's manifests contradict each other");
	}
	assert(by_id[0] != NULL);
}
