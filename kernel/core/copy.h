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

/* Between kernel memory and a process. EFAULT at an absent or protected page. */
err_t copy_from_proc(struct proc *p, void *to, vaddr_t from, uint64_t len) MUST_CHECK;
/* From NULL: nothing is copied, it is only looked whether it could be. */
err_t copy_to_proc(struct proc *p, vaddr_t to, const void *from, uint64_t len) MUST_CHECK;

/* Between two processes' memories; force: also to read-only pages. Errors: EINVAL, EFAULT. */
err_t copy_procs(struct proc *local_proc, vaddr_t local, struct proc *remote_proc, vaddr_t remote,
		 uint32_t dir, uint64_t len, bool force, struct copied *r);

/* May the server that holds c's call touch these bytes in these directions (GRANT_)? *at: an
 * address (Linux call) or an offset in the range lent; an address then. EPERM. */
err_t call_lends(const struct proc *c, uint32_t dirs, uint64_t *at, uint64_t len);
/* Under a call that c has open on the caller; remote is an address or an offset in what it lent. */
err_t call_copy(struct proc *caller, struct proc *c, uint32_t dir, uint64_t remote, uint64_t local,
		uint64_t len, struct copied *r);

#endif
