/* SPDX-License-Identifier: BSD-2-Clause
 * cpio.c - the first content of the tree: a cpio archive ("newc") in the boot archive.
 *
 * Job:      makes a node for each member. Files are not copied: they stay in the archive until they
 *           are written to.
 * Speaks:   nothing.
 * Touches:  the tables; the boot archive, read-only.
 * Trusts:   nothing in the archive: a bad member ends the reading, with a message.
 * On crash: only at a fresh start, before anything else.
 * Spec:     cpio(5), "New ASCII Format".
 */
#include "tmpfs.h"

#include <abi/boot.h>
#include <lib/print.h>

enum { HEADER = 110, FIELDS = 13, PATH = 256 };
enum { F_INO, F_MODE, F_UID, F_GID, F_LINKS, F_MTIME, F_SIZE, F_MAJOR, F_MINOR, F_RMAJOR, F_RMINOR,
       F_NAME, F_CHECK };

struct member {
	uint32_t field[FIELDS];
	const char *name;
	const uint8_t *bytes;
};

static bool hex(const uint8_t *at, uint32_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < 8; i++) {
		uint8_t c = at[i] | 0x20;

		if (at[i] >= '0' && at[i] <= '9')
			*value = *value << 4 | (uint32_t)(at[i] - '0');
		else if (c >= 'a' && c <= 'f')
			*value = *value << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	return true;
}

static uint64_t align4(uint64_t n)
{
	return (n + 3) & ~3ull;
}

/* The member at *at, which moves behind it. False: none, or damaged. */
static bool member_next(const uint8_t *bytes, uint64_t size, uint64_t *at, struct member *m)
{
	uint64_t name_at, data_at;

	if (*at > size || size - *at < HEADER || memcmp(bytes + *at, "07070", 5) != 0)
		return false;
	for (unsigned i = 0; i < FIELDS; i++)
		if (!hex(bytes + *at + 6 + i * 8, &m->field[i]))
			return false;
	name_at = *at + HEADER;
	if (m->field[F_NAME] == 0 || m->field[F_NAME] > size - name_at ||
	    bytes[name_at + m->field[F_NAME] - 1] != '\0')
		return false;
	data_at = align4(name_at + m->field[F_NAME]);
	if (data_at > size || m->field[F_SIZE] > size - data_at)
		return false;
	m->name = (const char *)bytes + name_at;
	m->bytes = bytes + data_at;
	*at = align4(data_at + m->field[F_SIZE]);
	return strcmp(m->name, "TRAILER!!!") != 0;
}

/* The directory of a path, made on the way if it is missing; *leaf: the last part. */
static struct node *directory_of(const char *path, char *leaf)
{
	struct node *dir = &state.node[ROOT];
	char part[NAME_MAX_ + 1];

	for (;;) {
		const char *slash = strchr(path, '/');
		size_t len = slash ? (size_t)(slash - path) : strlen(path);
		struct dirent *e;

		if (len > NAME_MAX_)
			return NULL;
		memcpy(part, path, len);
		part[len] = '\0';
		if (!slash) {
			strlcpy(leaf, part, NAME_MAX_ + 1);
			return dir;
		}
		path = slash + 1;
		if (len == 0 || strcmp(part, ".") == 0)
			continue;
		e = entry_find(dir, part);
		if (!e) {
			struct node *n = node_new(TYPE_DIR | 0755, 0, 0);

			if (!n)
				return NULL;
			n->links = 1;
			if (entry_add(dir, part, n) != 0)
				return NULL;
			dir = n;
		} else if (is_dir(&state.node[e->node])) {
			dir = &state.node[e->node];
		} else {
			return NULL;
		}
	}
}

static bool set_content(struct node *n, const struct member *m)
{
	uint8_t *page;

	n->mtime = (int64_t)m->field[F_MTIME] * 1000000000;
	n->rdev = (uint64_t)m->field[F_RMAJOR] << 32 | m->field[F_RMINOR];
	if ((n->mode & TYPE_MASK) == TYPE_FILE && m->field[F_SIZE]) {
		n->source = (uint64_t)(m->bytes - (const uint8_t *)RS_ARCHIVE_VA);
		n->size = m->field[F_SIZE];
	} else if ((n->mode & TYPE_MASK) == TYPE_LINK) {
		page = page_make(n, 0);
		if (!page || m->field[F_SIZE] >= PAGE_SIZE)
			return false;
		memcpy(page, m->bytes, m->field[F_SIZE]);
		n->size = m->field[F_SIZE];
	}
	return true;
}

static bool member_make(const struct member *m)
{
	char leaf[NAME_MAX_ + 1];
	struct node *dir = directory_of(m->name, leaf), *n;
	struct dirent *e;

	if (!dir)
		return false;
	if (!leaf[0] || strcmp(leaf, ".") == 0) {
		dir->mode = m->field[F_MODE];
		return true;
	}
	e = entry_find(dir, leaf);
	if (e) {                        /* a directory that was made on the way */
		state.node[e->node].mode = m->field[F_MODE];
		return true;
	}
	n = node_new(m->field[F_MODE], m->field[F_UID], m->field[F_GID]);
	if (!n)
		return false;
	n->links = is_dir(n) ? 1 : 0;
	return entry_add(dir, leaf, n) == 0 && set_content(n, m);
}

void cpio_load(const uint8_t *bytes, uint64_t size)
{
	struct member m;
	uint64_t at = 0;
	unsigned members = 0;

	while (member_next(bytes, size, &at, &m)) {
		if (!member_make(&m)) {
			print("member %s cannot be made\n", m.name);
			return;
		}
		members++;
	}
	if (members == 0 || strcmp(m.name, "TRAILER!!!") != 0)
		print("the archive is damaged behind member %u\n", members);
}
