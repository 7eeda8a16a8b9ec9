/* SPDX-License-Identifier: BSD-2-Clause
 * rs.h - what the files of rs share.
 */
#ifndef RS_H
#define RS_H

#include "state.h"
#include <contract/kernel.h>
#include <lib/crash.h>
#include <lib/image.h>
#include <lib/manifest.h>
#include <lib/server.h>

/* manifests.c: the image's manifests, parsed anew at each start; NULL: no such service. */
void manifests_read(void);
bool manifests_fit(void);                       /* as manifests_read; false: do not use them */
void manifests_look(void);                      /* dies if they are not what was read */
const struct manifest *manifest_of(unsigned id);
const struct manifest *const *manifest_set(unsigned *n);
bool manifest_is_loaded(unsigned id);            /* it is not of the boot set */
bool manifest_can_go(unsigned id);              /* no other one names it */
int service_by_name(const char *name);          /* id, or -1 */

enum { NOBODY = -1 };
/* Instead of the one with this id, or of NOBODY. */
err_t manifest_admit(const char *text, size_t len, struct manifest *m, int instead) MUST_CHECK;
err_t refuse(unsigned line, const char *text, ...) __attribute__((format(printf, 2, 3)));

/* check.c: after a death. */
bool others_live(void);                         /* else the machine has just been started */
void check_loaded(void);                        /* before the manifests are read */
void check_state(void);
void take_over(void);                           /* nothing of the state is left */

/* cpu.c: heartbeats that cannot be answered. */
void cpu_asked(unsigned id);
bool cpu_is_waited_for(unsigned id);    /* it has not run since it was asked, and could */
unsigned cpu_hog(unsigned id);          /* that has kept id from running; NR_SERVICES: none has */

/* rights.c: manifest to privilege structure and routes. */
err_t rights_set(unsigned id) MUST_CHECK;       /* by its manifest and what was granted */
void rights_of(unsigned id, struct priv_desc *d);
void rights_again(bool repair);         /* services have come or gone, or rs has died */
void rights_audit(void);                /* dies if the kernel has others */
void rights_doubt(unsigned id);
void routes_take(const struct manifest *m);     /* nobody answers what it answered */
err_t rights_grant(unsigned id, const struct pfn_range *range, unsigned n) MUST_CHECK;

/* load.c: the boot set's memory, and processes in it. */
err_t service_build(unsigned id) MUST_CHECK;    /* once: space and memory */
bool frames_left(uint32_t n);                   /* before vm has them: are so many free? */
err_t service_start(unsigned id) MUST_CHECK;    /* fresh, in memory that is there */
err_t service_recover(unsigned id) MUST_CHECK;  /* frozen, in place */
bool service_mend(unsigned id);                 /* what was missing of its memory is there */
endpoint_t service_endpoint(unsigned id);
uint64_t service_stack(unsigned id);
err_t service_image(unsigned id, struct image *i) MUST_CHECK;
uint64_t service_bytes(unsigned id);            /* of program and stack in memory */

/* guard.c: defects and what follows from them. */
bool guard_events(void);                /* any? */
void guard_defect(unsigned id, struct defect why);      /* of a frozen service */
void guard_bring_back(unsigned id);             /* at once, as its manifest says */
void guard_self(void);                          /* rs has been recovered: rsguard says why */
void guard_ready(unsigned id);
void guard_due(uint64_t now);
void guard_heartbeats(uint64_t now);
void guard_postpone(uint64_t now);
void start_what_can(void);
bool alive(const struct service *s);            /* also who is just being recovered */
void waiter_answer(struct service *s, err_t err);       /* who waits for it to be found, if any */
bool can_be_found(unsigned id);
void waiters_cancelled(endpoint_t client, uint32_t serial);
uint64_t guard_next_ns(void);

/* scene.c: where a frozen service stopped, and who called, as far as can be told. */
enum { SCENE_WORDS = 512 };     /* of the stack that are looked at */
unsigned scene_places(unsigned id, const struct user_regs *r, const uint64_t *word, unsigned words,
		      uint64_t place[CRASH_PLACES]);
void scene_say(unsigned id, unsigned level);    /* into the log */
void scene_say_places(unsigned id, unsigned level, const uint64_t *place, unsigned places);

/* crash.c: what is kept of services that crashed. */
void crash_take(unsigned id);
void crash_take_own(void);                      /* what rsguard has left, if anything */
void crash_unwait(err_t err);
void crash_cancelled(endpoint_t client, uint32_t serial);
err_t do_rs_crash_next(const struct call *c, const struct rs_crash_next_request *req,
		       struct rs_crash_next_reply *reply);
err_t do_rs_crash_read(const struct call *c, const struct rs_crash_read_request *req,
		       struct rs_crash_read_reply *reply);

/* script.c: recovery scripts. */
bool script_takes(unsigned id);                 /* a defect: its script decides what follows */
void script_end(unsigned id);                   /* it is decided */
void script_due(unsigned id);                   /* nothing was, in time */
void script_cancelled(endpoint_t client, uint32_t serial);
err_t do_rs_script_next(const struct call *c, struct rs_script_next_reply *reply);
err_t do_rs_script_done(const struct call *c, const struct rs_script_done_request *req);

/* audit.c */
void audit(void);               /* of callers that wait in vain */

/* complain.c */
err_t do_rs_complain(const struct call *c, const struct rs_complain_request *req);
/* Of us; server.offended. */
bool request_offends(const struct call *c, err_t err, uint64_t seen_ns);

/* inject.c */
void injected_check(void);
err_t do_rs_inject(const struct call *c, const struct rs_inject_request *req,
		   struct rs_inject_reply *reply);

/* outbox.c: what rs tells others, who may never make it wait. */
void outbox_flush(void);
bool outbox_published(void);           /* anything, since it was asked last */
void say(const char *text, ...) __attribute__((format(printf, 1, 2)));

bool post(unsigned to, uint32_t type, const void *payload, size_t size);

/* window.c: programs and manifests from elsewhere, and memory from vm. */
enum memory { MEMORY_THERE, MEMORY_COMES, MEMORY_NONE };
uint64_t window_text(unsigned id, unsigned place);          /* addresses in rs */
uint64_t window_program(unsigned id, unsigned place);
const char *loaded_text(unsigned id, size_t *len);      /* NULL: it is the archive's */
bool loaded_image(unsigned id, struct image *i);        /* false: likewise */
struct image window_image(unsigned id, unsigned place, uint64_t size);
const char *window_manifest(unsigned id, unsigned place);
enum memory window_ask(unsigned id, const struct loading *l);
err_t window_fill(unsigned id, const struct loading *l) MUST_CHECK;
bool window_tidy(unsigned id);
enum memory memory_ask(unsigned space, uint64_t va, uint64_t bytes, unsigned flags);
bool memory_back(unsigned space, uint64_t va, uint64_t end);    /* true: nothing is there */
void memory_protect(unsigned space, uint64_t va, uint64_t bytes, unsigned prot);
bool space_back(unsigned id);                   /* true: it is gone */

/* loading.c: services come and go. */
void loading_step(void);
void loading_ready(unsigned id);
void loading_stopped(unsigned id);
bool loading_waits(void);                       /* step again soon */
uint64_t loading_next_ns(void);                 /* or then; 0: never */
bool loading_on_trial(unsigned id);             /* if it cannot begin, that is over */
bool loading_failed(unsigned id);               /* it died: true: that was a trial, and is over */
bool loading_leaves(unsigned id);               /* it is being removed */
void loading_cancelled(endpoint_t client, uint32_t serial);
err_t do_rs_load(const struct call *c, const struct rs_load_request *req);
err_t do_rs_remove(const struct call *c, const struct rs_remove_request *req);
err_t do_rs_update(const struct call *c, const struct rs_update_request *req);
err_t do_rs_reload(const struct call *c, const struct rs_reload_request *req);
err_t do_rs_refusal(const struct call *c, struct rs_refusal_reply *reply);

/* commands.c */
bool answers_programs(const struct manifest *m);        /* their system calls or faults */
bool is_needed(unsigned id);
bool may_manage(const struct call *c);          /* a program of root's, or a service run as root */
extern const struct rs_ops rs_operations;

#endif
