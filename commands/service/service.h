/* SPDX-License-Identifier: BSD-2-Clause
 * service.h - what the files of the service command share.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stddef.h>
#include <stdint.h>

#include <abi/types.h>

/* A call to service `id`, one that is never started afresh, or hardly ever: rs and log. `range` is
 * lent for writing. What IPC or the service says. */
err_t ask(unsigned id, uint32_t type, const void *req, size_t req_size, void *reply,
	  size_t reply_size, void *range, size_t len);

/* Says what is wrong with a service. 1. */
int fail(const char *name, err_t err);

/* tree.c: who needs whom. Exit status. */
int tree(void);

/* crashes.c: the list of crashes. Exit status. */
int crashes(void);

#endif
