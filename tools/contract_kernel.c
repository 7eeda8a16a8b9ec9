/* SPDX-License-Identifier: BSD-2-Clause
 * contract_kernel.c - generates the kernel calls' headers, stubs and dispatch.
 *
 * Job:      kernel.h (numbers, payloads, stub prototypes), kernel_calls.h (handlers),
 *           kernel_table.h (the switch, which the kernel includes once), kernel_client.c (stubs),
 *           kernel_names.c (names for manifests and traces).
 * Speaks:   lib/ipc.h (ipc_kernel) in the stubs.
 * Touches:  outputs in memory.
 * Trusts:   the checks of contract_parse.c and contract_check.c (C1..C4).
 * On crash: nothing is written yet.
 */
#include <string.h>

#include "contract.h"

static void title(FILE *f, const char *file, const char *what)
{
	fprintf(f, "/* SPDX-License-Identifier: BSD-2-Clause\n * %s - %s\n"
		" * Generated from contracts/kernel.contract: do not edit.\n */\n", file, what);
}

static void stub_head(FILE *f, const struct call *c)
{
	fprintf(f, "err_t sys_%s(", c->name);
	if (c->in.count != 0)
		fprintf(f, "const struct %s_request *req%s", c->name,
			c->out.count != 0 ? ",\n\t" : "");
	if (c->out.count != 0)
		fprintf(f, "struct %s_reply *reply", c->name);
	fprintf(f, c->in.count + c->out.count == 0 ? "void)" : ")");
}

static void header(const struct protocol *p)
{
	FILE *f = output("contract/kernel.h");

	title(f, "kernel.h", p->doc);
	fprintf(f, "#ifndef CONTRACT_KERNEL_H\n#define CONTRACT_KERNEL_H\n\n"
		"#include <abi/errors.h>\n#include <abi/kernel.h>\n#include <abi/message.h>\n\n"
		"/* A payload is seen through its struct and as words of a message. */\n"
		"#undef PAYLOAD\n#define PAYLOAD __attribute__((may_alias))\n\nenum {\n");
	for (unsigned i = 0; i < p->nr_calls; i++)
		fprintf(f, "\tSYS_%s = 0x%x,\n", upper(p->call[i].name),
			p->base + p->call[i].number);
	fprintf(f, "\tSYS_FIRST = 0x%x,              /* bit n of a mask: call SYS_FIRST + n */\n"
		"\tNR_KERNEL_CALLS = %d,\n};\n\n"
		"extern const char *const kernel_call_name[NR_KERNEL_CALLS];\n\n", p->base,
		OPS_MAX);
	for (unsigned i = 0; i < p->nr_calls; i++) {
		const struct call *c = &p->call[i];

		fprintf(f, "/* ---- %s: %s\n", c->name, c->doc);
		for (unsigned k = 0; k < c->nr_errs; k++)
			fprintf(f, " * -%s: %s\n", c->err[k].name, c->err[k].text);
		fprintf(f, " */\n");
		generate_payload(f, p, c, true);
		generate_payload(f, p, c, false);
		stub_head(f, c);
		fprintf(f, " MUST_CHECK;\n\n");
	}
	fprintf(f, "#endif\n");
}

/* A handler takes what there is: the process that the call is about, found and checked; no request
 * without `in`, no reply without `out`. */
static void handler_head(FILE *f, const struct call *c)
{
	fprintf(f, "err_t do_%s(struct proc *caller%s%s", c->name,
		c->about[0] != '\0' ? ", struct proc *" : "", c->about);
	if (c->in.count != 0)
		fprintf(f, ", const struct %s_request *req", c->name);
	if (c->out.count != 0)
		fprintf(f, ",\n\tstruct %s_reply *rep", c->name);
	fprintf(f, ") MUST_CHECK;\n");
}

static void handlers(const struct protocol *p)
{
	FILE *f = output("contract/kernel_calls.h");

	title(f, "kernel_calls.h", "the handlers, one in each kernel/call/NAME.c.");
	fprintf(f, "#ifndef CONTRACT_KERNEL_CALLS_H\n#define CONTRACT_KERNEL_CALLS_H\n\n"
		"#include <contract/kernel.h>\n\nstruct proc;\n\n");
	for (unsigned i = 0; i < p->nr_calls; i++)
		handler_head(f, &p->call[i]);
	fprintf(f, "\n#endif\n");
}

static void dispatch(FILE *f, const struct call *c)
{
	fprintf(f, "\tcase SYS_%s:\n", upper(c->name));
	if (c->about[0] != '\0')
		fprintf(f, "\t\terr = controlled(caller, ((const struct %s_request *)(const void *)"
			"request)->%s,\n\t\t\t%s%s%s%s, &p);\n\t\tif (err)\n\t\t\treturn err;\n",
			c->name, c->about, c->about_how & ABOUT_MANAGED ? "MANAGED" : "",
			(c->about_how & 3) == 3 ? " | " : "",
			c->about_how & ABOUT_GUARDED ? "GUARDED" : "",
			c->about_how & ABOUT_HELD ? " | HELD" : "");
	fprintf(f, "\t\treturn do_%s(caller%s%s%s);\n", c->name,
		c->about[0] != '\0' ? ", p" : "",
		c->in.count != 0 ? ", (const void *)request" : "",
		c->out.count != 0 ? ", (void *)reply" : "");
}

static void table(const struct protocol *p)
{
	FILE *f = output("contract/kernel_table.h");

	title(f, "kernel_table.h", "number to handler; included by one file of the kernel.");
	fprintf(f, "#ifndef CONTRACT_KERNEL_TABLE_H\n#define CONTRACT_KERNEL_TABLE_H\n\n"
		"#include <kernel/call/call.h>\n\n"
		"/* request and reply: the seven payload words; the reply's are zeroed first. */\n"
		"static inline err_t kernel_call_dispatch(struct proc *caller, uint32_t number,\n"
		"\tconst uint64_t request[MESSAGE_WORDS], uint64_t reply[MESSAGE_WORDS])\n{\n"
		"\tstruct proc *p;\n\terr_t err;\n\n"
		"\tfor (unsigned i = 0; i < MESSAGE_WORDS; i++)\n\t\treply[i] = 0;\n"
		"\tswitch (number) {\n");
	for (unsigned i = 0; i < p->nr_calls; i++)
		dispatch(f, &p->call[i]);
	fprintf(f, "\tdefault:\n\t\treturn -ENOSYS;\n\t}\n}\n\n#endif\n");
}

static void stubs(const struct protocol *p)
{
	FILE *f = output("contract/kernel_client.c");

	title(f, "kernel_client.c", "the stubs that services call.");
	fprintf(f, "#include <contract/kernel.h>\n#include <lib/ipc.h>\n");
	for (unsigned i = 0; i < p->nr_calls; i++) {
		const struct call *c = &p->call[i];

		fputc('\n', f);
		stub_head(f, c);
		fprintf(f, "\n{\n\tstruct message m = { .type = 0 };\n\terr_t err;\n\n");
		if (c->in.count != 0)
			fprintf(f, "\t*(struct %s_request *)m.w = *req;\n", c->name);
		fprintf(f, "\terr = ipc_kernel(SYS_%s, &m);\n", upper(c->name));
		if (c->out.count != 0)
			fprintf(f, "\t*reply = *(const struct %s_reply *)m.w;\n", c->name);
		fprintf(f, "\treturn err;\n}\n");
	}
}

static void names(const struct protocol *p)
{
	FILE *f = output("contract/kernel_names.c");

	title(f, "kernel_names.c", "names of the kernel calls, for manifests and traces.");
	fprintf(f, "#include <contract/kernel.h>\n\n"
		"const char *const kernel_call_name[NR_KERNEL_CALLS] = {\n");
	for (unsigned i = 0; i < p->nr_calls; i++)
		fprintf(f, "\t[0x%x] = \"%s\",\n", p->call[i].number, p->call[i].name);
	fprintf(f, "};\n");
}

void generate_kernel(const struct protocol *p)
{
	header(p);
	handlers(p);
	table(p);
	stubs(p);
	names(p);
}
