/* SPDX-License-Identifier: BSD-2-Clause
 * args.h - the words that a service's manifest gives it (`args WORD...`).
 */
#ifndef LIB_ARGS_H
#define LIB_ARGS_H

#include <stdint.h>

/* Word n, or NULL. */
const char *service_arg(unsigned n);

/* Word n as a decimal number, with K or M behind it if need be; or what is given otherwise. */
uint64_t service_arg_number(unsigned n, uint64_t otherwise);

#endif
