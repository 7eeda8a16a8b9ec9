/* SPDX-License-Identifier: BSD-2-Clause
 * trace.h - records of the kernel's trace ring.
 */
#ifndef ABI_TRACE_H
#define ABI_TRACE_H

#include <abi/types.h>

struct trace_record {
	uint16_t event;                 /* TRACE_ */
	uint16_t from, to;              /* slots */
	uint16_t type;                  /* of the message, or the kernel call, vector, ... */
	uint64_t arg;
};
_Static_assert(sizeof(struct trace_record) == 16, "trace record layout");

enum {
	TRACE_SEND = 1, TRACE_REPLY, TRACE_NOTIFY, TRACE_KERNEL_CALL, TRACE_EXCEPTION, TRACE_IRQ,
	TRACE_DESTROY, TRACE_FREEZE, TRACE_RECOVER, TRACE_STOP,
};

enum { NR_TRACE = 1024 };

#endif
