/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - vfs on the host, against messages of all kinds (tests/messages), with a few
 * processes and file servers; at the end its own check counts all anew.
 */
#include <servers/vfs/vfs.h>
#include <tests/messages/messages.h>

enum { FIRST = 64, PROCESSES = 8, JOB_NEXT = PM_JOB_NEXT };

static void process(unsigned slot, unsigned root)
{
	struct process *p = &state.process[slot];

	*p = (struct process){
		.who = ENDPOINT(1, slot), .pid = slot, .table = (uint16_t)table_new(),
		.cwd = (uint16_t)root, .root = (uint16_t)root, .max_fds = 256,
	};
	inode_hold(root);
	inode_hold(root);
}

/* pm tells of no process: they are there as soon as there is a root. It makes children if asked. */
static bool answer(struct message *m, const volatile void *range, uint64_t lend)
{
	unsigned root = state.mount[state.root_mount].root;

	(void)range;
	(void)lend;
	if (m->type == PM_FORK) {
		struct pm_fork_reply reply = {
			.child = ENDPOINT(1, FIRST + below(3 * PROCESSES)),
			.pid = 1 + (uint32_t)below(99),
		};

		memcpy(m->w, &reply, sizeof(reply));
		m->type = one_in(4) ? (uint32_t)-EAGAIN : 0;
		return true;
	}
	if (m->type != PM_JOB_NEXT)
		return false;
	for (unsigned n = 0; n < PROCESSES && root != 0; n++)
		if (state.process[FIRST + n].who.v == 0)
			process(FIRST + n, root);
	m->type = (uint32_t)-ENOENT;
	return true;
}

static bool check(void)
{
	refs_check();
	pages_check();
	return repairs == 0;
}

static void prepare(void)
{
	place(CACHE_VA, (size_t)NR_PAGES * PAGE_SIZE);
}

const struct fuzzed fuzzed = {
	.name = "vfs", .messages = 200000, .linux_calls = true, .notifiers = ~0ull,
	.prepare = prepare, .check = check, .answer = answer,
};
