/* SPDX-License-Identifier: BSD-2-Clause
 * model.h - the machine that rs is tested on: a kernel that keeps its promises, services that do
 * not, and what there is to load.
 */
#ifndef RS_TEST_MODEL_H
#define RS_TEST_MODEL_H

#include <abi/kernel.h>
#include <contract/kernel.h>
#include <lib/ipc.h>
#include <lib/manifest.h>

/* archive.c: the boot set's real manifests, with small programs; what clients lend. */
void archive_make(void);
uint64_t archive_bytes(void);
const char *service_name(bool of_guest);        /* of those that may be loaded, or of all */
void lent_make(struct delivery *d);             /* for load, update, reload */
err_t lent_copy(struct message *m);

/* spaces.c: frames, address spaces, and vm's part in them. */
void spaces_make(void);
bool space_call(uint32_t number, struct message *m, err_t *err);
bool space_has(unsigned space, uint64_t va, uint64_t bytes);
bool space_there(unsigned space);
void vm_takes(const struct message *m);
void vm_goes_wrong(void);                       /* a page of a service is gone */
bool window_is_tidy(void);                      /* nothing is in rs's window that rs does not use */

/* processes.c: slots, privileges, who waits. */
enum { PROGRAMS = 24 };

struct process {
	endpoint_t ep;
	uint16_t state;                 /* STATE_ */
	bool silent;                    /* it answers no heartbeats */
	bool untold, cancelled;         /* proc_next, call_cancelled name it */
	uint16_t type;                  /* of its call to rs, while it is CALLING */
	uint32_t serial;
	struct proc_next_reply event;
};

extern struct process process[NR_PROCS];
extern uint64_t notifiers;                      /* services that have notified rs */

void processes_make(void);
bool process_call(uint32_t number, struct message *m, err_t *err);
bool process_lives(unsigned slot);
bool process_runs(unsigned slot);
void process_freezes(unsigned slot, struct proc_next_reply why);
bool process_takes(endpoint_t to, const struct message *m);
bool process_answered(endpoint_t client, uint32_t serial);
void processes_live(void);                      /* something happens to some of them */
uint32_t processes_events(void);                /* EVENT_ bits that rs is to hear of */
struct process *process_calls(unsigned slot, struct delivery *d);
struct process *program_idle(void);

#endif
