/* SPDX-License-Identifier: BSD-2-Clause
 * frame.c - signal frames, exactly as Linux lays them out on x86-64.
 *
 * Job:      saves registers, extended state and mask on the program's stack and sends it to the
 *           handler; takes them back at rt_sigreturn.
 * Speaks:   kernel calls proc_ext_get and proc_ext_set.
 * Touches:  the stack of a program that stands still.
 * Trusts:   nothing on the stack: the kernel checks registers and extended state.
 * On crash: a frame is written before the registers change, so it can be written again.
 * Spec:     Linux uapi/asm/sigcontext.h, uapi/asm/ucontext.h; psABI (red zone of 128 bytes).
 */
#include "pm.h"
#include "signals.h"

enum { RED_ZONE = 128, EXT_MAX = 832, FLAG_TF = 0x100, FLAG_DF = 0x400, FLAG_RF = 0x10000 };
enum { USER_CS = 0x23, USER_SS = 0x1b };

static bool on_alt_stack(const struct thread *t, uint64_t sp)
{
	return !(t->alt_flags & SS_DISABLE_) && sp > t->alt_sp && sp - t->alt_sp <= t->alt_size;
}

static uint64_t stack_for(const struct thread *t, const struct action *a, uint64_t sp)
{
	if (a->flags & SA_ONSTACK_ && t->alt_size && !(t->alt_flags & SS_DISABLE_) &&
	    !on_alt_stack(t, sp))
		return t->alt_sp + t->alt_size;
	return sp - RED_ZONE;
}

static void fill_context(struct linux_sigcontext *m, const struct user_regs *r, uint64_t mask)
{
	*m = (struct linux_sigcontext){
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11, .r12 = r->r12,
		.r13 = r->r13, .r14 = r->r14, .r15 = r->r15, .rdi = r->rdi, .rsi = r->rsi,
		.rbp = r->rbp, .rbx = r->rbx, .rdx = r->rdx, .rax = r->rax, .rcx = r->rcx,
		.rsp = r->rsp, .rip = r->rip, .eflags = r->rflags, .cs = USER_CS, .ss = USER_SS,
		.oldmask = mask,
	};
}

static void fill_info(struct linux_siginfo *to, const struct signal_info *i)
{
	*to = (struct linux_siginfo){ .signo = i->signal, .code = i->code };
	if (i->code > 0 && i->code != SI_KERNEL_ && i->signal != SIG_CHLD) {
		to->u.fault.address = i->value;
	} else if (i->signal == SIG_CHLD && i->code > 0) {
		to->u.child.pid = (int32_t)i->pid;
		to->u.child.uid = i->uid;
		to->u.child.status = (int32_t)i->value;
	} else {
		to->u.sender.pid = (int32_t)i->pid;
		to->u.sender.uid = i->uid;
		to->u.sender.value = i->value;
	}
}

/* Extended state to the stack at `at`, with the words that say how large it is. */
static err_t push_ext(struct thread *t, uint64_t at)
{
	struct proc_ext_get_request req = {
		.proc = endpoint_of(t), .address = at, .size = EXT_MAX,
	};
	struct proc_ext_get_reply reply;
	struct linux_fpx fpx;
	uint32_t magic2 = FP_MAGIC2_;
	uint64_t zero = 0;
	err_t err = sys_proc_ext_get(&req, &reply);

	/* The kernel does not bring pages: write to both that the area may touch. */
	if (err == -EFAULT) {
		err = user_write(t, at, &zero, sizeof(zero));
		if (err == 0)
			err = user_write(t, at + EXT_MAX - sizeof(zero), &zero, sizeof(zero));
		if (err == 0)
			err = sys_proc_ext_get(&req, &reply);
	}
	if (err != 0)
		return err;
	fpx = (struct linux_fpx){
		.magic1 = FP_MAGIC1_, .extended_size = reply.size + (uint32_t)sizeof(magic2),
		.features = reply.mask, .state_size = reply.size,
	};
	err = user_write(t, at + FPX_OFFSET, &fpx, sizeof(fpx));
	return err != 0 ? err : user_write(t, at + reply.size, &magic2, sizeof(magic2));
}

static void take_context(struct user_regs *r, const struct linux_sigcontext *m)
{
	enum { KEEP = 0xcd5 | FLAG_TF | 0x40000 | 0x200000 };   /* arithmetic, DF, TF, AC, ID */

	r->r8 = m->r8, r->r9 = m->r9, r->r10 = m->r10, r->r11 = m->r11, r->r12 = m->r12;
	r->r13 = m->r13, r->r14 = m->r14, r->r15 = m->r15, r->rdi = m->rdi, r->rsi = m->rsi;
	r->rbp = m->rbp, r->rbx = m->rbx, r->rdx = m->rdx, r->rax = m->rax, r->rcx = m->rcx;
	r->rsp = m->rsp, r->rip = m->rip;
	r->rflags = (r->rflags & ~(uint64_t)KEEP) | (m->eflags & KEEP);
	r->orig_rax = UINT64_MAX;
}

/* Whether nothing of the program's is in [at, end): right below its stack, or on the alternate one,
 * which it is not on. */
static bool is_free(const struct thread *t, const struct user_regs *r, uint64_t at, uint64_t end)
{
	enum { MOST = sizeof(struct linux_frame) + EXT_MAX + RED_ZONE + 128 };

	if (at >= t->alt_sp && end <= t->alt_sp + t->alt_size && !on_alt_stack(t, r->rsp))
		return true;
	return end <= r->rsp - RED_ZONE && r->rsp - at <= MOST;
}

/* The way back: a frame that lies at `at` says what r, as yet unchanged, is. */
static bool leads_back(const struct thread *t, uint64_t at, const struct user_regs *r,
		       const struct action *a, int signal)
{
	struct user_regs back = *r;
	struct linux_fpx fpx;
	struct linux_frame f;

	if (user_read(t, at, &f, sizeof(f)) != 0 ||
	    user_read(t, f.uc.mc.fpstate + FPX_OFFSET, &fpx, sizeof(fpx)) != 0)
		return false;
	back.rip = back.rsp = back.rax = 0;
	take_context(&back, &f.uc.mc);
	back.orig_rax = r->orig_rax;
	return memcmp(&back, r, sizeof(back)) == 0 && f.restorer == a->restorer &&
	       f.info.signo == signal && fpx.magic1 == FP_MAGIC1_ && at % 16 == 8 &&
	       at + sizeof(f) <= f.uc.mc.fpstate &&
	       is_free(t, r, at, f.uc.mc.fpstate + EXT_MAX + sizeof(uint32_t));
}

err_t frame_push(struct thread *t, struct user_regs *r, const struct action *a,
		 const struct signal_info *info, uint64_t mask)
{
	struct linux_frame f = { .restorer = a->restorer };
	uint64_t sp = stack_for(t, a, r->rsp), fp, at;
	err_t err;

	fp = (sp - EXT_MAX - sizeof(uint32_t)) & ~63ull;
	at = ((fp - sizeof(f)) & ~15ull) - 8;
	if (sp >= USER_END || at >= sp)
		return -EFAULT;
	f.uc = (struct linux_ucontext){
		.flags = UC_FP_XSTATE_ | UC_SIGCONTEXT_SS_ | UC_STRICT_RESTORE_SS_,
		.stack_sp = t->alt_sp, .stack_size = t->alt_size,
		.stack_flags = (int32_t)(t->alt_size ? t->alt_flags : SS_DISABLE_),
		.sigmask = mask,
	};
	fill_context(&f.uc.mc, r, mask);
	f.uc.mc.fpstate = fp;
	if (info->code > 0 && info->code != SI_KERNEL_)
		f.uc.mc.cr2 = info->value;
	fill_info(&f.info, info);
	err = push_ext(t, fp);
	if (err == 0)
		err = user_write(t, at, &f, sizeof(f));
	if (err != 0)
		return err;
	doubt_unless(t, MADE_FRAME, leads_back(t, at, r, a, info->signal));
	r->rdi = (uint64_t)info->signal;
	r->rsi = at + offsetof(struct linux_frame, info);
	r->rdx = at + offsetof(struct linux_frame, uc);
	r->rax = 0;
	r->rip = a->handler;
	r->rsp = at;
	r->rflags &= ~(uint64_t)(FLAG_DF | FLAG_TF | FLAG_RF);
	r->orig_rax = UINT64_MAX;
	return 0;
}

/* The frame that r->rsp points behind (the restorer's address is popped). */
err_t frame_pop(struct thread *t, struct user_regs *r, uint64_t *mask)
{
	struct proc_ext_set_request ext = { .proc = endpoint_of(t), .size = EXT_MAX };
	struct linux_ucontext uc;
	err_t err = user_read(t, r->rsp, &uc, sizeof(uc));

	if (err != 0)
		return err;
	ext.address = uc.mc.fpstate;
	err = sys_proc_ext_set(&ext);
	if (err != 0)
		return err;
	take_context(r, &uc.mc);
	*mask = uc.sigmask;
	t->alt_sp = uc.stack_sp;
	t->alt_size = uc.stack_size;
	t->alt_flags = (uint32_t)uc.stack_flags & (SS_DISABLE_ | SS_AUTODISARM_);
	return 0;
}
