/* SPDX-License-Identifier: BSD-2-Clause
 * main.c - semaphores by hand, and in scripts.
 *
 * Job:      semaphore open NAME [VALUE] | down NAME | try NAME | up NAME | remove NAME | list.
 * Speaks:   contracts/semaphore, by calls.c.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: it is a program: nothing depends on it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "semaphore.h"

static int result(int done, const char *name)
{
	if (done == 0)
		return 0;
	fprintf(stderr, "semaphore: %s: %s\n", name, errno == ESRCH ?
		"the service does not run (service start semaphore)" : strerror(errno));
	return 1;
}

static int list(void)
{
	struct semaphore_info s;
	uint32_t index = 0;

	while (skink_semaphore_list(&index, &s) == 0)
		printf("%-24s %10u %u waiting\n", s.name, s.value, s.waiting);
	return errno == ENOENT ? 0 : result(-1, "list");
}

/* One that is there; open makes them. -1: there is none. */
static int64_t find(const char *name)
{
	struct semaphore_info s;
	uint32_t index = 0;

	while (skink_semaphore_list(&index, &s) == 0)
		if (strcmp(s.name, name) == 0)
			return s.id;
	return -1;
}

static int change(const char *verb, const char *name)
{
	int64_t id = find(name);

	if (id < 0)
		return result(-1, name);
	if (strcmp(verb, "up") == 0)
		return result(skink_semaphore_up(id), name);
	if (strcmp(verb, "remove") == 0)
		return result(skink_semaphore_remove(id), name);
	return result(skink_semaphore_down(id, strcmp(verb, "down") == 0), name);
}

static int usage(void)
{
	fputs("usage: semaphore open NAME [VALUE]\n"
	      "       semaphore down|try|up|remove NAME\n"
	      "       semaphore list\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "", *last = argc == 4 ? argv[3] : "0";
	unsigned long value;
	char *end;

	if (argc == 2 && strcmp(verb, "list") == 0)
		return list();
	if ((argc == 3 || argc == 4) && strcmp(verb, "open") == 0) {
		value = strtoul(last, &end, 10);
		if (last[0] < '0' || last[0] > '9' || *end != '\0' || value > UINT32_MAX) {
			fprintf(stderr, "semaphore: %s: not a number of units\n", last);
			return 2;
		}
		return result(skink_semaphore_open(argv[2], (uint32_t)value) < 0 ? -1 : 0, argv[2]);
	}
	if (argc == 3 && (strcmp(verb, "down") == 0 || strcmp(verb, "try") == 0 ||
			  strcmp(verb, "up") == 0 || strcmp(verb, "remove") == 0))
		return change(verb, argv[2]);
	return usage();
}
