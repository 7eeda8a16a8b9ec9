/* SPDX-License-Identifier: BSD-2-Clause
 * is.h - what the files of the information server share.
 */
#ifndef IS_H
#define IS_H

#include <abi/kernel.h>
#include <abi/trace.h>
#include <contract/is.h>
#include <contract/kernel.h>
#include <contract/pm.h>
#include <contract/rs.h>
#include <contract/vm.h>
#include <lib/peer.h>
#include <lib/rights.h>
#include <lib/server.h>
#include <lib/service_ids.h>

enum { NAME = 16 };

extern struct peer pm, vm, ds, rs, sched;

/* ---- text.c ---- */
void text_clear(void);
void put(const char *what, ...) __attribute__((format(printf, 1, 2)));
void put_bytes(const char *bytes, size_t len);
/* A line of names that goes on below itself, as wide as `head`, when it gets long. */
void put_list(const char *head);
void put_item(const char *what, ...) __attribute__((format(printf, 1, 2)));
void put_list_end(void);
const char *text(size_t *len);

/* ---- names.c ---- */
void names_read(void);                          /* anew, for one dump */
const char *name_of_slot(unsigned slot);        /* service or program; "" if there is none */
const char *name_of_type(unsigned type);
const char *name_of_state(unsigned state);      /* STATE_ bits */
const char *name_of_kernel_call(unsigned n);    /* 0x1000 + n */

/* ---- pages: one function each ---- */
typedef void page_maker(void);
page_maker dump_processes, dump_ipc, dump_programs, dump_priorities;    /* process.c */
page_maker dump_services, dump_privileges, dump_devices, dump_routes;   /* service.c */
page_maker dump_memory, dump_grants, dump_names, dump_trace;    /* memory.c, trace.c */

bool info_of_slot(uint32_t slot, struct proc_info_reply *r);    /* false: it is free */
err_t rights_of(const char *name, struct rs_rights *r);
err_t dump_service(const char *name);
err_t dump_rights(const char *name);            /* and what is seen of their use */
void put_account(const char *name, const struct rs_rights *r);  /* what it says of itself */

#endif
