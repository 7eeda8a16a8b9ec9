/* SPDX-License-Identifier: BSD-2-Clause
 * rights.h - what a service may do, as rs tells it (contracts/rs.contract, rights).
 */
#ifndef LIB_RIGHTS_H
#define LIB_RIGHTS_H

#include <abi/kernel.h>
#include <abi/message.h>

struct rs_rights {
	struct priv_desc priv;          /* as the kernel has it, with what was granted since */
	uint64_t routes[NR_LINUX / 64]; /* bit n: Linux call n of programs goes to it */
	uint32_t answers;               /* ANSWERS_ of lib/manifest.h */
	uint32_t heartbeat_ms, heartbeat_count;
	uint32_t restart;               /* enum manifest_restart */
	uint64_t memory, stack;         /* bytes */
	uint64_t used;                  /* of memory: what program and stack take */
	uint64_t needs;                 /* bit n: the service with id n */
	char serves[128];               /* contracts, separated by blanks */
};

#endif
