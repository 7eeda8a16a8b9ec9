/* SPDX-License-Identifier: BSD-2-Clause
 * memory.h - the kernel's frames, spaces and processes, behind vm on the host.
 *
 * kernel/test/memory/memory.c has the kernel's own handlers (kernel/call/space_*.c and their kin)
 * do what vm asks, on memory that vm finds where it maps it. Who lives, and who waits for vm, the
 * test says.
 */
#ifndef TESTS_MESSAGES_MEMORY_H
#define TESTS_MESSAGES_MEMORY_H

#include <abi/errors.h>
#include <abi/kernel.h>
#include <abi/message.h>

/* Frames, none of them used, and a clock page; `vm`: the slot of who asks. */
void memory_begin(unsigned vm);
/* A service with its space. */
void memory_service(unsigned slot);
/* Zeroed memory in a space. */
void memory_map(unsigned space, uint64_t va, unsigned pages, unsigned flags);
/* A kernel call about memory or processes: true, and what comes of it. */
bool memory_call(uint32_t number, struct message *m, err_t *err);

/* The first page that is mapped there or above, and below end. */
bool memory_next(unsigned space, uint64_t *va, uint64_t end, pfn_t *pfn, unsigned *flags);
/* The page of an address. */
bool memory_page(unsigned space, uint64_t va, pfn_t *pfn, unsigned *flags);
void *memory_at(pfn_t pfn);
unsigned memory_free(void);             /* frames */
bool memory_has(unsigned space);        /* does it exist? */

/* From now on the slot holds this process, in this space; ENDPOINT_NONE: nobody. */
void memory_proc(unsigned slot, endpoint_t who, unsigned space);
endpoint_t memory_who(unsigned slot);
/* It waits for vm, which it calls by this type; `lent` bytes go with a service's call. */
void memory_calls(endpoint_t who, uint32_t type, uint32_t serial, uint64_t lent);
bool memory_waits(unsigned slot);
void memory_cancel(unsigned slot);      /* its call is interrupted */
/* -EDEADPEER: it does not wait for that. */
err_t memory_answered(endpoint_t who, uint32_t serial);

#endif
