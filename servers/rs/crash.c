/* SPDX-License-Identifier: BSD-2-Clause
 * crash.c - what is left of a service that crashed, before its successor wipes it out.
 *
 * Job:      keeps registers, stack, writable memory and last messages of the latest crashes, says
 *           the registers and messages in the log, and hands all of it to crashd, a program.
 * Speaks:   contracts/rs (crash_next, crash_read); kernel calls proc_copy and trace_read.
 * Touches:  reads the frozen service; of rs itself, what rsguard has left.
 * Trusts:   nothing in it.
 * On crash: kept[] is not logged: one that is not complete has no number and is never given out.
 */
#include "rs.h"
#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/clock.h>
#include <lib/service_ids.h>
#include <lib/trace_name.h>

enum { NR_KEPT = 2, SAID = 6 };

static struct kept_crash kept[NR_KEPT] SECTION_UNDO;

/* Of rs itself, by rsguard: its number is not 0. */
struct kept_crash crash_of_rs SECTION_KEPT;

/* ---- taking it ---- */

static uint8_t *bytes_of(uint32_t number)
{
	return kept[number % NR_KEPT].bytes;
}

static bool take_bytes(const struct crash *c, uint64_t va, uint64_t at, uint64_t len)
{
	uint8_t *to = bytes_of(state.crashes + 1) + at;

	for (uint64_t done = 0; done < len;) {
		uint64_t part = len - done < COPY_MAX ? len - done : COPY_MAX;
		struct proc_copy_request req = {
			.proc = service_endpoint(c->id), .dir = COPY_IN, .remote = va + done,
			.local = (uint64_t)(uintptr_t)to + done, .len = part,
		};
		struct proc_copy_reply reply;

		if (sys_proc_copy(&req, &reply) != 0)
			return false;
		done += part;
	}
	return true;
}

/* Who called, by the words of the stack, which is the first segment. */
static void take_places(struct crash *c, const uint8_t *bytes)
{
	static uint64_t word[SCENE_WORDS];
	uint64_t from = (c->regs.rsp & ~7ull) - c->segment[0].va, len = 0;

	if (c->nr_segments > 0 && from < c->segment[0].len) {
		len = c->segment[0].len - from;
		if (len > sizeof(word))
			len = sizeof(word);
		memcpy(word, bytes + from, len);
	}
	c->nr_places = scene_places(c->id, &c->regs, word, (unsigned)(len / sizeof(*word)),
				    c->place);
}

/* Whose slot is 0 stands where others have nobody, too. */
static bool concerns(const struct trace_record *t, uint32_t id)
{
	bool message = t->event == TRACE_SEND || t->event == TRACE_REPLY ||
		       t->event == TRACE_NOTIFY;

	return (t->from == id && t->event != TRACE_IRQ) || (t->to == id && message);
}

/* Its latest messages and kernel calls; of rs, which runs again, those before it was frozen. */
static void take_trace(struct crash *c)
{
	static struct trace_record record[NR_TRACE];
	struct trace_read_request req = {
		.count = NR_TRACE, .address = (uint64_t)(uintptr_t)record,
	};
	struct trace_read_reply reply;
	unsigned first, end, n = 0;

	if (sys_trace_read(&req, &reply) != 0)
		return;
	end = reply.count;
	for (unsigned i = end; c->id == ID_RS && i > 0 && end == reply.count; i--)
		if (record[i - 1].event == TRACE_FREEZE && record[i - 1].from == ID_RS)
			end = i;
	for (first = end; first > 0 && n < CRASH_TRACES; first--)
		n += concerns(&record[first - 1], c->id);
	for (unsigned i = first; i < end; i++)
		if (concerns(&record[i], c->id))
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

/* c is complete but for messages and places: they are added and said, and it is handed out. */
static void give_out(struct crash *c, uint32_t number)
{
	take_places(c, bytes_of(number));
	take_trace(c);
	say_registers(c->name, &c->regs);
	say_trace(c);
	state.crashes = number;
	c->number = number;
	tell(c);
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
	struct image image;

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
	if (service_image(id, &image) == 0)
		crash_take_memory(c, &image, service_stack(id), IMAGE_DMA_END, take_bytes);
	give_out(c, number);
}

static bool is_sound(const struct crash *c)
{
	uint64_t used = 0;

	if (c->nr_segments > CRASH_SEGMENTS)
		return false;
	for (uint32_t i = 0; i < c->nr_segments; i++) {
		if (c->segment[i].len > CRASH_BYTES - used)
			return false;
		used += c->segment[i].len;
	}
	return true;
}

void crash_take_own(void)
{
	uint32_t number = state.crashes + 1;
	struct crash *c = &kept[number % NR_KEPT].c;
	bool sound = is_sound(&crash_of_rs.c);

	if (crash_of_rs.c.number == 0)
		return;
	crash_of_rs.c.number = 0;       /* if we die of what follows, that is another one */
	if (!sound)
		return;
	c->number = 0;
	memcpy(bytes_of(number), crash_of_rs.bytes, CRASH_BYTES);
	*c = crash_of_rs.c;
	c->nr_places = c->nr_traces = 0;
	c->id = ID_RS;
	strlcpy(c->name, state.service[ID_RS].name, sizeof(c->name));
	strlcpy(c->program, c->name, sizeof(c->program));
	give_out(c, number);
	scene_say_places(ID_RS, 4, c->place, c->nr_places);
	server_commit();                /* audit() may find a reason to die */
}
