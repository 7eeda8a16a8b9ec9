/* SPDX-License-Identifier: BSD-2-Clause
 * kernel.h - structures and constants of the kernel calls (contracts/kernel.contract).
 */
#ifndef ABI_KERNEL_H
#define ABI_KERNEL_H

#include <abi/types.h>

/* First user address not usable: the last page below the hole stays empty, so that the address
 * after a `syscall` is always canonical (AMD APM vol. 2, 6.1.1). */
#define USER_END 0x00007ffffffff000ull

/* ---- processes ---- */

/* Registers of a parked process, for proc_regs_get and _set. */
struct user_regs {
	uint64_t rdi, rsi, rdx, r10, r8, r9, r12, r13;
	uint64_t r14, r15, rax, rbx, rbp, rcx, r11;
	uint64_t rip, rsp, rflags;
	uint64_t fs_base, gs_base;
	uint64_t orig_rax;              /* number of the system call it parked at, or -1 */
};

/* Flags of proc_stop and proc_resume. */
enum {
	STOP_SIGNAL = 1,                /* once, at the next boundary */
	STOP_ENTRY = 2,                 /* at each system call, before it is sent */
	STOP_EXIT = 4,                  /* at each system call, when it is answered */
	STOP_ALL = 7,
};

/* Why proc_next names a process. */
enum {
	CAUSE_STOPPED = 1,              /* parked for STOP_SIGNAL */
	CAUSE_ENTRY = 2,                /* parked at a system call's entry */
	CAUSE_EXIT = 3,                 /* parked at a system call's exit */
	CAUSE_EXCEPTION = 4,            /* a CPU exception, or a page fault refused by vm */
	CAUSE_FROZEN = 5,               /* proc_freeze */
	CAUSE_IPC = 6,                  /* a service broke a rule of IPC that only a bug breaks */
};

/* STATE_ bits of proc_info; none: runnable. */
enum {
	STATE_NEW = 1,                  /* created, not started */
	STATE_SENDING = 2,              /* queued at its partner */
	STATE_CALLING = 4,              /* delivered, waits for the reply */
	STATE_RECEIVING = 8,            /* waits for a message */
	STATE_PARKED = 16,              /* stopped at the boundary, pm decides */
	STATE_FROZEN = 32,              /* stopped by a defect, its guardian decides */
};

/* Public words: what the kernel answers at once. pm keeps them. */
enum {
	PUBLIC_PID, PUBLIC_TID, PUBLIC_PPID, PUBLIC_UID, PUBLIC_EUID, PUBLIC_GID, PUBLIC_EGID,
	PUBLIC_PGID, PUBLIC_SID, PUBLIC_FSUID, PUBLIC_FSGID, PUBLIC_UMASK,
	NR_PUBLIC = 12,
};

enum { NR_PRIORITIES = 16, QUANTUM_MAX = 100 };

/* ---- privileges ---- */

enum { PRIV_PORTS = 8, PRIV_MMIO = 8, PRIV_LINES = 8, NR_PERSONALITIES = 2 };
enum { PERSONALITY_PROGRAM = 0, PERSONALITY_SERVICE = 1 };

enum {
	RIGHT_MANAGE_SERVICES = 1,      /* proc_* on services */
	RIGHT_MANAGE_PROGRAMS = 2,      /* proc_* on programs */
	RIGHT_FORWARD = 4,              /* IPC_FORWARD */
	RIGHT_SCHEDULE = 16,            /* proc_sched on anybody */
};

struct range16 { uint16_t first, last; };
struct pfn_range { uint32_t first, count; };

/* One service's rights, from its manifest. */
struct priv_desc {
	uint32_t primitives;            /* bit n: primitive IPC_SENDREC + n */
	uint32_t rights;                /* RIGHT_ */
	uint64_t sendrec_to;            /* bit n: privilege id n */
	uint64_t notify_to;             /* also sendnb and forward */
	uint64_t calls;                 /* bit n: kernel call 0x1000 + n */
	uint64_t posix[16];             /* bit n: Linux call n, for a service */
	uint8_t rank;                   /* sendrec goes to a lower one only */
	uint8_t personality;
	uint8_t priority;
	uint8_t quantum;
	uint32_t guardian;              /* privilege id that is told of its defects */
	struct range16 ports[PRIV_PORTS];       /* first > last: unused */
	struct pfn_range mmio[PRIV_MMIO];       /* count 0: unused */
	uint32_t lines[PRIV_LINES];             /* LINE_NONE: unused */
};

/* Routes, 16 bits each. The two after the last Linux call are the personality's handlers. */
enum {
	ROUTE_ENOSYS = 0,
	ROUTE_SERVER = 0x8000,          /* | privilege id */
	ROUTE_PUBLIC = 0x4000,          /* | public word */
	ROUTE_FAULT = 0x400,            /* index: who resolves page faults */
	ROUTE_EXCEPTION = 0x401,        /* index: who is told of exceptions and stops */
	NR_ROUTES = 0x402,
};

/* ---- memory ---- */

/* CLOCK: the clock page, which may be mapped but not for writing. */
enum frame_type { FRAME_FREE, FRAME_USER, FRAME_TABLE, FRAME_KERNEL, FRAME_DEVICE, FRAME_CLOCK };

struct frame {                          /* 8 bytes for each physical frame */
	uint32_t maps;                  /* user mappings */
	uint16_t pins;
	uint8_t type;                   /* enum frame_type */
	uint8_t unused;
};
_Static_assert(sizeof(struct frame) == 8, "frame table entry");

/* One run of space_map: `count` pages from `pfn` on at `va`. Flags are in va's low bits. */
struct map_run {
	uint64_t va;
	uint32_t pfn;
	uint32_t count;
};
enum {
	MAP_WRITE = 1,
	MAP_EXEC = 2,
	MAP_ZERO = 4,                   /* fill the frames with zeros first */
	MAP_COPY = 8,                   /* replace what is mapped by a writable copy in pfn */
	MAP_MMIO = 16,                  /* device memory, uncached */
	MAP_NONE = 32,                  /* space_protect: the program may not even read it */
	MAP_NEW = 64,                   /* what is mapped already stays as it is */
	MAP_FLAGS = 31 | MAP_NEW,       /* of space_map */
};
enum { SHARE_SAME = 0, SHARE_COW = 1 };
enum { SPACE_STEP = 512 };              /* pages that one call maps, shares or unmaps at most */

/* ---- grants ---- */

enum { GRANT_READ = 1, GRANT_WRITE = 2 };       /* as the borrower sees it */
enum { GRANT_ROWS = 32 };                       /* for each privilege id */
#define GRANT(seq, priv, row) \
	((grant_t){ ((uint32_t)(seq) << 16) | ((uint32_t)(priv) << 8) | (uint32_t)(row) })

/* ---- devices ---- */

enum {
	NR_LINES = 24,                  /* IOAPIC inputs */
	LINE_MSI = 24,                  /* message-signalled ones follow */
	NR_MSI = 64,
	LINE_NONE = 0xffffffff,
	LINE_LEVEL = 1,
	LINE_LOW = 2,
};

struct port_op {
	uint16_t port;
	uint8_t width;                  /* 1, 2 or 4 bytes */
	uint8_t write;
	uint32_t value;                 /* read: filled in */
};
enum { PORT_OPS_MAX = 128 };

#endif
