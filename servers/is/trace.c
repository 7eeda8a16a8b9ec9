/* SPDX-License-Identifier: BSD-2-Clause
 * trace.c - the kernel's trace ring: the last messages.
 *
 * Job:      the page trace.
 * Speaks:   the kernel call trace_read.
 * Touches:  the text being made.
 * Trusts:   the kernel.
 * On crash: holds no state.
 */
#include "is.h"
#include <lib/trace_name.h>

enum { SHOWN = 400 };

static const char *who(unsigned slot)
{
	const char *name = name_of_slot(slot);

	return name[0] != '\0' ? name : "-";
}

static void put_record(uint64_t n, const struct trace_record *t)
{
	put("%8lu %-11s ", (unsigned long)n, trace_name(t->event));
	switch (t->event) {
	case TRACE_SEND:
		put("%s -> %s %s 0x%lx\n", who(t->from), who(t->to), name_of_type(t->type),
		    (unsigned long)t->arg);
		break;
	case TRACE_REPLY:
		put("%s -> %s 0x%lx\n", who(t->from), who(t->to), (unsigned long)t->arg);
		break;
	case TRACE_NOTIFY:
		put("%s -> %s\n", who(t->from), who(t->to));
		break;
	case TRACE_IRQ:
		put("line %u\n", t->type);
		break;
	default:
		put("%s %u 0x%lx\n", who(t->from), t->type, (unsigned long)t->arg);
		break;
	}
}

/* What we ask while we make the dump is in it too, at its end. */
void dump_trace(void)
{
	static struct trace_record record[NR_TRACE];
	struct trace_read_request req = { .count = NR_TRACE, .address = (uint64_t)record };
	struct trace_read_reply r;
	uint32_t from;

	if (sys_trace_read(&req, &r) != 0)
		return;
	from = r.count > SHOWN ? r.count - SHOWN : 0;
	put("  NUMBER EVENT       FROM -> TO, WHAT\n");
	for (uint32_t i = from; i < r.count; i++)
		put_record(r.first + i, &record[i]);
}
