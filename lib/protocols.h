/* SPDX-License-Identifier: BSD-2-Clause
 * protocols.h - what contracts/ defines, for who checks manifests and images.
 */
#ifndef LIB_PROTOCOLS_H
#define LIB_PROTOCOLS_H

#include <stdbool.h>
#include <stddef.h>

struct protocol {
	const char *name;
	bool shared;                    /* requests in shared memory, told of by notifications */
	bool events;                    /* its server notifies those that talk to it */
};

struct protocol_call {
	const char *protocol;
	const char *stub;               /* the symbol of the client's function */
};

extern const struct protocol protocols[];               /* the last one has no name */
extern const struct protocol_call protocol_calls[];     /* likewise */

#endif
