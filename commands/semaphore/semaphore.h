/* SPDX-License-Identifier: BSD-2-Clause
 * semaphore.h - semaphores for programs: link calls.c and build/commands/peer.a.
 *
 * All return -1 and set errno if it cannot be done. ESRCH: the service does not run.
 * EPROTO: it answers what cannot be.
 */
#ifndef SEMAPHORE_H
#define SEMAPHORE_H

#include <stdbool.h>
#include <stdint.h>

struct semaphore_info {
	int64_t id;
	uint32_t value, waiting;        /* units there are; programs that wait for one */
	char name[24];
};

/* The semaphore of this name, made with this value if there is none: its id. */
int64_t skink_semaphore_open(const char *name, uint32_t value);
/* Take a unit. EAGAIN: there is none, and wait is false. EIDRM: the semaphore is gone. EINTR. */
int skink_semaphore_down(int64_t id, bool wait);
int skink_semaphore_up(int64_t id);
int skink_semaphore_remove(int64_t id);
/* The next one; *index is 0 at first. ENOENT: no more. */
int skink_semaphore_list(uint32_t *index, struct semaphore_info *info);

#endif
