/* SPDX-License-Identifier: BSD-2-Clause
 * clients.h - what the parts of vm's test against messages of all kinds offer each other.
 */
#ifndef VM_TEST_CLIENTS_H
#define VM_TEST_CLIENTS_H

#include <lib/page_index.h>
#include <lib/service_ids.h>
#include <servers/vm/vm.h>
#include <tests/messages/memory.h>
#include <tests/messages/messages.h>

enum { PROGRAMS = 24, TICKETS = 8, SLOTS = 600, ID_DRIVER = 24, COMING = 40 };
#define INDEX_OF_VFS 0x20000000ull

extern const struct fuzz_call vm_fuzz[];
extern const unsigned vm_fuzz_count;

/* ---- asks.c: what is worth asking for ---- */

extern unsigned fresh;                  /* the space made latest */
extern bool heapless;                   /* it has no heap yet */
extern uint32_t ticket[TICKETS];        /* of pages that programs wait for */
extern uint64_t serial;                 /* of the latest call */

endpoint_t somebody(void);              /* a program */
/* A space that is live; unused: without a process. */
unsigned some_space(bool unused);
uint64_t some_address(unsigned space);
/* vfs writes a row of its index, or nonsense. */
void index_write(uint32_t slot);
uint32_t slot_with_frame(void);
bool is_dry(void);                      /* for a while nobody gives memory back */
void service_asks(struct delivery *d);
void program_asks(struct delivery *d);

/* ---- checks.c: is all as it should be? ---- */

extern bool sound;                      /* it has been so far */
bool is_so(bool is, const char *what);
/* A space begins, as a copy of another one or, 0, of none. */
void begins(unsigned space, unsigned copied_from);
/* A page bears no mark, or its own space's, or one from before that was copied. */
void look_page(unsigned space, uint64_t va, pfn_t pfn, bool write);
/* A program uses what it can without a fault. */
void use(endpoint_t who);
void check_regions(unsigned space);
bool check(void);

#endif
