/* SPDX-License-Identifier: BSD-2-Clause
 * planted.c - does the explorer find bugs? Runs it on kernels with one bug each (planted/BUG.sed).
 *
 * Limit: 120
 *
 * make builds BUILD/model/planted/BUG/explorer of a copy of the one file that BUG.sed changes. Each
 * must fail, in its quick form, with a broken invariant; the explorer of the true kernel must not.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <tests/unit.h>

enum { MAX = 64 };

static char names[MAX][64];
static unsigned nr_names;

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void find_names(void)
{
	DIR *d = opendir("tests/model/planted");
	char *end;

	for (struct dirent *e; d && nr_names < MAX && (e = readdir(d));) {
		end = strstr(e->d_name, ".sed");
		if (end && end - e->d_name < 60)
			snprintf(names[nr_names++], 64, "%.*s", (int)(end - e->d_name), e->d_name);
	}
	if (d)
		closedir(d);
	qsort(names, nr_names, sizeof(names[0]), by_name);
}

/* The scene that a script says is enough: its line "# Scene: NAME". */
static void scene_of(const char *name, char *scene)
{
	char path[200], line[300];
	FILE *f;

	*scene = 0;
	snprintf(path, sizeof(path), "tests/model/planted/%s.sed", name);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "# Scene: %15s", scene);
	if (f)
		fclose(f);
}

/* Run the explorer; its line that begins with FAIL, if there is one, goes into why. */
static int run(const char *folder, const char *name, char *why, int size)
{
	char command[600], line[300], scene[16];
	FILE *f;

	scene_of(name, scene);
	snprintf(command, sizeof(command), "%s/model/planted/%s/explorer %s 2>&1", folder, name,
		 scene);
	*why = 0;
	f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "FAIL ", 5) && !*why)
			snprintf(why, (size_t)size, "%.*s", (int)strcspn(line + 5, "\n"), line + 5);
	return f ? pclose(f) : -1;
}

int main(int argc, char **argv)
{
	char folder[400], why[200];
	char *end;
	int failures = 0;

	(void)argc;
	snprintf(folder, sizeof(folder), "%s", argv[0]);
	end = strstr(folder, "/host/bin/");
	if (!end) {
		puts("FAIL planted bugs are found: run it as BUILD/host/bin/tests/model/planted");
		return 1;
	}
	*end = 0;
	find_names();
	for (unsigned i = 0; i < nr_names; i++) {
		int status = run(folder, names[i], why, sizeof(why));

		if (status != 0 && *why) {
			printf("ok a planted bug is found: %s (%s)\n", names[i], why);
		} else {
			printf("FAIL a planted bug is found: %s: status %d\n", names[i], status);
			failures++;
		}
		fflush(stdout);
	}
	if (nr_names < 6) {
		printf("FAIL at least six bugs are planted: %u\n", nr_names);
		failures++;
	}
	return failures != 0;
}
