/* SPDX-License-Identifier: BSD-2-Clause
 * ioctl.c - the ioctls of terminals.
 *
 * Job:      termios, window size, process groups, queues.
 * Speaks:   contracts/chardev ioctl; pm.set_tty.
 * Touches:  the line.
 * Trusts:   nothing in an argument.
 * On crash: every request is a change of the line, rolled back or committed.
 * Spec:     ioctl_tty(2); uapi/asm-generic/ioctls.h (numbers).
 */
#include "tty.h"

#include <contract/pm.h>
#include <lib/peer.h>

enum { TCGETS_ = 0x5401, TCSETS_, TCSETSW_, TCSETSF_, TCSBRK_ = 0x5409, TCXONC_, TCFLSH_,
       TIOCEXCL_, TIOCNXCL_, TIOCSCTTY_, TIOCGPGRP_, TIOCSPGRP_, TIOCOUTQ_, TIOCGWINSZ_ = 0x5413,
       TIOCSWINSZ_, TIOCMGET_, FIONREAD_ = 0x541b, TIOCNOTTY_ = 0x5422, TCSBRKP_ = 0x5425,
       TIOCGSID_ = 0x5429, TIOCGPTPEER_ = 0x5441 };
#define TIOCGDEV_ 0x80045432u
#define TIOCGEXCL_ 0x80045440u
enum { CSIZE_ = 060, CS8_ = 060, CREAD_ = 0200, PARENB_ = 0400 };

static struct peer pm = PEER("pm");

void termios_reset(struct line *l)
{
	static const uint8_t cc[NR_CC] = {
		3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22,
	};

	l->termios = (struct termios_){
		.iflag = I_ICRNL | I_IXON | I_IMAXBEL | I_IUTF8, .oflag = O_OPOST | O_ONLCR,
		.lflag = L_ISIG | L_ICANON | L_ECHO | L_ECHOE | L_ECHOK | L_ECHOCTL | L_ECHOKE |
			 L_IEXTEN,
	};
	l->termios.cflag = 0x1cb2;      /* B115200, CS8, CREAD, HUPCL, CLOCAL */
	l->window = (struct winsize_){ .rows = 24, .cols = 80 };
	if (pty_of(l) != NULL) {        /* as Linux has one */
		l->termios.iflag = I_ICRNL | I_IXON;
		l->termios.cflag = 0xbf;        /* B38400, CS8, CREAD */
		l->window = (struct winsize_){ 0 };
	}
	memcpy(l->termios.cc, cc, sizeof(cc));
}

/* What arg points to, as far as the program gave it. */
err_t arg_in(struct chardev_entry *e, void *to, uint32_t size)
{
	if (e->arg_len < size)
		return -EFAULT;
	memcpy(to, e->arg, size);
	return 0;
}

err_t arg_out(struct chardev_entry *e, const void *from, uint32_t size)
{
	if (e->arg_len < size)
		return -EFAULT;
	memcpy(e->arg, from, size);
	return 0;
}

err_t arg_number(struct chardev_entry *e, uint32_t value)
{
	return arg_out(e, &value, sizeof(value));
}

/* Is there output that must go out before the ioctl? What is written to a pseudo-terminal has. */
static bool drains(const struct line *l)
{
	return out_used(l) != 0 && !l->stopped && pty_of(l) == NULL;
}

static bool has_flow(const struct termios_ *t)
{
	return t->iflag & I_IXON && t->cc[C_STOP] == 19 && t->cc[C_START] == 17;
}

static err_t set_termios(struct line *l, struct chardev_entry *e,
			 const struct chardev_ioctl_request *req)
{
	struct termios_ new;
	bool was = l->termios.lflag & L_ICANON;
	err_t err = job_check(l, req->proc, SIG_TTOU_);

	if (err == 0)
		err = arg_in(e, &new, sizeof(new));
	if (err != 0)
		return err;
	if (req->request != TCSETS_ && drains(l))
		return -EAGAIN;
	if (req->request == TCSETSF_)
		flush_input(l);
	if (pty_of(l) != NULL)
		new.cflag = (new.cflag & ~(uint32_t)(CSIZE_ | PARENB_)) | CS8_ | CREAD_;
	if (has_flow(&new) != has_flow(&l->termios))
		pty_say(l, has_flow(&new) ? PKT_DOSTOP : PKT_NOSTOP, PKT_DOSTOP | PKT_NOSTOP);
	l->termios = new;
	if (was != ((new.lflag & L_ICANON) != 0))
		recount(l);
	if (!(new.iflag & I_IXON))
		set_stopped(l, false);
	return 0;
}

void resize(struct line *l, const struct winsize_ *window)
{
	if (memcmp(window, &l->window, sizeof(*window)) == 0)
		return;
	l->window = *window;
	signal_foreground(l, SIG_WINCH_);
}

static err_t set_window(struct line *l, struct chardev_entry *e)
{
	struct winsize_ new;
	err_t err = arg_in(e, &new, sizeof(new));

	if (err == 0)
		resize(l, &new);
	return err;
}

static err_t set_group(struct line *l, struct chardev_entry *e, endpoint_t proc)
{
	struct pm_group_request req = { .proc = proc };
	struct pm_group_reply group;
	int32_t pgid;
	err_t err = arg_in(e, &pgid, sizeof(pgid));

	if (err != 0)
		return err;
	if (!is_terminal_of(l, proc))
		return -ENOTTY;
	err = job_check(l, proc, SIG_TTOU_);
	if (err != 0)
		return err == -EIO ? -ENOTTY : err;     /* as on Linux */
	req.pgid = (uint32_t)pgid;
	if (pgid < 0)
		return -EINVAL;
	if (pgid == 0 || pm_group(&pm, &req, &group) != 0 || group.session == 0)
		return -ESRCH;
	if (group.session != l->session)
		return -EPERM;
	l->pgrp = (uint32_t)pgid;
	return tell_session(l, proc);
}

/* Done again after a crash, it may find that pm has forgotten the terminal: we have told it. */
static err_t give_up(struct line *l, endpoint_t proc, uint32_t pid)
{
	struct pm_set_tty_request req = { .proc = proc, .alone = 1 };
	bool leads = public_word(proc, PUBLIC_SID) == public_word(proc, PUBLIC_PID);
	bool told = controlling(pid) != l;
	err_t err = 0;

	if (told && l->leaver != pid)
		return -ENOTTY;
	l->leaver = pid;
	undo_commit();
	if (leads && !told) {
		signal_foreground(l, SIG_HUP_);
		signal_foreground(l, SIG_CONT_);
	}
	if (leads)
		drop_session(l);
	else if (pm_set_tty(&pm, &req) != 0)
		err = -EPERM;
	l->leaver = 0;
	return err;
}

static err_t flow(struct line *l, const struct chardev_ioctl_request *req)
{
	err_t err = job_check(l, req->proc, SIG_TTOU_);

	if (err != 0)
		return err;
	switch (req->arg) {
	case 0:
		set_stopped(l, true);
		return 0;
	case 1:
		set_stopped(l, false);
		return 0;
	case 2:
		out_put(l, l->termios.cc[C_STOP]);
		return 0;
	case 3:
		out_put(l, l->termios.cc[C_START]);
		return 0;
	default:
		return -EINVAL;
	}
}

static err_t flush(struct line *l, const struct chardev_ioctl_request *req)
{
	err_t err = job_check(l, req->proc, SIG_TTOU_);

	if (err != 0)
		return err;
	if (req->arg > 2)
		return -EINVAL;
	if (req->arg != 1)
		flush_input(l);
	if (req->arg != 0)
		flush_output(l);
	return 0;
}

/* Bytes that can be read, of all lines that are ended; the marks of ends of file are none. */
static uint32_t waiting(const struct line *l)
{
	uint32_t n = 0, ready = l->ready;

	if (!(l->termios.lflag & L_ICANON))
		return in_used(l);
	for (uint32_t i = 0; i < in_used(l) && ready > 0; i++) {
		n += !in_is_mark(l, i);
		ready -= is_end(l, i);
	}
	return n;
}

err_t line_ioctl(struct line *l, struct chardev_entry *e, const struct chardev_ioctl_request *req)
{
	err_t err;

	switch (req->request) {
	case TCGETS_:
		return arg_out(e, &l->termios, sizeof(l->termios));
	case TCSETS_:
	case TCSETSW_:
	case TCSETSF_:
		return set_termios(l, e, req);
	case TIOCGWINSZ_:
		return arg_out(e, &l->window, sizeof(l->window));
	case TIOCSWINSZ_:
		return set_window(l, e);
	case TIOCGPGRP_:
		return is_terminal_of(l, req->proc) ? arg_number(e, l->pgrp) : -ENOTTY;
	case TIOCSPGRP_:
		return set_group(l, e, req->proc);
	case TIOCGSID_:
		return is_terminal_of(l, req->proc) ? arg_number(e, l->session) : -ENOTTY;
	case TIOCSCTTY_:
		return become_controlling(l, req->proc, req->arg == 1);
	case TIOCNOTTY_:
		return give_up(l, req->proc, req->pid);
	case TIOCOUTQ_:
		return arg_number(e, pty_of(l) == NULL ? out_used(l) : 0);
	case FIONREAD_:
		return arg_number(e, waiting(l));
	case TCFLSH_:
		return flush(l, req);
	case TCXONC_:
		return flow(l, req);
	case TCSBRK_:
	case TCSBRKP_:
		err = job_check(l, req->proc, SIG_TTOU_);
		return err == 0 && drains(l) ? -EAGAIN : err;
	case TIOCEXCL_:
	case TIOCNXCL_:
		l->exclusive = req->request == TIOCEXCL_;
		return 0;
	case TIOCGEXCL_:
		return arg_number(e, l->exclusive);
	case TIOCGDEV_:
		return arg_number(e, device_of(l));
	case TIOCGPTPEER_:
		return -EIO;                    /* it is no master */
	default:
		return -ENOTTY;
	}
}

err_t do_chardev_ioctl(const struct call *c, const struct chardev_ioctl_request *req,
		       struct chardev_ioctl_reply *reply)
{
	struct line *l = line_of(req->line), *master = line_of_master(req->line);
	err_t err;

	if (l == NULL && master == NULL)
		return -ENXIO;
	reply->seq = chardev_seq(req->line);
	if (l == NULL)
		err = pty_ioctl(master, chardev_entry(c), req, reply);
	else if (l->hung_up)
		err = req->request == TIOCSPGRP_ ? -ENOTTY : -EIO;
	else
		err = line_ioctl(l, chardev_entry(c), req);
	events(l != NULL ? l : master);
	return err;
}
