/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - vm on the host, against messages of all kinds (tests/messages), on the kernel's
 * own frames and page tables.
 *
 * Job:      lets pm, vfs, rs, drivers and programs live with vm, and ask (messages/asks.c); looks
 *           at its answers: a page that a program has waited for is there, and is nobody else's. At
 *           the end, and after each damage, vm's state fits the kernel's (messages/checks.c).
 * Speaks:   contracts/vm, faults and Linux calls, to vm.
 * Touches:  vm's state, to damage it.
 * Trusts:   the kernel (kernel/test/memory).
 * On crash: the seed and the number of the message are told.
 *
 * Links: servers/vm/test/messages/asks.c servers/vm/test/messages/checks.c
 * Links: kernel/test/memory/memory.c kernel/core/frame.c kernel/x86_64/pagetable.c
 * Links: kernel/call/call.c kernel/call/space_create.c kernel/call/space_destroy.c
 * Links: kernel/call/space_map.c kernel/call/space_unmap.c kernel/call/space_protect.c
 * Links: kernel/call/space_share.c kernel/call/space_query.c kernel/call/frame_info.c
 * Links: kernel/call/proc_info.c kernel/call/boot_info.c
 */
#include <lib/clock.h>

#include "messages/clients.h"

extern const char vdso_start[];

/* A page of its own, as vdso_image.S has it. */
__asm__(".section .rodata.vdso, \"a\", @progbits\n.globl vdso_start, vdso_end\n.balign 4096\n"
	"vdso_start: .fill 4096, 1, 0\nvdso_end:\n.previous");

static unsigned copied;                 /* the space that a copy is asked for */
static uint32_t asked;                  /* the type of the call that a service has made */
static bool damaged;
static struct { uint64_t address; unsigned access; bool was_there; } fault[NR_PROCS];

/* From now on; what another life of it waited for is no more. */
static void lives(unsigned slot, endpoint_t who, unsigned space)
{
	memory_proc(slot, who, space);
	fault[slot].address = 0;
}

/* The CPU says truly whether there is a page; but it may have gone since. */
static void faults(struct delivery *d)
{
	unsigned slot = endpoint_slot(d->m.peer), space = space_of(d->m.peer), flags;
	uint64_t code = d->m.w[1] & ~(uint64_t)FAULT_PRESENT;
	pfn_t pfn;

	if (one_in(20) || (space != 0 && memory_page(space, d->m.w[0], &pfn, &flags)))
		code |= FAULT_PRESENT;
	d->m.w[1] = code;
	fault[slot].was_there = code & FAULT_PRESENT;
	fault[slot].address = d->m.w[0];
	fault[slot].access = code & FAULT_WRITE ? WRITE : code & FAULT_EXEC ? EXEC : READ;
}

/* ---- all messages ---- */

/* What pm does before it tells of it; what rs does not. */
static void keep_promises(struct delivery *d)
{
	unsigned by = endpoint_slot(d->m.peer), slot;
	const struct vm_attach_request *a = (const struct vm_attach_request *)d->m.w;
	struct vm_brk_set_request *b = (struct vm_brk_set_request *)d->m.w;
	struct vm_service_end_request *e = (struct vm_service_end_request *)d->m.w;

	slot = endpoint_slot(a->proc);
	if (by == ID_PM && d->m.type == VM_ATTACH && slot >= FIRST_PROGRAM && slot < NR_PROCS &&
	    space_is_live(a->space) && memory_has(a->space))
		lives(slot, a->proc, a->space);
	if (by == ID_PM && d->m.type == VM_DETACH && slot >= FIRST_PROGRAM && slot < NR_PROCS &&
	    endpoint_eq(memory_who(slot), a->proc))
		lives(slot, ENDPOINT_NONE, 0);
	if (by == ID_RS && d->m.type >= VM_SERVICE_MAP && d->m.type <= VM_SERVICE_END &&
	    e->space != ID_RS && e->space < COMING)
		e->space = COMING;
	if (d->m.type == VM_BRK_SET) {
		heapless &= b->space != fresh;
		b->start = PIE_BASE + b->start % 1000000;
	}
	if (by == ID_PM && d->m.type == VM_SPACE_FORK)
		copied = space_of(((const struct vm_space_fork_request *)d->m.w)->parent);
}

static void notified(struct delivery *d)
{
	if (d->m.w[2] & EVENT_CANCEL)
		for (unsigned n = 0; n < 4; n++)
			memory_cancel(FIRST_PROGRAM + (unsigned)below(PROGRAMS));
	if (one_in(2000))               /* another life of vfs */
		lives(ID_VFS, ENDPOINT(1 + below(1000), ID_VFS), ID_VFS);
	if (one_in(300))                /* a program ends, and pm forgets to tell */
		lives(endpoint_slot(somebody()), ENDPOINT_NONE, 0);
}

static void shape(struct delivery *d)
{
	unsigned some = some_space(false);
	bool by_program;

	clock_monotonic_ns();           /* time goes on */
	use(somebody());
	if (one_in(50) && space_is_live(some))
		check_regions(some);
	if (one_in(3))
		index_write(slot_with_frame());
	if ((d->m.type != TYPE_NOTIFY || !one_in(4)) && !one_in(8)) {
		*d = (struct delivery){ .m = { .peer = somebody() } };
		d->owner = d->m.peer;
		if (one_in(3)) {
			service_asks(d);
		} else if (one_in(2)) {
			program_asks(d);
		} else {
			d->m.type = TYPE_FAULT;
			d->m.w[0] = some_address(space_of(d->m.peer));
			d->m.w[1] = FAULT_USER | (one_in(2) ? FAULT_WRITE : 0) |
				    (one_in(9) ? FAULT_EXEC : 0);
			d->m.w[2] = below(1000);
		}
		d->serial = 1;
	}
	by_program = d->m.type < NR_LINUX || d->m.type == TYPE_FAULT;
	if (d->serial != 0 || by_program)
		d->serial = (uint32_t)++serial;
	if (by_program && memory_waits(endpoint_slot(d->m.peer) % NR_PROCS))
		*d = (struct delivery){ .m = { .peer = ENDPOINT_KERNEL, .type = TYPE_NOTIFY } };
	if (d->m.type == TYPE_NOTIFY) {
		notified(d);
		return;
	}
	if (by_program)
		fault[endpoint_slot(d->m.peer)].address = 0;
	if (d->m.type == TYPE_FAULT)
		faults(d);
	keep_promises(d);
	asked = d->m.type;
	if (by_program || endpoint_slot(d->m.peer) < FIRST_PROGRAM)
		memory_calls(d->m.peer, d->m.type, d->serial, d->lent & CALL_LEND_LENGTH);
}

/* ---- answers ---- */

static void fault_is_over(unsigned slot)
{
	unsigned space = state.user[slot].space, access = fault[slot].access, flags;
	unsigned kind = region(region_find(space, fault[slot].address))->kind;
	bool is_file = kind == REGION_FILE || kind == REGION_FILE_SHARED, is_there;
	pfn_t pfn;

	is_there = memory_page(space, fault[slot].address, &pfn, &flags) &&
		   !(access == WRITE && !(flags & MAP_WRITE)) &&
		   !(access == EXEC && !(flags & MAP_EXEC)) && !(flags & MAP_NONE);
	if (is_file && memory_page(space, fault[slot].address, &pfn, &flags))
		return;                 /* vfs has it in two slots */
	if (!is_there && fault[slot].was_there)
		return;                 /* it faults again, and says so */
	if (is_so(is_there || damaged, "a page that was waited for is there") && is_there)
		look_page(space, fault[slot].address, pfn, access == WRITE);
}

static void service_is_answered(const struct message *m)
{
	if (m->type != 0)
		return;
	if (asked == VM_SPACE_NEW) {
		fresh = ((const struct vm_space_new_reply *)m->w)->space;
		begins(fresh, 0);
		heapless = true;
	} else if (asked == VM_SPACE_FORK) {
		fresh = ((const struct vm_space_fork_reply *)m->w)->space;
		begins(fresh, copied);
	} else if (asked == VM_WAIT_NEXT) {
		ticket[below(TICKETS)] = ((const struct vm_wait_next_reply *)m->w)->ticket;
	} else if (asked == VM_LOST_NEXT) {
		memory_cancel(endpoint_slot(((const struct vm_lost_next_reply *)m->w)->proc));
	} else if (asked == VM_VICTIM_NEXT) {
		endpoint_t proc = ((const struct vm_victim_next_reply *)m->w)->proc;

		if (is_so(endpoint_slot(proc) < NR_PROCS, "a victim is a process") &&
		    endpoint_eq(memory_who(endpoint_slot(proc)), proc))
			lives(endpoint_slot(proc), ENDPOINT_NONE, 0);
	}
}

static err_t replied(endpoint_t client, uint32_t number, const struct message *m)
{
	unsigned slot = endpoint_slot(client);
	err_t err = memory_answered(client, number);

	if (err != 0 || m == NULL)
		return err;
	if (slot < FIRST_PROGRAM && number == (uint32_t)serial)
		service_is_answered(m);
	else if (slot >= FIRST_PROGRAM && fault[slot].address != 0 && m->w[0] == 0)
		fault_is_over(slot);
	else if (slot >= FIRST_PROGRAM && fault[slot].address != 0 && one_in(is_dry() ? 30 : 3))
		lives(slot, ENDPOINT_NONE, 0);            /* of the signal */
	fault[slot % NR_PROCS].address = 0;
	return 0;
}

/* ---- damage ---- */

static void damage(unsigned n)
{
	unsigned s = some_space(false), r = state.space[s].first;

	check();
	damaged = true;
	switch (n) {
	case 0:
		region(r)->next = (uint16_t)r;
		break;
	case 1:
		state.space[s].root = region(r)->next;
		fill(state.file_bucket, sizeof(state.file_bucket));
		break;
	case 2:
		region(r)->end += 100;
		break;
	case 3:
		state.space[s].processes += 3;
		fill(state.futex_bucket, sizeof(state.futex_bucket));
		break;
	case 4:
		for (unsigned i = 0; i < NR_PROCS; i += 2)
			state.wait[i].kind = (uint8_t)any();
		break;
	case 5:
		state.soonest = state.latest = (uint16_t)any();
		state.pages = (struct queue){ (uint16_t)any(), (uint16_t)any() };
		break;
	case 6:
		state.region_free = (uint16_t)any();
		state.region_top = UINT16_MAX;
		break;
	case 7:
		for (unsigned i = state.space[HOLDER].first; i != 0; i = region(i)->next)
			region(i)->refs = (uint32_t)any();
		break;
	case 8:
		state.space[s].phase = SPACE_NONE;
		break;
	case 9:
		fill(state.user, sizeof(state.user));
		break;
	default:
		memset(state.space + FIRST_SPACE, 0,
		       sizeof(state.space) - FIRST_SPACE * sizeof(state.space[0]));
	}
}

static void prepare(void)
{
	static const uint8_t slots[] = {
		ID_RS, ID_LOG, ID_DS, ID_VM, ID_SCHED, ID_PM, ID_VFS, ID_TTY, ID_IS, ID_DRIVER,
	};

	memory_begin(ID_VM);
	for (unsigned n = 0; n < COUNT(slots); n++)
		memory_service(slots[n]);
	memory_map(ID_VM, (uintptr_t)vdso_start, 1, MAP_EXEC);
	memory_map(ID_VFS, INDEX_OF_VFS, sizeof(struct page_index) / PAGE_SIZE, MAP_WRITE);
}

const struct fuzzed fuzzed = {
	.name = "vm", .messages = 300000, .protocol = { { vm_fuzz, &vm_fuzz_count } },
	.notifiers = ~0ull, .linux_calls = true, .faults = true, .prepare = prepare,
	.check = check, .damage = damage, .damages = 11, .says_nothing = true,
	.kernel = memory_call, .shape = shape, .replied = replied,
};
