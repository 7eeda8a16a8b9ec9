/* SPDX-License-Identifier: BSD-2-Clause
 * outcast.h - what the parts of the outcast share.
 */
#ifndef OUTCAST_H
#define OUTCAST_H

#include <abi/errors.h>
#include <abi/kernel.h>
#include <abi/message.h>

/* The registers that a `syscall` can be given, and what they hold afterwards. */
struct raw { uint64_t rax, rdi, rsi, rdx, r10, r8, r9, r12, r13, r14, r15; };

void raw_enter(struct raw *r);                  /* traps.S */
void trap_run(void (*run)(void));

struct trap { const char *name; void (*run)(void); };
extern const struct trap traps[], traps_end[];

/* Count an attempt; tell if it was not refused. */
void judge(bool refused, const char *what, uint64_t a, int64_t result);

void try_kernel_calls(void);
void try_primitives(bool listed);
void try_linux_calls(void);
void try_flags(void);

#endif
