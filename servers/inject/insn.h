/* SPDX-License-Identifier: BSD-2-Clause
 * insn.h - what inject must know of an x86-64 instruction.
 */
#ifndef INJECT_INSN_H
#define INJECT_INSN_H

#include <stdbool.h>
#include <stdint.h>

/* How long the instruction is that begins here; 0: unknown, or longer than `room`. Those that
 * services are made of: with general registers only. */
unsigned insn_length(const uint8_t *code, unsigned room);

/* Where the condition of a conditional jump stands, or -1: it is none. */
int insn_condition(const uint8_t *code, unsigned room);

#endif
