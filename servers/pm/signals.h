/* SPDX-License-Identifier: BSD-2-Clause
 * signals.h - signal numbers and structures of Linux on x86-64 (uapi/asm/signal.h,
 * uapi/asm/sigcontext.h, uapi/asm-generic/siginfo.h), under names that no C library claims.
 */
#ifndef PM_SIGNALS_H
#define PM_SIGNALS_H

#include <stdint.h>

enum {
	SIG_HUP = 1, SIG_INT, SIG_QUIT, SIG_ILL, SIG_TRAP, SIG_ABRT, SIG_BUS, SIG_FPE, SIG_KILL,
	SIG_USR1, SIG_SEGV, SIG_USR2, SIG_PIPE, SIG_ALRM, SIG_TERM, SIG_STKFLT, SIG_CHLD, SIG_CONT,
	SIG_STOP, SIG_TSTP, SIG_TTIN, SIG_TTOU, SIG_URG, SIG_XCPU, SIG_XFSZ, SIG_VTALRM, SIG_PROF,
	SIG_WINCH, SIG_IO, SIG_PWR, SIG_SYS, SIG_RTMIN_,
};

#define SIG_DFL_ 0ull
#define SIG_IGN_ 1ull

enum {
	SA_NOCLDSTOP_ = 1, SA_NOCLDWAIT_ = 2, SA_SIGINFO_ = 4, SA_RESTORER_ = 0x04000000,
	SA_ONSTACK_ = 0x08000000, SA_RESTART_ = 0x10000000, SA_NODEFER_ = 0x40000000,
};
#define SA_RESETHAND_ 0x80000000ull

enum { SI_USER_ = 0, SI_KERNEL_ = 0x80, SI_QUEUE_ = -1, SI_TKILL_ = -6, SI_TIMER_ = -2 };
enum { CLD_EXITED_ = 1, CLD_KILLED_, CLD_DUMPED_, CLD_TRAPPED_, CLD_STOPPED_, CLD_CONTINUED_ };
enum { SS_ONSTACK_ = 1, SS_DISABLE_ = 2 };
#define SS_AUTODISARM_ 0x80000000u

/* siginfo_t: the union begins at byte 16. */
struct linux_siginfo {
	int32_t signo, error, code, pad;
	union {
		struct { int32_t pid; uint32_t uid; uint64_t value; } sender;
		struct { int32_t pid; uint32_t uid; int32_t status; int32_t pad;
			 int64_t utime, stime; } child;
		struct { uint64_t address; } fault;
		uint8_t bytes[112];
	} u;
};
_Static_assert(sizeof(struct linux_siginfo) == 128, "siginfo_t");

struct linux_sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
	uint64_t eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};
_Static_assert(sizeof(struct linux_sigcontext) == 256, "struct sigcontext");

struct linux_ucontext {
	uint64_t flags, link;
	uint64_t stack_sp;
	int32_t stack_flags, pad;
	uint64_t stack_size;
	struct linux_sigcontext mc;
	uint64_t sigmask;
};
_Static_assert(sizeof(struct linux_ucontext) == 304, "struct ucontext");

struct linux_frame {
	uint64_t restorer;              /* where the handler returns to */
	struct linux_ucontext uc;
	struct linux_siginfo info;
};

/* Bytes 464..511 of the legacy area, and the word behind the state. */
struct linux_fpx {
	uint32_t magic1, extended_size;
	uint64_t features;
	uint32_t state_size, padding[7];
};
enum { FP_MAGIC1_ = 0x46505853, FP_MAGIC2_ = 0x46505845, FPX_OFFSET = 464 };
enum { UC_FP_XSTATE_ = 1, UC_SIGCONTEXT_SS_ = 2, UC_STRICT_RESTORE_SS_ = 4 };

#endif
