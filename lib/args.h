/* SPDX-License-Identifier: BSD-2-Clause
 * args.h - the words that a service's manifest gives it (`args WORD...`).
 */
#ifndef LIB_ARGS_H
#define LIB_ARGS_H

#include <stdint.h>

#include <abi/kernel.h>
#include <lib/image.h>
#include <lib/manifest.h>

/* At the top of a service's stack, written by rs at every start. */
struct service_args {
	uint32_t id;                    /* of the manifest: its slot and privilege row */
	uint16_t cause, code;           /* rs only, which rsguard recovered: RS_CAUSE_ */
	uint64_t defect_ns;             /* and since when it knows */
	struct user_regs regs;          /* a recovery: where it was, for server.c */
	uint64_t unused;
	char words[MANIFEST_ARGS];
};

_Static_assert(sizeof(struct service_args) % 16 == 0, "the stack below stays aligned");

#define SERVICE_ARGS_VA (IMAGE_STACK_TOP - sizeof(struct service_args))

/* The registers at the moment of death; rip 0 once they have served. */
struct user_regs *service_last_regs(void);

/* The id of this service's manifest. */
unsigned service_id(void);

/* Word n, or NULL. */
const char *service_arg(unsigned n);

/* Word n as a decimal number, with K or M behind it if need be; or what is given otherwise. */
uint64_t service_arg_number(unsigned n, uint64_t otherwise);

#endif
