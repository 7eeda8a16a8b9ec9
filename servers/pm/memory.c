/* SPDX-License-Identifier: BSD-2-Clause
 * memory.c - bytes of programs.
 *
 * Job:      reads and writes a program's memory, having vm bring pages that are not there.
 * Speaks:   kernel call proc_copy; vm.populate.
 * Touches:  memory of programs that pm manages.
 * Trusts:   vm to say what a program may not access.
 * On crash: holds no state. Of an error that the kernel has only for a wrong request pm dies, and
 *           asks again by code that is new.
 *
 * A page of a file may have to be read first. vm orders it and notifies pm when it is there; the
 * call is done again then (pm.c).
 */
#include "pm.h"

#include <lib/assert.h>

static struct { const struct thread *thread; uint64_t page; bool on_its_way; } missing;

uint64_t page_missing(const struct thread *t)
{
	return missing.thread == t ? missing.page : 0;
}

bool page_is_on_its_way(void)
{
	return missing.on_its_way;
}

void page_missing_forget(void)
{
	missing.thread = NULL;
}

static err_t copy(const struct thread *t, uint32_t dir, uint64_t remote, uint64_t local, size_t len)
{
	while (len > 0) {
		struct proc_copy_request req = {
			.proc = endpoint_of(t), .dir = dir, .remote = remote, .local = local,
			.len = len < COPY_MAX ? len : COPY_MAX,
		};
		struct proc_copy_reply reply;
		err_t err = sys_proc_copy(&req, &reply);

		assert(err != -EINVAL && err != -EPERM);
		remote += reply.done;
		local += reply.done;
		len -= reply.done;
		if (err == -EFAULT) {
			struct vm_populate_request p = { .proc = req.proc, .address = reply.fault,
							 .write = dir == COPY_OUT };
			struct vm_populate_reply where;

			err = vm_populate(&vm, &p, &where);
			if (err == -ENODATA) {
				missing.thread = t;
				missing.page = reply.fault & ~(uint64_t)(PAGE_SIZE - 1);
				missing.on_its_way = where.on_its_way != 0;
			}
		}
		if (err != 0)
			return err == -ENOMEM ? err : -EFAULT;
	}
	return 0;
}

err_t user_read(const struct thread *t, uint64_t from, void *to, size_t len)
{
	undo_before(to, len);
	return copy(t, COPY_IN, from, (uint64_t)to, len);
}

err_t user_write(const struct thread *t, uint64_t to, const void *from, size_t len)
{
	return copy(t, COPY_OUT, to, (uint64_t)from, len);
}

err_t user_touch(const struct thread *t, uint64_t at)
{
	char byte = 0;

	return user_read(t, at, &byte, sizeof(byte));
}
