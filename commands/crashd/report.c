/* SPDX-License-Identifier: BSD-2-Clause
 * report.c - a crash in words.
 *
 * Job:      what happened, registers, where, the latest messages.
 * Speaks:   nothing.
 * Touches:  the file.
 * Trusts:   rs, for what crashd.c has not checked: numbers are printed as they are.
 * On crash: the file is incomplete and has a temporary name.
 */
#include "crashd.h"

#include <time.h>

#include <contract/rs.h>
#include <lib/trace_name.h>

static void cause(FILE *to, const struct crash *c)
{
	switch (c->cause) {
	case RS_CAUSE_EXIT:
		fprintf(to, "ended itself, status %u", c->code);
		break;
	case RS_CAUSE_EXCEPTION:
		fprintf(to, "CPU exception %u, error code 0x%lx, address 0x%lx", c->vector,
			(unsigned long)c->error, (unsigned long)c->address);
		break;
	case RS_CAUSE_HUNG:
		fprintf(to, "missed %u heartbeats", c->code);
		break;
	case RS_CAUSE_COMPLAINT:
		fprintf(to, "was complained of, reason %u", c->code);
		break;
	case RS_CAUSE_RESOURCE:
		fprintf(to, "used more than its share, reason %u", c->code);
		break;
	case RS_CAUSE_IPC:
		fprintf(to, "broke a rule of IPC");
		break;
	default:
		fprintf(to, "cause %u, code %u", c->cause, c->code);
	}
}

static void head(FILE *to, const struct crash *c)
{
	char date[32] = "";
	time_t now = time(NULL);

	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", localtime(&now));
	fprintf(to, "%s %.16s ", date, c->name);
	cause(to, c);
	fprintf(to, "\n\n%.6f s after boot, defect %u in a row; program %.16s, id %u\n",
		(double)c->time_ns / 1e9, c->repetition, c->program, c->id);
}

struct register_name { const char *name; uint64_t value; };

static void registers(FILE *to, const struct user_regs *r)
{
	const struct register_name reg[] = {
		{ "rax", r->rax }, { "rbx", r->rbx }, { "rcx", r->rcx }, { "rdx", r->rdx },
		{ "rsi", r->rsi }, { "rdi", r->rdi }, { "rbp", r->rbp }, { "rsp", r->rsp },
		{ "r8", r->r8 }, { "r9", r->r9 }, { "r10", r->r10 }, { "r11", r->r11 },
		{ "r12", r->r12 }, { "r13", r->r13 }, { "r14", r->r14 }, { "r15", r->r15 },
		{ "rip", r->rip }, { "rflags", r->rflags },
	};

	fprintf(to, "\nregisters\n");
	for (unsigned i = 0; i < sizeof(reg) / sizeof(reg[0]); i++)
		fprintf(to, "  %-6s %016lx%s", reg[i].name, (unsigned long)reg[i].value,
			i % 2 ? "\n" : "");
}

static void places(FILE *to, const struct crash *c)
{
	/* As rs says it in the log: tools/where makes functions and lines of it. */
	fprintf(to, "\nrs: %.16s: at", c->name);
	for (uint32_t i = 0; i < c->nr_places && i < CRASH_PLACES; i++)
		fprintf(to, " 0x%lx", (unsigned long)c->place[i]);
	fputc('\n', to);
}

static void traces(FILE *to, const struct crash *c)
{
	fprintf(to, "\nlatest messages: from, to, type, argument\n");
	for (uint32_t i = 0; i < c->nr_traces && i < CRASH_TRACES; i++) {
		const struct trace_record *t = &c->trace[i];

		fprintf(to, "  %-12s %4u %4u  0x%-5x 0x%lx\n", trace_name(t->event), t->from,
			t->to, t->type, (unsigned long)t->arg);
	}
}

int report_write(FILE *to, const struct crash *c)
{
	head(to, c);
	registers(to, &c->regs);
	places(to, c);
	traces(to, c);
	return ferror(to) ? -1 : 0;
}
