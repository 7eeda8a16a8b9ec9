/* SPDX-License-Identifier: BSD-2-Clause
 * contract.c - compiles contracts/NAME.contract into C and a reference page.
 *
 * Job:      contract --out DIR FILE...: reads every file, checks all, then writes
 *           DIR/contract/NAME.h, NAME_client.c (of a shared one NAME_answer.c), NAME_server.c,
 *           NAME_fuzz.c and DIR/docs/NAME.md,
 *           and of all together DIR/contract/protocols.c.
 * Speaks:   the language of contracts/README.md.
 * Touches:  the files named, DIR.
 * Trusts:   nothing in a contract; the first fault ends it with FILE:LINE and status 1.
 * On crash: everything is made in memory and written last, so no half output stays behind.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "contract.h"

enum { OUTPUTS_MAX = 512, FILES_MAX = 64, PATH_SIZE = 1024 };

static struct output {
	char path[PATH_SIZE];
	FILE *file;
	char *text;
	size_t size;
} outputs[OUTPUTS_MAX];
static unsigned nr_outputs;
static const char *out_dir;

void refuse(const char *file, int line, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "contract: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* An output file, in memory until write_outputs(). */
FILE *output(const char *format, ...)
{
	struct output *o = &outputs[nr_outputs++];
	va_list ap;
	int n;

	if (nr_outputs > OUTPUTS_MAX)
		fail("too many outputs");
	n = snprintf(o->path, sizeof(o->path), "%s/", out_dir);
	va_start(ap, format);
	n += vsnprintf(o->path + n, sizeof(o->path) - (size_t)n, format, ap);
	va_end(ap);
	if ((size_t)n + 8 > sizeof(o->path))
		fail("path too long");
	o->file = open_memstream(&o->text, &o->size);
	if (o->file == NULL)
		fail("memory");
	return o->file;
}

static void write_one(const struct output *o)
{
	char temporary[PATH_SIZE + 8];
	FILE *f;

	snprintf(temporary, sizeof(temporary), "%s.tmp", o->path);
	f = fopen(temporary, "w");
	if (f == NULL)
		fail(temporary);
	fwrite(o->text, 1, o->size, f);
	if (ferror(f) || fclose(f) != 0 || rename(temporary, o->path) != 0)
		fail(o->path);
}

static void make_dir(const char *sub)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s%s", out_dir, sub);
	if (mkdir(path, 0777) != 0 && errno != EEXIST)
		fail(path);
}

static void write_outputs(void)
{
	for (unsigned i = 0; i < nr_outputs; i++)
		if (fclose(outputs[i].file) != 0)
			fail("memory");
	make_dir("");
	make_dir("/contract");
	make_dir("/docs");
	for (unsigned i = 0; i < nr_outputs; i++)
		write_one(&outputs[i]);
}

const char *upper(const char *name)
{
	static char text[8][NAME_SIZE];
	static unsigned turn;
	char *to = text[turn++ % 8];
	size_t i;

	for (i = 0; name[i] != '\0' && i < NAME_SIZE - 1; i++)
		to[i] = (char)toupper((unsigned char)name[i]);
	to[i] = '\0';
	return to;
}

static void generate(const struct protocol *p)
{
	generate_doc(p);
	if (p->kernel) {
		generate_kernel(p);
		return;
	}
	generate_header(p);
	if (p->shared)
		generate_answers(p);
	else
		generate_client(p);
	generate_server(p);
	generate_fuzz(p);
}

int main(int argc, char **argv)
{
	struct protocol *p;
	unsigned count;

	if (argc < 4 || strcmp(argv[1], "--out") != 0) {
		fprintf(stderr, "usage: contract --out DIR FILE.contract...\n");
		return 2;
	}
	out_dir = argv[2];
	count = (unsigned)argc - 3;
	p = calloc(count, sizeof(*p));
	if (p == NULL || count > FILES_MAX)
		fail("too many files");
	for (unsigned i = 0; i < count; i++) {
		parse_file(argv[3 + i], &p[i]);
		check_protocol(&p[i]);
	}
	check_together(p, count);
	for (unsigned i = 0; i < count; i++)
		generate(&p[i]);
	generate_protocols(p, count);
	write_outputs();
	free(p);
	return 0;
}
