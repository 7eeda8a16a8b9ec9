/* SPDX-License-Identifier: BSD-2-Clause
 * fuzz.h - what a fuzzer must know of a protocol; the tables are generated (NAME_fuzz.c).
 */
#ifndef LIB_FUZZ_H
#define LIB_FUZZ_H

#include <abi/message.h>

struct fuzz_field {
	const char *name;
	uint8_t offset;                 /* in the payload */
	uint8_t size;                   /* of one element */
	uint8_t count;                  /* elements */
	bool text;                      /* must hold a NUL */
	uint64_t min, max;              /* what the contract's simple conditions allow */
};

struct fuzz_call {
	const char *name;
	uint32_t type;
	bool idempotent;
	const struct fuzz_field *field;
	unsigned nr_fields;
	uint64_t lend;                  /* CALL_LEND_ bits that the server asks for */
};

#endif
