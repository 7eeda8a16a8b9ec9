/* SPDX-License-Identifier: BSD-2-Clause
 * coverage_test.c - is each kernel call tested at success and at every refusal of its contract?
 *
 * Reads contracts/kernel.contract for "call NAME" and "err NAME", and the other tests for lines
 * GIVES(err, who, NAME, ...), and MAPS(err, ...) for space_map: each of those fails its own test if
 * the call gives anything else.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <tests/unit.h>

enum { MAX = 1024, NAME = 40 };

static struct given { char err[NAME], call[NAME]; } given[MAX];
static unsigned nr_given;

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 18);

	if (f && fread(text, 1, (1 << 18) - 1, f) == 0)
		*text = 0;
	if (f)
		fclose(f);
	return text;
}

/* The identifier at s into name; what follows it. */
static const char *word(const char *s, char *name)
{
	unsigned n = 0;

	while (isspace((unsigned char)*s))
		s++;
	while ((isalnum((unsigned char)*s) || *s == '_') && n < NAME - 1)
		name[n++] = *s++;
	name[n] = 0;
	return s;
}

/* Past the comma that ends an argument. */
static const char *argument(const char *s)
{
	int depth = 0;

	for (; *s && (depth || *s != ','); s++)
		depth += (*s == '(') - (*s == ')');
	return *s ? s + 1 : s;
}

static void scan_test(const char *text)
{
	for (const char *s = text; (s = strstr(s, "GIVES")) && nr_given < MAX; nr_given++) {
		s += strlen("GIVES");
		s += *s == '0';
		if (*s != '(') {
			nr_given--;
			continue;
		}
		s = word(s + 1, given[nr_given].err);
		s = argument(argument(s));
		s = word(s, given[nr_given].call);
	}
	for (const char *s = text; (s = strstr(s, "MAPS(")) && nr_given < MAX; nr_given++) {
		s = word(s + strlen("MAPS("), given[nr_given].err);
		strcpy(given[nr_given].call, "space_map");
	}
}

static void scan_tests(void)
{
	DIR *d = opendir("kernel/test");
	char path[512];

	for (struct dirent *e; d && (e = readdir(d));) {
		if (!strstr(e->d_name, "_test.c") || strstr(e->d_name, "coverage"))
			continue;
		snprintf(path, sizeof(path), "kernel/test/%s", e->d_name);
		char *text = read_file(path);
		scan_test(text);
		free(text);
	}
	if (d)
		closedir(d);
}

static void expect(const char *call, const char *err)
{
	for (unsigned i = 0; i < nr_given; i++)
		if (!strcmp(given[i].call, call) && !strcmp(given[i].err, err))
			return;
	printf("    no test has GIVES(%s, ..., %s)\n", err, call);
	test_bad++;
}

static void t_covered(void)
{
	char *text = read_file("contracts/kernel.contract"), call[NAME] = "", err[NAME];
	unsigned calls = 0;

	scan_tests();
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		while (*line == ' ')
			line++;
		if (!strncmp(line, "call ", 5)) {
			word(line + 5, call);
			expect(call, "0");
			calls++;
		} else if (!strncmp(line, "err ", 4) && *call) {
			word(line + 4, err);
			expect(call, err);
		}
	}
	CHECK(calls > 30);
	CHECK(nr_given > 200 && nr_given < MAX);
	free(text);
}

int main(void)
{
	TEST("each kernel call is tested at success and at every refusal", t_covered);
	return test_result();
}
