/* SPDX-License-Identifier: BSD-2-Clause
 * trace_name.h - the records of the trace ring (abi/trace.h) in words, for services and programs.
 */
#ifndef LIB_TRACE_NAME_H
#define LIB_TRACE_NAME_H

#include <abi/trace.h>
#include <abi/types.h>

static inline const char *trace_name(unsigned event)
{
	static const char *const name[] = {
		[TRACE_SEND] = "send", [TRACE_REPLY] = "reply", [TRACE_NOTIFY] = "notify",
		[TRACE_KERNEL_CALL] = "kernel call", [TRACE_EXCEPTION] = "exception",
		[TRACE_IRQ] = "interrupt", [TRACE_DESTROY] = "destroy", [TRACE_FREEZE] = "freeze",
		[TRACE_RECOVER] = "recover", [TRACE_STOP] = "stop",
	};

	return event < COUNT(name) && name[event] != NULL ? name[event] : "?";
}

#endif
