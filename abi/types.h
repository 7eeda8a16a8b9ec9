/* SPDX-License-Identifier: BSD-2-Clause
 * types.h - the few types that the kernel and user space share.
 *
 * An id with a meaning is a one-member struct, so that a grant cannot be passed as an endpoint.
 */
#ifndef ABI_TYPES_H
#define ABI_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0, or a negative errno with Linux numbering (abi/errors.h). */
typedef int32_t err_t;

/* Who: (generation << SLOT_BITS) | slot. A stale one names nobody, never somebody else. */
typedef struct { uint32_t v; } endpoint_t;

/* A loan of memory: (seq << 16) | (owner's privilege id << 8) | row. 0 is no grant. */
typedef struct { uint32_t v; } grant_t;

/* A physical page frame number. */
typedef uint32_t pfn_t;
typedef uint64_t vaddr_t;

#define MUST_CHECK __attribute__((warn_unused_result))
#define BIT(n) (1ull << (n))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { PAGE_SHIFT = 12, PAGE_SIZE = 1 << PAGE_SHIFT };

enum {
	SLOT_BITS = 12,
	SLOT_MASK = (1 << SLOT_BITS) - 1,
	NR_PROCS = 1024,                /* process slots; threads take one each */
	FIRST_PROGRAM = 64,             /* slots below are services: slot == privilege id */
	NR_PRIVS = 64,
	PRIV_PROGRAM = 63,              /* the one privilege structure that all programs share */
	NR_SPACES = 640,                /* address spaces */
};

#define ENDPOINT(gen, slot) ((endpoint_t){ ((uint32_t)(gen) << SLOT_BITS) | (uint32_t)(slot) })
#define ENDPOINT_NONE ENDPOINT(0, SLOT_MASK)            /* nobody */
#define ENDPOINT_ANY ENDPOINT(0, SLOT_MASK - 1)         /* as a receive filter: everybody */
#define ENDPOINT_KERNEL ENDPOINT(0, SLOT_MASK - 2)      /* source of notifications */

static inline uint32_t endpoint_slot(endpoint_t e)
{
	return e.v & SLOT_MASK;
}

static inline bool endpoint_eq(endpoint_t a, endpoint_t b)
{
	return a.v == b.v;
}

#endif
