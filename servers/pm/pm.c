/* SPDX-License-Identifier: BSD-2-Clause
 * pm.c - the process manager: POSIX processes, threads, signals, ids, timers, waiting.
 *
 * Job:      answers the Linux calls on processes; decides for every program that stands still.
 * Speaks:   contracts/pm to vfs, tty and procfs; contracts/vm as a client; Linux calls (linux.c).
 * Touches:  registers and memory of programs, as their manager.
 * Trusts:   vm; vfs for what contracts/pm lets only vfs ask. Nothing that a program says.
 * On crash: recovers in place; the interrupted request is rolled back and done again.
 */
#include "pm.h"
#include "signals.h"

#include <lib/assert.h>
#include <lib/complain.h>

struct peer vm = { .name = "vm" }, ds = { .name = "ds" };

/* ---- calls of programs ---- */

/* The call needs a page of a file that is not in memory. It is done again when vm has it; as it has
 * not been answered, nothing of it remains. It is done again also when something else has come,
 * and waits on; but a page that was brought, and is missing, cannot be had. */
static int64_t wait_for_page(struct thread *t, const struct delivery *d)
{
	uint64_t page = page_missing(t);

	if (t->page_tried == page && !page_is_on_its_way()) {
		t->page_tried = 0;
		return finish(t, -EFAULT);
	}
	undo_rollback();
	t->page_tried = page;
	t->wait = WAIT_PAGE;
	t->serial = d->serial;
	t->call[0] = d->m.type;
	memcpy(&t->call[1], d->m.w, sizeof(t->call) - sizeof(t->call[0]));
	return NO_REPLY;
}

err_t doubt(const struct call *c, err_t err)
{
	server_doubt(c->client, c->serial, c->type, err, err != 0);
	return err;
}

void doubt_unless(const struct thread *t, enum made kind, bool right)
{
	server_doubt(endpoint_of(t), ~t->serial, kind << 16, right ? 0 : -EFAULT, !right);
}

static bool lives(endpoint_t proc)
{
	struct proc_info_request req = { .slot = endpoint_slot(proc) };
	struct proc_info_reply info;

	return sys_proc_info(&req, &info) == 0 && endpoint_eq(info.proc, proc);
}

err_t doubt_gone(const struct call *c, endpoint_t client)
{
	return lives(client) ? doubt(c, -ESRCH) : -ESRCH;
}

static int64_t linux_call(const struct delivery *d)
{
	struct thread *t = thread_of(d->m.peer);
	int64_t result;

	if (!t) {                       /* who calls is no thread */
		server_doubt(d->m.peer, d->serial, d->m.type, -ESRCH, lives(d->m.peer));
		return -ESRCH;
	}
	if (d->m.type >= linux_table_size || !linux_table[d->m.type])
		return -ENOSYS;
	page_missing_forget();
	serving_begin(t);
	result = linux_table[d->m.type](t, d);
	serving_end(t, result);
	if (result == -EFAULT && page_missing(t))
		return wait_for_page(t, d);
	if (t->page_tried)
		t->page_tried = 0;
	if (result != NO_REPLY)
		server_doubt(d->m.peer, d->serial, d->m.type, result,
			     linux_failure_is_unusual(d->m.type, result));
	return finish(t, result);
}

/* vm has a page for somebody: all who wait for one try again. */
void pages_again(void)
{
	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct thread *t = &state.thread[i];
		struct delivery d = { .serial = t->serial };
		int64_t result;

		if (!t->alive || t->wait != WAIT_PAGE)
			continue;
		d.m.peer = endpoint_of(t);
		d.m.type = (uint32_t)t->call[0];
		memcpy(d.m.w, &t->call[1], sizeof(t->call) - sizeof(t->call[0]));
		undo_commit();
		t->wait = WAIT_NOT;
		result = linux_call(&d);
		if (result != NO_REPLY)
			call_reply_linux(d.m.peer, d.serial, result);
	}
}

/* ---- programs that stand still ---- */

enum { PAGE_FAULT = 14 };               /* the CPU's vector */

struct cause { uint8_t signal, code; };

/* What a CPU exception means to a program (Linux arch/x86/kernel/traps.c). */
static const struct cause exceptions[32] = {
	[0] = { SIG_FPE, 1 }, [1] = { SIG_TRAP, 2 }, [3] = { SIG_TRAP, SI_KERNEL_ },
	[4] = { SIG_SEGV, SI_KERNEL_ }, [5] = { SIG_SEGV, SI_KERNEL_ }, [6] = { SIG_ILL, 2 },
	[10] = { SIG_SEGV, SI_KERNEL_ }, [11] = { SIG_BUS, SI_KERNEL_ },
	[12] = { SIG_BUS, SI_KERNEL_ }, [13] = { SIG_SEGV, SI_KERNEL_ },
	[16] = { SIG_FPE, 7 }, [17] = { SIG_BUS, 1 }, [19] = { SIG_FPE, 7 },
};

/* A verdict on a page fault: signal << 32 | si_code. */
static bool is_of_vm(const struct proc_next_reply *e)
{
	return e->vector == PAGE_FAULT && e->code >> 32 != 0;
}

/* Of vm's word, that a page may not be touched, a program dies: it touches it again, and has to
 * hear the same. */
static bool is_first_word(struct thread *t, const struct proc_next_reply *e)
{
	if (!is_of_vm(e) || (t->refused_at == e->address && t->refused == e->code))
		return false;
	t->refused_at = e->address;
	t->refused = e->code;
	return true;
}

static struct signal_info info_of_exception(const struct proc_next_reply *e)
{
	if (is_of_vm(e))
		return (struct signal_info){ .signal = (int)(e->code >> 32 & 63),
					     .code = (int)(e->code & 0xffffffff),
					     .value = e->address };
	if (e->vector < COUNT(exceptions) && exceptions[e->vector].signal)
		return (struct signal_info){ .signal = exceptions[e->vector].signal,
					     .code = exceptions[e->vector].code,
					     .value = e->address };
	return (struct signal_info){ .signal = SIG_SEGV, .code = SI_KERNEL_ };
}

static void parked(struct thread *t, const struct proc_next_reply *e)
{
	t->parked = 1;
	effect_forget(t);
	if (e->cause == CAUSE_EXCEPTION && !is_first_word(t, e)) {
		struct signal_info info = info_of_exception(e);

		if (info.signal == SIG_KILL) {          /* vm is out of memory */
			process_exit(process_of(t), SIG_KILL);
			return;
		}
		signal_force(t, &info);
	}
	undo_commit();          /* the kernel tells once: what it told is remembered first */
	unpark(t);
}

void on_parked(void)
{
	struct proc_next_reply e;

	while (sys_proc_next(&e) == 0) {
		struct thread *t = thread_of(e.proc);

		if (t)
			parked(t, &e);
		undo_commit();          /* hundreds may stand still at once */
	}
}

/* ---- contracts/pm: signals and numbers ---- */

static bool may_send(const struct call *c)
{
	return endpoint_slot(c->client) < FIRST_PROGRAM;
}

static err_t do_pm_signal(const struct call *c, const struct pm_signal_request *req)
{
	struct signal_info info = { .signal = (int)req->signal, .code = req->code };
	struct thread *t = thread_of(req->proc);

	if (!may_send(c))
		return -EPERM;
	if (!t)
		return doubt_gone(c, req->proc);
	if (req->signal < 1 || req->signal > NR_SIGNALS)
		return -EINVAL;
	signal_thread(t, &info);
	return 0;
}

static err_t do_pm_signal_group(const struct call *c, const struct pm_signal_group_request *req)
{
	struct signal_info info = { .signal = (int)req->signal, .code = SI_KERNEL_ };

	if (!may_send(c))
		return -EPERM;
	if (req->signal < 1 || req->signal > NR_SIGNALS || req->pgid == 0)
		return -ESRCH;
	for (unsigned i = many_begin(c->client, c->serial); i < NR_PROCESSES; i++) {
		struct process *p = &state.process[i];

		if (p->state != PROCESS_LIVE || p->pgid != req->pgid ||
		    (req->tty != 0 && p->tty != req->tty))
			continue;
		many_reach(p);
		signal_process(p, &info);
		many_next(p, 0);
	}
	return state.many.result;
}

static err_t do_pm_group(const struct call *c, const struct pm_group_request *req,
			 struct pm_group_reply *reply)
{
	const struct thread *t = thread_of(req->proc);
	bool inside = false;

	if (!t)
		return doubt_gone(c, req->proc);
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		const struct process *q = &state.process[i], *up = &state.process[q->parent];

		if (q->state != PROCESS_LIVE || q->pgid != req->pgid)
			continue;
		reply->session = q->sid;
		inside |= up->state == PROCESS_LIVE && up->sid == q->sid && up->pgid != q->pgid;
	}
	reply->orphaned = !inside;
	if (req->signal >= 1 && req->signal <= NR_SIGNALS)
		reply->ignored = (t->blocked & SIGNAL_BIT(req->signal)) ||
				 process_of(t)->action[req->signal - 1].handler == SIG_IGN_;
	return 0;
}

static char state_letter(const struct process *p)
{
	struct proc_info_request req;
	struct proc_info_reply reply;
	const struct thread *t = thread_by_tid(p->pid);

	if (p->state != PROCESS_LIVE)
		return 'Z';
	if (p->stopped)
		return 'T';
	req.slot = FIRST_PROGRAM + thread_index(t);
	if (sys_proc_info(&req, &reply) != 0)
		return 'S';
	return reply.state == 0 ? 'R' : 'S';
}

static const struct process *process_at(uint32_t pid, uint32_t from)
{
	const struct process *best = NULL;

	if (pid)
		return process_by_pid(pid);
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		const struct process *p = &state.process[i];

		if (p->state != PROCESS_FREE && p->pid >= from && (!best || p->pid < best->pid))
			best = p;
	}
	return best;
}

static err_t do_pm_info(const struct call *c, const struct pm_info_request *req,
			struct pm_info_reply *reply)
{
	const struct process *p = process_at(req->pid, req->from);
	const struct thread *t = p ? thread_by_tid(p->pid) : NULL;

	if (!p || !t)
		return -ENOENT;
	*reply = (struct pm_info_reply){
		.proc = t->alive ? endpoint_of(t) : ENDPOINT_NONE, .pid = p->pid,
		.ppid = p->pid == 1 ? 0 : state.process[p->parent].pid, .pgid = p->pgid,
		.sid = p->sid, .uid = p->euid, .gid = p->egid, .state = (uint8_t)state_letter(p),
		.threads = (uint8_t)(p->threads < 255 ? p->threads : 255),
	};
	memcpy(reply->name, t->name, sizeof(reply->name));
	return 0;
}

static err_t do_pm_times(const struct call *c, const struct pm_times_request *req,
			 struct pm_times_reply *reply)
{
	const struct process *p = process_by_pid(req->pid);
	struct cpu cpu;

	if (!p)
		return -ENOENT;
	cpu = process_cpu(p);
	*reply = (struct pm_times_reply){
		.start_ns = p->start_ns, .user_ticks = cpu.user, .system_ticks = cpu.system,
		.child_user_ticks = p->child_cpu.user, .child_system_ticks = p->child_cpu.system,
		.tty = p->tty, .nice = p->nice, .group = p->tty_group,
	};
	return 0;
}

static err_t do_pm_signals(const struct call *c, const struct pm_signals_request *req,
			   struct pm_signals_reply *reply)
{
	const struct process *p = process_by_pid(req->pid);
	const struct thread *t = p ? thread_by_tid(p->pid) : NULL;

	if (!t)
		return -ENOENT;
	reply->pending = p->pending | t->pending;
	reply->blocked = t->blocked;
	for (unsigned i = 0; i < NR_SIGNALS; i++) {
		if (p->action[i].handler == SIG_IGN_)
			reply->ignored |= BIT(i);
		else if (p->action[i].handler != SIG_DFL_)
			reply->caught |= BIT(i);
	}
	return 0;
}

static err_t do_pm_ids(const struct call *c, const struct pm_ids_request *req,
		       struct pm_ids_reply *reply)
{
	const struct process *p = process_by_pid(req->pid);

	if (!p)
		return -ENOENT;
	*reply = (struct pm_ids_reply){
		.uid = { p->uid, p->euid, p->suid, p->fsuid },
		.gid = { p->gid, p->egid, p->sgid, p->fsgid }, .groups = p->nr_groups,
	};
	for (unsigned i = 0; i < p->nr_groups && i < COUNT(reply->group); i++)
		reply->group[i] = p->group[i];
	return 0;
}

static err_t do_pm_text(const struct call *c, const struct pm_text_request *req,
			struct pm_text_reply *reply)
{
	static char bytes[1024];
	const struct process *p = process_by_pid(req->pid);
	const struct thread *t = p ? thread_by_tid(p->pid) : NULL;
	uint64_t at, len, n = c->lent < sizeof(bytes) ? c->lent : sizeof(bytes);
	err_t err;

	if (!t || !t->alive)
		return -ENOENT;
	at = req->which ? p->env_at : p->args_at;
	len = req->which ? p->env_len : p->args_len;
	if (req->pos >= len)
		return 0;
	n = n < len - req->pos ? n : len - req->pos;
	if (user_read(t, at + req->pos, bytes, n) != 0)
		return 0;               /* the program has unmapped them */
	err = call_write(c, 0, bytes, n);
	reply->done = (uint32_t)n;
	return err;
}

static err_t do_pm_totals(const struct call *c, struct pm_totals_reply *reply)
{
	uint32_t last = 0;

	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		const struct process *p = &state.process[i];

		if (p->state == PROCESS_FREE)
			continue;
		reply->processes++;
		reply->running += p->state == PROCESS_LIVE && state_letter(p) == 'R';
		last = p->pid > last ? p->pid : last;
	}
	reply->forks = state.forks;
	reply->last_pid = last;
	return 0;
}

static err_t do_pm_host(const struct call *c, struct pm_host_reply *reply)
{
	strlcpy(reply->name, state.host, sizeof(reply->name));
	return 0;
}

static err_t do_pm_limit(const struct call *c, const struct pm_limit_request *req,
			 struct pm_limit_reply *reply)
{
	const struct thread *t = thread_of(req->proc);

	if (!t)
		return doubt_gone(c, req->proc);
	if (req->resource >= NR_LIMITS)
		return -EINVAL;
	reply->soft = process_of(t)->limit[req->resource].soft;
	reply->hard = process_of(t)->limit[req->resource].hard;
	return 0;
}

static err_t do_pm_groups(const struct call *c, const struct pm_groups_request *req,
			  struct pm_groups_reply *reply)
{
	const struct thread *t = thread_of(req->proc);
	const struct process *p;

	if (!t)
		return doubt_gone(c, req->proc);
	p = process_of(t);
	reply->count = p->nr_groups;
	if (c->lent < p->nr_groups * sizeof(p->group[0]))
		return -EFAULT;
	return call_write(c, 0, p->group, p->nr_groups * sizeof(p->group[0]));
}

static err_t do_pm_set_tty(const struct call *c, const struct pm_set_tty_request *req)
{
	struct thread *t = thread_of(req->proc);
	struct process *p;

	if (!may_send(c))
		return -EPERM;
	if (!t)
		return doubt_gone(c, req->proc);
	p = process_of(t);
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		struct process *q = &state.process[i];

		if (q->state != PROCESS_LIVE || (req->alone ? q != p : q->sid != p->sid))
			continue;
		q->tty = req->tty;
		q->tty_group = req->group;
	}
	return 0;
}

/* ---- start ---- */

static void init(enum start_kind kind)
{
	peer_watch_answers();
	effect_recover();
	if (kind != START_FRESH)
		return;
	strlcpy(state.host, "skink", sizeof(state.host));
	strlcpy(state.domain, "(none)", sizeof(state.domain));
	programs_sweep();
	first_process();
}

/* Or about to begin, after execve. */
static bool stands_still(const struct thread *t)
{
	struct proc_info_request req = { .slot = FIRST_PROGRAM + thread_index(t) };
	struct proc_info_reply reply;

	return sys_proc_info(&req, &reply) == 0 &&
	       (reply.state & STATE_PARKED || (t->parked && reply.state & STATE_NEW));
}

/* A stopped process was being continued: none of its threads stays behind; nor one that the kernel
 * told of when pm died. If that was an exception, it has it again. */
void threads_again(void)
{
	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct thread *t = &state.thread[i];

		if (!t->alive)
			continue;
		t->parked = stands_still(t);
		if (t->parked)
			unpark(t);
		undo_commit();
	}
}

static err_t check(void)
{
	threads_check();
	processes_count("recovery");
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		struct process *p = &state.process[i];

		if (p->state != PROCESS_FREE && p->parent >= NR_PROCESSES) {
			print("recovery: process %u had no parent\n", p->pid);
			p->parent = 0;          /* the first one */
		}
	}
	spaces_sweep();
	return 0;
}

static void recovered(void)
{
	doomed_end();
	exits_again();
	on_parked();
	effect_do();
	threads_again();
	alarm_plan();
}

/* vm has a page that was missing, or is out of memory. */
static void on_notify(uint64_t services)
{
	struct vm_victim_next_reply victim;
	struct vm_lost_next_reply lost;

	if (services & BIT(ID_LOG))
		log_more();
	if (services & BIT(ID_VM))
		pages_again();
	while (services & BIT(ID_VM) && vm_victim_next(&vm, &victim) == 0) {
		struct thread *t = thread_of(victim.proc);

		if (t)
			process_exit(process_of(t), SIG_KILL);
		else
			proc_end(victim.proc);
	}
	while (services & BIT(ID_VM) && vm_lost_next(&vm, &lost) == 0)
		if (thread_of(lost.proc))
			call_again(thread_of(lost.proc));
}

/* A thread that is in a call parks with its answer. */
static err_t do_pm_halt(const struct call *c, const struct pm_halt_request *req)
{
	const struct thread *caller = thread_of(req->proc);

	if (endpoint_slot(c->client) != ID_VFS || !caller || process_of(caller)->euid != 0 ||
	    !call_is_for(c, req->proc, LINUX_REBOOT))
		return -EPERM;
	state.halted = 1;
	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct thread *t = &state.thread[i];
		struct proc_stop_request stop = { .proc = endpoint_of(t), .flags = STOP_SIGNAL };
		struct proc_stop_reply reply;

		if (t->alive && sys_proc_stop(&stop, &reply) != 0)
			continue;       /* it has just ended */
	}
	return 0;
}

static err_t do_pm_again(const struct call *c, const struct pm_again_request *req)
{
	const struct thread *t = thread_of(req->proc);

	if (endpoint_slot(c->client) != ID_VFS)
		return -EPERM;
	if (!t)
		return doubt_gone(c, req->proc);
	call_again(t);
	return 0;
}

static size_t summary(char *to, size_t size)
{
	unsigned live = 0, zombies = 0, threads = 0;

	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		live += state.process[i].state == PROCESS_LIVE;
		zombies += state.process[i].state == PROCESS_ZOMBIE;
		threads += state.process[i].state == PROCESS_LIVE ? state.process[i].threads : 0;
	}
	return format(to, size, "%u processes with %u threads, %u zombies, %u forks\n"
		      "%u signals queued, %u jobs for vfs\n", live, threads, zombies, state.forks,
		      state.nr_queued, state.job_next - state.job_first);
}

static const struct pm_ops ops = {
	.fork = do_pm_fork, .fork_undo = do_pm_fork_undo, .exec_begin = do_pm_exec_begin,
	.exec_finish = do_pm_exec_finish, .exec_fail = do_pm_exec_fail,
	.job_next = do_pm_job_next, .signal = do_pm_signal, .signal_group = do_pm_signal_group,
	.group = do_pm_group, .info = do_pm_info, .times = do_pm_times,
	.text = do_pm_text, .totals = do_pm_totals, .host = do_pm_host,
	.signals = do_pm_signals, .limit = do_pm_limit, .groups = do_pm_groups,
	.set_tty = do_pm_set_tty, .halt = do_pm_halt, .ids = do_pm_ids, .again = do_pm_again,
};

int main(void)
{
	static struct answered answered[NR_PROCS] SECTION_UNDO;
	static const struct server pm = {
		.name = "pm",
		.serves = { { .contract = &pm_contract, .ops = &ops } },
		.init = init, .check = check, .recovered = recovered,
		.linux_call = linux_call, .on_parked = on_parked,
		.on_alarm = on_alarm, .on_cancel = cancel_waits, .on_notify = on_notify,
		.summary = summary, .committed = effect_do, .audit = audit,
		.answered = answered, .offended = complain_of_request,
	};

	server_run(&pm);
}
