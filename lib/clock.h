/* SPDX-License-Identifier: BSD-2-Clause
 * clock.h - the time, from the clock page (abi/boot.h), without a call.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>

uint64_t clock_monotonic_ns(void);      /* since boot */
uint64_t clock_realtime_ns(void);       /* since 1970-01-01 00:00 UTC */

#endif
