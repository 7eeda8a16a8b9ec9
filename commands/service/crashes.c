/* SPDX-License-Identifier: BSD-2-Clause
 * crashes.c - service crashes: what services have left behind.
 *
 * Job:      lists the reports that crashd keeps, by their first lines, the latest last.
 * Speaks:   nothing.
 * Touches:  nothing.
 * Trusts:   crashd for the names of files.
 * On crash: it is a program: nothing depends on it.
 */
#include "service.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <commands/crash_name.h>

static unsigned long number_of(const char *file)
{
	return crash_number(file, "txt");
}

static int is_report(const struct dirent *e)
{
	return number_of(e->d_name) != 0;
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	unsigned long x = number_of((*a)->d_name), y = number_of((*b)->d_name);

	return x < y ? -1 : x > y;
}

static void show(const char *file)
{
	char path[300], line[200] = "";
	FILE *f;

	snprintf(path, sizeof(path), CRASH_FOLDER "/%s", file);
	f = fopen(path, "r");
	if (f != NULL && fgets(line, sizeof(line), f) != NULL)
		line[strcspn(line, "\n")] = '\0';
	printf("%-20.*s %s\n", (int)(strlen(file) - strlen(".txt")), file,
	       f != NULL ? line : strerror(errno));
	if (f != NULL)
		fclose(f);
}

int crashes(void)
{
	struct dirent **entry = NULL;
	int n = scandir(CRASH_FOLDER, &entry, is_report, by_number);

	if (n < 0 && errno != ENOENT) {
		fprintf(stderr, "service: " CRASH_FOLDER ": %s\n", strerror(errno));
		return 1;
	}
	for (int i = 0; i < n; i++) {
		show(entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	if (n > 0)
		printf("reports and core files are in " CRASH_FOLDER "\n");
	return 0;
}
