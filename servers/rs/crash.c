/* SPDX-License-Identifier: BSD-2-Clause
 * crash.c - what is left of a service that crashed, before its successor wipes it out.
 *
 * Job:      keeps registers, stack, writable memory and last messages of the latest crashes, says
 *           the registers and messages in the log, and hands all of it to crashd, a program.
 * Speaks:   contracts/rs (crash_next, crash_read); kernel calls proc_copy and trace_read.
 * Touches:  reads the frozen service.
 * Trusts:   nothing in it.
 * On crash: kept[] is not logged: one that is not complete has no number and is never given out.
 */
#include "rs.h"
#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/clock.h>
#include <lib/trace_name.h>

enum { NR_KEPT = 2, SAID = 6 };

static struct { struct crash c; uint8_t bytes[CRASH_BYTES]; } kept[NR_KEPT] SECTION_UNDO;

/* ---- taking it ---- */

static err_t read_memory(unsigned id, uint64_t va, void *to, uint64_t len)
{
	for (uint64_t done = 0; done < len;) {
		uint64_t part = len - done < COPY_MAX ? len - done : COPY_MAX;
		struct proc_copy_request req = {
			.proc = service_endpoint(id), .dir = COPY_IN, .remote = va + done,
			.local = (uint64_t)(uintptr_t)to + done, .len = part,
		};
		struct proc_copy_reply reply;
		err_t err = sys_proc_copy(&req, &reply);

		if (err != 0)
			return err;
		done += part;
	}
	return 0;
}

static void take_segment(struct crash *c, uint8_t *bytes, uint64_t *used, uint64_t va, uint64_t len)
{
	if (len > CRASH_BYTES - *used)
		len = CRASH_BYTES - *used;
	if (len == 0 || c->nr_segments == CRASH_SEGMENTS ||
	    read_memory(c->id, va, bytes + *used, len) != 0)
		return;
	c->segment[c->nr_segments++] = (struct crash_segment){ va, len };
	*used += len;
}

/* The stack from where it is used; then what it may have written, the state last: it is long. */
static void take_memory(struct crash *c, uint8_t *bytes)
{
	uint64_t bottom = IMAGE_STACK_TOP - service_stack(c->id), used = 0;
	uint64_t sp = c->regs.rsp & ~(uint64_t)(PAGE_SIZE - 1);
	struct image image;
	struct segment s;

	if (sp < bottom || sp >= IMAGE_STACK_TOP)
		sp = bottom;
	take_segment(c, bytes, &used, sp, IMAGE_STACK_TOP - sp);
	if (service_image(c->id, &image) != 0)
		return;
	for (unsigned n = 0; image_segment(&image, n, &s); n++)
		if (s.flags & MAP_WRITE && s.va != IMAGE_STATE_VA)
			take_segment(c, bytes, &used, s.va, s.memory);
	for (unsigned n = 0; image_segment(&image, n, &s); n++)
		if (s.va == IMAGE_STATE_VA)
			take_segment(c, bytes, &used, s.va, s.memory);
}

/* Its latest messages and kernel calls. */
static void take_trace(struct crash *c)
{
	static struct trace_record record[NR_TRACE];
	struct trace_read_request req = {
		.count = NR_TRACE, .address = (uint64_t)(uintptr_t)record,
	};
	struct trace_read_reply reply;
	unsigned first, n = 0;

	if (sys_trace_read(&req, &reply) != 0)
		return;
	for (first = reply.count; first > 0 && n < CRASH_TRACES; first--)
		n += record[first - 1].from == c->id || record[first - 1].to == c->id;
	for (unsigned i = first; i < reply.count; i++)
		if (record[i].from == c->id || record[i].to == c->id)
			c->trace[c->nr_traces++] = record[i];
}

/* ---- saying it ---- */

static void say_registers(const char *name, const struct user_regs *r)
{
	say("<7>%s: rax 0x%lx rbx 0x%lx rcx 0x%lx rdx 0x%lx", name, (unsigned long)r->rax,
	    (unsigned long)r->rbx, (unsigned long)r->rcx, (unsigned long)r->rdx);
	say("<7>%s: rsi 0x%lx rdi 0x%lx rbp 0x%lx rsp 0x%lx", name, (unsigned long)r->rsi,
	    (unsigned long)r->rdi, (unsigned long)r->rbp, (unsigned long)r->rsp);
	say("<7>%s: r8 0x%lx r9 0x%lx r10 0x%lx r11 0x%lx", name, (unsigned long)r->r8,
	    (unsigned long)r->r9, (unsigned long)r->r10, (unsigned long)r->r11);
	say("<7>%s: r12 0x%lx r13 0x%lx r14 0x%lx r15 0x%lx", name, (unsigned long)r->r12,
	    (unsigned long)r->r13, (unsigned long)r->r14, (unsigned long)r->r15);
}

static void say_trace(const struct crash *c)
{
	for (unsigned i = c->nr_traces > SAID ? c->nr_traces - SAID : 0; i < c->nr_traces; i++) {
		const struct trace_record *t = &c->trace[i];

		say("<7>%s: %s %u to %u, type 0x%x", c->name, trace_name(t->event), t->from, t->to,
		    t->type);
	}
}

/* ---- handing it out ---- */

static uint32_t size_of(const struct crash *c)
{
	uint64_t size = sizeof(*c);

	for (uint32_t i = 0; i < c->nr_segments; i++)
		size += c->segment[i].len;
	return (uint32_t)size;
}

/* The oldest that is kept, of those after `number`. */
static const struct crash *kept_after(uint32_t number)
{
	const struct crash *best = NULL;

	for (unsigned i = 0; i < NR_KEPT; i++) {
		const struct crash *c = &kept[i].c;

		if (c->number > number && c->number <= state.crashes &&
		    (best == NULL || c->number < best->number))
			best = c;
	}
	return best;
}

static struct rs_crash_next_reply next_reply(const struct crash *c)
{
	return (struct rs_crash_next_reply){ .number = c->number, .size = size_of(c) };
}

static void tell(const struct crash *c)
{
	struct rs_crash_next_reply reply = next_reply(c);

	if (!endpoint_eq(state.crash_waiter, ENDPOINT_NONE))
		call_reply(state.crash_waiter, state.crash_serial, 0, &reply, sizeof(reply));
	state.crash_waiter = ENDPOINT_NONE;
}

err_t do_rs_crash_next(const struct call *c, const struct rs_crash_next_request *req,
		       struct rs_crash_next_reply *reply)
{
	const struct crash *next;

	if (!may_manage(c))
		return -EPERM;
	if (req->done > state.crashes_done && req->done <= state.crashes)
		state.crashes_done = req->done;
	next = kept_after(state.crashes_done);
	if (next == NULL) {
		crash_unwait(-EAGAIN);          /* one waits at a time */
		state.crash_waiter = c->client;
		state.crash_serial = c->serial;
		return NO_REPLY;
	}
	*reply = next_reply(next);
	return 0;
}

err_t do_rs_crash_read(const struct call *c, const struct rs_crash_read_request *req,
		       struct rs_crash_read_reply *reply)
{
	unsigned n = req->number % NR_KEPT;
	uint64_t len = c->lent < COPY_MAX ? c->lent : COPY_MAX;

	if (!may_manage(c))
		return -EPERM;
	if (req->number == 0 || kept[n].c.number != req->number)
		return -ENOENT;
	if (req->offset >= size_of(&kept[n].c))
		return 0;
	if (len > size_of(&kept[n].c) - req->offset)
		len = size_of(&kept[n].c) - req->offset;
	reply->done = (uint32_t)len;
	return reply_copy(COPY_OUT, 0, (const char *)&kept[n] + req->offset, (uint32_t)len) ? 0
										  : -EFAULT;
}

void crash_unwait(err_t err)
{
	if (!endpoint_eq(state.crash_waiter, ENDPOINT_NONE))
		call_reply(state.crash_waiter, state.crash_serial, err, NULL, 0);
	state.crash_waiter = ENDPOINT_NONE;
}

void crash_cancelled(endpoint_t client, uint32_t serial)
{
	if (endpoint_eq(client, state.crash_waiter) && serial == state.crash_serial)
		crash_unwait(-EINTR);
}

/* A defect that nobody asked for, of a service that stands frozen. */
void crash_take(unsigned id)
{
	const struct service *s = &state.service[id];
	uint32_t number = state.crashes + 1;
	struct crash *c = &kept[number % NR_KEPT].c;
	struct proc_regs_get_request req = {
		.proc = service_endpoint(id), .address = (uint64_t)(uintptr_t)&c->regs,
	};

	memset(c, 0, sizeof(*c));
	if (sys_proc_regs_get(&req) != 0)
		return;
	c->id = id;
	strlcpy(c->name, s->name, sizeof(c->name));
	strlcpy(c->program, manifest_of(id)->program, sizeof(c->program));
	c->cause = s->cause;
	c->code = s->code;
	c->repetition = s->recent;
	c->time_ns = s->defect_ns;
	if (s->cause == RS_CAUSE_EXCEPTION) {
		c->vector = s->why.code;
		c->error = s->why.error;
		c->address = s->why.address;
	}
	c->nr_places = scene_places(id, &c->regs, c->place);
	take_trace(c);
	take_memory(c, kept[number % NR_KEPT].bytes);
	say_registers(s->name, &c->regs);
	say_trace(c);
	state.crashes = number;
	c->number = number;
	tell(c);
}
