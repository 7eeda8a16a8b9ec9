/* SPDX-License-Identifier: BSD-2-Clause
 * complain.h - tell rs that another service breaks a rule that only we can see.
 *
 * The manifest: `complains NAME...` or `all`, and `talks rs`; who is below rs and may not call it
 * has the primitive sendnb and `notifies rs` instead.
 */
#ifndef LIB_COMPLAIN_H
#define LIB_COMPLAIN_H

#include <contract/rs.h>
#include <lib/server.h>

/* 0: rs deals with it as with any other defect of the accused, which dies now. -EPERM: the
 * manifest does not list it; -ESRCH: it has died already. Made once more after a crash of ours it
 * may end the accused's next life. */
err_t complain(endpoint_t accused, uint32_t reason, const char *text) MUST_CHECK;

/* Of the answer to what was asked at that time: -ESRCH also if the accused has died since, and
 * this may be an answer of the life before. Ask again then. */
err_t complain_of_answer(endpoint_t accused, uint64_t asked_ns, const char *text) MUST_CHECK;

/* -ENOTREADY: rs is busy. Nobody says what became of it. */
err_t complain_without_waiting(endpoint_t accused, uint32_t reason, const char *text) MUST_CHECK;

/* For server.offended: of who talks to rs, and of who is below it. */
bool complain_of_request(const struct call *c, err_t err, uint64_t seen_ns);
bool complain_of_request_from_below(const struct call *c, err_t err, uint64_t seen_ns);

#endif
