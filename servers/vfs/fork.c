/* SPDX-License-Identifier: BSD-2-Clause
 * fork.c - fork, vfork, clone, clone3: the descriptors of a child.
 *
 * Job:      plans the child's row, has pm make the child, commits, hands the call over to pm, which
 *           starts the child and answers (docs/notes/0007).
 * Speaks:   contracts/pm (fork, fork_undo); forwards the call to pm.
 * Touches:  state.process, tables.
 * Trusts:   pm for the child's endpoint.
 * On crash: recovers in place; a child made but not started is undone by pm when the call ends. A
 *           table that no child has got is given up.
 * Spec:     clone(2).
 */
#include "vfs.h"

enum { CLONE_VM_ = 0x100, CLONE_FILES_ = 0x400, CLONE_VFORK_ = 0x4000, CLONE_THREAD_ = 0x10000,
       CLONE_SIGNAL_ = 0xff, SIGCHLD_ = 17, CLONE_ARGS_MIN = 64, CLONE_ARGS_MAX = 88 };

struct clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size, cgroup;
};
_Static_assert(sizeof(struct clone_args) == CLONE_ARGS_MAX, "struct clone_args");

/* The child's row: as the parent's, with its own table or a share of it. */
static void enter(const struct process *p, endpoint_t who, uint32_t pid, unsigned table)
{
	struct process *c = &state.process[endpoint_slot(who)];

	if (c->who.v != 0)              /* its exit was not told yet */
		process_gone(c);
	memcpy(c, p, sizeof(*c));
	c->who = who;
	c->pid = pid;
	c->table = (uint16_t)table;
	inode_hold(c->cwd);
	inode_hold(c->root);
	inode_hold(c->exe);
	state.inode[c->exe].texts += c->exe != 0;
	inode_hold(c->exe_dir);
	name_pin(c->exe_name);
}

static int64_t do_fork(struct op *o, struct pm_fork_request *req)
{
	struct pm_fork_reply reply;
	bool thread = req->flags & CLONE_THREAD_;
	unsigned table = 0;
	err_t err;

	req->client = o->client;
	if (!thread) {
		if (req->flags & CLONE_FILES_) {
			table = o->p->table;
			state.table[table].refs++;
		} else {
			table = table_copy(o, o->p->table);
		}
		if (table == 0)
			return -EAGAIN;
	}
	err = pm_fork(&pm, req, &reply);
	if (err != 0) {
		if (req->flags & CLONE_FILES_ && table != 0)
			table_release(table, ENDPOINT_NONE);
		table_unplan();
		return err;
	}
	if (!thread)
		enter(o->p, reply.child, reply.pid, table);
	state.table_planned = 0;
	undo_commit();
	err = ipc_forward(o->client, o->serial, pm.at);
	if (err != 0) {
		struct pm_fork_undo_request undo = { .child = reply.child };

		if (pm_fork_undo(&pm, &undo) != 0)
			print("fork not undone\n");
		if (!thread)
			process_gone(&state.process[endpoint_slot(reply.child)]);
	}
	return NO_REPLY;
}

int64_t linux_fork(struct op *o)
{
	struct pm_fork_request req = { .signal = SIGCHLD_ };

	return do_fork(o, &req);
}

int64_t linux_vfork(struct op *o)
{
	struct pm_fork_request req = { .signal = SIGCHLD_, .flags = CLONE_VFORK_ | CLONE_VM_ };

	return do_fork(o, &req);
}

int64_t linux_clone(struct op *o)
{
	struct pm_fork_request req = {
		.signal = o->a[0] & CLONE_SIGNAL_, .flags = o->a[0] & ~(uint64_t)CLONE_SIGNAL_,
		.stack = o->a[1], .parent_tid = o->a[2], .child_tid = o->a[3], .tls = o->a[4],
	};

	return do_fork(o, &req);
}

int64_t linux_clone3(struct op *o)
{
	struct clone_args a = { 0 };
	struct pm_fork_request req;
	int64_t err;

	if (o->a[1] < CLONE_ARGS_MIN)
		return -EINVAL;
	if (o->a[1] > CLONE_ARGS_MAX)
		return -E2BIG;
	err = user_read(o, o->a[0], &a, o->a[1]);
	if (err != 0)
		return err;
	if (a.set_tid_size != 0 || a.flags & CLONE_SIGNAL_ || a.exit_signal > 64 ||
	    (a.stack == 0) != (a.stack_size == 0))
		return -EINVAL;
	req = (struct pm_fork_request){
		.signal = (uint32_t)a.exit_signal, .flags = a.flags,
		.stack = a.stack != 0 ? a.stack + a.stack_size : 0,
		.parent_tid = a.parent_tid, .child_tid = a.child_tid, .tls = a.tls,
	};
	return do_fork(o, &req);
}
