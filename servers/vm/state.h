/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that vm remembers. Which frame is where and which is free is not here: the kernel
 * knows (frame_info, space_query), and vm asks it after a crash.
 *
 * V1  The regions of a space are a list in ascending order, without overlaps, page aligned.
 * V2  Its tree holds just the regions of its list, ordered by start, as a heap by priority.
 * V3  What a live space maps lies in its regions; a page outside is left over from a crash.
 * V4  An object (shared anonymous memory) is a region of HOLDER; refs counts regions that name it.
 * V5  wait[slot] describes the one call of that process that vm has not answered yet, or nothing.
 * V6  A futex wait is in the queue of its key's bucket, in order of arrival, and nowhere else.
 * V7  A timed wait is in the list of deadlines, earliest first.
 * V8  Index 0 is nobody: no region 0, no wait of slot 0.
 */
#ifndef VM_STATE_H
#define VM_STATE_H

#include <abi/kernel.h>
#include <abi/layout.h>
#include <lib/undo.h>

enum {
	HOLDER = FIRST_PROGRAM - 1,     /* the space of shared anonymous memory; no process */
	FIRST_SPACE = FIRST_PROGRAM,    /* spaces below are services', by their slots */
	NR_REGIONS = 16384,
	REGIONS_PER_SPACE = 4096,
	NR_FILE_BUCKETS = 1024,
	NR_FUTEX_BUCKETS = 256,
};

/* Linux's PROT_. */
enum { READ = 1, WRITE = 2, EXEC = 4, PROT_ALL = 7 };

enum region_kind {
	REGION_NONE,
	REGION_ANON,                    /* private, of zeros */
	REGION_OBJECT,                  /* shared, anonymous: pages of HOLDER at file + offset */
	REGION_FILE,                    /* private, of a file */
	REGION_FILE_SHARED,
	REGION_FIXED,                   /* clock page and vDSO */
};

enum {
	REGION_GROWS = 1,               /* downwards, up to limit pages */
	REGION_FORKED = 2,              /* its pages may be shared copy-on-write */
	REGION_NO_FORK = 4,             /* MADV_DONTFORK */
	REGION_WIPE = 8,                /* MADV_WIPEONFORK */
	REGION_READ_ONLY = 16,          /* shared, of a file that was not opened for writing */
};

struct region {
	uint64_t start, end;            /* bytes */
	uint64_t file;                  /* vfs's number; OBJECT: address in HOLDER */
	uint64_t offset;                /* of start in it, bytes */
	uint16_t space;
	uint16_t prev, next;            /* V1; next also links free rows */
	uint16_t left, right;           /* V2 */
	uint16_t file_prev, file_next;  /* FILE, FILE_SHARED: rows of one bucket */
	uint16_t flags;                 /* REGION_ */
	uint8_t kind;                   /* enum region_kind */
	uint8_t prot;
	uint16_t tail;                  /* bytes of the last page that are the file's, 0: all */
	uint32_t limit;                 /* GROWS: pages; in HOLDER: pages that it has */
	uint32_t refs;                  /* in HOLDER: V4 */
};

enum space_phase {
	SPACE_NONE,
	SPACE_BUILDING,                 /* taken down after a crash */
	SPACE_LIVE,
	SPACE_DYING,                    /* its regions are gone; a process still used it */
};

struct space {
	uint64_t brk_start, brk;
	uint64_t search;                /* where to look for room first, downwards */
	uint64_t limit_total, limit_data;       /* limit.c; 0: none */
	uint32_t resident;              /* pages */
	uint32_t tables;                /* frames of its page tables, which it keeps */
	uint16_t processes;
	uint16_t regions;
	uint16_t first, root;           /* list, tree */
	uint8_t phase;                  /* enum space_phase */
};

struct user {
	endpoint_t proc;
	uint16_t space;                 /* 0: none */
};

struct futex_key { uint64_t object, offset; };

enum wait_kind {
	WAIT_NONE,
	WAIT_FUTEX,
	WAIT_PAGE,                      /* for a page of a file; then the call is done again */
	WAIT_MEMORY,                    /* for a frame; then the call is done again */
	WAIT_POPULATE,                  /* nobody waits: the page goes in and `asker` is notified */
};

struct wait {
	uint8_t kind;                   /* enum wait_kind */
	uint8_t timed;                  /* V7 */
	uint8_t write;                  /* PAGE: the program will write to a shared page */
	uint8_t told;                   /* PAGE: vfs has pulled it */
	uint16_t next, prev;            /* FUTEX: V6; PAGE: not told yet, in order */
	uint16_t later, sooner;         /* V7 */
	uint16_t space;
	uint8_t asker;                  /* POPULATE: service */
	uint8_t absolute;               /* FUTEX: how the deadline was given */
	endpoint_t client;
	uint32_t serial;
	uint32_t ticket;                /* PAGE */
	uint32_t bitset;                /* FUTEX */
	uint64_t order;                 /* of arrival */
	uint64_t deadline;              /* monotonic */
	struct futex_key key;           /* FUTEX */
	uint64_t file, offset;          /* PAGE */
	uint64_t address;               /* PAGE */
	uint32_t type;                  /* PAGE, MEMORY: the call to do again */
	uint64_t w[6];
};

struct queue { uint16_t head, tail; };

/* Memory that a service lends to another; its place with the borrower follows from its index. The
 * rows lie at SHARES_VA, which no fresh start clears: who lent lives on, and lends once. */
struct share {
	uint8_t used;
	uint8_t from, to;               /* slots */
	uint32_t key;
	endpoint_t owner;               /* from, when it lent */
	uint64_t address, len;          /* with the owner */
};

/* The latest call that was committed before it was answered: if vm crashes in between, the same
 * call comes again and is answered with this (docs/notes/0005). */
struct done {
	endpoint_t client;
	uint32_t serial;
	int64_t result;
};

struct state {
	struct space space[NR_SPACES];
	struct user user[NR_PROCS];
	struct wait wait[NR_PROCS];
	struct region region[NR_REGIONS];
	uint16_t region_free;           /* rows given back */
	uint16_t region_top;            /* rows above were never used */
	uint16_t file_bucket[NR_FILE_BUCKETS];
	struct queue futex_bucket[NR_FUTEX_BUCKETS];
	struct queue pages;             /* PAGE waits that vfs has not pulled */
	uint16_t soonest, latest;       /* V7 */
	uint16_t dead_objects;          /* objects with refs 0 that still have pages */
	uint16_t hungry;                /* waits for memory */
	uint16_t victim;                /* space that has to die for want of memory, 0: none */
	uint16_t init;                  /* slot of the first program */
	uint32_t tickets;
	uint64_t arrivals;
	uint64_t faults;
	struct done done;
	uint8_t index;                  /* vfs's page index is mapped at INDEX_VA */
	uint8_t strangers;              /* there may be programs that we do not know: they end */
	endpoint_t vfs;                 /* who pulled the tickets that are told */
};

extern struct state state;

#endif
