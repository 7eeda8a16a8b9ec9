/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that pm remembers: threads, processes, queued signals, jobs for vfs.
 *
 * Q1 thread[i] is kernel slot FIRST_PROGRAM + i; its tid is i plus a multiple of TID_STEP.
 * Q2 thread[pid % TID_STEP] stays taken until the process with that pid is reaped, so a pid finds
 *    its process without a search.
 * Q3 A process in PROCESS_LIVE has threads > 0; in EXITING and ZOMBIE none.
 */
#ifndef PM_STATE_H
#define PM_STATE_H

#include <abi/kernel.h>
#include <abi/types.h>
#include <lib/undo.h>

enum {
	NR_THREADS = NR_PROCS - FIRST_PROGRAM,
	NR_PROCESSES = 512,
	NR_QUEUED = 512,                /* siginfo of pending signals, all processes together */
	NR_SIGNALS = 64,
	NR_GROUPS = 32,
	NR_LIMITS = 16,
	TID_STEP = 1024,
	NONE = 0xffff,                  /* no such row */
	NAME = 16,
};

/* What a thread waits for in a call to pm. */
enum wait { WAIT_NOT, WAIT_CHILD, WAIT_SLEEP, WAIT_SIGNAL, WAIT_SIGTIMED, WAIT_VFORK, WAIT_LOG,
	    WAIT_PAGE };

struct thread {
	uint32_t tid;                   /* 0: the row is free */
	uint32_t generation;            /* of its endpoint; rises with each use of the slot */
	uint16_t process;
	uint8_t alive;                  /* it has a kernel process */
	uint8_t wait;                   /* enum wait */
	uint8_t parked;                 /* the kernel has parked it */
	uint8_t has_saved;              /* saved is to be restored after the next signal */
	uint16_t exec_space;            /* made for an execve that is not finished; 0: none */
	endpoint_t unborn;              /* a child that vfs has not let begin yet, or anything */
	uint32_t unborn_serial;         /* of the call that it is of */
	uint32_t serial;                /* of the call that waits */
	uint64_t blocked, saved, pending;
	uint64_t alt_sp, alt_size;
	uint32_t alt_flags;
	uint32_t wait_options;
	uint64_t clear_tid, robust_list;
	uint64_t wake_ns;               /* WAIT_SLEEP, WAIT_SIGTIMED: 0: never */
	uint64_t wait_arg[3];
	uint64_t page_tried;            /* the latest page that such a call waited for */
	uint64_t refused_at, refused;   /* vm's latest verdict on a page fault: where, and what */
	uint64_t call[7];               /* WAIT_PAGE: type and words of the call to do again */
	int32_t wait_pid;
	char name[NAME];
};

struct action { uint64_t handler, flags, restorer, mask; };

struct limit { uint64_t soft, hard; };

struct cpu { uint64_t user, system; };          /* CPU time, in ticks */
struct cpu_timer { uint64_t at, interval; };    /* CPU time in ns; at 0: not armed */

enum process_state { PROCESS_FREE, PROCESS_LIVE, PROCESS_EXITING, PROCESS_ZOMBIE };

struct process {
	uint8_t state;
	uint8_t exit_signal;            /* sent to the parent at the end */
	uint8_t stopped;                /* by a signal; its threads stay parked */
	uint8_t stop_signal;
	uint8_t untold;                 /* UNTOLD_: what wait has to report */
	uint8_t did_exec;
	uint8_t secure;                 /* ids changed at exec: AT_SECURE */
	uint8_t dumpable;
	uint8_t subreaper, no_new_privs, keep_caps;     /* prctl */
	uint32_t pid, pgid, sid;
	uint16_t parent;                /* row */
	uint16_t vfork_thread;          /* waits for our exec or exit; NONE */
	uint16_t space;
	uint16_t threads;
	uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
	uint32_t nr_groups, group[NR_GROUPS];
	uint32_t tty, tty_group;        /* controlling terminal, and its foreground */
	uint32_t status;                /* as wait reports it */
	int32_t nice;
	uint32_t death_signal;          /* PR_SET_PDEATHSIG */
	uint64_t pending;
	uint64_t start_ns;
	struct cpu dead_cpu;            /* of threads that ended */
	struct cpu child_cpu;           /* of children reaped */
	uint64_t itimer_ns, itimer_interval_ns;
	struct cpu_timer cpu_timer[2];  /* ITIMER_VIRTUAL, ITIMER_PROF */
	uint64_t cpu_check_ns;          /* when to look at its CPU time; 0: never */
	uint64_t args_at, args_len, env_at, env_len;    /* as execve laid them out */
	uint32_t persona;
	uint32_t io_priority;           /* kept for ioprio_get */
	uint32_t thp;
	struct limit limit[NR_LIMITS];
	struct action action[NR_SIGNALS];
};

enum { UNTOLD_STOP = 1, UNTOLD_CONTINUE = 2 };

struct queued {
	uint16_t process, thread;       /* thread NONE: for the process; process NONE: free */
	uint8_t signal;
	int32_t code;
	uint32_t pid, uid;
	uint64_t value;                 /* si_addr, si_value or si_status | si_utime */
};

struct job { uint32_t number; uint8_t kind; uint16_t thread, process; };
enum { NR_JOBS = NR_PROCESSES };

/* Of the call that signals many, and is committed after each: how far it has come. */
struct many {
	endpoint_t client;
	uint32_t serial;
	uint32_t next;                  /* row of the next process to look at */
	err_t result;
};

struct state {
	struct thread thread[NR_THREADS];
	struct process process[NR_PROCESSES];
	struct queued queued[NR_QUEUED];
	uint32_t nr_queued;
	struct many many;
	struct job job[NR_JOBS];        /* ring of those not finished */
	uint32_t job_first, job_next;
	endpoint_t vfs;                 /* its life that does them; 0: not known yet */
	uint16_t next_thread;           /* where the search for a free row begins */
	uint32_t forks;
	uint32_t halted;                /* nothing that is parked runs again */
	uint32_t init_ended;            /* as processes do: that there is none is no damage */
	char host[65], domain[65];
	uint64_t log_unread;            /* first line of the log that syslog(2) has not consumed */
	uint64_t log_cleared;           /* first line that has not been cleared */
	uint32_t log_level, log_saved;  /* of the console: now, and before it was off; 0: default */
	endpoint_t vfs_again;           /* as vfs */
};

extern struct state state;

#endif
