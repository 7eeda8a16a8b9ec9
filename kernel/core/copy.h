/* SPDX-License-Identifier: BSD-2-Clause
 * copy.h - the only routines that touch user memory.
 */
#ifndef KERNEL_COPY_H
#define KERNEL_COPY_H

#include <kernel/core/proc.h>

/* How far a copy came: bytes, and the remote address that stopped it. */
struct copied { uint64_t done, fault; };

/* Is [va, va + len) in the user half? */
bool user_range(vaddr_t va, uint64_t len);

/* Between kernel memory and a process. Returns the bytes done; short at an absent or protected page. */
uint64_t copy_from_proc(struct proc *p, void *to, vaddr_t from, uint64_t len);
uint64_t copy_to_proc(struct proc *p, vaddr_t to, const void *from, uint64_t len);

/* Between two processes' memories; force: also to read-only pages. Errors: EINVAL, EFAULT. */
err_t copy_procs(struct proc *local_proc, vaddr_t local, struct proc *remote_proc, vaddr_t remote,
		 uint32_t dir, uint64_t len, bool force, struct copied *r);

/* Under a call that c has open on the caller; remote is an address or an offset in what it lent. */
err_t call_copy(struct proc *caller, struct proc *c, uint32_t dir, uint64_t remote, uint64_t local,
		uint64_t len, struct copied *r);

/* A cursor over an array of 4- or 8-byte words in a process, which must be aligned. */
struct window {
	struct proc *proc;
	bool write;
	vaddr_t page;                   /* address of the page that ptr is for; 1: none */
	uint8_t *ptr;
};
void window_init(struct window *w, struct proc *p, bool write);
void *window_at(struct window *w, vaddr_t va, unsigned size);

#endif
