/* SPDX-License-Identifier: BSD-2-Clause
 * pm.h - what the files of pm share.
 */
#ifndef PM_H
#define PM_H

#include "state.h"
#include <contract/kernel.h>
#include <contract/pm.h>
#include <contract/vm.h>
#include <lib/clock.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/server.h>
#include <lib/service_ids.h>

extern struct peer vm, ds;

/* ---- table.c: rows ---- */
struct thread *thread_of(endpoint_t e);                 /* NULL: not a live thread */
struct thread *thread_by_tid(uint32_t tid);
struct process *process_of(const struct thread *t);
struct process *process_by_pid(uint32_t pid);           /* live or zombie */
static inline unsigned thread_index(const struct thread *t)
{
	return (unsigned)(t - state.thread);
}

static inline endpoint_t endpoint_of(const struct thread *t)
{
	return ENDPOINT(t->generation, FIRST_PROGRAM + thread_index(t));
}

unsigned process_index(const struct process *p);
struct thread *thread_new(struct process *p);           /* NULL: none free */
struct process *process_new(void);
void thread_free(struct thread *t);                     /* Q2: keeps the row of a pid */
void process_free(struct process *p);
bool process_has_pid_row(const struct thread *t);
void threads_check(void);       /* rows.c: makes Q1 and Q2 so, and owners and waits */
void doomed_end(void);          /* processes that it has found not to be able to go on */
/* Makes Q3 so, and states such that there are. when: how a line about it begins. */
void processes_count(const char *when);
struct thread *next_thread(const struct process *p, struct thread *after);
#define TICK_NS 10000000ull
#define FOR_THREADS(p, t) \
	for (struct thread *t = next_thread(p, NULL); t; t = next_thread(p, t))
void publish_ids(struct thread *t);
void publish_process(struct process *p);
struct cpu thread_cpu(const struct thread *t);
struct cpu process_cpu(const struct process *p);
static inline struct cpu cpu_sum(struct cpu a, struct cpu b)
{
	return (struct cpu){ a.user + b.user, a.system + b.system };
}

static inline uint64_t cpu_ns(struct cpu c)
{
	return (c.user + c.system) * TICK_NS;
}

/* ---- memory.c: bytes of programs ---- */
err_t user_read(const struct thread *t, uint64_t from, void *to, size_t len) MUST_CHECK;
err_t user_write(const struct thread *t, uint64_t to, const void *from, size_t len) MUST_CHECK;
/* What a call will write when it has waited: -EFAULT now rather than then. */
err_t user_touch(const struct thread *t, uint64_t at) MUST_CHECK;
/* The page of a file for whose sake the latest copy for t failed; 0: none. */
uint64_t page_missing(const struct thread *t);
bool page_is_on_its_way(void);          /* it had been ordered before */
void page_missing_forget(void);

/* ---- signal.c: sending ---- */
struct signal_info { int signal; int code; uint32_t pid, uid; uint64_t value; };
/* A system call of t is handled between these; the second one with its result. */
void serving_begin(const struct thread *t);
void serving_end(struct thread *t, int64_t result);
void signal_process(struct process *p, const struct signal_info *info);
/* A call that signals many, and commits after each: from which row on, and with what result so far
 * (state.many). Done again after a crash, it goes on behind whom it has reached. */
unsigned many_begin(endpoint_t client, uint32_t serial);
void many_reach(const struct process *p);       /* before it is signalled, */
void many_next(const struct process *p, err_t result);  /* and behind that: commits */
void kick(struct thread *t);                            /* it looks at what is pending */
void tell_parent(const struct process *p, int code, int signal);
void signal_thread(struct thread *t, const struct signal_info *info);
/* One that cannot be ignored: an exception. */
void signal_force(struct thread *t, const struct signal_info *info);
bool signal_is_shielded(const struct process *p, int signal);
bool signal_is_ignored(const struct process *p, int signal);
void drop_signals(struct process *p, uint64_t set);     /* pending ones, with their siginfo */
uint64_t deliverable(const struct thread *t);
bool queue_full(const struct process *p);                /* RLIMIT_SIGPENDING, or no row */
bool queue_take(struct thread *t, int signal, struct signal_info *info);
/* One that is pending and in the set: its number; 0: none. sigcalls.c */
int64_t take_waited(struct thread *t, uint64_t set, uint64_t info_at);
void queue_flush(const struct process *p, const struct thread *t);
struct signal_info info_of_sender(const struct thread *t, int signal, int code);
#define SIGNAL_BIT(n) (1ull << ((n) - 1))

/* ---- deliver.c: handing a signal to a thread that stands still ---- */
enum { DELIVER_RUN, DELIVER_STOPPED, DELIVER_DEAD };
/* In a call to pm: the result to reply, or NO_REPLY. */
int64_t finish(struct thread *t, int64_t result);
/* Parked: handle what is pending, let it run. */
void unpark(struct thread *t);
void effect_do(void);                           /* registers that a commit has made due */
void effect_forget(const struct thread *t);
void effect_recover(void);
bool is_orphaned(uint32_t pgid);
int64_t call_sigreturn(struct thread *t, const struct delivery *d);

/* ---- frame.c ---- */
err_t frame_push(struct thread *t, struct user_regs *r, const struct action *a,
		 const struct signal_info *info, uint64_t mask) MUST_CHECK;
err_t frame_pop(struct thread *t, struct user_regs *r, uint64_t *mask) MUST_CHECK;

/* ---- exit.c ---- */
void process_exit(struct process *p, uint32_t status);
void exits_again(void);
void strays_end(void);
void init_again(void);
void thread_exit(struct thread *t);
void proc_end(endpoint_t proc);                         /* the kernel's and vm's part */
void thread_end(struct thread *t);
void job_add(unsigned kind, const struct thread *t, const struct process *p);
void vfork_release(struct process *p);
int64_t call_wait4(struct thread *t, const struct delivery *d);
int64_t call_waitid(struct thread *t, const struct delivery *d);
void audit(void);                                       /* audit.c */
void call_again(const struct thread *t);                /* a service has lost its call */
void on_parked(void);
void pages_again(void);
void threads_again(void);
void wait_look(struct process *parent);                 /* a child has changed */
err_t do_pm_job_next(const struct call *c, const struct pm_job_next_request *req,
		     struct pm_job_next_reply *reply);

err_t doubt(const struct call *c, err_t err);           /* err, hardly ever not 0: server_doubt() */
/* What was made for it: server_doubt(). Of each kind failures may come to stand: what programs can
 * bring about is none that proofs use. */
enum made { MADE_FRAME = 1, MADE_STACK, MADE_WAIT, MADE_HANDLER, MADE_RETURN, MADE_REGS };
void doubt_unless(const struct thread *t, enum made kind, bool right);
/* What pm finds, by which programs end: server_doubt_found(). */
enum { FOUND_NO_INIT, FOUND_NO_THREADS, FOUND_OTHER_PROCESS, FOUND_STRAY, FOUND_EFFECT };
err_t doubt_gone(const struct call *c, endpoint_t client);      /* -ESRCH; doubted if it lives */

/* ---- fork.c, exec.c ---- */
/* A child whose fork the parent does not wait for any more goes. */
void unborn_end(struct thread *parent);
err_t do_pm_fork(const struct call *c, const struct pm_fork_request *req,
		 struct pm_fork_reply *reply);
err_t do_pm_fork_undo(const struct call *c, const struct pm_fork_undo_request *req);
int64_t call_forked(struct thread *t, const struct delivery *d);
void first_process(void);
err_t do_pm_exec_begin(const struct call *c, const struct pm_exec_begin_request *req,
		       struct pm_exec_begin_reply *reply);
err_t do_pm_exec_finish(const struct call *c, const struct pm_exec_finish_request *req,
			struct pm_exec_finish_reply *reply);
err_t do_pm_exec_fail(const struct call *c, const struct pm_exec_fail_request *req);

/* ---- cpu.c: CPU time: limits and timers ---- */
enum { RLIMIT_CPU_ = 0, RLIMIT_DATA_ = 2, RLIMIT_NPROC_ = 6, RLIMIT_AS_ = 9,
       RLIMIT_SIGPENDING_ = 11 };
#define SECOND 1000000000ull
struct linux_itimer { int64_t interval_sec, interval_usec, sec, usec; };
void cpu_watch(struct process *p);                      /* its limit or a timer has changed */
void cpu_look(struct process *p, uint64_t now);
void cpu_timer_get(const struct process *p, unsigned which, struct linux_itimer *v);
void cpu_timer_set(struct process *p, unsigned which, const struct linux_itimer *v);
void limits_to_vm(const struct process *p, uint16_t space);

/* space.c: spaces that no process uses yet */
void exec_space_drop(struct thread *t);
void spaces_sweep(void);
void programs_sweep(void);

/* ---- time.c ---- */
void alarm_plan(void);
void on_alarm(void);
void cancel_waits(void);
int64_t call_nanosleep(struct thread *t, const struct delivery *d);
int64_t call_clock_nanosleep(struct thread *t, const struct delivery *d);
int64_t call_restart(struct thread *t, const struct delivery *d);
int64_t call_setitimer(struct thread *t, const struct delivery *d);
int64_t call_getitimer(struct thread *t, const struct delivery *d);
int64_t call_alarm(struct thread *t, const struct delivery *d);
int64_t call_clock_gettime(struct thread *t, const struct delivery *d);
int64_t call_clock_getres(struct thread *t, const struct delivery *d);
int64_t call_gettimeofday(struct thread *t, const struct delivery *d);
int64_t call_time(struct thread *t, const struct delivery *d);
int64_t call_clock_settime(struct thread *t, const struct delivery *d);
int64_t call_settimeofday(struct thread *t, const struct delivery *d);
int64_t call_times(struct thread *t, const struct delivery *d);
int64_t call_getrusage(struct thread *t, const struct delivery *d);
err_t rusage_write(struct thread *t, uint64_t address, struct cpu cpu) MUST_CHECK;

/* ---- misc.c: what sched is told ---- */
void sched_tell(const struct thread *t, bool reniced);

/* ---- syslog.c ---- */
void log_more(void);                                    /* log has new lines */

/* ---- the rest: one file for each topic; linux.c has the table ---- */
typedef int64_t linux_handler(struct thread *t, const struct delivery *d);
extern linux_handler *const linux_table[];
extern const unsigned linux_table_size;
linux_handler call_ppoll, call_pselect6;
linux_handler call_rt_sigaction, call_rt_sigprocmask, call_rt_sigpending, call_rt_sigsuspend,
	call_rt_sigtimedwait, call_rt_sigqueueinfo, call_sigaltstack, call_kill, call_tkill,
	call_tgkill, call_pause;
linux_handler call_setpgid, call_getpgid, call_getsid, call_setsid, call_setuid, call_setgid,
	call_setreuid, call_setregid, call_setresuid, call_setresgid, call_getresuid,
	call_getresgid, call_getgroups, call_setgroups, call_setfsuid, call_setfsgid;
linux_handler call_uname, call_sethostname, call_setdomainname, call_sysinfo, call_prlimit64,
	call_getrlimit, call_setrlimit, call_prctl, call_arch_prctl, call_set_tid_address,
	call_set_robust_list, call_get_robust_list, call_getpriority, call_setpriority,
	call_sched_yield, call_sched_getaffinity, call_sched_setaffinity, call_sched_getscheduler,
	call_sched_getparam, call_sched_setscheduler, call_sched_priority_max,
	call_sched_priority_min, call_personality, call_exit, call_exit_group, call_getrandom,
	call_syslog, call_capget, call_ioprio_get, call_ioprio_set, call_getcpu;

#endif
