/* SPDX-License-Identifier: BSD-2-Clause
 * loading.h - what loading.c and update.c share.
 */
#ifndef RS_LOADING_H
#define RS_LOADING_H

#include "rs.h"

extern struct manifest incoming;        /* as it was read last: not state */

/* The one operation that is under way. */
static struct loading *const load = &state.loading;

void load_begin(unsigned kind, unsigned id, const struct call *c);
bool load_is_under_way(const struct call *c);   /* the call that we have died of */
void load_answer(err_t err);
void load_give_up(err_t err);
err_t load_check_program(const struct manifest *m, const struct image *i) MUST_CHECK;
enum memory load_gather(const struct manifest *m, const struct image *i);
uint32_t load_pages(const struct manifest *m, const struct image *i);
err_t load_check_core(const struct manifest *m, const struct manifest *old) MUST_CHECK;

/* update.c: what the steps do for services that are there. */
err_t update_copied(void) MUST_CHECK;
void update_quiet(void);
void update_settle(void);
void update_failed(void);
bool update_tidy(unsigned id);

#endif
