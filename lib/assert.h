/* SPDX-License-Identifier: BSD-2-Clause
 * assert.h - on in every build. A service that finds its own state wrong dies; restart repairs.
 *
 * Never assert on bytes that came in a message, a grant, a disk or a wire.
 */
#ifndef LIB_ASSERT_H
#define LIB_ASSERT_H

#define assert(condition) \
	((condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__))

__attribute__((noreturn, cold)) void assert_failed(const char *what, const char *file, int line);

/* End the service: rs is told. status as in exit_group. */
__attribute__((noreturn, cold)) void die(int status);

/* End the service, whose state cannot be repaired: rs starts it afresh. Said by an exception that a
 * recovery has for nothing else: so those can say it, too, who may not call rs. */
enum { VECTOR_STATE_LOST = 3 };
__attribute__((noreturn, cold)) void state_lost(void);

/* End the service, which is to do once more what it does: no defect. Said by an exception, too,
 * that nothing else has (INTO's; there is none in 64-bit code). */
enum { VECTOR_DOUBT = 4 };
__attribute__((noreturn, cold)) void die_of_doubt(void);

#endif
