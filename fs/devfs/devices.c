/* SPDX-License-Identifier: BSD-2-Clause
 * devices.c - which devices there are.
 *
 * Job:      makes a node when its server or driver is published in ds, and takes it away when that
 *           is withdrawn. Owner and mode that a program has set stay while the node is there.
 * Speaks:   ds.subscribe, ds.unsubscribe, ds.event_next.
 * Touches:  nodes that it has made.
 * Trusts:   ds.
 * On crash: ds tells of all names again, for what it had told may not have been done.
 *
 * A driver that has a disk publishes it as `dev/NAME`; a server stands for its devices by its own
 * name. Numbers are Linux's (Documentation/admin-guide/devices.txt).
 */
#include "devfs.h"

#include <contract/ds.h>
#include <lib/peer.h>
#include <lib/print.h>

enum { GROUP_ROOT = 0, GROUP_TTY = 5, GROUP_DISK = 6, NAME = 24 };

static const struct device {
	const char *name;
	uint32_t mode;
	uint32_t gid;
	uint32_t major, minor;
	const char *needs;              /* name in ds; "": it is vfs's own, always there */
} devices[] = {
	{ "null", TYPE_CHAR | 0666, GROUP_ROOT, 1, 3, "" },
	{ "zero", TYPE_CHAR | 0666, GROUP_ROOT, 1, 5, "" },
	{ "full", TYPE_CHAR | 0666, GROUP_ROOT, 1, 7, "" },
	{ "random", TYPE_CHAR | 0666, GROUP_ROOT, 1, 8, "" },
	{ "urandom", TYPE_CHAR | 0666, GROUP_ROOT, 1, 9, "" },
	{ "rtc", TYPE_CHAR | 0600, GROUP_ROOT, 10, 135, "rtc" },
	{ "tty", TYPE_CHAR | 0666, GROUP_TTY, 5, 0, "tty" },
	{ "ptmx", TYPE_CHAR | 0666, GROUP_TTY, 5, 2, "tty" },
	{ "console", TYPE_CHAR | 0600, GROUP_ROOT, 5, 1, "tty" },
	{ "tty0", TYPE_CHAR | 0620, GROUP_TTY, 4, 0, "screen" },
	{ "tty1", TYPE_CHAR | 0620, GROUP_TTY, 4, 1, "screen" },
	{ "ttyS0", TYPE_CHAR | 0620, GROUP_TTY, 4, 64, "uart" },
	{ "ram0", TYPE_BLOCK | 0660, GROUP_DISK, 1, 0, "dev/ram0" },
	{ "vda", TYPE_BLOCK | 0660, GROUP_DISK, 254, 0, "dev/vda" },
	{ "vdb", TYPE_BLOCK | 0660, GROUP_DISK, 254, 16, "dev/vdb" },
	{ "vdc", TYPE_BLOCK | 0660, GROUP_DISK, 254, 32, "dev/vdc" },
	{ "vdd", TYPE_BLOCK | 0660, GROUP_DISK, 254, 48, "dev/vdd" },
};

static const struct { const char *name, *target; } links[] = {
	{ "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
};

static const struct { const char *name; uint32_t mode; } folders[] = {
	{ "pts", 0755 }, { "shm", 01777 },
};

static struct peer ds = PEER("ds");

/* A name that a program has taken stays the program's. */
static void appear(unsigned i)
{
	const struct device *d = &devices[i];
	struct node *root = &state.node[ROOT], *n;

	if (node_find(root, d->name) != NULL)
		return;
	n = node_new(root, d->name, d->mode);
	if (n == NULL) {
		print("<4>no room for %s\n", d->name);
		return;
	}
	n->gid = d->gid;
	n->rdev = (uint64_t)d->major << 32 | d->minor;
	n->device = (uint8_t)(i + 1);
}

static void vanish(unsigned i)
{
	struct node *n = node_find(&state.node[ROOT], devices[i].name);

	if (n != NULL && n->device == i + 1)
		node_remove(n);
}

_Static_assert(COUNT(devices) <= 32, "a bit for each in state.there");

/* What is told again changes nothing: a node that a program has removed or named otherwise. */
static void changed(const char *name, bool there)
{
	for (unsigned i = 0; i < COUNT(devices); i++) {
		if (strcmp(devices[i].needs, name) != 0 || !(state.there & BIT(i)) == !there)
			continue;
		state.there ^= (uint32_t)BIT(i);
		if (there)
			appear(i);
		else
			vanish(i);
	}
}

/* All names that there are come as events. A ds that has begun afresh knows of no subscription. */
static void devices_subscribe(void)
{
	struct ds_subscribe_request req = { .pattern = "*" };

	if (ds_subscribe(&ds, &req) != 0)
		print("<3>ds does not tell of devices\n");
}

/* Not what we die of each time. */
void devices_subscribe_again(void)
{
	struct ds_unsubscribe_request req = { .pattern = "*" };
	err_t err = server_attempt() < DEATHS_OF_ONE ? ds_unsubscribe(&ds, &req) : 0;

	if (err != 0 && err != -ENOENT)
		print("<3>ds keeps to what it has told: %d\n", (int)err);
	devices_subscribe();
}

void devices_changed(void)
{
	struct ds_event_next_reply e;

	devices_subscribe();
	while (ds_event_next(&ds, &e) == 0) {
		e.name[NAME - 1] = '\0';
		changed(e.name, !endpoint_eq(e.who, ENDPOINT_NONE));
		undo_commit();
	}
}

void devices_init(void)
{
	struct node *root = &state.node[ROOT], *n;

	for (unsigned i = 0; i < COUNT(links); i++) {
		n = node_new(root, links[i].name, TYPE_LINK | 0777);
		strlcpy(n->target, links[i].target, sizeof(n->target));
	}
	for (unsigned i = 0; i < COUNT(folders); i++)
		node_new(root, folders[i].name, TYPE_DIR | folders[i].mode);
	changed("", true);
}
