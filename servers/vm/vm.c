/* SPDX-License-Identifier: BSD-2-Clause
 * vm.c - virtual memory: the service's front.
 *
 * Job:      hands messages to the parts: faults, Linux calls, contract calls, alarms, interrupts.
 * Speaks:   contracts/vm, to pm, vfs and other services; Linux calls and page faults of programs.
 * Touches:  frames, page tables of programs, vfs's window, shares; all by kernel calls.
 * Trusts:   pm for who lives, vfs for what files contain. Calls nobody but the kernel, and log.
 * On crash: recovers in place (README.md): the kernel's tables are the truth, the state follows.
 */
#include "vm.h"
#include <lib/complain.h>

static void init(enum start_kind kind)
{
	frames_init();
	shares_init();
	if (spaces_init(kind) && kind == START_FRESH)
		vm_begin_again();
}

/* Notifications of other services mean nothing to vm: they call. */
static const struct vm_ops ops = {
	.space_new = do_vm_space_new, .space_fork = do_vm_space_fork, .attach = do_vm_attach,
	.detach = do_vm_detach, .space_free = do_vm_space_free, .map = do_vm_map,
	.brk_set = do_vm_brk_set, .populate = do_vm_populate, .write = do_vm_write,
	.cache_take = do_vm_cache_take, .cache_give = do_vm_cache_give,
	.wait_next = do_vm_wait_next, .wait_supply = do_vm_wait_supply,
	.cache_index = do_vm_cache_index, .file_check = do_vm_file_check,
	.file_mapped = do_vm_file_mapped, .file_drop = do_vm_file_drop,
	.file_clean = do_vm_file_clean, .lend = do_vm_lend,
	.borrow = do_vm_borrow, .device_map = do_vm_device_map, .dma_address = do_vm_dma_address,
	.totals = do_vm_totals, .usage = do_vm_usage,
	.region = do_vm_region, .futex_wake = do_vm_futex_wake,
	.victim_next = do_vm_victim_next, .lost_next = do_vm_lost_next, .limit = do_vm_limit,
	.service_map = do_vm_service_map, .service_unmap = do_vm_service_unmap,
	.service_end = do_vm_service_end,
};

static struct answered answered[NR_PROCS] SECTION_UNDO;

/* What pm and vfs ask is possible, but for pages of programs and of the cache. */
static bool is_doubtful(const struct delivery *d, int64_t result)
{
	if (d->m.type < NR_LINUX)
		return linux_failure_is_unusual(d->m.type, result);
	switch (result) {
	case -ENOENT:
	case -EBUSY:
	case -EEXIST:
	case -ESTALE:                   /* a page that vfs brings twice */
	case -ENOSYS:                   /* not in the contract: who asked finds that out */
		return false;
	default:
		return result < 0 && d->m.type != VM_POPULATE && d->m.type != VM_CACHE_TAKE;
	}
}

static const struct server server = {
	.name = "vm", .serves = { { .contract = &vm_contract, .ops = &ops } },
	.init = init, .check = vm_check, .linux_call = vm_linux, .fault = vm_fault,
	.populate = vm_populate_reply, .on_alarm = waits_alarm, .on_cancel = waits_cancel,
	.audit = audit, .answered = answered, .doubtful = is_doubtful,
	.offended = complain_of_request_from_below,
};

int main(void)
{
	server_run(&server);
}
