/* SPDX-License-Identifier: BSD-2-Clause
 * tree.c - service tree: who needs whom.
 *
 * Job:      below each service those that cannot be without it. One that needs several stands below
 *           each that none of the others needs; what is below it is shown the first time only.
 * Speaks:   contracts/rs (list, rights).
 * Touches:  nothing.
 * Trusts:   rs.
 * On crash: it is a program: nothing depends on it.
 */
#include "service.h"

#include <stdbool.h>
#include <stdio.h>

#include <contract/rs.h>
#include <lib/rights.h>

enum { MOST = 64 };

static struct { char name[17]; uint64_t needs; bool there, shown; } service[MOST];

/* All services, by id; an err_t. */
static err_t read_services(void)
{
	static struct rs_rights rights __attribute__((aligned(4096)));
	struct rs_list_request list = { 0 };
	struct rs_list_reply l;
	err_t err;

	for (;; list.index++) {
		struct rs_rights_request req = { 0 };

		err = rs_list(&rs, &list, &l);
		if (err != 0)
			return err == -ENOENT ? 0 : err;
		snprintf(service[l.priv % MOST].name, sizeof(service[0].name), "%.16s", l.name);
		snprintf(req.name, sizeof(req.name), "%.15s", l.name);
		err = rs_rights(&rs, &req, &rights, sizeof(rights));
		if (err != 0)
			return err;
		service[l.priv % MOST].needs = rights.needs;
		service[l.priv % MOST].there = true;
	}
}

/* All that id needs, and what they need. */
static uint64_t all_needs(unsigned id)
{
	uint64_t all = service[id].needs, before;

	do {
		before = all;
		for (unsigned i = 0; i < MOST; i++)
			if (all & BIT(i))
				all |= service[i].needs;
	} while (all != before);
	return all;
}

/* Does it need id, and nothing that needs id? */
static bool stands_below(unsigned other, unsigned id)
{
	if (!service[other].there || !(service[other].needs & BIT(id)))
		return false;
	for (unsigned i = 0; i < MOST; i++)
		if (service[other].needs & BIT(i) && all_needs(i) & BIT(id))
			return false;
	return true;
}

static bool has_any_below(unsigned id)
{
	for (unsigned i = 0; i < MOST; i++)
		if (stands_below(i, id))
			return true;
	return false;
}

static void show(unsigned id, unsigned depth)
{
	bool again = service[id].shown && has_any_below(id);

	printf("%*s%s%s\n", (int)depth * 4, "", service[id].name, again ? " (above)" : "");
	if (service[id].shown)
		return;
	service[id].shown = true;
	for (unsigned i = 0; i < MOST; i++)
		if (stands_below(i, id))
			show(i, depth + 1);
}

int tree(void)
{
	err_t err = read_services();

	if (err != 0)
		return fail("rs", err);
	for (unsigned i = 0; i < MOST; i++)
		if (service[i].there && service[i].needs == 0)
			show(i, 0);
	return 0;
}
