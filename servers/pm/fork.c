/* SPDX-License-Identifier: BSD-2-Clause
 * fork.c - new processes and threads.
 *
 * Job:      makes the child of fork, vfork, clone and clone3; starts it when vfs hands over
 *           the call.
 * Speaks:   contracts/pm fork; vm.space_fork, vm.attach; kernel calls proc_create, proc_regs_*.
 * Touches:  rows of threads and processes.
 * Trusts:   vfs to have read the arguments of the call that it names.
 * On crash: rolled back, what there is of a child by then goes (space.c). If vfs dies before it has
 *           handed the call over it asks again and gets the same child.
 * Spec:     clone(2).
 */
#include "pm.h"
#include "signals.h"

enum {
	CLONE_VM_ = 0x100, CLONE_FS_ = 0x200, CLONE_FILES_ = 0x400, CLONE_SIGHAND_ = 0x800,
	CLONE_VFORK_ = 0x4000, CLONE_PARENT_ = 0x8000, CLONE_THREAD_ = 0x10000,
	CLONE_SETTLS_ = 0x80000, CLONE_PARENT_SETTID_ = 0x100000,
	CLONE_CHILD_CLEARTID_ = 0x200000, CLONE_CHILD_SETTID_ = 0x1000000,
	CLONE_NEW_ = 0x7e020000,
};
enum { ROOT_ROWS = 32 };

static err_t check_flags(uint64_t flags, uint64_t stack)
{
	if (flags & CLONE_NEW_)
		return -EINVAL;         /* namespaces */
	if (flags & CLONE_THREAD_ && !(flags & CLONE_SIGHAND_))
		return -EINVAL;
	if (flags & CLONE_SIGHAND_ && !(flags & CLONE_VM_))
		return -EINVAL;
	/* Handlers shared without being one process, or a table of files of one thread's own:
	 * no program asks for it. */
	if (!(flags & CLONE_THREAD_) && flags & CLONE_SIGHAND_)
		return -EINVAL;
	if (flags & CLONE_THREAD_ && !(flags & CLONE_FILES_))
		return -EINVAL;
	return flags & CLONE_THREAD_ && !stack ? -EINVAL : 0;
}

/* RLIMIT_NPROC counts threads, and zombies. Some rows are root's, whatever users do. */
static bool has_room(const struct process *p)
{
	unsigned mine = 0, threads = 0, processes = 0;

	if (p->uid == 0)
		return true;
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		const struct process *q = &state.process[i];
		unsigned n = q->threads != 0 ? q->threads : 1;

		if (q->state == PROCESS_FREE)
			continue;
		processes++;
		threads += n;
		mine += q->uid == p->uid ? n : 0;
	}
	return mine < p->limit[RLIMIT_NPROC_].soft && processes + ROOT_ROWS < NR_PROCESSES &&
	       threads + ROOT_ROWS < NR_THREADS;
}

/* The process row of a child: a copy, with what a child does not inherit cleared. */
static struct process *process_copy(const struct process *p, uint64_t flags, uint32_t signal)
{
	struct process *q = process_new();

	if (!q)
		return NULL;
	memcpy(q, p, sizeof(*q));
	q->state = PROCESS_LIVE;
	if (!(flags & CLONE_PARENT_))   /* else it stays the parent's own */
		q->exit_signal = (uint8_t)signal;
	q->stopped = q->untold = q->did_exec = 0;
	q->parent = flags & CLONE_PARENT_ ? p->parent : (uint16_t)process_index(p);
	q->vfork_thread = NONE;
	q->threads = 0;
	q->death_signal = 0;
	q->subreaper = 0;
	q->pending = 0;
	q->dead_cpu = q->child_cpu = (struct cpu){ 0, 0 };
	q->itimer_ns = q->itimer_interval_ns = 0;
	for (unsigned i = 0; i < 2; i++)
		q->cpu_timer[i] = (struct cpu_timer){ 0, 0 };
	q->cpu_check_ns = 0;
	q->start_ns = clock_monotonic_ns();
	q->space = 0;
	return q;
}

/* Registers of the child: the parent's, returning 0, on its stack, with its thread pointer. */
static err_t start_state(const struct thread *parent, const struct thread *child,
			 const struct pm_fork_request *req)
{
	struct user_regs r;
	struct proc_regs_get_request get = { .proc = endpoint_of(parent), .address = (uint64_t)&r };
	struct proc_regs_set_request set = { .proc = endpoint_of(child), .address = (uint64_t)&r };
	err_t err = sys_proc_regs_get(&get);

	if (err != 0)
		return err;
	r.rax = 0;
	r.orig_rax = UINT64_MAX;
	if (req->stack)
		r.rsp = req->stack;
	if (req->flags & CLONE_SETTLS_)
		r.fs_base = req->tls;
	return sys_proc_regs_set(&set);
}

static err_t space_for(const struct thread *parent, struct process *q, uint64_t flags)
{
	struct vm_space_fork_request req = { .parent = endpoint_of(parent) };
	struct vm_space_fork_reply reply;
	err_t err;

	if (flags & CLONE_VM_) {
		q->space = process_of(parent)->space;
		return 0;
	}
	err = vm_space_fork(&vm, &req, &reply);
	q->space = reply.space;
	return err;
}

static void space_undo(struct process *q, uint64_t flags)
{
	struct vm_space_free_request req = { .space = q->space };

	if (!(flags & CLONE_VM_) && q->space && vm_space_free(&vm, &req) != 0)
		print("space %u could not be freed\n", q->space);
}

static err_t make(struct thread *parent, struct thread *t, const struct pm_fork_request *req)
{
	struct process *q = process_of(t);
	struct proc_create_request create = {
		.proc = endpoint_of(t), .owner = endpoint_of(t), .priv = PRIV_PROGRAM,
		.like = endpoint_of(parent), .space = q->space, .entry = PAGE_SIZE,
	};
	struct vm_attach_request attach = { .proc = create.proc, .space = q->space };
	err_t err;

	if (q->pid != t->tid)
		create.owner = endpoint_of(thread_by_tid(q->pid));
	err = sys_proc_create(&create);
	if (err == 0)
		err = vm_attach(&vm, &attach);
	if (err == 0)
		err = start_state(parent, t, req);
	if (err != 0)
		thread_end(t);
	return err;
}

static void inherit(const struct thread *parent, struct thread *t,
		    const struct pm_fork_request *req)
{
	t->blocked = parent->blocked;
	strlcpy(t->name, parent->name, sizeof(t->name));
	if (req->flags & CLONE_CHILD_CLEARTID_)
		t->clear_tid = req->child_tid;
	if (!(req->flags & CLONE_VM_)) {
		t->alt_sp = parent->alt_sp;
		t->alt_size = parent->alt_size;
		t->alt_flags = parent->alt_flags;
	}
}

static void write_tids(struct thread *parent, struct thread *t, const struct pm_fork_request *req)
{
	if (req->flags & CLONE_PARENT_SETTID_ &&
	    user_write(parent, req->parent_tid, &t->tid, sizeof(t->tid)) != 0)
		return;                 /* as Linux: the address is the program's affair */
	if (req->flags & CLONE_CHILD_SETTID_ &&
	    user_write(t, req->child_tid, &t->tid, sizeof(t->tid)) != 0)
		return;
}

/* It has not lived. */
static void child_undo(struct thread *t)
{
	struct process *q = process_of(t);

	thread_end(t);
	thread_free(t);
	if (q->threads == 0)
		process_free(q);
}

void unborn_end(struct thread *parent)
{
	struct proc_info_request req = { .slot = endpoint_slot(endpoint_of(parent)) };
	struct thread *t = thread_of(parent->unborn);
	struct proc_info_reply info;

	/* Handed over by vfs, it may be on its way to us. */
	if (t == NULL || sys_proc_info(&req, &info) != 0 ||
	    (info.state & (STATE_CALLING | STATE_SENDING) &&
	     info.serial == parent->unborn_serial))
		return;
	print("repaired: a child whose fork was refused: %u\n", t->tid);
	parent->unborn = (endpoint_t){ 0 };
	child_undo(t);
}

err_t do_pm_fork(const struct call *c, const struct pm_fork_request *req,
		 struct pm_fork_reply *reply)
{
	struct thread *parent = thread_of(req->client), *t;
	struct proc_info_reply info;
	struct process *p, *q;
	err_t err = check_flags(req->flags, req->stack);

	if (endpoint_slot(c->client) != ID_VFS)
		return -EPERM;
	if (!parent)
		return doubt_gone(c, req->client);
	if (err != 0 || req->signal > NR_SIGNALS)
		return -EINVAL;
	if (!call_waits(endpoint_slot(req->client), ID_VFS, &info))
		return -ESRCH;          /* vfs died when it had handed it over */
	unborn_end(parent);
	t = thread_of(parent->unborn);
	if (t) {                        /* vfs died before it had handed the call over */
		reply->child = endpoint_of(t);
		reply->pid = t->tid;
		return 0;
	}
	p = q = process_of(parent);
	if (!has_room(p))
		return doubt(c, -EAGAIN);
	if (!(req->flags & CLONE_THREAD_)) {
		q = process_copy(p, req->flags, req->signal);
		if (!q)
			return doubt(c, -EAGAIN);
		err = space_for(parent, q, req->flags);
	}
	t = err == 0 ? thread_new(q) : NULL;
	if (t) {
		if (q != p)
			q->pid = t->tid;
		inherit(parent, t, req);
		err = make(parent, t, req);
		if (q != p)
			cpu_watch(q);
	}
	if (!t || err != 0)
		err = err == -ENOMEM ? err : -EAGAIN;
	if (doubt(c, err) != 0) {
		if (t)
			thread_free(t);
		if (q != p) {
			space_undo(q, req->flags);
			process_free(q);
		}
		return err;
	}
	if (req->flags & CLONE_VFORK_)
		q->vfork_thread = (uint16_t)thread_index(parent);
	publish_ids(t);
	sched_tell(t, false);
	write_tids(parent, t, req);
	parent->unborn = endpoint_of(t);
	parent->unborn_serial = info.serial;
	parent->wait_arg[0] = thread_index(t);  /* for vfork_release */
	state.forks++;
	reply->child = endpoint_of(t);
	reply->pid = t->tid;
	return 0;
}

err_t do_pm_fork_undo(const struct call *c, const struct pm_fork_undo_request *req)
{
	struct thread *t = thread_of(req->child);

	if (endpoint_slot(c->client) != ID_VFS)
		return -EPERM;
	if (t)
		child_undo(t);
	return 0;
}

/* vfs has forwarded the parent's call: the child may run. */
int64_t call_forked(struct thread *parent, const struct delivery *d)
{
	struct proc_resume_request req = { .proc = parent->unborn };
	struct thread *t = thread_of(req.proc);
	uint32_t tid;

	parent->unborn = (endpoint_t){ 0 };
	if (t == NULL || sys_proc_resume(&req) != 0)
		return -EAGAIN;
	tid = t->tid;
	if (deliverable(t) || process_of(t)->stopped)
		kick(t);                /* it was sent a signal before it began */
	if (process_of(t)->vfork_thread == thread_index(parent)) {
		parent->wait = WAIT_VFORK;
		parent->wait_arg[2] = tid;
		parent->serial = d->serial;
		return NO_REPLY;
	}
	return tid;
}

/* ---- process 1 ---- */

static void default_limits(struct process *p)
{
	enum { RLIMIT_STACK_ = 3, RLIMIT_CORE_ = 4, RLIMIT_NOFILE_ = 7,
	       RLIMIT_MSGQUEUE_ = 12, RLIMIT_NICE_ = 13, RLIMIT_RTPRIO_ = 14 };

	for (unsigned i = 0; i < NR_LIMITS; i++)
		p->limit[i] = (struct limit){ UINT64_MAX, UINT64_MAX };
	p->limit[RLIMIT_STACK_].soft = 8 << 20;
	p->limit[RLIMIT_CORE_].soft = 0;
	p->limit[RLIMIT_NOFILE_] = (struct limit){ 1024, 1024 };
	p->limit[RLIMIT_NPROC_] = (struct limit){ NR_PROCESSES / 2, NR_THREADS };
	p->limit[RLIMIT_SIGPENDING_] = (struct limit){ NR_QUEUED / 2, NR_QUEUED / 2 };
	p->limit[RLIMIT_MSGQUEUE_] = (struct limit){ 819200, 819200 };
	p->limit[RLIMIT_NICE_] = (struct limit){ 0, 0 };
	p->limit[RLIMIT_RTPRIO_] = (struct limit){ 0, 0 };
}

/* A row without a kernel process: vfs is asked to exec into it. No other process is there: threads
 * that are were left behind. */
void first_process(void)
{
	struct process *p = process_new();
	struct thread *t;

	strays_end();
	for (unsigned i = 0; i < NR_THREADS; i++)
		if (state.thread[i].tid != 0)
			state.thread[i].tid = 0;
	*p = (struct process){ .state = PROCESS_LIVE, .parent = (uint16_t)process_index(p),
			       .vfork_thread = NONE, .exit_signal = SIG_CHLD, .dumpable = 1,
			       .start_ns = clock_monotonic_ns() };
	default_limits(p);
	state.init_ended = 0;
	state.next_thread = 1;          /* no row is taken */
	t = thread_new(p);
	p->pid = p->pgid = p->sid = t->tid = 1;
	job_add(PM_JOB_INIT, t, p);
}
