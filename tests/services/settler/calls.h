/* SPDX-License-Identifier: BSD-2-Clause
 * calls.h - the Linux calls that settler handles, by numbers of its own.
 */
#ifndef SETTLER_CALLS_H
#define SETTLER_CALLS_H

/* w[0] is added to a sum, which is the result; all but the first copy it to w[1] of the caller. */
enum {
	SETTLER_SETTLE,                 /* it counts on after it has settled the request */
	SETTLER_COPY,                   /* an absent page is brought */
	SETTLER_LATE,                   /* is answered later, without a copy */
	SETTLER_REFUSE,                 /* the page cannot be brought */
};

#endif
