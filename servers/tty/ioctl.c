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
       TIOCGSID_ = 0x5429 };
enum { SIG_WINCH_ = 28, SIG_TTOU_ = 22, SIG_HUP_ = 1, SIG_CONT_ = 18 };

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
	memcpy(l->termios.cc, cc, sizeof(cc));
	l->window = (struct winsize_){ .rows = 24, .cols = 80 };
}

/* What arg points to, as far as the program gave it. */
static err_t in(struct chardev_entry *e, void *to, uint32_t size)
{
	if (e->arg_len < size)
		return -EFAULT;
	memcpy(to, e->arg, size);
	return 0;
}

static err_t out(struct chardev_entry *e, const void *from, uint32_t size)
{
	if (e->arg_len < size)
		return -EFAULT;
	memcpy(e->arg, from, size);
	return 0;
}

static err_t set_termios(struct line *l, struct chardev_entry *e,
			 const struct chardev_ioctl_request *req)
{
	struct termios_ new;
	bool was = l->termios.lflag & L_ICANON;
	err_t err = job_check(l, req->proc, SIG_TTOU_);

	if (err == 0)
		err = in(e, &new, sizeof(new));
	if (err != 0)
		return err;
	if (req->request != TCSETS_ && l->out.head != l->out.tail && !l->stopped)
		return -EAGAIN;                 /* until what was written has gone out */
	if (req->request == TCSETSF_)
		flush_input(l);
	l->termios = new;
	if (was != ((new.lflag & L_ICANON) != 0))
		recount(l);
	if (!(new.iflag & I_IXON))
		l->stopped = 0;
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
	err_t err = in(e, &new, sizeof(new));

	if (err == 0)
		resize(l, &new);
	return err;
}

static err_t set_group(struct line *l, struct chardev_entry *e, endpoint_t proc)
{
	struct pm_group_request req = { .proc = proc };
	struct pm_group_reply group;
	int32_t pgid;
	err_t err = in(e, &pgid, sizeof(pgid));

	if (err != 0)
		return err;
	if (l->session == 0 || public_word(proc, PUBLIC_SID) != l->session)
		return -ENOTTY;
	err = job_check(l, proc, SIG_TTOU_);
	if (err != 0)
		return err;
	req.pgid = (uint32_t)pgid;
	if (pgid <= 0 || pm_group(&pm, &req, &group) != 0)
		return -EINVAL;
	if (group.session != l->session)
		return -EPERM;
	l->pgrp = (uint32_t)pgid;
	return 0;
}

static err_t give_up(struct line *l, endpoint_t proc)
{
	struct pm_set_tty_request req = { .proc = proc };
	uint32_t sid = public_word(proc, PUBLIC_SID);

	if (sid != l->session)
		return -ENOTTY;
	if (sid != public_word(proc, PUBLIC_PID))
		return 0;
	signal_foreground(l, SIG_HUP_);
	signal_foreground(l, SIG_CONT_);
	l->session = l->pgrp = 0;
	return pm_set_tty(&pm, &req) == 0 ? 0 : -EPERM;
}

static err_t flow(struct line *l, uint64_t what)
{
	switch (what) {
	case 0:
		l->stopped = 1;
		return 0;
	case 1:
		l->stopped = 0;
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

static err_t flush(struct line *l, uint64_t what)
{
	if (what > 2)
		return -EINVAL;
	if (what != 1)
		flush_input(l);
	if (what != 0)
		l->out.tail = l->out.head;
	return 0;
}

static err_t put_number(struct chardev_entry *e, uint32_t value)
{
	return out(e, &value, sizeof(value));
}

static err_t perform(struct line *l, struct chardev_entry *e,
		     const struct chardev_ioctl_request *req)
{
	bool eof;

	switch (req->request) {
	case TCGETS_:
		return out(e, &l->termios, sizeof(l->termios));
	case TCSETS_:
	case TCSETSW_:
	case TCSETSF_:
		return set_termios(l, e, req);
	case TIOCGWINSZ_:
		return out(e, &l->window, sizeof(l->window));
	case TIOCSWINSZ_:
		return set_window(l, e);
	case TIOCGPGRP_:
		return l->session && public_word(req->proc, PUBLIC_SID) == l->session
			? put_number(e, l->pgrp) : -ENOTTY;
	case TIOCSPGRP_:
		return set_group(l, e, req->proc);
	case TIOCGSID_:
		return l->session ? put_number(e, l->session) : -ENOTTY;
	case TIOCSCTTY_:
		return become_controlling(l, req->proc, req->arg == 1);
	case TIOCNOTTY_:
		return give_up(l, req->proc);
	case TIOCOUTQ_:
		return put_number(e, l->out.head - l->out.tail);
	case FIONREAD_:
		return put_number(e, input_ready(l, &eof));
	case TCFLSH_:
		return flush(l, req->arg);
	case TCXONC_:
		return flow(l, req->arg);
	case TCSBRK_:
	case TCSBRKP_:
		return l->out.head != l->out.tail && !l->stopped ? -EAGAIN : 0;
	case TIOCEXCL_:
	case TIOCNXCL_:
		return 0;
	default:
		return -ENOTTY;
	}
}

err_t do_chardev_ioctl(const struct call *c, const struct chardev_ioctl_request *req,
		       struct chardev_ioctl_reply *reply)
{
	struct line *l = line_of(req->line);
	err_t err;

	if (!l)
		return -ENXIO;
	reply->seq = chardev_seq(req->line);
	err = perform(l, chardev_entry(c), req);
	events(l);
	wire_send(l);
	return err;
}
