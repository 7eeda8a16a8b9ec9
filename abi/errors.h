/* SPDX-License-Identifier: BSD-2-Clause
 * errors.h - error numbers: Linux's own (asm-generic/errno), and the few of Skink's.
 *
 * Results are 0 or a negative number from here. Linux's internal restart codes (512 up) travel
 * from a server to pm and never reach a program.
 */
#ifndef ABI_ERRORS_H
#define ABI_ERRORS_H

#include <errno.h>

enum {
	ERESTARTSYS = 512,      /* interrupted: restart if the handler has SA_RESTART, else EINTR */
	ERESTARTNOINTR = 513,   /* interrupted: always restart */
	ERESTARTNOHAND = 514,   /* interrupted: restart unless a handler runs */
	ERESTART_BLOCK = 516,   /* interrupted: restart through restart_syscall */

	EDEADPEER = 600,        /* the endpoint named is dead or stale, or died during the call */
	ENOTREADY = 601,        /* sendnb: the receiver does not wait */
	ERANK = 602,            /* sendrec towards an equal or higher rank */
	EPROTO_STATE = 603,     /* a call that the contract's state machine does not allow now */
	ERECOVERED = 604,       /* the server crashed on this very request and refuses it */
};

#endif
