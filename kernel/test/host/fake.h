/* SPDX-License-Identifier: BSD-2-Clause
 * fake.h - a machine made of arrays, for the host tests of the portable kernel.
 *
 * fake.c implements kernel/arch.h. cast.c sets up services and programs and lets them execute
 * primitives and kernel calls as kernel/x86_64/trap.c would. check.c knows the invariants.
 */
#ifndef TEST_FAKE_H
#define TEST_FAKE_H

#include <kernel/arch.h>
#include <kernel/core/copy.h>
#include <kernel/core/frame.h>
#include <kernel/core/proc.h>
#include <contract/kernel.h>

/* ---- the machine (fake.c) ---- */

enum {
	FAKE_FRAMES = 512,
	FAKE_KERNEL = 4,                /* frames 0..3 are the kernel's */
	FAKE_DEVICE = 500,              /* frames 500..507 are device memory below the end of RAM */
	FAKE_DEVICE_END = 508,
	FAKE_EXT_SIZE = 512,
};

struct fake_line { bool masked; unsigned flags; };

extern uint8_t fake_memory[FAKE_FRAMES][PAGE_SIZE];
extern struct frame fake_frames[FAKE_FRAMES];
extern struct fake_line fake_lines[LINE_MSI + NR_MSI];
extern uint32_t fake_ports[65536];
extern unsigned fake_port_writes;
extern uint64_t fake_now, fake_realtime, fake_timer;
extern uint8_t fake_ext[NR_PROCS][FAKE_EXT_SIZE];
extern unsigned fake_tlb_drops;
/* Called by panic(); must not return. NULL: the test program fails and ends. */
extern void (*fake_on_panic)(const char *why, uint64_t value);

/* Everything as at boot, before rs. */
void fake_reset(void);
/* A frame that is free and that no earlier call has returned. */
pfn_t fake_frame(void);

/* ---- processes (cast.c) ---- */

enum {
	RAM_VA = 0x400000, RAM_PAGES = 4,       /* writable memory of everybody */
	TEXT_VA = 0x800000,                     /* one page, read-only, executable */
	PROGRAM_RANK = 15,
};

/* A service with its space, all primitives and kernel calls, no rights; runnable. */
struct proc *fake_service(unsigned id, unsigned rank);
/* A program with its space, runnable. Its privilege structure may sendrec to all services. */
struct proc *fake_program(unsigned slot);
/* Just the space, in the first free slot: its number. */
unsigned fake_space(unsigned priv);
void fake_map(unsigned space, vaddr_t va, pfn_t pfn, unsigned flags);
/* Where the test finds the memory of p; NULL if nothing is mapped. */
void *fake_at(const struct proc *p, vaddr_t va);

/* Make p, which is runnable, the one that runs. */
void fake_run(struct proc *p);
/* p executes `syscall` with this number and what is in its registers. Returns its RAX. */
int64_t fake_syscall(struct proc *p, uint64_t number);

/* p executes a primitive. The message comes from fake_message, R14 and R15 from fake_r14, _r15. */
int64_t fake_ipc(struct proc *p, uint64_t number, struct message m, uint64_t r14, uint64_t r15);
/* p executes a kernel call by its contract name; the reply is in fake_reply. */
int64_t fake_call(struct proc *p, const char *name, const void *request, unsigned size);
extern uint64_t fake_reply[MESSAGE_WORDS];
/* p has a page fault or another exception; a tick is over; a line fires; the timer does. */
void fake_fault(struct proc *p, uint64_t address, uint32_t code);
void fake_exception(struct proc *p, unsigned vector, uint64_t code);
void fake_tick(void);
void fake_interrupt(uint32_t line);
void fake_timer_fires(void);

/* ---- a cast that most tests start from ---- */

enum { RS, PM, VM, VFS, DRIVER, LOG };  /* privilege ids */
enum { RS_RANK = 3, PM_RANK = 5, VM_RANK = 2, VFS_RANK = 11, DRIVER_RANK = 7, LOG_RANK = 1 };
/* Linux calls that are routed: for programs, and the last one for services. */
enum { CALL_READ = 0, CALL_GETPID = 39, CALL_KILL = 62, CALL_NOBODY = 100, CALL_WRITE = 1 };
enum { DRIVER_PORT = 0x60, DRIVER_LINE = 9, DRIVER_MMIO = 0xfe000, DRIVER_MSI = LINE_MSI + 3 };

extern struct proc *rs, *pm, *vm, *vfs, *driver, *logger, *prog, *prog2;

/* rs manages services and guards all; pm manages programs and hears of their stops; vm resolves
 * their faults; vfs may forward; driver has a port, a line, an MSI and device memory. */
void fake_cast(void);

/* Primitives, in short. A client's own serial is taken where none is given. */
int64_t fake_sendrec(struct proc *p, struct proc *to, uint64_t w0);
int64_t fake_receive(struct proc *p, endpoint_t from);
int64_t fake_answer(struct proc *p, struct proc *client, uint64_t w0);
int64_t fake_answer_serial(struct proc *p, endpoint_t client, uint32_t serial, uint64_t w0);
int64_t fake_notify(struct proc *p, struct proc *to);
int64_t fake_forward(struct proc *p, struct proc *client, struct proc *to);
int64_t fake_sendnb(struct proc *p, struct proc *to, uint64_t w0);
int64_t fake_linux(struct proc *p, unsigned number, uint64_t arg0);
enum { TYPE_TEST = 0x500 };

/* err == 0: it succeeds; else it is refused with that error. coverage_test.c reads these lines. */
#define GIVES(err, who, name, ...) \
	CHECK_EQ(fake_call(who, #name, &(struct name##_request){ __VA_ARGS__ }, \
			   sizeof(struct name##_request)), -(err))
#define GIVES0(err, who, name) CHECK_EQ(fake_call(who, #name, NULL, 0), -(err))
#define REPLY(name) ((const struct name##_reply *)fake_reply)

/* ---- invariants (check.c) ---- */

/* If not empty: the only slots, and how many spaces, that the checks look at, to be quick. */
extern unsigned check_slots[], check_nr_slots, check_nr_spaces;
/* NULL, or which invariant is broken. Of the processes; of the memory. */
const char *check_procs(void);
const char *check_memory(void);

#endif
