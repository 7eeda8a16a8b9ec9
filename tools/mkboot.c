/* SPDX-License-Identifier: BSD-2-Clause
 * mkboot.c - checks a boot set and builds the boot module: the image of rs, then the archive.
 *
 * Job:      mkboot -o boot.img [-s FOLDER] [-n NAME] FILE...: NAME.svc are manifests, the rest is
 *           programs and data; rs is among them. -n names the next file; -s is where the image
 *           has its recovery scripts from. With -c instead of -o it only checks.
 *           Of NAME.elf the symbols are looked at; archived as NAME is the stripped file NAME
 *           beside it, if there is one.
 * Speaks:   abi/boot.h, docs/notes/0004-services.md.
 * Touches:  the files named.
 * Trusts:   nothing; whatever is wrong is said as FILE:LINE: text, and the status is 1.
 * On crash: the archive is written under another name and renamed last.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <abi/archive.h>
#include <abi/boot.h>

#include "mkboot.h"

enum { FILE_MAX = 256 << 20 };

static struct item items[ARCHIVE_MAX];
static unsigned nr_items;
static unsigned complaints;

void complain(const char *path, unsigned line, const char *text, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%u: ", path, line);
	va_start(ap, text);
	vfprintf(stderr, text, ap);
	va_end(ap);
	fputc('\n', stderr);
	complaints++;
}

__attribute__((noreturn)) static void usage(void)
{
	fprintf(stderr, "usage: mkboot -o ARCHIVE | -c   [-s FOLDER] [-n NAME] FILE...\n");
	exit(2);
}

/* ---- reading ---- */

/* NULL if it cannot be read; `must`: that is an error. */
static uint8_t *read_file(const char *path, size_t *size, bool must)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t room = 0, n = 0, got;

	if (f == NULL) {
		if (must)
			complain(path, 0, "%s", strerror(errno));
		return NULL;
	}
	do {
		if (n == room) {
			room = room == 0 ? 65536 : room * 2;
			data = realloc(data, room);
			if (data == NULL || room > FILE_MAX) {
				complain(path, 0, "too large");
				exit(1);
			}
		}
		got = fread(data + n, 1, room - n, f);
		n += got;
	} while (got > 0);
	if (ferror(f))
		complain(path, 0, "%s", strerror(errno));
	fclose(f);
	*size = n;
	return data;
}

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return a > b && strcmp(text + a - b, end) == 0;
}

static void take_name(struct item *it, const char *name)
{
	const char *base = strrchr(it->path, '/');
	size_t len;

	base = name != NULL ? name : base != NULL ? base + 1 : it->path;
	len = strlen(base);
	if (name == NULL && ends_with(base, ".elf"))
		len -= strlen(".elf");
	if (len == 0 || len >= sizeof(it->name)) {
		complain(it->path, 0, "name '%s' does not fit an archive entry", base);
		len = 1;
	}
	memcpy(it->name, base, len);
	for (unsigned i = 0; i < nr_items - 1; i++)
		if (strcmp(items[i].name, it->name) == 0)
			complain(it->path, 0, "'%s' is in the archive already", it->name);
}

/* Of a program with symbols: the stripped file beside it is what goes into the archive. */
static void find_stripped(struct item *it)
{
	char path[4096];
	size_t len = strlen(it->path);

	it->data = it->checked;
	it->size = it->checked_size;
	if (!ends_with(it->path, ".elf") || len >= sizeof(path))
		return;
	memcpy(path, it->path, len - strlen(".elf"));
	path[len - strlen(".elf")] = '\0';
	it->data = read_file(path, &it->size, false);
	if (it->data == NULL) {
		it->data = it->checked;
		it->size = it->checked_size;
	}
}

static void parse(struct item *it)
{
	struct manifest_error e;
	size_t stem = strlen(it->name) - strlen(".svc");

	if (manifest_parse((const char *)it->data, it->size, &it->manifest, &e) != 0) {
		complain(it->path, e.line, "%s", e.text);
		return;
	}
	if (strncmp(it->manifest.name, it->name, stem) != 0 || it->manifest.name[stem] != '\0')
		complain(it->path, it->manifest.line[WORD_SERVICE],
			 "service '%s' belongs in %s.svc", it->manifest.name, it->manifest.name);
}

static void add(const char *path, const char *name)
{
	struct item *it = &items[nr_items++];

	if (nr_items > ARCHIVE_MAX) {
		complain(path, 0, "more than %d files", ARCHIVE_MAX);
		exit(1);
	}
	it->path = path;
	it->checked = read_file(path, &it->checked_size, true);
	if (it->checked == NULL)
		it->checked = calloc(1, 1);
	take_name(it, name);
	find_stripped(it);
	it->is_manifest = ends_with(it->name, ".svc");
	if (it->is_manifest)
		parse(it);
}

/* ---- checks ---- */

static const struct item *find(const char *name)
{
	for (unsigned i = 0; i < nr_items; i++)
		if (strcmp(items[i].name, name) == 0)
			return &items[i];
	return NULL;
}

static const struct manifest *set[ARCHIVE_MAX];
static unsigned nr_set;

static void check_set(void)
{
	const struct item *of[ARCHIVE_MAX];
	struct manifest_error e;

	for (unsigned i = 0; i < nr_items; i++)
		if (items[i].is_manifest) {
			of[nr_set] = &items[i];
			set[nr_set++] = &items[i].manifest;
		}
	if (manifest_check(set, nr_set, &e) != 0)
		complain(of[e.which]->path, e.line, "%s", e.text);
}

static void check_programs(void)
{
	for (unsigned i = 0; i < nr_items; i++) {
		const struct item *svc = &items[i];
		const struct item *program;

		if (!svc->is_manifest)
			continue;
		program = find(svc->manifest.program);
		if (program == NULL) {
			unsigned line = svc->manifest.line[WORD_PROGRAM];

			complain(svc->path, line != 0 ? line : svc->manifest.line[WORD_SERVICE],
				 "program '%s' is not in the archive", svc->manifest.program);
		} else {
			check_program(program, svc, set, nr_set);
		}
	}
}

/* Each recovery script is in the image. */
static void check_scripts(const char *folder)
{
	for (unsigned i = 0; i < nr_items; i++) {
		const struct manifest *m = &items[i].manifest;
		int len = (int)strcspn(m->script, " ");
		char path[4096];
		FILE *f;

		if (!items[i].is_manifest || len == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%.*s", folder != NULL ? folder : "", len,
			 m->script);
		f = folder != NULL ? fopen(path, "r") : NULL;
		if (f == NULL)
			complain(items[i].path, m->line[WORD_SCRIPT],
				 "script '%.*s' is not in the image", len, m->script);
		else
			fclose(f);
	}
}

/* ---- writing ---- */

/* CRC-32 of IEEE 802.3, bit by bit: an archive is small. */
static uint32_t crc32(const uint8_t *data, size_t n)
{
	uint32_t table[256], crc = 0xffffffff;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	for (size_t i = 0; i < n; i++)
		crc = crc >> 8 ^ table[(crc ^ data[i]) & 255];
	return ~crc;
}

static uint64_t page_up(uint64_t n)
{
	return (n + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

static void write_archive(const char *path)
{
	struct archive_header *h;
	uint64_t size = page_up(sizeof(*h) + nr_items * sizeof(h->entry[0]));
	const struct item *rs = find("rs"), *svc = find("rs.svc");
	char temporary[4096];
	uint8_t *image;
	size_t image_size;
	FILE *f;

	if (rs == NULL || svc == NULL) {
		complain("mkboot", 0, "there is no program 'rs', which the kernel starts");
		return;
	}
	if (strcmp(svc->manifest.program, "rs") != 0)
		complain(svc->path, svc->manifest.line[WORD_PROGRAM],
			 "the kernel starts program 'rs', not '%s'", svc->manifest.program);
	if (find("rsguard.svc") == NULL)
		complain(svc->path, svc->manifest.line[WORD_SERVICE],
			 "'rs' has no guardian: there is no service 'rsguard'");
	if (complaints != 0)
		return;
	image = boot_image(rs, svc, &image_size);
	if (complaints != 0)
		return;
	for (unsigned i = 0; i < nr_items; i++)
		size += page_up(items[i].size);
	h = calloc(1, size);
	snprintf(temporary, sizeof(temporary), "%s.tmp", path);
	f = fopen(temporary, "wb");
	if (h == NULL || f == NULL) {
		complain(path, 0, "%s", strerror(errno));
		return;
	}
	*h = (struct archive_header){ .magic = ARCHIVE_MAGIC, .count = nr_items, .size = size };
	size = page_up(sizeof(*h) + nr_items * sizeof(h->entry[0]));
	for (unsigned i = 0; i < nr_items; i++) {
		memcpy(h->entry[i].name, items[i].name, sizeof(items[i].name));
		h->entry[i].offset = size;
		h->entry[i].size = items[i].size;
		memcpy((uint8_t *)h + size, items[i].data, items[i].size);
		size += page_up(items[i].size);
	}
	h->crc = crc32((const uint8_t *)(h + 1), size - sizeof(*h));
	fwrite(image, 1, image_size, f);
	fwrite(h, 1, size, f);
	if (ferror(f) || fclose(f) != 0 || rename(temporary, path) != 0)
		complain(path, 0, "%s", strerror(errno));
	free(h);
	free(image);
}

int main(int argc, char **argv)
{
	const char *out = NULL, *name = NULL, *scripts = NULL;
	bool check_only = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-c") == 0) {
			check_only = true;
		} else if (argv[i][0] == '-') {
			if (i + 1 == argc || argv[i][2] != '\0' || !strchr("ons", argv[i][1]))
				usage();
			*(argv[i][1] == 'o' ? &out : argv[i][1] == 'n' ? &name : &scripts) =
				argv[i + 1];
			i++;
		} else {
			add(argv[i], name);
			name = NULL;
		}
	}
	if (nr_items == 0 || check_only == (out != NULL))
		usage();
	if (complaints == 0)
		check_set();
	if (complaints == 0)
		check_programs();
	if (complaints == 0)
		check_scripts(scripts);
	if (complaints == 0 && !check_only)
		write_archive(out);
	return complaints == 0 ? 0 : 1;
}
